"""A checkpoint of our own says on which frames it was trained."""

import pytest

from videomae_demo.checkpoints.told_sampling import told_sampling, with_sampling
from videomae_demo.video.sampling import SamplingRule

RULES = (
    SamplingRule.stride(0.125),
    SamplingRule.stride(2),
    SamplingRule.every(4),
    SamplingRule.uniform(),
    SamplingRule.uniform((0, 2)),
)


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_what_is_written_is_read_again(rule):
    assert told_sampling(with_sampling({}, rule)) == rule


@pytest.mark.parametrize("before", RULES, ids=str)
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_a_rule_takes_the_place_of_another(before, rule):
    fields = with_sampling(with_sampling({"other": 1}, before), rule)
    assert told_sampling(fields) == rule
    assert len(fields) == 2 and fields["other"] == 1


@pytest.mark.parametrize(
    "told", [None, "often", "every:0", "-1", "nan", 4, True, ["uniform"], "0" * 5000]
)
def test_a_rule_that_makes_no_sense_is_not_believed(told):
    assert told_sampling({"frame_sampling": told}) is None


def test_published_checkpoints_tell_nothing():
    assert told_sampling({"num_frames": 16}) is None
