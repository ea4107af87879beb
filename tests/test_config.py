"""The configuration: HF's names, order and defaults; what it refuses; what it writes."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import json
from pathlib import Path

import pytest
from transformers import VideoMAEConfig as TheirConfig

from videomae_demo.config import TokenGrid, VideoMAEConfig
from videomae_demo.errors import CheckpointError, RequestError

# The signature of transformers 4.37.2, in its order.
DEFAULTS = {
    "image_size": 224,
    "patch_size": 16,
    "num_channels": 3,
    "num_frames": 16,
    "tubelet_size": 2,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "initializer_range": 0.02,
    "layer_norm_eps": 1e-12,
    "qkv_bias": True,
    "use_mean_pooling": True,
    "decoder_num_attention_heads": 6,
    "decoder_hidden_size": 384,
    "decoder_num_hidden_layers": 4,
    "decoder_intermediate_size": 1536,
    "norm_pix_loss": True,
}


class TestFields:
    def test_names_order_and_defaults_are_those_of_4_37(self) -> None:
        parameters = inspect.signature(VideoMAEConfig).parameters
        assert list(parameters)[: len(DEFAULTS)] == list(DEFAULTS)
        config = VideoMAEConfig()
        assert {name: getattr(config, name) for name in DEFAULTS} == DEFAULTS

    def test_the_token_grid_follows(self) -> None:
        config = VideoMAEConfig(image_size=(32, 48), patch_size=8, num_frames=12, tubelet_size=4)
        assert config.grid == TokenGrid(time=3, height=4, width=6)
        assert config.grid.shape == (3, 4, 6)
        assert (config.grid.patches, config.grid.tokens) == (24, 72)
        assert config.frame_size == (32, 48)
        assert config.token_values == 4 * 8 * 8 * 3
        assert VideoMAEConfig().frame_size == (224, 224)
        assert VideoMAEConfig().grid.tokens == 1568

    def test_return_dict_has_both_names(self) -> None:
        assert VideoMAEConfig().use_return_dict
        assert not VideoMAEConfig(return_dict=False).use_return_dict

    def test_a_square_patch_may_be_a_pair(self) -> None:
        assert VideoMAEConfig(patch_size=[16, 16]).patch_size == 16


class TestLabels:
    def test_two_by_default(self) -> None:
        config = VideoMAEConfig()
        assert config.id2label == {0: "LABEL_0", 1: "LABEL_1"}
        assert config.num_labels == 2
        assert config.label2id == {"LABEL_0": 0, "LABEL_1": 1}

    def test_a_number_makes_unnamed_labels(self) -> None:
        assert VideoMAEConfig(num_labels=3).id2label == TheirConfig(num_labels=3).id2label
        assert VideoMAEConfig(num_labels=0).id2label == {}

    def test_names_tell_the_number(self) -> None:
        config = VideoMAEConfig(id2label={"0": "sitting", "1": "standing", "2": "lying"})
        assert config.num_labels == 3
        assert config.label2id["lying"] == 2
        config.num_labels = 3
        assert config.id2label[0] == "sitting"
        config.num_labels = 1
        assert config.id2label == {0: "LABEL_0"}

    def test_names_and_another_number_contradict_each_other(self) -> None:
        with pytest.raises(CheckpointError, match=r"names 3 labels.*num_labels says 5"):
            VideoMAEConfig(id2label={0: "a", 1: "b", 2: "c"}, num_labels=5)
        with pytest.raises(CheckpointError, match="give one of the two"):
            VideoMAEConfig.from_dict({}, id2label={0: "a"}, num_labels=5)

    def test_a_copy_keeps_the_names(self) -> None:
        config = VideoMAEConfig(id2label={0: "a", 1: "b", 2: "c"})
        assert dataclasses.replace(config, patch_size=8).id2label == config.id2label
        assert copy.deepcopy(config) == config

    def test_a_changed_number_drops_the_names_of_the_file(self) -> None:
        values = {"id2label": {"0": "a", "1": "b"}}
        assert VideoMAEConfig.from_dict(values, num_labels=2).id2label == {0: "a", 1: "b"}
        assert VideoMAEConfig.from_dict(values, num_labels=3).num_labels == 3
        changed = VideoMAEConfig.from_dict(values, id2label={0: "x"}, label2id={"x": 0})
        assert changed.id2label == {0: "x"}

    def test_in_a_file_names_decide_over_a_number(self) -> None:
        values = {"id2label": {"0": "a"}, "num_labels": 7}
        assert VideoMAEConfig.from_dict(values).id2label == {0: "a"}
        assert VideoMAEConfig.from_dict({"id2label": None, "num_labels": 7}).num_labels == 7


class TestRefusals:
    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"image_size": 225}, "image_size 225 is not a multiple of its patch_size 16"),
            ({"image_size": (224, 100)}, "image_size 100 is not a multiple"),
            ({"num_frames": 15}, "num_frames 15 is not a multiple of its tubelet_size 2"),
            ({"image_size": 0}, "image_size is 0"),
            ({"image_size": (224,)}, "image_size is"),
            ({"image_size": 224.0}, "image_size is 224.0"),
            ({"patch_size": (16, 8)}, "only square patches"),
            ({"patch_size": None}, "patch_size is None"),
            ({"num_channels": 0}, "num_channels is 0; it must be a whole number from 1"),
            ({"hidden_size": "768"}, "hidden_size is '768'"),
            ({"num_hidden_layers": -1}, "num_hidden_layers is -1.*from 0 to 128"),
            ({"hidden_act": "relu"}, "activation 'relu'"),
            ({"problem_type": "guessing"}, "problem_type is 'guessing'; it must be one of"),
            ({"id2label": {0: "a", 2: "b"}}, "without gaps"),
            ({"id2label": {"a": "b"}}, "id2label must have numbers for keys"),
            ({"id2label": {"0": "a", "00": "b"}}, "id2label must count 0 to 1 without gaps"),
            ({"id2label": {"0": "\x1b[31m"}}, r"names a label '\\x1b\[31m'; .* controls a term"),
            ({"id2label": {"0": "two\nlines"}}, r"none of which controls a terminal"),
            ({"layer_norm_eps": "1e-12"}, "layer_norm_eps is '1e-12'; it must be a number"),
            ({"layer_norm_eps": None}, "layer_norm_eps is None"),
            ({"hidden_dropout_prob": 2}, "hidden_dropout_prob is 2; .* from 0 to 1"),
            ({"initializer_range": float("nan")}, "initializer_range is nan"),
            ({"use_mean_pooling": "false"}, "use_mean_pooling is 'false'; .* true or false"),
            ({"qkv_bias": 1}, "qkv_bias is 1"),
        ],
    )
    def test_what_can_not_be(self, fields: dict[str, object], message: str) -> None:
        with pytest.raises(CheckpointError, match=message):
            VideoMAEConfig(**fields)
        with pytest.raises(CheckpointError, match=message):
            VideoMAEConfig.from_dict(fields)

    def test_an_override_that_is_no_field(self) -> None:
        with pytest.raises(RequestError, match="has no patch_sise, torch_dtype"):
            VideoMAEConfig.from_dict({}, patch_sise=8, torch_dtype="auto")

    def test_another_kind_of_model(self) -> None:
        with pytest.raises(CheckpointError, match="of a 'vit' model"):
            VideoMAEConfig.from_dict({"model_type": "vit"})

    def test_a_field_of_the_wrong_kind(self) -> None:
        with pytest.raises(CheckpointError, match="wrong kind"):
            VideoMAEConfig.from_dict({"id2label": ["a", "b"]})

    @pytest.mark.parametrize("content", [None, "{", "[]"])
    def test_a_file_that_is_none(self, tmp_path: Path, content: str | None) -> None:
        path = tmp_path / "config.json"
        if content is not None:
            path.write_text(content)
        with pytest.raises(CheckpointError, match=r"config\.json"):
            VideoMAEConfig.from_json_file(path)


class TestFiles:
    def test_what_is_written_is_read_again(self, tmp_path: Path) -> None:
        config = VideoMAEConfig(
            image_size=(32, 64),
            id2label={0: "Pushing [something]", 1: "ça va"},
            problem_type="regression",
            return_dict=False,
            extra={"architectures": ["VideoMAEModel"], "mine": {"a": 1}},
        )
        path = config.save_pretrained(tmp_path / "made")
        assert VideoMAEConfig.from_json_file(path) == config
        written = json.loads(path.read_text())
        assert written["model_type"] == "videomae"
        assert written["label2id"] == {"Pushing [something]": 0, "ça va": 1}
        assert written["mine"] == {"a": 1}
        assert not {"extra", "num_labels", "use_return_dict"} & written.keys()

    def test_the_installed_release_reads_it(self, tmp_path: Path) -> None:
        labels = {0: "a", 1: "b", 2: "c"}
        config = VideoMAEConfig(image_size=(32, 64), qkv_bias=False, id2label=labels)
        config.save_pretrained(tmp_path)
        theirs = TheirConfig.from_pretrained(tmp_path)
        assert list(theirs.image_size) == [32, 64]
        assert theirs.qv_bias is False
        assert theirs.id2label == labels
        assert theirs.return_dict is True
        same = DEFAULTS.keys() - {"image_size", "qkv_bias"}
        assert {n: getattr(theirs, n) for n in same} == {n: getattr(config, n) for n in same}

    def test_what_the_installed_release_writes_is_read(self, tmp_path: Path) -> None:
        theirs = TheirConfig(image_size=[32, 64], qv_bias=False, num_labels=5)
        theirs.save_pretrained(tmp_path)
        config = VideoMAEConfig.from_json_file(tmp_path / "config.json", norm_pix_loss=False)
        assert config.frame_size == (32, 64)
        assert config.qkv_bias is False
        assert config.num_labels == 5
        assert config.norm_pix_loss is False
        assert "qv_bias" not in config.to_dict()
