"""The figures, beside the same worked out by hand."""

import math

import numpy as np
import pytest

from videomae_demo.dataset.metrics import Metrics, Share
from videomae_demo.dataset.rows import Row

LABELS = ("a", "b", "c")


def row(true: str | None, named: str, probability: float, rank: int = 1, of_true=None) -> Row:
    return Row(
        f"{true}{named}{probability}",
        true,
        true,
        ((named, probability), ("x", 0.0)),
        probability=probability if of_true is None else of_true,
        rank=rank,
        entropy=0.5,
    )


@pytest.fixture
def metrics() -> Metrics:
    metrics = Metrics(LABELS)
    for one in (
        row("a", "a", 0.95),
        row("a", "a", 0.85),
        row("a", "b", 0.55, rank=2, of_true=0.25),
        row("b", "a", 0.91, rank=3, of_true=0.01),
        row(None, "c", 0.6),
        Row("broken", "b", "b", error="It can't be read."),
    ):
        metrics.add(one)
    return metrics


def test_who_is_counted(metrics):
    assert (metrics.clips, metrics.failed, metrics.unlabelled, metrics.judged) == (6, 1, 1, 4)
    assert metrics.confusion.tolist() == [[2, 1, 0], [1, 0, 0], [0, 0, 0]]
    assert metrics.named.tolist() == [3, 1, 1]


def test_shares(metrics):
    assert (metrics.top_1.count, metrics.top_1.of) == (2, 4)
    assert (metrics.top_5.count, metrics.top_5.of) == (3, 4)  # of rows that name two labels
    assert metrics.of_label("a").value == pytest.approx(2 / 3)
    assert metrics.confused() == [("a", "b", 1), ("b", "a", 1)]


def test_calibration_and_loss(metrics):
    # Two bins from 0.9 on and 0.8 on, and one from 0.5 on: 0.95 right and 0.91 wrong; 0.85; 0.55.
    expected = (abs(1 - (0.95 + 0.91)) + abs(1 - 0.85) + abs(0 - 0.55)) / 4
    assert metrics.calibration_error == pytest.approx(expected)
    assert metrics.log_loss == pytest.approx(
        -np.mean([math.log(p) for p in (0.95, 0.85, 0.25, 0.01)])
    )
    assert [one["clips"] for one in metrics.calibration()] == [0, 0, 0, 0, 0, 1, 0, 0, 1, 2]
    assert metrics.mean_entropy == pytest.approx(0.5)


def test_a_probability_of_one_falls_into_the_last_bin():
    metrics = Metrics(LABELS)
    metrics.add(row("a", "a", 1.0))
    assert metrics.calibration()[-1]["clips"] == 1


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    # Wilson's interval from the tables of Newcombe, "Two-sided confidence intervals for the single
    # proportion" (1998), table I, method 3.
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_intervals_are_the_published_ones(count, of, low, high):
    share = Share(count, of)
    assert (share.low, share.high) == pytest.approx((low, high), abs=6e-5)


def test_nothing_judged_is_no_figure():
    metrics = Metrics(LABELS)
    told = metrics.to_json()
    assert told["top_1"]["share"] is None and told["mean_of_labels"] is None
    assert (told["calibration_error"], told["log_loss"], told["mean_entropy"]) == (None,) * 3
    assert metrics.sentences() == []
    assert (metrics.top_1.low, metrics.top_1.high) == (0.0, 1.0)


def test_what_a_person_reads(metrics):
    first, *others = metrics.sentences()
    assert first.startswith("Top-1 50.0% (2 of 4; 95% interval 15.0% to 85.0%); top-5 75.0%")
    assert others == [
        "1 of 6 clips could not be read.",
        "1 clip has no label that the checkpoint knows.",
        "1 of 3 clips of a are named b.",
        "1 of 1 clips of b are named a.",
    ]
    told = metrics.to_json()
    assert told["mean_of_labels"] == pytest.approx((2 / 3 + 0) / 2)
    assert told["labels"]["b"]["named"] == 1 and "c" not in told["labels"]
    assert told["most_confused"][0] == {"true": "a", "named": "b", "clips": 1}
    assert told["chance"] == pytest.approx(1 / 3)
