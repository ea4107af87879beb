"""Each pass on the device against the same on the CPU in float32.

What may be expected: autocast rounds what goes into products to 8 bits, so states are off by some
thousandths. A score of 20 is then off by 0.1, and a sharp probability by 10 %: maps correlate, and
single values in them differ. Fused attention is kept in float16, whose own rounding (11 bits) is
far less; what is below a 10 millionth of an even share becomes 0 there, on every device.
"""

import threading

import numpy as np
import pytest
import torch
from agreement import correlation, cosine, farthest, same_order
from conftest import in_float32

from videomae_demo.analysis.rollout import FusedAttention, rollout, start_from_head
from videomae_demo.analysis.settings import Head, RolloutSettings
from videomae_demo.cancellation import Cancelled, cancellable
from videomae_demo.config import TokenGrid
from videomae_demo.engine import passes
from videomae_demo.engine.passes import Record, clips_at_once, run
from videomae_demo.engine.roles import load_recogniser, load_reconstructor
from videomae_demo.masking import make_mask

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def roles(explorer, exact):
    return explorer.recogniser, exact.recogniser


@pytest.fixture
def pixels(exact, clip) -> np.ndarray:
    return exact.prepare(clip, exact.recogniser).pixel_values.numpy()


def both(roles, pixels, *arguments, **named):
    """Run a pass on the device and on the CPU."""
    found = run(roles[0], pixels, *arguments, **named)
    with in_float32():
        return found, run(roles[1], pixels, *arguments, **named)


def test_logits(roles, pixels):
    found, expected = both(roles, pixels)
    assert same_order(found.logits[0], expected.logits[0])
    assert cosine(found.logits, expected.logits) > 0.999
    assert found.logits.dtype == np.float32


def test_a_batch_says_what_its_clips_say_alone(roles, exact, one_clip):
    pixels = exact.prepare(one_clip, exact.recogniser).pixel_values.numpy()
    others = np.concatenate([pixels, pixels[:, ::-1], pixels[..., ::-1], -pixels])
    together = run(roles[0], others, Record(attention="mean"))
    for index in range(len(others)):
        alone = run(roles[0], others[index : index + 1], Record(attention="mean"))
        assert cosine(together.logits[index], alone.logits[0]) > 0.9999
        assert farthest(together.attention[index], alone.attention[0]) < 0.02
    with in_float32():
        expected = run(roles[1], others).logits
    assert cosine(together.logits, expected) > 0.999


def test_what_is_recorded_costs_the_logits_nothing(roles, pixels, gpu):
    plain = run(roles[0], pixels).logits
    recorded = run(roles[0], pixels, passes.RECOGNITION).logits
    if gpu.type == "cuda":
        np.testing.assert_array_equal(recorded, plain)
    assert cosine(recorded, plain) > 0.9999


@pytest.mark.parametrize("fusion", ["mean", "max", "min"])
def test_fused_attention(roles, pixels, fusion):
    found, expected = both(roles, pixels, Record(attention=fusion, states=True))
    assert np.isfinite(found.attention).all() and (found.attention >= 0).all()
    for mine, theirs in zip(found.attention[0], expected.attention[0], strict=True):
        if theirs.any():  # the least of all heads may be 0 throughout
            # The least and the greatest of all heads are single values, which no mean smooths.
            assert correlation(mine, theirs) > (0.99 if fusion == "mean" else 0.98)
            assert farthest(mine, theirs) < (0.3 if fusion == "mean" else 0.5)
    if fusion == "mean":
        rows = found.attention.mean(axis=-1, dtype=np.float64)
        np.testing.assert_allclose(rows, 1, rtol=1e-3)
    again = passes.fuse(roles[0], found.states[0, :-1], fusion)
    np.testing.assert_allclose(again, found.attention[0], rtol=0.02, atol=0.02)


def test_the_states_of_all_layers(roles, pixels):
    found, expected = both(roles, pixels, Record(states=True))
    assert found.states.dtype == np.float32
    for mine, theirs in zip(found.states[0], expected.states[0], strict=True):
        assert cosine(mine, theirs) > 0.999
    # The embedded patches: products of 8 bits, and a sum in float32.
    assert farthest(found.states[0, 0], expected.states[0, 0]) < 0.01


@pytest.mark.parametrize("discard", [0.0, 0.9])
def test_rollout(roles, pixels, discard):
    found, expected = both(roles, pixels, Record(attention="mean"))
    grid = roles[0].card.grid
    start = start_from_head(grid, roles[0].model.config.use_mean_pooling)
    mine, theirs = (
        rollout(
            FusedAttention.from_numpy(one.attention[0]),
            start,
            grid,
            RolloutSettings(discard=discard),
        ).scores
        for one in (found, expected)
    )
    assert correlation(mine, theirs) > 0.999
    assert farthest(mine, theirs) < 0.06


def test_a_single_head(roles, pixels):
    states = run(roles[0], pixels, Record(states=True)).states[0]
    head = Head(2, 3)
    found = passes.follow_head(roles[0], states[:-1], head)
    with in_float32():
        expected = passes.follow_head(roles[1], states[:-1], head)
    assert correlation(found, expected) > 0.995


def test_heads_that_are_off(roles, pixels):
    found, expected = both(roles, pixels, heads_off=[Head(1, 1), Head(3, 2), Head(6, 5)])
    assert cosine(found.logits, expected.logits) > 0.999
    none_off = run(roles[0], pixels).logits
    assert not np.allclose(found.logits, none_off, atol=0.01)


def test_tokens_that_are_left_out(roles, pixels):
    left_out = np.stack(
        [make_mask("tube", roles[0].card.grid, 0.75, seed).ravel() for seed in range(3)]
    )
    found, expected = both(roles, pixels, left_out=left_out)
    assert cosine(found.logits, expected.logits) > 0.999


def test_gradients_of_a_pass(roles, pixels):
    """Under autocast: of the accuracy of its products, and of the right dtype and size."""
    found, expected = both(roles, pixels, Record(gradients_of=0))
    assert found.gradients.dtype == np.float32
    for mine, theirs in zip(found.gradients[0], expected.gradients[0], strict=True):
        assert cosine(mine, theirs) > 0.98


@pytest.mark.parametrize("ratio", [0.5, 0.9])
def test_predicted_pixels(explorer, exact, pixels, ratio):
    hidden = make_mask("tube", exact.reconstructor.card.grid, ratio, 0).ravel()
    found = passes.predict(explorer.reconstructor, pixels, hidden)
    with in_float32():
        expected = passes.predict(exact.reconstructor, pixels, hidden)
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() < 0.05
    error = float(np.square(found - expected).mean())  # nothing at all, where it is rehearsed
    assert error < 10**-4.5  # 45 dB between the two


@pytest.mark.parametrize("times", [30.0, 1000.0])
def test_large_activations_do_not_overflow(exact, gpu, pixels, times):
    """Beyond what float16 holds: residual, norms, scores and probabilities are of a wider range."""
    loud = load_recogniser(exact.weights, gpu)
    with torch.no_grad():
        for block in loud.model.videomae.encoder.layer:
            block.output.dense.weight.mul_(times)
            block.attention.attention.query.weight.mul_(times)
    found = run(loud, pixels, passes.RECOGNITION)
    assert np.abs(found.states).max() > 100 * times / 30
    assert np.isfinite(found.logits).all() and np.isfinite(found.attention).all()
    np.testing.assert_allclose(found.attention.mean(axis=-1, dtype=np.float64), 1, rtol=1e-3)


def test_a_pass_ends_between_layers(roles, pixels, monkeypatch):
    wish, ran = threading.Event(), []
    block = roles[0].model.videomae.encoder.layer[1]
    original = block.forward

    def forward(*arguments):
        ran.append(1)
        wish.set()
        return original(*arguments)

    monkeypatch.setattr(block, "forward", forward)
    with cancellable(wish), pytest.raises(Cancelled):
        run(roles[0], pixels)
    monkeypatch.undo()
    assert ran == [1]
    found, expected = both(roles, pixels)
    assert cosine(found.logits, expected.logits) > 0.999


def test_as_many_clips_as_are_taken_at_once(roles, gpu, exact, one_clip):
    recogniser, grid = roles[0], roles[0].card.grid
    count = clips_at_once(recogniser.model, grid.tokens)
    pixels = exact.prepare(one_clip, exact.recogniser).pixel_values.numpy()
    logits = run(recogniser, pixels.repeat(count, 0)).logits
    assert logits.shape == (count, recogniser.card.label_count)
    assert np.abs(logits - logits[0]).max() < 0.02
    assert isinstance(grid, TokenGrid) and count >= (2 if gpu.type == "cuda" else 1)


def test_memory_is_given_back(gpu, exact, one_clip):
    if gpu.type != "cuda":
        pytest.skip("only CUDA counts its memory")
    pixels = exact.prepare(one_clip, exact.recogniser).pixel_values.numpy()
    recogniser = load_recogniser(exact.weights, gpu)
    reconstructor = load_reconstructor(exact.reconstructor.card.name, gpu)
    hidden = make_mask("tube", reconstructor.card.grid, 0.9, 0).ravel()

    def work() -> None:
        run(recogniser, pixels, passes.RECOGNITION)
        run(recogniser, pixels, Record(gradients_of=0))
        passes.predict(reconstructor, pixels, hidden)

    work()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    for _ in range(5):
        work()
    assert torch.cuda.memory_allocated() <= before
    config = recogniser.model.config
    layers, tokens = config.num_hidden_layers, config.grid.tokens
    of_attention = config.num_attention_heads * tokens**2 * 4
    room = 4 * of_attention + layers * tokens**2 * 2 + 2**28
    assert torch.cuda.max_memory_allocated() - before < room
