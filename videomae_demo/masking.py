"""Which tokens are hidden: masks drawn from a seed, and masks painted by hand.

Owns the mask kinds and their counts. Knows nothing of pixels or models. Every mask is a bool array
in the shape of the token grid, (time, height, width), where True means hidden.

A mask kind hides the first entries of one permutation. The seed alone decides the permutation, and
the ratio decides how many entries are hidden. So with the same seed, a larger ratio hides
everything that a smaller one hides, and more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from videomae_demo.config import TokenGrid
from videomae_demo.errors import RequestError

Mask: TypeAlias = NDArray[np.bool_]

# Side of the unit that tiles a slice in a mask of running cells (VideoMAE V2: 2 x 2 patches).
UNIT = 2


def tube(grid: TokenGrid, ratio: float, seed: int) -> Mask:
    """Hide the same patches in every slice of time, as VideoMAE's `TubeMaskingGenerator`.

    Parameters
    ----------
    grid : TokenGrid
    ratio : float
        Share of patches to hide, in 0..1; ``int(ratio * grid.patches)`` of them are hidden.
    seed : int
        From 0; which patches.

    Returns
    -------
    (time, height, width) bool
        True = hidden.

    Raises
    ------
    RequestError
        When the ratio hides nothing or does not lie between 0 and 1, or the seed is no whole number
        from 0.
    """
    hidden = _draw(grid.patches, ratio, seed, "patches of a slice")
    return np.tile(hidden.reshape(1, grid.height, grid.width), (grid.time, 1, 1))


def random(grid: TokenGrid, ratio: float, seed: int) -> Mask:
    """Hide ``int(ratio * grid.tokens)`` tokens anywhere; arguments and errors as `tube`."""
    return _draw(grid.tokens, ratio, seed, "tokens of the clip").reshape(grid.shape)


def frame(grid: TokenGrid, ratio: float, seed: int) -> Mask:
    """Hide ``int(ratio * grid.time)`` whole slices of time; arguments and errors as `tube`."""
    hidden = _draw(grid.time, ratio, seed, "slices of time")
    return np.tile(hidden.reshape(grid.time, 1, 1), (1, grid.height, grid.width))


def cell(grid: TokenGrid, ratio: float, seed: int) -> Mask:
    """Hide running cells: a 2 x 2 unit tiles each slice, and its hidden part moves with time.

    This is the decoder mask of VideoMAE V2 (arXiv 2303.16727; its
    `RunningCellMaskingGenerator`), from MAR (arXiv 2207.11660). The unit's four patches stand in a
    ring, row by row; ``int(4 * ratio)`` neighbours in the ring are hidden, and from slice to slice
    they move one place back. So of any four slices in a row every patch is visible in at least one.
    The seed chooses where the ring starts, one of four ways.

    Arguments and errors as `tube`, except that all ratios within a quarter give the same mask. A
    grid of odd height or width cuts the last units, so its count of hidden tokens is not exact and
    depends on the seed.
    """
    ring = UNIT * UNIT
    hidden = np.arange(ring) < _hidden_count(ring, ratio, "patches of a 2 x 2 unit")
    start = int(_generator(seed).integers(ring))
    time, row, column = np.indices(grid.shape, sparse=True)
    place = (row % UNIT) * UNIT + column % UNIT
    mask: Mask = hidden[(place + start + time) % ring]
    return painted(mask, grid)


def future(grid: TokenGrid, ratio: float) -> Mask:
    """Hide the last ``int(ratio * grid.time)`` slices of time: what comes is to be predicted.

    Arguments and errors as `tube`; there is one such mask, so it takes no seed.
    """
    hidden = _hidden_count(grid.time, ratio, "slices of time")
    mask = np.zeros(grid.shape, dtype=np.bool_)
    mask[grid.time - hidden :] = True
    return mask


def highest(scores: NDArray[np.floating], grid: TokenGrid, ratio: float) -> Mask:
    """Hide the ``int(ratio * grid.tokens)`` tokens with the highest scores, (time, height, width).

    Of equal scores, the first tokens are hidden first. Errors as `tube`.
    """
    hidden = _hidden_count(grid.tokens, ratio, "tokens of the clip")
    mask = np.zeros(grid.tokens, dtype=np.bool_)
    mask[np.argsort(-scores.reshape(-1), kind="stable")[:hidden]] = True
    return mask.reshape(grid.shape)


def painted(array: ArrayLike, grid: TokenGrid) -> Mask:
    """Check a mask that was made elsewhere, by hand for instance.

    Parameters
    ----------
    array : (time, height, width) bool
        True = hidden.
    grid : TokenGrid
        The grid it must fit.

    Returns
    -------
    (time, height, width) bool
        A copy.

    Raises
    ------
    RequestError
        When it is of another shape or type, hides no token, or hides every token.
    """
    mask = np.array(array)
    if mask.dtype != np.bool_:
        raise RequestError(
            f"The painted mask holds {mask.dtype} values; it must be bool, where True means hidden."
        )
    if mask.shape != grid.shape:
        raise RequestError(
            f"The painted mask has the shape {mask.shape}; the token grid (time, height, width) is "
            f"{grid.shape}."
        )
    if not mask.any():
        raise RequestError("The painted mask hides no token; hide at least one of them.")
    if mask.all():
        raise RequestError(
            f"The painted mask hides all {grid.tokens} tokens; leave at least one visible."
        )
    return mask


MASK_KINDS: Mapping[str, Callable[[TokenGrid, float, int], Mask]] = MappingProxyType(
    {"tube": tube, "random": random, "frame": frame, "cell": cell}
)


def make_mask(kind: str, grid: TokenGrid, ratio: float, seed: int) -> Mask:
    """Draw a mask of one of the `MASK_KINDS`; see there for arguments and errors.

    Raises
    ------
    RequestError
        When the kind is unknown, and whenever the kind itself raises it.
    """
    if kind not in MASK_KINDS:
        raise RequestError(
            f"There is no mask kind {kind!r}; the known ones are {', '.join(MASK_KINDS)}."
        )
    return MASK_KINDS[kind](grid, ratio, seed)


def _draw(count: int, ratio: float, seed: int, what: str) -> Mask:
    """(count,) bool with ``int(ratio * count)`` True, the first of the seed's permutation."""
    hidden_count = _hidden_count(count, ratio, what)
    hidden = np.zeros(count, dtype=np.bool_)
    hidden[_generator(seed).permutation(count)[:hidden_count]] = True
    return hidden


def _hidden_count(count: int, ratio: float, what: str) -> int:
    if not 0 < ratio < 1:
        raise RequestError(f"The mask ratio is {ratio}; it must lie above 0 and below 1.")
    if count < 2:
        raise RequestError(
            f"Of the {what} there is only {count}, so none can be hidden while another stays "
            "visible; choose another mask kind."
        )
    hidden_count = int(ratio * count)
    if not hidden_count:
        least = math.ceil(10_000 / count) / 10_000
        raise RequestError(
            f"A mask ratio of {ratio:g} hides none of the {count} {what}; choose one from "
            f"{least:g} up to, but not including, 1."
        )
    return hidden_count


def _generator(seed: object) -> np.random.Generator:
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise RequestError(f"The mask seed is {seed!r}; it must be a whole number from 0.")
    return np.random.default_rng(int(seed))
