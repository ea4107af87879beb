"""What a training run logs, and how it treats the layers, worked out from a run that logs all."""

import dataclasses
import json
import logging

import pytest
import torch
from tiny import tiny_config

from videomae_demo.model.videomae import VideoMAEForVideoClassification
from videomae_demo.training import finetune, pretrain
from videomae_demo.training.finetune import FinetuneSettings
from videomae_demo.training.pretrain import PretrainSettings, draw_masks
from videomae_demo.training.synthetic import LABELS

CPU = torch.device("cpu")
CONFIG = tiny_config(
    image_size=16, num_frames=16, norm_pix_loss=False, use_mean_pooling=False, id2label={}
)
GRID = tiny_config(num_frames=16).grid
PRETRAIN = PretrainSettings(
    steps=4, batch_size=4, warmup=1, pool_clips=8, uses=2, log_every=1, save_every=4
)
FINETUNE = FinetuneSettings(
    steps=4, batch_size=4, warmup=1, pool_clips=8, uses=2, log_every=1, save_every=4
)


def log_of(folder) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pretrained")
    pretrain.pretrain(CONFIG, PRETRAIN, folder, CPU)
    return folder


def check_means(every: list[dict[str, float]], second: list[dict[str, float]], name: str) -> None:
    """Each line of a log of every second step is the mean of two of a log of every step."""
    assert [line["step"] for line in second] == [2, 4]
    values = [line[name] for line in every]
    expected = [sum(values[:2]) / 2, sum(values[2:]) / 2]
    assert [line[name] for line in second] == pytest.approx(expected, rel=1e-5)
    assert len(set(values)) > 1


def test_pretraining_logs_means_and_the_rate(pretrained, tmp_path):
    every = log_of(pretrained)
    assert [line["rate"] for line in every] == pytest.approx([1, 1, 2 / 3, 1 / 3])
    pretrain.pretrain(CONFIG, dataclasses.replace(PRETRAIN, log_every=2), tmp_path, CPU)
    check_means(every, log_of(tmp_path), "loss")


def test_fine_tuning_logs_means_and_the_rate(pretrained, tmp_path):
    logs = []
    for log_every in (1, 2):
        folder = tmp_path / str(log_every)
        settings = dataclasses.replace(FINETUNE, log_every=log_every)
        finetune.finetune(pretrained, settings, folder, CPU)
        logs.append(log_of(folder))
    assert [line["rate"] for line in logs[0]] == pytest.approx([1, 1, 2 / 3, 1 / 3])
    check_means(*logs, "loss")
    check_means(*logs, "accuracy")


def test_a_run_that_goes_on_says_from_where(pretrained, caplog):
    with caplog.at_level(logging.INFO):
        pretrain.pretrain(CONFIG, PRETRAIN, pretrained, CPU)
    assert "at step 4" in caplog.text


@pytest.fixture(scope="module")
def model() -> VideoMAEForVideoClassification:
    return VideoMAEForVideoClassification(
        tiny_config(num_frames=16, id2label=dict(enumerate(LABELS)), use_mean_pooling=True)
    )


def test_the_rate_falls_from_the_classifier_down_to_the_embeddings(model):
    """Three layers: each learns half as fast as the one above, the embeddings 1/16 of the head."""
    settings = FinetuneSettings(
        optimiser="adamw", adam_rate=0.16, layer_decay=0.5, weight_decay=0.3
    )
    (optimiser,) = finetune._optimisers(model, settings)
    rates, decays = {}, {}
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    for group in optimiser.param_groups:
        for parameter in group["params"]:
            rates[names[id(parameter)]] = group["lr"]
            decays[names[id(parameter)]] = group["weight_decay"]
    assert set(rates) == set(names.values())
    for name, rate in rates.items():
        (expected,) = [
            rate
            for part, rate in (
                ("embeddings", 0.01),
                ("layer.0.", 0.02),
                ("layer.1.", 0.04),
                ("layer.2.", 0.08),
                ("classifier", 0.16),
                ("fc_norm", 0.16),
            )
            if part in name
        ]
        assert rate == pytest.approx(expected), name
        flat = dict(model.named_parameters())[name].ndim < 2
        assert decays[name] == (0.0 if flat else 0.3), name


def test_the_last_steps_keep_all_tokens(model):
    settings = FinetuneSettings(steps=100, whole=0.1, dropped_low=0.25, dropped_high=0.75)
    dropped = [finetune._draw_dropped(model, settings, step, 2) for step in range(100)]
    assert all(mask is None for mask in dropped[90:])
    patches = model.config.grid.patches
    counts = [int(mask[0].reshape(-1, patches)[0].sum()) for mask in dropped[:90]]
    assert min(counts) == patches // 4 and max(counts) == patches * 3 // 4 - 1
    assert len(set(counts)) > 4


def test_pretraining_hides_shares_over_the_whole_range():
    settings = PretrainSettings(ratio_low=0.25, ratio_high=0.75)
    counts = []
    for seed in range(60):
        generator = torch.Generator().manual_seed(seed)
        hidden, _ = draw_masks(tiny_config(), settings, 1, generator)
        counts.append(int(hidden[0, : GRID.patches].sum()))
    assert min(counts) == 4 and max(counts) == 11  # of 16 patches, rounded down
    assert set(counts) == set(range(4, 12))
