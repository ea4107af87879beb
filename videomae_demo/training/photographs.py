"""Pictures from a folder as surfaces of synthetic things and grounds.

Owns which files are pictures, and which part of which picture a clip gets. Knows nothing of motion.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from videomae_demo.errors import RequestError
from videomae_demo.training.textures import Draws

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
MOST_PICTURES = 500
LONGEST_PX = 1024
"""Larger pictures are made smaller when they are read: clips show no more of them."""
SHORTEST_PX = 32
SMALLEST_SHARE = 0.5
"""Of a picture's shorter side: the least that a clip shows of it."""


class Photographs:
    """Pictures to cut surfaces from.

    Parameters
    ----------
    pictures : sequence of Tensor
        (3, H, W) float32 in 0..1 each.
    """

    def __init__(self, pictures: Sequence[Tensor]) -> None:
        self._pictures = tuple(pictures)

    def __len__(self) -> int:
        return len(self._pictures)

    def cut(self, draws: Draws, size_px: int) -> Tensor:
        """Return a square part of one picture for each clip, (B, 3, size_px, size_px) in 0..1."""
        chosen = draws.choice([1.0] * len(self))
        share = draws.uniform(SMALLEST_SHARE, 1)
        place = draws.uniform(0, 1, 2)
        parts = [
            _part(self._pictures[int(index)], float(size), row.tolist(), size_px)
            for index, size, row in zip(chosen, share, place, strict=True)
        ]
        return torch.stack(parts).to(chosen.device)


def _part(picture: Tensor, share: float, place: Sequence[float], size_px: int) -> Tensor:
    height, width = picture.shape[1:]
    side = max(1, int(share * min(height, width)))
    top, left = (int(at * (room - side)) for at, room in zip(place, (height, width), strict=True))
    part = picture[None, :, top : top + side, left : left + side]
    sized = F.interpolate(
        part, (size_px, size_px), mode="bilinear", antialias=True, align_corners=False
    )
    return sized[0].clamp(0, 1)


def read_photographs(folder: Path) -> Photographs:
    """Read the pictures that lie in a folder, in the order of their names.

    Files that are no pictures, or very small ones, are passed over.

    Raises
    ------
    RequestError
        When there is no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise RequestError(f"There is no folder {str(folder)!r}; name one with pictures in it.")
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    files = [path for path in files if path.is_file()]
    read = (_read(path) for path in files[:MOST_PICTURES])
    pictures = [picture for picture in read if picture is not None]
    if not pictures:
        raise RequestError(
            f"The folder {str(folder)!r} has no picture that can be read, of {SHORTEST_PX} px or "
            f"more each way ({', '.join(SUFFIXES)}); name one that has."
        )
    return Photographs(pictures)


def _read(path: Path) -> Tensor | None:
    """Return a picture, or None if the file is none that can be used."""
    coded = np.fromfile(path, dtype=np.uint8)
    if not coded.size:
        return None
    try:
        pixels = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    except cv2.error:  # it claims more pixels than OpenCV reads
        return None
    if pixels is None or min(pixels.shape[:2]) < SHORTEST_PX:
        return None
    scale = LONGEST_PX / max(pixels.shape[:2])
    if scale < 1:
        pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    rgb = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    return torch.from_numpy(rgb).permute(2, 0, 1).float() / 255
