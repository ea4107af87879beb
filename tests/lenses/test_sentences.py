import json
import math
from dataclasses import replace

import numpy as np
import pytest

from videomae_demo.analysis.classification import Classification
from videomae_demo.analysis.reconstruction import Picture, Reconstruction
from videomae_demo.engine.clips import ClipRequest
from videomae_demo.explorer import Explorer, RolloutSettings
from videomae_demo.lenses.answer import share
from videomae_demo.lenses.masks import MaskRequest
from videomae_demo.lenses.recognise import how_sure
from videomae_demo.lenses.reconstruct import how_near, never_visible
from videomae_demo.shipped import example_clip
from videomae_demo.video.sampling import SamplingRule, choice_of_frames


@pytest.fixture(scope="module")
def explorer(recogniser_folder, reconstructor_folder):
    return Explorer(str(recogniser_folder), str(reconstructor_folder), device="cpu")


def test_descriptions_are_json_and_agree_with_the_views(explorer, clip_path):
    request = ClipRequest(clip_path)
    labels = explorer.classify(request)
    described = json.loads(json.dumps(labels.to_json(2, "staying still")))
    best = labels.classification.top(1)[0]
    assert described["labels"][0] == {"label": best.label, "probability": best.probability}
    assert described["asked"]["rank"] == labels.classification.find("staying still").rank
    rollout = explorer.attend(request, RolloutSettings(query=(1, 2, 3)))
    described = json.loads(json.dumps(rollout.to_json()))
    assert described["settings"]["query"] == [1, 2, 3]
    assert np.mean(described["over_time"]) == pytest.approx(1)
    masked = explorer.reconstruct(request, MaskRequest(ratio=0.5))
    described = json.loads(json.dumps(masked.to_json()))
    assert described["hidden_tokens"] == 16
    assert described["leaks"] == []
    assert described["clip"] == clip_path.name
    assert described["checkpoint"] == masked.checkpoint.title
    assert str(clip_path.parent) not in json.dumps(described)
    assert described["psnr_db"]["prediction"] == masked.reconstruction.prediction.psnr_db


def test_sentences_name_what_was_done(explorer, clip_path):
    request = ClipRequest(clip_path)
    whole = explorer.attend(request).explanation()
    assert "all layers (heads fused by mean)" in whole and "not proof of cause" in whole
    part = RolloutSettings("max", 0.25, first_layer=2, query=(0, 0, 1))
    told = explorer.attend(request, part).explanation()
    assert "layers 2 to the last (heads fused by max, the lowest 25% discarded)" in told
    assert "the token at time 0, row 0, column 1" in told
    told = explorer.reconstruct(request, MaskRequest(seed=4)).explanation()
    assert "75% of the tokens were hidden (tube mask, seed 4)" in told
    assert "leak" not in told


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (SamplingRule.stride(4 / 30), "16 frames, one every 133 ms"),
        (SamplingRule.every(4), "16 frames, one of every 4 by number"),
        (SamplingRule.uniform(), "16 frames spread over the whole clip"),
    ],
)
def test_a_choice_of_frames_in_words(rule, words):
    assert choice_of_frames(rule, 16) == words


# ---- how sure ------------------------------------------------------------------------------------


def classified(*shares: float, labels: int = 0) -> Classification:
    """Labels a, b, c ... with these shares; more of them share the rest, up to `labels`."""
    rest = max(labels - len(shares), 0)
    values = np.array([*shares, *[(1 - sum(shares)) / rest] * rest]) if rest else np.array(shares)
    names = tuple("abcdefg"[i] if i < 7 else f"label {i}" for i in range(len(values)))
    with np.errstate(divide="ignore"):
        return Classification(names, np.log(values), values)


FOREIGN_TO_ALL = " A clip that shows none of these labels still gets one of them."


@pytest.mark.parametrize(
    ("shares", "verdict"),
    [
        ((0.8, 0.15, 0.05), "It is sure: a 80%, and next b 15%."),
        ((0.798, 0.202), "It hesitates: a 80%, and next b 20%."),
        ((0.5, 0.3, 0.2), "It hesitates: a 50%, and next b 30%."),
        ((0.499, 0.301, 0.2), "It is unsure: a 50%, and next b 30%."),
        ((0.2, 0.9 * 0.2 - 0.001, 0.621), "It hesitates: c 62%, and next a 20%."),
        ((0.9998, 0.0002), "It is sure: a > 99.9%, and next b < 0.1%."),
        ((0.994, 0.006), "It is sure: a 99.4%, and next b 0.6%."),
    ],
)
def test_the_verdict_comes_from_the_best_probability_and_the_next(shares, verdict):
    assert how_sure(classified(*shares)) == verdict + FOREIGN_TO_ALL


@pytest.mark.parametrize("labels", [3, 16, 400])
def test_a_tie_is_called_one_whatever_the_number_of_labels(labels):
    share = 0.3333 if labels > 3 else 1 / 3
    found = classified(share, share, share, labels=labels)
    assert how_sure(found) == "It is a tie between a 33%, b 33% and c 33%."
    two = classified(0.45, 0.41, labels=labels)
    assert how_sure(two) == "It is a tie between a 45% and b 41%."


def test_many_labels_alike_are_counted_and_not_named():
    five = classified(*[0.2] * 5)
    assert how_sure(five) == "It is a tie between a 20%, b 20%, c 20%, d 20% and e 20%."
    assert how_sure(classified(*[1 / 400] * 400)) == (
        "It can't tell: 400 of 400 labels are about equally probable, the first of them a 0.2%."
    )


def test_one_label_alone_is_no_verdict():
    assert how_sure(classified(1.0)) == "a is the only label that it knows."


def test_weights_of_motions_are_never_sure_of_a_foreign_clip():
    assert how_sure(classified(0.97, 0.03), is_foreign=True) == (
        "These weights know motions, not actions. The nearest motion: a 97%."
    )


def test_the_bundled_weights_know_their_examples_and_copies_of_them(tmp_path, clip_path):
    example = example_clip("orbiting")
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(example.read_bytes())
    changed = tmp_path / "changed.mp4"
    changed.write_bytes(example.read_bytes()[:-1] + b"?")
    explorer = Explorer("bundled", device="cpu")
    for path, is_foreign in ((example, False), (copy, False), (clip_path, True), (changed, True)):
        view = explorer.classify(ClipRequest(path))
        assert view.is_foreign is is_foreign
        verdict = view.to_json(1)["verdict"]
        assert verdict.startswith("These weights know motions") is is_foreign


def test_other_weights_are_not_said_to_know_motions_only(explorer, clip_path):
    assert not explorer.classify(ClipRequest(clip_path)).is_foreign


# ---- how near ------------------------------------------------------------------------------------


def picture(name: str, psnr_db: float, leaks: bool = False) -> Picture:
    return Picture(name, np.zeros((2, 4, 4, 3), np.float32), psnr_db, leaks)


def reconstructed(psnr_db: float, *baselines: Picture, leaks: bool = False) -> Reconstruction:
    mask = np.zeros((1, 2, 2), dtype=bool)
    mask[0, 0, 0] = True
    frames = np.zeros((2, 4, 4, 3), np.float32)
    prediction = picture("prediction", psnr_db, leaks)
    return Reconstruction(mask, frames, prediction, baselines, None, frames[0], 0.0)


@pytest.mark.parametrize(
    ("ours", "theirs", "verdict"),
    [
        (20.0, 18.8, "1.2 dB better than the best filling, copied in time (20.0 against 18.8)."),
        (18.8, 20.0, "1.2 dB worse than the best filling, copied in time (18.8 against 20.0)."),
        (19.64, 19.56, "as near to the original as the best filling, copied in time (19.6 against "
         "19.6)."),
        (19.66, 19.64, "0.1 dB better than the best filling, copied in time (19.7 against 19.6)."),
        (math.inf, 20, "better than the best filling, copied in time (exact against 20.0)."),
        (20, math.inf, "worse than the best filling, copied in time (20.0 against exact)."),
        (math.inf, math.inf, "as near to the original as the best filling, copied in time (exact "
         "against exact)."),
    ],
)  # fmt: skip
def test_the_verdict_is_the_difference_of_the_numbers_that_are_shown(ours, theirs, verdict):
    result = reconstructed(ours, picture("visible-mean", 10), picture("copied-in-time", theirs))
    assert how_near(result) == f"The reconstruction is {verdict}"


def test_a_leaking_reconstruction_is_compared_with_its_leak_alone():
    leak = picture("true-patch-mean", 22.0, leaks=True)
    result = reconstructed(24.5, picture("visible-mean", 10), leak, leaks=True)
    assert how_near(result) == (
        "The reconstruction is 2.5 dB better than the true patch mean, which is its leak alone "
        "(24.5 against 22.0)."
    )
    beaten = reconstructed(24.5, picture("copied-in-time", 24.46), leak, leaks=True)
    assert how_near(beaten).endswith(" Even copied in time, which leaks nothing, has 24.5 dB.")


def test_the_comparison_is_in_json_and_what_is_exact_has_no_number(explorer, clip_path):
    view = explorer.reconstruct(ClipRequest(clip_path), MaskRequest("frame", 0.5))
    best = view.reconstruction.best_filling
    described = view.to_json()
    assert described["compared_with"] == best.name
    ours = described["psnr_db"]["prediction"]
    assert described["difference_db"] == pytest.approx(ours - best.psnr_db)
    assert described["verdict"] == how_near(view.reconstruction)
    assert described["verdict"] in view.explanation()
    assert "copied-in-time" in described["psnr_db"]
    for ours, theirs in ((math.inf, 20.0), (20.0, math.inf), (math.inf, math.inf)):
        result = reconstructed(ours, picture("visible-mean", theirs))
        exact = replace(view, reconstruction=result).to_json()
        assert exact["difference_db"] is None
        for name, psnr_db in (("prediction", ours), ("visible-mean", theirs)):
            assert exact["psnr_db"][name] == (None if math.isinf(psnr_db) else psnr_db)
        json.dumps(exact, allow_nan=False)


def test_what_can_not_be_copied_in_time_is_counted(explorer, clip_path):
    mask = np.zeros(explorer.reconstructor.card.grid.shape, dtype=bool)
    mask[:, 0, 0] = mask[0, 1, 1] = True
    painted = MaskRequest("painted", painted=np.packbits(mask).tobytes())
    view = explorer.reconstruct(ClipRequest(clip_path), painted)
    sentence = never_visible(view.reconstruction)
    assert sentence.startswith("Of 3 hidden tokens, 2 have a place that is never visible")
    assert sentence in view.explanation()
    for kind in ("tube", "frame"):  # all tokens, and none of them
        view = explorer.reconstruct(ClipRequest(clip_path), MaskRequest(kind, 0.5))
        assert never_visible(view.reconstruction) == ""


# ---- the share -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "ratio", "told", "why"),
    [
        ("tube", 0.5, 0.5, ""),
        ("tube", 0.9, 0.875, "90% was asked for; whole patches make it 87.5%."),
        ("random", 0.9, 0.875, "90% was asked for; whole tokens make it 87.5%."),
        ("frame", 0.9, 0.5, "90% was asked for; whole moments make it 50%."),
        (
            "cell",
            0.9,
            0.75,
            "90% was asked for; this mask goes in steps of a quarter, which makes it 75%.",
        ),
        ("cell", 0.75, 0.75, ""),
    ],
)
def test_the_share_is_the_hidden_one_and_says_why_it_is_another(
    explorer, clip_path, kind, ratio, told, why
):
    view = explorer.reconstruct(ClipRequest(clip_path), MaskRequest(kind, ratio))
    assert view.hidden_share == told
    assert view.mask.ratio == ratio  # what was asked for can be asked for again
    assert view.other_share() == why
    described = view.to_json()
    assert described["mask"] == {"kind": kind, "ratio": told, "asked": ratio, "seed": 0}
    sentence = view.explanation()
    assert sentence.startswith(f"{100 * told:g}% of the tokens were hidden")
    assert why in sentence


@pytest.mark.parametrize(
    ("value", "words"), [(0.75, "75%"), (0.8979, "89.8%"), (0.9, "90%"), (0.0004, "0%")]
)
def test_shares_have_one_decimal_where_it_says_something(value, words):
    assert share(value) == words


def test_it_is_said_whose_reconstruction_it_is(explorer, recogniser_folder, clip_path):
    request = ClipRequest(clip_path)
    own = explorer.reconstruct(request)
    assert own.made_by() == f"Reconstructed by: {own.checkpoint.title}."
    assert own.to_json()["stands_in_for"] is None
    view = Explorer(str(recogniser_folder), device="cpu").reconstruct(request)
    name = recogniser_folder.name
    words = (
        "Reconstructed by: Bundled motion reconstructor (synthetic motions), since "
        f"{name} has no decoder."
    )
    assert view.made_by() == words
    assert words in view.explanation()
    described = view.to_json()
    assert described["stands_in_for"] == name
    assert described["checkpoint"] == "bundled-pretraining"
