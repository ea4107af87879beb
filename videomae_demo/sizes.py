"""The sizes a VideoMAE may have: what a configuration may claim, and what a clip of it may cost.

Most sizes show in the shapes of the weights, and are compared with those when a checkpoint is
loaded. Frames, image size and the token grid show nowhere, so they have limits here: far above what
is published, and low enough to be computed on one machine. Knows no configuration and no tensor.
"""

from __future__ import annotations

from typing import Any

from videomae_demo.errors import CheckpointError, shown

MOST_FRAMES = 256
MOST_LAYERS = 128
MOST_LABELS = 100_000
MOST_TOKENS = 2**14
"""Published models have 1568 and 2048 tokens."""
MOST_CLIP_VALUES = 2**26
"""Frames times channels times pixels: 268 MB in float32."""
MOST_STATE_VALUES = 2**25
"""Tokens times width: what one layer hands to the next, 134 MB in float32."""
LARGEST = 2**16
"""For each size that has no limit of its own."""

LOWEST_AND_MOST = {
    "num_channels": (1, LARGEST),
    "num_frames": (1, MOST_FRAMES),
    "tubelet_size": (1, LARGEST),
    "hidden_size": (1, LARGEST),
    "num_hidden_layers": (0, MOST_LAYERS),
    "num_attention_heads": (1, LARGEST),
    "intermediate_size": (1, LARGEST),
    "decoder_num_attention_heads": (1, LARGEST),
    "decoder_hidden_size": (1, LARGEST),
    "decoder_num_hidden_layers": (0, MOST_LAYERS),
    "decoder_intermediate_size": (1, LARGEST),
}
"""The fields that hold one size."""


def is_whole(size: Any) -> bool:
    """Tell whether something is a whole number; Python counts True among them, we do not."""
    return isinstance(size, int) and not isinstance(size, bool)


def check_size(name: str, size: Any) -> None:
    """Refuse an impossible size for one of the fields of `LOWEST_AND_MOST`."""
    lowest, most = LOWEST_AND_MOST[name]
    if not is_whole(size) or not lowest <= size <= most:
        raise CheckpointError(
            f"The configuration's {name} is {shown(size)}; it must be a whole number from {lowest} "
            f"to {most}."
        )


def check_label_count(count: Any) -> None:
    """Refuse an impossible number of labels, before that many are named."""
    if not is_whole(count) or not 0 <= count <= MOST_LABELS:
        raise CheckpointError(
            f"The number of labels is {shown(count)}; it must be a whole number from 0 to "
            f"{MOST_LABELS}."
        )


def read_sides(name: str, size: Any) -> tuple[int, int]:
    """Return the height and width that a number, or a pair of them, stands for."""
    sides = (size, size) if is_whole(size) else size
    if (
        not isinstance(sides, list | tuple)
        or len(sides) != 2
        or not all(is_whole(side) and 0 < side <= LARGEST for side in sides)
    ):
        raise CheckpointError(
            f"The configuration's {name} is {shown(size)}; it must be a whole number from 1 to "
            f"{LARGEST}, or (height, width)."
        )
    return sides[0], sides[1]


def check_cost(tokens: int, clip_values: int, width: int) -> None:
    """Refuse a token grid that is too large to compute.

    Parameters
    ----------
    tokens : int
        Of the whole clip.
    clip_values : int
        Frames times channels times height times width.
    width : int
        Numbers per token in the encoder or the decoder, whichever has more.
    """
    for what, number, most in (
        ("tokens", tokens, MOST_TOKENS),
        ("numbers in a clip", clip_values, MOST_CLIP_VALUES),
        ("numbers in a layer", tokens * width, MOST_STATE_VALUES),
    ):
        if number > most:
            raise CheckpointError(
                f"The configuration's sizes make {number} {what}; at most {most} can be computed, "
                "so image_size, num_frames or the width must be smaller."
            )
