"""Surfaces and outlines for synthetic things, as formulas: sharp at any size.

The surfaces mix patterns that can be predicted from a few patches (gradients, stripes, checks,
rings) with statistics of natural images (waves with a 1/f spectrum, dead leaves with power-law
sizes, muted colours); see Baradad et al., "Learning to See by Looking at Noise" (2021), and Yu et
al., "Learning Video Representations without Natural Videos" (arXiv 2410.24213). All functions work
on a batch, one surface per clip.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

WAVES = 20
LEAVES = 28


class Draws:
    """Numbers drawn once per clip from its own seed, handed out in a fixed order.

    So a clip depends only on its seed, not on the batch, size or device of its rendering.

    Parameters
    ----------
    seeds : sequence of int
        One per clip.
    count : int
        How many numbers each clip may use.
    """

    def __init__(self, seeds: Sequence[int], count: int, device: torch.device) -> None:
        rows = np.stack([np.random.default_rng(seed).random(count) for seed in seeds])
        self._rows = torch.from_numpy(rows.astype(np.float32)).to(device)
        self._used = 0

    def only(self, clips: Tensor) -> Draws:
        """Return the same numbers, from here on, for the clips with these indices."""
        part = copy.copy(self)
        part._rows = self._rows[clips]
        return part

    def skip(self, count: int) -> None:
        """Leave out `count` numbers."""
        self._used += count

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Return (B, *shape) numbers between `low` and `high`."""
        count = math.prod(shape)
        if self._used + count > self._rows.shape[1]:
            raise ValueError("The clip has used up its numbers: raise their count.")
        taken = self._rows[:, self._used : self._used + count]
        self._used += count
        return low + (high - low) * taken.reshape(-1, *shape)

    def chance(self, probability: float) -> Tensor:
        """Return (B,) bool, True with `probability`."""
        return self.uniform(0, 1) < probability

    def choice(self, weights: Sequence[float]) -> Tensor:
        """Return (B,) indices into `weights`, each as likely as its weight."""
        edges = torch.tensor(weights, device=self._rows.device).cumsum(0) / sum(weights)
        return torch.searchsorted(edges, self.uniform(0, 1)).clamp_(max=len(weights) - 1)


def _column(values: Tensor) -> Tensor:
    return values[:, None, None]  # (B,) -> (B, 1, 1), to meet (B, H, W)


def _along(x: Tensor, y: Tensor, angle: Tensor) -> Tensor:
    return x * _column(angle.cos()) + y * _column(angle.sin())


def _stripes(x: Tensor, y: Tensor, draws: Draws) -> Tensor:
    frequency, angle = draws.uniform(0.7, 2.8), draws.uniform(0, math.pi)
    phase, sharpness = draws.uniform(0, math.tau), draws.uniform(0.8, 6.0)
    wave = torch.sin(math.tau * _column(frequency) * _along(x, y, angle) + _column(phase))
    return 0.5 + 0.5 * torch.tanh(_column(sharpness) * wave)


def _checks(x: Tensor, y: Tensor, draws: Draws) -> Tensor:
    frequency, angle = draws.uniform(0.5, 1.5), draws.uniform(0, math.pi)
    phase, sharpness = draws.uniform(0, math.tau, 2), draws.uniform(1.5, 8.0)
    across = _along(x, y, angle) * _column(frequency) * math.tau + _column(phase[:, 0])
    down = _along(x, y, angle + math.pi / 2) * _column(frequency) * math.tau
    wave = torch.sin(across) * torch.sin(down + _column(phase[:, 1]))
    return 0.5 + 0.5 * torch.tanh(_column(sharpness) * wave)


def _rings(x: Tensor, y: Tensor, draws: Draws) -> Tensor:
    centre, frequency = draws.uniform(-0.9, 0.9, 2), draws.uniform(0.7, 2.4)
    phase, sharpness = draws.uniform(0, math.tau), draws.uniform(0.8, 5.0)
    radius = torch.hypot(x - _column(centre[:, 0]), y - _column(centre[:, 1]))
    wave = torch.sin(math.tau * _column(frequency) * radius + _column(phase))
    return 0.5 + 0.5 * torch.tanh(_column(sharpness) * wave)


def _ramp(x: Tensor, y: Tensor, draws: Draws) -> Tensor:
    slope, offset = draws.uniform(1.0, 6.0), draws.uniform(-0.7, 0.7)
    along = _along(x, y, draws.uniform(0, math.tau))
    return torch.sigmoid(_column(slope) * (along - _column(offset)))


def _waves(x: Tensor, y: Tensor, draws: Draws) -> Tensor:
    frequency = 0.25 * torch.pow(2.0, draws.uniform(0, 3.6, WAVES))  # cycles per unit, log-uniform
    angle, phase = draws.uniform(0, math.tau, WAVES), draws.uniform(0, math.tau, WAVES)
    contrast = draws.uniform(0.8, 2.5)
    total = torch.zeros_like(x)
    for k in range(WAVES):
        along = _along(x, y, angle[:, k]) * _column(frequency[:, k])
        total += torch.sin(math.tau * along + _column(phase[:, k])) / _column(frequency[:, k])
    spread = frequency.pow(-2).sum(1).div(2).sqrt()
    return torch.sigmoid(_column(contrast) * total / _column(spread))


def _leaves(x: Tensor, y: Tensor, draws: Draws) -> Tensor:
    centre = draws.uniform(-2.6, 2.6, LEAVES, 2)
    radius = 0.26 * draws.uniform(0.012, 1, LEAVES).pow(-0.5)  # density falls as radius**-3
    tone = draws.uniform(0, 1, LEAVES)
    field = _column(draws.uniform(0, 1)).expand_as(x)
    for k in radius.argsort(dim=1, descending=True).T:  # large leaves first, so that none is lost
        here = k[:, None]
        cx, cy = centre.gather(1, here[:, :, None].expand(-1, -1, 2)).squeeze(1).T
        inside = torch.hypot(x - _column(cx), y - _column(cy)) < radius.gather(1, here)[:, :, None]
        field = torch.where(inside, tone.gather(1, here)[:, :, None], field)
    return field


FIELDS: tuple[Callable[[Tensor, Tensor, Draws], Tensor], ...] = (
    _ramp,
    _stripes,
    _checks,
    _rings,
    _waves,
    _leaves,
)
"""Scalar surfaces in 0..1 over the plane, in the order of the `weights` of `surface`."""

FIELD_DRAWS = 8 + max(3 * WAVES, 4 * LEAVES)
SURFACE_DRAWS = 16 + FIELD_DRAWS
"""How many numbers one field and one surface use, at the most."""


def surface(x: Tensor, y: Tensor, draws: Draws, weights: Sequence[float], light: Tensor) -> Tensor:
    """Paint one surface per clip: two muted colours mixed by a field, shaded along one direction.

    Parameters
    ----------
    x, y : Tensor
        (B, H, W) coordinates.
    weights : sequence of float
        How likely each of `FIELDS` is.
    light : Tensor
        (B,) mean brightness of the surface, 0..1.

    Returns
    -------
    Tensor
        (B, 3, H, W) in 0..1.
    """
    kind = draws.choice(weights)
    field = torch.zeros_like(x)
    for index, paint in enumerate(FIELDS):
        clips = (kind == index).nonzero()[:, 0]
        if len(clips):
            field[clips] = paint(x[clips], y[clips], draws.only(clips))
    draws.skip(FIELD_DRAWS)
    hue = draws.uniform(0, 1)
    other = hue + draws.uniform(-0.18, 0.18)
    saturation, contrast = draws.uniform(0.1, 0.65, 2), draws.uniform(0.1, 0.32)
    dark = muted_colour(hue, saturation[:, 0], light - contrast)
    bright = muted_colour(other, saturation[:, 1], light + contrast)
    colour = torch.lerp(dark[:, :, None, None], bright[:, :, None, None], field[:, None])
    shade = _column(draws.uniform(0.0, 0.16)) * _along(x, y, draws.uniform(0, math.tau))
    return (colour + shade[:, None]).clamp(0, 1)


def muted_colour(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """Convert (B,) hue (turns), saturation and value to (B, 3) RGB in 0..1."""
    sextant = torch.tensor([5.0, 3.0, 1.0], device=hue.device)
    k = (sextant + 6 * hue[:, None]) % 6
    fall = torch.minimum(k, 4 - k).clamp(0, 1)
    return value.clamp(0, 1)[:, None] * (1 - saturation[:, None] * fall)


OUTLINE_DRAWS = 8


def outline(x: Tensor, y: Tensor, draws: Draws, softness: float) -> Tensor:
    """Draw one silhouette per clip inside the unit circle: polygons, stars, petals, ellipses.

    Parameters
    ----------
    softness : float
        Width of the edge, in the units of `x` and `y`.

    Returns
    -------
    Tensor
        (B, H, W) in 0..1: 1 inside.
    """
    kind = draws.choice((3, 2, 2, 2))
    corners = 3 + draws.choice((2, 3, 2, 1)).float()
    depth, flat = draws.uniform(0.15, 0.4), draws.uniform(0.5, 0.8)
    radius, angle = torch.hypot(x, y), torch.atan2(y, x)
    sector = math.tau / _column(corners)
    inner = torch.cos(sector / 2) / torch.cos(torch.remainder(angle, sector) - sector / 2)
    petals = 1 - _column(depth) * (1 - torch.cos(_column(corners) * angle))
    saw = (torch.remainder(angle, sector) / sector - 0.5).abs() * 2
    star = 1 - 1.6 * _column(depth) * (1 - saw)
    ellipse = 1 / torch.hypot(torch.cos(angle), torch.sin(angle) / _column(flat))
    edge = torch.stack([inner, petals, star, ellipse])
    chosen = edge.gather(0, kind[None, :, None, None].expand(1, *edge.shape[1:]))[0]
    return torch.sigmoid((chosen - radius) / softness * 2)
