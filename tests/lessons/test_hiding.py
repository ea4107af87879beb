"""Steps about masks: every number against the clip's own pixels, every word against its number."""

import math
from dataclasses import replace

import numpy as np
import pytest

from videomae_demo.analysis.reconstruction import NORMALISED_RANGE
from videomae_demo.engine.clips import ClipRequest
from videomae_demo.errors import RequestError
from videomae_demo.explorer import Explorer
from videomae_demo.lenses.masks import MaskRequest
from videomae_demo.lessons.hiding import Graded, Tubes, make_guess, make_targets
from videomae_demo.shipped import ASSETS

CLIP = ClipRequest(ASSETS / "clips" / "moving-left.mp4")


@pytest.fixture(scope="module")
def explorer():
    return Explorer("bundled", device="cpu")


@pytest.fixture(scope="module")
def view(explorer):
    return explorer.reconstruct(CLIP, MaskRequest("tube", 0.75, 0))


@pytest.fixture(scope="module")
def anywhere(explorer):
    return explorer.reconstruct(CLIP, MaskRequest("random", 0.75, 0))


def pixels(frames, place, patch=8, tubelet=2):
    time, row, column = place
    return frames[
        time * tubelet : (time + 1) * tubelet,
        row * patch : (row + 1) * patch,
        column * patch : (column + 1) * patch,
    ].astype(np.float64)


def decibels(one, other):
    error = np.square(one - other).mean()
    return math.inf if error == 0 else -10 * math.log10(error)


@pytest.mark.parametrize("seed", range(5))
def test_a_guess_has_one_truth_and_is_fair(view, seed):
    found = make_guess(view, seed)
    result = view.reconstruction
    assert result.mask[found.place]
    assert found.candidates[found.truth] == found.place
    assert len(set(found.candidates)) == 4
    truth = pixels(result.target, found.place)
    near = [decibels(pixels(result.target, place), truth) for place in found.candidates]
    assert found.psnr_db == pytest.approx(near)
    others = [value for value in near if math.isfinite(value)]
    assert len(others) == 3 and max(others) < 24
    model = pixels(result.prediction.frames, found.place)
    assert found.model_db == pytest.approx(decibels(model, truth), abs=1e-3)
    contrast = [
        pixels(result.target, place).std() for place in zip(*np.nonzero(result.mask), strict=True)
    ]
    assert truth.std() >= np.quantile(contrast, 0.84)


def test_another_round_asks_for_another_patch(view):
    places = {make_guess(view, seed).place for seed in range(6)}
    assert len(places) > 3
    assert make_guess(view, 1) == make_guess(view, 1)


def test_a_clip_of_one_colour_has_nothing_to_guess(view):
    flat = replace(view.reconstruction, target=np.full_like(view.reconstruction.target, 0.5))
    with pytest.raises(RequestError, match="differ enough"):
        make_guess(replace(view, reconstruction=flat), 0)


def test_tubes_say_what_can_be_copied(view, anywhere):
    first, second = Tubes(view, anywhere).sentences()
    mask = anywhere.reconstruction.mask
    lost = sum(mask[:, row, column].all() * len(mask) for row, column in np.ndindex(8, 8))
    share = 1 - lost / mask.sum()
    pictures = {one.name: one for one in anywhere.reconstruction.pictures}
    copied, model = pictures["copied-in-time"].psnr_db, pictures["prediction"].psnr_db
    assert first.startswith(f"Hidden anywhere: {100 * share:.1f}% of the hidden tokens")
    assert f"gives {copied:.1f} dB, nearer than the model ({model:.1f} dB)" in first
    tube = view.reconstruction
    assert second.startswith("Hidden in tubes: 0% can be copied.")
    assert f"gives {tube.best_filling.psnr_db:.1f} dB" in second
    assert second.endswith(f"the model {tube.prediction.psnr_db:.1f} dB.")


def test_tubes_say_who_is_nearer(view, anywhere):
    result = anywhere.reconstruction
    better = replace(result, prediction=replace(result.prediction, psnr_db=40.0))
    first, _ = Tubes(view, replace(anywhere, reconstruction=better)).sentences()
    assert "not as near as the model (40.0 dB)" in first
    copied = next(one for one in result.baselines if one.name == "copied-in-time")
    same = replace(result, prediction=replace(result.prediction, psnr_db=copied.psnr_db))
    first, _ = Tubes(view, replace(anywhere, reconstruction=same)).sentences()
    assert "as near as the model" in first and "not as near" not in first
    none = tuple(one for one in result.baselines if one.name != "copied-in-time")
    first, _ = Tubes(
        view, replace(anywhere, reconstruction=replace(result, baselines=none))
    ).sentences()
    assert first == "Hidden anywhere: no hidden place is visible at another moment here."


def test_the_grade_is_the_mean_over_hidden_pixels(view):
    result = view.reconstruction
    first, second = Graded(view).sentences()
    hidden = np.kron(result.mask, np.ones((2, 8, 8), bool))
    loss = np.square(result.prediction.frames - result.target)[hidden].mean()
    assert first.startswith(f"Loss: {loss:#.3g}, the mean over 384 hidden tokens. The 128 visible")
    time, row, column = np.unravel_index(np.nanargmax(result.token_error), result.mask.shape)
    assert Graded(view).hardest == (time, row, column)
    wrong = np.square(
        pixels(result.prediction.frames, (time, row, column))
        - pixels(result.target, (time, row, column))
    ).mean()
    at_s = view.clip.timestamps_s[2 * time]
    assert f"at {at_s:.2f} s, row {row}, column {column}: an error of" in second
    assert f"error of {100 * math.sqrt(wrong):.0f}% of the range" in second
    half = 100 * math.sqrt(np.nanmedian(result.token_error))
    assert f"half of the tokens have {half:.0f}% or less" in second


def test_patterns_have_no_mean_and_one_contrast(view, explorer):
    found = make_targets(view, explorer.reconstructor.model.config)
    result = view.reconstruction
    place = (3, 2, 5)
    truth = pixels(result.target, place).reshape(-1, 3)
    pattern = (truth - truth.mean(0)) / truth.std(0, ddof=1)
    shown = (0.5 + pattern / (2 * NORMALISED_RANGE)).clip(0, 1)
    np.testing.assert_allclose(pixels(found.pattern, place).reshape(-1, 3), shown, atol=2e-3)


def test_the_leak_alone_is_each_hidden_tokens_mean(view, explorer):
    found = make_targets(view, explorer.reconstructor.model.config)
    result = view.reconstruction
    for place in np.ndindex(result.mask.shape):
        truth = pixels(result.target, place)
        expected = (
            np.broadcast_to(truth.mean((0, 1, 2)), truth.shape) if result.mask[place] else truth
        )
        np.testing.assert_allclose(pixels(found.leak.frames, place), expected, atol=1e-5)
    hidden = np.kron(result.mask, np.ones((2, 8, 8), bool))
    near = decibels(found.leak.frames[hidden].astype(float), result.target[hidden].astype(float))
    assert found.leak.psnr_db == pytest.approx(near, abs=1e-3)
    first, second = found.sentences()
    assert first == (
        "These weights predict plain pixels, so their picture leaks nothing: "
        f"{result.prediction.psnr_db:.1f} dB."
    )
    gain = round(near, 1) - round(result.best_filling.psnr_db, 1)
    assert f"gives {near:.1f} dB, {gain:.1f} dB more than the best honest filling" in second


def test_a_leaking_decoder_is_told_from_one_that_leaks_nothing(view, explorer):
    result = view.reconstruction
    leaking = replace(result, prediction=replace(result.prediction, leaks=True))
    config = explorer.reconstructor.model.config
    first, _ = make_targets(replace(view, reconstruction=leaking), config).sentences()
    assert first.startswith(
        "These weights predict normalised pixels, so their picture is shown with"
    )


def test_the_leak_is_the_baseline_of_a_decoder_that_leaks(
    recogniser_folder, tmp_path_factory, clip_path
):
    """Such a decoder's own baseline is made elsewhere: both must be the same picture."""
    from tiny import save_tiny

    from videomae_demo.model.videomae import VideoMAEForPreTraining

    folder = save_tiny(
        VideoMAEForPreTraining, tmp_path_factory.mktemp("normalised"), norm_pix_loss=True
    )
    explorer = Explorer(str(recogniser_folder), str(folder), device="cpu")
    view = explorer.reconstruct(ClipRequest(clip_path))
    (own,) = (one for one in view.reconstruction.baselines if one.leaks)
    leak = make_targets(view, explorer.reconstructor.model.config).leak
    np.testing.assert_allclose(leak.frames, own.frames, atol=1e-5)
    assert leak.psnr_db == pytest.approx(own.psnr_db, abs=1e-3)
