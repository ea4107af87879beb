"""From finished runs to what ships: half-precision weights, their processor, the card's figures."""

from __future__ import annotations

from pathlib import Path

import torch

from videomae_demo.config import VideoMAEConfig
from videomae_demo.model.videomae import VideoMAEForPreTraining, VideoMAEForVideoClassification
from videomae_demo.training.evaluate import (
    held_out,
    measure_on_pictures,
    measure_recognition,
    measure_reconstruction,
    tabulate,
    tell_of_pictures,
)
from videomae_demo.training.live.saving import processor_of
from videomae_demo.training.photographs import read_photographs
from videomae_demo.training.single_frame import measure_single_frame

RECOGNISER = "motion-recogniser"
RECONSTRUCTOR = "motion-reconstructor"
CLIPS = (1000, 200, 2000)
"""Held-out clips for the recogniser's and the reconstructor's figures, and those on which the
single-frame classifier is trained."""


def bundle(finetuned: Path, pretrained: Path, folder: Path) -> None:
    """Write both checkpoints into `folder` in the hub's layout and half precision."""
    VideoMAEForVideoClassification.from_pretrained(finetuned).save_pretrained(
        folder / RECOGNISER, dtype=torch.float16
    )
    VideoMAEForPreTraining.from_pretrained(pretrained).save_pretrained(
        folder / RECONSTRUCTOR, dtype=torch.float16
    )
    for name in (RECOGNISER, RECONSTRUCTOR):
        config = VideoMAEConfig.from_json_file(folder / name / "config.json")
        processor_of(config).save_pretrained(folder / name)


def evaluate(folder: Path, clips: tuple[int, int, int] = CLIPS) -> str:
    """Measure the checkpoints in `folder`; return the card's tables in Markdown."""
    recogniser = VideoMAEForVideoClassification.from_pretrained(folder / RECOGNISER)
    reconstructor = VideoMAEForPreTraining.from_pretrained(folder / RECONSTRUCTOR)
    height, _ = reconstructor.config.frame_size
    return tabulate(
        measure_recognition(recogniser, clips[0]),
        measure_single_frame(reconstructor, clips[2], held_out(clips[0], height)),
        measure_reconstruction(reconstructor, clips[1]),
        clips[1],
    )


def evaluate_on_pictures(folder: Path, pictures: Path, clips: int = CLIPS[0]) -> str:
    """Measure the recogniser in `folder` on motions of pictures; return a row of the card.

    Raises
    ------
    RequestError
        When the folder `pictures` has none.
    """
    photographs = read_photographs(pictures)
    recogniser = VideoMAEForVideoClassification.from_pretrained(folder / RECOGNISER)
    top1 = measure_on_pictures(recogniser, clips, photographs)
    return tell_of_pictures(top1, clips, len(photographs))
