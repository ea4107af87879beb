"""What a training asks of whatever learns: the whole model, or its head alone."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from videomae_demo.model.videomae import VideoMAEForVideoClassification


class Learner(Protocol):
    """What is trained."""

    module: nn.Module
    """The weights that learn."""

    def optimiser(self) -> torch.optim.Optimizer:
        """Return the optimiser of these weights."""

    def logits(self, step: int) -> tuple[Tensor, Tensor]:
        """Name the clips of a step: (B, labels) float32 with its graph, and their labels (B,)."""

    def held_out(self) -> Tensor:
        """Name the held-out clips, in their order: (clips, labels) float32 on the CPU."""

    def finished(self, module: nn.Module) -> VideoMAEForVideoClassification:
        """Return the classifier that has the weights of `module`, a copy of the one that learns."""
