from __future__ import annotations

import pytest
import torch

from videomae_demo.checkpoints.original_layout import describe, matches, to_native
from videomae_demo.errors import CheckpointError

BLOCK = {
    "norm1.weight": (8,),
    "norm1.bias": (8,),
    "attn.q_bias": (8,),
    "attn.v_bias": (8,),
    "attn.qkv.weight": (24, 8),
    "attn.proj.weight": (8, 8),
    "attn.proj.bias": (8,),
    "norm2.weight": (8,),
    "norm2.bias": (8,),
    "mlp.fc1.weight": (20, 8),
    "mlp.fc1.bias": (20,),
    "mlp.fc2.weight": (8, 20),
    "mlp.fc2.bias": (8,),
}
# Every name of a fine-tuned model, with the name it has in transformers; the blocks apart.
FINE_TUNED = {
    "patch_embed.proj.weight": "videomae.embeddings.patch_embeddings.projection.weight",
    "patch_embed.proj.bias": "videomae.embeddings.patch_embeddings.projection.bias",
    "fc_norm.weight": "fc_norm.weight",
    "fc_norm.bias": "fc_norm.bias",
    "head.weight": "classifier.weight",
    "head.bias": "classifier.bias",
}
PRETRAINED = {
    "mask_token": "mask_token",
    "encoder.patch_embed.proj.weight": FINE_TUNED["patch_embed.proj.weight"],
    "encoder.patch_embed.proj.bias": FINE_TUNED["patch_embed.proj.bias"],
    "encoder.norm.weight": "videomae.layernorm.weight",
    "encoder.norm.bias": "videomae.layernorm.bias",
    "encoder_to_decoder.weight": "encoder_to_decoder.weight",
    "decoder.norm.weight": "decoder.norm.weight",
    "decoder.norm.bias": "decoder.norm.bias",
    "decoder.head.weight": "decoder.head.weight",
    "decoder.head.bias": "decoder.head.bias",
}
INSIDE_A_BLOCK = {
    "norm1.weight": "layernorm_before.weight",
    "norm1.bias": "layernorm_before.bias",
    "attn.q_bias": "attention.attention.q_bias",
    "attn.v_bias": "attention.attention.v_bias",
    "attn.proj.weight": "attention.output.dense.weight",
    "attn.proj.bias": "attention.output.dense.bias",
    "norm2.weight": "layernorm_after.weight",
    "norm2.bias": "layernorm_after.bias",
    "mlp.fc1.weight": "intermediate.dense.weight",
    "mlp.fc1.bias": "intermediate.dense.bias",
    "mlp.fc2.weight": "output.dense.weight",
    "mlp.fc2.bias": "output.dense.bias",
}


def tensors(shapes: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    return {
        name: torch.full(shape, float(index)) for index, (name, shape) in enumerate(shapes.items())
    }


def encoder(prefix: str = "", depth: int = 1) -> dict[str, tuple[int, ...]]:
    embedding = {f"{prefix}patch_embed.proj.weight": (8, 3, 2, 4, 4)}
    blocks = {
        f"{prefix}blocks.{index}.{name}": shape
        for index in range(depth)
        for name, shape in BLOCK.items()
    }
    return embedding | blocks


class TestToNative:
    @pytest.mark.parametrize("names", [FINE_TUNED, PRETRAINED])
    def test_names_outside_the_blocks(self, names: dict[str, str]) -> None:
        given = tensors(dict.fromkeys(names, (1,)))
        native = to_native(given)
        assert list(native) == list(names.values())
        assert all(native[names[name]] is tensor for name, tensor in given.items())

    @pytest.mark.parametrize(
        ("theirs", "ours"),
        [
            ("blocks.3.", "videomae.encoder.layer.3."),
            ("encoder.blocks.11.", "videomae.encoder.layer.11."),
            ("backbone.blocks.0.", "videomae.encoder.layer.0."),
            ("decoder.blocks.2.", "decoder.decoder_layers.2."),
        ],
    )
    def test_names_inside_a_block(self, theirs: str, ours: str) -> None:
        native = to_native(tensors({theirs + name: (1,) for name in INSIDE_A_BLOCK}))
        assert list(native) == [ours + name for name in INSIDE_A_BLOCK.values()]

    def test_the_joint_projection_is_cut_in_three_without_a_copy(self) -> None:
        joint = torch.arange(12.0).reshape(6, 2)
        native = to_native({"blocks.0.attn.qkv.weight": joint})
        inner = "videomae.encoder.layer.0.attention.attention."
        assert list(native) == [f"{inner}{name}.weight" for name in ("query", "key", "value")]
        assert torch.equal(torch.cat(list(native.values())), joint)
        assert {part.untyped_storage().data_ptr() for part in native.values()} == {
            joint.untyped_storage().data_ptr()
        }

    def test_unknown_names_are_an_error_that_names_them(self) -> None:
        given = tensors(encoder() | {"temporal_embed": (1,), "blocks.0.attn.qkv.bias": (24,)})
        with pytest.raises(CheckpointError, match=r"hold temporal_embed, blocks\.0\.attn\.qkv\.b"):
            to_native(given)
        image_model = tensors(encoder() | {"pos_embed": (1,), "cls_token": (1,)})
        with pytest.raises(CheckpointError, match="pos_embed, cls_token, which no VideoMAE"):
            to_native(image_model)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("norm.bias", "encoder.norm.bias"),
            ("blocks.0.norm1.bias", "backbone.blocks.0.norm1.bias"),
        ],
    )
    def test_two_names_for_one_weight_are_an_error(self, one: str, other: str) -> None:
        with pytest.raises(CheckpointError, match=f"twice, as '{one}' and as '{other}'"):
            to_native(tensors({one: (1,), other: (1,)}))

    @pytest.mark.parametrize(
        ("name", "switch"),
        [
            ("blocks.0.attn.scale", "cos_attn"),
            ("encoder.blocks.0.gamma_1", "init_values"),
            ("decoder.blocks.0.gamma_2", "init_values"),
            ("pos_embed", "use_learnable_pos_emb"),
            ("encoder.pos_embed", "use_learnable_pos_emb"),
        ],
    )
    def test_switches_are_refused_by_name(self, name: str, switch: str) -> None:
        with pytest.raises(CheckpointError, match=f"hold {name}, which belong to {switch}: off"):
            to_native(tensors(encoder() | {name: (8,)}))

    @pytest.mark.parametrize("shape", [(), (24,), (25, 8)])
    def test_a_projection_that_has_no_thirds(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(CheckpointError, match=r"qkv\.weight' are of shape .* 3 matrices"):
            to_native(tensors({"blocks.0.attn.qkv.weight": shape}))


class TestDescribe:
    def test_sizes_are_those_of_the_shapes(self) -> None:
        fields = describe(to_native(tensors(encoder(depth=3)))).fields
        assert fields["hidden_size"] == 8
        assert fields["num_hidden_layers"] == 3
        assert fields["intermediate_size"] == 20
        assert (fields["num_channels"], fields["tubelet_size"], fields["patch_size"]) == (3, 2, 4)
        assert fields["qkv_bias"] is True
        assert fields["use_mean_pooling"] is True

    def test_a_last_norm_means_that_token_0_is_read(self) -> None:
        shapes = encoder() | {"norm.weight": (8,), "norm.bias": (8,)}
        assert describe(to_native(tensors(shapes))).fields["use_mean_pooling"] is False

    def test_attention_without_biases(self) -> None:
        shapes = {name: shape for name, shape in encoder().items() if "_bias" not in name}
        assert describe(to_native(tensors(shapes))).fields["qkv_bias"] is False

    def test_a_decoder_is_described_by_its_own_shapes(self) -> None:
        blocks = {f"decoder.blocks.{index}.mlp.fc1.weight": (7, 4) for index in range(2)}
        shapes = encoder("encoder.") | {"encoder_to_decoder.weight": (4, 8)} | blocks
        found = describe(to_native(tensors(shapes)))
        assert found.fields["decoder_hidden_size"] == 4
        assert found.fields["decoder_num_hidden_layers"] == 2
        assert found.fields["decoder_intermediate_size"] == 7
        assert found.fields["norm_pix_loss"] is True
        assert found.untold["decoder_num_attention_heads"] is None

    @pytest.mark.parametrize(
        ("width", "depth", "heads"),
        [(384, 12, 6), (768, 12, 12), (1024, 24, 16), (1280, 32, 16), (1408, 40, 16)],
    )
    def test_heads_of_published_sizes(self, width: int, depth: int, heads: int) -> None:
        with torch.device("meta"):
            embedding = torch.empty(width, 3, 2, 16, 16)
            block = torch.empty(4 * width, width)
        native = {"videomae.embeddings.patch_embeddings.projection.weight": embedding} | {
            f"videomae.encoder.layer.{index}.intermediate.dense.weight": block
            for index in range(depth)
        }
        found = describe(native)
        assert found.fields["num_attention_heads"] == heads
        assert found.untold["num_attention_heads"] == f"{heads} attention heads"
        del native["videomae.encoder.layer.3.intermediate.dense.weight"]
        found = describe(native)
        assert "num_attention_heads" not in found.fields
        assert found.untold["num_attention_heads"] is None

    @pytest.mark.parametrize(
        ("width", "heads"), [(192, 3), (384, 6), (512, 8), (640, 8), (256, None)]
    )
    def test_heads_of_published_decoders(self, width: int, heads: int | None) -> None:
        decoder = {"encoder_to_decoder.weight": (width, 8)}
        decoder["decoder.blocks.0.mlp.fc1.weight"] = (7, width)
        found = describe(to_native(tensors(encoder("encoder.") | decoder)))
        assert found.fields.get("decoder_num_attention_heads") == heads

    def test_weights_that_must_be_there_are_named(self) -> None:
        shapes = {"patch_embed.proj.weight": (8, 3, 2, 4, 4)}
        with pytest.raises(CheckpointError, match="they have no layer; check"):
            describe(to_native(tensors(shapes)))
        half = shapes | {"blocks.0.norm1.weight": (8,)}
        with pytest.raises(CheckpointError, match=r"layer\.0\.intermediate.* is missing"):
            describe(to_native(tensors(half)))
        flat = encoder() | {"patch_embed.proj.weight": (8, 3, 4, 4)}
        with pytest.raises(CheckpointError, match=r"of shape \(8, 3, 4, 4\), but must have 5"):
            describe(to_native(tensors(flat)))


@pytest.mark.parametrize("prefix", ["", "encoder.", "backbone.", "model."])
def test_a_layout_is_known_by_its_names(prefix: str) -> None:
    assert matches(encoder(prefix))
    assert not matches(FINE_TUNED.values())
