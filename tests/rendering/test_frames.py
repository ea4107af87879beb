import numpy as np
import pytest

from videomae_demo.errors import RequestError
from videomae_demo.rendering.frames import Track, check_tracks, resize, tubelet_size_of


def ramp(count=2, height=3, width=4):
    values = np.arange(count * height * width * 3) * 3
    return values.astype(np.uint8).reshape(count, height, width, 3)


def test_enlarging_a_whole_number_of_times_repeats_each_pixel():
    frames = ramp()
    large = resize(frames, 6, 12)
    assert large.shape == (2, 6, 12, 3)
    for row in range(6):
        for column in range(12):
            assert (large[:, row, column] == frames[:, row // 2, column // 3]).all()


def test_shrinking_averages_the_area():
    frames = np.zeros((1, 4, 4, 3), dtype=np.uint8)
    frames[0, :2, :2] = [[[0], [40]], [[80], [120]]]
    assert (resize(frames, 2, 2)[0, 0, 0] == 60).all()


@pytest.mark.parametrize("size", [(7, 9), (2, 9), (7, 2), (5, 5)])
def test_no_size_goes_beyond_the_values_that_were_there(size):
    frames = np.full((1, 4, 5, 3), 40, dtype=np.uint8)
    frames[:, :, 3:] = 200
    resized = resize(frames, *size)
    assert resized.shape == (1, *size, 3)
    assert resized.min() == 40
    assert resized.max() == 200


def test_the_same_size_is_a_copy():
    frames = ramp()
    same = resize(frames, 3, 4)
    assert (same == frames).all()
    assert not np.shares_memory(same, frames)


@pytest.mark.parametrize(
    "frames",
    [
        np.zeros((2, 4, 4, 3)),
        np.zeros((4, 4, 3), dtype=np.uint8),
        np.zeros((2, 3, 4, 4), dtype=np.uint8),
        np.zeros((0, 4, 4, 3), dtype=np.uint8),
    ],
)
def test_other_arrays_are_no_frames(frames):
    with pytest.raises(RequestError, match=r"uint8 RGB of the shape \(T, H, W, 3\)"):
        Track("", frames)


def test_a_size_below_1_is_refused():
    with pytest.raises(RequestError, match="0 x 4 px"):
        resize(ramp(), 0, 4)


def test_tracks_have_one_number_of_frames():
    assert check_tracks([Track("", ramp(2)), Track("", ramp(2))]) == 2
    with pytest.raises(RequestError, match=r"\[2, 3\]"):
        check_tracks([Track("", ramp(2)), Track("", ramp(3))])
    with pytest.raises(RequestError, match="at least one"):
        check_tracks([])


def test_frames_are_shared_among_slices_without_rest():
    assert tubelet_size_of(ramp(6), 3) == 2
    for slices in (4, 0):
        with pytest.raises(RequestError, match=f"6 frames .* {slices} slices"):
            tubelet_size_of(ramp(6), slices)
