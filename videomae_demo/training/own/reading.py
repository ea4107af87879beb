"""From files to the pictures that are trained on: which frames are kept of a clip, and how large.

A clip for training is kept a little larger than the model sees it, in several windows of time, so
that it can be varied. A held-out clip is kept exactly as the model sees it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from videomae_demo.limits import DEFAULT_LIMITS, Limits
from videomae_demo.model.processor import VideoMAEImageProcessor
from videomae_demo.video.reader import read_chosen, scan
from videomae_demo.video.sampling import SamplingRule, choose_frames
from videomae_demo.video.timeline import Timeline

MOST_WINDOWS = 4
"""Of one clip: where it is longer than a window, so many of them are taken, evenly spread."""
ENLARGED = 1.15
"""How much larger than the model's frames those are that are kept for training."""
AROUND = 1.25
"""How much is kept of a wide picture: the part that the model sees, times this."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a clip.

    Attributes
    ----------
    windows : bool
        All its windows of time, or the middle one alone.
    larger : bool
        Larger pictures, to be varied; or exactly what the model sees.
    """

    windows: bool
    larger: bool


VARIED, AS_IT_IS, HELD_OUT = Kept(True, True), Kept(True, False), Kept(False, False)


@dataclass(frozen=True, slots=True, eq=False)
class StoredClip:
    """Frames of one clip.

    Attributes
    ----------
    frames : ndarray
        (n, H, W, 3) uint8, RGB.
    windows : ndarray
        (windows, T) int64: which of the frames each window shows.
    is_short : bool
        Whether the middle window repeats the last frame, because the clip is too short for it.
    """

    frames: NDArray[np.uint8]
    windows: NDArray[np.int64]
    is_short: bool

    @property
    def nbytes(self) -> int:
        """Memory taken, in bytes."""
        return self.frames.nbytes + self.windows.nbytes


class ClipReader:
    """Reads clips as one checkpoint takes them; safe to share between threads.

    Parameters
    ----------
    processor : VideoMAEImageProcessor
        The checkpoint's own.
    count : int
        Frames of a window.
    rule : SamplingRule
        Which frames a window has.
    """

    def __init__(
        self,
        processor: VideoMAEImageProcessor,
        count: int,
        rule: SamplingRule,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self._processor = processor
        self._count = count
        self._rule = rule
        self._limits = limits
        self._enlarged = ENLARGED if processor.do_resize else 1.0

    @property
    def seen(self) -> tuple[int, int]:
        """Height and width of the middle of a larger picture that the model sees if not varied."""
        crop = self._processor.crop_size
        return round(crop["height"] * self._enlarged), round(crop["width"] * self._enlarged)

    def read(self, path: Path, kept: Kept, window: int | None = None) -> StoredClip:
        """Read what is kept of a clip.

        Parameters
        ----------
        path : Path
        kept : Kept
        window : int, optional
            Only this one of its windows.

        Raises
        ------
        VideoError
            When it can't be read.
        """

        def windows(of: Timeline) -> NDArray[np.int64]:
            every = windows_of(of, self._count, self._rule, MOST_WINDOWS if kept.windows else 1)
            return every if window is None else every[window : window + 1]

        timeline, frames = read_chosen(
            scan(path, limits=self._limits), lambda of: np.unique(windows(of)), limits=self._limits
        )
        wanted = windows(timeline)
        places = np.searchsorted(np.unique(wanted), wanted)
        pictures = self._larger(frames) if kept.larger else _processed(self._processor, frames)
        return StoredClip(pictures, places, self._is_short(timeline))

    def _is_short(self, timeline: Timeline) -> bool:
        times_s, interval_s = timeline.timestamps_s, timeline.frame_interval_s
        return choose_frames(times_s, interval_s, self._count, self._rule).repeated > 0

    def _larger(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Resize frames as the processor does, but larger; cut off what is far from its crop."""
        size = {name: round(side * self._enlarged) for name, side in self._processor.size.items()}
        resized = _processed(self._processor, frames, size=size, do_center_crop=False)
        kept = [
            max(seen, min(there, round(seen * AROUND)))
            for seen, there in zip(self.seen, resized.shape[1:3], strict=True)
        ]
        return _processed(self._processor, resized, do_resize=False, crop_size=tuple(kept))


def windows_of(timeline: Timeline, count: int, rule: SamplingRule, most: int) -> NDArray[np.int64]:
    """Choose the windows of a clip, spread evenly from its beginning to its end.

    Sampling over the whole clip has no window to move: its frames are moved between one another.

    Parameters
    ----------
    most : int
        At most so many windows; 1: the middle one.

    Returns
    -------
    ndarray
        (windows, count) int64: frame numbers.
    """
    times_s, interval_s = timeline.timestamps_s, timeline.frame_interval_s
    chosen: list[NDArray[np.int64]] = []
    if most > 1 and rule.kind == "uniform":
        parts = 1 if rule.part else min(most, len(times_s) // count)
        rules = [SamplingRule.uniform((part, parts)) for part in range(parts)]
        if parts > 1:
            chosen = [choose_frames(times_s, interval_s, count, one).indices for one in rules]
    elif most > 1:
        step_s = rule.interval_s or (rule.step or 1) * interval_s
        room_s = float(times_s[-1]) - (count - 1) * step_s
        windows = min(most, 1 + round(room_s / interval_s)) if room_s > 0 else 1
        starts = np.linspace(0, room_s, windows).tolist() if windows > 1 else []
        chosen = [
            choose_frames(times_s, interval_s, count, rule, start_s).indices for start_s in starts
        ]
    return np.stack(chosen or [choose_frames(times_s, interval_s, count, rule).indices])


def _processed(
    processor: VideoMAEImageProcessor, frames: NDArray[np.uint8], **changes: object
) -> NDArray[np.uint8]:
    """Resize and crop (T, H, W, 3) frames by the processor, and leave them bytes."""
    done: NDArray[np.uint8] = processor(
        frames,
        return_tensors="np",
        data_format="channels_last",
        input_data_format="channels_last",
        do_rescale=False,
        do_normalize=False,
        **changes,
    ).pixel_values[0]
    return done
