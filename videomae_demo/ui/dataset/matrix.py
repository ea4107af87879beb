"""Which part of a confusion matrix is shown: all of it, or what is confused most often."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from videomae_demo.dataset.metrics import Metrics

MOST_LABELS = 20
"""A matrix of more can't be read."""


def make_matrix(metrics: Metrics, true: Collection[str] = ()) -> dict[str, Any]:
    """Return the labels of the matrix, in the checkpoint's order, and its counts, for the page.

    Labels that occur in no clip are left out, but those that the data set has, the `true` ones, are
    there from the beginning, so that the matrix does not grow while it is read. Of more than
    `MOST_LABELS`, those of the most frequent mistakes are taken, and then the most frequent ones.
    """
    confusion = metrics.confusion.copy()
    is_true = np.array([label in true for label in metrics.labels], np.bool_)
    occurs = np.flatnonzero(is_true | confusion.any(axis=0) | confusion.any(axis=1))
    chosen = occurs.tolist()
    if len(chosen) > MOST_LABELS:
        at = {label: place for place, label in enumerate(metrics.labels)}
        mistakes = metrics.confused(10 * MOST_LABELS)
        ranked = [at[name] for true, named, _ in mistakes for name in (true, named)]
        ranked += sorted(chosen, key=lambda place: -int(confusion[place].sum()))
        chosen = sorted(list(dict.fromkeys(ranked))[:MOST_LABELS])
    return {
        "labels": [metrics.labels[place] for place in chosen],
        "counts": confusion[np.ix_(chosen, chosen)].tolist(),
        "of": len(occurs),
    }
