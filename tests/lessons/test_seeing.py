"""What encoders see: numbers of the three of them, and labels of a clip that was changed."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from videomae_demo.analysis.classification import classify
from videomae_demo.engine.clips import ClipRequest
from videomae_demo.errors import RequestError
from videomae_demo.explorer import Explorer
from videomae_demo.lessons.seeing import Changed, change, see_with_three
from videomae_demo.shipped import ASSETS

CLIPS = ASSETS / "clips"


@pytest.fixture(scope="module")
def explorer():
    return Explorer("bundled", device="cpu")


@pytest.fixture(scope="module")
def three(explorer):
    clip = ClipRequest(CLIPS / "moving-left.mp4")
    return see_with_three(explorer, clip, explorer.reconstruct(clip))


def test_three_encoders_in_numbers(explorer, three):
    untrained, pretrained, fine_tuned = three.seen
    assert [one.name for one in three.seen] == ["untrained", "pretrained", "fine-tuned"]
    view = three.view.reconstruction
    assert pretrained.rebuilt.prediction.psnr_db == pytest.approx(view.prediction.psnr_db, abs=1e-3)
    rollout = explorer.attend(ClipRequest(CLIPS / "moving-left.mp4")).rollout
    np.testing.assert_allclose(fine_tuned.rollout.scores, rollout.scores, rtol=1e-3, atol=1e-6)
    near = [one.rebuilt.prediction.psnr_db for one in three.seen]
    assert near[1] > max(near[0], near[2]) + 3
    assert untrained.rollout.times_uniform.max() < 1.2  # it has not learnt to look anywhere
    peaks = [one.rollout.times_uniform.max() for one in three.seen]
    shares = [100 * sum(one.colours.explained) for one in three.seen]
    names = ("untrained", "pretrained", "fine-tuned")

    def each(values, form):
        pairs = zip(values, names, strict=True)
        return ", ".join(f"{form(value)} ({name})" for value, name in pairs)

    about = each(shares, lambda value: f"{value:.1f}%".replace(".0%", "%"))
    best = explorer.classify(ClipRequest(CLIPS / "moving-left.mp4")).classification.top(1)[0]
    assert three.about_codes() == [
        f"The three colours show {about} of how the codes differ.",
        f"Only the fine-tuned one has words: moving left, {100 * best.probability:.0f}%.",
    ]
    about = each(peaks, lambda value: f"{value:.1f}")
    assert three.about_attention() == [f"Attention peaks at {about} times an even share."]
    about = each(near, lambda value: f"{value:.1f}")
    assert three.about_reconstruction() == [
        f"Behind the same mask: {about} dB. The nearest is the pretrained one."
    ]


def test_the_nearest_is_named_by_its_number(three):
    first, second, third = three.seen
    better = replace(first.rebuilt, prediction=replace(first.rebuilt.prediction, psnr_db=50.0))
    told = replace(three, seen=(replace(first, rebuilt=better), second, third))
    assert told.about_reconstruction()[0].endswith("The nearest is the untrained one.")


def test_an_encoder_that_fits_under_no_decoder_is_told(three):
    first, second, third = three.seen
    told = replace(three, seen=(first, second, replace(third, rebuilt=None)))
    assert told.about_reconstruction()[1] == (
        "The fine-tuned encoder does not fit under this decoder."
    )
    assert "fine-tuned" not in told.about_reconstruction()[0]


@pytest.mark.parametrize(
    ("name", "label", "opposite"),
    [("moving-left", "moving left", "moving right"), ("growing", "growing", "shrinking")],
)
def test_a_film_played_backwards_is_named_the_opposite(explorer, name, label, opposite):
    clip = ClipRequest(CLIPS / f"{name}.mp4")
    prepared = explorer.prepare(clip, explorer.recogniser)
    found = change(explorer, clip, "backwards")
    assert found.before.top(1)[0].label == label
    assert found.after.top(1)[0].label == opposite
    with torch.no_grad():
        logits = explorer.recogniser.model(prepared.pixel_values.flip(1)).logits[0]
    np.testing.assert_allclose(found.after.logits, logits.numpy(), atol=1e-4)
    given = explorer.as_given(clip)
    assert (found.frames == given[::-1]).all()
    first, second = found.sentences()
    assert first.startswith(f"{label.capitalize()} ") and f"becomes {opposite} " in first
    assert second.startswith("The label turned into its opposite")


def test_jumbled_moments_keep_the_order_inside_of_a_token(explorer):
    clip = ClipRequest(CLIPS / "moving-left.mp4")
    found = change(explorer, clip, "jumbled")
    given = explorer.as_given(clip)
    pairs = [given[at : at + 2].tobytes() for at in range(0, 16, 2)]
    after = [found.frames[at : at + 2].tobytes() for at in range(0, 16, 2)]
    assert sorted(pairs) == sorted(after) and pairs != after


def test_only_changes_that_exist_are_made(explorer):
    with pytest.raises(RequestError, match="The change is 'sideways'; give backwards, jumbled"):
        change(explorer, ClipRequest(CLIPS / "growing.mp4"), "sideways")


def found(how, before, after):
    labels = {0: "opening a door", 1: "closing a door", 2: "waving"}

    def said(logits):
        return classify(torch.tensor(logits), labels)

    return Changed(how, said(before), said(after), np.zeros((2, 4, 4, 3), np.uint8), 2)


@pytest.mark.parametrize(
    ("how", "after", "follows"),
    [
        ("backwards", [0.0, 5.0, 0.0], "The label turned into its opposite"),
        ("backwards", [5.0, 0.0, 0.0], "The label does not depend on the direction of time"),
        ("backwards", [0.0, 0.0, 5.0], "it is not the opposite."),
        ("jumbled", [5.0, 0.0, 0.0], "the 2 frames inside of each token are enough."),
        ("jumbled", [0.0, 0.0, 5.0], "their order matters."),
    ],
)
def test_what_follows_is_made_from_the_labels(how, after, follows):
    told = found(how, [5.0, 0.0, 0.0], after).sentences()
    assert follows in told[1]
    stays = after[0] == 5.0
    assert told[0].startswith("Opening a door 99% " + ("stays" if stays else "becomes"))
    if not stays:
        assert told[0].endswith("opening a door itself falls to 0.7%.")
