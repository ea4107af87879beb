"""What a verification says, worked by hand: it agrees up to 0.0001, and each number is its own."""

import pytest

from videomae_demo import verify
from videomae_demo.analysis.classification import LabelScore
from videomae_demo.errors import RequestError
from videomae_demo.verify import Check, Reading, Verification


@pytest.mark.parametrize(
    ("computed", "agrees"),
    [(0.0, True), (1e-4, True), (-1e-4, True), (1.01e-4, False), (-1.01e-4, False)],
)
def test_a_value_agrees_up_to_a_ten_thousandth_either_way(computed, agrees):
    check = Check("logit", 0.0, computed)
    assert check.agrees is agrees
    assert check.difference == abs(computed)


@pytest.fixture
def result() -> Verification:
    return Verification(
        "base",
        (Check("logit of hop", 1.25, 1.250012), Check("a loss", -0.5, 0.25)),
        (Reading("as published", (LabelScore("hop", 3, 0.8764, 1), LabelScore("run", 0, 0.1, 2))),),
    )


def test_one_value_that_differs_makes_the_whole_differ(result):
    assert not result.agrees
    assert Verification("base", result.checks[:1]).agrees
    assert "DIFFERS from" in verify.explain(result)[0]


def test_the_table_has_each_number_in_its_column(result):
    lines = verify.explain(result)
    assert lines[1].split() == ["value", "expected", "computed", "difference"]
    assert lines[2].split() == ["logit", "of", "hop", "1.2500", "1.250012", "0.000012", "agrees"]
    assert lines[3].split() == ["a", "loss", "-0.5000", "0.250000", "0.750000", "DIFFERS"]
    assert lines[4].endswith("as published: hop 87.6%, run 10.0%.")


def test_json_has_the_same_numbers(result):
    told = verify.describe(result)
    assert (told["agrees"], told["tolerance"]) == (False, 1e-4)
    assert told["values"][1] == {
        "name": "a loss",
        "expected": -0.5,
        "computed": 0.25,
        "difference": 0.75,
        "agrees": False,
    }
    assert told["readings"][0]["labels"][0] == {"label": "hop", "probability": 0.8764}


def test_the_example_to_download_tells_its_size(monkeypatch):
    monkeypatch.setattr(verify, "_is_here", lambda entry: False)
    with pytest.raises(RequestError, match=r"base-finetuned-kinetics \(346 MB\)"):
        verify.names_on_this_machine()
