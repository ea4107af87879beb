"""The example clips: whatever lies in ``assets/clips``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from videomae_demo.limits import DEFAULT_LIMITS, Limits
from videomae_demo.rendering.frames import resize
from videomae_demo.shipped import ASSETS
from videomae_demo.video.reader import read_chosen, scan

ROOT = Path(__file__).resolve().parents[2]
CLIPS_FOLDER = ASSETS / "clips"
SUFFIXES = {".mp4", ".webm", ".mkv", ".mov", ".avi", ".gif"}
THUMBNAIL_PX = 112


@dataclass(frozen=True, slots=True)
class Example:
    """A clip to try: its path, and its name for people."""

    path: Path
    title: str


def find_examples(folder: Path = CLIPS_FOLDER) -> tuple[Example, ...]:
    """Return the clips of a folder, by name; none if there is no such folder."""
    if not folder.is_dir():
        return ()
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    return tuple(
        Example(path, path.stem.replace("-", " ").replace("_", " ").strip()) for path in paths
    )


def thumbnail(example: Example, limits: Limits = DEFAULT_LIMITS) -> NDArray[np.uint8]:
    """Return the clip's middle frame, (H, W, 3), small.

    Raises
    ------
    VideoError
        When it can't be read, or goes beyond a limit.
    """
    _, frames = read_chosen(
        scan(example.path, limits=limits),
        lambda timeline: np.array([timeline.count // 2]),
        limits=limits,
    )
    height, width = frames.shape[1:3]
    scale = THUMBNAIL_PX / min(height, width)
    picture: NDArray[np.uint8] = resize(frames, round(height * scale), round(width * scale))[0]
    return picture
