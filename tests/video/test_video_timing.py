from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from videomae_demo.video.timing import time_frames

MILLISECOND = Fraction(1, 1000)


def test_sound_timestamps_are_taken_as_they_are() -> None:
    times = time_frames([-40, 0, 50, 90], MILLISECOND, 25.0)
    np.testing.assert_allclose(times.timestamps_s, [0.0, 0.04, 0.09, 0.13])
    assert times.interval_s == pytest.approx(0.04)
    assert times.end_s == pytest.approx(0.13)  # on the file's clock
    assert times.warning == ""


@pytest.mark.parametrize(
    ("pts", "trouble"),
    [
        ([0, None, 80, 120], "1 of 4 frames have no timestamp"),
        ([0, 80, 40, 120], "stand still or go back 1 times"),
        ([0, 40, 40, 40], "stand still or go back 2 times"),
    ],
)
def test_unsound_timestamps_give_way_to_counting(pts: list[int | None], trouble: str) -> None:
    times = time_frames(pts, MILLISECOND, 50.0)
    np.testing.assert_allclose(times.timestamps_s, [0.0, 0.02, 0.04, 0.06])
    assert times.end_s == pytest.approx(0.08)
    assert trouble in times.warning
    assert "50 frames per second of the file" in times.warning


def test_a_rate_that_is_nowhere_said_is_assumed_aloud() -> None:
    times = time_frames([None, None], MILLISECOND, None)
    np.testing.assert_allclose(times.timestamps_s, [0.0, 0.04])
    assert "25 frames per second assumed here" in times.warning


def test_a_single_frame_lasts_as_long_as_the_rate_says() -> None:
    times = time_frames([700], MILLISECOND, 50.0)
    assert times.timestamps_s.tolist() == [0.0]
    assert times.interval_s == pytest.approx(0.02)
