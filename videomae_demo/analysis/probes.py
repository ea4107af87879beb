"""Read-outs of probes: what became of a label when a clip was changed, and of its opposite.

The log-odds of a pair are the difference of two logits: the logarithm of how much more probable one
label is than the other, whatever the others get. For two labels that differ in the direction of
time alone, their sign tells which direction was read. Needs no torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from videomae_demo.analysis.dropping import probabilities

OPPOSITES = (
    ("left", "right"),
    ("up", "down"),
    ("in", "out"),
    ("clockwise", "counterclockwise"),
    ("growing", "shrinking"),
    ("opening", "closing"),
    ("covering", "uncovering"),
    ("folding", "unfolding"),
)
"""Words that turn into one another when a film is played backwards."""
_PAIRS = frozenset(frozenset(pair) for pair in OPPOSITES)


@dataclass(frozen=True, slots=True)
class ReadOut:
    """What the logits of one pass say of a label.

    Attributes
    ----------
    probability : float
        Of the label, 0..1.
    rank : int
        1 is the best.
    best : int
        The index of the most probable label.
    best_probability : float
    margin : float
        The label's logit less the best other one's.
    log_odds : float or None
        The label's logit less that of its opposite; None without one.
    """

    probability: float
    rank: int
    best: int
    best_probability: float
    margin: float
    log_odds: float | None


def read_out(logits: ArrayLike, label: int, opposite: int | None) -> ReadOut:
    """Read a label out of the logits, (labels,); of equal ones, the first is the best."""
    values = np.asarray(logits, dtype=np.float64)
    shares = probabilities(values)
    order = np.argsort(-values, kind="stable")
    others = np.delete(values, label)
    return ReadOut(
        probability=float(shares[label]),
        rank=int(np.flatnonzero(order == label)[0]) + 1,
        best=int(order[0]),
        best_probability=float(shares[order[0]]),
        margin=float(values[label] - others.max()) if others.size else np.inf,
        log_odds=None if opposite is None else float(values[label] - values[opposite]),
    )


def are_opposite(one: str, other: str) -> bool:
    """Tell whether two labels differ only in words that are opposites of each other."""
    first, then = one.casefold().split(), other.casefold().split()
    if len(first) != len(then):
        return False
    differing = [frozenset(pair) for pair in zip(first, then, strict=True) if pair[0] != pair[1]]
    return bool(differing) and all(pair in _PAIRS for pair in differing)


@lru_cache(maxsize=64)  # each read-out of a clip asks again
def opposite_of(label: int, labels: tuple[str, ...]) -> int | None:
    """Return the index of the one label that is the opposite; None if there is none, or several."""
    found = [at for at, other in enumerate(labels) if are_opposite(labels[label], other)]
    return found[0] if len(found) == 1 else None
