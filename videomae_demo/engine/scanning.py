"""Many windows of one clip, from its beginning to its end, as a stream.

The file is read once, a few windows at a time, so that memory stays flat however long it is; passes
run together as far as memory allows, and the logits of each window are kept: who asks again after
a Cancel goes on where it ended.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from videomae_demo.engine.batches import grown, run_batches
from videomae_demo.engine.clips import ClipRequest, pixel_values_of
from videomae_demo.engine.engine import Engine
from videomae_demo.engine.known import first_known
from videomae_demo.engine.roles import usual_sampling
from videomae_demo.errors import RequestError
from videomae_demo.video.reader import read_chosen
from videomae_demo.video.sampling import FrameChoice, SamplingRule, choose_frames
from videomae_demo.video.timeline import Timeline

MOST_WINDOWS = 20_000
READ_BYTES = 2**27
"""Frames that are held at once, beside those of one window."""


def window_starts(
    engine: Engine, clip: ClipRequest, hop_s: float | None = None, count: int | None = None
) -> NDArray[np.float64]:
    """Return where windows begin, in seconds: (windows,) rising.

    Parameters
    ----------
    hop_s : float, optional
        From the beginning of one to that of the next; default: half a window.
    count : int, optional
        How many, from the first to the last possible one; instead of a hop.

    Raises
    ------
    RequestError
        When the frames are spread over the whole clip, the clip has a start of its own, both a hop
        and a count are given, or there would be more than `MOST_WINDOWS`.
    VideoError
        When the clip can't be read.
    """
    rule = _rule(engine, clip)
    if clip.start_s is not None:
        raise RequestError(
            "The clip has a start of its own, and the windows have theirs: leave it."
        )
    if hop_s is not None and count is not None:
        raise RequestError("Both a hop and a number of windows are given; give one of them.")
    timeline = engine.timeline(clip)
    length_s = _length_s(rule, engine.recogniser.card.frame_count, timeline)
    room_s = max(0.0, float(timeline.timestamps_s[-1]) - length_s)
    if count is not None:
        if not 1 <= count <= MOST_WINDOWS:
            raise RequestError(f"{count} windows were asked for; give 1 to {MOST_WINDOWS}.")
        return np.linspace(0, room_s, count)
    hop_s = length_s / 2 if hop_s is None else hop_s
    if not hop_s > 0 or room_s / hop_s >= MOST_WINDOWS:
        raise RequestError(
            f"A hop of {hop_s:g} s makes no number of windows up to {MOST_WINDOWS}; give another."
        )
    return np.arange(0, room_s + 1e-6, hop_s)


def window_length_s(engine: Engine, clip: ClipRequest) -> float:
    """Return how long a window is, from its first frame to its last, in seconds."""
    timeline = engine.timeline(clip)
    return _length_s(_rule(engine, clip), engine.recogniser.card.frame_count, timeline)


def scan_windows(
    engine: Engine, clip: ClipRequest, starts_s: NDArray[np.float64]
) -> Iterator[NDArray[np.float32]]:
    """Run the recogniser on each window; yield the logits known by now, (windows so far, labels).

    What is yielded looks at one array; see `batches.grown`. Errors as in `Engine.recognise`; also a
    CheckpointError where it knows no labels.
    """
    engine.check_labels()
    rule, base = _rule(engine, clip), engine.prepare(clip, engine.recogniser)
    read, key = partial(_read, engine, clip, rule), partial(_key, base.key, rule)
    starts = [float(start_s) for start_s in starts_s]
    yield from grown(run_batches(engine, starts, read, key), len(starts))


def known_windows(
    engine: Engine, clip: ClipRequest, starts_s: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return the logits of the first windows, as far as they are known: (windows, labels).

    No pass is run for them. Errors as in `scan_windows`.
    """
    engine.check_labels()
    key = partial(_key, engine.prepare(clip, engine.recogniser).key, _rule(engine, clip))
    return first_known(engine, (key(float(start_s)) for start_s in starts_s))


def _key(base: Hashable, rule: SamplingRule, start_s: float) -> Hashable:
    """Name what is kept of a window; `base` names the clip and the checkpoint."""
    return "window", base, rule, round(start_s, 6)


def _read(
    engine: Engine, clip: ClipRequest, rule: SamplingRule, starts_s: Sequence[float]
) -> NDArray[np.float32]:
    """Return what the recogniser gets of some windows, (n, T, C, H, W)."""
    card, processor = engine.recogniser.card, engine.recogniser.processor
    timeline = engine.timeline(clip)
    inputs = []
    for group in _groups(timeline, card.frame_count, starts_s):
        choose = partial(_choose, starts_s=group, count=card.frame_count, rule=rule)
        wanted = partial(_wanted, starts_s=group, count=card.frame_count, rule=rule)
        found, frames = read_chosen(timeline, wanted, limits=engine.limits)
        numbers = wanted(found)
        for choice in choose(found):
            window = frames[np.searchsorted(numbers, choice.indices)]
            if clip.change is not None:
                window = clip.change.apply(window, card.tubelet_size)
            inputs.append(pixel_values_of(processor, window).numpy())
    return np.concatenate(inputs)


def _choose(
    timeline: Timeline, *, starts_s: Sequence[float], count: int, rule: SamplingRule
) -> list[FrameChoice]:
    """Choose the frames of each window."""
    times_s, interval_s = timeline.timestamps_s, timeline.frame_interval_s
    return [choose_frames(times_s, interval_s, count, rule, start_s) for start_s in starts_s]


def _wanted(
    timeline: Timeline, *, starts_s: Sequence[float], count: int, rule: SamplingRule
) -> NDArray[np.int64]:
    """Return the numbers of the frames of all windows, each once, rising."""
    choices = _choose(timeline, starts_s=starts_s, count=count, rule=rule)
    return np.unique(np.concatenate([choice.indices for choice in choices]))


def _groups(timeline: Timeline, frames: int, starts_s: Sequence[float]) -> list[Sequence[float]]:
    """Cut windows into groups whose frames may be held at once."""
    of_window = frames * timeline.height * timeline.width * 3
    size = max(1, READ_BYTES // of_window)
    return [starts_s[first : first + size] for first in range(0, len(starts_s), size)]


def _rule(engine: Engine, clip: ClipRequest) -> SamplingRule:
    rule = clip.sampling or usual_sampling(engine.weights)
    if rule.kind == "uniform":
        raise RequestError(
            "The frames are spread over the whole clip, so it has no windows; choose frames by "
            "time or by number, for instance a sampling of 0.1333."
        )
    return rule


def _length_s(rule: SamplingRule, frames: int, timeline: Timeline) -> float:
    apart_s = rule.interval_s or (rule.step or 1) * timeline.frame_interval_s
    return (frames - 1) * apart_s
