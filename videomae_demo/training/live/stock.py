"""A stock of clips that is renewed a little with every step, so that no step waits for many.

Which clips a step shows is decided by the seed and the steps before, never by the clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from videomae_demo.training.data import Batch, generator_for, normalise, turn
from videomae_demo.training.synthetic import render

STOCK_CLIPS = 256
RENDERED_AT_ONCE = 16
USES = 8
"""How often a clip is shown, on average, mirrored or backwards by chance."""
SEEDS_APART = 50_000
"""No two seeds of a training share a clip: a stock takes fewer clips than this."""
DRAWS = 7
"""Keeps the random numbers of a step's clips apart from those of its masks."""


class Stock:
    """Clips in memory; each step takes a batch, and an eighth as many are made anew.

    Parameters
    ----------
    size_px : int
        Height and width of the frames.
    batch_size : int
    seed : int
    clips : int
        How many are kept; 13 MB for each 256 of 32 px.
    labels : sequence of int, optional
        Which motions they show, as indices into `LABELS`, each as often as any other; default: all,
        drawn from the seed. A clip that is mirrored or turned around must have one of them too.
    """

    def __init__(
        self,
        size_px: int,
        batch_size: int,
        seed: int,
        clips: int = STOCK_CLIPS,
        labels: Sequence[int] | None = None,
    ) -> None:
        self._size_px = size_px
        self._batch_size = batch_size
        self._seed = seed
        self._clips = max(clips, batch_size)
        self._chosen = labels
        self._first = seed * SEEDS_APART
        self._made = 0
        self._frames = torch.empty(0)
        self._labels = torch.empty(0)

    def fill(self) -> Iterator[float]:
        """Make the first clips; yield the share that is made."""
        while self._made < self._clips:
            count = min(RENDERED_AT_ONCE, self._clips - self._made)
            frames, labels = self._render(count)
            self._frames = frames if not len(self._frames) else torch.cat([self._frames, frames])
            self._labels = labels if not len(self._labels) else torch.cat([self._labels, labels])
            yield self._made / self._clips

    def batch(self, step: int) -> Batch:
        """Return the clips of a step, on the CPU; to be called for one step after the other."""
        if step:
            self._renew()
        generator = generator_for(self._seed, step, DRAWS)
        chosen = torch.randperm(self._clips, generator=generator)[: self._batch_size]
        mirrored, backwards = torch.rand(2, len(chosen), generator=generator) < 0.5
        frames = self._frames[chosen].float() / 255
        frames, labels = turn(frames, self._labels[chosen], mirrored, backwards)
        return Batch(normalise(frames), labels)

    def _renew(self) -> None:
        places = torch.arange(self._made, self._made + max(1, self._batch_size // USES))
        places = places % self._clips
        self._frames[places], self._labels[places] = self._render(len(places))

    def _render(self, count: int) -> tuple[Tensor, Tensor]:
        numbers = range(self._first + self._made, self._first + self._made + count)
        chosen = self._chosen and [self._chosen[number % len(self._chosen)] for number in numbers]
        clips = render(numbers, size_px=self._size_px, labels=chosen)
        self._made += count
        return clips.frames.mul(255).round().to(torch.uint8), clips.labels
