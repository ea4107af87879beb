"""Check the shapes and types of what a model is given; a sentence says what is wrong."""

from __future__ import annotations

import torch
from torch import Tensor

from videomae_demo.config import VideoMAEConfig
from videomae_demo.errors import RequestError


def check_pixel_values(
    pixel_values: Tensor, config: VideoMAEConfig, weight_dtype: torch.dtype
) -> None:
    """Refuse clips of another shape or type than the model's, naming both."""
    height, width = config.frame_size
    wanted = (config.num_frames, config.num_channels, height, width)
    if pixel_values.ndim != 5 or tuple(pixel_values.shape[1:]) != wanted:
        raise RequestError(
            f"pixel_values has the shape {tuple(pixel_values.shape)}; this model takes "
            f"(clips, frames, channels, height, width) = (any, {', '.join(map(str, wanted))})."
        )
    if not pixel_values.is_floating_point():
        raise RequestError(
            f"pixel_values is of type {pixel_values.dtype}; give normalised floats, as the image "
            "processor makes them."
        )
    if pixel_values.dtype != weight_dtype and not torch.is_autocast_enabled(
        pixel_values.device.type
    ):
        raise RequestError(
            f"pixel_values is of type {pixel_values.dtype}, the model's weights of {weight_dtype}; "
            "convert one of the two."
        )


def count_marked(mask: Tensor, batch: int, config: VideoMAEConfig, name: str) -> int:
    """Return how many tokens a mask marks per clip: it must be bool, (B, N), with equal counts."""
    tokens = config.grid.tokens
    if mask.dtype != torch.bool:
        raise RequestError(f"{name} is of type {mask.dtype}; give a bool tensor (mask.bool()).")
    if tuple(mask.shape) != (batch, tokens):
        raise RequestError(
            f"{name} has the shape {tuple(mask.shape)}; {batch} clips of {tokens} tokens need "
            f"({batch}, {tokens})."
        )
    counts: list[int] = mask.sum(dim=1).tolist()
    if len(set(counts)) != 1:
        raise RequestError(
            f"{name} marks different numbers of tokens in the clips of a batch: {counts}; "
            "give each clip the same number."
        )
    return counts[0]


def expand_head_mask(head_mask: Tensor | None, config: VideoMAEConfig) -> Tensor | None:
    """Bring (heads,) or (layers, heads) to (layers, 1, heads, 1, 1); refuse other shapes."""
    if head_mask is None:
        return None
    layers, heads = config.num_hidden_layers, config.num_attention_heads
    if tuple(head_mask.shape) not in ((heads,), (layers, heads)):
        raise RequestError(
            f"head_mask has the shape {tuple(head_mask.shape)}; give ({heads},) or "
            f"({layers}, {heads})."
        )
    return head_mask.expand(layers, heads)[:, None, :, None, None]  # (layers, 1, heads, 1, 1)
