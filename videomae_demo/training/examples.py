"""Example clips for ``assets/clips``: as in training, at a size for people, of held-out seeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from videomae_demo.rendering.filmstrip import filmstrip
from videomae_demo.rendering.frames import Pixels, Track, write_png
from videomae_demo.training.synthetic import CLIP_SPAN_S, HELD_OUT, LABELS, render
from videomae_demo.video.encode import write_mp4

EXAMPLE_PX = 320
EXAMPLE_FPS = 24
SHEET_PX = 112
SHEET_FRAMES = 8
EXAMPLE_SEEDS: tuple[tuple[str, int], ...] = (
    ("bouncing", 7),
    ("camera zooming in", 97),
    ("growing", 23),
    ("moving left", 32),
    ("orbiting", 106),
    ("spinning clockwise", 57),
)
"""Label and seed (from `HELD_OUT` on) of each clip that ships."""


def render_example(label: str, seed: int) -> Pixels:
    """Render one clip, (T, EXAMPLE_PX, EXAMPLE_PX, 3) uint8, `EXAMPLE_FPS` frames a second.

    At both ends it has one frame more than the middle that the recogniser looks at. So that middle
    is the whole motion.
    """
    count = round(CLIP_SPAN_S * EXAMPLE_FPS) + 3
    times_s = [(index - 1) / EXAMPLE_FPS for index in range(count)]
    return _render(label, seed, EXAMPLE_PX, times_s)


def _render(label: str, seed: int, size_px: int, times_s: Sequence[float]) -> Pixels:
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


def write_contact_sheet(path: Path, chosen: Sequence[tuple[str, int]] = EXAMPLE_SEEDS) -> Path:
    """Draw a few moments of each chosen clip, a line per clip; return the path of the PNG."""
    times_s = [CLIP_SPAN_S * index / (SHEET_FRAMES - 1) for index in range(SHEET_FRAMES)]
    tracks = [Track(label, _render(label, seed, SHEET_PX, times_s)) for label, seed in chosen]
    return write_png(path, filmstrip(tracks, times_s, columns=SHEET_FRAMES, cell_px=SHEET_PX))
