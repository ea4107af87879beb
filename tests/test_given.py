import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from videomae_demo.errors import RequestError
from videomae_demo.given import instance, number, whole


@pytest.mark.parametrize("given", [3, 3.0, np.int64(3), np.float32(3), Fraction(3)])
def test_any_number_becomes_a_plain_one(given):
    assert number(given, "start") == 3.0
    assert type(number(given, "start")) is float


@pytest.mark.parametrize("given", [math.nan, math.inf, -math.inf, 10**400, "3", None, True, [3]])
def test_what_is_no_number_is_refused_with_its_name(given):
    with pytest.raises(RequestError, match=r"^The start is .*; it must be a number\.$"):
        number(given, "start")


@pytest.mark.parametrize("given", [3, np.uint8(3), np.int64(3)])
def test_any_whole_number_becomes_a_plain_one(given):
    assert whole(given, "seed") == 3
    assert type(whole(given, "seed")) is int


@pytest.mark.parametrize("given", [1, -1, 3.0, np.float64(3), math.nan, "3", None, True])
def test_what_is_no_whole_number_or_too_small_is_refused(given):
    with pytest.raises(RequestError, match=r"^The seed is .*; it must be a whole number from 2\.$"):
        whole(given, "seed", least=2)


def test_an_argument_of_another_class_is_refused_with_its_name():
    assert instance(Path("a"), Path, "folder") == Path("a")
    with pytest.raises(RequestError, match=r"^The argument folder is 'a'; .* of the class Path\.$"):
        instance("a", Path, "folder")


@pytest.mark.parametrize("given", ["x" * 1000, [10**5000] * 3])
def test_a_long_value_is_cut(given):
    with pytest.raises(RequestError) as caught:
        number(given, "start")
    assert len(str(caught.value)) < 150
    assert str(caught.value).startswith("The start is ")
