"""What a training can be asked: checked, and told in one sentence when it makes no sense."""

import numpy as np
import pytest

from videomae_demo.errors import RequestError
from videomae_demo.training.live.settings import (
    FinetuningSettings,
    PretrainingSettings,
    read_settings,
    tiny_config,
)


def test_settings_come_back_as_they_were_told():
    told = {"mask": "random", "ratio": 0.9, "rate": 0.01, "seed": 7, "steps": 300}
    settings = read_settings("pretrain", told)
    assert settings == PretrainingSettings(**told)
    assert settings.to_json() == told
    told = {"start": "untrained", "rate": 0.05, "seed": 1, "steps": 10}
    assert read_settings("finetune", told) == FinetuningSettings(**told)


def test_what_is_not_told_is_as_usual():
    assert read_settings("pretrain", {}) == PretrainingSettings()
    settings = PretrainingSettings(ratio=np.float32(0.5), seed=np.int64(3))
    assert type(settings.seed) is int and type(settings.ratio) is float


@pytest.mark.parametrize(
    ("mode", "told", "said"),
    [
        ("dance", {}, "The mode is 'dance'; choose pretrain or finetune."),
        (None, {}, "The mode is None; choose"),
        ([], {}, r"The mode is \[\]; choose"),
        ("pretrain", {"start": "here"}, "no setting 'start'; there are rate, seed"),
        ("pretrain", {"mask": "frame"}, "The mask is 'frame'; choose tube or random."),
        ("pretrain", {"mask": {}}, "The mask is {}; choose"),
        ("pretrain", {"ratio": 0.99}, "mask ratio is 0.99; it must lie between 0.5 and 0.95."),
        ("pretrain", {"ratio": "0.5"}, "mask ratio is '0.5'; it must be a number"),
        ("pretrain", {"ratio": float("nan")}, "mask ratio is nan; it must be a number"),
        ("pretrain", {"rate": 1}, "learning rate is 1; it must lie between 0.001 and 0.1."),
        ("finetune", {"seed": 10000}, "seed is 10000; it must lie between 0 and 9999."),
        ("finetune", {"seed": 1.5}, "seed is 1.5; it must be a whole number"),
        ("finetune", {"seed": True}, "seed is True; it must be a whole number"),
        ("finetune", {"steps": 9}, "number of steps is 9; it must lie between 10 and 6000."),
        ("finetune", {"start": "there"}, "choose here or untrained or bundled"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(mode, told, said):
    with pytest.raises(RequestError, match=said):
        read_settings(mode, told)


def test_every_choice_hides_something_and_leaves_something():
    grid = tiny_config().grid
    for ratio in (0.5, 0.95):
        assert 0 < int(ratio * grid.patches) < grid.patches
