"""The key layout of VideoMAE checkpoints on the hub, and its variants.

Our models name their weights as transformers 4.37 does; this module turns a file's names into
those. Other releases write some names differently, and a bare encoder is saved without the prefix
it has inside a head model. Knows names only: shapes are compared in `load`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch

from videomae_demo.errors import CheckpointError

ENCODER_PREFIX = "videomae."

_ENCODER_PARTS = ("embeddings.", "encoder.", "layernorm.")
_RENAMED = {
    "attention.attention.query.bias": "attention.attention.q_bias",
    "attention.attention.value.bias": "attention.attention.v_bias",
}
# A bias of the keys adds the same number to all scores of a row, which softmax ignores; the
# position table is computed.
_DROPPED = (
    "attention.attention.key.bias",
    "embeddings.position_embeddings",
    "embeddings.pos_embed",
)


def to_native(
    tensors: Mapping[str, torch.Tensor], expected_names: Iterable[str]
) -> dict[str, torch.Tensor]:
    """Rename a checkpoint's tensors to the names our models use.

    Names that belong to no VideoMAE are kept as they are, for `load.fit` to report.

    Parameters
    ----------
    tensors : mapping of str to tensor
        As read from the file.
    expected_names : iterable of str
        Names in the model's state dict; they tell whether it is a bare encoder or a head model.

    Returns
    -------
    dict of str to tensor
        The same tensors, none of them copied.

    Raises
    ------
    CheckpointError
        When two names in the file stand for the same weight.
    """
    prefixed = any(name.startswith(ENCODER_PREFIX) for name in expected_names)
    native: dict[str, torch.Tensor] = {}
    origin: dict[str, str] = {}
    for name, tensor in tensors.items():
        if name.endswith(_DROPPED):
            continue
        target = _native_name(name, prefixed=prefixed)
        if target in native:
            raise CheckpointError(
                f"The weights hold {target!r} twice, as {origin[target]!r} and as {name!r}; remove "
                "one of the two."
            )
        native[target] = tensor
        origin[target] = name
    return native


def _native_name(name: str, *, prefixed: bool) -> str:
    for ending, replacement in _RENAMED.items():
        if name.endswith(ending):
            name = name.removesuffix(ending) + replacement
    bare = name.removeprefix(ENCODER_PREFIX)
    if not bare.startswith(_ENCODER_PARTS):
        return name
    return ENCODER_PREFIX + bare if prefixed else bare
