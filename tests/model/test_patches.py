"""Tokens and clips: inverse of each other, in the order of the decoder's output."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from videomae_demo.config import TokenGrid
from videomae_demo.errors import RequestError
from videomae_demo.model.patches import (
    denormalise_tokens,
    normalise_tokens,
    patchify,
    sincos_positions,
    token_statistics,
    unpatchify,
)


def clip_of(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("tubelet", [1, 2, 4])
@pytest.mark.parametrize("patch", [2, 4])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_each_is_the_inverse_of_the_other(tubelet: int, patch: int, channels: int) -> None:
    clip = clip_of(2, 8, channels, 8, 12)
    tokens = patchify(clip, tubelet, patch)
    grid = TokenGrid(8 // tubelet, 8 // patch, 12 // patch)
    assert tokens.shape == (2, grid.tokens, tubelet * patch**2 * channels)
    assert torch.equal(unpatchify(tokens, grid, tubelet, patch), clip)
    other = clip_of(*tokens.shape)
    assert torch.equal(patchify(unpatchify(other, grid, tubelet, patch), tubelet, patch), other)


def test_tokens_are_counted_by_time_then_row_then_column() -> None:
    t, y, x = np.indices((4, 6, 8))
    numbers = (t // 2) * 100 + (y // 2) * 10 + x // 2  # each token's place, in each of its pixels
    clip = torch.from_numpy(numbers)[None, :, None]
    tokens = patchify(clip, 2, 2)
    wanted = [t * 100 + y * 10 + x for t in range(2) for y in range(3) for x in range(4)]
    assert tokens[0].tolist() == [[value] * 8 for value in wanted]


def test_inside_a_token_the_channel_runs_fastest_then_column_row_and_frame() -> None:
    t, c, y, x = np.indices((2, 3, 2, 2))
    clip = torch.from_numpy(1000 * t + 100 * y + 10 * x + c)[None]
    assert patchify(clip, 2, 2)[0, 0].tolist() == [
        *(0, 1, 2, 10, 11, 12, 100, 101, 102, 110, 111, 112),
        *(1000, 1001, 1002, 1010, 1011, 1012, 1100, 1101, 1102, 1110, 1111, 1112),
    ]


def test_statistics_are_those_of_numpy() -> None:
    clip = clip_of(2, 4, 3, 8, 8)
    statistics = token_statistics(patchify(clip, 2, 4), 3)
    assert statistics.mean.shape == statistics.deviation.shape == (2, 8, 1, 3)
    # token 6 = time 1, row 1, column 0
    pixels = clip[1, 2:4, :, 4:8, 0:4].numpy()
    np.testing.assert_allclose(statistics.mean[1, 6, 0], pixels.mean((0, 2, 3)), rtol=1e-5)
    deviation = pixels.astype(np.float64).std((0, 2, 3), ddof=1)
    np.testing.assert_allclose(statistics.deviation[1, 6, 0], deviation, rtol=1e-5)


def test_normalised_tokens_have_mean_0_and_deviation_1_and_come_back() -> None:
    tokens = patchify(clip_of(2, 4, 3, 8, 8) * 3 + 5, 2, 4)
    statistics = token_statistics(tokens, 3)
    normalised = normalise_tokens(tokens, statistics)
    again = token_statistics(normalised, 3)
    torch.testing.assert_close(again.mean, torch.zeros_like(again.mean), atol=1e-5, rtol=0)
    torch.testing.assert_close(again.deviation, torch.ones_like(again.mean), atol=1e-5, rtol=0)
    torch.testing.assert_close(denormalise_tokens(normalised, statistics), tokens)


def test_a_flat_token_becomes_zeros() -> None:
    tokens = torch.full((1, 2, 24), 0.25)
    assert torch.equal(normalise_tokens(tokens, token_statistics(tokens, 3)), torch.zeros(1, 2, 24))


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(RequestError, match="3 frames of 8x8 px can't be cut"):
        patchify(torch.zeros(1, 3, 3, 8, 8), 2, 4)
    with pytest.raises(RequestError, match="4 frames of 8x6 px"):
        patchify(torch.zeros(1, 4, 3, 8, 6), 2, 4)
    with pytest.raises(RequestError, match="7 tokens of 96 values do not fill"):
        unpatchify(torch.zeros(1, 7, 96), TokenGrid(2, 2, 2), 2, 4)
    with pytest.raises(RequestError, match="8 tokens of 95 values"):
        unpatchify(torch.zeros(1, 8, 95), TokenGrid(2, 2, 2), 2, 4)


@pytest.mark.parametrize("width", [6, 7])
def test_positions_are_the_sines_and_cosines_of_the_paper(width: int) -> None:
    table = sincos_positions(50, width)
    assert table.shape == (1, 50, width)
    assert table.dtype == torch.float32
    for place in (0, 1, 49):
        for column in range(width):
            angle = place / 10000 ** (2 * (column // 2) / width)
            value = np.cos(angle) if column % 2 else np.sin(angle)
            assert table[0, place, column].item() == np.float32(value)


def test_positions_are_real_while_a_model_is_built_on_the_meta_device() -> None:
    with torch.device("meta"):
        table = sincos_positions(3, 4)
    assert table.device.type == "cpu"
    assert torch.equal(table, sincos_positions(3, 4))
