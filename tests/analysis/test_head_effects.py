"""Heads against their formulas, written out densely in double precision on a tiny model."""

import threading

import numpy as np
import pytest
import torch
from tiny import blocks_of, save_tiny, tiny_config
from written_out import WrittenOut, read_and_worth

from videomae_demo.analysis.heads import HeadEffects, explain_heads, heads_on
from videomae_demo.analysis.methods import Target
from videomae_demo.analysis.settings import Head
from videomae_demo.cancellation import Cancelled, cancellable
from videomae_demo.errors import RequestError
from videomae_demo.model import layers
from videomae_demo.model.videomae import VideoMAEForVideoClassification

GRID = tiny_config().grid
NONE = torch.zeros(GRID.tokens, dtype=torch.bool)
TARGET = Target(2, 0)
WEIGHTS = torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64)
OFF = (Head(1, 2), Head(2, 1))
QUERY = (1, 2, 3)


@pytest.fixture(scope="module", params=[True, False], ids=["pooled", "token 0"])
def model(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    save_tiny(VideoMAEForVideoClassification, folder, use_mean_pooling=request.param)
    return VideoMAEForVideoClassification.from_pretrained(folder).eval().requires_grad_(False)


@pytest.fixture(autouse=True)
def blocks_of_five_rows(monkeypatch):
    monkeypatch.setattr(layers, "working_sizes", blocks_of(5 * 2 * GRID.tokens * 4))


@pytest.fixture(scope="module")
def clip():
    return torch.randn(1, 4, 3, 32, 32, generator=torch.Generator().manual_seed(3))


def states_of(model, clip, off=()):
    shape = (model.config.num_hidden_layers, model.config.num_attention_heads)
    mask = torch.from_numpy(heads_on(off, *shape)) if off else None
    with torch.no_grad():
        return model(clip, head_mask=mask, output_hidden_states=True).hidden_states


def close(found, expected):
    expected = expected.numpy()
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(
        found.reshape(expected.shape), expected, rtol=2e-4, atol=2e-4 * np.abs(expected).max()
    )


def test_what_heads_read_and_do_follows_from_the_states_of_a_pass(model, clip):
    found = explain_heads(model, states_of(model, clip), TARGET)
    reads, worth = read_and_worth(model, clip, NONE, WEIGHTS)
    assert found.reads.shape == (*reads.shape[:2], *GRID.shape)
    assert found.reads.dtype == found.effects.dtype == np.float32
    close(found.reads, reads)
    close(found.effects, reads * worth)
    np.testing.assert_allclose(found.totals, (reads * worth).sum(-1), rtol=1e-3, atol=1e-7)
    np.testing.assert_allclose(found.reads.sum((2, 3, 4)), 1, rtol=1e-5)
    np.testing.assert_allclose(found.reads_times_uniform, found.reads * GRID.tokens)
    out = WrittenOut.of(model)
    logits = out.read(out.encode(out.embed(clip[0])))
    np.testing.assert_allclose(found.logits, logits.detach(), atol=1e-5)
    assert (found.query, found.off) == (None, ())


def test_a_token_reads_its_own_row_and_effects_stay_those_of_the_classifier(model, clip):
    found = explain_heads(model, states_of(model, clip), TARGET, QUERY)
    index = int(np.ravel_multi_index(QUERY, GRID.shape))
    row = torch.eye(GRID.tokens, dtype=torch.float64)[index]
    close(found.reads, read_and_worth(model, clip, NONE, WEIGHTS, row)[0])
    whole = explain_heads(model, states_of(model, clip), TARGET)
    np.testing.assert_allclose(found.effects, whole.effects, atol=1e-7)
    assert found.query == QUERY


def test_heads_that_are_off_hand_nothing_over_and_change_what_comes_after(model, clip):
    found = explain_heads(model, states_of(model, clip, OFF), TARGET, off=OFF[::-1])
    off = frozenset((head.layer - 1, head.number - 1) for head in OFF)
    reads, worth = read_and_worth(model, clip, NONE, WEIGHTS, off=off)
    close(found.reads, reads)
    close(found.effects, reads * worth)
    for layer, head in off:
        assert not found.effects[layer, head].any() and not found.reads[layer, head].any()
    out = WrittenOut.of(model, off=off)
    logits = out.read(out.encode(out.embed(clip[0])))
    np.testing.assert_allclose(found.logits, logits.detach(), atol=1e-5)
    assert np.abs(found.logits - states_logits(model, clip)).max() > 1e-3
    assert found.off == OFF


def states_logits(model, clip):
    with torch.no_grad():
        return model(clip).logits[0].numpy()


def test_heads_are_ranked_by_their_effect_whatever_its_sign():
    effects = np.zeros((2, 2, 1, 1, 2), dtype=np.float32)
    effects[0, 1] = [1, 1]
    effects[1, 0] = [-2, -1]
    effects[1, 1] = [5, -5]
    found = HeadEffects(TARGET, effects, effects, np.zeros(3, dtype=np.float32))
    assert found.ranking == (Head(2, 1), Head(1, 2), Head(1, 1), Head(2, 2))
    assert found.nbytes == 2 * effects.nbytes + 12


def test_a_head_mask_has_a_place_for_each_head():
    np.testing.assert_array_equal(heads_on(OFF, 2, 3), [[1, 0, 1], [0, 1, 1]])
    for head in (Head(3, 1), Head(1, 4)):
        with pytest.raises(RequestError, match=f"no {head}; this checkpoint has 2 layers of 3"):
            heads_on((head,), 2, 3)


def test_what_is_not_there_is_refused(model, clip):
    states = states_of(model, clip)
    with pytest.raises(RequestError, match=r"\(2, 0, 0\) is outside the grid"):
        explain_heads(model, states, TARGET, (2, 0, 0))
    with pytest.raises(RequestError, match="no layer 1, head 3; this checkpoint has 3 layers of 2"):
        explain_heads(model, states, TARGET, off=(Head(1, 3),))
    with pytest.raises(RequestError, match="no label 5"):
        explain_heads(model, states, Target(5))


def test_weights_get_no_gradient_and_work_that_nobody_wants_ends(clip):
    torch.manual_seed(0)
    model = VideoMAEForVideoClassification(tiny_config()).eval()  # its weights could get gradients
    states = states_of(model, clip)
    explain_heads(model, states, TARGET)
    assert all(weight.grad is None for weight in model.parameters())
    wish = threading.Event()
    wish.set()
    with cancellable(wish), pytest.raises(Cancelled):
        explain_heads(model, states, TARGET)
