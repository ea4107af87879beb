"""Files of the original code and of VideoMAE V2, against networks written after the originals."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from model_cases import CLASSIFIER, DECODER, ENCODER, TOLERANCE, fill, make_mask, make_pixels, worst
from original_network import EPS, OriginalEncoder, OriginalPretraining
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import videomae_demo
from videomae_demo.config import VideoMAEConfig
from videomae_demo.errors import CheckpointError
from videomae_demo.model.pretrained import PretrainedModel

CLIP = {"image_size": 32, "num_frames": 4, "num_channels": 3}
TOKENS = 2 * 4 * 4
SIZE = {"image_size": 32, "num_frames": 4, "num_attention_heads": 3}
DECODER_HEADS = {"decoder_num_attention_heads": 2}


def class_of(model: str) -> type[PretrainedModel]:
    found: type[PretrainedModel] = getattr(videomae_demo, model)
    return found


def clips(image_size: int = 32) -> Tensor:
    return make_pixels(CLIP | {"image_size": image_size})


def original(network: nn.Module) -> nn.Module:
    fill(network)
    return network.eval()


def save(network: nn.Module, path: Path, key: str | None = "model") -> Path:
    state = network.state_dict()
    args = Namespace(lr=1e-3, model="vit")
    torch.save(state if key is None else {key: state, "epoch": 3, "args": args}, path)
    return path


@torch.no_grad()
def logits_of(model: nn.Module, **inputs: Tensor) -> Tensor:
    found: Tensor = model(**inputs).logits
    return found


class TestFineTuned:
    @pytest.mark.parametrize("key", ["model", "module", None])
    @pytest.mark.parametrize("pooled", [True, False])
    @pytest.mark.parametrize("shape", [{}, {"patch": 16, "tubelet": 4, "bias": False, "depth": 3}])
    @torch.no_grad()
    def test_logits_are_the_originals(
        self, key: str | None, pooled: bool, shape: dict[str, Any], tmp_path: Path
    ) -> None:
        network = original(OriginalEncoder(labels=5, pooled=pooled, **shape))
        path = save(network, tmp_path / "checkpoint.pth", key)
        model = class_of(CLASSIFIER).from_pretrained(path, **SIZE)
        assert model.config.use_mean_pooling is pooled
        assert model.load_report is not None
        assert (model.load_report.fresh, model.load_report.unused) == ((), ())
        wanted = network(clips().transpose(1, 2))
        assert worst(logits_of(model, pixel_values=clips()), wanted) < TOLERANCE

    @torch.no_grad()
    def test_what_is_left_is_the_epsilon_before_the_head(self, tmp_path: Path) -> None:
        network = original(OriginalEncoder(labels=5))
        for name, weight in network.named_parameters():
            if "proj" in name or "fc2" in name:
                weight.mul_(0.01)  # small tokens, beside which an epsilon is large
        model = class_of(CLASSIFIER).from_pretrained(save(network, tmp_path / "a.pth"), **SIZE)
        network, model, clip = network.double(), model.double(), clips().double()
        pixels = clip.transpose(1, 2)
        features = network.tokens(pixels).mean(1)
        shrunk = 4.5e-6 / features.var(1, correction=0, keepdim=True)
        difference = worst(logits_of(model, pixel_values=clip), network(pixels))
        model.fc_norm.eps = EPS  # type: ignore[union-attr]
        rest = worst(logits_of(model, pixel_values=clip), network(pixels))
        assert rest < 1e-7 < difference < 2 * shrunk.max()

    def test_no_weight_is_copied(self, tmp_path: Path) -> None:
        path = save(original(OriginalEncoder(labels=5)), tmp_path / "a.pth")
        model = class_of(CLASSIFIER).from_pretrained(path, **SIZE)
        storages = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
        names = OriginalEncoder(labels=5).state_dict()
        assert len(storages) == len(names) < len(list(model.parameters()))

    def test_precision_on_disk_may_be_half(self, tmp_path: Path) -> None:
        network = original(OriginalEncoder(labels=5)).half()
        model = class_of(CLASSIFIER).from_pretrained(save(network, tmp_path / "a.pth"), **SIZE)
        assert {weight.dtype for weight in model.parameters()} == {torch.float32}
        wanted = network.float()(clips().transpose(1, 2))
        assert worst(logits_of(model, pixel_values=clips()), wanted) < TOLERANCE


class TestPretraining:
    @torch.no_grad()
    def test_predictions_are_the_originals(self, tmp_path: Path) -> None:
        network = original(OriginalPretraining())
        path = save(network, tmp_path / "checkpoint-799.pth")
        model = class_of(DECODER).from_pretrained(path, **SIZE, **DECODER_HEADS)
        hidden = make_mask(TOKENS, 20)
        found = logits_of(model, pixel_values=clips(), bool_masked_pos=hidden)
        assert worst(found, network(clips().transpose(1, 2), hidden)) < TOLERANCE

    @torch.no_grad()
    def test_a_part_of_the_hidden_tokens_as_in_v2(self, tmp_path: Path) -> None:
        network = original(OriginalPretraining())
        path = save(network, tmp_path / "a.pth", "module")
        model = class_of(DECODER).from_pretrained(path, **SIZE, **DECODER_HEADS)
        hidden = make_mask(TOKENS, 20)
        decoded = hidden & (hidden.cumsum(1) <= 9)
        found = logits_of(
            model, pixel_values=clips(), bool_masked_pos=hidden, bool_decoded_pos=decoded
        )
        assert found.shape[1] == 9
        assert worst(found, network(clips().transpose(1, 2), hidden, decoded)) < TOLERANCE

    @torch.no_grad()
    def test_the_encoder_alone(self, tmp_path: Path) -> None:
        network = original(OriginalPretraining())
        path = save(network, tmp_path / "a.pth")
        encoder = class_of(ENCODER).from_pretrained(path, **SIZE)
        found = encoder(clips()).last_hidden_state
        assert worst(found, network.encoder.tokens(clips().transpose(1, 2))) < TOLERANCE
        encoder.save_pretrained(tmp_path)
        again = class_of(ENCODER).from_pretrained(tmp_path)
        assert worst(again(clips()).last_hidden_state, found) < TOLERANCE

    def test_a_classifier_from_it_is_fresh(self, tmp_path: Path) -> None:
        path = save(original(OriginalPretraining()), tmp_path / "a.pth")
        model = class_of(CLASSIFIER).from_pretrained(path, **SIZE, num_labels=7)
        assert model.load_report is not None
        assert model.load_report.fresh == ("classifier.weight", "classifier.bias")
        assert model.load_report.notes == ()  # nothing of the decoder, which it does not have


V2_OPTIONS: dict[str, Any] = {
    "img_size": 56,
    "patch_size": 14,
    "in_chans": 3,
    "num_classes": 0,
    "embed_dim": 24,
    "depth": 2,
    "num_heads": 3,
    "mlp_ratio": 48 / 11,
    "qkv_bias": True,
    "qk_scale": None,
    "drop_rate": 0.0,
    "norm_layer": "nn.LayerNorm",
    "layer_norm_eps": 1e-6,
    "init_values": 0.0,
    "use_learnable_pos_emb": False,
    "tubelet_size": 2,
    "use_mean_pooling": True,
    "with_cp": False,
    "num_frames": 4,
    "cos_attn": False,
}
V2_INSIDE = int(24 * 48 / 11)


def save_v2(network: nn.Module, folder: Path, prefix: str = "model.", **options: Any) -> Path:
    folder.mkdir(exist_ok=True)
    save_file(
        {prefix + name: weight for name, weight in network.state_dict().items()},
        folder / "model.safetensors",
    )
    config = {
        "model_type": "VideoMAEv2_Base",
        "architectures": ["VideoMAEv2_Base"],
        "auto_map": {"AutoModel": "modeling_videomaev2.VideoMAEv2"},
        "model_config": V2_OPTIONS | options,
        "transformers_version": "4.38.0",
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def v2_network(**shape: Any) -> OriginalEncoder:
    network = OriginalEncoder(patch=14, inside=V2_INSIDE, labels=0, **shape)
    original(network)
    return network


class TestV2OnTheHub:
    @torch.no_grad()
    def test_the_output_is_the_features_of_the_original(self, tmp_path: Path) -> None:
        network = v2_network()
        model = class_of(CLASSIFIER).from_pretrained(save_v2(network, tmp_path / "v2"))
        assert model.load_report is not None
        assert model.load_report.fresh == model.load_report.unused == model.load_report.notes == ()
        assert model.config.num_labels == 0
        assert "auto_map" not in model.config.to_dict()
        found = logits_of(model, pixel_values=clips(56))
        assert found.shape == (2, 24)
        assert worst(found, network(clips(56).transpose(1, 2))) < TOLERANCE

    @torch.no_grad()
    def test_the_encoder_gives_the_tokens_before_the_mean(self, tmp_path: Path) -> None:
        network = v2_network()
        model = class_of(ENCODER).from_pretrained(save_v2(network, tmp_path / "v2"))
        found = model(clips(56)).last_hidden_state
        assert worst(found, network.tokens(clips(56).transpose(1, 2))) < TOLERANCE

    def test_the_weights_are_known_without_their_configuration(self, tmp_path: Path) -> None:
        folder = save_v2(v2_network(), tmp_path / "v2")
        whole = class_of(CLASSIFIER).from_pretrained(folder)
        size = {"image_size": 56, "num_frames": 4, "num_attention_heads": 3, "num_labels": 0}
        alone = class_of(CLASSIFIER).from_pretrained(folder / "model.safetensors", **size)
        assert alone.config == whole.config
        inputs = {"pixel_values": clips(56)}
        assert worst(logits_of(alone, **inputs), logits_of(whole, **inputs)) < TOLERANCE

    @torch.no_grad()
    def test_features_of_a_file_that_was_pretrained_only(self, tmp_path: Path) -> None:
        network = original(OriginalPretraining(patch=14))
        model = class_of(CLASSIFIER).from_pretrained(save_v2(network, tmp_path / "v2"))
        assert model.load_report is not None
        assert model.load_report.fresh == ("fc_norm.weight", "fc_norm.bias")
        network.encoder.norm = None  # as in the code on the hub, where the mean takes its place
        tokens = network.encoder.tokens(clips(56).transpose(1, 2))
        wanted = nn.functional.layer_norm(tokens.mean(1), (24,), eps=EPS)
        assert worst(logits_of(model, pixel_values=clips(56)), wanted) < TOLERANCE

    @torch.no_grad()
    def test_a_decoder_in_the_same_file_is_used(self, tmp_path: Path) -> None:
        network = original(OriginalPretraining(patch=14))
        save_v2(network, tmp_path / "v2", use_mean_pooling=True)
        model = class_of(DECODER).from_pretrained(
            tmp_path / "v2", use_mean_pooling=False, **DECODER_HEADS
        )
        hidden = make_mask(TOKENS, 20)
        found = logits_of(model, pixel_values=clips(56), bool_masked_pos=hidden)
        assert worst(found, network(clips(56).transpose(1, 2), hidden)) < TOLERANCE

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"cos_attn": True}, r"switches on cos_attn \(True\); that is off"),
            ({"init_values": 0.1}, r"switches on init_values \(0\.1\)"),
            ({"qk_scale": 0.2, "cos_attn": True}, r"cos_attn \(True\), qk_scale \(0\.2\)"),
            ({"use_learnable_pos_emb": True}, "use_learnable_pos_emb"),
            ({"depth": 12}, r"does not fit the weights: depth 12 \(2 in the weights\)"),
            ({"patch_size": 16, "embed_dim": 8}, r"embed_dim 8 \(24 .*patch_size 16 \(14 "),
            ({"num_heads": 5}, "width of 24 can't be shared among 5"),
        ],
    )
    def test_other_options_are_refused_by_name(
        self, options: dict[str, Any], message: str, tmp_path: Path
    ) -> None:
        folder = save_v2(v2_network(), tmp_path / "v2", **options)
        with pytest.raises(CheckpointError, match=message):
            class_of(CLASSIFIER).from_pretrained(folder)

    def test_a_weight_with_and_without_the_prefix(self, tmp_path: Path) -> None:
        folder = save_v2(v2_network(), tmp_path / "v2")
        tensors = load_file(folder / "model.safetensors")
        twice = {"fc_norm.bias": tensors["model.fc_norm.bias"].clone()}
        save_file(tensors | twice, folder / "model.safetensors")
        with pytest.raises(CheckpointError, match=r"hold 'fc_norm\.bias' twice, with and without"):
            class_of(CLASSIFIER).from_pretrained(folder)


class TestWhatAFileDoesNotTell:
    def test_published_sizes_are_taken_and_said(self, tmp_path: Path) -> None:
        path = save(OriginalEncoder(384, 12, 6, 8, 16, labels=400), tmp_path / "a.pth")
        model = class_of(CLASSIFIER).from_pretrained(path)
        config = model.config
        assert (config.image_size, config.num_frames, config.num_attention_heads) == (224, 16, 6)
        assert config.id2label[116] == "eating spaghetti"
        assert config.layer_norm_eps == 1e-6
        assert model.load_report is not None
        assert model.load_report.notes == (
            "The file does not tell all of its model; taken for granted: frames of 224 px, "
            "16 frames a clip, 6 attention heads, the 400 labels of Kinetics-400.",
        )

    def test_what_is_given_is_not_taken_for_granted(self, tmp_path: Path) -> None:
        path = save(OriginalEncoder(labels=5), tmp_path / "a.pth")
        named = {"id2label": dict(enumerate("abcde"))}
        model = class_of(CLASSIFIER).from_pretrained(path, **SIZE, **named)
        assert model.load_report is not None
        assert model.load_report.notes == ()
        assert model.config.id2label[4] == "e"

    def test_labels_of_no_known_set_have_no_names(self, tmp_path: Path) -> None:
        path = save(OriginalEncoder(labels=5), tmp_path / "a.pth")
        model = class_of(CLASSIFIER).from_pretrained(path, **SIZE)
        assert model.config.id2label[4] == "LABEL_4"
        assert model.load_report is not None
        assert model.load_report.notes[0].endswith("taken for granted: 5 labels without names.")

    def test_heads_of_no_published_size_are_asked_for(self, tmp_path: Path) -> None:
        path = save(OriginalPretraining(), tmp_path / "a.pth")
        with pytest.raises(CheckpointError, match=r"do not tell num_attention_heads.*--heads"):
            class_of(ENCODER).from_pretrained(path)
        with pytest.raises(CheckpointError, match=r"do not tell decoder_num_attention_heads"):
            class_of(DECODER).from_pretrained(path, **SIZE)
        config = class_of(DECODER).from_pretrained(path, **SIZE, **DECODER_HEADS).config
        again = class_of(DECODER).from_pretrained(path, config=config)
        assert again.load_report is not None
        assert again.load_report.notes == ()

    def test_weights_in_the_hubs_layout_need_their_configuration(self, tmp_path: Path) -> None:
        class_of(ENCODER)(VideoMAEConfig(**CLIP, hidden_size=12)).save_pretrained(tmp_path)
        with pytest.raises(CheckpointError, match=r"give the folder .* with its config\.json"):
            class_of(ENCODER).from_pretrained(tmp_path / "model.safetensors")

    def test_a_configuration_beside_the_weights_is_believed(self, tmp_path: Path) -> None:
        network = original(OriginalEncoder(labels=5))
        save(network, tmp_path / "pytorch_model.bin", None)
        fields = {"hidden_size": 24, "num_hidden_layers": 2, "intermediate_size": 40}
        config = VideoMAEConfig(**SIZE, **fields, patch_size=8, num_labels=5, layer_norm_eps=1e-6)
        config.save_pretrained(tmp_path)
        model = class_of(CLASSIFIER).from_pretrained(tmp_path)
        assert model.config == config
        wanted = network(clips().transpose(1, 2))
        assert worst(logits_of(model, pixel_values=clips()), wanted) < TOLERANCE


class TestSavedAgain:
    """What was read from a foreign layout and saved is what transformers loads."""

    @pytest.mark.parametrize("name", [CLASSIFIER, DECODER, ENCODER])
    def test_the_installed_release_computes_the_same(self, name: str, tmp_path: Path) -> None:
        network = OriginalPretraining() if name == DECODER else OriginalEncoder(labels=5)
        path = save(original(network), tmp_path / "a.pth")
        given = SIZE | (DECODER_HEADS if name == DECODER else {})
        ours = class_of(name).from_pretrained(path, **given)
        self.compare(ours, name, tmp_path, clips())

    @pytest.mark.parametrize("name", [CLASSIFIER, ENCODER])
    def test_so_does_it_for_v2(self, name: str, tmp_path: Path) -> None:
        ours = class_of(name).from_pretrained(save_v2(v2_network(), tmp_path / "v2"))
        self.compare(ours, name, tmp_path, clips(56))

    @torch.no_grad()
    def compare(self, ours: PretrainedModel, name: str, folder: Path, pixels: Tensor) -> None:
        ours.save_pretrained(folder / "saved")
        theirs, report = getattr(transformers, name).from_pretrained(
            folder / "saved", output_loading_info=True
        )
        assert not any(report.values()), report
        mask = {"bool_masked_pos": make_mask(TOKENS, 20)} if name == DECODER else {}
        field = "last_hidden_state" if name == ENCODER else "logits"
        assert worst(ours(pixels, **mask)[field], theirs(pixels, **mask)[field]) < TOLERANCE
        again = class_of(name).from_pretrained(folder / "saved")
        assert worst(again(pixels, **mask)[field], ours(pixels, **mask)[field]) < TOLERANCE
