"""What is done to the frames of a clip: orders worked out by hand, pixels, and what is refused."""

import numpy as np
import pytest

from videomae_demo.errors import RequestError
from videomae_demo.video.changes import KINDS, ClipChange, ordinal


@pytest.fixture
def frames() -> np.ndarray:
    """Six frames of 2 x 4 pixels, in which no two values are alike."""
    return np.arange(6 * 2 * 4 * 3, dtype=np.uint8).reshape(6, 2, 4, 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("backwards", [5, 4, 3, 2, 1, 0]),
        ("frozen", [3] * 6),
        ("frozen:0", [0] * 6),
        ("frozen:5", [5] * 6),
        ("mirrored", [0, 1, 2, 3, 4, 5]),
        ("left", [0, 1, 2, 3, 4, 5]),
    ],
)
def test_frames_are_given_in_another_order(frames, text, expected):
    change = ClipChange.parse(text)
    assert change.order(6, 2).tolist() == expected
    if text.startswith(("backwards", "frozen")):
        assert (change.apply(frames, 2) == frames[expected]).all()


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("count", "tubelet"), [(4, 2), (6, 3), (16, 2), (7, 2)])
def test_slices_are_shuffled_whole_and_never_left_as_they_were(count, tubelet, seed):
    order = ClipChange("shuffled", seed).order(count, tubelet)
    assert sorted(order) == list(range(count))
    assert order.tolist() != list(range(count))
    slices = order[: count - count % tubelet].reshape(-1, tubelet)
    assert (slices[:, :1] + np.arange(tubelet) == slices).all()
    assert (slices[:, 0] % tubelet == 0).all()
    assert order[count - count % tubelet :].tolist() == list(range(count - count % tubelet, count))
    assert (order == ClipChange.parse(f"shuffled:{seed}").order(count, tubelet)).all()


def test_seeds_give_different_orders_and_one_slice_stays():
    orders = {tuple(ClipChange("shuffled", seed).order(16, 2)) for seed in range(10)}
    assert len(orders) == 10
    assert ClipChange("shuffled").order(2, 2).tolist() == [0, 1]


def test_left_and_right_are_exchanged(frames):
    changed = ClipChange("mirrored").apply(frames, 2)
    for column in range(4):
        assert (changed[:, :, column] == frames[:, :, 3 - column]).all()


def test_grey_is_the_luma(frames):
    changed = ClipChange("grey").apply(frames, 2)
    assert (changed == changed[..., :1]).all()
    luma = frames @ np.array([0.299, 0.587, 0.114])
    assert np.abs(changed[..., 0] - luma).max() <= 0.51


def test_the_ends_of_a_frame_are_squares(frames):
    assert (ClipChange("left").apply(frames, 2) == frames[:, :, :2]).all()
    assert (ClipChange("right").apply(frames, 2) == frames[:, :, 2:]).all()
    upright = frames.transpose(0, 2, 1, 3)
    assert (ClipChange("left").apply(upright, 2) == upright[:, :2]).all()
    assert (ClipChange("right").apply(upright, 2) == upright[:, 2:]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_clip_itself_is_never_changed(frames, kind):
    before = frames.copy()
    changed = ClipChange(kind).apply(frames, 2)
    changed[:] = 0
    assert (frames == before).all() and len(changed) == 6


@pytest.mark.parametrize(
    ("text", "written", "title"),
    [
        ("backwards", "backwards", "played backwards"),
        (" shuffled ", "shuffled:0", "with its moments shuffled (seed 0)"),
        ("shuffled:12", "shuffled:12", "with its moments shuffled (seed 12)"),
        ("frozen", "frozen", "with its middle frame throughout"),
        ("frozen:3", "frozen:3", "with its 4th frame throughout"),
        ("grey", "grey", "without colour"),
    ],
)
def test_a_change_is_read_as_it_is_written(text, written, title):
    change = ClipChange.parse(text)
    assert (str(change), change.title) == (written, title)
    assert ClipChange.parse(str(change)) == change


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sideways", "The change is 'sideways'; give backwards, shuffled"),
        ("", "The change is ''"),
        ("grey:1", "The change grey takes no number, yet 1 was given"),
        ("frozen:-1", "the frame must be a whole number from 0, for instance frozen:3"),
        ("frozen:", "the frame must be a whole number"),
        ("shuffled:1.5", "the seed must be a whole number from 0"),
        ("shuffled:" + "9" * 30, "the seed must be a whole number"),
    ],
)
def test_what_is_no_change_is_refused(text, said):
    with pytest.raises(RequestError) as refused:
        ClipChange.parse(text)
    assert said in str(refused.value)


@pytest.mark.parametrize("number", [-1, 1.5, "1", True])
def test_a_number_is_a_whole_one(number):
    with pytest.raises(RequestError, match="must be a whole number"):
        ClipChange("frozen", number)


def test_a_frame_that_the_model_does_not_get_can_not_be_frozen(frames):
    with pytest.raises(RequestError, match=r"freezes the frame 6, and the model gets 6.*0 to 5"):
        ClipChange("frozen", 6).apply(frames, 2)


def test_frames_are_told_as_people_count_them():
    told = {1: "1st", 2: "2nd", 3: "3rd", 4: "4th", 10: "10th", 11: "11th", 12: "12th", 13: "13th"}
    told |= {16: "16th", 21: "21st", 22: "22nd", 112: "112th", 123: "123rd"}
    assert {number: ordinal(number) for number in told} == told
