"""Clips cut into tokens and put together again: pure functions, each the inverse of another.

Inside a token the order is (tubelet frame, patch row, patch column, channel), that of the decoder's
output. Knows shapes only; nothing of weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from videomae_demo.config import TokenGrid
from videomae_demo.errors import RequestError

EPSILON = 1e-6
"""Added to a token's standard deviation before dividing by it, as in the original code."""


def patchify(clip: Tensor, tubelet_size: int, patch_size: int) -> Tensor:
    """Cut clips into tokens.

    Parameters
    ----------
    clip : Tensor
        (B, T, C, H, W); T a multiple of `tubelet_size`, H and W of `patch_size`.

    Returns
    -------
    Tensor
        (B, N, tubelet_size * patch_size**2 * C), tokens in (time, height, width) order.

    Raises
    ------
    RequestError
        When a size is not a multiple of its step.
    """
    batch, frames, channels, height, width = clip.shape
    if frames % tubelet_size or height % patch_size or width % patch_size:
        raise RequestError(
            f"A clip of {frames} frames of {height}x{width} px can't be cut into tokens of "
            f"{tubelet_size} frames of {patch_size}x{patch_size} px."
        )
    grid = (frames // tubelet_size, height // patch_size, width // patch_size)
    blocks = clip.reshape(
        batch, grid[0], tubelet_size, channels, grid[1], patch_size, grid[2], patch_size
    )
    return blocks.permute(0, 1, 4, 6, 2, 5, 7, 3).reshape(
        batch, grid[0] * grid[1] * grid[2], tubelet_size * patch_size**2 * channels
    )


def unpatchify(tokens: Tensor, grid: TokenGrid, tubelet_size: int, patch_size: int) -> Tensor:
    """Put tokens together to clips; the inverse of `patchify`.

    Parameters
    ----------
    tokens : Tensor
        (B, N, tubelet_size * patch_size**2 * C) with N = ``grid.tokens``.

    Returns
    -------
    Tensor
        (B, T, C, H, W).

    Raises
    ------
    RequestError
        When the shape does not fit the grid.
    """
    batch, count, values = tokens.shape
    channels, rest = divmod(values, tubelet_size * patch_size**2)
    if count != grid.tokens or rest:
        raise RequestError(
            f"{count} tokens of {values} values do not fill a grid of {grid.shape} tokens of "
            f"{tubelet_size} frames of {patch_size}x{patch_size} px."
        )
    blocks = tokens.reshape(batch, *grid.shape, tubelet_size, patch_size, patch_size, channels)
    return blocks.permute(0, 1, 4, 7, 2, 5, 3, 6).reshape(
        batch,
        grid.time * tubelet_size,
        channels,
        grid.height * patch_size,
        grid.width * patch_size,
    )


@dataclass(frozen=True, slots=True, eq=False)
class TokenStatistics:
    """Mean and spread of the pixels of each token, per channel: both (B, N, 1, C)."""

    mean: Tensor
    deviation: Tensor


def token_statistics(tokens: Tensor, channels: int) -> TokenStatistics:
    """Measure mean and standard deviation (unbiased) of (B, N, pixels * C) tokens per channel."""
    pixels = tokens.unflatten(-1, (-1, channels))
    return TokenStatistics(
        pixels.mean(dim=-2, keepdim=True), pixels.var(dim=-2, keepdim=True).sqrt()
    )


def normalise_tokens(tokens: Tensor, statistics: TokenStatistics) -> Tensor:
    """Subtract the mean and divide by the deviation: the target of a ``norm_pix_loss`` decoder."""
    pixels = tokens.unflatten(-1, (-1, statistics.mean.shape[-1]))
    normalised: Tensor = (pixels - statistics.mean) / (statistics.deviation + EPSILON)
    return normalised.flatten(-2)


def normalise_differences(differences: Tensor, statistics: TokenStatistics) -> Tensor:
    """Divide differences between tokens, (B, N, pixels * C), by the deviation: the mean is gone."""
    pixels = differences.unflatten(-1, (-1, statistics.mean.shape[-1]))
    normalised: Tensor = pixels / (statistics.deviation + EPSILON)
    return normalised.flatten(-2)


def denormalise_tokens(tokens: Tensor, statistics: TokenStatistics) -> Tensor:
    """Multiply by the deviation and add the mean; the inverse of `normalise_tokens`."""
    pixels = tokens.unflatten(-1, (-1, statistics.mean.shape[-1]))
    restored: Tensor = pixels * (statistics.deviation + EPSILON) + statistics.mean
    return restored.flatten(-2)


def select_tokens(tokens: Tensor, keep: Tensor) -> Tensor:
    """Return the (B, N_kept, D) tokens of (B, N, D) where `keep` (B, N) is True, in order."""
    return tokens[keep].reshape(len(keep), -1, tokens.shape[-1])


def sincos_positions(count: int, width: int) -> Tensor:
    """Return the fixed sine and cosine table of the original code: (1, count, width) float32.

    Row i, column j is the sine (j even) or cosine (j odd) of ``i / 10000**(2 * (j // 2) / width)``,
    computed in float64 (Vaswani et al. 2017, section 3.5). It is on the CPU even while a model is
    built on the meta device.
    """
    with torch.device("cpu"):
        position = torch.arange(count, dtype=torch.float64)[:, None]
        table = torch.empty(count, width)
        for first, function in ((0, torch.sin), (1, torch.cos)):  # even columns, then odd ones
            pair = torch.arange(0, width - first, 2, dtype=torch.float64)
            table[:, first::2] = function(position / torch.pow(10000.0, pair / width))
        return table[None]
