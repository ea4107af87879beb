"""Which clips a step shows, and how they are varied: decided by the seed and the step alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from typing import Self

import numpy as np
import torch
from torch import Tensor

from videomae_demo.model.processor import VideoMAEImageProcessor
from videomae_demo.training.data import Batch, generator_for
from videomae_demo.training.own.material import Material, OwnClip, in_order
from videomae_demo.training.own.settings import OwnSettings, Plan
from videomae_demo.training.own.varying import normalise_as, vary

AHEAD = 2
"""So many batches are made while the model is at work on another."""
ORDER, VARIATION = 1, 2
"""Keep the random numbers of an epoch's order and of a clip's variation apart."""


class Order:
    """In which order clips are shown: all of them in each epoch, batches across its end."""

    def __init__(self, plan: Plan, seed: int) -> None:
        self._plan = plan
        self._seed = seed
        self._shuffled = lru_cache(maxsize=4)(self._shuffle)

    def clips(self, step: int) -> list[tuple[int, int]]:
        """Return, for each clip of a step, its number and the count of clips shown before it."""
        first = step * self._plan.batch
        return [
            (self._shuffled(shown // self._plan.clips)[shown % self._plan.clips], shown)
            for shown in range(first, first + self._plan.batch)
        ]

    def _shuffle(self, epoch: int) -> list[int]:
        generator = generator_for(self._seed, epoch, ORDER)
        order: list[int] = torch.randperm(self._plan.clips, generator=generator).tolist()
        return order


class Batches:
    """Makes the batches of a training ahead, in threads; use it in a `with` block."""

    def __init__(
        self,
        material: Material,
        processor: VideoMAEImageProcessor,
        size: tuple[int, int],
        settings: OwnSettings,
        plan: Plan,
    ) -> None:
        self._material = material
        self._processor = processor
        self._size = size
        self._settings = settings
        self._plan = plan
        self._order = Order(plan, settings.seed)
        self._pool = ThreadPoolExecutor(AHEAD, thread_name_prefix="own batches")
        self._coming: dict[int, Future[Batch]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def batch(self, step: int) -> Batch:
        """Return the batch of a step, and begin those of the next steps."""
        for coming in range(step, min(step + 1 + AHEAD, self._plan.steps)):
            if coming not in self._coming:
                self._coming[coming] = self._pool.submit(self._make, coming)
        return self._coming.pop(step).result()

    def _make(self, step: int) -> Batch:
        shown = [(self._material.train[at], place) for at, place in self._order.clips(step)]
        clips = torch.stack([self._varied(clip, place) for clip, place in shown])
        labels = torch.tensor([clip.label for clip, _ in shown])
        return Batch(normalise_as(self._processor, clips), labels)

    def _varied(self, clip: OwnClip, place: int) -> Tensor:
        generator = generator_for(self._settings.seed, place, VARIATION)
        window = int(torch.randint(clip.windows, (), generator=generator))
        return vary(
            self._material.frames(clip, window),
            self._material.reader.seen,
            self._size,
            generator,
            mirror=self._settings.mirror,
        )


def plain_batches(
    material: Material,
    clips: Sequence[tuple[OwnClip, int]],
    processor: VideoMAEImageProcessor,
    batch: int,
) -> Iterator[Batch]:
    """Yield clips in their order, exactly as the checkpoint sees them.

    Parameters
    ----------
    material : Material
    clips : sequence of (OwnClip, int)
        Each with the number of one of its windows; what is kept of them is not larger.
    processor : VideoMAEImageProcessor
    batch : int
        How many at a time.
    """
    chunks = [clips[at : at + batch] for at in range(0, len(clips), batch)]

    def make(chunk: Sequence[tuple[OwnClip, int]]) -> Batch:
        frames = np.stack([material.frames(clip, window) for clip, window in chunk])
        pixels = torch.from_numpy(frames).permute(0, 1, 4, 2, 3).float()
        labels = torch.tensor([clip.label for clip, _ in chunk])
        return Batch(normalise_as(processor, pixels), labels)

    return in_order(make, chunks, threads=AHEAD)
