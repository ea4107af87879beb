"""What a file says of its video. Knows nothing of how that is found out, or whether it is true."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from videomae_demo.video.display import PixelAspect


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of its video before anything is decoded; it may be wrong.

    Attributes
    ----------
    time_base : Fraction
        Seconds per unit of a frame's pts.
    width, height : int
        Stored size in pixels, before rotation and pixel aspect; 0 if unknown.
    aspect : PixelAspect
    rate_fps : float or None
        Frames per second.
    frames : int
        Number of frames, edit list considered; 0 if unknown.
    duration_s : float or None
        Time at which the video ends.
    duration_is_stated : bool
        True if the duration was written by the file's author, False if it was worked out from the
        file's end.
    picture : str
        Name of the picture format if such a file with a single frame is a still picture, else "".
    """

    time_base: Fraction
    width: int
    height: int
    aspect: PixelAspect
    rate_fps: float | None
    frames: int
    duration_s: float | None
    duration_is_stated: bool
    picture: str
