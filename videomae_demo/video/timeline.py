"""The time line of a file: how many frames, when, how large, and what is wrong with it.

Owns putting together what the header says and what decoding or the index found, and the warnings
where they differ. Pure functions; knows nothing of how a file is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from videomae_demo.video.display import PixelAspect, Size, shown_size
from videomae_demo.video.header import Header
from videomae_demo.video.index import FrameIndex
from videomae_demo.video.timing import time_frames

# A file with fewer than this share of the frames it promises was cut short.
_WHOLE = 0.9

# Transfer functions of ITU-T H.273 that are not meant for an ordinary screen.
_HDR = {16: "PQ", 18: "HLG"}


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """The frames of a file: how many, when, how large; not their pixels.

    Attributes
    ----------
    path : Path
    timestamps_s : (count,) float64
        Time of each frame, strictly increasing, the first 0.0.
    frame_interval_s : float
        Median time between neighbouring frames.
    height, width : int
        Size as shown, in pixels: turned, and stretched to square pixels.
    warnings : tuple of str
        Sentences about what was wrong with the file; empty for most.
    index : FrameIndex or None
        How to find a frame of a long file by its timestamp; None if all frames were decoded, and
        are counted in the order of decoding.
    stored_pixels : bool
        True if a pixel aspect that the file states is left out, as was asked.
    """

    path: Path
    timestamps_s: npt.NDArray[np.float64]
    frame_interval_s: float
    height: int
    width: int
    warnings: tuple[str, ...]
    index: FrameIndex | None
    stored_pixels: bool = False

    @property
    def count(self) -> int:
        """Number of frames."""
        return len(self.timestamps_s)

    @property
    def duration_s(self) -> float:
        """Seconds from the first frame until one interval after the last."""
        return float(self.timestamps_s[-1]) + self.frame_interval_s

    @property
    def nbytes(self) -> int:
        """Size in memory, roughly."""
        return self.timestamps_s.nbytes + (self.index.nbytes if self.index else 0)


@dataclass(frozen=True, slots=True)
class Picture:
    """What a time line keeps of a decoded frame.

    Attributes
    ----------
    pts : int or None
        When it is shown, in units of the stream's time base.
    size : Size
        As shown.
    stored : Size
        As stored, before it is stretched and turned.
    transfer : int
        The transfer function of its colours, as in ITU-T H.273.
    """

    pts: int | None
    size: Size
    stored: Size
    transfer: int

    @classmethod
    def of(cls, frame: av.VideoFrame, aspect: PixelAspect) -> Picture:
        """Look at a frame."""
        stored = Size(frame.height, frame.width)
        return cls(frame.pts, shown_size(frame, aspect), stored, frame.color_trc)


def make_timeline(
    path: Path,
    header: Header,
    pictures: Sequence[Picture],
    lost: int,
    index: FrameIndex | None = None,
) -> Timeline:
    """Put a time line together.

    Parameters
    ----------
    path : Path
    header : Header
    pictures : sequence of Picture
        All that were decoded, in this order; with an index, the first few. Not empty.
    lost : int
        How many packets could not be read or decoded.
    index : FrameIndex, optional
        Of all frames.
    """
    pts = [picture.pts for picture in pictures] if index is None else index.pts.tolist()
    timing = time_frames(pts, header.time_base, header.rate_fps)
    warnings = (
        _damage(lost, len(pts)),
        _shortfall(header, len(pts), timing.end_s),
        timing.warning,
        header.aspect.note(pictures[0].stored),
        _size_changes(pictures),
        _high_dynamic_range(pictures),
    )
    return Timeline(
        path=path,
        timestamps_s=timing.timestamps_s,
        frame_interval_s=timing.interval_s,
        height=pictures[0].size.height,
        width=pictures[0].size.width,
        warnings=tuple(warning for warning in warnings if warning),
        index=index,
        stored_pixels=not header.aspect.is_wanted,
    )


def _damage(lost: int, left: int) -> str:
    if not lost:
        return ""
    return (
        "The file is damaged, parts of it can't be decoded and are skipped "
        f"(damaged packets: {lost}; frames left: {left})."
    )


def _shortfall(header: Header, count: int, end_s: float) -> str:
    if header.frames and count < _WHOLE * header.frames:
        return (
            f"The file has fewer frames than the header says ({count} of {header.frames}): "
            "it was cut short."
        )
    stated_s = header.duration_s if header.duration_is_stated else None
    if stated_s and end_s < _WHOLE * stated_s:
        return (
            "The file has fewer frames than the header says: "
            f"it ends at {end_s:.2f} s of {stated_s:.2f} s."
        )
    return ""


def _size_changes(pictures: Sequence[Picture]) -> str:
    sizes = list(dict.fromkeys(str(picture.size) for picture in pictures))
    if len(sizes) == 1:
        return ""
    return f"The frame size changes ({', '.join(sizes[:4])}): every frame is resized to {sizes[0]}."


def _high_dynamic_range(pictures: Sequence[Picture]) -> str:
    curve = _HDR.get(pictures[0].transfer)
    return (
        f"The clip is HDR ({curve}) and shown without tone mapping, so it looks flat."
        if curve
        else ""
    )
