"""Many changes of one clip, as a stream: what the recogniser says of each.

Which probes there are depends on the clip and on how its frames are chosen. Passes run together as
far as memory allows, and the logits of each are kept.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from videomae_demo.engine.batches import grown, run_batches
from videomae_demo.engine.clips import ClipRequest, PreparedClip
from videomae_demo.engine.engine import Engine
from videomae_demo.engine.roles import usual_sampling
from videomae_demo.errors import RequestError
from videomae_demo.video.changes import ClipChange
from videomae_demo.video.sampling import SamplingRule

SEEDS = (0, 1, 2)
"""Of the shuffled moments."""
_IN_ORDER = ("backwards", "shuffled", "frozen")
"""Kinds of changes that move frames alone: the prepared pixels are moved, no frame is read anew."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One change to try.

    Attributes
    ----------
    name : str
        For instance "backwards", "frozen:3", "half interval".
    group : str
        order, frame, pace, window, or look.
    title : str
        In words that can follow "The clip ...".
    request : ClipRequest
        What opens the changed clip in any other lens.
    """

    name: str
    group: str
    title: str
    request: ClipRequest


@dataclass(frozen=True, slots=True)
class LeftOutProbe:
    """A probe that this clip does not have, and why, as a sentence."""

    name: str
    why: str


def probes_of(
    engine: Engine, clip: ClipRequest
) -> tuple[tuple[Probe, ...], tuple[LeftOutProbe, ...]]:
    """Return which probes a clip has, and which it can't have.

    Raises
    ------
    RequestError
        When the clip is changed already.
    VideoError
        When it can't be read.
    """
    if clip.change is not None:
        raise RequestError(
            f"The clip is changed already ({clip.change.title}), and each probe changes it in its "
            "own way; ask about the clip as it is."
        )
    seen = engine.prepare(clip, engine.recogniser).clip
    count = len(seen.indices)
    changes = [
        ("order", ClipChange("backwards")),
        *(("order", ClipChange("shuffled", seed)) for seed in SEEDS),
        *(("frame", ClipChange("frozen", frame)) for frame in range(count)),
        ("look", ClipChange("mirrored")),
        ("look", ClipChange("grey")),
    ]
    left_out = []
    if seen.source_size[0] != seen.source_size[1]:
        changes += [("look", ClipChange("left")), ("look", ClipChange("right"))]
    else:
        left_out.append(LeftOutProbe("left", "The frames are square, so there are no ends to cut."))
    found = [
        Probe(str(change), group, change.title, replace(clip, change=change))
        for group, change in changes
    ]
    for probes, missing in (_paces(engine, clip), _windows(engine, clip)):
        found += probes
        left_out += missing
    return tuple(found), tuple(left_out)


def _paces(engine: Engine, clip: ClipRequest) -> tuple[list[Probe], list[LeftOutProbe]]:
    """Return the same moment at half and at double the interval between frames."""
    rule = clip.sampling or usual_sampling(engine.weights)
    half: SamplingRule | None
    double: SamplingRule | None
    if rule.interval_s is not None:
        half, double = (SamplingRule.stride(rule.interval_s * by) for by in (0.5, 2.0))
    elif rule.step is not None:
        half = SamplingRule.every(rule.step // 2) if rule.step % 2 == 0 else None
        double = SamplingRule.every(rule.step * 2)
    else:
        why = "The frames are spread over the whole clip, so their pace can't be changed."
        return [], [LeftOutProbe("pace", why)]
    probes, missing = [], []
    for name, times, other in (
        ("half interval", "half", half),
        ("double interval", "twice", double),
    ):
        if other is None:
            why = f"Every {rule.step}. frame can't be halved, for there is no frame between."
            missing.append(LeftOutProbe(name, why))
            continue
        # A window that is in the middle stays there; one that was chosen keeps its start.
        request = replace(clip, sampling=other)
        if engine.prepare(request, engine.recogniser).clip.repeated:
            why = (
                f"The clip is too short for {times} the time between frames: its end would repeat."
            )
            missing.append(LeftOutProbe(name, why))
        else:
            probes.append(Probe(name, "pace", f"with {times} the time between frames", request))
    return probes, missing


def _windows(engine: Engine, clip: ClipRequest) -> tuple[list[Probe], list[LeftOutProbe]]:
    """Return the same window at the beginning, in the middle and at the end of the clip."""
    rule = clip.sampling or usual_sampling(engine.weights)
    if rule.kind == "uniform":
        return [], [LeftOutProbe("window", "The window is the whole clip, so there is no other.")]
    seen = engine.prepare(replace(clip, start_s=0.0), engine.recogniser).clip
    last_s = float(engine.overview(clip).timestamps_s[-1])
    room_s = last_s - float(seen.timestamps_s[-1])
    if seen.repeated or room_s <= 0:
        return [], [LeftOutProbe("window", "The window is the whole clip, so there is no other.")]
    starts = {"first window": 0.0, "middle window": None, "last window": room_s}
    return [
        Probe(name, "window", f"in its {name}", replace(clip, start_s=start))
        for name, start in starts.items()
    ], []


def known_probes(
    engine: Engine, clip: ClipRequest, probes: Sequence[Probe]
) -> dict[str, NDArray[np.float32]]:
    """Return the logits of probes that ran already, by name. Errors as in `probe`."""
    base = engine.prepare(clip, engine.recogniser)
    kept = {one.name: engine.known(_key(base, one)) for one in probes}
    return {name: logits for name, logits in kept.items() if logits is not None}


def probe(
    engine: Engine, clip: ClipRequest, probes: Sequence[Probe]
) -> Iterator[dict[str, NDArray[np.float32]]]:
    """Run the recogniser on each probe; yield the logits, (labels,), known by now, by name.

    Raises
    ------
    CheckpointError
        When the recogniser knows no labels, or gives values that are not finite.
    RequestError, VideoError
        When a clip can't be read, or a request does not fit it.
    """
    engine.check_labels()
    base = engine.prepare(clip, engine.recogniser)
    found = known_probes(engine, clip, probes)
    waiting = [one for one in probes if one.name not in found]
    if found or not waiting:
        yield dict(found)

    def read(batch: Sequence[Probe]) -> NDArray[np.float32]:
        return np.concatenate([_pixels(engine, base, one) for one in batch])

    parts = run_batches(engine, waiting, read, partial(_key, base))
    for rows in grown(parts, len(waiting)):
        yield found | {one.name: row for one, row in zip(waiting, rows, strict=False)}


def _pixels(engine: Engine, base: PreparedClip, one: Probe) -> NDArray[np.float32]:
    """Return what the recogniser gets, (1, T, C, H, W)."""
    change = one.request.change
    values: torch.Tensor
    if change is not None and change.kind in _IN_ORDER:
        count = base.pixel_values.shape[1]
        order = change.order(count, engine.recogniser.card.tubelet_size)
        values = base.pixel_values[:, torch.from_numpy(order)]
    else:
        values = engine.prepare(one.request, engine.recogniser).pixel_values
    return values.numpy()


def _key(base: PreparedClip, one: Probe) -> Hashable:
    return "probed", base.key, one.name
