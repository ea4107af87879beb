from __future__ import annotations

import pytest
import torch

from videomae_demo.checkpoints.huggingface_layout import to_native
from videomae_demo.errors import CheckpointError

ATTENTION = "encoder.layer.0.attention.attention."
BARE = ["embeddings.patch_embeddings.projection.weight", ATTENTION + "q_bias", "layernorm.bias"]
HEAD_MODEL = ["videomae." + name for name in BARE] + ["classifier.weight", "fc_norm.weight"]


def tensors(*names: str) -> dict[str, torch.Tensor]:
    return {name: torch.full((1,), float(index)) for index, name in enumerate(names)}


@pytest.mark.parametrize("expected", [BARE, HEAD_MODEL])
@pytest.mark.parametrize("saved_prefix", ["", "videomae."])
def test_the_prefix_follows_the_model(expected: list[str], saved_prefix: str) -> None:
    native = to_native(tensors(*(saved_prefix + name for name in BARE)), expected)
    assert list(native) == expected[: len(BARE)]
    assert [float(tensor) for tensor in native.values()] == [0, 1, 2]


def test_head_weights_keep_their_names() -> None:
    names = ["mask_token", "encoder_to_decoder.weight", "decoder.norm.bias", "fc_norm.weight"]
    assert list(to_native(tensors(*names), HEAD_MODEL)) == names
    assert list(to_native(tensors(*names), BARE)) == names


@pytest.mark.parametrize("layer", ["videomae.encoder.layer.3.", "decoder.decoder_layers.0."])
def test_biases_under_their_linear_layers_are_renamed(layer: str) -> None:
    inner = layer + "attention.attention."
    native = to_native(
        tensors(inner + "query.bias", inner + "value.bias", inner + "query.weight"), HEAD_MODEL
    )
    assert list(native) == [inner + "q_bias", inner + "v_bias", inner + "query.weight"]


def test_what_changes_no_output_is_dropped() -> None:
    native = to_native(
        tensors(
            "videomae." + ATTENTION + "key.bias",
            "videomae.embeddings.position_embeddings",
            "embeddings.pos_embed",
            "videomae." + ATTENTION + "key.weight",
        ),
        HEAD_MODEL,
    )
    assert list(native) == ["videomae." + ATTENTION + "key.weight"]


def test_names_of_other_models_are_kept_to_be_reported() -> None:
    assert list(to_native(tensors("blocks.0.attn.qkv.weight"), BARE)) == [
        "blocks.0.attn.qkv.weight"
    ]


def test_two_names_for_one_weight_are_an_error() -> None:
    twice = tensors(ATTENTION + "q_bias", ATTENTION + "query.bias")
    with pytest.raises(CheckpointError, match=r"twice, as '.*q_bias' and as '.*query\.bias'"):
        to_native(twice, BARE)
    prefixed_and_not = tensors("videomae.layernorm.bias", "layernorm.bias")
    with pytest.raises(CheckpointError, match=r"twice"):
        to_native(prefixed_and_not, BARE)
