import math

import numpy as np
import pytest
import torch

from videomae_demo.analysis.reconstruction import NORMALISED_RANGE, reconstruct
from videomae_demo.config import VideoMAEConfig
from videomae_demo.errors import RequestError
from videomae_demo.model.patches import normalise_tokens, patchify, token_statistics


def config(norm_pix_loss: bool = False) -> VideoMAEConfig:
    return VideoMAEConfig(
        image_size=12,
        patch_size=4,
        num_frames=4,
        tubelet_size=2,
        hidden_size=24,
        num_attention_heads=2,
        norm_pix_loss=norm_pix_loss,
    )


@pytest.fixture
def clip() -> torch.Tensor:
    return torch.rand(4, 3, 12, 12, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def mask() -> np.ndarray:
    hidden = np.zeros((2, 3, 3), dtype=bool)
    hidden[:, 0, 1] = hidden[:, 2, 2] = True
    return hidden


def hidden_pixels(mask: np.ndarray) -> np.ndarray:
    return mask.repeat(2, 0).repeat(4, 1).repeat(4, 2)


def tokens_of(clip: torch.Tensor, mask: np.ndarray) -> torch.Tensor:
    return patchify(clip[None], 2, 4)[0][torch.from_numpy(mask.reshape(-1))]


def test_a_perfect_prediction_is_the_original(clip, mask):
    result = reconstruct(tokens_of(clip, mask), clip, mask, config())
    np.testing.assert_array_equal(result.prediction.frames, clip.permute(0, 2, 3, 1))
    np.testing.assert_array_equal(result.target, clip.permute(0, 2, 3, 1))
    assert result.prediction.psnr_db == math.inf
    assert result.loss == 0
    assert not result.prediction.leaks
    assert result.normalised is None


def test_visible_patches_are_kept_and_hidden_ones_predicted(clip, mask):
    grey = torch.full((int(mask.sum()), 2 * 4 * 4 * 3), 0.5)
    result = reconstruct(grey, clip, mask, config())
    hidden = hidden_pixels(mask)
    assert (result.prediction.frames[hidden] == 0.5).all()
    for picture in result.pictures:
        np.testing.assert_array_equal(picture.frames[~hidden], result.target[~hidden])


def test_psnr_and_error_are_over_hidden_pixels_only(clip, mask):
    off = tokens_of(clip, mask).mul(0.5)  # stays within 0..1
    result = reconstruct(off, clip, mask, config())
    hidden = hidden_pixels(mask)
    square = (0.5 * result.target[hidden]) ** 2
    assert result.prediction.psnr_db == pytest.approx(-10 * math.log10(square.mean()), rel=1e-5)
    assert result.loss == pytest.approx(square.mean(), rel=1e-5)
    assert np.isnan(result.token_error[~mask]).all()
    np.testing.assert_allclose(result.token_error[mask].mean(), square.mean(), rtol=1e-5)


def test_each_token_has_its_own_error(mask):
    clip = torch.full((4, 3, 12, 12), 0.5)
    off = torch.arange(1, 5)[:, None] / 10  # the hidden tokens, in order, are off by 0.1 to 0.4
    result = reconstruct((0.5 - off).expand(-1, 96), clip, mask, config())
    expected = np.full((2, 3, 3), np.nan)
    expected[0, 0, 1], expected[0, 2, 2] = 0.01, 0.04
    expected[1, 0, 1], expected[1, 2, 2] = 0.09, 0.16
    np.testing.assert_allclose(result.token_error, expected, rtol=1e-5)
    assert result.prediction.psnr_db == pytest.approx(-10 * math.log10(0.30 / 4), rel=1e-5)


def test_raw_predictions_go_from_black_at_3_deviations_below_to_white_at_3_above(clip, mask):
    deviations = torch.tensor([-4.0, -3.0, 1.5, 3.0])[:, None].expand(-1, 96)
    result = reconstruct(deviations, clip, mask, config(norm_pix_loss=True))
    for (row, column, time), shade in zip(
        ((0, 4, 0), (8, 8, 0), (0, 4, 2), (8, 8, 2)), (0, 0, 0.75, 1), strict=True
    ):
        np.testing.assert_allclose(result.normalised[time, row, column], shade, atol=1e-6)


def test_predictions_beyond_the_range_are_clipped(clip, mask):
    wild = torch.full((int(mask.sum()), 96), 7.0)
    result = reconstruct(wild, clip, mask, config())
    assert result.prediction.frames.max() <= 1
    square = (1 - result.target[hidden_pixels(mask)]) ** 2
    assert result.prediction.psnr_db == pytest.approx(-10 * math.log10(square.mean()), rel=1e-5)


def test_baselines_worked_by_hand(mask):
    clip = torch.zeros(4, 3, 12, 12)
    clip[:, 0, :4, :4] = 1.0  # cell (0, 0) is red in every frame, all else is black
    result = reconstruct(torch.zeros(int(mask.sum()), 96), clip, mask, config())
    by_name = {picture.name: picture for picture in result.pictures}
    # No place is hidden at one time only, so nothing can be copied in time.
    assert set(by_name) == {"prediction", "visible-mean", "distance-weighted", "nearest-visible"}
    assert result.never_visible == 4
    here = (0, slice(0, 4), slice(4, 8))  # cell (0, 1) of the first frame
    # 7 of 9 cells are visible in both slices, one of them red.
    np.testing.assert_allclose(by_name["visible-mean"].frames[here][..., 0], 1 / 7, rtol=1e-6)
    # Its nearest neighbours are (0, 0), (0, 2) and (1, 1); the first in order is the red one.
    np.testing.assert_array_equal(by_name["nearest-visible"].frames[here][..., 0], 1)
    # Squared distances: three at 1, (1,0) and (1,2) at 2, (2,1) at 4, (2,0) at 5.
    weight = 3 * 1 + 2 / 2 + 1 / 4 + 1 / 5
    np.testing.assert_allclose(
        by_name["distance-weighted"].frames[here][..., 0], 1 / weight, rtol=1e-5
    )
    assert not any(picture.leaks for picture in result.pictures)


def fillings_of(clip: torch.Tensor, mask: np.ndarray, config: VideoMAEConfig) -> dict:
    nothing = torch.zeros(int(mask.sum()), config.token_values)
    result = reconstruct(nothing, clip, mask, config)
    return {picture.name: picture for picture in result.baselines}


def fill_by_brute_force(clip: torch.Tensor, mask: np.ndarray, config: VideoMAEConfig) -> dict:
    """The same fillings, token by token, with Python's own numbers."""
    tokens = patchify(clip[None], 2, config.patch_size)[0].double().numpy()
    tokens = tokens.reshape(*mask.shape, -1, 3)
    visible = list(zip(*np.nonzero(~mask), strict=True))  # in the tokens' order
    found = {"nearest-visible": [], "distance-weighted": [], "copied-in-time": []}
    for time, row, column in zip(*np.nonzero(mask), strict=True):

        def apart(at, row=row, column=column):
            return (at[1] - row) ** 2 + (at[2] - column) ** 2

        wait = min(abs(at[0] - time) for at in visible)
        near = [at for at in visible if abs(at[0] - time) == wait]
        found["nearest-visible"].append(tokens[min(near, key=apart)])
        here = [at for at in near if apart(at) == 0]
        shares = {at: 1 for at in here} or {at: 1 / apart(at) for at in near}
        colour = sum(tokens[at].mean(0) * share for at, share in shares.items())
        flat = np.tile(colour / sum(shares.values()), (tokens.shape[-2], 1))
        found["distance-weighted"].append(flat)
        same = [at for at in visible if apart(at) == 0]
        copy = min(same, key=lambda at: abs(at[0] - time)) if same else None
        found["copied-in-time"].append(flat if copy is None else tokens[copy])
    return {name: np.stack(values).reshape(len(values), -1) for name, values in found.items()}


@pytest.mark.parametrize("seed", range(6))
def test_fillings_are_those_of_brute_force(seed):
    """On a grid so wide that floats would confuse its places, with slices that are all hidden."""
    shape = VideoMAEConfig(
        image_size=(24, 80), patch_size=4, num_frames=14, hidden_size=24, num_attention_heads=2
    )
    generator = np.random.default_rng(seed)
    mask = generator.random(shape.grid.shape) < 0.8
    mask[generator.permutation(7)[:4]] = True
    clip = torch.from_numpy(generator.random((14, 3, 24, 80), dtype=np.float32))
    found = fillings_of(clip, mask, shape)
    hidden = torch.from_numpy(mask.reshape(-1))
    for name, expected in fill_by_brute_force(clip, mask, shape).items():
        frames = torch.from_numpy(found[name].frames).permute(0, 3, 1, 2)
        filled = patchify(frames[None], 2, 4)[0][hidden]
        np.testing.assert_allclose(filled, expected, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("hidden_slice", [0, 3, 6])
def test_a_still_clip_is_filled_exactly_where_the_same_place_is_visible(hidden_slice):
    shape = VideoMAEConfig(
        image_size=56, patch_size=4, num_frames=14, hidden_size=24, num_attention_heads=2
    )
    still = torch.rand(1, 3, 56, 56, generator=torch.Generator().manual_seed(0))
    mask = np.zeros(shape.grid.shape, dtype=bool)
    mask[hidden_slice] = True
    found = fillings_of(still.repeat(14, 1, 1, 1), mask, shape)
    assert found["nearest-visible"].psnr_db == math.inf
    assert found["copied-in-time"].psnr_db == math.inf
    flat = still.reshape(3, 14, 4, 14, 4).mean((2, 4), keepdim=True).expand(3, 14, 4, 14, 4)
    weighted = found["distance-weighted"].frames[2 * hidden_slice]
    np.testing.assert_allclose(weighted, flat.reshape(3, 56, 56).permute(1, 2, 0), atol=1e-6)


def test_of_two_slices_equally_near_the_earlier_is_copied_and_both_are_weighed():
    mask = np.zeros((3, 3, 3), dtype=bool)
    mask[1] = True
    clip = torch.zeros(6, 3, 12, 12)
    clip[:2], clip[4:] = 0.2, 0.6
    shape = VideoMAEConfig(
        image_size=12, patch_size=4, num_frames=6, hidden_size=24, num_attention_heads=2
    )
    found = fillings_of(clip, mask, shape)
    for name in ("nearest-visible", "copied-in-time"):
        np.testing.assert_allclose(found[name].frames[2:4], 0.2)
    np.testing.assert_allclose(found["distance-weighted"].frames[2:4], 0.4, rtol=1e-6)


def test_what_is_never_visible_can_not_be_copied_in_time(clip):
    mask = np.zeros((2, 3, 3), dtype=bool)
    mask[:, 0, 0] = True  # never visible
    mask[1, 2, 2] = True  # visible before
    result = reconstruct(torch.zeros(3, 96), clip, mask, config())
    assert result.never_visible == 2
    by_name = {picture.name: picture.frames for picture in result.pictures}
    copied = by_name["copied-in-time"]
    np.testing.assert_array_equal(copied[2:, 8:, 8:], result.target[:2, 8:, 8:])
    np.testing.assert_array_equal(copied[:, :4, :4], by_name["distance-weighted"][:, :4, :4])


def test_the_rival_is_the_best_filling_that_does_not_leak(clip, mask):
    result = reconstruct(torch.zeros(int(mask.sum()), 96), clip, mask, config())
    assert result.rival is result.best_filling
    assert result.rival.psnr_db == max(picture.psnr_db for picture in result.baselines)


def test_the_rival_of_a_leaking_prediction_is_the_leak_alone():
    flat = torch.rand(4, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    clip = flat.repeat_interleave(4, 2).repeat_interleave(4, 3)
    clip[1::2] = clip[::2]
    mask = np.zeros((2, 3, 3), dtype=bool)
    mask[:, 1] = True
    result = reconstruct(torch.zeros(6, 96), clip, mask, config(norm_pix_loss=True))
    assert result.rival.name == "true-patch-mean"
    assert result.rival.psnr_db == math.inf  # its patches are flat: the leak says all
    assert result.best_filling.name != "true-patch-mean"
    assert not result.best_filling.leaks


def test_normalised_predictions_use_the_true_statistics_and_say_so(clip, mask):
    hidden = tokens_of(clip, mask)[None]
    perfect = normalise_tokens(hidden, token_statistics(hidden, 3))[0]
    result = reconstruct(perfect, clip, mask, config(norm_pix_loss=True))
    np.testing.assert_allclose(result.prediction.frames, clip.permute(0, 2, 3, 1), atol=1e-6)
    assert result.prediction.leaks
    assert result.loss == pytest.approx(0, abs=1e-12)
    raw = result.normalised[hidden_pixels(mask)]
    expected = 0.5 + perfect.numpy().ravel().sum() / (2 * NORMALISED_RANGE) / perfect.numel()
    assert raw.mean() == pytest.approx(expected, abs=1e-3)


def test_a_normalised_prediction_of_nothing_is_the_true_patch_mean(clip, mask):
    """Zero deviation everywhere: what is left is the leak alone, which is the baseline."""
    nothing = torch.zeros(int(mask.sum()), 96)
    result = reconstruct(nothing, clip, mask, config(norm_pix_loss=True))
    by_name = {picture.name: picture for picture in result.baselines}
    mean = by_name["true-patch-mean"]
    assert mean.leaks
    np.testing.assert_allclose(mean.frames, result.prediction.frames, atol=1e-6)
    assert mean.psnr_db == pytest.approx(result.prediction.psnr_db, rel=1e-5)
    assert not by_name["visible-mean"].leaks
    np.testing.assert_array_equal(result.normalised[hidden_pixels(mask)], 0.5)


def test_what_does_not_belong_together_is_refused(clip, mask):
    with pytest.raises(RequestError, match=r"4 hidden tokens does not fit .* 3 predicted"):
        reconstruct(torch.zeros(3, 96), clip, mask, config())
