"""What tokens have in common: their main directions as colours, and how alike two of them are.

Tensors in, numbers out; knows no layer and no checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from videomae_demo.config import TokenGrid
from videomae_demo.errors import RequestError

COLOURS = 3
SPANNED = 0.98
"""Share of the tokens whose values a colour spans; the others are cut off at its ends."""


@dataclass(frozen=True, slots=True, eq=False)
class PrincipalColours:
    """Tokens as colours: red, green and blue are the three main directions of their codes.

    Attributes
    ----------
    colours : ndarray
        (time, height, width, 3) float32 in 0..1; 0.5 throughout where the tokens do not differ.
    explained : tuple of float
        The share of the variance along each of the three directions, in 0..1.
    """

    colours: NDArray[np.float32]
    explained: tuple[float, ...]


def principal_colours(features: Tensor, grid: TokenGrid) -> PrincipalColours:
    """Project tokens on their three main directions (PCA).

    A direction's sign is arbitrary; it is chosen so that the direction's largest entry is positive,
    and so the same tokens always have the same colours.

    Parameters
    ----------
    features : Tensor
        (N, D): one clip's tokens.

    Raises
    ------
    RequestError
        When there are not `grid.tokens` of them, or D is below three.
    """
    count, width = features.shape
    if count != grid.tokens or width < COLOURS:
        raise RequestError(
            f"There are {count} tokens of {width} values; give {grid.tokens} of {COLOURS} or more."
        )
    centred = features.double() - features.double().mean(0)
    covariance = centred.T @ centred
    variances, directions = torch.linalg.eigh(covariance)  # rising
    total = float(covariance.diagonal().sum())
    chosen = directions[:, -COLOURS:].flip(1)  # (D, 3)
    largest = chosen.abs().argmax(0)
    chosen = chosen * chosen[largest, torch.arange(COLOURS)].sign()
    along = centred @ chosen  # (N, 3)
    rest = (1 - SPANNED) / 2
    low, high = along.quantile(rest, dim=0), along.quantile(1 - rest, dim=0)
    reach = high - low
    flat = reach <= 1e-9 * max(total, 1e-12) ** 0.5
    colours = torch.where(flat, 0.5, (along - low) / reach.masked_fill(flat, 1)).clamp(0, 1)
    shares = variances.flip(0)[:COLOURS].clamp(min=0) / total if total > 0 else torch.zeros(COLOURS)
    return PrincipalColours(
        colours.float().reshape(*grid.shape, COLOURS).numpy(), tuple(shares.tolist())
    )


def likeness(features: Tensor, token: int) -> Tensor:
    """Return the cosine between one token, by its number, and every token: (N,) in -1..1.

    Parameters
    ----------
    features : Tensor
        (N, D).

    Raises
    ------
    RequestError
        When there is no such token.
    """
    if not 0 <= token < len(features):
        raise RequestError(f"There is no token {token}; there are {len(features)}, from 0.")
    wide = features.double()
    return torch.nn.functional.cosine_similarity(wide, wide[token][None], dim=1).clamp(-1, 1)


def linear_cka(one: Tensor, other: Tensor) -> float:
    """Return how alike two sets of codes of the same tokens are, 0..1: 1 if a turn and a scale do.

    Linear centred kernel alignment (Kornblith et al. 2019, arXiv 1905.00414, equation 3). 0 where
    the tokens of either do not differ.

    Parameters
    ----------
    one, other : Tensor
        (N, D) and (N, D').
    """
    first, second = (codes.double() - codes.double().mean(0) for codes in (one, other))
    shared = (first.T @ second).square().sum()
    own = (first.T @ first).norm() * (second.T @ second).norm()
    return float(shared / own) if own > 0 else 0.0


def neighbourhood(grid: TokenGrid, token: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Return the token and all that touch it, in time or space: (time, height, width) bool."""
    near = np.ones(grid.shape, dtype=np.bool_)
    for axis, at in enumerate(token):
        places = np.abs(np.arange(grid.shape[axis]) - at) <= 1
        near &= places.reshape([-1 if other == axis else 1 for other in range(3)])
    return near


def nearest_by_slice(cosines: NDArray[np.floating], count: int) -> NDArray[np.bool_]:
    """Mark the `count` largest cosines of each slice of time; NaN is never one of them.

    Parameters
    ----------
    cosines : (time, height, width) float

    Returns
    -------
    (time, height, width) bool
    """
    flat = np.nan_to_num(cosines.reshape(len(cosines), -1), nan=-np.inf)
    order = np.argsort(-flat, axis=1, kind="stable")[:, :count]
    marked = np.zeros(flat.shape, dtype=np.bool_)
    np.put_along_axis(marked, order, True, axis=1)
    nearest: NDArray[np.bool_] = marked.reshape(cosines.shape) & ~np.isnan(cosines)
    return nearest
