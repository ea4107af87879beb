"""The one loop over batches: what runs together, what is kept, and the table that grows."""

import threading

import numpy as np
import pytest
import torch

from videomae_demo import Explorer
from videomae_demo.cancellation import Cancelled, cancellable
from videomae_demo.device import WorkingSizes
from videomae_demo.engine import batches
from videomae_demo.engine.batches import fill_batch, grown, run_batches


@pytest.fixture
def engine(recogniser_folder) -> Explorer:
    return Explorer(str(recogniser_folder), device="cpu")


@pytest.fixture
def inputs() -> np.ndarray:
    """Seven inputs of the tiny recogniser."""
    return np.random.default_rng(0).normal(size=(7, 1, 4, 3, 32, 32)).astype(np.float32)


@pytest.fixture
def read(inputs, monkeypatch):
    """Read inputs by number; `read.asked` has what was read together. Three fill a batch."""
    monkeypatch.setattr(batches, "clips_at_once", lambda config, tokens: 3)

    def read(numbers):
        read.asked.append(list(numbers))
        return np.concatenate([inputs[number] for number in numbers])

    read.asked = []
    return read


def test_each_row_is_that_of_a_pass_of_its_own(engine, inputs, read):
    parts = list(run_batches(engine, range(7), read))
    assert [part.shape for part in parts] == [(3, 3), (3, 3), (1, 3)]
    with torch.inference_mode():
        alone = [engine.recogniser.model(torch.from_numpy(one)).logits[0] for one in inputs]
    np.testing.assert_allclose(np.concatenate(parts), np.stack(alone), atol=1e-5)
    assert read.asked == [[0, 1, 2], [3, 4, 5], [6]]


def test_nothing_is_kept_without_a_key(engine, read):
    list(run_batches(engine, [0, 1], read))
    list(run_batches(engine, [0, 1], read))
    assert read.asked == [[0, 1], [0, 1]]


def test_what_is_known_is_not_run_again_and_stays_in_its_place(engine, read):
    def key(number):
        return "of the test", number

    (known,) = run_batches(engine, [4, 1], read, key)
    (mixed,) = run_batches(engine, [1, 2, 4], read, key)
    assert read.asked == [[4, 1], [2]]
    np.testing.assert_array_equal(mixed[[2, 0]], known)
    (again,) = run_batches(engine, [2, 4, 1], read, key)
    np.testing.assert_array_equal(again, mixed[[1, 2, 0]])
    assert len(read.asked) == 2


def test_a_kept_row_is_no_view_of_its_batch(engine, read):
    list(run_batches(engine, [0, 1], read, lambda number: number))
    assert engine.known(0).base is None


def test_what_one_input_takes_is_told(engine, read, monkeypatch):
    clock = iter([10.0, 16.0, 20.0, 24.0])
    monkeypatch.setattr(batches, "monotonic", lambda: next(clock))
    list(run_batches(engine, [0, 1, 2], read, lambda number: number))
    assert engine.seconds["probe"] == 2.0
    list(run_batches(engine, [0, 3], read, lambda number: number))
    assert engine.seconds["probe"] == 4.0  # what is known took no time


def test_nobody_waits_any_more(engine, read):
    wish = threading.Event()
    parts = run_batches(engine, range(7), read)
    with cancellable(wish), pytest.raises(Cancelled):
        next(parts)
        wish.set()
        next(parts)
    assert read.asked == [[0, 1, 2]]


def test_a_batch_holds_as_much_as_memory_allows(engine, monkeypatch):
    """4 bytes for each of 32 tokens' 2 x 32 + 6 x 24 values: 26 624 bytes an input."""
    sizes = WorkingSizes(together_bytes=5 * 26_624 + 1)
    monkeypatch.setattr("videomae_demo.engine.passes.working_sizes", lambda _device: sizes)
    assert fill_batch(engine) == 5


def test_a_table_grows_without_being_copied():
    parts = [np.full((2, 3), 1, np.float32), np.full((1, 3), 2, np.float32)]
    first, second = grown(parts, 3)
    assert first.tolist() == [[1, 1, 1]] * 2
    assert second.tolist() == [[1, 1, 1]] * 2 + [[2, 2, 2]]
    assert np.shares_memory(first, second)
    assert list(grown([], 0)) == []
