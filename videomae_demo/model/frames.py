"""Frames as people have them, sorted into clips of numpy arrays.

Owns what counts as a frame, as a clip and as a batch, and where a frame keeps its channels. Changes
no pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from videomae_demo.errors import RequestError

Layout = Literal["channels_first", "channels_last"]

_CHANNEL_COUNTS = (1, 3)


def gather_clips(videos: Any) -> list[list[Any]]:
    """Sort what was given into clips of frames, by how deep it is nested."""
    depth = _depth(videos)
    if depth not in (3, 4, 5):
        raise RequestError(
            f"A clip is a list of frames or an array (T, H, W, 3); what was given has {depth} axes."
        )
    clips = videos if depth == 5 else [videos] if depth == 4 else [[videos]]
    return [list(clip) for clip in clips]


def _depth(videos: Any) -> int:
    if isinstance(videos, list | tuple):
        if not videos:
            raise RequestError("There are no frames: an empty list was given; give at least one.")
        return 1 + _depth(videos[0])
    if isinstance(videos, Image.Image):
        return 3
    if isinstance(videos, np.ndarray | torch.Tensor):
        if 0 in videos.shape:
            raise RequestError(f"There are no pixels in an array of shape {tuple(videos.shape)}.")
        return videos.ndim
    raise RequestError(
        "A frame must be a PIL image, a numpy array or a torch tensor, not a "
        f"{type(videos).__name__}."
    )


def as_array(frame: Any) -> NDArray[Any]:
    """Return one frame as a numpy array of three axes, in the layout it has."""
    if _depth(frame) != 3 or isinstance(frame, list | tuple):
        raise RequestError("The frames of a clip must all be images, each with three axes.")
    if isinstance(frame, Image.Image):
        if frame.mode != "RGB":
            raise RequestError(
                f"A frame is a PIL image of mode {frame.mode!r}; convert it to 'RGB' first."
            )
        return np.asarray(frame)
    if isinstance(frame, torch.Tensor):
        frame = frame.detach().cpu()
        frame = (frame.float() if frame.dtype == torch.bfloat16 else frame).numpy()
    if frame.dtype.kind not in "uif":
        raise RequestError(f"A frame holds {frame.dtype} values; give integers in 0..255.")
    array: NDArray[Any] = frame
    return array


def infer_layout(frame: NDArray[Any]) -> Layout:
    """Say where a frame keeps its channels: first if that axis is 1 or 3 long, or else last."""
    if frame.shape[0] in _CHANNEL_COUNTS:
        return "channels_first"
    if frame.shape[-1] in _CHANNEL_COUNTS:
        return "channels_last"
    raise RequestError(
        f"A frame of shape {frame.shape} has its 1 or 3 channels neither on the first nor on the "
        "last axis."
    )


def refuse_rescaled(frames: Sequence[NDArray[Any]]) -> None:
    """Raise RequestError for frames in 0..1, which rescaling would bring to 0..1/255."""
    if any(frame.dtype.kind != "f" for frame in frames):
        return
    low, high = min(frame.min() for frame in frames), max(frame.max() for frame in frames)
    if low >= 0 and 0 < high <= 1:
        raise RequestError(
            f"The frames are floats in 0..1 (largest {high:.3g}) and would be rescaled a second "
            "time; pass do_rescale=False, or give integers in 0..255."
        )


def stack_clips(clips: Sequence[Sequence[NDArray[Any]]]) -> NDArray[Any]:
    """Stack clips of (C, H, W) frames to (B, T, C, H, W), or say which of them differ."""
    lengths = sorted({len(clip) for clip in clips})
    if len(lengths) > 1:
        raise RequestError(f"The clips of a batch have {lengths} frames; give all the same number.")
    shapes = sorted({frame.shape for clip in clips for frame in clip})
    if len(shapes) > 1:
        raise RequestError(
            f"The frames have the shapes {shapes} after resizing; crop them to one size."
        )
    return np.stack([np.stack(clip) for clip in clips])
