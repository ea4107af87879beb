"""Reads clips for the rest of the project: `scan` and `read_frames`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from videomae_demo.limits import DEFAULT_LIMITS, Limits
from videomae_demo.video import decode
from videomae_demo.video.timeline import Timeline


def scan(
    path: str | Path,
    *,
    limits: Limits = DEFAULT_LIMITS,
    seek: bool = True,
    stored_pixels: bool = False,
) -> Timeline:
    """Tell which frames a file has; see `videomae_demo.video.decode.scan`."""
    return decode.scan(path, limits=limits, seek=seek, stored_pixels=stored_pixels)


def read_frames(
    timeline: Timeline,
    indices: Sequence[int] | npt.NDArray[np.int64],
    *,
    longest_side_px: int = 1920,
    limits: Limits = DEFAULT_LIMITS,
) -> npt.NDArray[np.uint8]:
    """Decode the wanted frames; see `videomae_demo.video.decode.read_frames`."""
    return decode.read_frames(timeline, indices, longest_side_px=longest_side_px, limits=limits)
