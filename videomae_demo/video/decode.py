"""From the path of a video to a time line of its frames, and from wanted frames to pixels.

A file is decoded twice: `scan` counts and times its frames and keeps none, `read_frames` keeps the
few that are wanted, at full resolution. Both walk the same pictures in the order of decoding, so an
index means the same in both. Owns the limits and the clock. Knows nothing of models, nor of which
frames are worth having.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import VideoReformatter

from videomae_demo.errors import RequestError, VideoError
from videomae_demo.video.display import Size, shown_size, to_rgb
from videomae_demo.video.source import DAMAGE, Header, Source, open_source, still_picture
from videomae_demo.video.timing import time_frames

# A file with fewer than this share of the frames it promises was cut short.
_WHOLE = 0.9

# Transfer functions of ITU-T H.273 that are not meant for an ordinary screen.
_HDR = {16: "PQ", 18: "HLG"}


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """What a file may cost; beyond it, `scan` refuses.

    Attributes
    ----------
    frames : int
        Number of frames (36 000 are 20 minutes at 30 frames per second).
    pixels_per_frame : int
        Width times height of a frame, stored or shown.
    seconds : float
        Time spent decoding.
    """

    frames: int = 36_000
    pixels_per_frame: int = 8192 * 4608
    seconds: float = 120.0

    def check_size(self, size: Size, name: str) -> None:
        """Raise VideoError if a frame of this size is too large."""
        if size.pixels > self.pixels_per_frame:
            raise VideoError(
                f"{name} has frames of {size} = {size.pixels} pixels, the limit is "
                f"{self.pixels_per_frame}: give a smaller version."
            )

    def check_frames(self, frames: int, name: str) -> None:
        """Raise VideoError if a clip of so many frames is too long."""
        if frames > self.frames:
            raise VideoError(
                f"{name} has at least {frames} frames, the limit is {self.frames}: "
                "cut out the part of interest."
            )


DEFAULT_LIMITS = DecodeLimits()


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """The frames of a file: how many, when, how large; not their pixels.

    Attributes
    ----------
    path : Path
    timestamps_s : (count,) float64
        Time of each frame in the order of decoding, strictly increasing, the first 0.0.
    frame_interval_s : float
        Median time between neighbouring frames.
    height, width : int
        Size as shown, in pixels: turned, and stretched to square pixels.
    warnings : tuple of str
        Sentences about what was wrong with the file; empty for most.
    """

    path: Path
    timestamps_s: npt.NDArray[np.float64]
    frame_interval_s: float
    height: int
    width: int
    warnings: tuple[str, ...]

    @property
    def count(self) -> int:
        """Number of frames."""
        return len(self.timestamps_s)

    @property
    def duration_s(self) -> float:
        """Seconds from the first frame until one interval after the last."""
        return float(self.timestamps_s[-1]) + self.frame_interval_s


def scan(path: str | Path, *, limits: DecodeLimits = DEFAULT_LIMITS) -> Timeline:
    """Decode a file once and tell which frames it has.

    The name means nothing, the content is probed. What decodes is trusted, headers are not. A
    damaged packet is skipped; a missing or disordered set of timestamps is replaced by the frame
    counter and the frame rate. Both leave a warning in the result.

    Parameters
    ----------
    path : str or Path
        A video, or an animated GIF, PNG, WebP or AVIF.
    limits : DecodeLimits

    Returns
    -------
    Timeline

    Raises
    ------
    VideoError
        If the file can't be used, or goes beyond a limit.
    """
    path = Path(path)
    with open_source(path, limits.pixels_per_frame) as source:
        header = source.header
        limits.check_size(Size(header.height, header.width), path.name)
        limits.check_frames(_promised_frames(header), path.name)
        pictures = _walk(source, limits, path.name)
    shown = [picture for picture in pictures if picture is not None]
    lost = len(pictures) - len(shown)
    if not shown:
        raise VideoError(
            f"No frame of {path.name} can be decoded ({lost} damaged packets): the file is "
            "incomplete or broken. Copy or download it again."
        )
    if header.picture and len(shown) == 1:
        raise VideoError(still_picture(path.name, header.picture))
    timing = time_frames([picture.pts for picture in shown], header.time_base, header.rate_fps)
    warnings = (
        _damage(lost, shown),
        _shortfall(header, len(shown), timing.end_s),
        timing.warning,
        _size_changes(shown),
        _high_dynamic_range(shown),
    )
    return Timeline(
        path=path,
        timestamps_s=timing.timestamps_s,
        frame_interval_s=timing.interval_s,
        height=shown[0].size.height,
        width=shown[0].size.width,
        warnings=tuple(warning for warning in warnings if warning),
    )


def read_frames(
    timeline: Timeline,
    indices: Sequence[int] | npt.NDArray[np.int64],
    *,
    longest_side_px: int = 1920,
) -> npt.NDArray[np.uint8]:
    """Decode a file again and keep the pixels of the wanted frames.

    Frames are shown as a player shows them: turned or mirrored, stretched to square pixels, the
    transparent ones composited on black, all of the time line's size. Decoding stops after the last
    wanted frame.

    Parameters
    ----------
    timeline : Timeline
        What `scan` found.
    indices : sequence of int
        Wanted frames, 0 to ``timeline.count - 1``; in any order, any number of times.
    longest_side_px : int
        Larger frames are shrunk to this while they are converted, aspect kept; smaller ones stay.

    Returns
    -------
    (len(indices), H, W, 3) uint8, RGB

    Raises
    ------
    RequestError
        If an index is out of range, or nothing is wanted.
    VideoError
        If the file is no longer what was scanned, or a frame can't be converted.
    """
    wanted = [int(index) for index in indices]
    if not wanted or min(wanted) < 0 or max(wanted) >= timeline.count:
        raise RequestError(
            f"Frames {wanted} were asked for, {timeline.path.name} has frames 0 to "
            f"{timeline.count - 1}."
        )
    if longest_side_px < 1:
        raise RequestError(f"longest_side_px is {longest_side_px}: give 1 or more.")
    size = Size(timeline.height, timeline.width).within(longest_side_px)
    frames = np.empty((len(wanted), size.height, size.width, 3), dtype=np.uint8)
    places: dict[int, list[int]] = {}
    for place, index in enumerate(wanted):
        places.setdefault(index, []).append(place)
    reformatter = VideoReformatter()
    with open_source(timeline.path) as source:
        decoded = (frame for frame in source.frames if frame is not None)
        for index, frame in zip(range(max(wanted) + 1), decoded, strict=False):
            if index in places:
                frames[places.pop(index)] = _pixels(frame, size, reformatter, timeline.path.name)
    if places:
        raise VideoError(
            f"{timeline.path.name} changed after it was scanned: frame {max(places)} of "
            f"{timeline.count} is gone. Open it again."
        )
    return frames


def _pixels(
    frame: av.VideoFrame, size: Size, reformatter: VideoReformatter, name: str
) -> npt.NDArray[np.uint8]:
    try:
        return to_rgb(frame, size, reformatter)
    except DAMAGE as error:
        raise VideoError(
            f"{name} has pixels of a format ({frame.format.name}) that can't be shown: "
            "convert it to h264 mp4."
        ) from error


@dataclass(frozen=True, slots=True)
class _Picture:
    """What `scan` keeps of a decoded frame."""

    pts: int | None
    size: Size
    transfer: int


def _walk(source: Source, limits: DecodeLimits, name: str) -> list[_Picture | None]:
    """Decode everything; None for each packet that couldn't be decoded."""
    deadline = time.monotonic() + limits.seconds
    pictures: list[_Picture | None] = []
    for frame in source.frames:
        if time.monotonic() >= deadline:
            raise VideoError(
                f"Decoding {name} takes longer than the limit of {limits.seconds:g} s (it got to "
                f"frame {len(pictures)}): cut out the part of interest, or give a smaller version."
            )
        if frame is None:
            pictures.append(None)
            continue
        size = shown_size(frame, source.header.pixel_aspect)
        limits.check_size(size, name)
        pictures.append(_Picture(frame.pts, size, frame.color_trc))
        limits.check_frames(len(pictures), name)
    return pictures


def _promised_frames(header: Header) -> int:
    """How many frames the header speaks of; 0 if it doesn't."""
    return header.frames or round((header.duration_s or 0.0) * (header.rate_fps or 0.0))


def _damage(lost: int, shown: list[_Picture]) -> str:
    if not lost:
        return ""
    return (
        "The file is damaged, parts of it can't be decoded and are skipped "
        f"(damaged packets: {lost}; frames left: {len(shown)})."
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


def _size_changes(shown: list[_Picture]) -> str:
    sizes = list(dict.fromkeys(str(picture.size) for picture in shown))
    if len(sizes) == 1:
        return ""
    return f"The frame size changes ({', '.join(sizes[:4])}): every frame is resized to {sizes[0]}."


def _high_dynamic_range(shown: list[_Picture]) -> str:
    curve = _HDR.get(shown[0].transfer)
    return (
        f"The clip is HDR ({curve}) and shown without tone mapping, so it looks flat."
        if curve
        else ""
    )
