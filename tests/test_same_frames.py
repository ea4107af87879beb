"""Recogniser and reconstructor see the same frames of a clip, or the view says that they do not."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import save_tiny

from videomae_demo.checkpoints import catalog
from videomae_demo.engine import roles
from videomae_demo.engine.clips import ClipRequest
from videomae_demo.explorer import Explorer
from videomae_demo.model.videomae import VideoMAEForPreTraining
from videomae_demo.video.sampling import SamplingRule

UNIFORM, FAST, SLOW = (
    SamplingRule.uniform(),
    SamplingRule.stride(1 / 24),
    SamplingRule.stride(1 / 4),
)
ASKED = "The frames were chosen as asked for"
FOLLOWS = "The reconstructor gets the recogniser's frames"


def entry(name: str, folder: Path, partner: str, sampling: SamplingRule) -> catalog.CatalogEntry:
    task = "pretraining" if "pretrained" in name else "classification"
    return catalog.CatalogEntry(
        name, str(folder), task, name, "MIT", partner, sampling, bundled=True
    )


@pytest.fixture
def known(monkeypatch, recogniser_folder, reconstructor_folder) -> None:
    """A catalog of two checkpoints that were trained on other frames, as published ones were."""
    entries = (
        entry("fine-tuned", recogniser_folder, "pretrained", UNIFORM),
        entry("pretrained", reconstructor_folder, "fine-tuned", FAST),
    )
    monkeypatch.setattr(catalog, "CATALOG", entries)


def remarks(view) -> tuple[str, ...]:
    return view.clip.remarks


@pytest.mark.parametrize("first", ["classify", "reconstruct"])
def test_both_see_the_recognisers_frames_whichever_is_asked_first(known, clip_path, first):
    explorer = Explorer("fine-tuned", device="cpu")
    request = ClipRequest(clip_path)
    getattr(explorer, first)(request)
    seen, masked = explorer.see(request), explorer.reconstruct(request)
    assert seen.indices.tolist() == masked.clip.indices.tolist() == [6, 18, 30, 42]
    assert seen.remarks == ()
    assert remarks(masked) == (
        f"{FOLLOWS} (4 frames spread over the whole clip); it was trained on others (4 frames, one "
        "every 42 ms).",
    )
    assert remarks(masked)[0] in masked.notes


def test_the_recogniser_is_not_loaded_to_know_its_rule(known, clip_path, monkeypatch):
    monkeypatch.setattr("videomae_demo.engine.engine.load_recogniser", None)
    view = Explorer("fine-tuned", device="cpu").reconstruct(ClipRequest(clip_path))
    assert view.clip.indices.tolist() == [6, 18, 30, 42]


def test_a_pair_that_was_trained_alike_needs_no_remark(known, clip_path, monkeypatch):
    monkeypatch.setattr(
        catalog,
        "CATALOG",
        tuple(entry(e.name, Path(e.repo), e.partner, FAST) for e in catalog.CATALOG),
    )
    explorer, request = Explorer("fine-tuned", device="cpu"), ClipRequest(clip_path)
    assert remarks(explorer.classify(request)) == remarks(explorer.reconstruct(request)) == ()
    again = ClipRequest(clip_path, sampling=FAST)
    assert remarks(explorer.classify(again)) == remarks(explorer.reconstruct(again)) == ()


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (SLOW, "4 frames, one every 250 ms"),
        (SamplingRule.every(3), "4 frames, one of every 3 by number"),
    ],
)
def test_frames_that_were_asked_for_are_said_to_be(known, clip_path, rule, words):
    explorer, request = Explorer("fine-tuned", device="cpu"), ClipRequest(clip_path, sampling=rule)
    for view, trained in (
        (explorer.classify(request), "4 frames spread over the whole clip"),
        (explorer.attend(request), "4 frames spread over the whole clip"),
        (explorer.reconstruct(request), "4 frames, one every 42 ms"),
    ):
        assert remarks(view) == (
            f"{ASKED} ({words}); this checkpoint was trained on others ({trained}).",
        )
    by_chance = explorer.reconstruct(ClipRequest(clip_path, sampling=FAST))
    assert remarks(by_chance) == ()


def test_a_guess_is_not_said_to_be_how_a_checkpoint_was_trained(
    recogniser_folder, reconstructor_folder, clip_path
):
    explorer = Explorer(str(recogniser_folder), str(reconstructor_folder), device="cpu")
    for rule in (None, SLOW):
        request = ClipRequest(clip_path, sampling=rule)
        for view in (explorer.classify(request), explorer.reconstruct(request)):
            assert remarks(view) == ()
            assert any("It is not known on which frames" in note for note in view.notes)


@pytest.fixture
def longer(tmp_path) -> Path:
    """A reconstructor that takes twice as many frames."""
    return save_tiny(VideoMAEForPreTraining, tmp_path / "longer", num_frames=8)


@pytest.mark.parametrize("loaded", [False, True])
def test_another_number_of_frames_is_said(recogniser_folder, longer, clip_path, loaded):
    explorer = Explorer(str(recogniser_folder), str(longer), device="cpu")
    request = ClipRequest(clip_path)
    if loaded:
        explorer.classify(request)
    view = explorer.reconstruct(request)
    assert len(view.clip.indices) == 8
    assert remarks(view) == (
        "The recogniser sees 4 frames of the clip, and the reconstructor 8: they are not the same "
        "ones.",
    )


def test_a_recogniser_that_is_not_here_is_no_hindrance(hub, longer, clip_path):
    explorer = Explorer("someone/else", str(longer), device="cpu")
    assert remarks(explorer.reconstruct(ClipRequest(clip_path))) == ()


def test_every_published_pair_gets_the_recognisers_frames():
    for name in catalog.known_names():
        assert roles.usual_sampling(name) == catalog.find_entry(name).sampling
    differing = {
        e.name
        for e in catalog.CATALOG
        if e.task == "classification" and catalog.find_entry(e.partner).sampling != e.sampling
    }
    assert differing == {
        "small-finetuned-ssv2",
        "base-finetuned-ssv2",
        "base-short-finetuned-ssv2",
    }


def test_what_the_reconstructor_computes_is_of_the_recognisers_frames(known, clip_path):
    """The bytes that it gets are those of the frames that the view names."""
    explorer = Explorer("fine-tuned", device="cpu")
    view = explorer.reconstruct(ClipRequest(clip_path))
    chosen = explorer.prepare(ClipRequest(clip_path), explorer.recogniser).pixel_values
    original = explorer.reconstructor.model.to_pixels(chosen)[0].permute(0, 2, 3, 1)
    np.testing.assert_allclose(view.reconstruction.target, torch.clamp(original, 0, 1), atol=1e-6)
