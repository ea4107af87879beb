import math

import numpy as np
import pytest
import torch

from videomae_demo.analysis.reconstruction import NORMALISED_RANGE, reconstruct
from videomae_demo.errors import RequestError
from videomae_demo.model.config import VideoMAEConfig
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
    assert set(by_name) == {"prediction", "visible-mean", "distance-weighted", "nearest-visible"}
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


def test_a_wholly_hidden_slice_borrows_from_the_nearest_one():
    hidden = np.zeros((2, 3, 3), dtype=bool)
    hidden[1] = True
    clip = torch.rand(2, 3, 12, 12).repeat(2, 1, 1, 1)
    clip[1::2] = clip[0]
    clip[2:] = 0
    result = reconstruct(torch.zeros(9, 96), clip, hidden, config())
    by_name = {picture.name: picture for picture in result.pictures}
    np.testing.assert_array_equal(by_name["nearest-visible"].frames[2:], result.target[:2])
    assert np.isfinite(by_name["distance-weighted"].frames).all()


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
