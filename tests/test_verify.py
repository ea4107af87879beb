"""`verify` against a hub on this machine; with ``-m network``, against the real one."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hub import Hub
from safetensors.torch import load_file, save_file
from tiny import save_tiny
from transformers import VideoMAEForPreTraining as ReferenceForPreTraining
from transformers import VideoMAEForVideoClassification as ReferenceForClassification

from videomae_demo import verify
from videomae_demo.checkpoints.catalog import CATALOG
from videomae_demo.checkpoints.published import PUBLISHED, PublishedValues
from videomae_demo.cli.main import main
from videomae_demo.model.videomae import VideoMAEForPreTraining, VideoMAEForVideoClassification

NAME, SMALL, SHORT = "base-finetuned-kinetics", "small-finetuned-kinetics", "base-short"
FRAMES = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)
MASK = torch.arange(32).reshape(1, 32) % 4 > 0


@pytest.fixture
def reference(hub: Hub, tmp_path: Path) -> Hub:
    """A hub that has the reference clip, as large as the tiny models' frames, and the mask."""
    for repo, name in (
        ("datasets/hf-internal-testing/spaghetti-video", "eating_spaghetti.npy"),
        ("hf-internal-testing/bool-masked-pos", "bool_masked_pos.pt"),
    ):
        folder = tmp_path / name
        folder.mkdir()
        if name.endswith("npy"):
            np.save(folder / name, FRAMES)
        else:
            torch.save(MASK, folder / name)
        hub.publish(repo, folder)
    return hub


@pytest.fixture(scope="module")
def pixel_values() -> torch.Tensor:
    """The clip normalised by 0.5, worked out by hand."""
    return torch.from_numpy(FRAMES / 127.5 - 1).float().permute(0, 3, 1, 2)[None]


@pytest.fixture
def published(reference, monkeypatch, recogniser_folder, pixel_values) -> Path:
    """A tiny recogniser under a published name, with the values that transformers computes."""
    model = ReferenceForClassification.from_pretrained(recogniser_folder).eval()
    with torch.inference_mode():
        logits = model(pixel_values).logits[0, :3].tolist()
    monkeypatch.setitem(PUBLISHED, NAME, PublishedValues((tuple(logits),)))
    reference.publish(f"MCG-NJU/videomae-{NAME}", recogniser_folder)
    return recogniser_folder


def test_what_agrees_is_exit_code_0(published, capsys):
    assert main(["verify", NAME]) == 0
    shown = capsys.readouterr().out
    assert f"{NAME} agrees with its published values" in shown
    assert shown.count("agrees") == 4 and "DIFFERS" not in shown
    assert "Sees in the reference clip, as published: " in shown


def test_what_differs_is_named_with_exit_code_1(published, reference, tmp_path, capsys):
    folder = shutil.copytree(published, tmp_path / "changed")
    weights = load_file(folder / "model.safetensors")
    weights["classifier.bias"][1] += 0.001
    save_file(weights, folder / "model.safetensors")
    reference.publish(f"MCG-NJU/videomae-{NAME}", folder)
    assert main(["verify", NAME, "--json"]) == 1
    (result,) = json.loads(capsys.readouterr().out)
    assert not result["agrees"]
    assert [value["agrees"] for value in result["values"]] == [True, False, True]
    assert result["values"][1]["name"] == "logit of moving right"
    assert result["values"][1]["difference"] == pytest.approx(0.001, rel=0.01)
    assert main(["verify", NAME]) == 1
    assert "logit of moving right" in next(
        line for line in capsys.readouterr().out.splitlines() if line.endswith("DIFFERS")
    )


def test_without_a_name_all_that_are_here_are_verified(published, capsys):
    assert main(["verify"]) == 2
    assert "name one to download it" in capsys.readouterr().err
    assert main(["verify", f"MCG-NJU/videomae-{NAME}"]) == 0
    capsys.readouterr()
    assert main(["verify", "--json"]) == 0
    assert [result["checkpoint"] for result in json.loads(capsys.readouterr().out)] == [NAME]


@pytest.mark.parametrize("name", ["bundled", "someone/else", "base-finetuned"])
def test_what_nothing_is_published_of_is_refused(name, capsys):
    assert main(["verify", name]) == 2
    assert "Nothing is published to compare" in capsys.readouterr().err


def test_a_correction_is_left_out_and_its_effect_shown(
    reference, monkeypatch, tmp_path, pixel_values
):
    folder = save_tiny(VideoMAEForVideoClassification, tmp_path / "small", num_attention_heads=4)
    logits = {}
    for heads in (4, 6):
        model = ReferenceForClassification.from_pretrained(folder, num_attention_heads=heads)
        with torch.inference_mode():
            logits[heads] = model.eval()(pixel_values).logits[0]
    values = PublishedValues((tuple(logits[4].tolist()),))
    monkeypatch.setitem(PUBLISHED, SMALL, values)
    reference.publish(f"MCG-NJU/videomae-{SMALL}", folder)
    result = verify.verify(SMALL)
    assert result.agrees
    assert [reading.configuration for reading in result.readings] == [
        "as published (num_attention_heads 4)",
        "as corrected (num_attention_heads 6)",
    ]
    for reading, heads in zip(result.readings, (4, 6), strict=True):
        expected = logits[heads].softmax(0)
        for score in reading.labels:
            assert score.probability == pytest.approx(expected[score.index].item(), abs=1e-5)


def test_a_reconstructor_is_verified_by_its_prediction_and_both_losses(
    reference, monkeypatch, tmp_path, pixel_values
):
    folder = save_tiny(VideoMAEForPreTraining, tmp_path / "pretraining", use_mean_pooling=False)
    losses = {}
    for normalised in (True, False):
        model = ReferenceForPreTraining.from_pretrained(folder, norm_pix_loss=normalised).eval()
        with torch.inference_mode():
            output = model(pixel_values, MASK)
        losses[normalised] = output.loss.item()
    rows = tuple(tuple(row) for row in output.logits[0, :3, :3].tolist())
    values = PublishedValues(rows, losses[True], losses[False])
    monkeypatch.setitem(PUBLISHED, SHORT, values)
    reference.publish(f"MCG-NJU/videomae-{SHORT}", folder)
    result = verify.verify(SHORT)
    assert len(result.checks) == 11
    assert result.agrees
    wrong = PublishedValues(rows, losses[True] + 0.001, losses[False])
    monkeypatch.setitem(PUBLISHED, SHORT, wrong)
    assert [check.name for check in verify.verify(SHORT).checks if not check.agrees] == [
        "loss, normalised pixels"
    ]


@pytest.mark.parametrize(
    ("repo", "name", "content"),
    [
        ("datasets/hf-internal-testing/spaghetti-video", "eating_spaghetti.npy", b"no array"),
        ("hf-internal-testing/bool-masked-pos", "bool_masked_pos.pt", b"no tensor"),
    ],
)
def test_a_broken_reference_is_one_sentence(reference, tmp_path, capsys, repo, name, content):
    folder = save_tiny(VideoMAEForPreTraining, tmp_path / "pretraining", use_mean_pooling=False)
    reference.publish(f"MCG-NJU/videomae-{SHORT}", folder)
    reference.find(repo).files[name] = content
    assert main(["verify", SHORT]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("videomae_demo: The reference") and "can't be read" in error


def test_every_checkpoint_that_transformers_converted_has_values():
    converted = {entry.name for entry in CATALOG if entry.repo.startswith("MCG-NJU/")}
    assert set(PUBLISHED) == converted


@pytest.mark.network
@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_checkpoint_computes_what_its_publisher_says(name):
    result = verify.verify(name)
    assert result.agrees, "\n".join(verify.explain(result))
