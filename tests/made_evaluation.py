"""Evaluations made by hand, without a recogniser: rows and figures that a test chooses."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from videomae_demo.dataset.evaluate import Evaluation
from videomae_demo.dataset.judging import Judging
from videomae_demo.dataset.listing import Item
from videomae_demo.dataset.metrics import Metrics
from videomae_demo.dataset.naming import name_labels
from videomae_demo.dataset.rows import Row
from videomae_demo.dataset.table import Table


def made_row(name: str, true: str, named: str, chance: float = 0.75, **fields) -> Row:
    """A clip that is named with this probability; the rest of it goes to the true label."""
    is_right = true == named
    rest = 1 - chance
    top = ((named, chance), (named if is_right else true, rest))
    figures = {
        "probability": chance if is_right else rest,
        "rank": 1 if is_right else 2,
        "margin": 1.0 if is_right else -1.0,
        "entropy": 0.5,
        "mistakenness": 0.2 if is_right else 0.8,
        "motion": 0.01,
        "start_s": 0.25,
        "duration_s": 2.0,
    }
    return Row(name, true, true, top, **(figures | fields))


def made_metrics(confusion, labels: Sequence[str]) -> Metrics:
    """The figures of clips of which nothing is known but what they are taken for."""
    metrics = Metrics(labels)
    for (true, named), count in np.ndenumerate(np.asarray(confusion)):
        for _ in range(count):
            metrics.add(made_row("clip", labels[true], labels[named]))
    return metrics


def made_evaluation(
    engine, folder: Path, rows: Sequence[Row], path: Path | None = None, **fields
) -> Evaluation:
    """An evaluation with these rows; all clips lie at `path`, if it is given."""
    named = engine.recogniser.model.config.id2label
    labels = [named[at] for at in range(len(named))]
    items = tuple(Item(path or folder / row.name, row.name, row.label) for row in rows)
    table, metrics = Table(folder, {"made": "by hand"}, resume=False), Metrics(labels)
    table.append(rows)
    for row in rows:
        metrics.add(row)
    naming = name_labels((item.label for item in items), labels)
    judging = fields.pop("judging", Judging(changes=False))
    return Evaluation(
        folder, items, engine.recogniser.card, judging, naming, metrics, table, **fields
    )
