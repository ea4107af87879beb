"""What the shapes of a checkpoint's weights tell of its model's sizes.

Reads weights under the names of a head model of transformers, whatever layout they came from. Knows
no file, no configuration and no model class.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from videomae_demo.errors import CheckpointError

_ENCODER_LAYERS = "videomae.encoder.layer."
_DECODER_LAYERS = "decoder.decoder_layers."
_INTO_DECODER = "encoder_to_decoder.weight"


def encoder_sizes(native: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """Return the encoder's sizes, in the names of a ``config.json``.

    A patch that is not square is given as [height, width].

    Raises
    ------
    CheckpointError
        When weights that every VideoMAE has are missing, or have another number of dimensions.
    """
    width, channels, tubelet, rows, columns = shape_of(
        native, "videomae.embeddings.patch_embeddings.projection.weight", 5
    )
    sizes = {
        "num_channels": channels,
        "tubelet_size": tubelet,
        "patch_size": rows if rows == columns else [rows, columns],
        "hidden_size": width,
        "num_hidden_layers": _count_blocks(native, _ENCODER_LAYERS),
    }
    return sizes | _intermediate(native, "intermediate_size", _ENCODER_LAYERS)


def has_decoder(native: Mapping[str, torch.Tensor]) -> bool:
    """Tell whether there are weights of a pretraining decoder."""
    return _INTO_DECODER in native


def decoder_sizes(native: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """Return the decoder's sizes; see `encoder_sizes`."""
    width, _ = shape_of(native, _INTO_DECODER, 2)
    sizes = {
        "decoder_hidden_size": width,
        "decoder_num_hidden_layers": _count_blocks(native, _DECODER_LAYERS),
    }
    return sizes | _intermediate(native, "decoder_intermediate_size", _DECODER_LAYERS)


def shape_of(native: Mapping[str, torch.Tensor], name: str, dimensions: int) -> torch.Size:
    """Return the shape of a weight, which must be there and have this many dimensions."""
    if name not in native or native[name].ndim != dimensions:
        found = f"of shape {tuple(native[name].shape)}" if name in native else "missing"
        raise CheckpointError(
            f"The weights are of no VideoMAE that can be loaded: {name} is {found}, but must have "
            f"{dimensions} dimensions; check that the file is whole."
        )
    return native[name].shape


def _count_blocks(native: Mapping[str, torch.Tensor], stack: str) -> int:
    inside = (name.removeprefix(stack) for name in native if name.startswith(stack))
    return len({name.partition(".")[0] for name in inside})


def _intermediate(native: Mapping[str, torch.Tensor], field: str, stack: str) -> dict[str, Any]:
    """Return the perceptrons' width; a stack without layers does not tell it."""
    if not _count_blocks(native, stack):
        return {}
    return {field: shape_of(native, f"{stack}0.intermediate.dense.weight", 2)[0]}
