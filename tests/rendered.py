"""Folders of rendered clips whose labels are known: ``label/0001.mp4``."""

from collections.abc import Sequence
from pathlib import Path

from videomae_demo.training.synthetic import FRAME_INTERVAL_S, HELD_OUT, LABELS, render
from videomae_demo.video.encode import write_mp4

BATCH = 32


def write_data_set(
    folder: Path, clips: int, *, labels: Sequence[str] = LABELS, size_px: int = 64, first: int = 0
) -> Path:
    """Render held-out clips, each label as often as any other; return the folder."""
    for start in range(first, first + clips, BATCH):
        numbers = range(start, min(start + BATCH, first + clips))
        named = [labels[number % len(labels)] for number in numbers]
        rendered = render(
            [HELD_OUT + number for number in numbers],
            size_px=size_px,
            labels=[LABELS.index(name) for name in named],
        )
        pixels = rendered.frames.mul(255).round().byte().permute(0, 1, 3, 4, 2).numpy()
        for number, name, frames in zip(numbers, named, pixels, strict=True):
            place = folder / name
            place.mkdir(parents=True, exist_ok=True)
            write_mp4(place / f"{number:05d}.mp4", frames, 1 / FRAME_INTERVAL_S)
    return folder
