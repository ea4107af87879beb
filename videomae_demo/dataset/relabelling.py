"""Whether other names for the outputs would be right more often, and which order these are in.

Works on the confusion matrix alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from videomae_demo.analysis.assignment import best_assignment
from videomae_demo.analysis.paired import Paired

LEAST_CLIPS = 4
"""A label needs so many clips before a name is sought for it."""
LEAST_GAIN = 0.05
MOST_CHANCE = 0.01
"""So likely may the gain be by luck at the most."""
SLACK = 0.02
"""A known order explains the clips if it is right on this share less than the best assignment."""

Order = NDArray[np.int64]
"""(labels,): for each output the place of the name that it really has."""


@dataclass(frozen=True, slots=True)
class Relabelling:
    """Other names for the outputs, under which more clips are right.

    Attributes
    ----------
    compared : Paired
        The names as they are (now) and the others (then), over the labels with enough clips. Of a
        free assignment, clips are judged by names that were found on the other half of the clips.
    labels : int
        How many labels these are.
    order : str or None
        What the order of the names really is, in words; None if it is none that one knows.
    pairs : tuple of (str, str)
        Labels, and the names under which most of their clips come out; the most clips first.
    """

    compared: Paired
    labels: int
    order: str | None
    pairs: tuple[tuple[str, str], ...]


def find_relabelling(
    confusion: NDArray[np.int64], labels: Sequence[str], seed: int = 0
) -> Relabelling | None:
    """Look for names that are right far more often; None if there are none.

    Known orders are tried on all clips. Any other assignment is sought on one half of the clips and
    judged on the other, and the other way round: of random matrices it is never better.

    Parameters
    ----------
    confusion : (labels, labels) int64
        Rows are true, columns named.
    labels : sequence of str
        The names as they are.
    seed : int
        Of the halves.
    """
    known = _best_known(confusion, labels)
    enough = confusion.sum(axis=1) >= LEAST_CLIPS
    free = _halves(confusion, enough, seed) if enough.any() else None
    if free is not None and not free.is_better(LEAST_GAIN, chance=MOST_CHANCE):
        free = None
    if known is not None and (free is None or _share(known[1]) >= _share(free) - SLACK):
        order, compared, outputs = known
        present = int((confusion.sum(axis=1) > 0).sum())
        return Relabelling(compared, present, order, _pairs(confusion, labels, outputs))
    if free is None:
        return None
    outputs = _assign(confusion, enough)
    return Relabelling(free, int(enough.sum()), None, _pairs(confusion, labels, outputs))


def known_orders(labels: Sequence[str]) -> Iterator[tuple[str, Order]]:
    """Yield orders in which names are mixed up often, each one that differs from the names' own."""
    count = len(labels)
    places = np.arange(count)

    def sorted_by(key: object) -> Order:
        return np.array(sorted(range(count), key=key), np.int64)  # type: ignore[call-overload]

    as_text = sorted_by(str)
    orders: list[tuple[str, Order]] = [
        ("the alphabetical order of the names, capitals first", sorted_by(lambda at: labels[at])),
        (
            "the alphabetical order of the names, whatever their case",
            sorted_by(lambda at: (labels[at].casefold(), labels[at])),
        ),
        (
            "the alphabetical order of the names with underscores for spaces",
            sorted_by(lambda at: labels[at].replace(" ", "_")),
        ),
        ("the names by their numbers", sorted_by(lambda at: _natural(labels[at]))),
        ("the labels' numbers, sorted as text (0, 1, 10, 11, 2)", as_text),
        ("the labels' numbers, in an order from which that of text was undone", as_text.argsort()),
        ("the names' own, one place further", np.roll(places, 1)),
        ("the names' own, one place earlier", np.roll(places, -1)),
        ("the names' own, from the last to the first", places[::-1].copy()),
    ]
    seen = {places.tobytes()}
    for words, order in orders:
        if order.tobytes() not in seen:
            seen.add(order.tobytes())
            yield words, order


def is_alphabetical(labels: Sequence[str]) -> bool:
    """Tell whether names stand in an alphabetical order, as a listing of folders gives them."""
    keys = (str, str.casefold, lambda name: name.replace(" ", "_"))
    return any(list(labels) == sorted(labels, key=key) for key in keys)


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Return what sorts names by the numbers in them, and else by their letters."""
    return [
        (0, int(part), "") if part.isdecimal() else (1, 0, part)
        for part in re.split(r"(\d{1,15})", name)
        if part
    ]


def _best_known(
    confusion: NDArray[np.int64], labels: Sequence[str]
) -> tuple[str, Paired, NDArray[np.int64]] | None:
    orders = [(words, order.argsort()) for words, order in known_orders(labels)]
    tried = [(words, _compare(confusion, outputs), outputs) for words, outputs in orders]
    if not tried:
        return None
    best = max(tried, key=lambda one: one[1].then)
    return best if best[1].is_better(LEAST_GAIN, len(tried), MOST_CHANCE) else None


def _compare(confusion: NDArray[np.int64], outputs: NDArray[np.int64]) -> Paired:
    """Compare the names as they are with others; `outputs` is the output of each label."""
    rows = np.arange(len(confusion))
    now, then = confusion[rows, rows], confusion[rows, outputs]
    moved = outputs != rows
    return Paired(
        int(confusion.sum()),
        int(now.sum()),
        int(then.sum()),
        int(now[moved].sum()),
        int(then[moved].sum()),
    )


def _halves(confusion: NDArray[np.int64], enough: NDArray[np.bool_], seed: int) -> Paired:
    """Judge each half of the clips by the assignment that the other half gives."""
    random = np.random.default_rng(seed)
    first = np.zeros_like(confusion)
    for row in np.flatnonzero(enough):
        clips = confusion[row]
        first[row] = random.multivariate_hypergeometric(clips, clips.sum() // 2)
    second = np.where(enough[:, None], confusion, 0) - first
    one = _compare(second, _assign(first, enough))
    other = _compare(first, _assign(second, enough))
    return Paired(
        one.of + other.of,
        one.now + other.now,
        one.then + other.then,
        one.only_now + other.only_now,
        one.only_then + other.only_then,
    )


def _assign(confusion: NDArray[np.int64], enough: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the output of each label under which most clips are right; no worse, its own."""
    gains = np.where(enough[:, None], confusion, 0).astype(np.float64)
    gains[np.diag_indices_from(gains)] += 0.5
    return best_assignment(gains)


def _pairs(
    confusion: NDArray[np.int64], labels: Sequence[str], outputs: NDArray[np.int64]
) -> tuple[tuple[str, str], ...]:
    clips = confusion.sum(axis=1)
    moved = [
        row
        for row in np.flatnonzero(outputs != np.arange(len(outputs)))
        if 2 * confusion[row, outputs[row]] > clips[row]
    ]
    moved.sort(key=lambda row: -int(confusion[row, outputs[row]]))
    return tuple((labels[int(row)], labels[int(outputs[row])]) for row in moved)


def _share(compared: Paired) -> float:
    return compared.then / compared.of if compared.of else 0.0
