"""What a fine-tuning is asked, and how many steps follow from it."""

import pytest

from videomae_demo.errors import RequestError
from videomae_demo.training.own.settings import OwnSettings, Plan, epoch_count


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"epochs": 3, "steps": 5}, "3 epochs and 5 steps were asked for; give one"),
        ({"epochs": 0}, "number of epochs is 0"),
        ({"steps": 1.5}, "number of steps is 1.5"),
        ({"batch": 0}, "batch is 0"),
        ({"batch": 5000}, "at most 4096"),
        ({"rate": 0.0}, "learning rate is 0"),
        ({"rate": "fast"}, "learning rate is 'fast'"),
        ({"layer_decay": 1.5}, "layer decay is 1.5"),
        ({"held_out": 1.0}, "held out is 1; it must lie between 0 and 0.9"),
        ({"dropped": -0.1}, "dropped is -0.1"),
        ({"smoothing": 2}, "smoothing is 2"),
        ({"weight_decay": 2}, "weight decay is 2"),
        ({"mirror": "no"}, "mirror is 'no'"),
        ({"freeze": 1}, "freeze is 1"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_what_makes_no_sense_is_refused(asked, words):
    with pytest.raises(RequestError, match=words):
        OwnSettings(**asked)


def test_the_wider_the_model_the_smaller_the_rate():
    assert OwnSettings().top_rate(160) == pytest.approx(1e-3)
    assert OwnSettings().top_rate(800) == pytest.approx(2e-4)
    assert OwnSettings(freeze=True).top_rate(160) == OwnSettings(freeze=True).top_rate(800) == 3e-3
    assert OwnSettings(rate=0.5, freeze=True).top_rate(160) == 0.5


def test_steps_follow_from_epochs():
    # 50 clips in batches of 16: the fourth batch reaches into the next epoch.
    plan = Plan.of(OwnSettings(epochs=3), 50)
    assert (plan.batch, plan.epoch, plan.steps, plan.warmup) == (16, 4, 12, 1)
    assert [step for step in range(13) if plan.ends_epoch(step)] == [4, 8, 12]
    few = Plan.of(OwnSettings(steps=7), 5)
    assert (few.batch, few.epoch, few.steps) == (5, 1, 7)
    part = Plan.of(OwnSettings(steps=6), 50)
    assert [step for step in range(7) if part.ends_epoch(step)] == [4, 6]


def test_small_data_is_shown_more_often():
    assert epoch_count(10, False) == 12  # 120 steps
    assert epoch_count(1, False) == 100
    assert epoch_count(1000, False) == 10
    assert epoch_count(12, True) == 25
