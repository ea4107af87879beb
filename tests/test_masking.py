import re

import numpy as np
import pytest

from videomae_demo import masking
from videomae_demo.config import TokenGrid
from videomae_demo.errors import RequestError

SQUARE = TokenGrid(8, 14, 14)
OBLONG = TokenGrid(4, 2, 6)


def test_tube_hides_176_of_196_patches_in_every_slice_at_ratio_0_9():
    mask = masking.tube(SQUARE, 0.9, seed=0)
    assert mask.shape == (8, 14, 14)
    assert mask.dtype == np.bool_
    assert mask.sum(axis=(1, 2)).tolist() == [176] * 8
    assert (mask == mask[:1]).all()


def test_random_counts_over_the_whole_clip_and_differs_between_slices():
    mask = masking.random(SQUARE, 0.9, seed=0)
    assert mask.shape == SQUARE.shape
    assert mask.sum() == 1411  # int(0.9 * 1568)
    assert not (mask == mask[:1]).all()


def test_frame_hides_whole_slices():
    mask = masking.frame(TokenGrid(8, 3, 5), 0.8, seed=1)
    assert mask.shape == (8, 3, 5)
    assert sorted(mask.sum(axis=(1, 2)).tolist()) == [0, 0] + [15] * 6


def test_cell_agrees_with_a_queue_that_runs_by_one_per_slice():
    # The reference: a queue of hidden and visible places whose pointer advances with each slice.
    for seed in range(8):
        mask = masking.cell(OBLONG, 0.5, seed)
        runs = []
        for pointer in range(4):
            queue = np.array([1, 1, 0, 0])
            units = [np.roll(queue, -(pointer + slice_)).reshape(2, 2) for slice_ in range(4)]
            runs.append(np.stack([np.tile(unit, (1, 3)) for unit in units]).astype(bool))
        assert sum((mask == run).all() for run in runs) == 1


def test_cell_shows_every_patch_once_in_four_slices_at_three_quarters():
    mask = masking.cell(OBLONG, 0.75, seed=3)
    assert ((~mask).sum(axis=0) == 1).all()


def test_cell_seeds_reach_all_four_starts():
    assert len({masking.cell(OBLONG, 0.5, seed).tobytes() for seed in range(40)}) == 4


def test_cell_cuts_its_units_on_an_odd_grid():
    assert masking.cell(TokenGrid(2, 3, 5), 0.5, seed=0).shape == (2, 3, 5)


@pytest.mark.parametrize("kind", masking.MASK_KINDS)
def test_a_larger_ratio_hides_a_superset(kind):
    smaller, larger = (masking.make_mask(kind, SQUARE, ratio, seed=5) for ratio in (0.3, 0.8))
    assert (larger | ~smaller).all()
    assert larger.sum() > smaller.sum()


@pytest.mark.parametrize("kind", masking.MASK_KINDS)
def test_the_seed_decides(kind):
    masks = [masking.make_mask(kind, SQUARE, 0.5, seed) for seed in (1, 1, *range(2, 12))]
    assert (masks[0] == masks[1]).all()
    assert any((masks[0] != other).any() for other in masks[2:])


def test_make_mask_names_the_known_kinds():
    assert (masking.make_mask("tube", SQUARE, 0.9, 0) == masking.tube(SQUARE, 0.9, 0)).all()
    with pytest.raises(RequestError, match=r"'stripes'.*tube, random, frame, cell"):
        masking.make_mask("stripes", SQUARE, 0.9, 0)


@pytest.mark.parametrize("kind", masking.MASK_KINDS)
@pytest.mark.parametrize("ratio", [0, 1, -0.5, 1.5, float("nan")])
def test_a_ratio_must_lie_between_0_and_1(kind, ratio):
    with pytest.raises(RequestError, match=r"above 0 and below 1"):
        masking.make_mask(kind, SQUARE, ratio, 0)


@pytest.mark.parametrize(
    ("kind", "count"), [("tube", 196), ("random", 1568), ("frame", 8), ("cell", 4)]
)
def test_a_ratio_that_hides_nothing_is_told_which_ratios_work(kind, count):
    with pytest.raises(RequestError, match=rf"hides none of the {count} ") as caught:
        masking.make_mask(kind, SQUARE, 0.9 / count, 0)
    (least,) = map(float, re.findall(r"from ([\d.]+) ", str(caught.value)))
    assert least < 1.2 / count
    assert masking.make_mask(kind, SQUARE, least, 0).any()


@pytest.mark.parametrize("kind", masking.MASK_KINDS)
def test_the_largest_ratio_below_1_leaves_something_visible(kind):
    assert not masking.make_mask(kind, SQUARE, 1 - 2**-53, 0).all()


def test_one_slice_of_time_can_not_be_hidden_alone():
    with pytest.raises(RequestError, match="only 1"):
        masking.frame(TokenGrid(1, 4, 4), 0.5, 0)


@pytest.mark.parametrize("kind", masking.MASK_KINDS)
@pytest.mark.parametrize("seed", [-1, 1.5, "one", True])
def test_a_seed_must_be_a_whole_number_from_0(kind, seed):
    with pytest.raises(RequestError, match="whole number from 0"):
        masking.make_mask(kind, SQUARE, 0.5, seed)


def test_a_numpy_seed_is_a_seed():
    assert (masking.tube(SQUARE, 0.5, np.int64(3)) == masking.tube(SQUARE, 0.5, 3)).all()


def test_painted_returns_a_copy():
    array = np.zeros(OBLONG.shape, dtype=bool)
    array[0, 1, 2] = True
    mask = masking.painted(array, OBLONG)
    assert (mask == array).all()
    array[:] = False
    assert mask[0, 1, 2]


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(OBLONG.shape), "float64 values; it must be bool"),
        (np.ones((4, 6, 2), dtype=bool), r"\(4, 6, 2\).*\(4, 2, 6\)"),
        (np.zeros(OBLONG.shape, dtype=bool), "hides no token"),
        (np.ones(OBLONG.shape, dtype=bool), "hides all 48 tokens"),
    ],
)
def test_painted_says_what_is_wrong(array, message):
    with pytest.raises(RequestError, match=message):
        masking.painted(array, OBLONG)


def test_the_future_is_the_last_slices_of_time():
    mask = masking.future(OBLONG, 0.5)
    hidden = int(0.5 * OBLONG.time)
    assert mask[-hidden:].all() and not mask[:-hidden].any()
    with pytest.raises(RequestError, match="hides none of the"):
        masking.future(SQUARE, 0.01)


def test_the_highest_scores_are_hidden_and_of_equal_ones_the_first():
    grid = TokenGrid(1, 2, 3)
    scores = np.array([[[0.1, 0.9, 0.5], [0.5, 0.5, -1.0]]])
    assert masking.highest(scores, grid, 0.5).tolist() == [
        [[False, True, True], [True, False, False]]
    ]
    assert masking.highest(-scores, grid, 0.34).tolist() == [
        [[True, False, False], [False, False, True]]
    ]
