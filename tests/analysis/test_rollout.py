import numpy as np
import pytest
import torch

from videomae_demo.analysis.rollout import (
    AttentionRecorder,
    FusedAttention,
    Rollout,
    RolloutSettings,
    discard_lowest,
    rollout,
    start_from_head,
    start_from_token,
)
from videomae_demo.config import TokenGrid
from videomae_demo.errors import RequestError

GRID = TokenGrid(2, 3, 4)
THREE = TokenGrid(1, 1, 3)


def random_maps(layers: int, tokens: int, seed: int = 0) -> list[torch.Tensor]:
    logits = torch.randn(layers, tokens, tokens, generator=torch.Generator().manual_seed(seed))
    return list(torch.softmax(3 * logits, dim=-1))


def dense_rollout(maps, start, discard=0.0):
    """Multiply whole matrices in float64: the definition, written down naively."""
    product = np.eye(len(start))
    for fused in maps:
        a = fused.double().numpy().copy()
        kept_from = np.sort(a, axis=None)[int(discard * a.size)]
        a[a < kept_from] = 0
        a = (a + np.eye(len(a))) / 2
        a /= a.sum(axis=1, keepdims=True)
        product = a @ product
    return start.double().numpy() @ product


def test_three_tokens_worked_by_hand():
    # First layer: token 0 looks at 1, 1 looks at 2, 2 at itself. Second: all look at token 0.
    first = torch.tensor([[0.0, 1, 0], [0, 0, 1], [0, 0, 1]])
    second = torch.tensor([[1.0, 0, 0], [1, 0, 0], [1, 0, 0]])
    # Start at token 1. Second layer: half stays, half goes to token 0: (1/2, 1/2, 0).
    # First layer: 0 -> 1/2 stays, 1/2 to 1; 1 -> 1/2 stays, 1/2 to 2: (1/4, 1/4 + 1/4, 1/4).
    result = rollout([first, second], start_from_token(THREE, (0, 0, 1)), THREE, RolloutSettings())
    np.testing.assert_allclose(result.scores, [[[0.25, 0.5, 0.25]]], rtol=1e-6)


def test_three_tokens_with_discard_worked_by_hand():
    fused = torch.tensor([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.05, 0.15, 0.8]])
    # A third of nine values is three: 0.05, 0.1 and 0.15 go. Row 2 becomes (0, 0, 0.8), and with
    # the identity (0, 0, 1.8) / 1.8. Row 0 becomes (1.6, 0.3, 0) / 1.9.
    settings = RolloutSettings(discard=1 / 3)
    last = rollout([fused], start_from_token(THREE, (0, 0, 2)), THREE, settings)
    np.testing.assert_allclose(last.scores, [[[0, 0, 1]]], atol=1e-7)
    first = rollout([fused], start_from_token(THREE, (0, 0, 0)), THREE, settings)
    np.testing.assert_allclose(first.scores, [[[1.6 / 1.9, 0.3 / 1.9, 0]]], rtol=1e-6)


@pytest.mark.parametrize("discard", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("mean_pooling", [True, False])
def test_equals_the_dense_product_in_float64(discard, mean_pooling):
    maps = random_maps(6, GRID.tokens)
    start = start_from_head(GRID, mean_pooling)
    result = rollout(maps, start, GRID, RolloutSettings(discard=discard))
    expected = dense_rollout(maps, start, discard).reshape(GRID.shape)
    np.testing.assert_allclose(result.scores, expected, rtol=1e-5)
    assert result.scores.sum() == pytest.approx(1, abs=1e-12)


def test_equals_the_dense_product_at_the_size_of_base():
    grid = TokenGrid(8, 14, 14)
    logits = torch.randn(2, grid.tokens, grid.tokens, generator=torch.Generator().manual_seed(1))
    maps = list(torch.softmax(2 * logits, dim=-1))
    start = start_from_token(grid, (3, 7, 5))
    result = rollout(maps, start, grid, RolloutSettings())
    expected = dense_rollout(maps, start).reshape(grid.shape)
    np.testing.assert_allclose(result.scores, expected, rtol=1e-4)


def test_layers_are_chosen_from_and_to():
    maps = random_maps(5, GRID.tokens)
    start = start_from_head(GRID, True)
    part = rollout(maps, start, GRID, RolloutSettings(first_layer=2, last_layer=4))
    np.testing.assert_allclose(
        part.scores, dense_rollout(maps[1:4], start).reshape(GRID.shape), rtol=1e-5
    )


def test_a_query_takes_the_place_of_the_start():
    maps = random_maps(3, GRID.tokens)
    asked = rollout(maps, start_from_head(GRID, True), GRID, RolloutSettings(query=(1, 2, 3)))
    direct = rollout(maps, start_from_token(GRID, (1, 2, 3)), GRID, RolloutSettings())
    np.testing.assert_array_equal(asked.scores, direct.scores)


def test_uniform_attention_from_the_average_stays_uniform():
    maps = [torch.full((GRID.tokens, GRID.tokens), 1 / GRID.tokens)] * 3
    result = rollout(maps, start_from_head(GRID, True), GRID, RolloutSettings(discard=0.5))
    np.testing.assert_allclose(result.times_uniform, 1, rtol=1e-6)
    np.testing.assert_allclose(result.over_time, 1, rtol=1e-6)


def test_over_time_sums_each_slice():
    maps = random_maps(2, GRID.tokens)
    result = rollout(maps, start_from_head(GRID, True), GRID, RolloutSettings())
    shares = [result.scores[time].sum() for time in range(GRID.time)]
    np.testing.assert_allclose(result.over_time, np.array(shares) * GRID.time)


def test_the_scale_spans_all_but_a_few_tokens_and_not_the_query():
    grid = TokenGrid(1, 10, 20)
    scores = np.arange(1, 201, dtype=float).reshape(grid.shape) ** 2
    scores /= scores.sum()
    plain = Rollout(scores, RolloutSettings())
    assert (plain.times_uniform > plain.scale_end).sum() == 2
    asked = Rollout(scores, RolloutSettings(query=(0, 9, 19)))
    assert asked.scale_end < plain.scale_end


def test_attention_that_is_spread_evenly_lies_in_the_middle_of_the_scale():
    even = Rollout(np.full(GRID.shape, 1 / GRID.tokens), RolloutSettings())
    assert even.scale_end == 2 * even.times_uniform.max()


def test_discard_keeps_ties_with_the_first_kept_value():
    fused = torch.tensor([[1.0, 2.0], [2.0, 3.0]])
    np.testing.assert_array_equal(discard_lowest(fused, 0.5), [[0, 2], [2, 3]])
    np.testing.assert_array_equal(discard_lowest(torch.ones(3, 3), 0.9), np.ones((3, 3)))


def test_the_start_without_mean_pooling_is_token_zero():
    assert start_from_head(GRID, False).nonzero().flatten().tolist() == [0]
    assert start_from_head(GRID, True).sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("fusion", "reduce"), [("mean", np.mean), ("max", np.max), ("min", np.min)]
)
def test_the_recorder_fuses_blocks_of_rows(fusion, reduce):
    attention = torch.softmax(torch.randn(2, 3, 5, 5), dim=-1)  # (B, heads, N, N)
    recorder = AttentionRecorder(fusion)
    for layer in (1, 0):  # whatever the order
        for rows in (slice(0, 2), slice(2, 5)):
            recorder(layer, rows, attention[:, :, rows] if layer else attention[:, :, rows] / 2)
    for clip in (0, 1):
        fused = recorder.clip(clip)
        assert isinstance(fused, FusedAttention)
        assert len(fused) == 2
        expected = reduce(attention[clip].numpy(), axis=0)
        np.testing.assert_allclose(fused[1], expected, rtol=1e-3)
        np.testing.assert_allclose(fused[0], expected / 2, rtol=1e-3)


def test_fused_attention_is_kept_in_half_precision():
    recorder = AttentionRecorder()
    recorder(0, slice(0, 4), torch.full((1, 2, 4, 4), 0.25))
    fused = recorder.clip()
    assert fused.to_numpy().nbytes == 4 * 4 * 2
    assert fused[0].dtype == torch.float32
    assert len(fused[:1]) == 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"fusion": "median"}, "'median' is unknown; choose mean, max, min"),
        ({"discard": 1.0}, "1.0; choose from 0"),
        ({"discard": -0.1}, "-0.1"),
        ({"first_layer": 0}, "Layers 0 to 3"),
        ({"first_layer": 3, "last_layer": 2}, "Layers 3 to 2"),
        ({"last_layer": 4}, "layers 1 to 3"),
        ({"query": (2, 0, 0)}, r"\(2, 0, 0\) is outside the grid: time 0 to 1"),
        ({"query": (0, -1, 0)}, "row is -1; it must be a whole number from 0"),
    ],
)
def test_what_can_not_be_is_refused(options, sentence):
    with pytest.raises(RequestError, match=sentence):
        rollout(
            random_maps(3, GRID.tokens),
            start_from_head(GRID, True),
            GRID,
            RolloutSettings(**options),
        )
