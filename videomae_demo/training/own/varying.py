"""Light variations of a clip, the same in all of its frames, decided by a generator alone.

A part of the picture is shown larger, and light and colours change a little. A clip is mirrored
only if that was asked for: a mirror makes another label of many motions.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from videomae_demo.model.processor import VideoMAEImageProcessor

SMALLEST_PART = 0.75
"""Of the side of what the model sees without variation, so much at least is shown."""
MOVED = 1 / 8
"""How far the part may lie off the middle, as a share of that side."""
COLOUR = 0.2
"""How far brightness, contrast and saturation go from 1."""
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


def vary(
    frames: NDArray[np.uint8],
    seen: tuple[int, int],
    size: tuple[int, int],
    generator: torch.Generator,
    *,
    mirror: bool = False,
) -> Tensor:
    """Vary one clip.

    Parameters
    ----------
    frames : (T, H, W, 3) uint8
    seen : (int, int)
        Height and width of the middle of the frames that the model sees without variation.
    size : (int, int)
        Height and width of the model's frames.
    generator : torch.Generator
    mirror : bool
        Whether it may be mirrored.

    Returns
    -------
    Tensor
        (T, 3, height, width) float32, 0 to 255.
    """
    share, down, right, *colours, turn = torch.rand(7, generator=generator).tolist()
    share = SMALLEST_PART + (1 - SMALLEST_PART) * share
    top, height = _cut(frames.shape[1], seen[0], share, 2 * down - 1)
    left, width = _cut(frames.shape[2], seen[1], share, 2 * right - 1)
    part = frames[:, top : top + height, left : left + width]
    clip = torch.from_numpy(np.ascontiguousarray(part)).permute(0, 3, 1, 2).float()
    clip = F.interpolate(clip, size, mode="bilinear", antialias=True, align_corners=False)
    if mirror and turn < 0.5:
        clip = clip.flip(-1)
    return _recolour(clip, *(1 + COLOUR * (2 * colour - 1) for colour in colours))


def normalise_as(processor: VideoMAEImageProcessor, frames: Tensor) -> Tensor:
    """Normalise (..., 3, H, W) frames, 0 to 255, as a processor does."""
    if processor.do_rescale:
        frames = frames * processor.rescale_factor
    if processor.do_normalize:
        mean, std = (
            frames.new_tensor(np.broadcast_to(values, 3).tolist())[:, None, None]
            for values in (processor.image_mean, processor.image_std)
        )
        frames = (frames - mean) / std
    return frames


def _cut(there: int, seen: int, share: float, off: float) -> tuple[int, int]:
    """Return where a part begins along one axis, and how long it is; `off` is -1 to 1."""
    length = max(1, round(seen * share))
    room = there - length
    begins = room / 2 + off * min(room / 2, seen * MOVED)
    return min(max(round(begins), 0), room), length


def _recolour(clip: Tensor, brightness: float, contrast: float, saturation: float) -> Tensor:
    grey = (clip * clip.new_tensor(_LUMA)[:, None, None]).sum(1, keepdim=True)
    clip = grey + saturation * (clip - grey)
    middle = grey.mean()
    return ((middle + contrast * (clip - middle)) * brightness).clamp(0, 255)
