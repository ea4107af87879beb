"""The key layout of the original code's files, of VideoMAE and VideoMAE V2 alike.

Owns the names of github.com/MCG-NJU/VideoMAE (and OpenGVLab/VideoMAEv2, whose names are the same)
and what the shapes of such weights tell of their model: those files have no configuration. Knows
no file and no model class.

The original normalises with an epsilon of 1e-6 everywhere. Here the blocks and the encoder's last
norm do so too (``layer_norm_eps``), but the norms before the heads (``fc_norm``, ``decoder.norm``)
keep the 1e-5 that transformers gives them, so that a saved model computes the same there. A vector
of variance v comes out of them smaller by the factor 1 - 4.5e-6 / v.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from videomae_demo.checkpoints.labels import find_labels
from videomae_demo.checkpoints.read import listed
from videomae_demo.checkpoints.shapes import (
    decoder_sizes,
    encoder_sizes,
    has_decoder,
    shape_of,
)
from videomae_demo.config import VideoMAEConfig, unnamed_labels
from videomae_demo.errors import CheckpointError

LAYER_NORM_EPS = 1e-6

_PREFIXES = ("encoder.", "backbone.")  # of the encoder, in pretraining and in some fine-tuning
_BLOCK = re.compile(r"(?P<stack>(?:decoder\.)?blocks)\.(?P<index>\d+)\.(?P<part>.+)")
_STACKS = {"blocks": "videomae.encoder.layer", "decoder.blocks": "decoder.decoder_layers"}


def _with_leaves(modules: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    return {
        f"{theirs}.{leaf}": (f"{ours}.{leaf}",)
        for theirs, ours in modules.items()
        for leaf in ("weight", "bias")
    }


# Each weight with its name, or its three names, in transformers: outside the blocks ...
_NAMES = _with_leaves(
    {
        "patch_embed.proj": "videomae.embeddings.patch_embeddings.projection",
        "norm": "videomae.layernorm",
        "fc_norm": "fc_norm",
        "head": "classifier",
        "decoder.norm": "decoder.norm",
        "decoder.head": "decoder.head",
    }
) | {
    "mask_token": ("mask_token",),
    "encoder_to_decoder.weight": ("encoder_to_decoder.weight",),
}
# ... and in a block.
_BLOCK_NAMES = _with_leaves(
    {
        "norm1": "layernorm_before",
        "attn.proj": "attention.output.dense",
        "norm2": "layernorm_after",
        "mlp.fc1": "intermediate.dense",
        "mlp.fc2": "output.dense",
    }
) | {
    "attn.qkv.weight": (
        "attention.attention.query.weight",
        "attention.attention.key.weight",
        "attention.attention.value.weight",
    ),
    "attn.q_bias": ("attention.attention.q_bias",),
    "attn.v_bias": ("attention.attention.v_bias",),
}
# Weights that exist only if a switch of the code is on; no published checkpoint has one on.
_SWITCHES = {
    "attn.scale": "cos_attn",
    "gamma_1": "init_values",
    "gamma_2": "init_values",
    "pos_embed": "use_learnable_pos_emb",
}
# The published sizes. Only the number of heads is taken from here: shapes do not show it.
_HEADS = {(384, 12): 6, (768, 12): 12, (1024, 24): 16, (1280, 32): 16, (1408, 40): 16}
_DECODER_HEADS = {192: 3, 384: 6, 512: 8, 640: 8}


@dataclass(frozen=True, slots=True)
class Architecture:
    """What a checkpoint tells of its model.

    Attributes
    ----------
    fields : mapping of str to value
        As in a ``config.json``.
    untold : mapping of str to (str or None)
        The fields that the checkpoint does not tell, each with what is taken for granted there, in
        words; None if nothing is, and then the field is not in `fields`.
    """

    fields: Mapping[str, Any]
    untold: Mapping[str, str | None]


def matches(names: Iterable[str]) -> bool:
    """Tell whether a checkpoint's names are those of the original code."""
    return any(name.endswith("patch_embed.proj.weight") for name in names)


def to_native(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Rename a checkpoint's tensors to the names of a head model of transformers.

    Parameters
    ----------
    tensors : mapping of str to tensor
        As read from the file.

    Returns
    -------
    dict of str to tensor
        The same tensors, none of them copied; the joint projection of each block is cut into three.

    Raises
    ------
    CheckpointError
        When a name is unknown, or two names stand for the same weight.
    """
    targets = {name: _targets(name) for name in tensors}
    unknown = [name for name, found in targets.items() if not found]
    if unknown:
        raise _not_ours(unknown)
    native: dict[str, torch.Tensor] = {}
    origin: dict[str, str] = {}
    for name, tensor in tensors.items():
        for target, part in zip(targets[name], _cut(name, tensor, len(targets[name])), strict=True):
            if target in native:
                raise CheckpointError(
                    f"The weights hold {target!r} twice, as {origin[target]!r} and as {name!r}; "
                    "remove one of the two."
                )
            native[target], origin[target] = part, name
    return native


def describe(native: Mapping[str, torch.Tensor]) -> Architecture:
    """Tell the architecture from the shapes of the weights, never from a file's name.

    Parameters
    ----------
    native : mapping of str to tensor
        What `to_native` returns.

    Raises
    ------
    CheckpointError
        When weights that every VideoMAE has are missing, or have an impossible shape.
    """
    sizes = encoder_sizes(native)
    width, depth = sizes["hidden_size"], sizes["num_hidden_layers"]
    if "intermediate_size" not in sizes:
        raise CheckpointError(
            "The weights are of no VideoMAE that can be loaded: they have no layer; check that the "
            "file is whole."
        )
    size, frames = VideoMAEConfig.image_size, VideoMAEConfig.num_frames
    fields: dict[str, Any] = sizes | {
        "qkv_bias": "videomae.encoder.layer.0.attention.attention.q_bias" in native,
        "use_mean_pooling": "fc_norm.weight" in native or "videomae.layernorm.weight" not in native,
        "layer_norm_eps": LAYER_NORM_EPS,
        "image_size": size,
        "num_frames": frames,
    }
    untold: dict[str, str | None] = {
        "image_size": f"frames of {size} px",
        "num_frames": f"{frames} frames a clip",
        "num_attention_heads": None,
    }
    if (width, depth) in _HEADS:
        fields["num_attention_heads"] = heads = _HEADS[width, depth]
        untold["num_attention_heads"] = f"{heads} attention heads"
    for part in (_describe_decoder(native), _describe_labels(native)):
        fields |= part.fields
        untold |= part.untold
    return Architecture(fields, untold)


def _split(name: str) -> tuple[str, str]:
    """Return where a weight is, "" outside the blocks, and its name there."""
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    block = _BLOCK.fullmatch(name)
    if block is None:
        return "", name
    return f"{_STACKS[block['stack']]}.{block['index']}.", block["part"]


def _targets(name: str) -> tuple[str, ...]:
    layer, part = _split(name)
    names = _BLOCK_NAMES if layer else _NAMES
    return tuple(layer + target for target in names.get(part, ()))


def _cut(name: str, tensor: torch.Tensor, count: int) -> tuple[torch.Tensor, ...]:
    if count == 1:
        return (tensor,)
    if tensor.ndim != 2 or len(tensor) % count:
        raise CheckpointError(
            f"The weights {name!r} are of shape {tuple(tensor.shape)}, but hold {count} matrices "
            "one above the other; check that the file is whole."
        )
    return tensor.chunk(count)


def _not_ours(unknown: Sequence[str]) -> CheckpointError:
    parts = [_split(name)[1] for name in unknown]
    if all(part in _SWITCHES for part in parts):
        switches = ", ".join(sorted({_SWITCHES[part] for part in parts}))
        return CheckpointError(
            f"The weights hold {listed(unknown)}, which belong to {switches}: off in every "
            "published VideoMAE, and a model that has it on can't be loaded."
        )
    return CheckpointError(
        f"The weights hold {listed(unknown)}, which no VideoMAE of the original code has; check "
        "that the file is of one."
    )


def _describe_decoder(native: Mapping[str, torch.Tensor]) -> Architecture:
    if not has_decoder(native):
        return Architecture({}, {})
    fields = decoder_sizes(native) | {"norm_pix_loss": True}
    width = fields["decoder_hidden_size"]
    untold: dict[str, str | None] = {
        "decoder_num_attention_heads": None,
        "norm_pix_loss": "a decoder that predicts normalised pixels",
    }
    if width in _DECODER_HEADS:
        fields["decoder_num_attention_heads"] = heads = _DECODER_HEADS[width]
        untold["decoder_num_attention_heads"] = f"{heads} attention heads in the decoder"
    return Architecture(fields, untold)


def _describe_labels(native: Mapping[str, torch.Tensor]) -> Architecture:
    if "classifier.weight" not in native:
        return Architecture({}, {})
    count, _ = shape_of(native, "classifier.weight", 2)
    labels = find_labels(count)
    if labels is None:
        names, words = unnamed_labels(count), f"{count} labels without names"
    else:
        names, words = dict(enumerate(labels.names)), f"the {count} labels of {labels.title}"
    return Architecture({"id2label": names}, {"id2label": words})
