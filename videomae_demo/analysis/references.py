"""Maps that need no model: what any other map has to beat.

A heatmap of a model that follows motion may look right though it only shows what moves. So no map
is shown without these beside it.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from videomae_demo.analysis.relevance import Question, Scored
from videomae_demo.config import TokenGrid, VideoMAEConfig


def frame_difference(question: Question) -> Scored:
    """Score tokens by `motion_energy`."""
    energy = motion_energy(question.pixel_values, question.model.config)[0].flatten()
    return Scored(energy[question.visible])


def centre(question: Question) -> Scored:
    """Score tokens by `nearness_to_the_middle`."""
    near = nearness_to_the_middle(question.model.config.grid).flatten()
    return Scored(near.to(question.pixel_values.device)[question.visible])


def random(question: Question) -> Scored:
    """Score tokens by chance, seed 0; see `drawn`."""
    scores = drawn(question.model.config.grid, 0).flatten()
    return Scored(scores.to(question.pixel_values.device)[question.visible])


def motion_energy(pixel_values: Tensor, config: VideoMAEConfig) -> Tensor:
    """Return how much the pixels of each token change from frame to frame.

    That is the mean, over a token's pixels, channels and frames, of the absolute difference to the
    frame before, in units of the normalised pixels. The first frame has none before it: there the
    difference to the next one is taken.

    Parameters
    ----------
    pixel_values : Tensor
        (B, T, C, H, W) float, normalised.
    config : VideoMAEConfig
        Says how large a token is.

    Returns
    -------
    Tensor
        (B, time, height, width).
    """
    if pixel_values.shape[1] == 1:
        change = torch.zeros_like(pixel_values)
    else:
        change = pixel_values.diff(dim=1).abs()
        change = torch.cat([change[:, :1], change], dim=1)  # (B, T, C, H, W)
    step = (config.tubelet_size, config.patch_size, config.patch_size)
    return F.avg_pool3d(change.mean(dim=2)[:, None], step)[:, 0]


def nearness_to_the_middle(grid: TokenGrid) -> Tensor:
    """Return 1 in the middle of the frame, falling evenly to 0 in its corners.

    (time, height, width) float32, the same in each slice of time.
    """
    rows = (torch.arange(grid.height) - (grid.height - 1) / 2) / max(1, grid.height - 1) * 2
    columns = (torch.arange(grid.width) - (grid.width - 1) / 2) / max(1, grid.width - 1) * 2
    distance = torch.hypot(rows[:, None], columns[None])
    near = 1 - distance / distance.max().clamp(min=torch.finfo(torch.float32).tiny)
    return near.expand(grid.shape).contiguous()


def drawn(grid: TokenGrid, seed: int) -> Tensor:
    """Return numbers in 0..1 that a seed decides: (time, height, width) float32."""
    values = np.random.default_rng(seed).random(grid.shape, dtype=np.float32)
    return torch.from_numpy(values)
