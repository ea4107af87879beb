"""What one frame gives away of a motion: a linear classifier on the pretrained encoder's features.

If labels are decided by motion alone, a classifier trained on clips that stand still names them no
better than chance. The same classifier on moving clips shows that it could have learnt.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from videomae_demo.model.videomae import VideoMAEForPreTraining
from videomae_demo.training.data import normalise
from videomae_demo.training.synthetic import LABELS, SyntheticClips, render

BATCH = 20
PENALTY = 1e-3
"""Weight of the squared weights beside the cross entropy."""


@dataclass(frozen=True, slots=True)
class SingleFrame:
    """Top-1 on held-out clips of linear classifiers on features of the pretrained encoder.

    Attributes
    ----------
    standing : float
        Trained and tested on clips whose middle frame is shown throughout.
    moving : float
        Trained and tested on the clips as they are.
    trained_on : int
        Number of clips they were trained on.
    """

    standing: float
    moving: float
    trained_on: int


def measure_single_frame(
    model: VideoMAEForPreTraining, trained_on: int, held_out: Iterable[SyntheticClips]
) -> SingleFrame:
    """Train both classifiers on the first `trained_on` seeds, and test them on held-out clips."""
    height, _ = model.config.frame_size
    starts = range(0, trained_on, BATCH)
    batches = (
        render(range(start, min(start + BATCH, trained_on)), size_px=height) for start in starts
    )
    train_labels, *train = _describe(model, batches)
    test_labels, *test = _describe(model, held_out)
    standing, moving = (
        _top1(train_features, train_labels, test_features, test_labels)
        for train_features, test_features in zip(train, test, strict=True)
    )
    return SingleFrame(standing, moving, trained_on)


@torch.no_grad()
def _describe(
    model: VideoMAEForPreTraining, batches: Iterable[SyntheticClips]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the labels (B,) and the features (B, 2 D) of the standing and of the moving clips."""
    labels, standing, moving = [], [], []
    for batch in batches:
        pixels = normalise(batch.frames)
        middle = pixels[:, pixels.shape[1] // 2, None].expand_as(pixels)
        labels.append(batch.labels)
        standing.append(_features(model, middle))
        moving.append(_features(model, pixels))
    return torch.cat(labels), torch.cat(standing), torch.cat(moving)


def _features(model: VideoMAEForPreTraining, pixels: Tensor) -> Tensor:
    """Return the mean and the spread of a clip's tokens, (B, 2 D)."""
    tokens = model.videomae(pixels).last_hidden_state
    return torch.cat([tokens.mean(1), tokens.std(1)], dim=1)


def _top1(train: Tensor, train_labels: Tensor, test: Tensor, test_labels: Tensor) -> float:
    """Fit a logistic regression on (B, D) features by L-BFGS; return its top-1 on the test's."""
    mean, spread = train.mean(0), train.std(0) + 1e-6
    train, test = (train - mean) / spread, (test - mean) / spread
    weight = torch.zeros(len(LABELS), train.shape[1], requires_grad=True)
    bias = torch.zeros(len(LABELS), requires_grad=True)
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        value = F.cross_entropy(F.linear(train, weight, bias), train_labels)
        value = value + PENALTY * weight.square().sum()
        value.backward()
        return value

    optimiser.step(loss)
    with torch.inference_mode():
        named = F.linear(test, weight, bias).argmax(1)
    return (named == test_labels).float().mean().item()
