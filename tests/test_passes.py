"""Passes end between two layers when nobody waits any more, and leave all that is worth keeping."""

import contextlib
import threading

import numpy as np
import pytest
import torch
from tiny import tiny_config

from videomae_demo import passes
from videomae_demo.cancellation import Cancelled, cancellable
from videomae_demo.errors import CheckpointError
from videomae_demo.model.layers import Block
from videomae_demo.roles import Recogniser, Reconstructor, load_recogniser, load_reconstructor

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
    assert left.nbytes == sum(
        array.nbytes for array in (left.logits, left.attention, left.layer_inputs)
    )
    np.testing.assert_allclose(left.attention.mean(axis=-1, dtype=np.float64), 1, rtol=1e-3)
    mean = passes.fuse(recogniser, left.layer_inputs, "mean")
    np.testing.assert_allclose(mean, left.attention, rtol=5e-3)
