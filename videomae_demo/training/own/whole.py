"""Fine-tuning of all layers, on clips that are varied anew each time they are shown."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor, nn

from videomae_demo.device import inference_precision
from videomae_demo.model.processor import VideoMAEImageProcessor
from videomae_demo.model.videomae import VideoMAEForVideoClassification
from videomae_demo.training.data import generator_for
from videomae_demo.training.optim import ADAM_BETAS, layerwise_groups
from videomae_demo.training.own.batches import Batches, plain_batches
from videomae_demo.training.own.material import Material
from videomae_demo.training.own.settings import OwnSettings, Plan
from videomae_demo.training.pretrain import draw_tubes

DROPPED_UNTIL = 0.8
"""Share of the steps that leave patches out: a clip is named with all of them."""
DROPPING, DROPOUT = 3, 4
"""Keep the random numbers of what is left out, and of a model's own dropout, apart from others."""


class WholeModel:
    """All layers learn, lower ones more slowly. Use it in a `with` block: it reads ahead."""

    def __init__(
        self,
        model: VideoMAEForVideoClassification,
        processor: VideoMAEImageProcessor,
        material: Material,
        settings: OwnSettings,
        plan: Plan,
    ) -> None:
        self.module: nn.Module = model.train().requires_grad_(True)
        self._model = model
        self._processor = processor
        self._material = material
        self._settings = settings
        self._plan = plan
        self._device = model.device
        self._batches = Batches(material, processor, model.config.frame_size, settings, plan)

    def __enter__(self) -> Self:
        self._batches.__enter__()
        return self

    def __exit__(self, *reason: object) -> None:
        self._batches.__exit__(*reason)

    def optimiser(self) -> torch.optim.Optimizer:
        """See `Learner`."""
        settings, rate = self._settings, self._settings.top_rate(self._model.config.hidden_size)
        groups = layerwise_groups(self._model, rate, settings.layer_decay, settings.weight_decay)
        return torch.optim.AdamW(groups, betas=ADAM_BETAS)

    def logits(self, step: int) -> tuple[Tensor, Tensor]:
        """See `Learner`."""
        batch = self._batches.batch(step)
        torch.manual_seed(generator_for(self._settings.seed, step, DROPOUT).initial_seed())
        with inference_precision(self._device):
            logits = self._model(
                batch.pixel_values.to(self._device),
                bool_masked_pos=self._dropped(step, len(batch.labels)),
            ).logits
        return logits.float(), batch.labels.to(self._device)

    def held_out(self) -> Tensor:
        """See `Learner`."""
        self._model.eval()
        clips = [(clip, 0) for clip in self._material.held_out]
        named = []
        with torch.no_grad(), inference_precision(self._device):
            for batch in plain_batches(
                self._material, clips, self._processor, self._settings.batch
            ):
                named.append(self._model(batch.pixel_values.to(self._device)).logits.float().cpu())
        self._model.train()
        return torch.cat(named)

    def finished(self, module: nn.Module) -> VideoMAEForVideoClassification:
        """See `Learner`."""
        assert isinstance(module, VideoMAEForVideoClassification)
        return module

    def _dropped(self, step: int, clips: int) -> Tensor | None:
        config, settings = self._model.config, self._settings
        is_late = step >= DROPPED_UNTIL * self._plan.steps
        if settings.dropped == 0 or is_late or not config.use_mean_pooling:
            return None
        generator = generator_for(settings.seed, step, DROPPING)
        return draw_tubes(config.grid, settings.dropped, clips, generator).to(self._device)
