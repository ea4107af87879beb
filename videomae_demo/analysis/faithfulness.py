"""Does a map matter? Tokens are dropped in its order, and the label's probability is watched.

Owns the curves and their figures; how the model answers is a function that it is given. Deletion
hides the tokens that a map ranks highest, insertion those that it ranks lowest. A map is faithful
to a clip, never in general: each stands beside maps that need no gradient or no model, and beside a
band of random orders.

Sources: deletion and insertion, Petsiuk et al. 2018 (arXiv 1806.07421); SaCo, Wu et al., CVPR 2024
(arXiv 2404.01415).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from videomae_demo.analysis.dropping import (
    Course,
    LogitsWithout,
    Masks,
    Scores,
    Track,
    hide,
    probabilities,
    ranked,
)
from videomae_demo.analysis.methods import Target
from videomae_demo.cancellation import check_cancelled
from videomae_demo.errors import RequestError

SHARES = (0.0, 0.05, 0.10, 0.20, 0.35, 0.50, 0.65, 0.80, 0.90, 0.95)
"""Of the tokens, that are hidden one after the other."""
RANDOM_SEEDS = (0, 1, 2, 3, 4)
GROUPS = 10
"""Into which SaCo divides the tokens."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """What hiding tokens by one map does.

    Attributes
    ----------
    name : str
        Of the map.
    deletion, insertion : Course
        The highest tokens hidden first, and the lowest first. A good map has a low deletion AUC and
        a high insertion AUC.
    saco : float or None
        -1 to 1; see `saco`. None until it was computed.
    """

    name: str
    deletion: Course
    insertion: Course
    saco: float | None = None

    @property
    def gap(self) -> float:
        """Insertion AUC less deletion AUC: 1 at best, about 0 for a random order."""
        return self.insertion.auc - self.deletion.auc


@dataclass(frozen=True, slots=True, eq=False)
class Faithfulness:
    """The curves of several maps of one clip, as far as they were computed.

    Attributes
    ----------
    target : Target
    curves : tuple of Curve
        In the order of the maps.
    band : tuple of Curve
        Of the random orders.
    done : float
        How much of the work is done, 0 to 1.
    """

    target: Target
    curves: tuple[Curve, ...]
    band: tuple[Curve, ...]
    done: float

    def curve(self, name: str) -> Curve:
        """Return the curve of one map."""
        return next(curve for curve in self.curves if curve.name == name)


def try_out(
    maps: Mapping[str, Scores],
    target: Target,
    logits_without: LogitsWithout,
    *,
    seeds: Sequence[int] = RANDOM_SEEDS,
    with_saco: bool = True,
) -> Iterator[Faithfulness]:
    """Hide tokens by each map and by chance; yield what is known after each share.

    Parameters
    ----------
    maps : mapping of str to ndarray
        (time, height, width) scores by their names; at least one.
    target : Target
    logits_without : callable
        Is asked once for each of `SHARES`, about all maps together, and then once for each map's
        SaCo. All masks of a share hide the same number of tokens.
    seeds : sequence of int
        One random order each.

    Raises
    ------
    RequestError
        When the maps differ in shape, or are of fewer than two tokens.
    Cancelled
        Between two shares, when nobody waits any more.
    """
    shape = _shape_of(maps)
    tokens = int(np.prod(shape))
    orders = [ranked(scores) for scores in maps.values()]
    orders += [np.random.default_rng(seed).permutation(tokens) for seed in seeds]
    tracks = [(Track(target), Track(target)) for _ in orders]
    counts = sorted({min(round(share * tokens), tokens - 1) for share in SHARES})
    sacos: list[float] = []
    work = len(counts) + (len(maps) if with_saco else 0)

    def known(steps: int) -> Faithfulness:
        names = [*maps, *(f"random {seed}" for seed in seeds)]
        padded = [*sacos, *[None] * (len(orders) - len(sacos))]
        curves = tuple(
            Curve(name, down.course(), up.course(), found)
            for name, (down, up), found in zip(names, tracks, padded, strict=True)
        )
        return Faithfulness(target, curves[: len(maps)], curves[len(maps) :], steps / work)

    for step, count in enumerate(counts, start=1):
        check_cancelled()
        ways = [way for order in orders for way in (order, order[::-1])] if count else [orders[0]]
        logits = logits_without(np.stack([hide(way, count, shape) for way in ways]))
        every = logits if count else logits.repeat(2 * len(orders), axis=0)
        for track, row in zip((t for pair in tracks for t in pair), every, strict=True):
            track.add(count / tokens, row)
        yield known(step)
    whole = tracks[0][0].probabilities[0]
    for step, scores in enumerate(maps.values() if with_saco else (), start=len(counts) + 1):
        check_cancelled()
        groups = _groups(scores)
        without = probabilities(logits_without(groups))[:, target.label]
        sums = [float(scores[group].sum(dtype=np.float64)) for group in groups]
        sacos.append(saco(sums, whole - without))
        yield known(step)


def saco(sums: Sequence[float], drops: Sequence[float] | NDArray[np.float64]) -> float:
    """Return the salience-guided faithfulness coefficient of 2404.01415.

    For each pair of groups, the difference of their scores counts for the map if the group with the
    higher score lowers the probability at least as much as the other one, and else against it.

    Parameters
    ----------
    sums : sequence of float
        The sum of the scores of each group, the highest group first.
    drops : sequence of float
        By how much the probability falls when this group alone is hidden.

    Returns
    -------
    float
        1 if all pairs are in order, -1 if none is; 0 for a map that ranks all groups alike.
    """
    found = total = 0.0
    for i in range(len(sums)):
        for j in range(i + 1, len(sums)):
            weight = sums[i] - sums[j]
            found += weight if drops[i] >= drops[j] else -weight
            total += abs(weight)
    return found / total if total else 0.0


def _groups(scores: Scores) -> Masks:
    """Divide the tokens by rank into equal groups: (groups, time, height, width) bool."""
    order = ranked(scores)
    parts = np.array_split(order, min(GROUPS, len(order)))
    groups = np.zeros((len(parts), len(order)), dtype=np.bool_)
    for group, part in zip(groups, parts, strict=True):
        group[part] = True
    return groups.reshape(-1, *scores.shape)


def _shape_of(maps: Mapping[str, Scores]) -> tuple[int, ...]:
    shapes = {scores.shape for scores in maps.values()}
    if len(shapes) != 1:
        raise RequestError(
            f"The maps have the shapes {sorted(shapes)}; give one or more, all of one shape."
        )
    (shape,) = shapes
    if np.prod(shape) < 2:
        raise RequestError("A clip of one token leaves nothing when that is hidden.")
    return shape
