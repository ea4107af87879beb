from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from made_clips import count_up, numbers_of, quarters

from videomae_demo.errors import RequestError
from videomae_demo.video.decode import read_frames, scan
from videomae_demo.video.encode import write_mp4


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    assert write_mp4(path, np.stack(count_up(20)), fps=7.5) == path
    timeline = scan(path)
    assert timeline.count == 20
    np.testing.assert_allclose(timeline.timestamps_s, np.arange(20) / 7.5, atol=1e-3)
    assert numbers_of(read_frames(timeline, range(20))) == list(range(20))
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.mp4"]


def test_colours_survive_and_are_tagged(tmp_path: Path) -> None:
    picture = quarters(96, 128)
    path = write_mp4(tmp_path / "colours.mp4", np.stack([picture] * 4), fps=10)
    with av.open(str(path)) as opened:
        context = opened.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        frame = next(opened.decode(video=0))
        tags = (frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range)
        assert tags == (1, 1, 1, 1)  # BT.709 three times, limited range
        luma = frame.to_ndarray()[:96, :128]
    # BT.709, worked out by hand: Y = 16 + 219/255 (0.2126 R + 0.7152 G + 0.0722 B)
    for row, column in ((24, 32), (24, 96), (72, 32), (72, 96)):
        expected = 16 + 219 / 255 * (picture[row, column] @ [0.2126, 0.7152, 0.0722])
        assert luma[row, column] == pytest.approx(expected, abs=3)
    back = read_frames(scan(path), [3])[0]
    for row, column in ((24, 32), (24, 96), (72, 32), (72, 96)):
        np.testing.assert_allclose(
            back[row, column].astype(int), picture[row, column].astype(int), atol=6
        )


def test_the_index_comes_before_the_frames(tmp_path: Path) -> None:
    data = write_mp4(tmp_path / "out.mp4", np.stack(count_up(5)), fps=10).read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (47, 63), (48, 63), (241, 321)])
def test_odd_sizes_are_made_even_at_the_edge(tmp_path: Path, size: tuple[int, int]) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (1, 1, 1, 3), dtype=np.uint8)
    frames = np.broadcast_to(frames, (3, *size, 3))
    timeline = scan(write_mp4(tmp_path / "odd.mp4", frames, fps=10))
    assert (timeline.height, timeline.width) == tuple(side + side % 2 for side in size)
    back = read_frames(timeline, [2])[0].astype(int)
    assert np.abs(back - frames[0, 0, 0].astype(int)).max() <= 6


@pytest.mark.parametrize(
    ("frames", "fps", "sentence"),
    [
        (np.zeros((48, 64, 3), np.uint8), 10, r"shape \(48, 64, 3\)"),
        (np.zeros((2, 3, 48, 64), np.uint8), 10, r"shape \(2, 3, 48, 64\)"),
        (np.zeros((0, 48, 64, 3), np.uint8), 10, r"shape \(0, 48, 64, 3\)"),
        (np.zeros((2, 48, 64, 3), np.float32), 10, "float32"),
        (np.zeros((2, 48, 64, 3), np.uint8), 0, "frame rate is 0"),
        (np.zeros((2, 48, 64, 3), np.uint8), -5, "frame rate is -5"),
        (np.zeros((2, 48, 64, 3), np.uint8), float("nan"), "frame rate is nan"),
        (np.zeros((1, 2, 40000, 3), np.uint8), 10, "40000x2"),
    ],
)
def test_what_cannot_be_written_is_said_and_leaves_nothing(
    tmp_path: Path, frames: np.ndarray, fps: float, sentence: str
) -> None:
    with pytest.raises(RequestError, match=sentence):
        write_mp4(tmp_path / "out.mp4", frames, fps)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="folder is missing"):
        write_mp4(tmp_path / "no" / "out.mp4", np.stack(count_up(2)), 10)


def test_a_failure_keeps_the_file_that_was_there(tmp_path: Path) -> None:
    path = write_mp4(tmp_path / "out.mp4", np.stack(count_up(2)), fps=10)
    before = path.read_bytes()
    with pytest.raises(RequestError):
        write_mp4(path, np.zeros((1, 2, 40000, 3), np.uint8), fps=10)
    assert path.read_bytes() == before
