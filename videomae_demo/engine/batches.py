"""Many inputs of the recogniser: run together as far as memory allows, and each answer kept.

Owns the one loop over batches. Knows nothing of clips, windows and changes: whoever asks says how
inputs are read, and how their answers are named.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from time import monotonic
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from videomae_demo.cancellation import check_cancelled
from videomae_demo.engine.engine import Engine
from videomae_demo.engine.passes import clips_at_once, run

Wanted = TypeVar("Wanted")


def fill_batch(engine: Engine) -> int:
    """Return how many inputs the recogniser takes together: 1 or more."""
    model = engine.recogniser.model
    return clips_at_once(model, model.config.grid.tokens)


def run_batches(
    engine: Engine,
    wanted: Sequence[Wanted],
    read: Callable[[Sequence[Wanted]], NDArray[np.float32]],
    key: Callable[[Wanted], Hashable] | None = None,
) -> Iterator[NDArray[np.float32]]:
    """Run the recogniser on all that is wanted, in order; yield the logits batch by batch.

    Parameters
    ----------
    engine : Engine
    wanted : sequence
        What stands for one input each.
    read : callable
        Takes some of them, at the most a batch; returns their inputs, (n, T, C, H, W) float32,
        normalised.
    key : callable, optional
        Names the answer of one in the engine's cache: what is known there is not run again, and
        what is run is kept. Default: nothing is looked up, and nothing kept.

    Yields
    ------
    ndarray
        (inputs of this batch, labels) float32.

    Raises
    ------
    CheckpointError
        When the recogniser gives values that are not finite.
    Cancelled
        Between two layers, when nobody waits any more; what was done is kept.
    """
    together = fill_batch(engine)
    for first in range(0, len(wanted), together):
        check_cancelled()
        batch = wanted[first : first + together]
        rows: list[Any] = [None if key is None else engine.known(key(one)) for one in batch]
        missing = [at for at, row in enumerate(rows) if row is None]
        if missing:
            pixel_values = read([batch[at] for at in missing])
            with engine.at_work():
                began = monotonic()
                logits = run(engine.recogniser, pixel_values).logits
            engine.seconds["probe"] = (monotonic() - began) / len(missing)
            for at, row in zip(missing, logits, strict=True):
                # A copy, so that the batch's memory can go.
                rows[at] = row if key is None else engine.keep(key(batch[at]), row.copy)
        yield np.stack(rows)


def grown(parts: Iterable[NDArray[np.float32]], count: int) -> Iterator[NDArray[np.float32]]:
    """Put parts of a table one below the other; yield all rows that are there by now.

    All that is yielded looks at one array, (count, columns), which is made once: take a copy before
    changing it. Rows that were yielded stay as they are.
    """
    table, done = np.zeros((count, 0), np.float32), 0
    for part in parts:
        if not done:
            table = np.zeros((count, part.shape[1]), part.dtype)
        table[done : done + len(part)] = part
        done += len(part)
        yield table[:done]
