"""Batches of synthetic clips: rendered in pools, each shown a few times with random changes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from videomae_demo.model.videomae import IMAGENET_MEAN, IMAGENET_STD
from videomae_demo.training.synthetic import LABELS, REVERSED, render

RENDER_BATCH = 64
POOLS = 1
"""Keeps the random numbers of a pool apart from those of a batch."""


def swap(pairs: dict[str, str]) -> Tensor:
    """Return, for each label, the index of the one that `pairs` turns it into: (labels,) int64."""
    both = pairs | {second: first for first, second in pairs.items()}
    return torch.tensor([LABELS.index(both.get(name, name)) for name in LABELS])


MIRRORED = {
    "moving left": "moving right",
    "spinning clockwise": "spinning counterclockwise",
    "camera panning left": "camera panning right",
}
"""Labels that become one another in a mirror; the others stay as they are."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Clips for the model: (B, T, 3, H, W) float32 normalised; `labels` (B,) int64."""

    pixel_values: Tensor
    labels: Tensor


class ClipSource:
    """Endless batches, each decided by its step alone, so that a run can be resumed exactly.

    Parameters
    ----------
    seed : int
        Different sources show different clips.
    pool_clips : int
        How many clips are rendered at once.
    uses : int
        How often each is shown, mirrored or reversed by chance.
    label_weights : Tensor, optional
        (labels,): how often each label is shown, in proportion; default: all alike.
    """

    def __init__(
        self,
        size_px: int,
        batch_size: int,
        *,
        seed: int = 0,
        pool_clips: int = 4096,
        uses: int = 4,
        label_weights: Tensor | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        self.size_px = size_px
        self.batch_size = batch_size
        self.seed = seed
        self.pool_clips = max(pool_clips, batch_size)
        self.steps_per_use = self.pool_clips // batch_size
        self.uses = uses
        self.label_weights = label_weights
        self.device = torch.device(device)
        self._pool_index = -1
        self._frames = torch.empty(0)
        self._labels = torch.empty(0)
        self._centres = torch.empty(0)

    def batch(self, step: int, nearest: float = 1.0) -> Batch:
        """Return the batch of one training step.

        Parameters
        ----------
        nearest : float
            Half of the clips are cut down to a part around the moving thing, and the part is
            enlarged. It has this share of their width, or more; 1 leaves all clips whole.
        """
        use, place = divmod(step, self.steps_per_use)
        self._fill(use // self.uses)
        generator = generator_for(self.seed, use)
        order = torch.randperm(self.pool_clips, generator=generator)
        clips = order[place * self.batch_size :][: self.batch_size].to(self.device)
        generator = generator_for(self.seed, use, place)
        mirrored, reversed_ = torch.rand(2, len(clips), generator=generator).to(self.device) < 0.5
        frames, labels = self._frames[clips].float() / 255, self._labels[clips]
        if nearest < 1:
            part = nearest + (1 - nearest) * torch.rand(len(clips), generator=generator)
            part[torch.rand(len(clips), generator=generator) < 0.5] = 1.0
            frames = come_nearer(frames, self._centres[clips], part.to(self.device))
        frames, labels = turn(frames, labels, mirrored, reversed_)
        return Batch(normalise(frames), labels)

    def _fill(self, pool_index: int) -> None:
        if pool_index == self._pool_index:
            return
        frames, labels, centres = [], [], []
        first = (self.seed * 1_000 + pool_index) * self.pool_clips
        drawn = self._draw_labels(pool_index)
        for start in range(0, self.pool_clips, RENDER_BATCH):
            stop = min(start + RENDER_BATCH, self.pool_clips)
            clips = render(
                range(first + start, first + stop),
                size_px=self.size_px,
                labels=drawn[start:stop] if drawn else None,
                device=self.device,
            )
            frames.append(clips.frames.mul(255).round().to(torch.uint8))
            labels.append(clips.labels)
            centres.append(_centres(clips.thing))
        self._frames, self._labels = torch.cat(frames), torch.cat(labels)
        self._centres = torch.cat(centres)
        self._pool_index = pool_index

    def _draw_labels(self, pool_index: int) -> list[int] | None:
        if self.label_weights is None:
            return None
        generator = generator_for(self.seed, pool_index, 0, POOLS)
        chosen = self.label_weights.multinomial(
            self.pool_clips, replacement=True, generator=generator
        )
        return [int(label) for label in chosen]


def turn(
    frames: Tensor, labels: Tensor, mirrored: Tensor, reversed_: Tensor
) -> tuple[Tensor, Tensor]:
    """Mirror and reverse some clips, and name them by what is to be seen then.

    Parameters
    ----------
    frames : Tensor
        (B, T, 3, H, W).
    labels : Tensor
        (B,) int64.
    mirrored, reversed_ : Tensor
        (B,) bool.

    Returns
    -------
    frames, labels : Tensor
    """
    device = labels.device
    frames = torch.where(mirrored[:, None, None, None, None], frames.flip(-1), frames)
    labels = torch.where(mirrored, swap(MIRRORED).to(device)[labels], labels)
    frames = torch.where(reversed_[:, None, None, None, None], frames.flip(1), frames)
    labels = torch.where(reversed_, swap(REVERSED).to(device)[labels], labels)
    return frames, labels


def come_nearer(frames: Tensor, centres: Tensor, part: Tensor) -> Tensor:
    """Enlarge a part of each clip to the whole frame.

    Parameters
    ----------
    frames : Tensor
        (B, T, 3, H, W).
    centres : Tensor
        (B, 2): x and y of the part's middle, -1..1; it is moved until the part is in the frame.
    part : Tensor
        (B,): the part's width as a share of the frame's.
    """
    room = 1 - part[:, None]
    middle = centres.clamp(-room, room)
    zeros = torch.zeros_like(part)
    rows = [
        torch.stack([part, zeros, middle[:, 0]], 1),
        torch.stack([zeros, part, middle[:, 1]], 1),
    ]
    grid = F.affine_grid(torch.stack(rows, 1), list(frames[:, 0].shape), align_corners=False)
    seen = F.grid_sample(frames.flatten(1, 2), grid, padding_mode="border", align_corners=False)
    nearer: Tensor = seen.unflatten(1, frames.shape[1:3])
    return nearer


def _centres(thing: Tensor) -> Tensor:
    """Return the mean x and y of where a thing is seen, (B, T, H, W) to (B, 2); 0 if it is not."""
    height, width = thing.shape[-2:]
    seen = thing.float().mean(1)
    x = (torch.arange(width, device=thing.device) + 0.5) * 2 / width - 1
    y = (torch.arange(height, device=thing.device) + 0.5) * 2 / height - 1
    total = seen.sum((1, 2)).clamp(min=1e-6)
    return torch.stack([(seen * x).sum((1, 2)) / total, (seen * y[:, None]).sum((1, 2)) / total], 1)


def generator_for(*numbers: int) -> torch.Generator:
    """Return a random generator decided by some numbers, for instance a seed and a step."""
    state = np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))


def normalise(frames: Tensor) -> Tensor:
    """Normalise (..., 3, H, W) frames in 0..1 as every published checkpoint does."""
    mean = frames.new_tensor(IMAGENET_MEAN)[:, None, None]
    std = frames.new_tensor(IMAGENET_STD)[:, None, None]
    return (frames - mean) / std
