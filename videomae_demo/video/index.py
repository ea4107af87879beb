"""Where the frames of a long file are, by its packets alone: nothing is decoded.

Owns deciding whether a file's timestamps can be believed, and planning which keyframe to decode
from. Knows nothing of files or pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

# A decoder puts frames into order by holding back at most this many (the size of the buffer of
# decoded pictures in H.264 and H.265): no frame can stand further from its place.
_DEEPEST_REORDERING = 16


@dataclass(frozen=True, slots=True)
class PacketTime:
    """What a packet says of the frame in it, in units of the stream's time base.

    Attributes
    ----------
    pts, dts : int or None
        When the frame is shown; when it is decoded.
    is_keyframe : bool
        True if a decoder can start with it.
    is_hidden : bool
        True if it is decoded only for other frames and not shown, as before a cut of an edit list.
    """

    pts: int | None
    dts: int | None
    is_keyframe: bool
    is_hidden: bool


@dataclass(frozen=True, slots=True)
class Keyframe:
    """A packet to start decoding with.

    Attributes
    ----------
    pts, dts : int
        In units of the stream's time base; where the file gives no dts, it is the pts.
    is_hidden : bool
        As in `PacketTime`.
    """

    pts: int
    dts: int
    is_hidden: bool


@dataclass(frozen=True, slots=True)
class Run:
    """Frames to decode in one go.

    Attributes
    ----------
    keyframe : Keyframe
        Where to start.
    first : int
        Number of the first frame that the keyframe makes decodable.
    wanted : tuple of int
        Numbers of the wanted frames, increasing.
    """

    keyframe: Keyframe
    first: int
    wanted: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class FrameIndex:
    """The frames of a file in the order of showing, and the keyframes among its packets.

    Attributes
    ----------
    pts : (frames,) int64
        Strictly increasing.
    keyframe_pts : (keyframes,) int64
        Strictly increasing.
    keyframe_dts : (keyframes,) int64
        In the same order; where the file gives no dts, it is the pts.
    keyframe_hidden : (keyframes,) bool
        In the same order; True as in `PacketTime`.
    """

    pts: npt.NDArray[np.int64]
    keyframe_pts: npt.NDArray[np.int64]
    keyframe_dts: npt.NDArray[np.int64]
    keyframe_hidden: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, packets: Sequence[PacketTime]) -> FrameIndex | None:
        """Make the index of packets in the order of decoding; None if they can't be believed.

        Every packet must have a time of its own, decoding must go forward in time, and no frame may
        stand further from its place than a decoder can put right. What comes before the first
        keyframe is left out, since it can't be decoded.
        """
        start = next((at for at, packet in enumerate(packets) if packet.is_keyframe), len(packets))
        packets = packets[start:]
        shown = [packet.pts for packet in packets if not packet.is_hidden]
        keyframes = [packet for packet in packets if packet.is_keyframe]
        if not shown or any(packet.pts is None for packet in packets):
            return None
        order = np.array(shown, dtype=np.int64)
        places = np.argsort(order, kind="stable")
        pts = order[places]
        index = cls(
            pts=pts,
            keyframe_pts=np.array([key.pts for key in keyframes], dtype=np.int64),
            keyframe_dts=np.array(
                [key.pts if key.dts is None else key.dts for key in keyframes], dtype=np.int64
            ),
            keyframe_hidden=np.array([key.is_hidden for key in keyframes], dtype=np.bool_),
        )
        decoded = np.array([p.dts for p in packets if p.dts is not None], dtype=np.int64)
        is_sound = (
            _increases(pts)
            and _increases(index.keyframe_pts)
            and _increases(decoded)
            and int(np.abs(places - np.arange(len(pts))).max()) <= _DEEPEST_REORDERING
        )
        return index if is_sound else None

    @property
    def nbytes(self) -> int:
        """Size in memory."""
        return sum(
            array.nbytes
            for array in (self.pts, self.keyframe_pts, self.keyframe_dts, self.keyframe_hidden)
        )

    def from_frame(self, pts: int) -> FrameIndex:
        """Leave out the frames before this one, which turned out not to be decodable."""
        return replace(self, pts=self.pts[self.pts >= pts])

    def runs(self, wanted: Sequence[int]) -> Iterator[Run]:
        """Plan how to decode the wanted frames: each from the last keyframe shown before it.

        Frames that are decoded after a keyframe but shown before it may need what was decoded
        before (an open group of pictures), so they belong to the keyframe before.
        """
        numbers = np.unique(np.asarray(wanted, dtype=np.int64))
        owners = np.searchsorted(self.keyframe_pts, self.pts[numbers], side="right") - 1
        for owner in np.unique(owners):
            keyframe = Keyframe(
                pts=int(self.keyframe_pts[owner]),
                dts=int(self.keyframe_dts[owner]),
                is_hidden=bool(self.keyframe_hidden[owner]),
            )
            first = int(np.searchsorted(self.pts, keyframe.pts))
            yield Run(keyframe, first, tuple(numbers[owners == owner].tolist()))


def _increases(values: npt.NDArray[np.int64]) -> bool:
    return bool(np.all(values[1:] > values[:-1]))
