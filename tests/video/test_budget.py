from __future__ import annotations

import io

import pytest

from videomae_demo.errors import VideoError
from videomae_demo.limits import Limits
from videomae_demo.video.budget import Budget
from videomae_demo.video.container import _TimedFile
from videomae_demo.video.display import Size

LATE = Limits(decoding_s=0)


def test_frames_are_counted_up_to_the_limit() -> None:
    budget = Budget(Limits(decoded_frames=2), "clip.mp4")
    budget.spend_frame(Size(4, 4))
    budget.spend_frame(Size(4, 4))
    with pytest.raises(VideoError, match=r"^3 frames or more of clip\.mp4 .* decoded_frames is 2"):
        budget.spend_frame(Size(4, 4))


def test_the_clock_is_looked_at_with_every_frame() -> None:
    with pytest.raises(VideoError, match=r"longer than the limit decoding_s of 0 s .*decoded: 1"):
        Budget(LATE, "clip.mp4").spend_frame(Size(4, 4))


def test_the_clock_is_looked_at_with_every_read() -> None:
    with pytest.raises(VideoError, match="limit decoding_s"):
        _TimedFile(io.BytesIO(b"content"), Budget(LATE, "clip.mp4")).read(3)
    assert _TimedFile(io.BytesIO(b"content"), Budget(Limits(), "clip.mp4")).read(3) == b"con"
