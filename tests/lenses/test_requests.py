"""A request holds plain values of the right type, or it is refused in one sentence."""

import math
from pathlib import Path

import numpy as np
import pytest

from videomae_demo.engine.clips import ClipRequest
from videomae_demo.errors import RequestError
from videomae_demo.lenses.masks import MaskRequest
from videomae_demo.video.sampling import SamplingRule


def test_a_clip_request_keeps_what_it_is_given():
    rule = SamplingRule.uniform()
    request = ClipRequest("clip.mp4", np.float32(0.5), rule, stored_pixels=True)
    assert request == ClipRequest("clip.mp4", 0.5, rule, True)
    assert type(request.start_s) is float
    assert ClipRequest(Path("clip.mp4")) == ClipRequest(Path("clip.mp4"), None, None, False)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"path": 3}, "The clip is 3; give the path of a file."),
        ({"path": None}, "The clip is None; give the path of a file."),
        ({"path": b"clip.mp4"}, "The clip is b'clip.mp4'; give the path of a file."),
        ({"start_s": math.nan}, "The start in seconds is nan; it must be a number."),
        ({"start_s": math.inf}, "The start in seconds is inf; it must be a number."),
        ({"start_s": "1"}, "The start in seconds is '1'; it must be a number."),
        ({"start_s": True}, "The start in seconds is True; it must be a number."),
        ({"sampling": "uniform"}, "The sampling is 'uniform'; give a SamplingRule, or None."),
        ({"stored_pixels": 1}, "stored_pixels is 1; give True or False."),
    ],
)
def test_a_clip_request_of_other_types_is_refused(fields, sentence):
    with pytest.raises(RequestError) as caught:
        ClipRequest(**{"path": "clip.mp4"} | fields)
    assert str(caught.value) == sentence


def test_a_mask_request_keeps_what_it_is_given():
    mask = MaskRequest("random", np.float64(0.5), np.int64(7))
    assert mask == MaskRequest("random", 0.5, 7)
    assert (type(mask.ratio), type(mask.seed)) == (float, int)
    assert MaskRequest("painted", painted=b"x").painted == b"x"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"kind": None}, "The mask kind is None; give its name."),
        ({"ratio": math.nan}, "The mask ratio is nan; it must be a number."),
        ({"ratio": "0.9"}, "The mask ratio is '0.9'; it must be a number."),
        ({"seed": -1}, "The mask seed is -1; it must be a whole number from 0."),
        ({"seed": 1.0}, "The mask seed is 1.0; it must be a whole number from 0."),
        ({"seed": True}, "The mask seed is True; it must be a whole number from 0."),
        ({"seed": None}, "The mask seed is None; it must be a whole number from 0."),
        (
            {"kind": "painted", "painted": "11"},
            "The painted mask is '11'; give bytes, one bit per token.",
        ),
        (
            {"kind": "painted"},
            "The mask kind is 'painted', and no mask was painted; give one.",
        ),
        (
            {"painted": b"x"},
            "A mask was painted, and its kind is 'tube'; give 'painted'.",
        ),
    ],
)
def test_a_mask_request_of_other_types_is_refused(fields, sentence):
    with pytest.raises(RequestError) as caught:
        MaskRequest(**fields)
    assert str(caught.value) == sentence
