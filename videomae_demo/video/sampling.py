"""Which frames of a clip the model gets: pure functions of counts and times.

Time, not frame numbers, is what a model was trained on: 4 frames apart at 30 frames per second is 8
apart at 60. Knows nothing of files, pixels, or checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from videomae_demo.errors import RequestError, shown
from videomae_demo.given import instance, number, whole

# Moments closer than this are the same moment with a rounding error.
_NOISE_S = 1e-6

# No clip has more frames in a second, or more frames; longer numbers are a mistake.
_SHORTEST_S = 0.001
_LARGEST_STEP = 10**30

_EVERY, _UNIFORM = "every:", "uniform:"
_NAMES = {
    "stride": "Sampling by time",
    "every": "Sampling by number",
    "uniform": "Uniform sampling",
}

# This many characters of a text that is no rule are quoted.
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class SamplingRule:
    """How frames are taken from a clip; make one with `stride`, `every`, `uniform` or `parse`.

    ``str(rule)`` is the text that `parse` reads.

    Attributes
    ----------
    kind : {"stride", "every", "uniform"}
        "stride" takes a window of frames at a constant interval of time, "every" a window of frames
        at a constant distance by number, "uniform" spreads them over the whole clip.
    interval_s : float or None
        Seconds between neighbouring frames for "stride", else None.
    step : int or None
        Distance between neighbouring frames by number for "every", else None.
    part : (int, int) or None
        For "uniform": of several such choices between one another, which one, from 0, and how many
        there are.
    """

    kind: Literal["stride", "every", "uniform"]
    interval_s: float | None = None
    step: int | None = None
    part: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.kind not in ("stride", "every", "uniform"):
            raise RequestError(
                f"The sampling rule is {self.kind!r}: give 'stride', 'every' or 'uniform'."
            )
        if self.kind != "stride" and self.interval_s is not None:
            raise RequestError(
                f"{_NAMES[self.kind]} has no interval of time, yet {self.interval_s} s was given: "
                "leave it out."
            )
        if self.kind != "every" and self.step is not None:
            raise RequestError(
                f"{_NAMES[self.kind]} has no step by number, yet {self.step} was given: "
                "leave it out."
            )
        if self.part is not None:
            at, parts = _part(self.part)
            object.__setattr__(self, "part", (at, parts))
            if self.kind != "uniform" or not 0 <= at < parts:
                raise RequestError(
                    f"Part {at + 1} of {parts} of the frames was asked for: only frames spread "
                    "over the clip have parts, counted from 1, for instance uniform:1/2."
                )
        if self.kind == "stride":
            interval_s = number(self.interval_s, "interval between frames")
            if interval_s < _SHORTEST_S:
                raise RequestError(
                    f"The interval between frames is {interval_s:g} s: give {_SHORTEST_S} or more."
                )
            object.__setattr__(self, "interval_s", interval_s)
        if self.kind == "every":
            step = whole(self.step, "step between frames", least=1)
            if step > _LARGEST_STEP:
                raise RequestError(
                    f"The step between frames is {shown(step)}: give {_LARGEST_STEP} or less."
                )
            object.__setattr__(self, "step", step)

    def __str__(self) -> str:
        if self.kind == "every":
            return f"{_EVERY}{self.step}"
        if self.interval_s is not None:
            return repr(float(self.interval_s))
        return "uniform" if self.part is None else f"{_UNIFORM}{self.part[0] + 1}/{self.part[1]}"

    @classmethod
    def stride(cls, interval_s: float) -> SamplingRule:
        """Frames `interval_s` apart; 4/30 s is how VideoMAE was trained on Kinetics-400."""
        return cls("stride", interval_s)

    @classmethod
    def every(cls, step: int) -> SamplingRule:
        """Every `step`-th frame by number, whatever the frame rate, as VideoMAE's own loader does.

        Its ``sampling_rate`` is this step: 4 for Kinetics-400, 2 for Something-Something V2.
        """
        return cls("every", step=step)

    @classmethod
    def uniform(cls, part: tuple[int, int] | None = None) -> SamplingRule:
        """Frames spread over the whole clip, as in fine-tuning on Something-Something V2.

        With a `part`, (which, of how many), those of one of several views: between the frames of
        the first lie those of the others, as in the test of the original code.
        """
        return cls("uniform", part=part)

    @classmethod
    def parse(cls, text: str) -> SamplingRule:
        """Read a rule: ``"0.1333"`` (seconds between frames), ``"every:4"``, or ``"uniform"``.

        Raises
        ------
        RequestError
            If it is none of these, or the number is out of range.
        """
        text = instance(text, str, "text").strip()
        if text == "uniform":
            return cls.uniform()
        try:
            if text.startswith(_UNIFORM):
                at, parts = map(int, text.removeprefix(_UNIFORM).split("/"))
                return cls.uniform((at - 1, parts))
            if text.startswith(_EVERY):
                return cls.every(int(text.removeprefix(_EVERY)))
            return cls.stride(float(text))
        except RequestError:
            raise
        except ValueError:
            quoted = text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
            raise RequestError(
                f"The sampling is {quoted!r}: give the seconds between frames (0.1333), "
                "every:N for every N-th frame by number (every:4), or uniform."
            ) from None


def _part(given: object) -> tuple[int, int]:
    """Return the part of a uniform choice as two plain numbers."""
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) != 2:
        raise RequestError(
            f"The part of the frames is {shown(given)}: give two numbers, (which, of how many)."
        )
    at, parts = (whole(one, "part of the frames", least=-1) for one in given)
    if parts > _LARGEST_STEP:
        raise RequestError(f"There are {shown(parts)} parts: give {_LARGEST_STEP} or less.")
    return at, parts


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

    every: the window starts there too; from there, frames are counted, whatever their times.
    Numbers after the last frame repeat it.

    uniform: the clip is cut into `count` spans of equal time, and the frame on screen at the centre
    of each span is taken. A clip with fewer frames than `count` gives each frame once, in order,
    then repeats the last. Of a part of several, the frame on screen at that part of each span is
    taken: for two parts at its beginning and at its centre.

    Parameters
    ----------
    timestamps_s : (frames,) float64
        Strictly increasing, the first 0.0.
    frame_interval_s : float
        Usual time between frames; the last frame lasts that long.
    count : int
        How many frames are wanted.
    rule : SamplingRule
    start_s : float, optional
        Where the window starts; not with uniform.

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
    if rule.step is not None:
        return _every(timestamps_s, frame_interval_s, count, rule.step, start_s)
    if start_s is not None:
        raise RequestError(
            f"Uniform sampling takes the whole clip, yet a start of {start_s:g} s was given: "
            "leave it out."
        )
    return _uniform(timestamps_s, frame_interval_s, count, rule.part)


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
    interval_s = min(interval_s, duration_s + 1.0)  # no more is needed to leave the clip
    if start_s is None:
        start_s = max(0.0, (last_s - (count - 1) * interval_s) / 2)
    # Start on a frame: from half-way between two, every wanted moment could be a tie.
    first = _first(timestamps_s, duration_s, start_s)
    wanted_s = timestamps_s[first] + interval_s * np.arange(count, dtype=np.float64)
    indices = _nearest(timestamps_s, wanted_s)
    is_after_end = wanted_s > duration_s - _NOISE_S
    repeated = int(np.sum(is_after_end[1:] & (indices[:-1] == last)))
    return FrameChoice(indices, timestamps_s[indices], repeated)


def _every(
    timestamps_s: npt.NDArray[np.float64],
    frame_interval_s: float,
    count: int,
    step: int,
    start_s: float | None,
) -> FrameChoice:
    last = len(timestamps_s) - 1
    step = min(step, last + 1)  # no more is needed to leave the clip
    if start_s is None:
        first = max(0, (last - (count - 1) * step) // 2)
    else:
        first = _first(timestamps_s, float(timestamps_s[last]) + frame_interval_s, start_s)
    wanted = first + step * np.arange(count, dtype=np.int64)
    indices = np.minimum(wanted, last)
    repeated = int(np.sum((wanted[1:] > last) & (indices[:-1] == last)))
    return FrameChoice(indices, timestamps_s[indices], repeated)


def _first(timestamps_s: npt.NDArray[np.float64], duration_s: float, start_s: float) -> int:
    """Return the number of the frame nearest to a window's start, which lies in the clip."""
    if not 0 <= start_s <= duration_s:
        raise RequestError(
            f"The start is {start_s:g} s, the clip is {duration_s:.2f} s long: "
            "give a start inside the clip."
        )
    return int(_nearest(timestamps_s, np.array([start_s]))[0])


def _uniform(
    timestamps_s: npt.NDArray[np.float64],
    frame_interval_s: float,
    count: int,
    part: tuple[int, int] | None = None,
) -> FrameChoice:
    frames = len(timestamps_s)
    if frames < count:
        indices = np.minimum(np.arange(count, dtype=np.int64), frames - 1)
        return FrameChoice(indices, timestamps_s[indices], count - frames)
    duration_s = timestamps_s[-1] + frame_interval_s
    inside = 0.5 if part is None else part[0] / part[1]
    centres_s = (np.arange(count) + inside) * duration_s / count
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


def choice_of_frames(rule: SamplingRule, count: int) -> str:
    """Say how `count` frames are chosen, as part of a sentence."""
    if rule.interval_s is not None:
        return f"{count} frames, one every {1000 * rule.interval_s:.0f} ms"
    if rule.step is not None:
        return f"{count} frames, one of every {rule.step} by number"
    return f"{count} frames spread over the whole clip"
