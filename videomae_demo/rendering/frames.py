"""Frames as every picture takes them: a named stack, checked, and brought to its size on the page.

Knows nothing of scores, colours or text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from videomae_demo.errors import RequestError

Pixels: TypeAlias = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """Frames that play together, and what they show.

    Parameters
    ----------
    title : str
        A word or two, such as "visible only"; it may be empty.
    frames : (T, H, W, 3) uint8
        RGB, 0 to 255.

    Raises
    ------
    RequestError
        When `frames` is of another shape or type.
    """

    title: str
    frames: Pixels

    def __post_init__(self) -> None:
        check_frames(self.frames)


def check_frames(frames: Pixels) -> None:
    """Raise RequestError unless `frames` is (T, H, W, 3) uint8 with no empty axis."""
    array = np.asarray(frames)
    if array.dtype != np.uint8 or array.ndim != 4 or array.shape[-1] != 3 or not array.size:
        raise RequestError(
            f"Frames must be uint8 RGB of the shape (T, H, W, 3); these are {array.dtype} of "
            f"the shape {array.shape}."
        )


def check_tracks(tracks: Sequence[Track]) -> int:
    """Return how many frames each track has; raise RequestError if they differ or none is given."""
    counts = [len(track.frames) for track in tracks]
    if not counts:
        raise RequestError("There is no track to draw; give at least one.")
    if len(set(counts)) > 1:
        raise RequestError(f"All tracks must have the same number of frames; these have {counts}.")
    return counts[0]


def tubelet_size_of(frames: Pixels, slices: int) -> int:
    """Return how many frames one of `slices` slices of time covers.

    Raises
    ------
    RequestError
        When the frames are not a whole multiple of the slices.
    """
    if slices < 1 or len(frames) % slices:
        raise RequestError(
            f"{len(frames)} frames can't be shared among {slices} slices of time; the number of "
            "frames must be a whole multiple."
        )
    return len(frames) // slices


def resize(frames: Pixels, height: int, width: int) -> Pixels:
    """Bring frames to another size without ringing.

    Shrinking averages the area under each new pixel. Enlarging a whole number of times keeps every
    pixel a sharp square, so that borders of patches stay where they are; other factors are linear
    between pixels. No value goes beyond its neighbours.

    Parameters
    ----------
    frames : (T, H, W, 3) uint8
    height, width : int
        New size in pixels, 1 or more.

    Returns
    -------
    (T, height, width, 3) uint8

    Raises
    ------
    RequestError
        When a size is below 1 or the frames are of another shape or type.
    """
    check_frames(frames)
    if min(height, width) < 1:
        raise RequestError(
            f"Frames can't be resized to {height} x {width} px; both must be 1 or more."
        )
    old_height, old_width = frames.shape[1:3]
    if (old_height, old_width) == (height, width):
        return frames.copy()
    down, across = height // old_height, width // old_width
    whole = (height, width) == (down * old_height, across * old_width)
    shrinks = height <= old_height and width <= old_width
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized = np.empty((len(frames), height, width, 3), dtype=np.uint8)
    for target, frame in zip(resized, frames, strict=True):
        target[:] = (
            np.repeat(np.repeat(frame, down, axis=0), across, axis=1)
            if whole
            else cv2.resize(frame, (width, height), interpolation=method)
        )
    return resized


def to_uint8(frames: NDArray[np.float32]) -> Pixels:
    """Convert pixels in 0..1 to 0..255, rounded."""
    return (frames * 255).round().clip(0, 255).astype(np.uint8)


def to_png(picture: Pixels) -> bytes:
    """Return one (H, W, 3) RGB picture as a PNG file."""
    _, encoded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return encoded.tobytes()


def to_webp(picture: Pixels, quality: int = 80) -> bytes:
    """Return one (H, W, 3) RGB picture as a WebP file, of a quality from 1 to 100."""
    options = [cv2.IMWRITE_WEBP_QUALITY, quality]
    _, encoded = cv2.imencode(".webp", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)
    return encoded.tobytes()


def write_png(path: Path, picture: Pixels) -> Path:
    """Write one (H, W, 3) RGB picture as PNG; return its path."""
    path.write_bytes(to_png(picture))
    return path
