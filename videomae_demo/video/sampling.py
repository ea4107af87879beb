"""Which frames of a clip the model gets: pure functions of counts and times.

Time, not frame numbers, is what a model was trained on: 4 frames apart at 30 frames per second is 8
apart at 60. Knows nothing of files, pixels, or checkpoints.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from videomae_demo.errors import RequestError

# Moments closer than this are the same moment with a rounding error.
_NOISE_S = 1e-6


@dataclass(frozen=True, slots=True)
class SamplingRule:
    """How frames are taken from a clip; make one with `stride` or `uniform`.

    Attributes
    ----------
    kind : {"stride", "uniform"}
        "stride" takes a window of frames at a constant interval of time, "uniform" spreads them
        over the whole clip.
    interval_s : float or None
        Seconds between neighbouring frames for "stride", None for "uniform".
    """

    kind: Literal["stride", "uniform"]
    interval_s: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in ("stride", "uniform"):
            raise RequestError(f"The sampling rule is {self.kind!r}: give 'stride' or 'uniform'.")
        if self.kind == "uniform" and self.interval_s is not None:
            raise RequestError(
                f"Uniform sampling has no interval, yet {self.interval_s} s was given: "
                "leave it out."
            )
        if self.kind == "stride" and not (
            self.interval_s is not None and 0 < self.interval_s < math.inf
        ):
            raise RequestError(
                f"The interval between frames is {self.interval_s} s: give a positive number."
            )

    @classmethod
    def stride(cls, interval_s: float) -> SamplingRule:
        """Frames `interval_s` apart; 4/30 s is how VideoMAE was trained on Kinetics-400."""
        return cls("stride", interval_s)

    @classmethod
    def uniform(cls) -> SamplingRule:
        """Frames spread over the whole clip, as in fine-tuning on Something-Something V2."""
        return cls("uniform")

    def describe(self, count: int) -> str:
        """Say in one sentence what the rule does with `count` frames."""
        if self.interval_s is None:
            return f"{count} frames spread evenly over the whole clip."
        window_s = (count - 1) * self.interval_s
        return (
            f"{count} frames, one every {1000 * self.interval_s:.0f} ms: "
            f"a window of {window_s:.1f} s."
        )


@dataclass(frozen=True, slots=True, eq=False)
class FrameChoice:
    """The frames that were chosen.

    Attributes
    ----------
    indices : (count,) int64
        Numbers of the frames, never decreasing.
    timestamps_s : (count,) float64
        Their times in the clip.
    repeated : int
        How many at the end repeat the last frame because the clip is too short.
    """

    indices: npt.NDArray[np.int64]
    timestamps_s: npt.NDArray[np.float64]
    repeated: int


def choose_frames(
    timestamps_s: npt.NDArray[np.float64],
    frame_interval_s: float,
    count: int,
    rule: SamplingRule,
    start_s: float | None = None,
) -> FrameChoice:
    """Choose `count` frames of a clip.

    stride: the window starts at the frame nearest to `start_s` (by default, where the window lies
    in the middle of the clip); from there, each frame is the one nearest in time to the wanted
    moment. Moments after the last frame repeat it, which is how the test protocol of Kinetics-400
    pads short clips.

    uniform: the clip is cut into `count` spans of equal time, and the frame on screen at the centre
    of each span is taken. A clip with fewer frames than `count` gives each frame once, in order,
    then repeats the last.

    Parameters
    ----------
    timestamps_s : (frames,) float64
        Strictly increasing, the first 0.0.
    frame_interval_s : float
        Usual time between frames; the last frame lasts so long.
    count : int
        How many frames are wanted.
    rule : SamplingRule
    start_s : float, optional
        Where the window starts; with stride only.

    Raises
    ------
    RequestError
        If `count` is not positive, `start_s` lies outside the clip, or comes with uniform sampling.
    """
    if count < 1:
        raise RequestError(f"{count} frames were asked for: give 1 or more.")
    if len(timestamps_s) == 0:
        raise RequestError("There are no frames to choose from.")
    if rule.interval_s is not None:
        return _stride(timestamps_s, frame_interval_s, count, rule.interval_s, start_s)
    if start_s is not None:
        raise RequestError(
            f"Uniform sampling takes the whole clip, yet a start of {start_s:g} s was given: "
            "leave it out."
        )
    return _uniform(timestamps_s, frame_interval_s, count)


def _stride(
    timestamps_s: npt.NDArray[np.float64],
    frame_interval_s: float,
    count: int,
    interval_s: float,
    start_s: float | None,
) -> FrameChoice:
    last = len(timestamps_s) - 1
    last_s = float(timestamps_s[last])
    duration_s = last_s + frame_interval_s
    if start_s is None:
        start_s = max(0.0, (last_s - (count - 1) * interval_s) / 2)
    elif not 0 <= start_s <= duration_s:
        raise RequestError(
            f"The start is {start_s:g} s, the clip is {duration_s:.2f} s long: "
            "give a start inside the clip."
        )
    # Start on a frame: from half-way between two, every wanted moment could be a tie.
    first = _nearest(timestamps_s, np.array([start_s]))[0]
    wanted_s = timestamps_s[first] + interval_s * np.arange(count, dtype=np.float64)
    indices = _nearest(timestamps_s, wanted_s)
    is_after_end = wanted_s > duration_s - _NOISE_S
    repeated = int(np.sum(is_after_end[1:] & (indices[:-1] == last)))
    return FrameChoice(indices, timestamps_s[indices], repeated)


def _uniform(
    timestamps_s: npt.NDArray[np.float64], frame_interval_s: float, count: int
) -> FrameChoice:
    frames = len(timestamps_s)
    if frames < count:
        indices = np.minimum(np.arange(count, dtype=np.int64), frames - 1)
        return FrameChoice(indices, timestamps_s[indices], count - frames)
    duration_s = timestamps_s[-1] + frame_interval_s
    centres_s = (np.arange(count) + 0.5) * duration_s / count
    begun = np.searchsorted(timestamps_s, centres_s + _NOISE_S, side="right")
    indices = begun.astype(np.int64) - 1
    return FrameChoice(indices, timestamps_s[indices], 0)


def _nearest(
    timestamps_s: npt.NDArray[np.float64], wanted_s: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    """Index of the frame nearest to each moment; the earlier of two at the same distance."""
    after = np.clip(np.searchsorted(timestamps_s, wanted_s), 0, len(timestamps_s) - 1)
    before = np.maximum(after - 1, 0)
    later = timestamps_s[after] - wanted_s < wanted_s - timestamps_s[before] - _NOISE_S
    return np.where(later, after, before).astype(np.int64)
