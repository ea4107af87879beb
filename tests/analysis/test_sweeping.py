"""Sweeps over shares and seeds: which masks are measured, and what is made of the measures."""

import math
import threading

import numpy as np
import pytest
import torch
from made_sweep import made_sweep
from tiny import tiny_config

from videomae_demo.analysis.colours import TrueColours
from videomae_demo.analysis.reconstruction import measure, reconstruct
from videomae_demo.analysis.sweeping import (
    RATIOS,
    SEEDS,
    Measures,
    known_sweep,
    sweep_ratios,
)
from videomae_demo.cancellation import Cancelled, cancellable
from videomae_demo.config import TokenGrid
from videomae_demo.errors import RequestError
from videomae_demo.masking import make_mask

GRID = TokenGrid(4, 4, 8)
NAMES = ("prediction", "visible-mean", "distance-weighted")


def measured(mask: np.ndarray, *more: str) -> Measures:
    """Measures that tell the mask: how much it hides, and where."""
    near = float(mask.sum()) + float(np.flatnonzero(mask.ravel())[0]) / 1000
    names = (*NAMES, *more)
    values = tuple(near + index for index in range(len(names)))
    return Measures(names, values, tuple(value / 100 for value in values), (False,) * len(names))


def measure_all(masks):
    return [measured(mask) for mask in masks]


def test_the_shares_are_those_of_the_slider():
    assert RATIOS == (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)


@pytest.mark.parametrize("kind", ["tube", "random", "frame"])
def test_every_share_is_measured_behind_the_masks_of_all_seeds(kind):
    sweeps = list(sweep_ratios(kind, GRID, measure_all))
    assert [sweep.done for sweep in sweeps] == pytest.approx(np.arange(1, 11) / 10)
    assert [len(sweep.ratios) for sweep in sweeps] == list(range(1, 11))
    last = sweeps[-1]
    assert (last.kind, last.seeds, last.ratios, last.names) == (kind, SEEDS, RATIOS, NAMES)
    for at, ratio in enumerate(RATIOS):
        masks = [make_mask(kind, GRID, ratio, seed) for seed in SEEDS]
        assert last.hidden[at] == np.mean(masks)
        for index in range(3):
            expected = [measured(mask).psnr_db[index] for mask in masks]
            assert last.psnr_db[index, at].tolist() == expected
            assert last.losses[index, at].tolist() == [value / 100 for value in expected]
            assert last.mean_db[index, at] == pytest.approx(sum(expected) / 5)
            assert last.mean_losses[index, at] == pytest.approx(sum(expected) / 500)


def test_where_nothing_can_be_copied_in_time_the_weighted_filling_stands_in():
    def now_and_then(masks):
        return [measured(mask, *["copied-in-time"] * (seed % 2)) for seed, mask in enumerate(masks)]

    (sweep,) = sweep_ratios("random", GRID, now_and_then, ratios=(0.5,))
    assert sweep.names == (*NAMES, "copied-in-time")
    weighted, copied = sweep.psnr_db[2, 0], sweep.psnr_db[3, 0]
    assert (copied - weighted).tolist() == [0, 1, 0, 1, 0]


@pytest.mark.parametrize("kind", ["cell", "painted", "tubes"])
def test_kinds_that_can_not_hide_every_share_are_refused(kind):
    for sweep in (sweep_ratios(kind, GRID, measure_all), None):
        with pytest.raises(RequestError, match=f"{kind}.*choose tube, random, frame"):
            next(sweep) if sweep else known_sweep(kind, GRID, measure_all)


def test_a_sweep_ends_when_nobody_waits():
    wish, asked = threading.Event(), []

    def measure_and_leave(masks):
        asked.append(len(masks))
        return measure_all(masks)

    with cancellable(wish):
        stream = sweep_ratios("tube", GRID, measure_and_leave)
        next(stream)
        wish.set()
        with pytest.raises(Cancelled):
            next(stream)
    assert asked == [5]


def test_what_is_known_has_all_masks_of_a_share():
    def half_known(masks):
        found = measure_all(masks)
        share = masks.mean()
        return [None if share > 0.7 and seed == 3 else one for seed, one in enumerate(found)]

    known = known_sweep("tube", GRID, half_known)
    assert known.ratios == (0.5, 0.55, 0.6, 0.65, 0.7)
    assert known.done == 0.5
    *_, last = sweep_ratios("tube", GRID, measure_all)
    np.testing.assert_array_equal(known.psnr_db, last.psnr_db[:, :5])
    np.testing.assert_array_equal(known.hidden, last.hidden[:5])
    assert known_sweep("tube", GRID, lambda masks: [None] * len(masks)) is None


def test_the_best_filling_and_the_rival_at_each_share():
    sweep = made_sweep()
    assert [sweep.names[index] for index in sweep.best_fillings] == [
        "copied-in-time", "copied-in-time", "copied-in-time", "visible-mean",
    ]  # fmt: skip
    assert sweep.rivals.tolist() == sweep.best_fillings.tolist()
    leaky = made_sweep(leaks=True)
    assert leaky.best_fillings.tolist() == sweep.best_fillings.tolist()
    assert {leaky.names[index] for index in leaky.rivals} == {"true-patch-mean"}
    assert [sweep.nearest(ratio) for ratio in (0.1, 0.6, 0.65, 0.9, 0.99)] == [0, 0, 1, 2, 3]


# ---- one mask, by another way --------------------------------------------------------------------


@pytest.mark.parametrize("norm_pix_loss", [False, True])
@pytest.mark.parametrize("colours", [None, TrueColours((0.8, 1.1, 0.9), (0.05, 0.0, 0.1))])
def test_measures_are_those_of_the_pixels(norm_pix_loss, colours):
    """PSNR from the pictures, and the loss of every filling as if the decoder had predicted it."""
    config = tiny_config(norm_pix_loss=norm_pix_loss)
    generator = torch.Generator().manual_seed(3)
    clip = torch.rand(4, 3, 32, 32, generator=generator) * 0.5 + 0.2
    mask = make_mask("random", config.grid, 0.75, 1)
    predicted = torch.randn(24, config.token_values, generator=generator) * 0.1
    given = (predicted, clip, mask, config, *([colours] if colours else []))
    found, pictures = measure(*given), reconstruct(*given)
    hidden = mask.repeat(2, 0).repeat(8, 1).repeat(8, 2)
    factor = np.array(colours.factor if colours else (1, 1, 1))
    original = clip.permute(0, 2, 3, 1).numpy().astype(np.float64)
    assert found.names == tuple(picture.name for picture in pictures.pictures)
    assert found.leaks == tuple(picture.leaks for picture in pictures.pictures)
    assert found.losses[0] == pytest.approx(pictures.loss)
    for index, picture in enumerate(pictures.pictures):
        error = picture.frames.astype(np.float64) - pictures.target
        expected = -10 * math.log10((error[hidden] ** 2).mean())
        assert found.psnr_db[index] == pytest.approx(expected, abs=1e-3)
        if not index:
            continue  # its picture is clamped, and its loss is not
        error /= factor
        if norm_pix_loss:
            for t, row, column in np.argwhere(mask):
                here = (slice(2 * t, 2 * t + 2), slice(8 * row, 8 * row + 8),
                        slice(8 * column, 8 * column + 8))  # fmt: skip
                error[here] /= original[here].std((0, 1, 2), ddof=1) + 1e-6
        assert found.losses[index] == pytest.approx((error[hidden] ** 2).mean(), rel=1e-3)
