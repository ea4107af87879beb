"""A clip with some of its tokens left out: in which orders, in which groups, and what follows.

Hidden tokens really leave the encoder: nothing is painted grey, so nothing is shown that no model
has ever seen. How the model answers is a function that is given; this module runs none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from videomae_demo.analysis.methods import Target
from videomae_demo.cancellation import check_cancelled
from videomae_demo.config import TokenGrid
from videomae_demo.errors import RequestError

GROUPS_AT_ONCE = 8
"""So many answers come between two growths of a `LeftOut`."""
BLOCK = (2, 2, 2)
"""Slices, rows and columns that are dropped together as a block."""

Scores: TypeAlias = NDArray[np.floating]
Masks: TypeAlias = NDArray[np.bool_]


class LogitsWithout(Protocol):
    """Answers what a classifier says of a clip when tokens are left out."""

    def __call__(self, hidden: Masks, /) -> NDArray[np.float32]:
        """Return (n, labels) for `hidden`, (n, time, height, width) bool, True = left out."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """What became of a target while tokens were hidden in one order, as far as it was computed.

    Attributes
    ----------
    hidden : ndarray
        (k,) float64: the share of hidden tokens, growing from 0.
    probabilities : ndarray
        (k,) float64: of the target's label, 0 to 1.
    values : ndarray
        (k,) float64: the target's logit or margin.
    tops : ndarray
        (k,) int64: the index of the most probable label.
    """

    hidden: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    values: NDArray[np.float64]
    tops: NDArray[np.int64]

    @property
    def auc(self) -> float:
        """Mean probability along the course, by trapezoids: 0 to 1; NaN before two points."""
        if len(self.hidden) < 2:
            return float("nan")
        area = np.trapezoid(self.probabilities, self.hidden)
        return float(area / (self.hidden[-1] - self.hidden[0]))

    @property
    def flips_at(self) -> float | None:
        """The smallest share of hidden tokens at which the top label is another; None if never."""
        others = np.flatnonzero(self.tops != self.tops[:1])
        return float(self.hidden[others[0]]) if len(others) else None


@dataclass(slots=True, eq=False)
class Track:
    """Takes logits as they come, and makes a `Course` of them."""

    target: Target
    hidden: list[float] = field(default_factory=list)
    probabilities: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    tops: list[int] = field(default_factory=list)

    def add(self, hidden: float, logits: NDArray[np.float32]) -> None:
        """Take the logits (labels,) of a clip of which this share is hidden."""
        self.hidden.append(hidden)
        self.probabilities.append(float(probabilities(logits)[self.target.label]))
        self.values.append(float(self.target.value(logits)))
        self.tops.append(int(logits.argmax()))

    def course(self) -> Course:
        """Return what has come so far."""
        return Course(
            np.array(self.hidden),
            np.array(self.probabilities),
            np.array(self.values),
            np.array(self.tops, dtype=np.int64),
        )


def probabilities(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return the softmax over the last axis, in float64."""
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def ranked(scores: Scores) -> NDArray[np.intp]:
    """Return the tokens' numbers, highest score first; of equal ones the earlier token first."""
    return np.argsort(-scores.reshape(-1), kind="stable")


def hide(order: NDArray[np.intp], count: int, shape: tuple[int, ...]) -> Masks:
    """Hide the first `count` tokens of an order: (time, height, width) bool."""
    mask = np.zeros(len(order), dtype=np.bool_)
    mask[order[:count]] = True
    return mask.reshape(shape)


def slices(grid: TokenGrid) -> Masks:
    """Return each slice of time as a group: (time, time, height, width) bool."""
    return _cells(grid, (1, grid.height, grid.width))


def tubes(grid: TokenGrid) -> Masks:
    """Return each patch, throughout the clip, as a group: (patches, time, height, width) bool."""
    return _cells(grid, (grid.time, 1, 1))


def blocks(grid: TokenGrid, size: tuple[int, int, int] = BLOCK) -> Masks:
    """Return blocks of `size` (slices, rows, columns) as groups; the last ones may be smaller."""
    return _cells(grid, size)


GROUPINGS: Mapping[str, Callable[[TokenGrid], Masks]] = MappingProxyType(
    {"slices": slices, "tubes": tubes, "blocks": blocks}
)
"""Ways to divide a clip, each token into one group."""


@dataclass(frozen=True, slots=True, eq=False)
class LeftOut:
    """What becomes of a target when one group of tokens is left out, as far as it was computed.

    Attributes
    ----------
    target : Target
    groups : ndarray
        (n, time, height, width) bool: those that were tried; they have no token in common.
    value : float
        The target's logit or margin with all tokens.
    values, probabilities : ndarray
        (n,) float64: the target, and the probability of its label, without each group.
    tops : ndarray
        (n,) int64: the most probable label without each group.
    done : float
        How much of the work is done, 0 to 1.
    """

    target: Target
    groups: Masks
    value: float
    values: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    tops: NDArray[np.int64]
    done: float

    @property
    def drops(self) -> NDArray[np.float64]:
        """By how much the target falls without each group, (n,): above 0, the group speaks for it.

        Groups may replace one another, so the drops need not add up to the target.
        """
        return self.value - self.values

    @property
    def scores(self) -> NDArray[np.float64]:
        """The drops as a map, (time, height, width): each token has an even part of its group's."""
        sizes = self.groups.sum(axis=(1, 2, 3))
        scores: NDArray[np.float64] = np.tensordot(self.drops / sizes, self.groups, axes=1)
        return scores


def leave_out_each(
    groups: Masks, target: Target, logits_without: LogitsWithout
) -> Iterator[LeftOut]:
    """Leave out one group after the other; yield what is known after every few.

    Raises
    ------
    RequestError
        When a group is the whole clip, so that nothing would be left.
    Cancelled
        Between two batches, when nobody waits any more.
    """
    if groups.all(axis=(1, 2, 3)).any():
        raise RequestError("A group holds every token of the clip, so nothing is left without it.")
    value = float(target.value(logits_without(np.zeros_like(groups[:1])))[0])
    track = Track(target)
    for first in range(0, len(groups), GROUPS_AT_ONCE):
        check_cancelled()
        for row in logits_without(groups[first : first + GROUPS_AT_ONCE]):
            track.add(0.0, row)
        tried = len(track.tops)
        course = track.course()
        yield LeftOut(
            target,
            groups[:tried],
            value,
            course.values,
            course.probabilities,
            course.tops,
            tried / len(groups),
        )


def _cells(grid: TokenGrid, size: tuple[int, int, int]) -> Masks:
    """Cut the grid into cells of a size, in the order of the tokens."""
    places = np.indices(grid.shape)
    steps = [place // step for place, step in zip(places, size, strict=True)]
    along = [-(-whole // step) for whole, step in zip(grid.shape, size, strict=True)]
    numbers = np.ravel_multi_index(steps, along)
    cells: Masks = numbers[None] == np.arange(np.prod(along))[:, None, None, None]
    return cells
