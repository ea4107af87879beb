"""Read-outs of logits, worked out by hand, and which labels are opposites."""

import math

import pytest

from videomae_demo.analysis.probes import are_opposite, opposite_of, read_out


def test_a_label_is_read_out_of_the_logits():
    read = read_out([0.0, math.log(3), math.log(6)], label=1, opposite=0)
    assert read.probability == pytest.approx(0.3)
    assert (read.rank, read.best) == (2, 2)
    assert read.best_probability == pytest.approx(0.6)
    assert read.margin == pytest.approx(-math.log(2))
    assert read.log_odds == pytest.approx(math.log(3))
    best = read_out([0.0, math.log(3), math.log(6)], label=2, opposite=None)
    assert (best.rank, best.log_odds) == (1, None)
    assert best.margin == pytest.approx(math.log(2))


def test_of_equal_labels_the_first_is_the_best():
    assert [read_out([1.0, 1.0], label, None).rank for label in (0, 1)] == [1, 2]
    assert read_out([1.0, 1.0], 1, None).best == 0


def test_a_single_label_has_no_rival():
    read = read_out([2.0], 0, None)
    assert (read.probability, read.margin) == (1.0, math.inf)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("moving left", "moving right", True),
        ("Opening something", "closing something", True),
        ("pushing something from left to right", "pushing something from right to left", True),
        ("spinning clockwise", "spinning counterclockwise", True),
        ("moving left", "moving up", False),
        ("moving left", "camera panning right", False),
        ("moving left up", "moving right up", True),
        ("growing", "shrinking", True),
        ("moving left", "moving left", False),
        ("left", "left left", False),
    ],
)
def test_opposites_differ_in_opposite_words_alone(one, other, expected):
    assert are_opposite(one, other) is expected
    assert are_opposite(other, one) is expected


def test_the_opposite_of_a_label_is_found_if_there_is_one():
    labels = ("moving left", "waving", "moving right")
    assert [opposite_of(label, labels) for label in range(3)] == [2, None, 0]
    assert opposite_of(0, (*labels, "moving right")) is None
