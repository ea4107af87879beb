"""A folder of small labelled clips, and a tiny checkpoint that says how its frames were taken."""

from pathlib import Path

import numpy as np
from tiny import save_tiny

from videomae_demo.checkpoints.told_sampling import with_sampling
from videomae_demo.video.encode import write_mp4
from videomae_demo.video.sampling import SamplingRule

RULE = SamplingRule.stride(0.125)
FPS = 16


def square_clip(label: str, seed: int, frames: int = 16) -> np.ndarray:
    """A bright square on a dark ground goes left or right, or stays: (T, 40, 56, 3) uint8."""
    draws = np.random.default_rng(seed)
    clip = np.full((frames, 40, 56, 3), draws.integers(10, 60), np.uint8)
    top, first = draws.integers(4, 20), draws.integers(14, 24)
    way = {"to the left": -1, "to the right": 1}.get(label, 0)
    for at, frame in enumerate(clip):
        left = first + way * (at - frames // 2)
        frame[top : top + 16, left : left + 14] = draws.integers(120, 255, 3)
    return clip


def write_squares(folder: Path, labels: tuple[str, ...], per_label: int, first: int = 0) -> Path:
    for place, label in enumerate(labels):
        (folder / label).mkdir(parents=True, exist_ok=True)
        for number in range(per_label):
            clip = square_clip(label, first + 100 * place + number)
            write_mp4(folder / label / f"{number}.mp4", clip, FPS)
    return folder


def save_start(model_class, folder: Path, **changes) -> Path:
    return save_tiny(model_class, folder, extra=with_sampling({}, RULE), **changes)
