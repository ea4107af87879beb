"""The layout of VideoMAE V2 on the hub (OpenGVLab/VideoMAEv2-Base and its like).

The names are those of the original code under ``model.``, and the options are in
``config.model_config``. Its own code takes clips as (B, C, T, H, W); our models take
(B, T, C, H, W), here too. The published ones are encoders whose output is the mean of all tokens
through ``fc_norm``: features, no labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from videomae_demo.checkpoints import original_layout
from videomae_demo.checkpoints.original_layout import Architecture
from videomae_demo.errors import CheckpointError, shown

PREFIX = "model."

_OPTIONS = "model_config"
# Options that the shapes of the weights tell as well. The perceptrons' width is told by shapes
# alone: `mlp_ratio` is a fraction, rounded in the file.
_TOLD_TWICE = {
    "embed_dim": "hidden_size",
    "depth": "num_hidden_layers",
    "in_chans": "num_channels",
    "patch_size": "patch_size",
    "tubelet_size": "tubelet_size",
    "qkv_bias": "qkv_bias",
}
_TOLD = {
    "img_size": "image_size",
    "num_frames": "num_frames",
    "num_heads": "num_attention_heads",
    "layer_norm_eps": "layer_norm_eps",
    "use_mean_pooling": "use_mean_pooling",
}
_OFF = ("cos_attn", "init_values", "qk_scale", "use_learnable_pos_emb")


def matches(values: Mapping[str, Any]) -> bool:
    """Tell whether a ``config.json`` is of this layout."""
    return isinstance(values.get(_OPTIONS), Mapping)


def to_original(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Rename a checkpoint's tensors to the names of the original code.

    Raises
    ------
    CheckpointError
        When two names stand for the same weight.
    """
    original = {name.removeprefix(PREFIX): tensor for name, tensor in tensors.items()}
    if len(original) < len(tensors):
        twice = next(name for name in tensors if PREFIX + name in tensors)
        raise CheckpointError(
            f"The weights hold {twice!r} twice, with and without {PREFIX!r} before it; remove one "
            "of the two."
        )
    return original


def describe(native: Mapping[str, torch.Tensor], values: Mapping[str, Any]) -> Architecture:
    """Tell the architecture from the shapes of the weights and from the options.

    Parameters
    ----------
    native : mapping of str to tensor
        Under the names of transformers.
    values : mapping of str to value
        What ``config.json`` holds.

    Raises
    ------
    CheckpointError
        When the options contradict the weights, or a switch is on that changes the arithmetic.
    """
    options = values[_OPTIONS]
    switched = [f"{name} ({shown(options[name])})" for name in _OFF if options.get(name)]
    if switched:
        raise CheckpointError(
            f"The configuration's {_OPTIONS} switches on {', '.join(switched)}; that is off in "
            "every published VideoMAE, and a model that has it on can't be loaded."
        )
    shapes = original_layout.describe(native)
    wrong = [
        f"{theirs} {shown(options[theirs])} ({shapes.fields[ours]!r} in the weights)"
        for theirs, ours in _TOLD_TWICE.items()
        if theirs in options and options[theirs] != shapes.fields[ours]
    ]
    if wrong:
        raise CheckpointError(
            f"The configuration's {_OPTIONS} does not fit the weights: {', '.join(wrong)}; check "
            "that config.json belongs to them."
        )
    told = {ours: options[theirs] for theirs, ours in _TOLD.items() if theirs in options}
    if "id2label" not in shapes.fields:
        told["num_labels"] = 0
    untold = {name: words for name, words in shapes.untold.items() if name not in told}
    return Architecture({**shapes.fields, **told}, untold)
