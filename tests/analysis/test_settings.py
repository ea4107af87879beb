import math

import numpy as np
import pytest

from videomae_demo.analysis.settings import RolloutSettings
from videomae_demo.errors import RequestError


@pytest.mark.parametrize(
    "query", [(3, 4, 5), [3, 4, 5], np.array([3, 4, 5]), (np.int64(3), np.uint8(4), 5)]
)
def test_any_three_whole_numbers_name_a_token(query):
    settings = RolloutSettings(query=query)
    assert settings.query == (3, 4, 5)
    assert type(settings.query) is tuple
    assert all(type(at) is int for at in settings.query)
    assert hash(settings) == hash(RolloutSettings(query=(3, 4, 5)))


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ((3, 4), r"The token is \(3, 4\); give its time, row and column\."),
        ((3, 4, 4, 4), "The token is"),
        ((), "The token is"),
        (7, "The token is 7"),
        ({3, 4, 5}, "The token is"),
        ("abc", "The token's time is 'a'; it must be a whole number from 0"),
        ((True, 0, 0), "The token's time is True"),
        ((0, 1.0, 0), r"The token's row is 1\.0"),
        ((0, 0, -1), "The token's column is -1"),
        (np.array([1.0, 2.0, 3.0]), "The token's time is"),
        ([[1], [2], [3]], "The token's time is"),
    ],
)
def test_what_names_no_token_is_refused(query, sentence):
    with pytest.raises(RequestError, match=sentence):
        RolloutSettings(query=query)


def test_numbers_become_plain_ones():
    settings = RolloutSettings("max", np.float32(0.5), np.int64(2), np.int64(3))
    assert settings == RolloutSettings("max", 0.5, 2, 3)
    kinds = [type(value) for value in (settings.discard, settings.first_layer, settings.last_layer)]
    assert kinds == [float, int, int]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"fusion": "sum"}, "The head fusion 'sum' is unknown; choose mean, max, min"),
        ({"fusion": None}, "The head fusion None is unknown"),
        ({"fusion": np.array(["mean", "max"])}, "The head fusion array"),
        ({"discard": math.nan}, "The discarded fraction is nan; it must be a number"),
        ({"discard": "0.1"}, "The discarded fraction is '0.1'; it must be a number"),
        ({"discard": True}, "The discarded fraction is True; it must be a number"),
        ({"discard": 1}, r"The discarded fraction is 1\.0; choose from 0"),
        ({"discard": -0.1}, r"The discarded fraction is -0\.1; choose from 0"),
        ({"first_layer": 1.0}, r"The first layer is 1\.0; it must be a whole number from 0"),
        ({"first_layer": None}, "The first layer is None"),
        ({"last_layer": 2.5}, r"The last layer is 2\.5; it must be a whole number from 0"),
        ({"last_layer": -1}, "The last layer is -1"),
    ],
)
def test_settings_of_other_types_or_out_of_range_are_refused(fields, sentence):
    with pytest.raises(RequestError, match=sentence):
        RolloutSettings(**fields)
