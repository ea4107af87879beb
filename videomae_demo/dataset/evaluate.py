"""A data set, judged: what a run is, how it goes on after it was killed, and what it leaves behind.

Owns the order of work and the files' names. Who judges (this process, or Ray's workers) is a
`Runner`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from videomae_demo.dataset.check import Finding, check
from videomae_demo.dataset.judging import Judging, chunk_size, judge
from videomae_demo.dataset.listing import Item, read_items
from videomae_demo.dataset.metrics import Metrics
from videomae_demo.dataset.naming import Naming, name_labels
from videomae_demo.dataset.report import write_report
from videomae_demo.dataset.rows import Row, write_table
from videomae_demo.dataset.table import Table, judged_in
from videomae_demo.engine.engine import Engine
from videomae_demo.engine.roles import CheckpointCard
from videomae_demo.lenses.answer import write_json

Runner = Callable[[Engine, Sequence[Item], Naming, Judging, int], Iterator[list[Row]]]
"""Judges clips in chunks of a size; yields the rows of whole chunks, in any order."""
DEFAULT_JUDGING = Judging()


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """A data set as far as it is judged.

    Attributes
    ----------
    folder : Path
        Where its files are.
    items : tuple of Item
        All clips, in the order of the table.
    card : CheckpointCard
    judging : Judging
    naming : Naming
    metrics : Metrics
        Of the clips that are done.
    new : tuple of Row
        What was judged since the last time.
    seconds_left : float or None
        By the speed of this run so far; None before the first chunk, 0 when all files are there.
    findings : tuple of Finding
        What the check says of the checkpoint and the folder, once all clips are judged; see
        `check`. Empty before.
    """

    folder: Path
    items: tuple[Item, ...]
    card: CheckpointCard
    judging: Judging
    naming: Naming
    metrics: Metrics
    table: Table
    new: tuple[Row, ...] = ()
    seconds_left: float | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def done(self) -> int:
        """How many clips are judged."""
        return self.metrics.clips

    def rows(self) -> Iterator[Row]:
        """Yield the rows that are there, in the order of the items; read from the disk."""
        return self.table.in_order({item.name: at for at, item in enumerate(self.items)})

    def sentences(self) -> list[str]:
        """Say what was found, and what was taken for what."""
        if self.done < len(self.items):
            return [f"{self.done} of {len(self.items)} clips are judged so far."]
        checked = [finding.sentence for finding in self.findings]
        return [*self.metrics.sentences(), *checked, *self.naming.sentences()]

    def to_json(self) -> dict[str, Any]:
        """Return the figures and how they were made, ready for JSON."""
        return {
            "checkpoint": self.card.public_name,
            "views": str(self.judging.views),
            "sampling": str(self.judging.sampling or self.card.sampling),
            "sampling_is_known": self.judging.sampling is not None or self.card.sampling_is_known,
            "verdict": self.sentences(),
            "check": [finding.to_json() for finding in self.findings],
            **self.metrics.to_json(),
        }


def evaluate(
    engine: Engine,
    source: Path | str,
    folder: Path,
    judging: Judging = DEFAULT_JUDGING,
    *,
    resume: bool = False,
    runner: Runner = judge,
    report: bool = True,
) -> Iterator[Evaluation]:
    """Judge all clips of a data set; yield the evaluation as it begins, grows, and is whole.

    It is whole when the checkpoint was checked too, and all files are there.

    Rows are on the disk before they are told of. A run that was killed goes on with `resume`, and
    ends with the same rows as one that was not.

    Parameters
    ----------
    engine : Engine
        Of the weights that are evaluated.
    source : Path or str
        A folder or a list; see `listing.read_items`.
    folder : Path
        Where the files go: ``rows.jsonl`` while it runs; at the end ``predictions.csv`` and
        ``metrics.json``, and what `write_report` writes.
    report : bool
        Whether ``report.html`` and the pictures are written.

    Raises
    ------
    RequestError
        When there are no clips, or the folder does not fit; see `table.Table`.
    CheckpointError
        When the checkpoint can't be loaded, knows no labels, or gives values that are not finite.
    """
    items = read_items(source)
    engine.check_labels()
    named = engine.recogniser.model.config.id2label
    labels = [named[index] for index in range(len(named))]
    naming = name_labels((item.label for item in items), labels)
    chunk = chunk_size(engine, judging)
    table = Table(folder, _about(engine, source, items, judging, chunk), resume=resume)
    metrics = Metrics(labels)
    left = _left(table, items, chunk) if resume else items
    for row in table:
        metrics.add(row)
    evaluation = Evaluation(
        folder, tuple(items), engine.recogniser.card, judging, naming, metrics, table
    )
    yield evaluation
    began, before = time.monotonic(), metrics.clips
    for rows in runner(engine, left, naming, judging, chunk) if left else ():
        table.append(rows)
        for row in rows:
            metrics.add(row)
        a_clip_s = (time.monotonic() - began) / (metrics.clips - before)
        left_s = a_clip_s * (len(items) - metrics.clips)
        yield dataclasses.replace(evaluation, new=tuple(rows), seconds_left=left_s)
    # Once more in the order of the items, so that the last digits do not depend on who was first.
    metrics = Metrics(labels)
    for row in evaluation.rows():
        metrics.add(row)
    evaluation = dataclasses.replace(evaluation, metrics=metrics, seconds_left=0.0)
    write_table(evaluation.rows(), folder / "predictions.csv")
    evaluation = dataclasses.replace(evaluation, findings=check(engine, evaluation))
    write_json(folder / "metrics.json", evaluation.to_json())
    if report:
        write_report(engine, evaluation)
    yield evaluation


def name_evaluation(
    engine: Engine, source: Path | str, items: Sequence[Item], judging: Judging
) -> str:
    """Return what tells an evaluation of these clips from all others: 12 hexadecimal digits."""
    about = _about(engine, source, items, judging, chunk_size(engine, judging))
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:12]


def judged_before(
    engine: Engine, source: Path | str, items: Sequence[Item], judging: Judging, folder: Path
) -> int:
    """Return how many clips of this very evaluation a folder holds; errors as in `judged_in`."""
    return judged_in(folder, _about(engine, source, items, judging, chunk_size(engine, judging)))


def _left(table: Table, items: Sequence[Item], chunk: int) -> list[Item]:
    """Return the clips of chunks that are not whole, and throw their rows away."""
    places = {item.name: at for at, item in enumerate(items)}
    found = [0] * -(-len(items) // chunk)
    for row in table:
        found[places[row.name] // chunk] += 1
    sizes = [min(chunk, len(items) - first) for first in range(0, len(items), chunk)]
    whole = [count == size for count, size in zip(found, sizes, strict=True)]
    if any(found[at] and not whole[at] for at in range(len(found))):
        table.keep(lambda row: whole[places[row.name] // chunk])
    return [item for at, item in enumerate(items) if not whole[at // chunk]]


def _about(
    engine: Engine, source: Path | str, items: Sequence[Item], judging: Judging, chunk: int
) -> dict[str, Any]:
    """Say what is evaluated and how."""
    listed = "\n".join(f"{item.name}\t{item.label}" for item in items)
    return {
        "weights": engine.weights,
        "source": str(Path(source).resolve()),
        "clips": len(items),
        "list": hashlib.sha256(listed.encode()).hexdigest(),
        "views": str(judging.views),
        "sampling": None if judging.sampling is None else str(judging.sampling),
        "changes": judging.changes,
        "chunk": chunk,
    }
