"""One of Ray's workers: the clips of a chunk in, their rows out, both as text.

Owns what travels between the machines, and what a worker does when it fails. Needs no package ray.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from videomae_demo.dataset.judging import Judging, judge
from videomae_demo.dataset.listing import Item
from videomae_demo.dataset.naming import Naming
from videomae_demo.dataset.rows import Row
from videomae_demo.engine.engine import Engine
from videomae_demo.errors import CheckpointError, ExplorerError
from videomae_demo.limits import Limits

logger = logging.getLogger(__name__)

MOST_TRIES = 2
"""So often a chunk is begun; a worker that ends without a word may have been killed by it."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Clips that are judged together.

    Attributes
    ----------
    number : int
        Which one it is; unique in a run.
    items : tuple of Item
    """

    number: int
    items: tuple[Item, ...]

    def to_text(self) -> str:
        """Return it as JSON in ASCII, with the clips' full paths: a worker has another folder."""
        told = [[os.fspath(one.path.absolute()), one.name, one.label] for one in self.items]
        return json.dumps({"number": self.number, "items": told})

    @classmethod
    def from_text(cls, text: str) -> Chunk:
        """Return the chunk that `to_text` wrote."""
        told = json.loads(text)
        return cls(
            told["number"], tuple(Item(Path(path), *names) for path, *names in told["items"])
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a worker says of a chunk.

    Attributes
    ----------
    number : int
        Of the chunk.
    host : str
        Of the worker's machine.
    rows : tuple of Row
        One per clip; none, if the chunk failed.
    unseen : tuple of str
        Names of the clips that are not there on the worker's machine.
    failure : str or None
        What went wrong with this chunk; another try may help.
    refusal : str or None
        Why no chunk of this run can be judged; a sentence.
    is_of_checkpoint : bool
        Whether the refusal is a `CheckpointError`.
    """

    number: int
    host: str
    rows: tuple[Row, ...] = ()
    unseen: tuple[str, ...] = ()
    failure: str | None = None
    refusal: str | None = None
    is_of_checkpoint: bool = False

    def to_text(self) -> str:
        """Return it as JSON in ASCII; numbers come back to the last digit."""
        told = {name: getattr(self, name) for name in self.__slots__}
        return json.dumps(told | {"rows": [row.to_json() for row in self.rows]})

    @classmethod
    def from_text(cls, text: str) -> Outcome:
        """Return the outcome that `to_text` wrote."""
        told = json.loads(text)
        rows = tuple(Row.from_json(row) for row in told["rows"])
        return cls(**{**told, "rows": rows, "unseen": tuple(told["unseen"])})


@dataclass(frozen=True, slots=True)
class Order:
    """What all workers of a run are told.

    Attributes
    ----------
    weights : str
    heads : int
    fingerprint : str
        Of the weights; see `fingerprint`.
    device : str
    threads : int
        Of torch: as many as where the rows are compared, or their last digits may differ.
    limits : Limits
    naming : Naming
    judging : Judging
    """

    weights: str
    heads: int
    fingerprint: str
    device: str
    threads: int
    limits: Limits
    naming: Naming
    judging: Judging


class Worker:
    """Judges chunks; several threads may call it at a time.

    Parameters
    ----------
    order : Order
    begin : callable
        Is told a chunk's number before each try, and returns which try it is, from 1.
    """

    def __init__(self, order: Order, begin: Callable[[int], int]) -> None:
        self._order = order
        self._begin = begin
        self._host = socket.gethostname()
        self._refusal: ExplorerError | None = None
        try:
            self._engine = _load(order)
        except ExplorerError as error:  # told with the first chunk: Ray would hide it in a trace
            self._refusal = error

    def __call__(self, batch: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
        """Judge the chunks of a batch (column ``chunk``); return their outcomes (``outcome``)."""
        chunks = [Chunk.from_text(str(text)) for text in batch["chunk"]]
        return {"outcome": [self.judge(chunk).to_text() for chunk in chunks]}

    def judge(self, chunk: Chunk) -> Outcome:
        """Judge a chunk; whatever goes wrong is an outcome, too."""
        outcome = Outcome(chunk.number, self._host)
        if self._refusal is not None:
            return _refused(outcome, self._refusal)
        if self._begin(chunk.number) > MOST_TRIES:
            told = f"its worker ended {MOST_TRIES} times; the memory may be too small"
            return Outcome(chunk.number, self._host, failure=told)
        torch.set_num_threads(self._order.threads)  # counts for the thread that calls it
        order, size = self._order, len(chunk.items)
        try:
            (rows,) = judge(self._engine, chunk.items, order.naming, order.judging, size)
        except ExplorerError as error:
            return _refused(outcome, error)
        except Exception as error:  # a worker's edge: one chunk must not end a run
            logger.exception("A chunk failed")
            return Outcome(chunk.number, self._host, failure=f"{type(error).__name__}: {error}")
        failed = zip(chunk.items, rows, strict=True)
        unseen = [item.name for item, row in failed if row.error and not item.path.exists()]
        return Outcome(chunk.number, self._host, tuple(rows), tuple(unseen))


def fingerprint(engine: Engine) -> str:
    """Return what tells apart weights of the same name: a hash of the classifier."""
    found = hashlib.sha256()
    for name, values in engine.recogniser.model.classifier.state_dict().items():
        found.update(name.encode() + values.cpu().float().numpy().tobytes())
    return found.hexdigest()


def _load(order: Order) -> Engine:
    engine = Engine(order.weights, heads=order.heads, device=order.device, limits=order.limits)
    engine.check_labels()
    if fingerprint(engine) != order.fingerprint:
        raise CheckpointError(
            f"The weights {order.weights!r} are not those of the machine that began the "
            "evaluation; give all machines the same."
        )
    return engine


def _refused(outcome: Outcome, error: ExplorerError) -> Outcome:
    return Outcome(
        outcome.number,
        outcome.host,
        refusal=str(error),
        is_of_checkpoint=isinstance(error, CheckpointError),
    )
