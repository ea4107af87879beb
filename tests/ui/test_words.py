"""What the panels say is made from the numbers beside it, and is true of them."""

import re
from dataclasses import replace

import numpy as np
import pytest
from tiny import save_tiny

from videomae_demo.analysis.classification import Classification
from videomae_demo.engine.clips import ClipRequest
from videomae_demo.explorer import Explorer
from videomae_demo.lenses.masks import MaskRequest
from videomae_demo.lenses.pictures import PICTURE_TITLES, how_near
from videomae_demo.lenses.recognise import how_sure
from videomae_demo.model.videomae import VideoMAEForPreTraining
from videomae_demo.ui import present
from videomae_demo.ui.lenses import reconstruct as lens
from videomae_demo.ui.lenses.mask_fields import MaskQuestion
from videomae_demo.ui.lenses.recognise import labels_panel
from videomae_demo.ui.lenses.reconstruction import (
    HINT,
    PSNR,
    WHY_MASK,
    reconstruction_panel,
    reconstruction_view,
)
from videomae_demo.ui.lenses.registry import LENSES
from videomae_demo.ui.session import Session
from videomae_demo.ui.snippet import view_in_python
from videomae_demo.video.sampling import SamplingRule


@pytest.fixture(scope="module")
def explorer(recogniser_folder, reconstructor_folder):
    return Explorer(str(recogniser_folder), str(reconstructor_folder), device="cpu")


@pytest.fixture(scope="module")
def labels(explorer, clip_path):
    return explorer.classify(ClipRequest(clip_path))


def save(content: bytes, name: str) -> str:
    return name


def said(panel: list[dict]) -> list[str]:
    return [block["text"] for block in panel if "text" in block]


def rows(panel: list[dict]) -> dict[str, float | None]:
    boxed = [inner for block in panel for inner in block.get("blocks", ())]
    (block,) = [block for block in boxed if block["kind"] == "measures"]
    return {row["name"]: row["value"] for row in block["rows"]}


def with_shares(view, *shares: float):
    values = np.array(shares)
    found = Classification(view.classification.labels, np.log(values), values)
    return replace(view, classification=found)


def test_the_headline_is_the_best_label_and_its_verdict_comes_next(labels):
    view = with_shares(labels, 0.9, 0.06, 0.04)
    lead, sentence, *_ = labels_panel(view, None)
    assert (lead["kind"], lead["text"]) == ("lead", "moving left")
    assert sentence["text"].startswith("It is sure: moving left 90%, and next moving right 6.0%.")
    assert sentence["text"] == how_sure(view.classification)


def test_a_tie_is_said_below_the_headline(labels):
    view = with_shares(labels, 0.34, 0.33, 0.33)
    assert "It is a tie between moving left 34%" in said(labels_panel(view, None))[1]


def test_weights_of_motions_headline_no_motion_of_a_foreign_clip(labels):
    view = with_shares(labels, 0.9, 0.06, 0.04)
    lead, nearest, *others = labels_panel(replace(view, is_foreign=True), None)
    assert (lead["kind"], lead["text"]) == ("lead", "These weights know motions, not actions")
    assert nearest["text"] == "The nearest motion: moving left 90%."
    assert (
        "The bundled weights know only these 3 synthetic motions: moving left, moving right, "
        "staying still. For what people do, load Kinetics weights above."
    ) in said(others)
    assert not any("sure" in sentence for sentence in said([lead, nearest, *others]))


def test_the_size_at_which_the_model_saw_the_frames_is_said(labels):
    view = present.clip_view(labels.clip, labels.clip.frames, labels.checkpoint, save)
    assert view.hint == view.text
    assert view.hint.startswith(
        "These 4 frames are all that the model saw of the clip, and it saw them at 32 x 32 px; "
        "here they are 256 x 256 px."
    )
    wide = replace(labels.checkpoint, frame_size=(32, 64))
    assert "64 x 32 px" in present.clip_view(labels.clip, labels.clip.frames, wide, save).hint


@pytest.mark.parametrize("kind", ["tube", "random", "frame", "cell"])
def test_the_reconstructions_verdict_stands_beside_its_numbers(explorer, clip_path, kind):
    view = explorer.reconstruct(ClipRequest(clip_path), MaskRequest(kind, 0.75, 1))
    panel = reconstruction_panel(view)
    measured = rows(panel)
    ours = measured.pop("reconstruction")
    best = max(measured, key=measured.get)
    (verdict,) = [sentence for sentence in said(panel) if "the best filling" in sentence]
    assert verdict == how_near(view.reconstruction)
    assert f"the best filling, {best} ({ours:.1f} against {measured[best]:.1f})" in verdict
    difference = round(ours, 1) - round(measured[best], 1)
    assert ("better" in verdict, "worse" in verdict) == (difference > 0.05, difference < -0.05)
    shown = shown_of(view)
    beside = [track.name for track in shown.panes[3].tracks]
    assert PICTURE_TITLES[beside[0]] == best
    assert ("copied-in-time" in beside) is (kind != "tube")
    assert verdict in shown.text


def shown_of(view):
    """What the player shows of a reconstruction."""
    return reconstruction_view(view, view.checkpoint.grid, MaskQuestion(), save)


def test_a_leaking_reconstruction_stands_beside_its_leak(recogniser_folder, clip_path, tmp_path):
    folder = save_tiny(VideoMAEForPreTraining, tmp_path, norm_pix_loss=True)
    explorer = Explorer(str(recogniser_folder), str(folder), device="cpu")
    view = explorer.reconstruct(ClipRequest(clip_path), MaskRequest("frame", 0.5))
    best = [
        replace(p, psnr_db=99.0) if p.name == "copied-in-time" else p
        for p in view.reconstruction.baselines
    ]
    view = replace(view, reconstruction=replace(view.reconstruction, baselines=tuple(best)))
    compare = [track.name for track in shown_of(view).panes[3].tracks]
    assert (compare[0], compare[-1]) == ("true-patch-mean", "normalised")
    order = [p for name in compare[1:-1] for p in view.reconstruction.baselines if p.name == name]
    assert [p.psnr_db for p in order] == sorted((p.psnr_db for p in order), reverse=True)
    told = " ".join(said(reconstruction_panel(view)))
    assert "the true patch mean, which is its leak alone" in told
    assert "Even copied in time, which leaks nothing, has 99.0 dB." in told


def test_the_share_that_is_hidden_is_the_headline_and_why_it_is_another(explorer, clip_path):
    view = explorer.reconstruct(ClipRequest(clip_path), MaskRequest("cell", 0.9))
    lead, mask, *_ = said(reconstruction_panel(view))
    assert lead == "75% hidden: 24 of 32 tokens"
    assert mask.startswith(
        "Mask: cell mask, seed 0. 90% was asked for; this mask goes in steps of a quarter, which "
        "makes it 75%. A part of each unit"
    )
    view = explorer.reconstruct(ClipRequest(clip_path), MaskRequest("tube", 0.75))
    assert "asked for" not in said(reconstruction_panel(view))[1]


def test_remarks_on_frames_are_on_the_page(explorer, labels, clip_path):
    clip = replace(labels.clip, remarks=("Other frames.",))
    base = present.clip_view(clip, clip.frames, labels.checkpoint, save)
    assert "Other frames." in said(present.clip_panel(clip, labels.checkpoint, base))
    view = explorer.reconstruct(ClipRequest(clip_path))
    view = replace(view, clip=clip)
    assert "Other frames." in said(reconstruction_panel(view))


def test_whose_reconstruction_it_is_is_on_the_page(recogniser_folder, clip_path):
    view = Explorer(str(recogniser_folder), device="cpu").reconstruct(ClipRequest(clip_path))
    assert view.made_by() in said(reconstruction_panel(view))
    assert f"since {recogniser_folder.name} has no decoder" in view.made_by()


def test_no_text_calls_a_mask_easy_or_a_model_good_by_itself():
    for sentence in (lens.MASK_ADVICE, *WHY_MASK.values(), PSNR, HINT):
        assert not re.search(r"\b(easy|easier|easiest|well|better|good|no way out)\b", sentence)


def test_the_page_never_says_as_trained_of_a_guess(explorer, clip_path):
    told = [
        *said(labels_panel(explorer.classify(ClipRequest(clip_path)), None)),
        *said(reconstruction_panel(explorer.reconstruct(ClipRequest(clip_path)))),
    ]
    assert sum("It is not known on which frames" in sentence for sentence in told) == 2
    assert not any(re.search(r"\bas trained", sentence) for sentence in told)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (ClipRequest("own.mp4", sampling=SamplingRule.every(4)), "sampling=SamplingRule.every(4)"),
        (ClipRequest("own.mp4", sampling=SamplingRule.uniform()), "SamplingRule.uniform()"),
        (ClipRequest("own.mp4", sampling=SamplingRule.stride(0.25)), "SamplingRule.stride(0.25)"),
        (ClipRequest("own.mp4", stored_pixels=True), "ClipRequest('own.mp4', stored_pixels=True)"),
    ],
)  # fmt: skip
def test_the_view_in_python_asks_for_the_same_frames(request_, words):
    code = view_in_python(Session("bundled", request_), LENSES)
    assert words in code
    compile(code, "view", "exec")
