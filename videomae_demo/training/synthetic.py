"""Labelled synthetic clips: textured things on a textured ground, and one motion, the label.

Each clip follows from its seed and comes with its truth: the label, and where the thing is in every
frame. Size, number of frames and device do not change what is seen. The frame spans -1..1, x to the
right and y down.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from videomae_demo.training.photographs import Photographs
from videomae_demo.training.textures import (
    OUTLINE_DRAWS,
    SURFACE_DRAWS,
    Draws,
    outline,
    surface,
)

LABELS = (
    "moving left",
    "moving right",
    "moving up",
    "moving down",
    "growing",
    "shrinking",
    "spinning clockwise",
    "spinning counterclockwise",
    "bouncing",
    "orbiting",
    "shaking",
    "staying still",
    "camera panning left",
    "camera panning right",
    "camera zooming in",
    "camera zooming out",
)
REVERSED = {
    "moving left": "moving right",
    "moving up": "moving down",
    "growing": "shrinking",
    "spinning clockwise": "spinning counterclockwise",
    "camera panning left": "camera panning right",
    "camera zooming in": "camera zooming out",
}
"""Labels that become one another when the clip runs backwards; the others stay as they are."""

FRAME_INTERVAL_S = 0.125
"""Time between neighbouring frames of a training clip."""
CLIP_FRAMES = 16
CLIP_SPAN_S = FRAME_INTERVAL_S * (CLIP_FRAMES - 1)
"""From the first frame to the last; a motion runs once through in this time."""

HELD_OUT = 1_000_000_000
"""Seeds from here on are never trained on."""

GROUND_REACH = 2.5
"""The ground is painted from -2.5 to 2.5, wherever the camera may look."""
THING_REACH = 1.15
"""A thing is painted a little beyond its unit circle, for the soft edge."""
SHARE_CHANGING_SHAPE = 0.4

GROUND_SCALE = 0.6
THING_SCALE = 0.45
"""How coarse their surfaces are: most of their stripes are wider than a patch of 8 px at 64 px."""

GROUND_WEIGHTS = (1.5, 2.5, 1.5, 2.0, 2.5, 1.5)
THING_WEIGHTS = (3.0, 2.0, 1.0, 1.0, 1.0, 0.5)


@dataclass(frozen=True, slots=True, eq=False)
class SyntheticClips:
    """Rendered clips and their truth.

    Attributes
    ----------
    frames : Tensor
        (B, T, 3, H, W) float32 in 0..1.
    labels : Tensor
        (B,) int64, indices into `LABELS`.
    thing : Tensor
        (B, T, H, W) bool: where the labelled thing is seen.
    """

    frames: Tensor
    labels: Tensor
    thing: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class _Path:
    """Where a thing and the camera are, (B, T) each, and (B, T, 2) for places."""

    place: Tensor
    size: Tensor
    angle: Tensor
    camera: Tensor
    zoom: Tensor


def render(
    seeds: Sequence[int],
    *,
    size_px: int,
    times_s: Sequence[float] | None = None,
    labels: Sequence[int] | None = None,
    pictures: Photographs | None = None,
    device: torch.device | str = "cpu",
) -> SyntheticClips:
    """Render one clip per seed.

    Parameters
    ----------
    seeds : sequence of int
    size_px : int
        Height and width of the frames.
    times_s : sequence of float, optional
        When the frames are taken; default: `CLIP_FRAMES` frames `FRAME_INTERVAL_S` apart.
    labels : sequence of int, optional
        One index into `LABELS` per clip; default: drawn from the seed.
    pictures : Photographs, optional
        Grounds and things are cut from these; default: painted by `textures`.
    """
    device = torch.device(device)
    if times_s is None:
        times_s = [FRAME_INTERVAL_S * k for k in range(CLIP_FRAMES)]
    progress = torch.tensor(times_s, dtype=torch.float32, device=device) / CLIP_SPAN_S
    draws = Draws(seeds, 64 + 3 * SURFACE_DRAWS + 2 * OUTLINE_DRAWS, device)
    drawn = draws.choice([1.0] * len(LABELS))
    label = drawn if labels is None else torch.tensor(labels, device=device)
    path = _follow(label, progress, draws)
    brightness = draws.uniform(0.25, 0.75)
    ground = _paint_ground(draws, size_px, brightness, pictures)
    bystander = _paint_thing(draws, size_px, _contrasting(brightness, draws), pictures)
    thing = _paint_thing(draws, size_px, _contrasting(brightness, draws), pictures)

    x, y = _pixel_grid(size_px, device)
    view_x = x / path.zoom[..., None, None] + path.camera[..., 0, None, None]
    view_y = y / path.zoom[..., None, None] + path.camera[..., 1, None, None]
    frames = _look_up(ground, view_x / GROUND_REACH, view_y / GROUND_REACH, "reflection")
    still = _bystander_path(path, draws)
    stretch, still_stretch = (_change_shape(label, progress, draws) for _ in range(2))
    frames, _ = _lay_over(frames, bystander, view_x, view_y, still, still_stretch)
    frames, alpha = _lay_over(frames, thing, view_x, view_y, path, stretch)
    return SyntheticClips(frames.clamp(0, 1), label, alpha > 0.5)


def _follow(label: Tensor, progress: Tensor, draws: Draws) -> _Path:
    """Turn labels (B,) and progress (T,), 0 at the start and 1 at the end, into paths."""
    t = progress[None]  # (1, T)
    start, distance = draws.uniform(-0.35, 0.35, 2), draws.uniform(0.6, 1.3)[:, None]
    ease = draws.uniform(-0.3, 0.3)[:, None]
    t_eased = t + ease * t * (1 - t)  # speeds up or slows down, never turns round
    radius = draws.uniform(0.28, 0.5)[:, None]
    turn, heading = draws.uniform(0, math.tau)[:, None], draws.uniform(0, math.tau)[:, None]
    cycles, amount = draws.uniform(0, 1)[:, None], draws.uniform(0, 1)[:, None]
    side = torch.where(draws.chance(0.5), 1.0, -1.0)[:, None]

    def sign(minus: str, plus: str) -> Tensor:
        plus_mask = label == LABELS.index(plus)
        minus_mask = label == LABELS.index(minus)
        return (plus_mask.float() - minus_mask.float())[:, None]

    def chosen(name: str) -> Tensor:
        return (label == LABELS.index(name)).float()[:, None]

    middle = t_eased - 0.5
    orbit = turn + side * math.tau * (0.7 + 0.7 * cycles) * t_eased
    reach = 0.28 + 0.25 * amount
    hop = torch.sin(math.pi * (1.6 + 1.2 * cycles) * t + turn).abs()
    shake = torch.sin(math.tau * (3 + 1.5 * cycles) * t + turn) * (0.07 + 0.1 * amount)
    dx = (
        sign("moving left", "moving right") * distance * middle
        + chosen("orbiting") * reach * orbit.cos()
        + chosen("shaking") * shake * heading.cos()
    )
    dy = (
        sign("moving up", "moving down") * distance * middle
        + chosen("orbiting") * reach * orbit.sin()
        + chosen("shaking") * shake * heading.sin()
        + chosen("bouncing") * (0.5 - hop) * (0.5 + 0.5 * amount)
    )
    growth = sign("shrinking", "growing") * (0.7 + 0.5 * amount) * middle
    spin = sign("spinning counterclockwise", "spinning clockwise") * (1.8 + 2.7 * amount) * t_eased
    pan = sign("camera panning left", "camera panning right") * distance * middle
    zoom = sign("camera zooming out", "camera zooming in") * (0.45 + 0.4 * amount) * middle
    zeros = torch.zeros_like(dx)
    return _Path(
        place=torch.stack([start[:, :1] + dx, start[:, 1:] + dy], dim=-1),
        size=radius * torch.exp(growth),
        angle=heading + turn + spin,
        camera=torch.stack([pan, zeros], dim=-1),
        zoom=torch.exp(zoom + zeros),
    )


def _bystander_path(path: _Path, draws: Draws) -> _Path:
    """Give the clip a second thing that stays where it is; in some clips it is absent."""
    there = draws.chance(0.6).float()[:, None]
    place = draws.uniform(-0.8, 0.8, 2)[:, None].expand_as(path.place)
    size = (draws.uniform(0.18, 0.4)[:, None] * there).clamp(min=1e-3).expand_as(path.size)
    angle = draws.uniform(0, math.tau)[:, None].expand_as(path.angle)
    return _Path(place, size, angle, path.camera, path.zoom)


def _change_shape(label: Tensor, progress: Tensor, draws: Draws) -> Tensor:
    """Let things be squeezed and stretched in some of the clips where anything moves.

    No label depends on it. The result, (B, T), is the logarithm of how much longer a thing is along
    its own axis; it becomes narrower by the same factor, so that its area stays the same.
    """
    changes = draws.chance(SHARE_CHANGING_SHAPE) & (label != LABELS.index("staying still"))
    amount = draws.uniform(0.08, 0.22) * changes.float()
    cycles, phase = draws.uniform(0.5, 1.5)[:, None], draws.uniform(0, math.tau)[:, None]
    return amount[:, None] * torch.sin(math.tau * cycles * progress[None] + phase)


def _contrasting(brightness: Tensor, draws: Draws) -> Tensor:
    """Choose a brightness that stands out from the ground's."""
    step = draws.uniform(0.22, 0.45)
    return torch.where(brightness > 0.5, brightness - step, brightness + step)


def _pixel_grid(size_px: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return x and y of the pixel centres, (1, 1, H, W) each, in -1..1."""
    line = (torch.arange(size_px, device=device) + 0.5) * 2 / size_px - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    return x[None, None], y[None, None]


def _painting_grid(batch: int, size_px: int, reach: float, device: torch.device) -> list[Tensor]:
    return [g[0].expand(batch, -1, -1) * reach for g in _pixel_grid(size_px, device)]


def _paint_ground(
    draws: Draws, size_px: int, light: Tensor, pictures: Photographs | None
) -> Tensor:
    """Paint the ground once per clip, (B, 3, S, S), as fine as the frames are."""
    fine_px = round(size_px * GROUND_REACH)
    if pictures is not None:
        return pictures.cut(draws, fine_px)
    x, y = _painting_grid(len(light), fine_px, GROUND_REACH, light.device)
    return surface(x * GROUND_SCALE, y * GROUND_SCALE, draws, GROUND_WEIGHTS, light)


def _paint_thing(draws: Draws, size_px: int, light: Tensor, pictures: Photographs | None) -> Tensor:
    """Paint a thing once per clip, (B, 4, S, S): colour and silhouette."""
    x, y = _painting_grid(len(light), size_px, THING_REACH, light.device)
    silhouette = outline(x, y, draws, softness=4 / size_px)
    if pictures is None:
        painted = surface(x * THING_SCALE, y * THING_SCALE, draws, THING_WEIGHTS, light)
    else:
        painted = pictures.cut(draws, size_px)
    return torch.cat([painted, silhouette[:, None]], dim=1)


def _look_up(painting: Tensor, x: Tensor, y: Tensor, beyond: str) -> Tensor:
    """Sample (B, K, S, S) paintings at (B, T, H, W) places in -1..1; return (B, T, K, H, W)."""
    batch, frames, height, width = torch.broadcast_shapes(x.shape, y.shape)
    places = torch.stack(torch.broadcast_tensors(x, y), dim=-1)
    seen = F.grid_sample(
        painting,
        places.reshape(batch, frames * height, width, 2),
        padding_mode=beyond,
        align_corners=False,
    )
    by_frame: Tensor = seen.unflatten(2, (frames, height))
    return by_frame.transpose(1, 2)


def _lay_over(
    frames: Tensor, painting: Tensor, view_x: Tensor, view_y: Tensor, path: _Path, stretch: Tensor
) -> tuple[Tensor, Tensor]:
    """Lay a painted thing over (B, T, 3, H, W) frames; also return its coverage (B, T, H, W)."""
    x = view_x - path.place[..., 0, None, None]
    y = view_y - path.place[..., 1, None, None]
    scale = 1 / (path.size * THING_REACH)[..., None, None]
    cos, sin = (
        path.angle.cos()[..., None, None] * scale,
        path.angle.sin()[..., None, None] * scale,
    )
    longer = stretch.exp()[..., None, None]
    along, across = (x * cos + y * sin) / longer, (y * cos - x * sin) * longer
    seen = _look_up(painting, along, across, "zeros")
    colour, alpha = seen[:, :, :3], seen[:, :, 3]
    return torch.lerp(frames, colour, alpha[:, :, None]), alpha
