"""The three models: every number that of transformers 4.37.2 (stored) and 5.23 (live)."""

from __future__ import annotations

import inspect
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import transformers
from model_cases import (
    CASES,
    CLASSIFIER,
    DECODER,
    ENCODER,
    SHAPE,
    TOLERANCE,
    TOLERANCE_FLOAT64,
    count_tokens,
    fill,
    make_inputs,
    make_mask,
    make_pixels,
    measure,
    sample,
    worst,
)
from tiny import blocks_of
from torch import Tensor

import videomae_demo
from videomae_demo.config import VideoMAEConfig
from videomae_demo.errors import CheckpointError, RequestError
from videomae_demo.model import layers
from videomae_demo.model.patches import select_tokens, sincos_positions
from videomae_demo.model.pretrained import PretrainedModel
from videomae_demo.model.videomae import IMAGENET_MEAN, IMAGENET_STD

GOLDEN = np.load(Path(__file__).parent / "golden" / "models.npz")
TOKENS = count_tokens(SHAPE)


def make(model: str, **changes: Any) -> Any:
    made: PretrainedModel = getattr(videomae_demo, model)(VideoMAEConfig(**SHAPE | changes))
    fill(made)
    return made.eval()


def golden(name: str) -> dict[str, tuple[list[int], Tensor]]:
    """Return each tensor's shape and sampled values, as 4.37.2 computed them."""
    shapes = json.loads(str(GOLDEN[f"{name}|shapes"]))
    lengths = [len(sample(key, torch.empty(shape))) for key, shape in shapes.items()]
    values = torch.from_numpy(GOLDEN[f"{name}|values"]).split(lengths)
    return {key: (shapes[key], part) for key, part in zip(shapes, values, strict=True)}


class TestAgainst437:
    @pytest.mark.parametrize("name", CASES)
    def test_every_output_and_gradient(self, name: str) -> None:
        case = CASES[name]
        found = measure(make(case.model, **case.config), case)
        wanted = golden(name)
        assert list(found) == list(wanted)
        for key, (shape, values) in wanted.items():
            assert list(found[key].shape) == shape, key
            assert worst(sample(key, found[key]), values) < TOLERANCE_FLOAT64, key

    @torch.no_grad()
    @pytest.mark.parametrize("name", CASES)
    @pytest.mark.parametrize("attentions", [True, False])
    def test_every_output_in_float32(self, name: str, attentions: bool) -> None:
        """Without attentions, torch's fused kernel does the work."""
        case = CASES[name]
        output = make(case.model, **case.config)(
            **make_inputs(case),
            output_attentions=attentions,
            output_hidden_states=attentions,
            return_dict=False,
        )
        tensors = [
            tensor
            for value in output
            for tensor in (value if isinstance(value, tuple) else (value,))
        ]
        wanted = [facts for key, facts in golden(name).items() if not key.startswith("gradient")]
        assert not attentions or len(tensors) == len(wanted)
        for tensor, (shape, values) in zip(tensors, wanted, strict=False):
            assert list(tensor.shape) == shape
            assert tensor.dtype == torch.float32
            assert worst(sample("", tensor), values) < TOLERANCE

    def test_the_cases_cover_what_they_should(self) -> None:
        fields = [case.fields for case in CASES.values()]
        defaults = {"qkv_bias": True, "use_mean_pooling": True, "norm_pix_loss": True}
        for name in ("patch_size", "tubelet_size", "num_channels", *defaults):
            assert len({field.get(name, defaults.get(name)) for field in fields}) > 1, name
        assert {case.head_mask for case in CASES.values()} == {"", "heads", "layers"}
        assert {c.labels for c in CASES.values()} == {"", "single", "multi", "regression"}


def make_theirs(model: str, ours: PretrainedModel, fields: dict[str, Any]) -> torch.nn.Module:
    """Build the installed release's model with our weights, in its own names."""
    config = transformers.VideoMAEConfig(**fields)
    theirs = getattr(transformers, model)._from_config(config, attn_implementation="eager")
    state = {
        name.replace(".q_bias", ".query.bias").replace(".v_bias", ".value.bias"): tensor
        for name, tensor in ours.state_dict().items()
    }
    theirs.load_state_dict(state)
    return theirs.eval()


GRID = list(itertools.product((8, 16), (2, 4), (1, 3, 4)))


class TestAgainstTheInstalledRelease:
    @pytest.mark.parametrize("model", [ENCODER, DECODER, CLASSIFIER])
    @pytest.mark.parametrize(("patch", "tubelet", "channels"), GRID)
    def test_every_output_and_gradient(
        self, model: str, patch: int, tubelet: int, channels: int
    ) -> None:
        index = GRID.index((patch, tubelet, channels))
        fields: dict[str, Any] = SHAPE | {
            "patch_size": patch,
            "tubelet_size": tubelet,
            "num_channels": channels,
            "num_frames": 8,
            "image_size": 32 if index % 5 == 0 else (32, 48),
            "qkv_bias": index % 4 != 1,
            "use_mean_pooling": index % 2 == 0,
            "norm_pix_loss": channels != 3 or index % 2 == 0,
            "num_labels": 4,
        }
        ours = make(model, **fields)
        theirs = make_theirs(model, ours, fields)
        inputs: dict[str, Any] = {}
        if model == CLASSIFIER:
            inputs["labels"] = torch.tensor([3, 1])
        elif model == DECODER or index % 3:
            inputs["bool_masked_pos"] = make_mask(count_tokens(fields), 1 + index % 3)
        for dtype, tolerance in ((torch.float32, TOLERANCE), (torch.float64, TOLERANCE_FLOAT64)):
            outputs, pixel_gradients = [], []
            for net in (ours.to(dtype), theirs.to(dtype)):
                net.zero_grad()
                inputs["pixel_values"] = make_pixels(fields).to(dtype).requires_grad_()
                output = net(**inputs, output_attentions=True, output_hidden_states=True)
                (output[0] if output[0].ndim == 0 else output[0].square().mean()).backward()
                outputs.append(output)
                pixel_gradients.append(inputs["pixel_values"].grad)
            self.compare(*outputs, tolerance)
        assert worst(*pixel_gradients) < TOLERANCE_FLOAT64
        for weight, gradient in zip(
            ours.parameters(), self.in_our_order(ours, theirs), strict=True
        ):
            assert worst(weight.grad, gradient) < TOLERANCE_FLOAT64

    @staticmethod
    def compare(ours: Any, theirs: Any, tolerance: float) -> None:
        assert list(ours) == list(theirs)
        for key in ours:
            mine, other = (
                value if isinstance(value, tuple) else (value,)
                for value in (ours[key], theirs[key])
            )
            for first, second in zip(mine, other, strict=True):
                assert first.shape == second.shape
                assert worst(first, second) < tolerance, key

    @staticmethod
    def in_our_order(ours: PretrainedModel, theirs: torch.nn.Module) -> list[Tensor]:
        theirs_by_name = {
            name.replace(".query.bias", ".q_bias").replace(".value.bias", ".v_bias"): weight.grad
            for name, weight in theirs.named_parameters()
        }
        return [theirs_by_name[name] for name, _ in ours.named_parameters()]

    @torch.no_grad()
    @pytest.mark.parametrize(
        ("fields", "labels"),
        [
            ({"num_labels": 1}, torch.tensor([0.5, -2.0])),
            ({"num_labels": 3, "problem_type": "regression"}, torch.randn(2, 3)),
            ({"num_labels": 3}, torch.tensor([2, 0])),
            ({"num_labels": 3}, torch.tensor([2, -100])),
            ({"num_labels": 3}, torch.tensor([[0.0, 1, 1], [1, 0, 0]])),
        ],
    )
    def test_losses(self, fields: dict[str, Any], labels: Tensor) -> None:
        ours = make(CLASSIFIER, **fields)
        theirs = make_theirs(CLASSIFIER, ours, SHAPE | fields)
        pixels = make_pixels(SHAPE)
        found, wanted = (net(pixel_values=pixels, labels=labels).loss for net in (ours, theirs))
        assert worst(found, wanted) < TOLERANCE


def test_the_norms_have_the_epsilons_of_4_37() -> None:
    """The configuration's is for the encoder and the blocks alone; elsewhere it is torch's own."""
    found = {}
    for model in (make(CLASSIFIER), make(DECODER, use_mean_pooling=False)):
        for name, module in model.named_modules():
            if isinstance(module, torch.nn.LayerNorm):
                found[name] = module.eps
    assert {name for name, eps in found.items() if eps == 1e-5} == {"fc_norm", "decoder.norm"}
    assert set(found.values()) == {1e-5, 1e-12}
    assert found["videomae.layernorm"] == 1e-12


# As listed in the seed's text for 4.37.
ARGUMENTS = {
    ENCODER: "pixel_values bool_masked_pos head_mask",
    DECODER: "pixel_values bool_masked_pos head_mask",
    CLASSIFIER: "pixel_values head_mask labels",
}


class TestInterface:
    @pytest.mark.parametrize("model", ARGUMENTS)
    def test_arguments_have_the_names_and_order_of_4_37(self, model: str) -> None:
        parameters = inspect.signature(getattr(videomae_demo, model).forward).parameters.values()
        names = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        common = ["output_attentions", "output_hidden_states", "return_dict"]
        assert names == ["self", *ARGUMENTS[model].split(), *common]

    @torch.no_grad()
    @pytest.mark.parametrize("model", ARGUMENTS)
    def test_the_configuration_says_what_is_returned_unless_the_call_does(self, model: str) -> None:
        inputs: list[Tensor] = [make_pixels(SHAPE)]
        if model == DECODER:
            inputs.append(make_mask(TOKENS, 5))
        plain = make(model)
        assert "attentions" not in plain(*inputs)
        output = plain(*inputs, output_attentions=True, output_hidden_states=True)
        assert len(output.attentions) == 2
        assert len(output.hidden_states) == 3
        wordy = make(model, output_attentions=True, output_hidden_states=True, return_dict=False)
        assert isinstance(wordy(*inputs), tuple)
        assert isinstance(wordy(*inputs)[-1], tuple)
        again = wordy(*inputs, return_dict=True, output_attentions=False)
        assert again.attentions is None
        assert len(again.hidden_states) == 3

    def test_a_call_changes_neither_model_nor_configuration(self) -> None:
        model = make(CLASSIFIER, num_labels=3)
        pixels, before = make_pixels(SHAPE), dict(vars(model.config))
        attributes = set(vars(model.videomae.encoder.layer[0].attention.attention))
        single = model(pixels, labels=torch.tensor([0, 1]), output_attentions=True).loss
        multi = model(pixels, labels=torch.ones(2, 3), observer=lambda *_: None).loss
        assert single != multi
        assert vars(model.config) == before
        assert set(vars(model.videomae.encoder.layer[0].attention.attention)) == attributes

    def test_dropout_acts_in_training_only(self) -> None:
        model = make(ENCODER, hidden_dropout_prob=0.5, attention_probs_dropout_prob=0.5)
        pixels = make_pixels(SHAPE)
        assert torch.equal(model(pixels)[0], model(pixels)[0])
        model.train()
        assert not torch.equal(model(pixels)[0], model(pixels)[0])


class TestClassifierHead:
    @torch.no_grad()
    def test_it_reads_the_mean_or_the_first_token(self) -> None:
        pixels = make_pixels(SHAPE)
        pooled = make(CLASSIFIER)
        encoded = pooled.videomae(pixels).last_hidden_state
        mean = F.layer_norm(
            encoded.mean(1), (12,), pooled.fc_norm.weight, pooled.fc_norm.bias, eps=1e-5
        )
        torch.testing.assert_close(pooled(pixels).logits, pooled.classifier(mean))
        first = make(CLASSIFIER, use_mean_pooling=False)
        encoded = first.videomae(pixels).last_hidden_state
        torch.testing.assert_close(first(pixels).logits, first.classifier(encoded[:, 0]))
        assert first.fc_norm is None

    @torch.no_grad()
    def test_tokens_may_be_left_out(self) -> None:
        model, pixels, mask = make(CLASSIFIER), make_pixels(SHAPE), make_mask(TOKENS, 5)
        encoded = model.videomae(pixels, mask).last_hidden_state
        assert encoded.shape[1] == TOKENS - 5
        wanted = model.classifier(model.fc_norm(encoded.mean(1)))
        torch.testing.assert_close(model(pixels, bool_masked_pos=mask).logits, wanted)
        nothing = torch.zeros(2, TOKENS, dtype=torch.bool)
        torch.testing.assert_close(model(pixels, bool_masked_pos=nothing).logits, model(pixels)[0])

    @torch.no_grad()
    def test_without_labels_it_returns_what_the_head_reads(self) -> None:
        assert make(CLASSIFIER, num_labels=0)(make_pixels(SHAPE)).logits.shape == (2, 12)

    @pytest.mark.parametrize(
        ("fields", "labels", "message"),
        [
            ({"num_labels": 3}, torch.tensor([0, 3]), r"labels holds \[3\]; give 0 to 2"),
            ({"num_labels": 3}, torch.tensor([-1, 0]), r"labels holds \[-1\]"),
            ({"num_labels": 3}, torch.tensor([0]), r"shape \(1,\).*single_label.*give \(2,\)"),
            ({"num_labels": 3}, torch.zeros(2), r"multi_label.* with 3 labels give \(2, 3\)"),
            ({"num_labels": 1}, torch.zeros(2, 2), r"regression with 1 labels give \(2,\)"),
            (
                {"num_labels": 3, "problem_type": "regression"},
                torch.zeros(2, 1),
                r"give \(2, 3\)",
            ),
        ],
    )
    def test_labels_that_do_not_fit_are_refused(
        self, fields: dict[str, Any], labels: Tensor, message: str
    ) -> None:
        with pytest.raises(RequestError, match=message):
            make(CLASSIFIER, **fields)(make_pixels(SHAPE), labels=labels)

    def test_labels_of_other_integer_types_count_as_what_they_are(self) -> None:
        model, pixels = make(CLASSIFIER, num_labels=3), make_pixels(SHAPE)
        long, short = torch.tensor([2, 0]), torch.tensor([2, 0], dtype=torch.int32)
        assert torch.equal(model(pixels, labels=long).loss, model(pixels, labels=short).loss)
        model.config.problem_type = "multi_label_classification"
        several = torch.tensor([[0, 1, 1], [1, 0, 0]])
        loss = model(pixels, labels=several).loss
        assert torch.equal(loss, model(pixels, labels=several.float()).loss)


class TestPretraining:
    @torch.no_grad()
    @pytest.mark.parametrize("norm_pix_loss", [True, False])
    def test_targets_are_those_of_the_formula(self, norm_pix_loss: bool) -> None:
        """By hand, in numpy: a token's pixels in 0..1, normalised per channel."""
        model = make(DECODER, norm_pix_loss=norm_pix_loss)
        pixels = make_pixels(SHAPE)
        found = model.targets(pixels)
        clip = pixels.double().numpy() * np.array(IMAGENET_STD)[:, None, None]
        clip += np.array(IMAGENET_MEAN)[:, None, None]
        np.testing.assert_allclose(model.to_pixels(pixels), clip, rtol=1e-4, atol=1e-6)
        token = clip[1, 2:4, :, 8:16, 16:24]  # time 1, row 1, column 2 of the grid (2, 2, 3)
        values = token.transpose(0, 2, 3, 1).reshape(-1, 3)
        if norm_pix_loss:
            values = (values - values.mean(0)) / (values.std(0, ddof=1) + 1e-6)
        np.testing.assert_allclose(found[1, 11], values.reshape(-1), rtol=1e-4, atol=1e-5)

    @torch.no_grad()
    def test_other_than_three_channels_are_predicted_as_they_are(self) -> None:
        model = make(DECODER, num_channels=1, norm_pix_loss=False)
        pixels = make_pixels(model.config.to_dict())
        assert model.to_pixels(pixels) is pixels
        mask = make_mask(TOKENS, 5)
        output = model(pixels, mask)
        wanted = select_tokens(model.targets(pixels), mask)
        torch.testing.assert_close(output.loss, (output.logits - wanted).square().mean())

    @torch.no_grad()
    def test_a_part_of_the_hidden_tokens_can_be_decoded(self) -> None:
        model, pixels, mask = make(DECODER), make_pixels(SHAPE), make_mask(TOKENS, 7)
        whole = model(pixels, mask)
        assert torch.equal(model(pixels, mask, bool_decoded_pos=mask).logits, whole.logits)
        decoded = make_mask(TOKENS, 3)  # of the same order, so a part of the seven
        output = model(pixels, mask, bool_decoded_pos=decoded)
        assert output.logits.shape == (2, 3, 2 * 8 * 8 * 3)
        visible = model.encoder_to_decoder(model.videomae(pixels, mask).last_hidden_state)
        positions = sincos_positions(TOKENS, 8).expand(2, -1, -1)
        first = visible + positions[~mask].reshape(2, -1, 8)
        second = model.mask_token + positions[decoded].reshape(2, -1, 8)
        pixels_of_last = model.decoder(torch.cat([first, second], 1), 3)
        torch.testing.assert_close(output.logits, pixels_of_last)
        wanted = select_tokens(model.targets(pixels), decoded)
        torch.testing.assert_close(output.loss, F.mse_loss(output.logits, wanted))

    @torch.no_grad()
    def test_the_order_of_clips_does_not_matter(self) -> None:
        model, pixels, mask = make(DECODER), make_pixels(SHAPE), make_mask(TOKENS, 7)
        swapped = model(pixels.flip(0), mask.flip(0)).logits
        torch.testing.assert_close(swapped.flip(0), model(pixels, mask).logits)


class Recorder:
    """An observer that keeps copies and puts each layer's rows together."""

    def __init__(self) -> None:
        self.blocks: dict[int, list[Tensor]] = {}

    def __call__(self, layer: int, rows: slice, probabilities: Tensor, /) -> None:
        blocks = self.blocks.setdefault(layer, [])
        assert rows.start == sum(block.shape[2] for block in blocks)
        assert rows.stop - rows.start == probabilities.shape[2]
        blocks.append(probabilities.clone())

    @property
    def attentions(self) -> list[Tensor]:
        return [torch.cat(self.blocks[layer], dim=2) for layer in sorted(self.blocks)]


class TestObserver:
    @torch.no_grad()
    @pytest.mark.parametrize("model", [ENCODER, CLASSIFIER])
    @pytest.mark.parametrize("hidden", [0, 5])
    def test_it_sees_what_output_attentions_returns(
        self, model: str, hidden: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(layers, "working_sizes", blocks_of(4 * 2 * 3 * (TOKENS - hidden) * 4))
        net, recorder = make(model).double(), Recorder()
        inputs: dict[str, Tensor] = {"pixel_values": make_pixels(SHAPE).double()}
        if hidden:
            inputs["bool_masked_pos"] = make_mask(TOKENS, hidden)
        eager = net(**inputs, output_attentions=True)
        observed = net(**inputs, output_hidden_states=True, observer=recorder)
        assert len(recorder.attentions) == len(eager.attentions) == 2
        for mine, wanted in zip(recorder.attentions, eager.attentions, strict=True):
            assert mine.shape == wanted.shape
            assert worst(mine, wanted) < 1e-12
        assert {b.shape[2] for b in recorder.blocks[0]} <= {4, (TOKENS - hidden) % 4}
        assert worst(observed[0], eager[0]) < 1e-12
        again = Recorder()
        encoder = net if model == ENCODER else net.videomae
        for layer, state in enumerate(observed.hidden_states[:-1]):
            encoder.observe_layer(layer, state, again)
        for mine, wanted in zip(again.attentions, eager.attentions, strict=True):
            assert worst(mine, wanted) < 1e-12

    @pytest.mark.parametrize(
        "arguments", [{"output_attentions": True}, {"head_mask": torch.ones(3)}]
    )
    def test_it_is_refused_together_with(self, arguments: dict[str, Any]) -> None:
        with pytest.raises(RequestError, match="without output_attentions and head_mask"):
            make(CLASSIFIER)(make_pixels(SHAPE), observer=Recorder(), **arguments)

    def test_it_is_refused_in_training(self) -> None:
        with pytest.raises(RequestError, match="works in eval mode"):
            make(ENCODER).train()(make_pixels(SHAPE), observer=Recorder())


class TestRefusals:
    """Where transformers fails obscurely, or passes in silence, a sentence."""

    @pytest.mark.parametrize("model", [ENCODER, DECODER, CLASSIFIER])
    @pytest.mark.parametrize(
        "shape", [(2, 2, 3, 16, 24), (2, 4, 1, 16, 24), (2, 4, 3, 24, 16), (4, 3, 16, 24)]
    )
    def test_clips_of_another_shape(self, model: str, shape: tuple[int, ...]) -> None:
        arguments = {"bool_masked_pos": make_mask(TOKENS, 3)} if model == DECODER else {}
        with pytest.raises(RequestError, match=r"takes \(clips.*\(any, 4, 3, 16, 24\)"):
            make(model)(torch.zeros(shape), **arguments)

    def test_clips_of_another_type(self) -> None:
        pixels = make_pixels(SHAPE)
        with pytest.raises(RequestError, match=r"of type torch.uint8; give normalised floats"):
            make(ENCODER)(pixels.to(torch.uint8))
        with pytest.raises(RequestError, match=r"float64, the model's weights of torch.float32"):
            make(ENCODER)(pixels.double())
        assert make(ENCODER).double()(pixels.double())[0].dtype == torch.float64
        with torch.autocast("cpu", torch.bfloat16):
            make(ENCODER)(pixels)
            make(ENCODER)(pixels.bfloat16())

    @pytest.mark.parametrize("model", [ENCODER, DECODER, CLASSIFIER])
    @pytest.mark.parametrize(
        ("mask", "message"),
        [
            (make_mask(TOKENS, 3).long(), r"bool_masked_pos is of type torch.int64; give a bool"),
            (make_mask(TOKENS, 3)[:1], r"2 clips of 12 tokens need \(2, 12\)"),
            (make_mask(TOKENS, 3)[0], r"has the shape \(12,\)"),
            (make_mask(TOKENS + 1, 3), r"has the shape \(2, 13\)"),
            (torch.arange(24).view(2, 12) < 3, r"different numbers.*\[3, 0\]"),
            (torch.ones(2, 12, dtype=torch.bool), "hides every token; leave at least one"),
        ],
    )
    def test_masks(self, model: str, mask: Tensor, message: str) -> None:
        with pytest.raises(RequestError, match=message):
            make(model)(make_pixels(SHAPE), bool_masked_pos=mask)

    def test_masks_of_pretraining(self) -> None:
        model, pixels, mask = make(DECODER), make_pixels(SHAPE), make_mask(TOKENS, 3)
        none = torch.zeros_like(mask)
        for arguments, message in (
            ({}, "needs bool_masked_pos"),
            ({"bool_masked_pos": none}, "bool_masked_pos marks no token"),
            ({"bool_masked_pos": mask, "bool_decoded_pos": none}, "bool_decoded_pos marks no"),
            ({"bool_masked_pos": mask, "bool_decoded_pos": ~mask}, "names visible tokens"),
            ({"bool_masked_pos": mask, "bool_decoded_pos": mask.float()}, "float32; give a bool"),
        ):
            with pytest.raises(RequestError, match=message):
                model(pixels, **arguments)

    @pytest.mark.parametrize("shape", [(2,), (3, 2), (1, 3), (2, 2, 3), ()])
    def test_head_masks(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(RequestError, match=r"head_mask has the shape.*give \(3,\) or \(2, 3\)"):
            make(ENCODER)(make_pixels(SHAPE), head_mask=torch.ones(shape))

    @torch.no_grad()
    def test_head_masks_may_be_of_any_type(self) -> None:
        model, pixels = make(ENCODER), make_pixels(SHAPE)
        keep = torch.tensor([True, False, True])
        wanted = model(pixels, head_mask=keep.float())[0]
        assert torch.equal(model(pixels, head_mask=keep)[0], wanted)
        assert torch.equal(model(pixels, head_mask=keep.double())[0], wanted)

    def test_a_classifier_without_pixels(self) -> None:
        with pytest.raises(RequestError, match="needs pixel_values"):
            make(CLASSIFIER)()

    def test_heads_that_do_not_divide_the_width(self) -> None:
        with pytest.raises(CheckpointError, match="width of 12 can't be shared among 5"):
            make(ENCODER, num_attention_heads=5)
        with pytest.raises(CheckpointError, match="width of 8 can't be shared among 3"):
            make(DECODER, decoder_num_attention_heads=3)
        make(CLASSIFIER, decoder_num_attention_heads=3)  # which it does not have


# As published: dimension, depth, heads, MLP, patch, millions of parameters of the encoder.
SIZES = {
    "small": (384, 12, 6, 1536, 16, 21.9),
    "base": (768, 12, 12, 3072, 16, 86.2),
    "large": (1024, 24, 16, 4096, 16, 303.9),
    "huge": (1280, 32, 16, 5120, 16, 631.6),
    "giant": (1408, 40, 16, 6144, 14, 1011.6),
}
# Dimension, heads, depth, MLP of the decoders; in the giant one, too, the MLP is 48/11 as wide.
DECODERS = {
    "small": (192, 3, 12, 768),
    "base": (384, 6, 4, 1536),
    "large": (512, 8, 12, 2048),
    "huge": (640, 8, 12, 2560),
    "giant": (512, 8, 4, 2234),
}


@pytest.mark.parametrize("size", SIZES)
def test_every_published_size_builds(size: str) -> None:
    width, depth, heads, inner, patch, millions = SIZES[size]
    decoder_width, decoder_heads, decoder_depth, decoder_inner = DECODERS[size]
    config = VideoMAEConfig(
        patch_size=patch,
        hidden_size=width,
        num_hidden_layers=depth,
        num_attention_heads=heads,
        intermediate_size=inner,
        decoder_hidden_size=decoder_width,
        decoder_num_attention_heads=decoder_heads,
        decoder_num_hidden_layers=decoder_depth,
        decoder_intermediate_size=decoder_inner,
        num_labels=400,
    )

    def build(model: str) -> tuple[Any, int]:
        with torch.device("meta"):
            made = getattr(videomae_demo, model)(config)
        return made, sum(weight.numel() for weight in made.parameters())

    encoder, count = build(ENCODER)
    assert count / 1e6 == pytest.approx(millions, abs=0.06)
    assert encoder.embeddings.position_embeddings.shape == (1, config.grid.tokens, width)
    assert encoder.embeddings.position_embeddings.device.type == "cpu"
    assert build(CLASSIFIER)[1] == count + 400 * (width + 1) + 2 * width
    decoder, whole = build(DECODER)
    assert decoder.position_embeddings.device.type == "cpu"
    layer = 4 * decoder_width**2 + 2 * decoder_width * decoder_inner  # matrices
    layer += 8 * decoder_width + decoder_inner  # biases of q, v, output, MLP; two norms
    values = config.token_values
    ends = width * decoder_width + decoder_width + 2 * decoder_width + (decoder_width + 1) * values
    assert whole == count + decoder_depth * layer + ends
