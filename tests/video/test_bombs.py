"""Files that are made to exhaust their reader: whatever they do, it is bounded and soon over."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from made_clips import count_up, write_clip

from benchmarks.bombs import (
    edit_list_bomb,
    fragment_bomb,
    many_pictures_bomb,
    packed_index_bomb,
    picture_stream_bomb,
    sample_table_bomb,
    sound_chunk_bomb,
)
from videomae_demo.errors import VideoError
from videomae_demo.limits import Limits
from videomae_demo.video import reader
from videomae_demo.video.memory import ProcessSize

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds a child")

PARENT_MB = 300
SOON_S = 15
"""For what takes a few milliseconds, on a machine that is busy."""


def grown_mb(before: ProcessSize) -> float:
    return (ProcessSize.of().resident - before.resident) / 2**20


@pytest.mark.parametrize(
    ("write", "sentence"),
    [
        (sample_table_bomb, "claims at least 20000000 frames; the limit clip_frames is 1000000"),
        (lambda path: sample_table_bomb(path, tracks=4), "claims at least 20000000 frames"),
        (edit_list_bomb, "claims at least 500000000 frames"),
        (sound_chunk_bomb, "claims at least 2097152000 frames and pieces of sound"),
        (fragment_bomb, "claims at least 20000000 frames and pieces of sound"),
        (packed_index_bomb, "claims at least 20000000 frames"),
        (picture_stream_bomb, "has 40 tracks of pictures, of which 8 are read"),
        (lambda path: picture_stream_bomb(path, 10, deep=True), "has 10 tracks of pictures"),
    ],
    ids=["table", "four tables", "edits", "sound", "fragment", "packed", "pictures", "deep"],
)
def test_what_claims_too_much_is_refused_unopened(
    tmp_path: Path, write: Callable[[Path], Path], sentence: str
) -> None:
    path = write(tmp_path / "bomb.mp4")
    reader.scan(write_clip(tmp_path / "clip.mp4", count_up(5)))  # now there is a child
    before, started = ProcessSize.of(), time.monotonic()
    with pytest.raises(VideoError, match=sentence):
        reader.scan(path)
    assert time.monotonic() - started < SOON_S
    assert grown_mb(before) < PARENT_MB


def test_what_unfolds_to_too_much_stays_within_the_bounds_of_a_child(tmp_path: Path) -> None:
    path = many_pictures_bomb(tmp_path / "bomb.mkv")
    limits = Limits(decoding_s=20, decoding_mb=500)
    before, started = ProcessSize.of(), time.monotonic()
    try:
        timeline = reader.scan(path, limits=limits)
    except VideoError as error:
        assert "decoding_s" in str(error) or "decoding_mb" in str(error)
    else:
        assert timeline.count == 1
    assert time.monotonic() - started < limits.decoding_s + SOON_S
    assert grown_mb(before) < PARENT_MB
    clip = write_clip(tmp_path / "clip.mp4", count_up(5))
    assert reader.scan(clip).count == 5
