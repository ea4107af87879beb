"""From clips to rows: what the recogniser says of each, of its changes, and of its label.

Owns the plan of passes per clip and the numbers of a row. Works on chunks of clips: a chunk gives
the same rows wherever and whenever it is judged on machines of one kind.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from videomae_demo.analysis.classification import Classification
from videomae_demo.analysis.dropping import probabilities
from videomae_demo.dataset.listing import Item
from videomae_demo.dataset.naming import Naming
from videomae_demo.dataset.rows import TOP, Row
from videomae_demo.engine import many
from videomae_demo.engine.clips import ClipRequest
from videomae_demo.engine.engine import Engine
from videomae_demo.engine.many import Planned, recognise_chunks
from videomae_demo.engine.viewing import views_of
from videomae_demo.lenses.named_views import mean_of
from videomae_demo.video.changes import ClipChange
from videomae_demo.video.sampling import SamplingRule
from videomae_demo.video.views import Views

CHANGES = (ClipChange("backwards"), ClipChange("frozen"))


@dataclass(frozen=True, slots=True)
class Judging:
    """What is asked of each clip.

    Attributes
    ----------
    views : Views
        Windows and crops whose mean counts.
    sampling : SamplingRule, optional
        Which frames are taken; default: the checkpoint's.
    changes : bool
        Whether the middle window is also played backwards and frozen: two passes more.
    """

    views: Views = field(default_factory=lambda: Views(1, 1))
    sampling: SamplingRule | None = None
    changes: bool = True

    @property
    def most_passes(self) -> int:
        """How many passes a clip takes; fewer, if its frames are square."""
        views = self.views.windows * self.views.crops
        return views + (len(CHANGES) + (views > 1) if self.changes else 0)


def chunk_size(engine: Engine, judging: Judging) -> int:
    """Return how many clips are judged together; see `many.chunk_size`."""
    return many.chunk_size(engine, judging.most_passes)


def judge(
    engine: Engine, items: Sequence[Item], naming: Naming, judging: Judging, chunk: int
) -> Iterator[list[Row]]:
    """Judge clips; yield the rows of one chunk after another, in order.

    Clips of the next chunk are read while the recogniser works on this one. A clip that can't be
    read is a row with its error.

    Raises
    ------
    CheckpointError
        When the recogniser knows no labels, or gives values that are not finite.
    Cancelled
        When nobody waits any more.
    """
    engine.check_labels()
    engine = engine.for_many()

    def plan(engine: Engine, request: ClipRequest) -> list[ClipRequest]:
        return passes_of(engine, request, judging)

    requests = (ClipRequest(item.path, sampling=judging.sampling) for item in items)
    left = iter(items)
    for found in recognise_chunks(engine, requests, plan, chunk=chunk):
        yield [
            _row(engine, item, planned, logits, naming, judging)
            for (planned, logits), item in zip(found, left, strict=False)
        ]


def passes_of(engine: Engine, request: ClipRequest, judging: Judging) -> list[ClipRequest]:
    """Return the views of a clip, and then its middle window: as it is, backwards, frozen.

    One view is the middle window as it is.
    """
    asked = [view.request for view in views_of(engine, request, judging.views)]
    if judging.changes:
        whole = replace(asked[len(asked) // 2], change=None)
        asked += [whole] if len(asked) > 1 else []
        asked += [replace(whole, change=change) for change in CHANGES]
    return asked


def _row(
    engine: Engine,
    item: Item,
    planned: Planned,
    logits: NDArray[np.float32],
    naming: Naming,
    judging: Judging,
) -> Row:
    if planned.error is not None:
        return row_of_failed(item, naming, str(planned.error))
    true = _meant(item, naming)
    named = engine.recogniser.model.config.id2label
    labels = tuple(named[index] for index in range(logits.shape[1]))
    each = [Classification(labels, one, probabilities(one)) for one in logits.astype(np.float64)]
    views, changed = each, each[len(each) :]
    if judging.changes:
        changed = each[-1 - len(CHANGES) :]
        views = each[: -len(changed)] or each[:1]
    found = views[0] if len(views) == 1 else mean_of(views)
    score = None if true is None else found.find(true)
    clip = planned.clips[-len(changed) if changed else len(views) // 2]
    lost_backwards, lost_frozen = _lost(changed)
    return Row(
        item.name,
        item.label,
        true,
        tuple((one.label, one.probability) for one in found.top(TOP)),
        probability=None if score is None else score.probability,
        rank=None if score is None else score.rank,
        margin=_margin(found, None if score is None else score.index),
        entropy=found.entropy,
        mistakenness=None if score is None else mistakenness(found, score.rank == 1),
        motion=motion(clip.as_given(engine.recogniser.processor)),
        lost_backwards=lost_backwards,
        lost_frozen=lost_frozen,
        start_s=float(clip.clip.timestamps_s[0]),
        duration_s=clip.clip.duration_s,
        notes=clip.clip.notes,
    )


def row_of_failed(item: Item, naming: Naming, error: str) -> Row:
    """Return the row of a clip that could not be judged; `error` is a sentence."""
    return Row(item.name, item.label, _meant(item, naming), error=error)


def _meant(item: Item, naming: Naming) -> str | None:
    return None if item.label is None else naming.means.get(item.label)


def _lost(whole_and_changed: Sequence[Classification]) -> tuple[float | None, float | None]:
    """Return what the best label of the first one loses in the others; None without any."""
    if not whole_and_changed:
        return None, None
    whole, backwards, frozen = (one.probabilities for one in whole_and_changed)
    best = int(whole.argmax())
    return float(whole[best] - backwards[best]), float(whole[best] - frozen[best])


def _margin(found: Classification, true: int | None) -> float | None:
    """Return the logit of a label less that of the best other one; without, the best one's."""
    if len(found.labels) < 2:
        return None
    at = int(found.logits.argmax()) if true is None else true
    rival = float(np.delete(found.logits, at).max())
    own = float(found.logits[at])
    return own - rival if np.isfinite(own - rival) else None


def mistakenness(found: Classification, is_right: bool) -> float:
    """Return how likely a label is wrong, 0..1; see `rows.Row`."""
    nats = found.entropy * math.log(len(found.labels))
    sign = -1.0 if is_right else 1.0
    return (sign * math.exp(-nats) + 1) / 2


def motion(frames: NDArray[np.uint8]) -> float:
    """Return the mean difference of a pixel between neighbouring frames, (T, H, W, 3): 0..1."""
    if len(frames) < 2:
        return 0.0
    return float(np.abs(np.diff(frames.astype(np.float32), axis=0)).mean()) / 255
