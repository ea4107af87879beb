"""The figures of `benchmarks.faithfulness`, worked out by hand."""

import math

import numpy as np
import pytest

from benchmarks.faithfulness import COLUMNS, compare, lift, mean, table


def test_lift_worked_by_hand():
    scores = np.array([[[3.0, 1.0, -4.0, 0.0]]], dtype=np.float32)
    thing = np.array([[[1.0, 0.0, 0.5, 0.5]]], dtype=np.float32)
    # 3 of 4 lie on the thing, which covers half of the clip; below zero does not count.
    assert lift(scores, thing) == pytest.approx(0.75 / 0.5)
    assert math.isnan(lift(scores, None))
    assert math.isnan(lift(-np.abs(scores), thing))


def test_an_interval_worked_by_hand():
    # Standard deviation 1, so 1.96 / sqrt(3) = 1.132.
    assert mean(np.array([1.0, 2.0, 3.0, math.nan])) == "2.000 ± 1.132"
    assert mean(np.array([1.0, math.nan])) == "-"


def rows(gaps):
    return [[0.1, 0.1 + gap, gap, 0.0, math.nan, time] for time, gap in enumerate(gaps)]


def test_the_largest_gap_stands_first():
    measured = {"small": rows([0.1, 0.1, 0.4]), "large": rows([0.3, 0.5, 0.4])}
    lines = table(measured)
    assert lines[0].count("|") == lines[1].count("|") == len(COLUMNS) + 2
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| large", "| small"]
    assert lines[2].endswith("| 0.400 ± 0.113 | 0.000 ± 0.000 | - | 1 |")
    assert compare(measured, "large", "small") == (
        "The gap of large less that of small: 0.200 ± 0.226, larger on 2 of 3 clips."
    )
