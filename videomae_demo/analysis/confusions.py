"""Which part of a confusion matrix is worth a look, and in which order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def most_confused(confusion: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return the labels to be shown, at most so many, by their places.

    If all that have clips or are named fit, it is these, in the order of the labels. Otherwise it
    is the ones with the most mistakes, theirs and by their name, with those beside one another that
    are taken for one another.

    Parameters
    ----------
    confusion : (labels, labels) int64
        Rows are true, columns named.
    most : int
        2 or more.

    Returns
    -------
    (n,) int64
    """
    present = np.flatnonzero(confusion.sum(axis=0) + confusion.sum(axis=1))
    if len(present) <= most:
        return present
    wrong = confusion.copy()
    np.fill_diagonal(wrong, 0)
    mistakes = wrong.sum(axis=0) + wrong.sum(axis=1)
    chosen = np.sort(np.argsort(-mistakes, kind="stable")[:most])
    return chosen[_side_by_side(wrong[np.ix_(chosen, chosen)])]


def _side_by_side(wrong: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return an order in which labels that are taken for one another stand near one another.

    It is the order of the Fiedler vector: Atkins, Boman and Hendrickson, "A spectral algorithm for
    seriation and the consecutive ones problem" (1998). A faint tie between all keeps it one vector.
    """
    ties = (wrong + wrong.T).astype(np.float64) + 1e-3
    np.fill_diagonal(ties, 0.0)
    _, vectors = np.linalg.eigh(np.diag(ties.sum(axis=1)) - ties)
    fiedler = vectors[:, 1]
    turned = fiedler * (1 if fiedler[0] <= fiedler[-1] else -1)  # the same on every machine
    return np.argsort(turned, kind="stable")
