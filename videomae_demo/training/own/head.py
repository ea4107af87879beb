"""Training of the head alone, on features of the encoder that are computed once."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import torch
from torch import Tensor, nn

from videomae_demo.device import inference_precision
from videomae_demo.model.processor import VideoMAEImageProcessor
from videomae_demo.model.videomae import VideoMAEForVideoClassification
from videomae_demo.training.data import generator_for
from videomae_demo.training.optim import ADAM_BETAS, adamw_groups
from videomae_demo.training.own.batches import Order, plain_batches
from videomae_demo.training.own.material import Material, OwnClip, Reading
from videomae_demo.training.own.settings import OwnSettings, Plan

WINDOW = 5
"""Keeps the random numbers of a clip's window apart from others."""
SMALLEST_SPREAD = 1e-6


class HeadAlone:
    """The linear head learns; the encoder, and the norm before the head, stay as they are.

    Features are brought to mean 0 and deviation 1 over the clips that are trained on. The head that
    is saved has this in its weights.

    Parameters
    ----------
    model : VideoMAEForVideoClassification
        On the device that is to be used.
    train, held_out : Tensor
        Features of all windows of the clips that are trained on, in order, and of the held-out
        clips: (windows, D) and (clips, D) float32.
    material : Material
    settings : OwnSettings
    plan : Plan
    """

    def __init__(
        self,
        model: VideoMAEForVideoClassification,
        train: Tensor,
        held_out: Tensor,
        material: Material,
        settings: OwnSettings,
        plan: Plan,
    ) -> None:
        self._model = model
        self._settings = settings
        self._order = Order(plan, settings.seed)
        self._clips = material.train
        counts = [clip.windows for clip in material.train]
        self._firsts = [sum(counts[:at]) for at in range(len(counts))]
        self._mean = train.mean(0)
        self._spread = train.std(0, correction=0).clamp(min=SMALLEST_SPREAD)
        self._train = (train - self._mean) / self._spread
        self._held_out = (held_out - self._mean) / self._spread
        old = model.classifier
        assert isinstance(old, nn.Linear)
        head = nn.Linear(old.in_features, old.out_features)
        with torch.no_grad():  # it begins as the same function
            weight, bias = old.weight.cpu(), old.bias.cpu()
            head.weight.copy_(weight * self._spread)
            head.bias.copy_(bias + weight @ self._mean)
        self.module: nn.Module = head

    def optimiser(self) -> torch.optim.Optimizer:
        """See `Learner`."""
        rate = self._settings.top_rate(self._model.config.hidden_size)
        groups = adamw_groups(self.module.parameters(), rate, self._settings.weight_decay)
        return torch.optim.AdamW(groups, betas=ADAM_BETAS)

    def logits(self, step: int) -> tuple[Tensor, Tensor]:
        """See `Learner`."""
        shown = [
            (self._clips[at], self._firsts[at], place) for at, place in self._order.clips(step)
        ]
        rows = [first + self._window(clip, place) for clip, first, place in shown]
        labels = torch.tensor([clip.label for clip, _, _ in shown])
        return self.module(self._train[rows]), labels

    @torch.no_grad()
    def held_out(self) -> Tensor:
        """See `Learner`."""
        logits: Tensor = self.module(self._held_out)
        return logits

    @torch.no_grad()
    def finished(self, module: nn.Module) -> VideoMAEForVideoClassification:
        """See `Learner`."""
        head = self._model.classifier
        assert isinstance(module, nn.Linear) and isinstance(head, nn.Linear)
        weight = module.weight / self._spread
        head.weight.copy_(weight)
        head.bias.copy_(module.bias - weight @ self._mean)
        return self._model

    def _window(self, clip: OwnClip, place: int) -> int:
        generator = generator_for(self._settings.seed, place, WINDOW)
        return int(torch.randint(clip.windows, (), generator=generator))


def describe(
    model: VideoMAEForVideoClassification,
    processor: VideoMAEImageProcessor,
    material: Material,
    clips: Sequence[tuple[OwnClip, int]],
    batch: int,
) -> Generator[Reading, None, Tensor]:
    """Compute what the head reads of clips, (clips, D) float32 on the CPU; tell after each batch.

    Parameters
    ----------
    clips : sequence of (OwnClip, int)
        Each with the number of one of its windows.
    """
    features = [torch.zeros(0, model.config.hidden_size)]
    for done in plain_batches(material, clips, processor, batch):
        with torch.no_grad(), inference_precision(model.device):
            encoded = model.videomae(done.pixel_values.to(model.device)).last_hidden_state
            features.append(model.pool(encoded).float().cpu())
        yield Reading(sum(map(len, features)), len(clips), "window")
    return torch.cat(features)
