"""The model that a run trains: the bundled one by default, and whatever fits together."""

import numpy as np
import pytest
import torch

from videomae_demo.cli.main import main
from videomae_demo.config import VideoMAEConfig
from videomae_demo.errors import RequestError
from videomae_demo.model.videomae import VideoMAEForPreTraining, VideoMAEForVideoClassification
from videomae_demo.shipped import ASSETS
from videomae_demo.training.architecture import architecture, describe, hidden_shares


def test_by_default_it_is_that_of_the_bundled_weights():
    bundled = VideoMAEConfig.from_json_file(
        ASSETS / "checkpoints" / "motion-reconstructor" / "config.json"
    )
    own, theirs = architecture().to_dict(), bundled.to_dict()
    assert own.keys() == theirs.keys() - {"architectures", "torch_dtype"}
    assert {name: value for name, value in own.items() if theirs[name] != value} == {}


def test_a_finer_one_keeps_the_proportions():
    config = architecture(96, 8, 192, 8)
    assert config.grid.shape == (8, 12, 12)
    assert (config.num_attention_heads, config.intermediate_size) == (6, 768)
    assert (config.decoder_hidden_size, config.decoder_num_attention_heads) == (160, 5)
    assert (config.decoder_num_hidden_layers, config.decoder_intermediate_size) == (4, 640)
    weights = sum(weight.numel() for weight in VideoMAEForPreTraining(config).parameters())
    assert 2 * weights < 10e6
    assert describe(config) == (
        f"The model has {weights / 1e6:.1f} million weights, {2 * weights / 1e6:.1f} MB in half "
        "precision, and sees 1152 tokens of a clip."
    )


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        ((100, 8, 160, 6), "Frames of 100 px can't be cut into patches of 8 px.*instance 96"),
        ((4, 8, 160, 6), "Frames of 4 px.*instance 8"),
        ((64, 8, 100, 6), "A width of 100 can't be shared among heads of 32 .*instance 96"),
        ((64, 8, 160, 0), "depth 0 can't be; give whole numbers from 1"),
    ],
)
def test_what_makes_no_model_is_refused(numbers, sentence):
    with pytest.raises(RequestError, match=sentence):
        architecture(*numbers)


@pytest.mark.parametrize("ratio", [0.0, 1.0, -0.5, float("nan")])
def test_a_ratio_is_a_share(ratio):
    assert hidden_shares(None, "low", "high") == {}
    assert hidden_shares(0.9, "low", "high") == {"low": 0.9, "high": 0.9}
    with pytest.raises(RequestError, match="give a share above 0 and below 1"):
        hidden_shares(ratio, "low", "high")


def test_one_command_trains_another_model_and_goes_on_exactly(tmp_path, capsys):
    small = ["--size-px", "32", "--patch", "8", "--width", "32", "--depth", "2", "--ratio", "0.75"]
    run = ["--batch", "2", "--pool", "4", "--device", "cpu", "--steps", "3"]

    def pretrain(folder, *more) -> int:
        return main(["train", "pretrain", *small, *run, "--out", str(folder), *more])

    assert pretrain(tmp_path / "one") == 0
    assert "and sees 128 tokens of a clip." in capsys.readouterr().err
    model = VideoMAEForPreTraining.from_pretrained(tmp_path / "one")
    assert (model.config.hidden_size, model.config.num_hidden_layers) == (32, 2)
    assert pretrain(tmp_path / "one") == 0  # it is done: nothing changes
    again = VideoMAEForPreTraining.from_pretrained(tmp_path / "one")
    for mine, theirs in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    state = torch.load(tmp_path / "one" / "state.pt", weights_only=True)
    assert (state["settings"]["ratio_low"], state["settings"]["ratio_high"]) == (0.75, 0.75)
    assert pretrain(tmp_path / "one", "--width", "64") != 0
    assert "holds a run with other settings" in capsys.readouterr().err
    finer = [*run, "--out", str(tmp_path / "three"), "--from", str(tmp_path / "one")]
    assert main(["train", "pretrain", *small, "--size-px", "48", *finer]) == 0
    assert VideoMAEForPreTraining.from_pretrained(tmp_path / "three").config.frame_size == (48, 48)
    assert main(["train", "pretrain", *small, "--size-px", "64", "--depth", "3", *finer]) != 0
    assert (
        "does not fit its weights: num_hidden_layers 3 (2 in the weights)"
        in capsys.readouterr().err
    )
    finetune = ["train", "finetune", "--pretrained", str(tmp_path / "one"), "--ratio", "0.5", *run]
    assert main([*finetune, "--out", str(tmp_path / "two")]) == 0
    recogniser = VideoMAEForVideoClassification.from_pretrained(tmp_path / "two")
    assert recogniser.config.frame_size == (32, 32)
    state = torch.load(tmp_path / "two" / "state.pt", weights_only=True)
    assert state["settings"]["dropped_low"] == state["settings"]["dropped_high"] == 0.5
    assert np.isfinite(state["model"]["classifier.weight"].numpy()).all()
