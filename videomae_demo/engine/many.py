"""Many clips, one after the other: read ahead by threads while the recogniser is at work.

Owns how clips are read ahead and put into chunks that fill a batch. Runs the recogniser without
recording anything. Knows nothing of labels, tables and folders.
"""

from __future__ import annotations

import contextlib
import contextvars
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from videomae_demo.cancellation import cancellable, check_cancelled
from videomae_demo.engine.batches import fill_batch, run_batches
from videomae_demo.engine.clips import ClipRequest, PreparedClip
from videomae_demo.engine.engine import Engine
from videomae_demo.errors import ExplorerError
from videomae_demo.video.children import MOST_CHILDREN

MOST_IN_CHUNK = 32
"""Clips that are recognised together: small models take more, but then nothing is told for long."""

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
) -> Generator[Planned, None, None]:
    """Make clips ready in threads; yield them in their order. A clip that fails is no exception.

    Parameters
    ----------
    ahead : int
        How many clips are read before they are asked for; so many are held in memory.
    """
    left, closed = iter(requests), threading.Event()
    with ThreadPoolExecutor(MOST_CHILDREN, thread_name_prefix="clips") as threads:
        waiting: deque[Future[Planned]] = deque()

        def read_more(count: int) -> None:
            for request in islice(left, count):
                # A copy of the context, so that a Cancel reaches the thread too.
                context = contextvars.copy_context()
                waiting.append(threads.submit(context.run, _prepare, engine, request, plan, closed))

        try:
            read_more(max(1, ahead))
            while waiting:
                check_cancelled()
                planned = waiting.popleft().result()
                read_more(1)
                yield planned
        finally:
            # Nobody takes what is being read now: whoever closes this waits for no clip.
            closed.set()
            for future in waiting:
                future.cancel()


def _prepare(engine: Engine, request: ClipRequest, plan: Plan, closed: threading.Event) -> Planned:
    try:
        with cancellable(closed):
            asked = plan(engine, request)
            clips = tuple(engine.prepare(one, engine.recogniser) for one in asked)
        return Planned(request, clips)
    except ExplorerError as error:
        return Planned(request, (), error)


def chunk_size(engine: Engine, passes: int = 1) -> int:
    """Return how many clips of so many passes fill a batch: 1 to `MOST_IN_CHUNK`."""
    return max(1, min(MOST_IN_CHUNK, fill_batch(engine) // passes))


def recognise_chunks(
    engine: Engine, requests: Iterable[ClipRequest], plan: Plan = itself, *, chunk: int
) -> Iterator[list[tuple[Planned, NDArray[np.float32]]]]:
    """Recognise clips, so many at a time; yield each chunk's clips and their logits, in order.

    Clips of the next chunk are read while the recogniser works on this one; no more than two chunks
    and two clips are held in memory. Logits and errors as in `recognise_many`; a clip that can't be
    read has none, (0, labels).
    """
    ready = prepare_many(engine, requests, plan, ahead=chunk + 2)
    with contextlib.closing(ready):
        while planned := list(islice(ready, chunk)):
            yield list(zip(planned, recognise_many(engine, planned), strict=True))


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
