"""What many masks say together, beside the same worked out mask by mask from the pictures."""

import numpy as np
import pytest
import torch
from tiny import tiny_config

from videomae_demo.analysis.many_masks import MOST_MASKS, Together, masks_that_cover
from videomae_demo.analysis.reconstruction import reconstruct
from videomae_demo.config import TokenGrid
from videomae_demo.errors import RequestError
from videomae_demo.masking import make_mask

CONFIG = tiny_config(norm_pix_loss=False)
GRID = CONFIG.grid


def of_tokens(frames: np.ndarray) -> np.ndarray:
    """Cut (T, H, W, C) into (time, height, width, values of a token), by hand."""
    tubelet, patch = CONFIG.tubelet_size, CONFIG.patch_size
    shape = (GRID.time, tubelet, GRID.height, patch, GRID.width, patch, frames.shape[-1])
    return frames.reshape(shape).transpose(0, 2, 4, 1, 3, 5, 6).reshape(*GRID.shape, -1)


@pytest.mark.parametrize("kind", ["tube", "random", "frame"])
def test_masks_are_drawn_until_each_token_was_hidden_often_enough(kind):
    masks = masks_that_cover(kind, GRID, 0.5, 3, first_seed=5)
    assert (masks.sum(axis=0) >= 3).all()
    assert not (masks[:-1].sum(axis=0) >= 3).all()
    for index, mask in enumerate(masks):
        np.testing.assert_array_equal(mask, make_mask(kind, GRID, 0.5, 5 + index))


def test_what_can_not_cover_the_clip_is_said():
    with pytest.raises(RequestError, match="Of the kind 'future' there is one mask"):
        masks_that_cover("future", GRID, 0.5, 2)
    large = TokenGrid(8, 14, 14)
    with pytest.raises(RequestError, match=f"After {MOST_MASKS} masks of 1%, a token was hidden 0"):
        masks_that_cover("random", large, 0.01, 2)


def test_maps_and_mean_are_those_of_the_pictures_one_by_one():
    draws = torch.Generator().manual_seed(0)
    size = (CONFIG.num_frames, CONFIG.num_channels, *CONFIG.frame_size)
    clip = torch.rand(size, generator=draws)
    masks = masks_that_cover("random", GRID, 0.6, 3)
    together = Together(clip, CONFIG)
    predicted, true, filled = [], [], []
    for mask in masks:
        values = torch.rand(int(mask.sum()), CONFIG.token_values, generator=draws)
        together.add(values, mask)
        result = reconstruct(values, clip, mask, CONFIG)
        hidden = np.where(mask[..., None], 1.0, np.nan)
        predicted.append(hidden * of_tokens(result.prediction.frames))
        (filling,) = [one for one in result.baselines if one.name == "distance-weighted"]
        filled.append(hidden * of_tokens(filling.frames))
        true.append(of_tokens(result.target))
    found = together.found(len(masks))
    assert (found.masks, found.done, found.leaks) == (len(masks), 1.0, False)
    np.testing.assert_array_equal(found.times, masks.sum(axis=0))
    predicted, true, filled = np.stack(predicted), np.stack(true), np.stack(filled)
    np.testing.assert_allclose(of_tokens(found.mean), np.nanmean(predicted, axis=0), atol=1e-6)
    variance = np.nanvar(predicted, axis=0).mean(axis=-1)
    np.testing.assert_allclose(found.spread, np.sqrt(variance), atol=1e-6)
    error = np.sqrt(np.nanmean((predicted - true) ** 2, axis=(0, -1)))
    np.testing.assert_allclose(found.error, error, atol=1e-6)
    filling = np.sqrt(np.nanmean((filled - true) ** 2, axis=(0, -1)))
    np.testing.assert_allclose(found.filling_error, filling, atol=1e-6)
    np.testing.assert_allclose(found.surprise, error - filling, atol=1e-6)


def test_what_no_mask_has_hidden_yet_is_no_number():
    clip = torch.zeros(CONFIG.num_frames, CONFIG.num_channels, *CONFIG.frame_size)
    mask = make_mask("tube", GRID, 0.5, 0)
    together = Together(clip, CONFIG)
    together.add(torch.zeros(int(mask.sum()), CONFIG.token_values), mask)
    found = together.found(4)
    assert found.done == 0.25
    np.testing.assert_array_equal(np.isnan(found.error), ~mask)
    assert np.nanmax(found.error) == 0


def test_a_decoder_of_normalised_pixels_leaks():
    config = tiny_config(norm_pix_loss=True)
    clip = torch.rand(config.num_frames, config.num_channels, *config.frame_size)
    mask = make_mask("tube", config.grid, 0.5, 0)
    together = Together(clip, config)
    together.add(torch.zeros(int(mask.sum()), config.token_values), mask)
    assert together.found(1).leaks
