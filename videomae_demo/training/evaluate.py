"""What the bundled weights can do on clips they were never trained on: the model card's figures."""

from __future__ import annotations

from collections.abc import Iterator
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
from videomae_demo.training.data import normalise, swap
from videomae_demo.training.single_frame import SingleFrame
from videomae_demo.training.synthetic import HELD_OUT, LABELS, REVERSED, SyntheticClips, render

BATCH = 20
RATIOS = (0.5, 0.6, 0.75, 0.9, 0.95)


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
        Share of the clips with a direction that, shown backwards, are named by the opposite one.
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


def held_out(count: int, size_px: int) -> Iterator[SyntheticClips]:
    """Render held-out clips in batches, every label as often as any other."""
    for start in range(0, count, BATCH):
        numbers = range(start, min(start + BATCH, count))
        labels = [number % len(LABELS) for number in numbers]
        yield render([HELD_OUT + number for number in numbers], size_px=size_px, labels=labels)


@torch.inference_mode()
def measure_recognition(model: VideoMAEForVideoClassification, clips: int) -> Recognition:
    """Name `clips` held-out clips, forwards, backwards and frozen, and roll attention out."""
    height, _ = model.config.frame_size
    confusion = np.zeros((len(LABELS), len(LABELS)), dtype=np.int64)
    frozen_right, reversed_right, directed, lifts = 0, 0, 0, []
    for batch in held_out(clips, height):
        pixels, labels = normalise(batch.frames), batch.labels
        recorder = AttentionRecorder("mean")
        named = model(pixels, observer=recorder).logits.argmax(1)
        np.add.at(confusion, (labels.numpy(), named.numpy()), 1)
        middle = pixels[:, pixels.shape[1] // 2, None].expand_as(pixels)
        frozen_right += int((model(middle).logits.argmax(1) == labels).sum())
        opposite = swap(REVERSED)[labels]
        backwards = model(pixels.flip(1)).logits.argmax(1)
        reversed_right += int(((backwards == opposite) & (opposite != labels)).sum())
        directed += int((opposite != labels).sum())
        lifts += _lifts(model, recorder, batch)
    return Recognition(
        top1=float(np.trace(confusion) / confusion.sum()),
        frozen_top1=frozen_right / clips,
        reversed_top1=reversed_right / directed,
        confusion=confusion,
        rollout_lift=float(np.mean([on for on, _ in lifts]) / np.mean([area for _, area in lifts])),
        clips=clips,
    )


def _lifts(
    model: VideoMAEForVideoClassification, recorder: AttentionRecorder, batch: SyntheticClips
) -> list[tuple[float, float]]:
    """Return, for each clip whose thing moves alone, the rollout on it and the area it covers."""
    grid = model.config.grid
    start = start_from_head(grid, model.config.use_mean_pooling)
    covered = _token_shares(batch.thing, model)
    found = []
    for index, label in enumerate(batch.labels.tolist()):
        name = LABELS[label]
        if name.startswith("camera") or name == "staying still" or not covered[index].any():
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
def measure_reconstruction(model: VideoMAEForPreTraining, clips: int) -> tuple[RatioScore, ...]:
    """Reconstruct `clips` held-out clips under tube masks of each of `RATIOS`."""
    config = model.config
    height, _ = config.frame_size
    scores: dict[float, dict[str, list[float]]] = {ratio: {} for ratio in RATIOS}
    number = 0
    for batch in held_out(clips, height):
        pixels = normalise(batch.frames)
        for ratio in RATIOS:
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


def tabulate(
    recognition: Recognition,
    single_frame: SingleFrame,
    reconstruction: tuple[RatioScore, ...],
    clips: int,
) -> str:
    """Write the figures as the model card's Markdown tables."""
    lines = [
        f"| recogniser, {recognition.clips} held-out clips, {len(LABELS)} labels | |",
        "|---|---|",
        f"| top-1 (chance {1 / len(LABELS):.1%}) | {_floor(recognition.top1)} |",
        f"| top-1 when the middle frame stands still | {_floor(recognition.frozen_top1)} |",
        "| a linear classifier on the pretrained encoder, trained on the middle frame of "
        f"{single_frame.trained_on} clips | {_floor(single_frame.standing)} |",
        f"| the same, trained on the whole clips | {_floor(single_frame.moving)} |",
        "| shown backwards, named by the opposite direction | "
        f"{_floor(recognition.reversed_top1)} |",
        "| rollout on the moving thing, times its share of the area | "
        f"{int(recognition.rollout_lift * 100) / 100:.2f} |",
        "",
    ]
    names = [name for name, _ in reconstruction[0].psnr_db]
    lines += [
        f"PSNR over hidden pixels in dB, tube masks, mean of {clips} held-out clips:",
        "",
        "| ratio | " + " | ".join(names) + " |",
        "|---|" + "---|" * len(names),
    ]
    for score in reconstruction:
        values = " | ".join(f"{value:.2f}" for _, value in score.psnr_db)
        lines.append(f"| {score.ratio:g} | {values} |")
    return "\n".join(lines) + "\n"


def _floor(share: float) -> str:
    return f"{int(share * 1000) / 10:.1f} %"  # never rounded up
