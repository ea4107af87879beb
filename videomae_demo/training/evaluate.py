"""What the bundled weights can do on clips they were never trained on: the model card's figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from videomae_demo.analysis import evaluation
from videomae_demo.analysis.evaluation import KnownClips, RatioScore, Recognition
from videomae_demo.model.videomae import VideoMAEForPreTraining, VideoMAEForVideoClassification
from videomae_demo.training.data import normalise, swap
from videomae_demo.training.photographs import Photographs
from videomae_demo.training.single_frame import SingleFrame
from videomae_demo.training.synthetic import HELD_OUT, LABELS, REVERSED, SyntheticClips, render

BATCH = 20
RATIOS = (0.5, 0.6, 0.75, 0.9, 0.95)


def held_out(
    count: int,
    size_px: int,
    pictures: Photographs | None = None,
    labels: Sequence[int] = range(len(LABELS)),
) -> Iterator[SyntheticClips]:
    """Render held-out clips in batches, every one of these labels as often as any other."""
    for start in range(0, count, BATCH):
        numbers = range(start, min(start + BATCH, count))
        chosen = [labels[number % len(labels)] for number in numbers]
        seeds = [HELD_OUT + number for number in numbers]
        yield render(seeds, size_px=size_px, labels=chosen, pictures=pictures)


def measure_recognition(model: VideoMAEForVideoClassification, clips: int) -> Recognition:
    """Name `clips` held-out clips, forwards, backwards and frozen, and roll attention out."""
    height, _ = model.config.frame_size
    opposites = dict(enumerate(swap(REVERSED).tolist()))
    return evaluation.measure_recognition(model, _known(clips, height), opposites)


@torch.inference_mode()
def measure_on_pictures(
    model: VideoMAEForVideoClassification, clips: int, pictures: Photographs
) -> float:
    """Return the share of `clips` held-out motions of cut-out pictures that are named rightly."""
    height, _ = model.config.frame_size
    right = 0
    for batch in held_out(clips, height, pictures):
        right += int((model(normalise(batch.frames)).logits.argmax(1) == batch.labels).sum())
    return right / clips


def measure_reconstruction(model: VideoMAEForPreTraining, clips: int) -> tuple[RatioScore, ...]:
    """Reconstruct `clips` held-out clips under tube masks of each of `RATIOS`."""
    height, _ = model.config.frame_size
    return evaluation.measure_reconstruction(model, _known(clips, height), RATIOS)


def _known(clips: int, size_px: int) -> Iterator[KnownClips]:
    """Return held-out clips; a thing is marked where it moves and the camera does not."""
    moves = [not name.startswith("camera") and name != "staying still" for name in LABELS]
    for batch in held_out(clips, size_px):
        marked = batch.thing & torch.tensor(moves)[batch.labels][:, None, None, None]
        yield KnownClips(normalise(batch.frames), batch.frames, batch.labels, marked)


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


def tell_of_pictures(top1: float, clips: int, pictures: int) -> str:
    """Write the figure of `measure_on_pictures` as a row of the model card."""
    return (
        f"| top-1 on {clips} held-out motions of parts of {pictures} pictures | {_floor(top1)} |\n"
    )


def _floor(share: float) -> str:
    return f"{int(share * 1000) / 10:.1f} %"  # never rounded up
