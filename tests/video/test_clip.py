from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_clips import count_up, numbers_of, write_clip

from videomae_demo.errors import RequestError
from videomae_demo.video.clip import sample_clip
from videomae_demo.video.decode import scan
from videomae_demo.video.sampling import SamplingRule


@pytest.mark.parametrize(("fps", "stride"), [(30, 4), (60, 8)])
def test_the_frames_are_those_that_the_indices_name(tmp_path: Path, fps: int, stride: int) -> None:
    timeline = scan(write_clip(tmp_path / "clip.mp4", count_up(127), fps=fps))
    clip = sample_clip(timeline, 16, SamplingRule.stride(4 / 30), start_s=0.1)
    first = round(0.1 * fps)
    assert clip.indices.tolist() == list(range(first, first + 16 * stride, stride))[:16]
    assert numbers_of(clip.frames) == clip.indices.tolist()
    np.testing.assert_array_equal(clip.timestamps_s, timeline.timestamps_s[clip.indices])
    assert clip.timeline is timeline
    assert clip.notes == ()


def test_repeated_frames_are_said(tmp_path: Path) -> None:
    timeline = scan(write_clip(tmp_path / "short.mp4", count_up(5)))
    clip = sample_clip(timeline, 16, SamplingRule.uniform())
    assert numbers_of(clip.frames) == [0, 1, 2, 3] + [4] * 12
    (note,) = clip.notes
    assert "too short for 16 different frames" in note
    assert note.endswith("11.")


@pytest.mark.parametrize("count", [1, 15])
def test_shorter_than_the_model_needs(tmp_path: Path, count: int) -> None:
    timeline = scan(write_clip(tmp_path / "short.mp4", count_up(count)))
    clip = sample_clip(timeline, 16, SamplingRule.uniform())
    assert numbers_of(clip.frames) == [min(number, count - 1) for number in range(16)]
    assert clip.repeated == 16 - count


def test_a_slow_clip_is_said(tmp_path: Path) -> None:
    timeline = scan(write_clip(tmp_path / "slow.mp4", count_up(20), fps=5))
    clip = sample_clip(timeline, 16, SamplingRule.stride(4 / 30))
    (note,) = clip.notes
    doubled = 16 - len(set(numbers_of(clip.frames)))
    assert doubled > 0
    assert note.endswith(f"the same as the one before: {doubled}.")


def test_warnings_of_the_file_are_passed_on(tmp_path: Path) -> None:
    timeline = scan(write_clip(tmp_path / "raw.h264", count_up(20)))
    assert len(timeline.warnings) == 1
    assert sample_clip(timeline, 4, SamplingRule.uniform()).notes == timeline.warnings


def test_what_sampling_refuses_is_refused(tmp_path: Path) -> None:
    timeline = scan(write_clip(tmp_path / "clip.mp4", count_up(20)))
    with pytest.raises(RequestError, match=r"the clip is 0\.67 s long"):
        sample_clip(timeline, 4, SamplingRule.stride(0.1), start_s=3.0)
