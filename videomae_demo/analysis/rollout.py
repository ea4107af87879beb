"""Attention rollout: attention chained through the layers, from what the head reads to the tokens.

Abnar and Zuidema, "Quantifying Attention Flow in Transformers" (2020). Per layer: fuse the heads;
optionally set the lowest fraction of the fused map to zero; ``A <- (A + I) / 2``, for the residual
connection; rows scaled to sum to 1. Then ``r <- r A`` from the last layer to the first. A row
vector is multiplied by each map in turn, which equals the usual product of whole maps at O(layers *
N**2) instead of O(layers * N**3).

The result is a distribution over the tokens. It follows where information could flow; it is no
proof of cause.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from videomae_demo.analysis.settings import HeadFusion, RolloutSettings
from videomae_demo.config import TokenGrid
from videomae_demo.errors import RequestError

SCALED_SHARE = 0.99
"""Share of the tokens that a picture's scale spans; see `Rollout.scale_end`."""


@dataclass(frozen=True, slots=True, eq=False)
class Rollout:
    """The result of a rollout.

    Attributes
    ----------
    scores : ndarray
        (time, height, width) float64, sums to 1.
    settings : RolloutSettings
    """

    scores: NDArray[np.float64]
    settings: RolloutSettings

    @property
    def times_uniform(self) -> NDArray[np.float64]:
        """The scores in units of uniform attention: 1.0 is a token's even share."""
        return self.scores * self.scores.size

    @property
    def over_time(self) -> NDArray[np.float64]:
        """Attention per slice of time, in units of uniform attention: (time,), mean 1."""
        over_time: NDArray[np.float64] = self.times_uniform.mean(axis=(1, 2))
        return over_time

    @property
    def scale_end(self) -> float:
        """Where a picture's scale may end, in units of uniform attention.

        99 % of the tokens lie below it, not counting the query: otherwise a few peaks would leave
        all the rest dark. A legend must say that there is more above. An even share never lies
        above the middle: attention that is spread evenly must not glow.
        """
        others = np.ones(self.scores.shape, dtype=np.bool_)
        if self.settings.query is not None:
            others[self.settings.query] = False
        return max(2.0, float(np.quantile(self.times_uniform[others], SCALED_SHARE)))


class FusedAttention(Sequence[Tensor]):
    """The head-fused attention of each layer for one clip.

    Held in half precision in units of uniform attention (rows sum to N), where half precision is
    finest; handed out layer by layer as (N, N) float32 whose rows are probabilities. Base at 16
    frames of 224 px takes 59 MB for its 12 layers, instead of 1.4 GB unfused.
    """

    def __init__(self, scaled_maps: Sequence[Tensor]) -> None:
        self._scaled = tuple(scaled_maps)

    @overload
    def __getitem__(self, layer: int) -> Tensor: ...

    @overload
    def __getitem__(self, layer: slice) -> FusedAttention: ...

    def __getitem__(self, layer: int | slice) -> Tensor | FusedAttention:
        if isinstance(layer, slice):
            return FusedAttention(self._scaled[layer])
        scaled = self._scaled[layer]
        return scaled.float() / len(scaled)

    def __len__(self) -> int:
        return len(self._scaled)

    def with_layer(self, layer: int, scaled: Tensor) -> FusedAttention:
        """Return the same with another map, (N, N) float16 as it is held, at a layer from 0."""
        return FusedAttention([*self._scaled[:layer], scaled, *self._scaled[layer + 1 :]])

    @classmethod
    def from_numpy(cls, array: NDArray[np.float16]) -> FusedAttention:
        """Return the attention that `to_numpy` gave; the memory is shared."""
        return cls(torch.from_numpy(array).unbind())

    def to_numpy(self) -> NDArray[np.float16]:
        """Return what is held, (layers, N, N), in the host's memory."""
        held = np.empty((len(self), *self._scaled[0].shape), np.float16)
        for place, scaled in zip(torch.from_numpy(held), self._scaled, strict=True):
            place.copy_(scaled)  # from a device straight to where it stays
        return held


class AttentionRecorder:
    """An observer that fuses the heads of each layer as the blocks come by; see `FusedAttention`.

    Parameters
    ----------
    fusion : str
        "mean", "max" or "min" over the heads.
    """

    def __init__(self, fusion: HeadFusion = "mean") -> None:
        self.fusion = fusion
        self._scaled: dict[int, Tensor] = {}

    def __call__(self, layer: int, rows: slice, probabilities: Tensor, /) -> None:
        """Fuse one block of rows, (B, heads, rows, N)."""
        batch, _, _, count = probabilities.shape
        if layer not in self._scaled:
            self._scaled[layer] = torch.empty(
                batch, count, count, dtype=torch.float16, device=probabilities.device
            )
        if self.fusion == "mean":
            fused = probabilities.mean(dim=1)
        elif self.fusion == "max":
            fused = probabilities.amax(dim=1)
        else:
            fused = probabilities.amin(dim=1)
        self._scaled[layer][:, rows] = (fused * count).to(torch.float16)

    def clip(self, index: int = 0) -> FusedAttention:
        """Return what was recorded of one clip of the batch."""
        return FusedAttention([self._scaled[layer][index] for layer in sorted(self._scaled)])


def rollout(
    maps: Sequence[Tensor], start: Tensor, grid: TokenGrid, settings: RolloutSettings
) -> Rollout:
    """Roll attention out from a start.

    Parameters
    ----------
    maps : sequence of Tensor
        Each layer's fused attention, (N, N) float32: row = the token that looks, a distribution.
    start : Tensor
        (N,) distribution from which to start; see `start_from_head`. A `query` in the settings
        takes its place.

    Raises
    ------
    RequestError
        When the settings name layers or a token that are not there.
    """
    if settings.query is not None:
        start = start_from_token(grid, settings.query)
    reached = start.to(device=maps[0].device, dtype=torch.float32)
    for layer in reversed(settings.layers(len(maps))):
        reached = _step(reached, discard_lowest(maps[layer], settings.discard))
    scores = reached.cpu().double().numpy().reshape(grid.shape)
    return Rollout(scores / scores.sum(), settings)


def _step(reached: Tensor, fused: Tensor) -> Tensor:
    """Go one layer down: ``reached @ normalised((fused + I) / 2)``, never building that matrix."""
    share = reached / (fused.sum(dim=1) + 1)  # the row sums of fused + I
    return share @ fused + share


def discard_lowest(fused: Tensor, fraction: float) -> Tensor:
    """Set the lowest `fraction` of a map (N, N) to zero; ties with the first kept value stay."""
    count = int(fraction * fused.numel())
    if count == 0:
        return fused
    first_kept = fused.flatten().kthvalue(count + 1).values
    return torch.where(fused < first_kept, 0, fused)


def start_from_head(grid: TokenGrid, mean_pooling: bool) -> Tensor:
    """Return what the head reads, (N,): the average of all tokens, or else token 0."""
    if mean_pooling:
        return torch.full((grid.tokens,), 1 / grid.tokens)
    return start_from_token(grid, (0, 0, 0))


def start_from_token(grid: TokenGrid, query: tuple[int, int, int]) -> Tensor:
    """Return one token's unit vector, (N,).

    Raises
    ------
    RequestError
        When the token is outside the grid.
    """
    if any(not 0 <= at < size for at, size in zip(query, grid.shape, strict=True)):
        raise RequestError(
            f"The token {query} is outside the grid: time 0 to {grid.time - 1}, row 0 to "
            f"{grid.height - 1}, column 0 to {grid.width - 1}."
        )
    start = torch.zeros(grid.shape)
    start[query] = 1
    return start.flatten()
