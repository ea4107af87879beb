"""How a training begins: from its settings, and from what was pretrained before."""

from __future__ import annotations

import torch

from videomae_demo.config import VideoMAEConfig
from videomae_demo.model.videomae import VideoMAEForPreTraining
from videomae_demo.training.live.finetuning import FinetuningRun
from videomae_demo.training.live.pretraining import PretrainingRun
from videomae_demo.training.live.progress import LiveRun
from videomae_demo.training.live.settings import (
    FinetuningSettings,
    LiveSettings,
    PretrainingSettings,
)


def begin(
    settings: LiveSettings, device: torch.device, pretrained: VideoMAEForPreTraining | None = None
) -> LiveRun:
    """Return a training that has not taken a step; `pretrained` is for a fine-tuning."""
    if isinstance(settings, FinetuningSettings):
        return FinetuningRun(settings, device, pretrained)
    assert isinstance(settings, PretrainingSettings)
    return PretrainingRun(settings, device)


def count_weights(config: VideoMAEConfig) -> int:
    """Return how many numbers a model that is pretrained has to learn."""
    return sum(weight.numel() for weight in VideoMAEForPreTraining(config).parameters())
