"""Loading and saving: lean, complete, and understood by transformers in both directions."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from model_cases import (
    CLASSIFIER,
    DECODER,
    ENCODER,
    SHAPE,
    TOLERANCE,
    count_tokens,
    fill,
    run,
    worst,
)
from safetensors.torch import load_file
from torch import nn

import videomae_demo
from videomae_demo.checkpoints import layouts
from videomae_demo.checkpoints.load import LoadReport
from videomae_demo.checkpoints.read import read_tensors
from videomae_demo.checkpoints.source import locate
from videomae_demo.config import VideoMAEConfig
from videomae_demo.errors import CheckpointError, RequestError
from videomae_demo.model.patches import sincos_positions
from videomae_demo.model.pretrained import PretrainedModel

GOLDEN = Path(__file__).parent / "golden"
LABELS = {0: "eating spaghetti", 1: "deadlifting", 2: "Pushing [something] off of [something]"}


def class_of(model: str) -> type[PretrainedModel]:
    found: type[PretrainedModel] = getattr(videomae_demo, model)
    return found


def make(model: str, **changes: Any) -> PretrainedModel:
    made = class_of(model)(VideoMAEConfig(**SHAPE | changes))
    fill(made)
    return made.eval()


class TestBothWays:
    @pytest.mark.parametrize("model", [ENCODER, DECODER, CLASSIFIER])
    @pytest.mark.parametrize("options", [{}, {"use_mean_pooling": False, "qkv_bias": False}])
    def test_the_installed_release_loads_what_we_save(
        self, model: str, options: dict[str, Any], tmp_path: Path
    ) -> None:
        ours = make(model, id2label=LABELS, **options)
        ours.save_pretrained(tmp_path)
        theirs, report = getattr(transformers, model).from_pretrained(
            tmp_path, output_loading_info=True
        )
        assert not any(report.values()), report
        assert theirs.config.architectures == [model]
        assert theirs.config.id2label == LABELS
        assert theirs.dtype == torch.float32
        assert worst(run(ours), run(theirs)) < TOLERANCE

    @pytest.mark.parametrize("model", [ENCODER, DECODER, CLASSIFIER])
    @pytest.mark.parametrize("options", [{}, {"use_mean_pooling": False, "qv_bias": False}])
    def test_we_load_what_the_installed_release_saves(
        self, model: str, options: dict[str, Any], tmp_path: Path
    ) -> None:
        config = transformers.VideoMAEConfig(**SHAPE, id2label=LABELS, **options)
        theirs = getattr(transformers, model)(config).eval()
        fill(theirs)
        theirs.save_pretrained(tmp_path)
        ours = class_of(model).from_pretrained(tmp_path)
        assert ours.load_report == LoadReport(fresh=(), unused=())
        assert ours.config.id2label == LABELS
        assert worst(run(ours), run(theirs)) < TOLERANCE

    def test_we_load_what_4_37_saved(self) -> None:
        model = class_of(CLASSIFIER).from_pretrained(GOLDEN / "written_by_4_37")
        wanted = np.load(GOLDEN / "models.npz")["written_by_4_37"]
        assert worst(run(model), torch.from_numpy(wanted)) < TOLERANCE
        assert model.config.id2label == LABELS
        assert model.config.extra["transformers_version"] == "4.37.2"
        assert model.load_report == LoadReport(fresh=(), unused=())

    def test_our_names_and_shapes_on_disk_are_those_of_4_37(self, tmp_path: Path) -> None:
        theirs = GOLDEN / "written_by_4_37"
        class_of(CLASSIFIER).from_pretrained(theirs).save_pretrained(tmp_path)
        ours, wanted = (load_file(folder / "model.safetensors") for folder in (tmp_path, theirs))
        assert ours.keys() == wanted.keys()
        assert all(torch.equal(ours[name], wanted[name]) for name in wanted)
        config, original = (
            json.loads((folder / "config.json").read_text()) for folder in (tmp_path, theirs)
        )
        assert config.items() >= original.items()
        added = {"problem_type", "output_attentions", "output_hidden_states", "return_dict"}
        assert config.keys() - original.keys() == added


class TestSaving:
    @pytest.mark.parametrize("model", [ENCODER, DECODER, CLASSIFIER])
    def test_what_is_saved_is_loaded(self, model: str, tmp_path: Path) -> None:
        ours = make(model)
        assert ours.save_pretrained(tmp_path / "new" / "folder") == tmp_path / "new" / "folder"
        again = class_of(model).from_pretrained(tmp_path / "new" / "folder")
        assert worst(run(again), run(ours)) < TOLERANCE
        assert not again.training

    def test_half_precision_on_disk(self, tmp_path: Path) -> None:
        ours = make(CLASSIFIER)
        ours.save_pretrained(tmp_path, dtype=torch.float16)
        tensors = load_file(tmp_path / "model.safetensors")
        assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}
        assert json.loads((tmp_path / "config.json").read_text())["torch_dtype"] == "float16"
        again = class_of(CLASSIFIER).from_pretrained(tmp_path)
        assert {weight.dtype for weight in again.parameters()} == {torch.float32}
        assert 0 < worst(run(again), run(ours)) < 0.01
        theirs = transformers.VideoMAEForVideoClassification.from_pretrained(
            tmp_path, dtype=torch.float32
        )
        assert worst(run(again), run(theirs)) < TOLERANCE
        assert next(ours.parameters()).dtype == torch.float32

    def test_the_file_says_what_it_holds_whatever_it_was_loaded_from(self, tmp_path: Path) -> None:
        extra = {"torch_dtype": "float16", "dtype": "float16", "architectures": ["X"]}
        ours = make(CLASSIFIER, extra=extra)
        ours.save_pretrained(tmp_path)
        written = json.loads((tmp_path / "config.json").read_text())
        assert written["torch_dtype"] == "float32"
        assert written["architectures"] == [CLASSIFIER]
        assert "dtype" not in written
        assert ours.config.extra == extra

    def test_labels_and_their_number_are_kept(self, tmp_path: Path) -> None:
        make(CLASSIFIER, num_labels=7, problem_type="regression").save_pretrained(tmp_path)
        again = class_of(CLASSIFIER).from_pretrained(tmp_path)
        assert again.config.num_labels == 7
        assert again.config.problem_type == "regression"
        assert again.classifier.out_features == 7  # type: ignore[union-attr]

    def test_position_tables_are_not_saved(self, tmp_path: Path) -> None:
        make(DECODER).save_pretrained(tmp_path)
        assert not [n for n in load_file(tmp_path / "model.safetensors") if "position" in n]


class TestLean:
    @pytest.mark.parametrize("model", [ENCODER, DECODER, CLASSIFIER])
    def test_nothing_is_drawn_at_random(
        self, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make(model).save_pretrained(tmp_path)
        filled: list[torch.Tensor] = []
        for name in ("normal_", "uniform_", "kaiming_uniform_", "zeros_", "ones_"):
            draw = getattr(nn.init, name)

            def watched(tensor, *args, draw=draw, **kwargs):
                filled.append(tensor)
                return draw(tensor, *args, **kwargs)

            monkeypatch.setattr(nn.init, name, watched)
        state = torch.random.get_rng_state()
        class_of(model).from_pretrained(tmp_path)
        assert torch.equal(torch.random.get_rng_state(), state)
        assert filled
        assert all(tensor.is_meta for tensor in filled)

    @pytest.mark.parametrize("model", [ENCODER, DECODER, CLASSIFIER])
    def test_the_weights_are_those_that_were_read_not_copies(
        self, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make(model).save_pretrained(tmp_path)
        places: dict[str, int] = {}

        def watched(paths: tuple[Path, ...]) -> dict[str, torch.Tensor]:
            tensors = read_tensors(paths)
            places.update({name: tensor.data_ptr() for name, tensor in tensors.items()})
            return tensors

        monkeypatch.setattr(layouts, "read_tensors", watched)
        loaded = class_of(model).from_pretrained(tmp_path)
        assert {name: weight.data_ptr() for name, weight in loaded.named_parameters()} == places

    @pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="Linux tells what is mapped")
    def test_the_weights_lie_in_the_mapped_file(self, tmp_path: Path) -> None:
        make(CLASSIFIER).save_pretrained(tmp_path)
        loaded = class_of(CLASSIFIER).from_pretrained(tmp_path)
        maps = Path("/proc/self/maps").read_text().splitlines()
        areas = [line.split()[0].split("-") for line in maps if str(tmp_path) in line]
        ranges = [range(int(start, 16), int(stop, 16)) for start, stop in areas]
        for name, weight in loaded.named_parameters():
            assert any(weight.data_ptr() in area for area in ranges), name

    @pytest.mark.parametrize("model", [ENCODER, DECODER, CLASSIFIER])
    def test_position_tables_are_real(self, model: str, tmp_path: Path) -> None:
        make(model).save_pretrained(tmp_path)
        loaded = class_of(model).from_pretrained(tmp_path)
        tokens = count_tokens(SHAPE)
        tables = dict(loaded.named_buffers())
        assert tables
        for table in tables.values():
            assert torch.equal(table, sincos_positions(tokens, table.shape[-1]))
        assert not any(tensor.is_meta for tensor in loaded.parameters())

    def test_training_does_not_change_the_file(self, tmp_path: Path) -> None:
        make(CLASSIFIER).save_pretrained(tmp_path)
        loaded = class_of(CLASSIFIER).from_pretrained(tmp_path).train()
        before = run(class_of(CLASSIFIER).from_pretrained(tmp_path))
        with torch.no_grad():
            for weight in loaded.parameters():
                assert weight.requires_grad
                weight.add_(1.0)
        assert worst(run(class_of(CLASSIFIER).from_pretrained(tmp_path)), before) < TOLERANCE

    def test_a_model_of_ones_own_is_initialised_as_in_transformers(self) -> None:
        torch.manual_seed(0)
        wide = {"hidden_size": 96, "decoder_hidden_size": 48, "intermediate_size": 100}
        for model in (ENCODER, DECODER, CLASSIFIER):
            made = class_of(model)(VideoMAEConfig(**SHAPE | wide, num_labels=50))
            for name, weight in made.named_parameters():
                if "norm" in name and name.endswith("weight"):
                    assert torch.equal(weight, torch.ones_like(weight)), name
                elif weight.ndim == 1 or name == "mask_token":
                    assert not weight.any(), name
                else:
                    assert 0.018 < weight.std() < 0.022, name
                    assert weight.mean().abs() < 0.002, name


class TestFreshHeads:
    def test_a_pretraining_checkpoint_as_a_classifier(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        make(DECODER).save_pretrained(tmp_path)
        with caplog.at_level(logging.WARNING):
            loaded = class_of(CLASSIFIER).from_pretrained(tmp_path, num_labels=40)
        assert loaded.load_report is not None
        fresh = ("fc_norm.weight", "fc_norm.bias", "classifier.weight", "classifier.bias")
        assert loaded.load_report.fresh == fresh
        assert all(
            n.startswith(("decoder.", "mask", "encoder_to")) for n in loaded.load_report.unused
        )
        assert all(name in caplog.text for name in fresh)
        assert "4 weights that the checkpoint lacks" in caplog.text
        weights = dict(loaded.named_parameters())
        assert 0.015 < weights["classifier.weight"].std() < 0.025
        assert not weights["classifier.bias"].any()
        assert torch.equal(weights["fc_norm.weight"], torch.ones(12))
        assert not any(weight.is_meta for weight in weights.values())
        assert all(weights[name].requires_grad for name in fresh)
        assert run(loaded).shape == (2, 40)

    def test_a_checkpoint_with_its_own_norm_can_be_fine_tuned_with_mean_pooling(
        self, tmp_path: Path
    ) -> None:
        make(DECODER, use_mean_pooling=False).save_pretrained(tmp_path)
        loaded = class_of(CLASSIFIER).from_pretrained(tmp_path, use_mean_pooling=True)
        assert loaded.load_report is not None
        assert "videomae.layernorm.weight" in loaded.load_report.unused

    def test_a_classifier_as_an_autoencoder(self, tmp_path: Path) -> None:
        make(CLASSIFIER).save_pretrained(tmp_path)
        loaded = class_of(DECODER).from_pretrained(tmp_path)
        assert loaded.load_report is not None
        assert {name.split(".")[0] for name in loaded.load_report.fresh} == {
            "mask_token",
            "encoder_to_decoder",
            "decoder",
        }
        weights = dict(loaded.named_parameters())
        assert not weights["mask_token"].any()
        assert not weights["decoder.decoder_layers.0.attention.attention.q_bias"].any()
        assert torch.equal(weights["decoder.norm.weight"], torch.ones(8))
        assert 0.01 < weights["decoder.head.weight"].std() < 0.03
        assert run(loaded).isfinite().all()

    @pytest.mark.parametrize("model", [DECODER, CLASSIFIER])
    def test_a_bare_encoder_comes_from_any_and_goes_into_any(
        self, model: str, tmp_path: Path
    ) -> None:
        whole = make(model)
        whole.save_pretrained(tmp_path / "whole")
        encoder = class_of(ENCODER).from_pretrained(tmp_path / "whole")
        assert encoder.load_report is not None
        assert encoder.load_report.fresh == ()
        assert worst(run(encoder), run(whole.videomae)) < TOLERANCE  # type: ignore[arg-type]
        encoder.save_pretrained(tmp_path / "bare")
        again = class_of(model).from_pretrained(tmp_path / "bare")
        assert worst(run(again.videomae), run(encoder)) < TOLERANCE  # type: ignore[arg-type]

    def test_a_complete_checkpoint_says_nothing(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        make(CLASSIFIER).save_pretrained(tmp_path)
        with caplog.at_level(logging.DEBUG):
            class_of(CLASSIFIER).from_pretrained(tmp_path)
        assert not [record for record in caplog.records if "videomae" in record.name]

    def test_fresh_weights_follow_the_seed(self, tmp_path: Path) -> None:
        make(ENCODER).save_pretrained(tmp_path)
        found = []
        for seed in (1, 1, 2):
            torch.manual_seed(seed)
            found.append(run(class_of(CLASSIFIER).from_pretrained(tmp_path)))
        assert worst(found[0], found[1]) < TOLERANCE
        assert not torch.equal(found[0], found[2])


class TestChoices:
    def test_overrides_change_the_configuration(self, tmp_path: Path) -> None:
        make(DECODER).save_pretrained(tmp_path)
        loaded = class_of(DECODER).from_pretrained(tmp_path, norm_pix_loss=False)
        assert not loaded.config.norm_pix_loss
        assert worst(run(loaded), run(make(DECODER))) < TOLERANCE

    def test_a_configuration_can_be_given(self, tmp_path: Path) -> None:
        make(CLASSIFIER).save_pretrained(tmp_path)
        config = VideoMAEConfig(**SHAPE, layer_norm_eps=0.1)
        loaded = class_of(CLASSIFIER).from_pretrained(tmp_path, config=config)
        assert loaded.config is config
        assert not torch.equal(run(loaded), run(make(CLASSIFIER)))
        with pytest.raises(RequestError, match=r"changes to one \(num_labels\)"):
            class_of(CLASSIFIER).from_pretrained(tmp_path, config=config, num_labels=3)

    def test_files_at_hand_are_loaded_alike(self, tmp_path: Path) -> None:
        make(CLASSIFIER).save_pretrained(tmp_path)
        loaded = class_of(CLASSIFIER).from_files(locate(tmp_path))
        assert worst(run(loaded), run(make(CLASSIFIER))) < TOLERANCE

    def test_no_weight_is_initialised_only_to_be_replaced(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """On the meta device the first call alone imports torch's compiler, which takes seconds."""
        make(CLASSIFIER).save_pretrained(tmp_path)
        monkeypatch.setattr(nn.init, "normal_", lambda *arguments, **options: pytest.fail("normal"))
        class_of(CLASSIFIER).from_pretrained(tmp_path)

    def test_the_device_is_that_of_the_weights(self) -> None:
        assert make(ENCODER).device == torch.device("cpu")

    def test_what_does_not_fit_is_refused(self, tmp_path: Path) -> None:
        make(CLASSIFIER).save_pretrained(tmp_path)
        with pytest.raises(CheckpointError, match=r"classifier.weight \(file \(2, 12\), model \(5"):
            class_of(CLASSIFIER).from_pretrained(tmp_path, num_labels=5)
        for depth in (1, 3):
            message = rf"fit its weights: num_hidden_layers {depth} \(2 in the weights\); check"
            with pytest.raises(CheckpointError, match=message):
                class_of(CLASSIFIER).from_pretrained(tmp_path, num_hidden_layers=depth)
        with pytest.raises(CheckpointError, match=r"not in the model: .*q_bias"):
            class_of(CLASSIFIER).from_pretrained(tmp_path, qkv_bias=False)
        with pytest.raises(CheckpointError, match=r"missing in the file: .*layernorm"):
            class_of(ENCODER).from_pretrained(tmp_path, use_mean_pooling=False)
        with pytest.raises(RequestError, match="has no torch_dtype"):
            class_of(CLASSIFIER).from_pretrained(tmp_path, torch_dtype=torch.float16)
