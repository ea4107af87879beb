"""Passes end between two layers when nobody waits any more, and leave all that is worth keeping."""

import contextlib
import threading

import numpy as np
import pytest
import torch
from tiny import tiny_config

from videomae_demo.cancellation import Cancelled, cancellable
from videomae_demo.engine import passes
from videomae_demo.engine.roles import (
    Recogniser,
    Reconstructor,
    load_recogniser,
    load_reconstructor,
)
from videomae_demo.errors import CheckpointError, RequestError
from videomae_demo.model.layers import Block

CPU = torch.device("cpu")
CONFIG = tiny_config()
HIDDEN = np.arange(CONFIG.grid.tokens) % 4 > 0


@pytest.fixture(scope="module")
def recogniser(recogniser_folder) -> Recogniser:
    return load_recogniser(str(recogniser_folder), CPU)


@pytest.fixture(scope="module")
def reconstructor(reconstructor_folder) -> Reconstructor:
    return load_reconstructor(str(reconstructor_folder), CPU)


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(1, 4, 3, 32, 32)).astype(np.float32)


@contextlib.contextmanager
def stopped_in_layer(monkeypatch, number: int, method: str = "forward"):
    """Wish to stop while the layer with this number runs; tell how many ran."""
    ran: list[Block] = []
    wish = threading.Event()
    original = getattr(Block, method)

    def run(block, *arguments):
        ran.append(block)
        if len(ran) == number:
            wish.set()
        return original(block, *arguments)

    monkeypatch.setattr(Block, method, run)
    with cancellable(wish), pytest.raises(Cancelled):
        yield ran
    assert len(ran) == number


def test_damaged_weights_are_told_from_what_they_give(recogniser_folder, pixels):
    damaged = load_recogniser(str(recogniser_folder), CPU)
    with torch.no_grad():
        damaged.model.classifier.weight[1].fill_(torch.nan)
    with pytest.raises(CheckpointError, match="The recogniser gives 1 of 3 values that are not"):
        passes.recognise(damaged, pixels)
    with torch.no_grad():
        damaged.model.classifier.weight[1].zero_()
        damaged.model.classifier.bias[:2] = torch.inf
    with pytest.raises(CheckpointError, match="The recogniser gives 2 of 3 values that are not"):
        passes.recognise(damaged, pixels)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_a_damaged_reconstructor_is_told_from_what_it_gives(reconstructor_folder, pixels, value):
    damaged = load_reconstructor(str(reconstructor_folder), CPU)
    with torch.no_grad():
        damaged.model.decoder.head.bias[5] = value
    # One of 2 * 8 * 8 * 3 values of each of 24 hidden tokens.
    with pytest.raises(CheckpointError, match="The reconstructor gives 24 of 9216 values that are"):
        passes.predict(damaged, pixels, HIDDEN)


@pytest.mark.parametrize("layer", [1, 2])
def test_a_recognition_ends_at_the_next_layer(monkeypatch, recogniser, pixels, layer):
    with stopped_in_layer(monkeypatch, layer):
        passes.recognise(recogniser, pixels)


@pytest.mark.parametrize("layer", [1, CONFIG.num_hidden_layers])
def test_a_prediction_ends_at_the_next_layer_of_encoder_or_decoder(
    monkeypatch, reconstructor, pixels, layer
):
    with stopped_in_layer(monkeypatch, layer):
        passes.predict(reconstructor, pixels, HIDDEN)


def test_another_fusion_ends_at_the_next_layer(monkeypatch, recogniser, pixels):
    inputs = passes.recognise(recogniser, pixels).layer_inputs
    with stopped_in_layer(monkeypatch, 2, "observe_attention"):
        passes.fuse(recogniser, inputs, "max")


def test_a_pass_leaves_all_that_is_worth_keeping_in_the_hosts_memory(recogniser, pixels):
    left = passes.recognise(recogniser, pixels)
    layers, tokens = CONFIG.num_hidden_layers, CONFIG.grid.tokens
    assert left.logits.shape == (CONFIG.num_labels,)
    assert (left.attention.shape, left.attention.dtype) == ((layers, tokens, tokens), np.float16)
    assert left.layer_inputs.shape == (layers, tokens, CONFIG.hidden_size)
    assert left.nbytes == sum(array.nbytes for array in (left.logits, left.attention, left.states))
    np.testing.assert_allclose(left.attention.mean(axis=-1, dtype=np.float64), 1, rtol=1e-3)
    mean = passes.fuse(recogniser, left.layer_inputs, "mean")
    np.testing.assert_allclose(mean, left.attention, rtol=5e-3)


# ---- what a pass records -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def batch() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(3, 4, 3, 32, 32)).astype(np.float32)


def test_a_pass_records_nothing_that_was_not_asked_for(recogniser, batch):
    left = passes.run(recogniser, batch)
    assert left.logits.shape == (3, CONFIG.num_labels)
    assert left.attention is left.states is left.features is left.gradients is None


def test_a_batch_is_recorded_as_its_clips_are(recogniser, batch):
    record = passes.Record(attention="max", states=True, features_of=1)
    together = passes.run(recogniser, batch, record)
    for index in range(len(batch)):
        alone = passes.run(recogniser, batch[index : index + 1], record)
        np.testing.assert_allclose(together.logits[index], alone.logits[0], atol=1e-5)
        np.testing.assert_allclose(together.attention[index], alone.attention[0], rtol=2e-3)
        np.testing.assert_allclose(together.states[index], alone.states[0], atol=1e-5)
    np.testing.assert_array_equal(together.features, together.states[:, 1])
    embedded = recogniser.model.videomae.embeddings(torch.from_numpy(batch)).detach().numpy()
    np.testing.assert_allclose(together.states[:, 0], embedded, atol=1e-6)
    head = recogniser.model.fc_norm(torch.from_numpy(together.states[:, -1]).mean(1))
    logits = recogniser.model.classifier(head).detach().numpy()
    np.testing.assert_allclose(together.logits, logits, atol=1e-5)


def test_tokens_that_are_left_out_change_nothing_any_more(recogniser, batch):
    left_out = np.stack([HIDDEN, HIDDEN[::-1], np.roll(HIDDEN, 1)])
    record = passes.Record(states=True)
    found = passes.run(recogniser, batch, record, left_out)
    assert found.states.shape[2] == (~HIDDEN).sum()
    other = batch.copy()
    other[0] = np.where(pixels_of(HIDDEN), 7, other[0])
    np.testing.assert_array_equal(
        passes.run(recogniser, other, record, left_out).logits, found.logits
    )
    assert not np.allclose(passes.run(recogniser, other).logits, found.logits)


def pixels_of(tokens: np.ndarray) -> np.ndarray:
    """Mark the pixels of tokens, (T, 1, H, W)."""
    grid = tokens.reshape(CONFIG.grid.shape)
    for axis, size in enumerate((CONFIG.tubelet_size, CONFIG.patch_size, CONFIG.patch_size)):
        grid = grid.repeat(size, axis)
    return grid[:, None]


def test_gradients_are_what_small_steps_measure(recogniser, batch):
    label = 2
    left = passes.run(recogniser, batch, passes.Record(states=True, gradients_of=label))
    assert left.gradients.shape == left.states.shape
    model = recogniser.model.double()
    generator = torch.Generator().manual_seed(0)
    try:
        for layer in range(CONFIG.num_hidden_layers + 1):
            state = torch.from_numpy(left.states[:1, layer]).double()
            step = torch.randn(state.shape, generator=generator, dtype=torch.float64)
            low, high = (
                logit_from(model, layer, state + sign * 1e-4 * step, label) for sign in (-1, 1)
            )
            expected = (high - low) / 2e-4
            found = (torch.from_numpy(left.gradients[:1, layer]).double() * step).sum()
            assert float(found) == pytest.approx(float(expected), rel=1e-3, abs=1e-5)
    finally:
        model.float()


@torch.no_grad()
def logit_from(model, layer: int, state: torch.Tensor, label: int) -> torch.Tensor:
    for block in model.videomae.encoder.layer[layer:]:
        state, _ = block(state)
    return model.classifier(model.fc_norm(state.mean(1)))[0, label]


def test_weights_take_part_in_no_gradient(recogniser, batch):
    passes.run(recogniser, batch, passes.Record(gradients_of=0))
    assert all(weight.grad is None for weight in recogniser.model.parameters())


@pytest.mark.parametrize("layer", [1, 2])
def test_a_pass_with_gradients_ends_at_the_next_layer(monkeypatch, recogniser, batch, layer):
    with stopped_in_layer(monkeypatch, layer):
        passes.run(recogniser, batch, passes.Record(gradients_of=1))


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        ({"features_of": 9}, "There is no layer 9; this checkpoint has 3"),
        ({"features_of": -1}, "There is no layer -1"),
        ({"gradients_of": 3}, "There is no label 3; this checkpoint has 3"),
        ({"gradients_of": -1}, "There is no label -1"),
        ({"attention": "mean", "gradients_of": 0}, "attention or gradients"),
    ],
)
def test_what_can_not_be_recorded_is_refused(recogniser, batch, record, sentence):
    with pytest.raises(RequestError, match=sentence):
        passes.run(recogniser, batch, passes.Record(**record))
