from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from videomae_demo.video.index import FrameIndex
from videomae_demo.video.timeline import Timeline
from videomae_demo.video.wire import HungUpError, Line, Message, pack_timeline, unpack_timeline

Lines = tuple[Line, Line]


@pytest.fixture
def lines() -> Iterator[Lines]:
    ours, theirs = socket.socketpair()
    yield Line(ours), Line(theirs)
    ours.close()
    theirs.close()


def test_a_large_message_arrives_as_it_was_sent(lines: Lines) -> None:
    arrays = [np.arange(10**6, dtype=np.int64).reshape(1000, -1), np.zeros(0), np.array([True])]
    sent = Message({"a": 1.1, "name": "caf\u00e9 \udcff"}, arrays)
    thread = threading.Thread(target=lines[0].send, args=[sent])
    thread.start()
    got = lines[1].receive()
    thread.join()
    assert got.fields == sent.fields
    for given, taken in zip(arrays, got.arrays, strict=True):
        assert given.dtype == taken.dtype
        np.testing.assert_array_equal(given, taken)


def test_an_open_file_goes_along(lines: Lines, tmp_path: Path) -> None:
    with (tmp_path / "note").open("wb") as file:
        lines[0].send(Message({}, files=[file.fileno()]))
        (given,) = lines[1].receive(files=1).files
        os.write(given, b"written by the other side")
        os.close(given)
    assert (tmp_path / "note").read_bytes() == b"written by the other side"


@pytest.mark.parametrize(
    "nonsense",
    [
        b"",
        b"\0\0",
        b"\xff\xff\xff\xff{}",
        b"\0\0\0\x02{}",
        b"\0\0\0\x04null",
        b"\0\0\0\x05\xff\xff\xff\xff\xff",
        b'\0\0\0\x1f{"fields": {}, "arrays": [[1]]}',
        b'\0\0\0\x2c{"fields": {}, "arrays": [["object", [1]]]}  ',
        b'\0\0\0\x2c{"fields": {}, "arrays": [["int64", [-1]]]}  ',
        b'\0\0\0\x36{"fields": {}, "arrays": [["int64", [999999999999]]]}  ',
    ],
)
def test_nonsense_is_no_message(lines: Lines, nonsense: bytes) -> None:
    lines[0].end.sendall(nonsense)
    lines[0].close()
    with pytest.raises(HungUpError):
        lines[1].receive()


def test_nobody_hears_a_message_on_a_dead_line(lines: Lines) -> None:
    lines[1].close()
    with pytest.raises(HungUpError):
        lines[0].send(Message({}))


def test_whoever_waits_may_break_off(lines: Lines) -> None:
    def lose_patience() -> None:
        raise InterruptedError

    lines[0].end.settimeout(0.01)
    impatient = Line(lines[0].end, lose_patience)
    with pytest.raises(InterruptedError):
        impatient.receive()
    with pytest.raises(InterruptedError):
        impatient.send(Message({}, [np.zeros(10**7)]))


@pytest.mark.parametrize("is_long", [False, True])
def test_a_time_line_travels(is_long: bool) -> None:
    index = FrameIndex(np.arange(3), np.array([0]), np.array([-1]), np.array([True]))
    timeline = Timeline(
        Path("clip.mp4"), np.array([0, 0.1, 1 / 3]), 0.1, 48, 64, ("a", "b"),
        index if is_long else None, stored_pixels=is_long,
    )  # fmt: skip
    back = unpack_timeline(pack_timeline(timeline))
    for name in ("path", "frame_interval_s", "height", "width", "warnings", "stored_pixels"):
        assert getattr(back, name) == getattr(timeline, name)
    assert back.timestamps_s.tolist() == timeline.timestamps_s.tolist()
    assert (back.index is None) != is_long
    if back.index is not None:
        assert back.index.keyframe_hidden.tolist() == [True]
        assert back.index.keyframe_dts.tolist() == [-1]


def test_what_is_no_time_line_is_refused() -> None:
    for message in (Message({}), Message({"path": "x"}, [np.zeros(1)])):
        with pytest.raises(HungUpError):
            unpack_timeline(message)
