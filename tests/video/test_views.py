"""Views: how they are written, which crops and frames they take, and what is refused."""

import numpy as np
import pytest

from videomae_demo.errors import RequestError
from videomae_demo.video.changes import ClipChange
from videomae_demo.video.sampling import SamplingRule, choose_frames
from videomae_demo.video.views import Views


def test_views_are_read_as_they_are_written():
    assert Views.parse(" 5X3 ") == Views(5, 3)
    assert str(Views(2, 3)) == "2x3"
    for wrong in ("5", "5x", "axb", "5x3x2", "-1x3", "1.5x2", "999999999x3"):
        with pytest.raises(RequestError, match="give windows x crops, for instance 5x3"):
            Views.parse(wrong)
    with pytest.raises(RequestError, match="The views have 0 crops"):
        Views.parse("5x0")
    with pytest.raises(RequestError, match="11x10 makes more than 100 views"):
        Views(11, 10)


@pytest.mark.parametrize(("height", "width"), [(240, 320), (320, 240), (224, 399), (101, 340)])
@pytest.mark.parametrize("crops", [2, 3, 5])
def test_crops_lie_where_the_original_code_has_them(height, width, crops):
    """There: ``spatial_step = (longer - shorter) / (crops - 1)``, ``start = int(i * step)``."""
    side = min(height, width)
    step = (max(height, width) - side) / (crops - 1)
    for index, change in enumerate(Views(1, crops).crop_changes()):
        start = int(index * step)
        left, top, right, bottom = change.area(height, width)
        assert (right - left, bottom - top) == (side, side)
        assert (left, top) == ((start, 0) if width > height else (0, start))
    assert Views(4, 1).crop_changes() == [None]


def test_a_crop_is_named_by_its_place():
    assert ClipChange.parse("crop").number == 50
    assert ClipChange("crop", 0).area(2, 6) == ClipChange("left").area(2, 6)
    assert ClipChange("crop", 100).area(2, 6) == ClipChange("right").area(2, 6)
    assert ClipChange("crop", 25).title == "cut to a square at 25% of its longer side"
    with pytest.raises(RequestError, match="The place of the change crop is 101"):
        ClipChange("crop", 101)


@pytest.mark.parametrize("frames", [32, 48, 117, 300])
def test_parts_of_spread_frames_are_those_of_the_original_code(frames):
    """Something-Something V2: ``tick = frames / 16``; ``tick * x``, and half a tick later."""
    tick = frames / 16
    wanted = [int(tick * x) for x in range(16)], [int(tick / 2 + tick * x) for x in range(16)]
    times_s = np.arange(frames) / 25
    for part in range(2):
        rule = SamplingRule.uniform((part, 2))
        choice = choose_frames(times_s, 1 / 25, 16, rule)
        assert choice.indices.tolist() == wanted[part]
        assert SamplingRule.parse(str(rule)) == rule
    assert str(SamplingRule.uniform((1, 2))) == "uniform:2/2"


@pytest.mark.parametrize("wrong", ["uniform:0/2", "uniform:3/2", "uniform:1", "uniform:a/b"])
def test_parts_that_are_not_there_are_refused(wrong):
    with pytest.raises(RequestError):
        SamplingRule.parse(wrong)
    with pytest.raises(RequestError, match="only frames spread over the clip have parts"):
        SamplingRule("every", step=2, part=(0, 2))
