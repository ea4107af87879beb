"""The hidden part of a clip, filled without a model: what a reconstruction is to be compared with.

Works on tokens alone; how near a filling comes to the original is measured in `reconstruction`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from videomae_demo.config import TokenGrid, VideoMAEConfig

COPIED_IN_TIME, DISTANCE_WEIGHTED = "copied-in-time", "distance-weighted"
LEAKING = "true-patch-mean"
"""The one filling that is made from the hidden pixels themselves."""


def fillings(tokens: Tensor, hidden: Tensor, config: VideoMAEConfig) -> dict[str, Tensor]:
    """Fill the hidden tokens in every way that needs no model.

    Parameters
    ----------
    tokens : Tensor
        (N, P) float32: the pixels of all tokens, hidden ones too.
    hidden : Tensor
        (N,) bool.

    Returns
    -------
    dict of str to Tensor
        By name, (N_hidden, P) float32. "copied-in-time" comes only where something can be copied,
        and "true-patch-mean" only for a decoder of normalised pixels, which leaks as much.
    """
    by_pixel = tokens.unflatten(-1, (-1, config.num_channels))
    colours = by_pixel.double().mean(dim=1).float()  # (N, C), exact where a patch has one colour
    pixels_per_token = config.token_values // config.num_channels
    near = _Neighbours.of(config.grid, hidden)
    flat = {
        "visible-mean": colours[~hidden].mean(0).expand(int(hidden.sum()), -1),
        DISTANCE_WEIGHTED: near.weights @ colours[~hidden],
    }
    filled = {name: colour.repeat(1, pixels_per_token) for name, colour in flat.items()}
    filled["nearest-visible"] = tokens[~hidden][near.nearest]
    if near.is_copied.any():
        filled[COPIED_IN_TIME] = torch.where(
            near.is_copied[:, None], tokens[~hidden][near.same_place], filled[DISTANCE_WEIGHTED]
        )
    if config.norm_pix_loss:
        filled[LEAKING] = colours[hidden].repeat(1, pixels_per_token)
    return filled


@dataclass(frozen=True, slots=True, eq=False)
class _Neighbours:
    """Which visible tokens each hidden one is filled from.

    In space, a hidden token is filled from its own slice of time. If all of that slice is hidden,
    it is filled from the nearest slice that has something visible, or from both if two are equally
    near.

    Attributes
    ----------
    nearest : Tensor
        (N_hidden,) the visible token at the nearest place; at equal distances, the earliest slice,
        then the first in order.
    weights : Tensor
        (N_hidden, N_visible) shares that sum to 1 and fall with the square of the distance in
        patches. If the same place is visible, it has the whole weight.
    same_place : Tensor
        (N_hidden,) the visible token at the same place at the nearest time, the earlier of two.
    is_copied : Tensor
        (N_hidden,) bool: False where the same place is never visible, and `same_place` means
        nothing.
    """

    nearest: Tensor
    weights: Tensor
    same_place: Tensor
    is_copied: Tensor

    @classmethod
    def of(cls, grid: TokenGrid, hidden: Tensor) -> _Neighbours:
        """Find them; whole numbers throughout, since floats would round small distances away."""
        axes = torch.meshgrid(*(torch.arange(size) for size in grid.shape), indexing="ij")
        places = torch.stack(axes, dim=-1).reshape(-1, 3)  # (N, 3)
        between = (places[hidden][:, None] - places[~hidden][None]).abs()
        after, apart = between[..., 0], between[..., 1:].square().sum(dim=-1)
        is_near = after == after.amin(dim=1, keepdim=True)
        apart_when_near = torch.where(is_near, apart, grid.patches**2)
        is_same = apart == 0
        never = grid.time
        waits = torch.where(is_same, after, never)
        return cls(
            nearest=apart_when_near.argmin(dim=1),
            weights=_shares(apart, is_near),
            same_place=waits.argmin(dim=1),
            is_copied=is_same.any(dim=1),
        )


def _shares(apart: Tensor, is_near: Tensor) -> Tensor:
    """Weigh by ``1 / distance**2``; a place at distance 0 leaves nothing to the others."""
    is_here = is_near & (apart == 0)
    by_distance = torch.where(is_near, 1 / apart.clamp(min=1).double(), 0.0)
    weights = torch.where(is_here.any(dim=1, keepdim=True), is_here.double(), by_distance)
    return (weights / weights.sum(dim=1, keepdim=True)).float()
