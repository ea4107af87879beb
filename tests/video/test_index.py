from __future__ import annotations

import pytest

from videomae_demo.video.index import FrameIndex, PacketTime


def packets(*times: tuple[int | None, int | None, str]) -> list[PacketTime]:
    """Packets by pts, dts and what they are: K a keyframe, h hidden."""
    return [PacketTime(pts, dts, "K" in kind, "h" in kind) for pts, dts, kind in times]


# Two groups in the order of decoding; frame 3 is decoded after the second keyframe, shown before.
OPEN = packets((0, -1, "K"), (2, 0, ""), (1, 1, ""), (4, 2, "K"), (3, 3, ""), (5, 4, ""))


def test_frames_are_in_the_order_of_showing() -> None:
    index = FrameIndex.of(OPEN)
    assert index is not None
    assert index.pts.tolist() == [0, 1, 2, 3, 4, 5]
    assert index.keyframe_pts.tolist() == [0, 4]
    assert index.keyframe_dts.tolist() == [-1, 2]


def test_a_frame_belongs_to_the_keyframe_shown_before_it() -> None:
    index = FrameIndex.of(OPEN)
    assert index is not None
    runs = [(run.keyframe.pts, run.first, run.wanted) for run in index.runs([5, 3, 1, 3])]
    assert runs == [(0, 0, (1, 3)), (4, 4, (5,))]


def test_hidden_packets_are_no_frames_but_may_be_where_decoding_starts() -> None:
    index = FrameIndex.of(packets((-2, -2, "Kh"), (-1, -1, "h"), (0, 0, ""), (1, 1, "")))
    assert index is not None
    assert index.pts.tolist() == [0, 1]
    (run,) = index.runs([1])
    assert (run.keyframe.pts, run.keyframe.is_hidden, run.first) == (-2, True, 0)


def test_what_comes_before_the_first_keyframe_is_left_out() -> None:
    index = FrameIndex.of(packets((0, 0, ""), (1, 1, ""), (2, 2, "K"), (3, 3, "")))
    assert index is not None
    assert index.pts.tolist() == [2, 3]
    assert index.from_frame(3).pts.tolist() == [3]


def test_without_a_dts_the_pts_is_taken() -> None:
    index = FrameIndex.of(packets((0, None, "K"), (2, None, ""), (1, 1, "")))
    assert index is not None
    assert index.keyframe_dts.tolist() == [0]


@pytest.mark.parametrize(
    "times",
    [
        [],
        [(0, 0, ""), (1, 1, "")],
        [(0, 0, "Kh"), (1, 1, "h")],
        [(0, 0, "K"), (None, 1, "")],
        [(0, 0, "K"), (1, 1, ""), (1, 2, "")],
        [(5, 0, "K"), (0, 1, "K")],
        [(0, 0, "K"), (1, 5, ""), (2, 4, "")],
        [(0, 0, "K"), (100, 1, ""), *((place, place + 1, "") for place in range(1, 20))],
    ],
    ids=[
        "nothing",
        "no keyframe",
        "nothing shown",
        "no pts",
        "the same pts twice",
        "keyframes going back",
        "decoding going back",
        "a frame out of reach",
    ],
)
def test_times_that_cannot_be_believed_make_no_index(
    times: list[tuple[int | None, int | None, str]],
) -> None:
    assert FrameIndex.of(packets(*times)) is None
