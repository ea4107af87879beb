import pytest

from videomae_demo.errors import RequestError
from videomae_demo.ui.controls import moment, number, said, token, whole


def test_numbers_are_taken_as_they_are():
    assert (number(0.5, "share"), number(3, "share")) == (0.5, 3.0)
    assert (whole(7, "seed"), whole(7.0, "seed"), whole(0, "seed")) == (7, 7, 0)
    assert token([1, 2.0, 3]) == (1, 2, 3)
    assert token(None) is None


@pytest.mark.parametrize("given", [None, "1", "x", True, [1], {}, float("nan"), float("inf")])
def test_what_is_no_number_is_refused(given):
    for check in (number, whole):
        with pytest.raises(RequestError, match=r"The seed is .* must be"):
            check(given, "seed")


@pytest.mark.parametrize("given", [-1, 0.5, 1e300, 2**53])
def test_what_is_no_whole_number_from_0_is_refused(given):
    with pytest.raises(RequestError, match="whole number from 0"):
        whole(given, "seed")


@pytest.mark.parametrize(
    "given", ["abc", 5, {"time": 1}, [1], [1, 2, 3, 4], [1, 2, "3"], [0, 0, -1]]
)
def test_what_is_no_token_is_refused(given):
    with pytest.raises(RequestError, match="token"):
        token(given)


def test_a_letter_has_what_was_said_and_when():
    letter = '{"at": 12.5, "said": [1, 2, 3]}'
    assert said(letter) == [1, 2, 3]
    assert moment(letter, "at") == 12.5


@pytest.mark.parametrize("given", [None, 3, "", "null", "[", '{"at": "noon"}', "[" * 100_000])
def test_what_is_no_letter_says_nothing(given):
    assert moment(given, "at") is None
    with pytest.raises(RequestError, match="reload"):
        said(given)
