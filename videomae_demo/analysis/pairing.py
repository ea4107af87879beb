"""Two checkpoints on one clip: labels paired by name, and how far two maps agree.

Numbers in, numbers out; knows no checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # torch takes seconds to import, and the page is built without it
    from videomae_demo.analysis.classification import Classification


@dataclass(frozen=True, slots=True)
class LabelPair:
    """A label and its probability by either; None where one does not know it."""

    label: str
    first: float | None
    second: float | None


def pair_labels(first: Classification, second: Classification, count: int) -> list[LabelPair]:
    """Pair the `count` best labels of each by name, whatever its case; the first one's come first.

    Labels are written as the first one writes them, where it knows them.
    """
    tops = [score.label for score in (*first.top(count), *second.top(count))]
    names = {label.casefold(): label for label in reversed(tops)}
    ordered = dict.fromkeys(label.casefold() for label in tops)
    ones, others = (_by_name(found) for found in (first, second))
    return [LabelPair(names[name], ones.get(name), others.get(name)) for name in ordered]


def common_labels(first: Sequence[str], second: Sequence[str]) -> int:
    """Return how many labels both know by name."""
    return len({name.casefold() for name in first} & {name.casefold() for name in second})


def total_variation(first: Classification, second: Classification) -> float | None:
    """Return half the sum of all differences of probability, 0..1; None if labels differ."""
    ones, others = (_by_name(found) for found in (first, second))
    if ones.keys() != others.keys():
        return None
    return 0.5 * sum(abs(ones[name] - others[name]) for name in ones)


def correlation(first: NDArray[np.floating], second: NDArray[np.floating]) -> float | None:
    """Return Pearson's correlation of two maps over the tokens where both have a value.

    None where they are of other shapes, or one of them is flat.
    """
    if first.shape != second.shape:
        return None
    known = ~(np.isnan(first) | np.isnan(second))
    one, other = (values[known].astype(np.float64) for values in (first, second))
    if not one.size or np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    return float(np.clip(np.corrcoef(one, other)[0, 1], -1, 1))


def _by_name(found: Classification) -> dict[str, float]:
    """Return probabilities by name; of two labels that differ in case alone, the sum."""
    known: dict[str, float] = {}
    for label, value in zip(found.labels, found.probabilities.tolist(), strict=True):
        known[label.casefold()] = known.get(label.casefold(), 0.0) + value
    return known
