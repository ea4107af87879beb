"""How well models do on many clips whose answers are known.

Owns the measures, whatever the clips are: batches come in, figures go out. The lift is the share of
a map that lies on the thing, over the share of the area that the thing covers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from videomae_demo.analysis.reconstruction import reconstruct
from videomae_demo.analysis.rollout import AttentionRecorder, rollout, start_from_head
from videomae_demo.analysis.settings import RolloutSettings
from videomae_demo.masking import tube
from videomae_demo.model.videomae import VideoMAEForPreTraining, VideoMAEForVideoClassification


@dataclass(frozen=True, slots=True, eq=False)
class KnownClips:
    """A batch of clips, and what is known of them.

    Attributes
    ----------
    pixel_values : Tensor
        (B, T, C, H, W) float32, normalised.
    frames : Tensor
        The same in 0..1.
    labels : Tensor
        (B,) int64.
    thing : Tensor
        (B, T, H, W) bool: the pixels of the thing that the label is about; none where a label is
        about the whole picture.
    """

    pixel_values: Tensor
    frames: Tensor
    labels: Tensor
    thing: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Recognition:
    """How well motions are named.

    Attributes
    ----------
    top1 : float
        Share of clips named rightly.
    frozen_top1 : float
        The same, with each clip's middle frame shown throughout: what a frame alone gives away.
    reversed_top1 : float
        Of the clips with a direction, the share that get the opposite label when shown backwards.
    confusion : ndarray
        (labels, labels) int: rows are true, columns named.
    rollout_lift : float
        Mean share of the rollout on the moving thing, over the mean share of the area it covers.
    clips : int
    """

    top1: float
    frozen_top1: float
    reversed_top1: float
    confusion: NDArray[np.int64]
    rollout_lift: float
    clips: int


@dataclass(frozen=True, slots=True)
class RatioScore:
    """PSNR (dB, mean over clips) at one mask ratio: of each method, by its name."""

    ratio: float
    psnr_db: tuple[tuple[str, float], ...]


@torch.inference_mode()
def measure_recognition(
    model: VideoMAEForVideoClassification,
    batches: Iterable[KnownClips],
    opposites: Mapping[int, int],
) -> Recognition:
    """Name clips forwards, backwards and frozen, and roll attention out.

    `opposites` maps each label with a direction to the label of the same clip played backwards.
    """
    labels_known = model.config.num_labels
    confusion = np.zeros((labels_known, labels_known), dtype=np.int64)
    opposite_of = torch.arange(labels_known)
    for label, opposite in opposites.items():
        opposite_of[label] = opposite
    frozen_right, reversed_right, directed, lifts = 0, 0, 0, []
    for batch in batches:
        pixels, labels = batch.pixel_values, batch.labels
        recorder = AttentionRecorder("mean")
        named = model(pixels, observer=recorder).logits.argmax(1)
        np.add.at(confusion, (labels.numpy(), named.numpy()), 1)
        middle = pixels[:, pixels.shape[1] // 2, None].expand_as(pixels)
        frozen_right += int((model(middle).logits.argmax(1) == labels).sum())
        expected = opposite_of[labels]
        backwards = model(pixels.flip(1)).logits.argmax(1)
        reversed_right += int(((backwards == expected) & (expected != labels)).sum())
        directed += int((expected != labels).sum())
        lifts += _lifts(model, recorder, batch)
    clips = int(confusion.sum())
    return Recognition(
        top1=float(np.trace(confusion) / clips),
        frozen_top1=frozen_right / clips,
        reversed_top1=reversed_right / directed,
        confusion=confusion,
        rollout_lift=float(np.mean([on for on, _ in lifts]) / np.mean([area for _, area in lifts])),
        clips=clips,
    )


def _lifts(
    model: VideoMAEForVideoClassification, recorder: AttentionRecorder, batch: KnownClips
) -> list[tuple[float, float]]:
    """Return, for each clip with a thing, the rollout on it and the area that it covers."""
    grid = model.config.grid
    start = start_from_head(grid, model.config.use_mean_pooling)
    covered = _token_shares(batch.thing, model)
    found = []
    for index in range(len(covered)):
        if not covered[index].any():
            continue
        scores = rollout(recorder.clip(index), start, grid, RolloutSettings()).scores
        share = covered[index].numpy()
        found.append((float((scores * share).sum()), float(share.mean())))
    return found


def _token_shares(thing: Tensor, model: VideoMAEForVideoClassification) -> Tensor:
    """Return how much of each token a mask (B, T, H, W) covers: (B, time, height, width)."""
    config = model.config
    step = (config.tubelet_size, config.patch_size, config.patch_size)
    return F.avg_pool3d(thing[:, None].float(), step)[:, 0]


@torch.inference_mode()
def measure_reconstruction(
    model: VideoMAEForPreTraining, batches: Iterable[KnownClips], ratios: tuple[float, ...]
) -> tuple[RatioScore, ...]:
    """Reconstruct clips under tube masks of each ratio; the mask's seed is the clip's number."""
    config = model.config
    scores: dict[float, dict[str, list[float]]] = {ratio: {} for ratio in ratios}
    number = 0
    for batch in batches:
        pixels = batch.pixel_values
        for ratio in ratios:
            masks = [tube(config.grid, ratio, number + k) for k in range(len(pixels))]
            hidden = torch.from_numpy(np.stack(masks)).flatten(1)
            logits = model(pixels, hidden).logits
            for mask, predicted, clip in zip(masks, logits, batch.frames, strict=True):
                for picture in reconstruct(predicted, clip, mask, config).pictures:
                    scores[ratio].setdefault(picture.name, []).append(picture.psnr_db)
        number += len(pixels)
    return tuple(
        RatioScore(ratio, tuple((name, float(np.mean(values))) for name, values in named.items()))
        for ratio, named in scores.items()
    )
