import dataclasses
import shutil
from argparse import Namespace

import pytest
import torch
from original_network import OriginalEncoder, OriginalPretraining
from tiny import TINY_LABELS, save_tiny

from videomae_demo.checkpoints.catalog import find_entry
from videomae_demo.checkpoints.source import locate
from videomae_demo.checkpoints.told_sampling import FRAME_INTERVAL
from videomae_demo.config import TokenGrid
from videomae_demo.engine import roles
from videomae_demo.errors import CheckpointError
from videomae_demo.model.videomae import (
    VideoMAEForPreTraining,
    VideoMAEForVideoClassification,
    VideoMAEModel,
)
from videomae_demo.video.sampling import SamplingRule

CPU = torch.device("cpu")


def test_a_recogniser_introduces_itself(recogniser_folder):
    recogniser = roles.load_recogniser(str(recogniser_folder), CPU)
    card = recogniser.card
    assert card.grid == TokenGrid(2, 4, 4)
    assert (card.frame_size, card.tubelet_size) == ((32, 32), 2)
    assert card.label_count == len(TINY_LABELS)
    assert card.frame_count == 4
    assert card.sampling == roles.KINETICS_SAMPLING
    assert not card.sampling_is_known
    assert card.notes == (
        "It is not known on which frames of a clip this checkpoint was trained: unless you "
        "choose others, it gets one every 133 ms, as most published ones do.",
    )
    assert card.title == card.public_name == recogniser_folder.name
    assert not recogniser.model.training
    assert not any(parameter.requires_grad for parameter in recogniser.model.parameters())


def test_a_reconstructor_of_unknown_training_gets_the_recognisers_frames(reconstructor_folder):
    card = roles.load_reconstructor(str(reconstructor_folder), CPU).card
    assert not card.sampling_is_known
    assert card.notes == (
        "It is not known on which frames of a clip this checkpoint was trained: unless you "
        "choose others, it gets those of the recogniser.",
    )


def test_the_catalog_tells_on_which_frames_a_checkpoint_was_trained():
    bundled = roles.load_recogniser("bundled", CPU).card
    assert bundled.sampling_is_known
    assert bundled.sampling == roles.usual_sampling("bundled") == SamplingRule.stride(1 / 8)
    assert not any("not known" in note for note in bundled.notes)
    assert bundled.public_name == "bundled"
    assert roles.usual_sampling("base-finetuned-ssv2") == SamplingRule.uniform()
    assert roles.usual_sampling("MCG-NJU/videomae-base-ssv2") == SamplingRule.stride(2 / 30)
    for unknown in ("someone/else", "x" * 5000, "a/b/c.pth"):
        assert roles.usual_sampling(unknown) == SamplingRule.stride(4 / 30)


def test_a_folder_is_not_taken_for_the_checkpoint_whose_name_it_has(
    tmp_path, monkeypatch, recogniser_folder, reconstructor_folder
):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(recogniser_folder, "base-finetuned-ssv2")
    assert roles.usual_sampling("base-finetuned-ssv2") == roles.KINETICS_SAMPLING
    card = roles.load_recogniser("base-finetuned-ssv2", CPU).card
    assert not card.sampling_is_known
    monkeypatch.setattr(roles, "BUNDLED_RECONSTRUCTOR", str(reconstructor_folder))
    found = roles.find_reconstructor("base-finetuned-ssv2", CPU)
    assert found.card.stands_in_for == "base-finetuned-ssv2"


def test_the_number_of_frames_is_told_without_loading(
    tmp_path, monkeypatch, recogniser_folder, hub
):
    monkeypatch.setattr(VideoMAEForVideoClassification, "from_files", None)
    assert roles.frame_count(str(recogniser_folder)) == 4
    path = save_original(OriginalEncoder(patch=56, tubelet=8, labels=174), tmp_path)
    assert roles.frame_count(path) == 16
    (tmp_path / "empty").mkdir()
    assert roles.frame_count(str(tmp_path / "empty")) is None
    assert roles.frame_count("base-finetuned-ssv2") is None  # nor is it downloaded
    assert not hub.requests


def test_a_head_that_was_never_trained_has_no_labels(reconstructor_folder, caplog):
    recogniser = roles.load_recogniser(str(reconstructor_folder), CPU)
    assert recogniser.card.label_count == 0
    assert "pretrained without labels" in recogniser.card.notes[0]
    assert not caplog.records  # the card says it, and nobody is to train them


def test_a_checkpoint_of_the_encoder_alone_has_no_labels(tmp_path):
    folder = save_tiny(VideoMAEModel, tmp_path, use_mean_pooling=True)
    assert roles.load_recogniser(str(folder), CPU).card.label_count == 0


def test_a_reconstructor_needs_a_decoder(recogniser_folder, reconstructor_folder):
    assert roles.load_reconstructor(str(reconstructor_folder), CPU).card.label_count == 0
    with pytest.raises(CheckpointError, match="has no decoder"):
        roles.load_reconstructor(str(recogniser_folder), CPU)


def test_a_pretraining_folder_is_its_own_reconstructor(reconstructor_folder):
    found = roles.find_reconstructor(str(reconstructor_folder), CPU)
    assert found.card.name == str(reconstructor_folder)


def test_a_classifier_without_a_decoder_falls_back_to_the_bundled_one(
    recogniser_folder, reconstructor_folder, monkeypatch, caplog
):
    monkeypatch.setattr(roles, "BUNDLED_RECONSTRUCTOR", str(reconstructor_folder))
    found = roles.find_reconstructor(str(recogniser_folder), CPU)
    assert found.card.name == str(reconstructor_folder)
    assert not caplog.records  # no list of all the names of a decoder
    name = recogniser_folder.name  # and not where it lies
    assert found.card.stands_in_for == name
    assert found.card.notes[-1] == (
        f"{name} has no decoder, so the bundled reconstructor takes its place."
    )


def test_a_known_recogniser_takes_its_partner(monkeypatch, reconstructor_folder):
    asked = []
    load = roles.load_reconstructor

    def remember(name, device):
        asked.append(name)
        return load(str(reconstructor_folder), device)

    monkeypatch.setattr(roles, "load_reconstructor", remember)
    same = roles.find_reconstructor("base-finetuned-kinetics", CPU)
    roles.find_reconstructor("MCG-NJU/videomae-large-finetuned-kinetics", CPU)
    roles.find_reconstructor("base-ssv2", CPU)
    other = roles.find_reconstructor("small-finetuned-kinetics", CPU)
    assert asked == ["base", "large", "base-ssv2", "base"]
    assert not any("different model" in note for note in same.card.notes)
    assert same.card.stands_in_for is None
    assert "different model" in other.card.notes[-1]


def test_missing_statistics_are_replaced_and_said(tmp_path):
    folder = save_tiny(VideoMAEForVideoClassification, tmp_path, with_processor=False)
    recogniser = roles.load_recogniser(str(folder), CPU)
    assert "ImageNet" in recogniser.card.notes[-1]
    assert recogniser.processor.image_mean == pytest.approx((0.485, 0.456, 0.406))
    assert recogniser.processor.crop_size == {"height": 32, "width": 32}


def test_a_processor_of_another_size_is_refused(recogniser_folder, tmp_path):
    folder = tmp_path / "mixed"
    shutil.copytree(recogniser_folder, folder)
    text = (folder / "preprocessor_config.json").read_text().replace("32", "64")
    (folder / "preprocessor_config.json").write_text(text)
    with pytest.raises(CheckpointError, match="64x64 px, but its model takes 32x32"):
        roles.load_recogniser(str(folder), CPU)


def test_a_model_of_other_channels_is_refused(tmp_path):
    folder = save_tiny(VideoMAEForPreTraining, tmp_path, num_channels=1)
    with pytest.raises(CheckpointError, match="1 channels"):
        roles.load_reconstructor(str(folder), CPU)


def save_original(network, folder):
    torch.save({"module": network.state_dict(), "args": Namespace(lr=0)}, folder / "a.pth")
    return str(folder / "a.pth")


def test_a_file_of_the_original_code_says_what_it_does_not_tell(tmp_path):
    torch.manual_seed(0)
    network = OriginalEncoder(patch=56, tubelet=8, labels=174)
    path = save_original(network, tmp_path)
    with pytest.raises(CheckpointError, match="--heads"):
        roles.load_recogniser(path, CPU)
    recogniser = roles.load_recogniser(path, CPU, heads=3)
    card = recogniser.card
    assert card.label_count == 174
    assert recogniser.model.config.id2label[173] == "Wiping [something] off of [something]"
    assert card.grid == TokenGrid(2, 4, 4)
    assert "frames of 224 px, 16 frames a clip, the 174 labels of Something" in card.notes[0]
    assert "ImageNet" in card.notes[-1]
    pixels = torch.randn(1, 16, 3, 224, 224)
    with torch.no_grad():
        found, wanted = recogniser.model(pixels).logits, network(pixels.transpose(1, 2))
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-4)


def test_an_encoder_of_v2_names_nothing(tmp_path):
    path = save_original(OriginalEncoder(patch=56, tubelet=8, labels=0), tmp_path)
    card = roles.load_recogniser(path, CPU, heads=3).card
    assert card.label_count == 0
    assert any("names nothing" in note for note in card.notes)


def test_a_pretraining_file_is_its_own_reconstructor(tmp_path):
    path = save_original(OriginalPretraining(decoder_width=192, patch=56), tmp_path)
    found = roles.find_reconstructor(path, CPU, heads=3)
    assert found.card.name == path
    assert found.model.config.num_attention_heads == 3
    assert found.model.config.decoder_num_attention_heads == 3
    assert "3 attention heads in the decoder" in found.card.notes[0]
    assert roles.load_recogniser(path, CPU, heads=3).card.label_count == 0
    odd = save_original(OriginalPretraining(decoder_width=16, patch=56), tmp_path)
    with pytest.raises(CheckpointError, match="decoder_num_attention_heads"):
        roles.find_reconstructor(odd, CPU, heads=3)


def test_a_known_correction_is_named_only_where_it_is_made(tmp_path, monkeypatch):
    folder = save_tiny(VideoMAEForVideoClassification, tmp_path)
    entry = dataclasses.replace(
        find_entry("small-finetuned-kinetics"), corrections={"num_attention_heads": 3}
    )
    files = dataclasses.replace(locate(folder), entry=entry)
    monkeypatch.setattr(roles, "locate", lambda name: files)
    corrected = roles.load_recogniser("small", CPU)
    assert corrected.model.config.num_attention_heads == 3
    assert entry.correction_note in corrected.card.notes
    other = roles.load_recogniser("small", CPU, heads=2)
    assert other.model.config.num_attention_heads == 2
    assert entry.correction_note not in other.card.notes


def test_a_head_count_in_the_place_of_the_checkpoints_own_is_told(recogniser_folder):
    found = roles.load_recogniser(str(recogniser_folder), CPU, heads=3)
    assert found.model.config.num_attention_heads == 3
    assert found.card.notes[0] == (
        "The checkpoint says that num_attention_heads is 2; it is taken to be 3, as asked for."
    )
    as_it_says = roles.load_recogniser(str(recogniser_folder), CPU, heads=2).card.notes
    assert not any("num_attention_heads" in note for note in as_it_says)


@pytest.mark.parametrize("told", [None, 0.0, -1.0, float("inf"), float("nan"), "0.125", True])
def test_a_frame_interval_that_makes_no_sense_is_not_believed(told, tmp_path):
    folder = save_tiny(
        VideoMAEForVideoClassification, tmp_path / "own", extra={FRAME_INTERVAL: told}
    )
    assert roles.usual_sampling(str(folder)) == roles.KINETICS_SAMPLING


def test_a_checkpoint_may_tell_how_far_apart_its_frames_are(tmp_path):
    folder = save_tiny(
        VideoMAEForVideoClassification, tmp_path / "own", extra={FRAME_INTERVAL: 0.5}
    )
    assert roles.usual_sampling(str(folder)) == SamplingRule.stride(0.5)
    card = roles.load_recogniser(str(folder), CPU).card
    assert card.sampling == SamplingRule.stride(0.5)
    assert card.sampling_is_known and not any("not known" in note for note in card.notes)
