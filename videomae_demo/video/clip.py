"""The frames a model gets from a clip, and where they come from: decoding and sampling together.

Knows nothing of models: the caller says how many frames, and by which rule.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from videomae_demo.limits import DEFAULT_LIMITS, Limits
from videomae_demo.video.reader import read_chosen
from videomae_demo.video.sampling import FrameChoice, SamplingRule, choose_frames
from videomae_demo.video.timeline import Timeline


@dataclass(frozen=True, slots=True, eq=False)
class SampledClip:
    """Chosen frames of a clip.

    Attributes
    ----------
    frames : (T, H, W, 3) uint8, RGB
        As a player shows them.
    indices : (T,) int64
        Their numbers in the clip.
    timestamps_s : (T,) float64
        Their times in the clip.
    repeated : int
        How many at the end repeat the last frame because the clip is too short.
    timeline : Timeline
        The whole clip.
    """

    frames: npt.NDArray[np.uint8]
    indices: npt.NDArray[np.int64]
    timestamps_s: npt.NDArray[np.float64]
    repeated: int
    timeline: Timeline

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that a person must see: what is wrong with the file, which frames repeat."""
        notes = self.timeline.warnings
        count = len(self.indices)
        if self.repeated:
            notes += (
                f"The clip is too short for {count} different frames by this rule; "
                f"at the end, repeats of its last frame: {self.repeated}.",
            )
        doubled = count - len(np.unique(self.indices)) - self.repeated
        if doubled:
            notes += (
                f"The clip has fewer frames per second than this rule asks for; "
                f"of {count} frames, the same as the one before: {doubled}.",
            )
        return notes


def sample_clip(
    timeline: Timeline,
    count: int,
    rule: SamplingRule,
    start_s: float | None = None,
    *,
    limits: Limits = DEFAULT_LIMITS,
) -> SampledClip:
    """Choose frames and read them.

    If seeking in a long file gives wrong frames, all of it is decoded, and frames are chosen anew.

    Parameters
    ----------
    timeline : Timeline
        What `scan` found.
    count : int
        How many frames.
    rule : SamplingRule
    start_s : float, optional
        Where the window starts, with stride sampling; by default it lies in the middle of the clip.
    limits : Limits

    Raises
    ------
    RequestError
        If the arguments don't fit the clip or each other; see `choose_frames`.
    VideoError
        If the frames can't be read; see `read_frames`.
    """

    def choose(of: Timeline) -> FrameChoice:
        return choose_frames(of.timestamps_s, of.frame_interval_s, count, rule, start_s)

    found, frames = read_chosen(timeline, lambda of: choose(of).indices, limits=limits)
    choice = choose(found)
    return SampledClip(
        frames=frames,
        indices=choice.indices,
        timestamps_s=choice.timestamps_s,
        repeated=choice.repeated,
        timeline=found,
    )
