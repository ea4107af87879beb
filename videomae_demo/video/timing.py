"""When each frame of a clip is shown: by the file's timestamps if they are sound, else by counting.

Pure functions of numbers. Knows nothing of files or pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

# Where a file tells neither times nor a rate.
_ASSUMED_FPS = 25.0


@dataclass(frozen=True, slots=True, eq=False)
class FrameTimes:
    """When frames are shown.

    Attributes
    ----------
    timestamps_s : (count,) float64
        In the order given, strictly increasing, the first 0.0.
    interval_s : float
        Median time between neighbours.
    end_s : float
        One interval after the last frame, on the file's own clock.
    warning : str
        What had to be assumed; "" if nothing.
    """

    timestamps_s: npt.NDArray[np.float64]
    interval_s: float
    end_s: float
    warning: str


def time_frames(
    pts: Sequence[int | None], time_base: Fraction, rate_fps: float | None
) -> FrameTimes:
    """Give each frame its time.

    Parameters
    ----------
    pts : sequence of int or None
        What the file says of each frame, in the order of decoding; not empty.
    time_base : Fraction
        Seconds per unit of pts.
    rate_fps : float or None
        Frames per second by the file's header; None if it says nothing.
    """
    known = [value for value in pts if value is not None]
    units = np.array([value - known[0] for value in known], dtype=np.float64)
    file_s = units * time_base.numerator / time_base.denominator
    steps_s = np.diff(file_s)
    interval_s = 1.0 / (rate_fps or _ASSUMED_FPS)
    if len(known) == len(pts) and bool(np.all(steps_s > 0)):
        if len(steps_s):
            interval_s = float(np.median(steps_s))
        end_s = float(known[-1] * time_base) + interval_s
        return FrameTimes(file_s, interval_s, end_s, "")
    if len(known) < len(pts):
        trouble = f"{len(pts) - len(known)} of {len(pts)} frames have no timestamp"
    else:
        trouble = f"the timestamps stand still or go back {int(np.sum(steps_s <= 0))} times"
    whose = "of the file" if rate_fps else "assumed here"
    return FrameTimes(
        timestamps_s=np.arange(len(pts), dtype=np.float64) * interval_s,
        interval_s=interval_s,
        end_s=len(pts) * interval_s,
        warning=f"The frames are timed by counting, at the {1 / interval_s:.4g} frames per second "
        f"{whose}: {trouble}.",
    )
