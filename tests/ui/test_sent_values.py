"""Values as a page sends them, at the edges of what is taken."""

import base64

import pytest

from videomae_demo.errors import RequestError
from videomae_demo.lenses.masks import MaskRequest
from videomae_demo.ui import controls
from videomae_demo.ui.lenses.painted import bits_of_page
from videomae_demo.ui.lenses.reconstruct import read_mask
from videomae_demo.video.sampling import SamplingRule


@pytest.mark.parametrize("given", [0, 1, 1.0, 2**53 - 1])
def test_whole_numbers_from_0_as_far_as_they_are_exact(given):
    assert controls.whole(given, "seed") == given


@pytest.mark.parametrize("given", [-1, 0.5, 2**53, float("nan"), float("inf"), True, "1", None])
def test_what_is_no_such_number_is_refused_by_name(given):
    with pytest.raises(RequestError, match="The seed is"):
        controls.whole(given, "seed")


def test_a_tokens_place_keeps_its_order():
    assert controls.token([3, 0, 2]) == (3, 0, 2)


@pytest.mark.parametrize(
    ("given", "start"), [(None, None), ("", None), (0, 0.0), ("0", 0.0), ("1.5", 1.5)]
)
def test_a_start_of_0_is_the_beginning_and_nothing_is_the_middle(given, start):
    found, wrong = controls.read_sampling(controls.Sampling(start_s=9.0), {"start_s": given})
    assert (found.start_s, wrong) == (start, {})
    assert (found.start_s is None) == (start is None)


def test_a_mask_is_what_its_controls_say():
    given = {"kind": "cell", "ratio": 0.6, "seed": 7}
    assert read_mask(MaskRequest(), given) == (MaskRequest("cell", 0.6, 7), {})


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"kind": controls.SECONDS, "interval_s": 0.375}, SamplingRule.stride(0.375)),
        ({"kind": controls.FRAMES, "step": 6}, SamplingRule.every(6)),
        ({"kind": controls.UNIFORM}, SamplingRule.uniform()),
        ({"kind": controls.OWN}, None),
    ],
)
def test_the_rule_is_what_its_controls_say(given, rule):
    found, wrong = controls.read_sampling(controls.Sampling(), given)
    assert (found.rule(), wrong) == (rule, {})


def test_any_mark_hides_a_token():
    marks = bytes([0, 1, 0, 2, 255, 0, 0, 1, 1])
    found = bits_of_page(base64.b64encode(marks).decode(), 9)
    assert found == bytes([0b01011001, 0b10000000])
