"""Previews and thumbnails: small, in real time, within the owner's limits."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from videomae_demo.cancellation import Cancelled, cancellable
from videomae_demo.errors import VideoError
from videomae_demo.limits import Limits
from videomae_demo.ui.examples import THUMBNAIL_PX, Example, thumbnail
from videomae_demo.ui.preview import preview
from videomae_demo.ui.preview.preview import make_preview
from videomae_demo.video import decode
from videomae_demo.video.decode import SeekingError
from videomae_demo.video.encode import write_mp4
from videomae_demo.video.reader import read_frames, scan


def played(content: bytes, path: Path) -> tuple[float, np.ndarray]:
    path.write_bytes(content)
    timeline = scan(path)
    return timeline.duration_s, read_frames(timeline, range(timeline.count))


def test_a_preview_plays_in_real_time(clip_path: Path, clip_frames, tmp_path: Path) -> None:
    duration_s, frames = played(make_preview(clip_path), tmp_path / "preview.mp4")
    assert duration_s == pytest.approx(2.0, abs=0.05)
    assert np.abs(frames.astype(int) - clip_frames).mean() < 3


def test_a_preview_is_the_middle_of_a_long_clip(
    clip_path: Path, clip_frames, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "LONGEST_S", 1.0)
    monkeypatch.setattr(preview, "MOST_FRAMES", 7)
    monkeypatch.setattr(preview, "LONGEST_SIDE_PX", 48)
    duration_s, frames = played(make_preview(clip_path), tmp_path / "preview.mp4")
    assert frames.shape == (7, 32, 48, 3)
    assert duration_s == pytest.approx(1.0, abs=0.05)
    squares = [np.flatnonzero(frame[16, :, 0] > 170).mean() * 2 - 20 for frame in frames]
    np.testing.assert_allclose(squares, np.linspace(12, 35, 7), atol=1.5)  # 0.5 s before and after


def test_two_frames_far_apart_have_a_preview(tmp_path: Path, clip_frames) -> None:
    path = write_mp4(tmp_path / "slow.mp4", clip_frames[:2], 0.02)
    assert len(played(make_preview(path), tmp_path / "preview.mp4")[1]) == 1


def test_limits_hold_for_previews_and_thumbnails(clip_path: Path) -> None:
    limits = Limits(frame_pixels=99)
    with pytest.raises(VideoError, match="the limit frame_pixels is 99"):
        make_preview(clip_path, limits)
    with pytest.raises(VideoError, match="the limit frame_pixels is 99"):
        thumbnail(Example(clip_path, "square"), limits)


def test_where_seeking_leads_astray_there_is_a_picture_all_the_same(
    clip_path: Path, clip_frames, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "none of those with children")
    passes = []

    def lead_astray(*arguments, **options):
        passes.append("sought" if arguments[1].index else "decoded")
        if arguments[1].index:
            raise SeekingError("There is no such frame.")
        return read_into(*arguments, **options)

    read_into = decode.read_into
    monkeypatch.setattr(decode, "read_into", lead_astray)
    limits = Limits(decoded_frames=47)  # of 48: it counts as long, and all can't be decoded
    with pytest.raises(VideoError, match="decoded_frames is 47"):
        thumbnail(Example(clip_path, "square"), limits)
    assert passes == ["sought"]
    monkeypatch.setattr(decode, "SHORT_FRAMES", 40)
    picture = thumbnail(Example(clip_path, "square"))
    assert passes == ["sought", "sought", "decoded"]
    assert picture.shape == (THUMBNAIL_PX, 168, 3)
    bright = np.flatnonzero(picture[56, :, 0] > 170) * 96 / 168
    assert bright.mean() == pytest.approx(24 + 20, abs=1.5)  # the square of frame 24
    content = make_preview(clip_path)
    monkeypatch.undo()
    assert len(played(content, tmp_path / "preview.mp4")[1]) == 48


def test_a_preview_can_be_cancelled(clip_path: Path) -> None:
    wish = threading.Event()
    wish.set()
    with cancellable(wish), pytest.raises(Cancelled):
        make_preview(clip_path)
