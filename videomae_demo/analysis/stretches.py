"""What happens when: windows of a long clip that say the same, put together into stretches.

Numbers in, numbers out; knows no clip and no checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Stretch:
    """Neighbouring windows with the same best label.

    Attributes
    ----------
    label : int
        Its index.
    first, last : int
        The first and the last window, from 0.
    probability : float
        The label's mean over them, 0..1.
    """

    label: int
    first: int
    last: int
    probability: float


def stretches(probabilities: NDArray[np.floating]) -> list[Stretch]:
    """Put neighbouring windows with the same best label together.

    One window that says something else between two that agree belongs to them: it is no stretch of
    its own.

    Parameters
    ----------
    probabilities : (windows, labels) float
    """
    best = probabilities.argmax(axis=1)
    alone = (best[1:-1] != best[:-2]) & (best[:-2] == best[2:])
    best[1:-1][alone] = best[:-2][alone]
    edges = [0, *(np.flatnonzero(np.diff(best)) + 1).tolist(), len(best)]
    return [
        Stretch(
            int(best[first]), first, end - 1, float(probabilities[first:end, best[first]].mean())
        )
        for first, end in pairwise(edges)
        if end > first
    ]


def entropies(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return how undecided each window is: 0 (one label has it all) to 1 (all labels alike).

    Parameters
    ----------
    probabilities : (windows, labels) float

    Returns
    -------
    (windows,) float64
    """
    labels = probabilities.shape[1]
    if labels < 2:
        return np.zeros(len(probabilities))
    known = np.where(probabilities > 0, probabilities, 1.0).astype(np.float64)
    entropy: NDArray[np.float64] = -(known * np.log(known)).sum(axis=1) / np.log(labels)
    return entropy
