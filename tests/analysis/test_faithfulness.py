"""Curves and figures worked out by hand, with a model that only adds up what it still sees."""

import math
import threading

import numpy as np
import pytest

from videomae_demo.analysis.dropping import (
    BLOCK,
    GROUPINGS,
    GROUPS_AT_ONCE,
    Course,
    blocks,
    hide,
    leave_out_each,
    ranked,
    slices,
    tubes,
)
from videomae_demo.analysis.faithfulness import GROUPS, RANDOM_SEEDS, SHARES, saco, try_out
from videomae_demo.analysis.methods import Target
from videomae_demo.cancellation import Cancelled, cancellable
from videomae_demo.config import TokenGrid
from videomae_demo.errors import RequestError

SHAPE = (1, 2, 10)
TARGET = Target(1)
TRUE = np.arange(20, 0, -1, dtype=np.float64).reshape(SHAPE) / 10  # token 0 matters most


class Adder:
    """Two labels: the logit of the second is what the visible tokens are worth, less `shift`."""

    def __init__(self, worth=TRUE, shift=5.0):
        self.worth, self.shift, self.asked = worth, shift, []

    def __call__(self, hidden):
        self.asked.append(hidden)
        assert len(set(hidden.sum((1, 2, 3)))) == 1 or len(hidden) <= GROUPS
        seen = (self.worth * ~hidden).sum((1, 2, 3)) - self.shift
        return np.stack([np.zeros(len(hidden)), seen], axis=1).astype(np.float32)


def logistic(value):
    return 1 / (1 + math.exp(-value))


def last(stream):
    return list(stream)[-1]


def test_curves_worked_by_hand():
    found = last(try_out({"true": TRUE}, TARGET, Adder(), seeds=())).curve("true")
    counts = [0, 1, 2, 4, 7, 10, 13, 16, 18, 19]
    falling, rising = list(range(20, 0, -1)), list(range(1, 21))
    for course, worths in ((found.deletion, falling), (found.insertion, rising)):
        left = [sum(worths[count:]) / 10 - 5 for count in counts]
        np.testing.assert_allclose(course.hidden, [count / 20 for count in counts])
        np.testing.assert_allclose(course.values, left, atol=1e-5)
        np.testing.assert_allclose(course.probabilities, [logistic(v) for v in left], atol=1e-6)
        np.testing.assert_array_equal(course.tops, [int(value > 0) for value in left])
        area = sum(
            (logistic(left[i]) + logistic(left[i + 1])) / 2 * (counts[i + 1] - counts[i])
            for i in range(9)
        )
        assert course.auc == pytest.approx(area / 19, rel=1e-5)
    assert found.deletion.flips_at == 0.65  # ten gone leave 5.5 of the 5 needed, thirteen 2.8
    assert found.gap == pytest.approx(found.insertion.auc - found.deletion.auc)
    assert found.gap > 0.2


def course(probabilities, hidden, tops=None):
    values = np.array(probabilities, dtype=np.float64)
    tops = np.array(tops if tops is not None else [1] * len(values))
    return Course(np.array(hidden, dtype=np.float64), values, values, tops)


def test_an_area_worked_by_hand():
    # Trapezoids: 0.1 * 0.75 + 0.4 * 0.25 = 0.175, of a width of 0.5.
    assert course([1.0, 0.5, 0.0], [0.0, 0.1, 0.5]).auc == pytest.approx(0.35)
    assert course([0.3, 0.3], [0.0, 0.95]).auc == pytest.approx(0.3)
    assert math.isnan(course([1.0], [0.0]).auc)
    assert math.isnan(course([], []).auc)


def test_where_the_label_flips():
    assert course([0.9, 0.8, 0.4], [0.0, 0.1, 0.2], [1, 1, 0]).flips_at == 0.2
    assert course([0.9, 0.4, 0.8], [0.0, 0.1, 0.2], [2, 0, 2]).flips_at == 0.1
    assert course([0.9, 0.8], [0.0, 0.1]).flips_at is None
    assert course([], []).flips_at is None


def test_a_worse_map_has_a_smaller_gap_and_a_reversed_one_the_opposite():
    maps = {"true": TRUE, "reversed": -TRUE, "flat": np.zeros(SHAPE)}
    found = last(try_out(maps, TARGET, Adder()))
    true, turned, flat = found.curves
    assert (true.gap, true.deletion.auc) == (-turned.gap, turned.insertion.auc)
    np.testing.assert_array_equal(flat.deletion.values, true.deletion.values)  # ties: earlier first
    assert all(abs(curve.gap) < true.gap for curve in found.band)
    assert len({curve.gap for curve in found.band}) == len(RANDOM_SEEDS)
    assert [curve.name for curve in found.band] == [f"random {seed}" for seed in RANDOM_SEEDS]


def test_the_margin_is_watched_where_it_is_the_target():
    def three(hidden):
        seen = (TRUE * ~hidden).sum((1, 2, 3))
        return np.stack([seen, 2 * seen, 3 * seen], axis=1).astype(np.float32)

    found = last(try_out({"true": TRUE}, Target(0, 2), three)).curve("true")
    assert found.deletion.values[0] == pytest.approx(-2 * TRUE.sum())
    powers = np.exp(np.array([1, 2, 3]) * TRUE[0, 1, 9])  # the last token alone is left
    assert found.deletion.probabilities[-1] == pytest.approx(powers[0] / powers.sum(), rel=1e-5)
    assert set(found.deletion.tops) == {2}


def test_the_curve_grows_with_every_answer():
    adder = Adder()
    stream = try_out({"true": TRUE, "other": -TRUE}, TARGET, adder)
    for step, found in enumerate(stream, start=1):
        assert len(adder.asked) == step  # nothing is computed before it is asked for
        points = min(step, len(SHARES))
        for curve in (*found.curves, *found.band):
            assert len(curve.deletion.hidden) == len(curve.insertion.values) == points
        computed = [curve.saco is not None for curve in found.curves]
        assert computed == [step > len(SHARES), step > len(SHARES) + 1]
        assert found.done == pytest.approx(step / (len(SHARES) + 2))
    assert step == len(SHARES) + 2
    assert found.target is TARGET
    assert len(adder.asked[0]) == 1  # nothing hidden is the same for all
    assert len(adder.asked[1]) == 2 * (2 + len(RANDOM_SEEDS))
    assert last(try_out({"true": TRUE}, TARGET, Adder(), with_saco=False)).done == 1


def test_a_stream_ends_when_nobody_waits():
    wish, adder = threading.Event(), Adder()
    with cancellable(wish):
        stream = try_out({"true": TRUE}, TARGET, adder)
        next(stream)
        wish.set()
        with pytest.raises(Cancelled):
            next(stream)
        with pytest.raises(Cancelled):
            next(leave_out_each(slices(TokenGrid(2, 1, 1)), TARGET, Adder(np.ones((2, 1, 1)))))
    assert len(adder.asked) == 1


def test_few_tokens_give_few_points():
    found = last(try_out({"true": np.array([[[1.0, 2.0]]])}, TARGET, Adder(np.ones((1, 1, 2)))))
    assert found.curves[0].deletion.hidden.tolist() == [0, 0.5]


@pytest.mark.parametrize(
    ("maps", "sentence"),
    [
        ({}, "maps have the shapes"),
        ({"a": np.ones(SHAPE), "b": np.ones((2, 1, 10))}, "all of one shape"),
        ({"a": np.ones((1, 1, 1))}, "one token leaves nothing"),
    ],
)
def test_maps_that_can_not_be_tried_are_refused(maps, sentence):
    with pytest.raises(RequestError, match=sentence):
        next(try_out(maps, TARGET, Adder()))


# ---- SaCo ----------------------------------------------------------------------------------------


def test_saco_worked_by_hand():
    # Pairs: 3-2 in order, +1; 3-0 against, -3; 2-0 against, -2: -4 of 6.
    assert saco([3, 2, 0], [0.5, 0.1, 0.6]) == pytest.approx(-4 / 6)
    assert saco([3, 2, 0], [0.6, 0.5, 0.1]) == 1
    assert saco([3, 2, 0], [0.1, 0.5, 0.6]) == -1
    assert saco([3, 2], [0.5, 0.5]) == 1  # "at least as much"
    assert saco([1, 1, 1], [0.1, 0.9, 0.5]) == 0


def test_saco_of_a_true_map_is_1_and_of_its_reverse_minus_1():
    adder = Adder(shift=15.0)
    found = last(try_out({"true": TRUE, "reversed": -TRUE}, TARGET, adder))
    assert [curve.saco for curve in found.curves] == [1.0, -1.0]
    groups = adder.asked[-2]
    assert groups.shape == (GROUPS, *SHAPE)
    assert (groups.sum(axis=0) == 1).all()
    assert [np.flatnonzero(group).tolist() for group in groups[:2]] == [[0, 1], [2, 3]]
    assert all(curve.saco is None for curve in found.band)


def test_saco_weighs_by_the_sum_of_scores():
    """Against the formula, for a map that is neither right nor wrong."""
    scores = np.random.default_rng(0).normal(size=SHAPE)
    found = last(try_out({"map": scores}, TARGET, Adder())).curves[0].saco
    order = np.argsort(-scores.ravel()).reshape(GROUPS, -1)
    full = logistic(TRUE.sum() - 5)
    drops = [full - logistic(TRUE.sum() - TRUE.ravel()[part].sum() - 5) for part in order]
    sums = [scores.ravel()[part].sum() for part in order]
    signs = wanted = 0.0
    for i in range(GROUPS):
        for j in range(i + 1, GROUPS):
            signs += (sums[i] - sums[j]) * (1 if drops[i] >= drops[j] else -1)
            wanted += sums[i] - sums[j]
    assert found == pytest.approx(signs / wanted, rel=1e-4)
    assert -1 < found < 1


# ---- orders and groups ---------------------------------------------------------------------------


def test_orders():
    scores = np.array([[[0.5, 2.0]], [[0.5, -1.0]]])
    assert ranked(scores).tolist() == [1, 0, 2, 3]
    assert np.flatnonzero(hide(ranked(scores), 2, (2, 1, 2))).tolist() == [0, 1]
    assert not hide(ranked(scores), 0, (2, 1, 2)).any()


@pytest.mark.parametrize(
    ("groups", "count", "first"),
    [
        (slices, 3, (slice(0, 1), slice(None), slice(None))),
        (tubes, 20, (slice(None), slice(0, 1), slice(0, 1))),
        (blocks, 2 * 2 * 3, tuple(slice(0, size) for size in BLOCK)),
    ],
)
def test_groups_divide_the_clip(groups, count, first):
    grid = TokenGrid(3, 4, 5)
    found = groups(grid)
    assert found.shape == (count, *grid.shape)
    assert found.dtype == np.bool_
    assert (found.sum(axis=0) == 1).all()
    expected = np.zeros(grid.shape, dtype=bool)
    expected[first] = True
    np.testing.assert_array_equal(found[0], expected)
    assert groups in GROUPINGS.values()
    assert found[-1, -1, -1, -1]


def test_leaving_out_each_slice_worked_by_hand():
    worth = np.array([[[1.0, 2.0]], [[4.0, 0.0]], [[-3.0, 1.0]]])
    found = last(leave_out_each(slices(TokenGrid(3, 1, 2)), TARGET, Adder(worth, shift=3.5)))
    assert found.value == 1.5
    assert found.drops.tolist() == [3.0, 4.0, -2.0]
    assert found.values.tolist() == [-1.5, -2.5, 3.5]
    np.testing.assert_allclose(found.probabilities, [logistic(v) for v in found.values], atol=1e-6)
    assert found.tops.tolist() == [0, 0, 1]
    np.testing.assert_allclose(
        found.scores, [[[1.5, 1.5]], [[2.0, 2.0]], [[-1.0, -1.0]]], atol=1e-6
    )
    assert found.done == 1


def test_groups_come_a_few_at_a_time():
    grid = TokenGrid(1, 3, 6)
    adder = Adder(np.ones(grid.shape))
    done = list(leave_out_each(tubes(grid), TARGET, adder))
    assert [len(found.drops) for found in done] == [GROUPS_AT_ONCE, 2 * GROUPS_AT_ONCE, 18]
    assert [found.done for found in done] == [8 / 18, 16 / 18, 1]
    assert [len(asked) for asked in adder.asked] == [1, 8, 8, 2]
    np.testing.assert_array_equal(done[0].groups, tubes(grid)[:8])
    assert done[-1].target is TARGET


def test_the_only_slice_can_not_be_left_out():
    grid = TokenGrid(1, 2, 2)
    with pytest.raises(RequestError, match="holds every token of the clip"):
        next(leave_out_each(slices(grid), TARGET, Adder(np.ones(grid.shape))))
