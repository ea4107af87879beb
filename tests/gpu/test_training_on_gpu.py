"""A run on the device: its first losses are those of the CPU, and it is resumed exactly."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import in_float32

from videomae_demo.training.architecture import architecture
from videomae_demo.training.finetune import FinetuneSettings, finetuning
from videomae_demo.training.pretrain import PretrainSettings, pretrain, pretraining

CONFIG = architecture(32, 8, 64, 2)
SETTINGS = PretrainSettings(
    steps=4, batch_size=4, warmup=2, pool_clips=8, uses=2, log_every=2, save_every=2
)
LABELS = FinetuneSettings(
    steps=4, batch_size=4, warmup=2, pool_clips=8, uses=2, log_every=2, save_every=2
)
CPU = torch.device("cpu")


def losses(steps) -> list[float]:
    return [progress.loss for progress in steps]


def test_pretraining(gpu, tmp_path):
    found = losses(pretraining(CONFIG, SETTINGS, tmp_path / "device", gpu))
    with in_float32():
        expected = losses(pretraining(CONFIG, SETTINGS, tmp_path / "cpu", CPU))
    np.testing.assert_allclose(found, expected, rtol=0.03)


def test_finetuning(gpu, tmp_path):
    pretrain(CONFIG, SETTINGS, tmp_path / "pretrained", gpu)
    found = losses(finetuning(tmp_path / "pretrained", LABELS, tmp_path / "device", gpu))
    with in_float32():
        expected = losses(finetuning(tmp_path / "pretrained", LABELS, tmp_path / "cpu", CPU))
    np.testing.assert_allclose(found, expected, rtol=0.03)


@pytest.mark.parametrize("kind", ["muon", "adamw"])
def test_a_run_is_resumed_exactly(gpu, tmp_path, kind):
    settings = replace(SETTINGS, optimiser=kind)
    whole = pretrain(CONFIG, settings, tmp_path / "whole", gpu)
    steps = pretraining(CONFIG, settings, tmp_path / "halves", gpu)
    for _ in range(3):  # the third is lost: the second was saved
        next(steps)
    steps.close()
    resumed = pretrain(CONFIG, settings, tmp_path / "halves", gpu)
    for mine, theirs in zip(resumed.parameters(), whole.parameters(), strict=True):
        if gpu.type == "cpu":
            assert torch.equal(mine, theirs)
        else:  # sums of gradients on a GPU may come in another order
            torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-4)
