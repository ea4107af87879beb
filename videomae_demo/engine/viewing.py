"""Many views of one clip, as a stream: what the recogniser says of each.

Passes run together as far as memory allows, and the logits of each are kept.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from videomae_demo.engine.batches import grown, run_batches
from videomae_demo.engine.clips import ClipRequest
from videomae_demo.engine.engine import Engine
from videomae_demo.engine.known import first_known
from videomae_demo.engine.roles import usual_sampling
from videomae_demo.errors import RequestError
from videomae_demo.video.sampling import SamplingRule
from videomae_demo.video.views import Views


@dataclass(frozen=True, slots=True)
class View:
    """One view: which window and which crop, counted from 1, and the request that opens it."""

    window: int
    crop: int
    request: ClipRequest


def views_of(engine: Engine, clip: ClipRequest, views: Views) -> list[View]:
    """Return the views of a clip, window by window.

    Windows lie evenly over the clip: of frames at a distance, the first begins with the clip, and
    the last ends with it; frames that are spread over the clip lie between one another. One window
    is the usual one. Crops of square frames are all the same, so there is only one.

    Raises
    ------
    RequestError
        When the clip has a start or a change of its own.
    VideoError
        When it can't be read.
    """
    if clip.start_s is not None or clip.change is not None:
        own = "start" if clip.start_s is not None else "change"
        raise RequestError(f"The clip has a {own} of its own, and views choose it: leave it out.")
    seen = engine.prepare(clip, engine.recogniser).clip
    height, width = seen.source_size
    crops = views.crop_changes() if height != width else [None]
    return [
        View(window + 1, crop + 1, replace(request, change=change))
        for window, request in enumerate(_windows(engine, clip, views.windows))
        for crop, change in enumerate(crops)
    ]


def _windows(engine: Engine, clip: ClipRequest, count: int) -> list[ClipRequest]:
    if count == 1:
        return [clip]
    rule = clip.sampling or usual_sampling(engine.weights)
    if rule.kind == "uniform":
        parts = [SamplingRule.uniform((part, count)) for part in range(count)]
        return [replace(clip, sampling=part) for part in parts]
    times_s, frames = engine.timeline(clip).timestamps_s, engine.recogniser.card.frame_count
    if rule.step is not None:
        # As the original code: of the frames that may be taken, windows begin with every so many.
        taken = times_s[:: rule.step]
        apart = max(0.0, (len(taken) - frames) / (count - 1))
        starts = [float(taken[int(window * apart)]) for window in range(count)]
    else:
        assert rule.interval_s is not None
        room_s = max(0.0, float(times_s[-1]) - (frames - 1) * rule.interval_s)
        starts = [room_s * window / (count - 1) for window in range(count)]
    return [replace(clip, start_s=start_s) for start_s in starts]


def view_logits(
    engine: Engine, clip: ClipRequest, views: list[View]
) -> Iterator[NDArray[np.float32]]:
    """Run the recogniser on each view; yield the logits known by now, (views so far, labels).

    What is yielded looks at one array; see `batches.grown`. Errors as in `Engine.recognise`; also a
    CheckpointError where it knows no labels.
    """
    engine.check_labels()
    recogniser = engine.recogniser
    base = engine.prepare(clip, recogniser)

    def read(batch: Sequence[View]) -> NDArray[np.float32]:
        inputs = [engine.prepare(view.request, recogniser).pixel_values for view in batch]
        return np.concatenate([values.numpy() for values in inputs])

    key = partial(_key, base.key)
    yield from grown(run_batches(engine, views, read, key), len(views))


def known_logits(engine: Engine, clip: ClipRequest, views: list[View]) -> NDArray[np.float32]:
    """Return the logits of the first views, as far as they are known: (views, labels).

    No pass is run for them. Errors as in `view_logits`.
    """
    engine.check_labels()
    base = engine.prepare(clip, engine.recogniser).key
    return first_known(engine, (_key(base, view) for view in views))


def _key(base: Hashable, view: View) -> Hashable:
    """Name what is kept of a view; `base` names the clip and the checkpoint."""
    return "viewed", base, view.request
