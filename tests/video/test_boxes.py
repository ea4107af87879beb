from __future__ import annotations

import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from made_clips import add_video, count_up, picture_frame, write_clip

from benchmarks.bombs import (
    DATA_AT,
    box,
    edit_list_bomb,
    fragment_bomb,
    full_box,
    movie,
    numbers,
    packed_index_bomb,
    picture_stream_bomb,
    png,
    sample_table_bomb,
    sound_chunk_bomb,
    track,
)
from videomae_demo.errors import VideoError
from videomae_demo.limits import Limits
from videomae_demo.video.boxes import MOST_PICTURE_TRACKS, MOST_TRACKS, check_boxes
from videomae_demo.video.budget import Budget


def check(path: Path, clip_frames: int = 1_000_000) -> None:
    with path.open("rb") as file:
        check_boxes(file, Budget(Limits(clip_frames=clip_frames), path.name))
        assert file.tell() == 0


def assert_claims(path: Path, frames: int, times: int = 1) -> None:
    """The file passes a limit that is just high enough, and no lower one, which tells the count."""
    check(path, -(-frames // times))
    with pytest.raises(VideoError, match=f"claims at least {frames} frames"):
        check(path, -(-frames // times) - 1)


@pytest.mark.parametrize(
    ("write", "frames", "times"),
    [
        (lambda path: sample_table_bomb(path, samples=2_000_000), 2_000_000, 1),
        (lambda path: packed_index_bomb(path, samples=3_000_000), 3_000_000, 1),
        (lambda path: edit_list_bomb(path, edits=30, samples=70_000), 2_100_000, 1),
        (lambda path: fragment_bomb(path, samples=1000, runs=7), 7000, 4),
        (lambda path: sound_chunk_bomb(path, chunks=5, samples=1024 * 800), 4001, 4),
        (lambda path: sample_table_bomb(path, tracks=6, samples=1000), 6000, 4),
    ],
    ids=["sample table", "packed index", "edit list", "fragment", "sound chunks", "six tracks"],
)
def test_claims_are_counted(
    tmp_path: Path, write: Callable[[Path], Path], frames: int, times: int
) -> None:
    assert_claims(write(tmp_path / "bomb.mp4"), frames, times)


def test_a_pause_before_the_film_shows_no_frame_again(tmp_path: Path) -> None:
    pause = numbers(90, 2**32 - 1, 0x00010000)
    film = numbers(100, 0, 0x00010000)
    part = numbers(25, 0, 0x00010000)
    path = edit_list_bomb(tmp_path / "clip.mov", edits=3, samples=100)
    data = path.read_bytes()
    start = data.index(b"elst") + 12
    for edits, frames in (((pause, film, pause), 100), ((film, part, part), 150)):
        path.write_bytes(data[:start] + b"".join(edits) + data[start + 36 :])
        assert_claims(path, frames)


def test_an_edit_beyond_the_end_of_the_film_shows_each_frame_once(tmp_path: Path) -> None:
    path = edit_list_bomb(tmp_path / "clip.mov", edits=1, samples=100)
    data = path.read_bytes()
    start = data.index(b"elst") + 12
    path.write_bytes(data[:start] + numbers(1000, 0, 0x00010000) + data[start + 12 :])
    assert_claims(path, 100)


def test_an_edit_of_64_bits_is_understood(tmp_path: Path) -> None:
    path = edit_list_bomb(tmp_path / "clip.mov", edits=5, samples=100)
    data = path.read_bytes()
    start = data.index(b"elst") + 4
    long = numbers(1 << 24, 3) + numbers(0, 100, 0, 0, 0x00010000) * 3
    assert len(long) > 4
    long = long.ljust(8 + 5 * 12, b"\0")
    path.write_bytes(data[:start] + long + data[start + len(long) :])
    assert_claims(path, 300)


def test_tracks_are_counted(tmp_path: Path) -> None:
    check(picture_stream_bomb(tmp_path / "few.mov", MOST_PICTURE_TRACKS))
    with pytest.raises(VideoError, match=r"many\.mov has 9 tracks of pictures, of which 8 are"):
        check(picture_stream_bomb(tmp_path / "many.mov", MOST_PICTURE_TRACKS + 1))
    sound = [
        track(
            number, codec=b"sowt", size=(0, 0), samples=1, sample_bytes=1, chunks=(DATA_AT,),
            handler=b"soun",
        )
        for number in range(1, MOST_TRACKS + 2)
    ]  # fmt: skip
    check(movie(tmp_path / "choir.mov", sound[1:], b"."))
    with pytest.raises(VideoError, match=r"choir\.mov has 65 tracks, of which 64 are read"):
        check(movie(tmp_path / "choir.mov", sound, b"."))


@pytest.mark.parametrize("muxing", [{}, {"movflags": "frag_keyframe+empty_moov"}])
@pytest.mark.parametrize(("codec", "name"), [("aac", "clip.mp4"), ("pcm_s16le", "clip.mov")])
def test_sound_is_not_taken_for_frames(
    tmp_path: Path, muxing: dict[str, str], codec: str, name: str
) -> None:
    path = tmp_path / name
    with av.open(str(path), "w", options=muxing) as output:
        stream = add_video(output, (48, 64, 3), "mpeg4", "yuv420p", 30)
        output.add_stream(codec, rate=44100)
        packets = list(tone(output.streams.audio[0], 44100 * 2))
        for number, picture in enumerate(count_up(60)):
            frame = picture_frame(picture, stream)
            frame.pts, frame.time_base = number, Fraction(1, 30)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
        output.mux(packets)
    check(path, clip_frames=60)


def tone(stream: av.AudioStream, samples: int) -> list[av.Packet]:
    packets = []
    for start in range(0, samples, 1024):
        frame = av.AudioFrame.from_ndarray(
            np.zeros((2, 1024), np.float32), format="fltp", layout="stereo"
        )
        frame.sample_rate, frame.pts = 44100, start
        packets += stream.encode(frame)
    return packets + stream.encode()


def test_an_ordinary_clip_claims_its_frames(tmp_path: Path) -> None:
    assert_claims(write_clip(tmp_path / "clip.mp4", count_up(60), bf="2"), 60)


@pytest.mark.parametrize("name", ["clip.mkv", "clip.avi", "clip.h264"])
def test_other_files_pass(tmp_path: Path, name: str) -> None:
    check(write_clip(tmp_path / name, count_up(30)), clip_frames=1)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\0\0",
        b"\0\0\0\x08moov",
        b"\0\0\0\0moov\0\0\0\0trak",
        b"\0\0\0\x01moov\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\0\0\0\x01moov",
        b"\0\0\0\x04moov",
        box(b"moov", box(b"stsz"), box(b"stts"), box(b"elst"), box(b"cmov", box(b"cmvd"))),
        box(b"moov", box(b"cmov", box(b"cmvd", b"1234", b"not packed at all"))),
        box(b"moov", box(b"trak", *[full_box(kind) for kind in (b"mdhd", b"hdlr", b"stsc")])),
        box(b"moov") * 60_000,
    ],
)
def test_broken_boxes_are_left_to_ffmpeg(content: bytes) -> None:
    check_boxes(io.BytesIO(content), Budget(Limits(), "clip.mp4"))


def test_deep_nests_are_not_followed_for_ever() -> None:
    content = b""
    for _ in range(5000):
        content = box(b"moov", content)
    check_boxes(io.BytesIO(content), Budget(Limits(), "clip.mp4"))


def test_a_picture_of_the_bombs_is_a_picture() -> None:
    with av.open(io.BytesIO(png(48, 64, depth=16, alpha=True)), format="png_pipe") as opened:
        (frame,) = opened.decode(video=0)
    assert (frame.height, frame.width, frame.format.name) == (48, 64, "rgba64be")
