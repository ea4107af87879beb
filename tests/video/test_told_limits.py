"""What a limit says and where exactly it begins: at the limit a clip is taken, beyond it is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from videomae_demo.errors import VideoError
from videomae_demo.limits import Limits
from videomae_demo.video.budget import Budget
from videomae_demo.video.display import Size

LIMITS = Limits(frame_pixels=100, clip_frames=50, clip_s=6, decoded_frames=3)


@pytest.mark.parametrize(
    ("taken", "refused", "seen", "limit"),
    [
        (
            lambda budget: budget.check_size(Size(10, 10)),
            lambda budget: budget.check_size(Size(10, 11)),
            "= 110 pixels",
            "frame_pixels is 100",
        ),
        (
            lambda budget: budget.check_clip(50, 1.0),
            lambda budget: budget.check_clip(51, 1.0),
            "at least 51 frames",
            "clip_frames is 50",
        ),
        (
            lambda budget: budget.check_clip(1, 6.0),
            lambda budget: budget.check_clip(1, 6.25001),
            "is 6.3 s long",
            "clip_s is 6 s",
        ),
        (
            lambda budget: budget.check_decoding(3),
            lambda budget: budget.check_decoding(4),
            "4 frames or more",
            "decoded_frames is 3",
        ),
        (
            lambda budget: budget.spend_frame(Size(10, 10)),
            lambda budget: budget.spend_frame(Size(11, 10)),
            "= 110 pixels",
            "frame_pixels is 100",
        ),
    ],
)
def test_a_limit_is_still_allowed_and_the_first_value_beyond_is_told(
    taken: Callable[[Budget], None], refused: Callable[[Budget], None], seen: str, limit: str
) -> None:
    budget = Budget(LIMITS, "clip.mp4")
    taken(budget)
    with pytest.raises(VideoError) as caught:
        refused(budget)
    assert seen in str(caught.value) and limit in str(caught.value)
    assert "clip.mp4" in str(caught.value)


def test_the_frames_that_were_decoded_in_time_are_told() -> None:
    budget = Budget(LIMITS, "clip.mp4")
    budget.spend_frame(Size(1, 1))
    budget.spend_frame(Size(1, 1))
    budget._deadline = 0
    with pytest.raises(VideoError, match=r"decoding_s of 120 s \(frames decoded: 3\)"):
        budget.spend_frame(Size(1, 1))
