"""Many clips, one after the other: read ahead by threads while the recogniser is at work.

Runs the recogniser without recording anything. Knows nothing of labels, tables and folders.
"""

from __future__ import annotations

import contextvars
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from videomae_demo.cancellation import check_cancelled
from videomae_demo.engine.batches import run_batches
from videomae_demo.engine.clips import ClipRequest, PreparedClip
from videomae_demo.engine.engine import Engine
from videomae_demo.errors import ExplorerError
from videomae_demo.video.children import MOST_CHILDREN

Plan = Callable[[Engine, ClipRequest], list[ClipRequest]]
"""Says what is asked of one clip: itself, several views of it, changes of it."""


def itself(_engine: Engine, request: ClipRequest) -> list[ClipRequest]:
    """Ask of a clip nothing but itself: a `Plan`."""
    return [request]


@dataclass(frozen=True, slots=True, eq=False)
class Planned:
    """One clip, made ready.

    Attributes
    ----------
    request : ClipRequest
    clips : tuple of PreparedClip
        What the plan asked for; none, if it could not be read.
    error : ExplorerError or None
        Why it could not be read.
    """

    request: ClipRequest
    clips: tuple[PreparedClip, ...]
    error: ExplorerError | None = None


def prepare_many(
    engine: Engine, requests: Iterable[ClipRequest], plan: Plan = itself, *, ahead: int = 8
) -> Iterator[Planned]:
    """Make clips ready in threads; yield them in their order. A clip that fails is no exception.

    Parameters
    ----------
    ahead : int
        How many clips are read before they are asked for; so many are held in memory.
    """
    left = iter(requests)
    with ThreadPoolExecutor(MOST_CHILDREN, thread_name_prefix="clips") as threads:
        waiting: deque[Future[Planned]] = deque()

        def read_more(count: int) -> None:
            for request in islice(left, count):
                # A copy of the context, so that a Cancel reaches the thread too.
                context = contextvars.copy_context()
                waiting.append(threads.submit(context.run, _prepare, engine, request, plan))

        read_more(max(1, ahead))
        try:
            while waiting:
                check_cancelled()
                planned = waiting.popleft().result()
                read_more(1)
                yield planned
        finally:
            for future in waiting:
                future.cancel()


def _prepare(engine: Engine, request: ClipRequest, plan: Plan) -> Planned:
    try:
        asked = plan(engine, request)
        return Planned(request, tuple(engine.prepare(one, engine.recogniser) for one in asked))
    except ExplorerError as error:
        return Planned(request, (), error)


def recognise_many(engine: Engine, planned: Sequence[Planned]) -> list[NDArray[np.float32]]:
    """Return the logits of each clip, (what its plan asked for, labels) float32.

    Passes run together as far as memory allows. Clips of one sequence share batches, so the same
    sequence gives the same logits to the last digit.

    Raises
    ------
    CheckpointError
        When the recogniser knows no labels, or gives values that are not finite.
    Cancelled
        Between two layers, when nobody waits any more.
    """
    engine.check_labels()
    inputs = [clip.pixel_values.numpy() for one in planned for clip in one.clips]
    logits = run_batches(engine, inputs, np.concatenate)
    labels = engine.recogniser.model.config.num_labels
    rows = np.concatenate([np.zeros((0, labels), np.float32), *logits])
    ends = np.cumsum([len(one.clips) for one in planned])
    return np.split(rows, ends[:-1]) if planned else []
