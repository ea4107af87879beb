"""Example clips for ``assets/clips``: the training world at a size for people, held-out seeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from videomae_demo.rendering.frames import Pixels
from videomae_demo.training.synthetic import CLIP_SPAN_S, HELD_OUT, LABELS, render
from videomae_demo.video.encode import write_mp4

EXAMPLE_PX = 320
EXAMPLE_FPS = 24
EXAMPLE_SEEDS: tuple[tuple[str, int], ...] = (
    ("bouncing", 312),
    ("camera zooming in", 513),
    ("growing", 113),
    ("moving left", 10),
    ("orbiting", 406),
    ("spinning clockwise", 210),
)
"""Label and seed (from `HELD_OUT` on) of each clip that ships."""


def render_example(label: str, seed: int, size_px: int = EXAMPLE_PX) -> Pixels:
    """Render one clip, (T, size_px, size_px, 3) uint8, `EXAMPLE_FPS` frames a second.

    It is a frame longer, at both ends, than what the recogniser looks at in its middle, which so is
    the whole motion.
    """
    count = round(CLIP_SPAN_S * EXAMPLE_FPS) + 3
    times_s = [(index - 1) / EXAMPLE_FPS for index in range(count)]
    number = LABELS.index(label)
    clips = render([HELD_OUT + seed], size_px=size_px, times_s=times_s, labels=[number])
    frames = clips.frames[0].mul(255).round().byte().permute(0, 2, 3, 1)
    pixels: Pixels = frames.contiguous().numpy()
    return pixels


def write_examples(folder: Path, chosen: Sequence[tuple[str, int]] = EXAMPLE_SEEDS) -> list[Path]:
    """Write one mp4 per chosen label and seed, named by its label; return the paths."""
    return [
        write_mp4(
            folder / f"{label.replace(' ', '-')}.mp4", render_example(label, seed), EXAMPLE_FPS
        )
        for label, seed in chosen
    ]
