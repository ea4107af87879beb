"""Single heads through the engine: what runs, what is kept, and what a head alone reads."""

import numpy as np
import pytest
import torch
from tiny import tiny_config
from written_out import WrittenOut

from videomae_demo.analysis.methods import Target
from videomae_demo.analysis.settings import Head
from videomae_demo.engine import passes
from videomae_demo.engine.clips import ClipRequest
from videomae_demo.engine.engine import Engine
from videomae_demo.engine.single_heads import attention_of, head_effects
from videomae_demo.errors import RequestError
from videomae_demo.model.layers import Block

GRID = tiny_config().grid
TARGET = Target(2, 0)
OFF = (Head(1, 1), Head(2, 2))


@pytest.fixture
def engine(recogniser_folder, reconstructor_folder):
    return Engine(str(recogniser_folder), str(reconstructor_folder), device="cpu")


@pytest.fixture
def prepared(engine, clip_path):
    return engine.prepare(ClipRequest(clip_path), engine.recogniser)


@pytest.fixture
def passed(monkeypatch):
    """How many blocks ran whole."""
    passed: list[Block] = []
    original = Block.forward

    def forward(block, *given, **options):
        passed.append(block)
        return original(block, *given, **options)

    monkeypatch.setattr(Block, "forward", forward)
    return passed


def test_with_all_heads_on_the_pass_that_is_kept_is_enough(engine, prepared, passed):
    engine.recognise(prepared)
    passed.clear()
    whole = head_effects(engine, prepared, TARGET)
    head_effects(engine, prepared, Target(1))
    head_effects(engine, prepared, TARGET, (1, 2, 3))
    attention_of(engine, prepared, Head(2, 1))
    assert passed == []
    np.testing.assert_allclose(whole.logits, engine.recognise(prepared).logits, atol=1e-5)


def test_heads_that_are_off_cost_one_pass_for_all_questions(engine, prepared, passed):
    whole = head_effects(engine, prepared, TARGET)
    passed.clear()
    found = head_effects(engine, prepared, TARGET, off=OFF)
    layers = engine.recogniser.model.config.num_hidden_layers
    assert len(passed) == layers
    assert head_effects(engine, prepared, TARGET, off=[*reversed(OFF), OFF[0]]) is found
    head_effects(engine, prepared, Target(1), (0, 1, 1), OFF)
    assert len(passed) == layers
    assert head_effects(engine, prepared, TARGET, off=OFF[:1]).off == OFF[:1]
    assert len(passed) == 2 * layers
    out = WrittenOut.of(engine.recogniser.model, off=frozenset({(0, 0), (1, 1)}))
    logits = out.read(out.encode(out.embed(prepared.pixel_values[0])))
    np.testing.assert_allclose(found.logits, logits.detach(), atol=1e-5)
    assert np.abs(found.logits - whole.logits).max() > 1e-3


def test_each_part_of_the_question_has_an_answer_of_its_own(engine, prepared):
    asked = {
        "usual": head_effects(engine, prepared, TARGET),
        "label": head_effects(engine, prepared, Target(1)),
        "query": head_effects(engine, prepared, TARGET, (1, 2, 3)),
        "other query": head_effects(engine, prepared, TARGET, (1, 2, 2)),
        "off": head_effects(engine, prepared, TARGET, off=OFF),
        "other off": head_effects(engine, prepared, TARGET, off=OFF[1:]),
    }
    told = [(found.reads.tobytes(), found.effects.tobytes()) for found in asked.values()]
    assert len(set(told)) == len(asked)
    for name, found in asked.items():
        assert (found.target == Target(1)) is (name == "label")


def test_a_head_alone_is_its_own_attention(engine, prepared):
    out = WrittenOut.of(engine.recogniser.model)
    out.encode(out.embed(prepared.pixel_values[0]))
    for head in (Head(1, 2), Head(2, 1)):
        found = attention_of(engine, prepared, head)
        assert (found.dtype, found.shape) == (np.float16, (GRID.tokens, GRID.tokens))
        expected = out.attention[head.layer - 1][head.number - 1].detach()
        np.testing.assert_allclose(found / GRID.tokens, expected, atol=2e-3 / GRID.tokens)
    assert attention_of(engine, prepared, Head(1, 2)) is attention_of(engine, prepared, Head(1, 2))
    with pytest.raises(RequestError, match="no layer 1, head 3"):
        attention_of(engine, prepared, Head(1, 3))
    with pytest.raises(RequestError, match="no layer 4, head 1"):
        attention_of(engine, prepared, Head(4, 1))


def test_a_pass_switches_heads_off_for_each_clip_of_a_batch(engine, prepared):
    pixels = prepared.pixel_values.numpy()
    batch = np.concatenate([pixels, -pixels])
    together = passes.run(engine.recogniser, batch, heads_off=OFF).logits
    for clip, logits in zip(batch, together, strict=True):
        alone = passes.run(engine.recogniser, clip[None], heads_off=OFF).logits[0]
        np.testing.assert_allclose(alone, logits, atol=1e-5)
    on = torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    model = engine.recogniser.model
    with torch.no_grad():
        expected = model(prepared.pixel_values, head_mask=on).logits[0]
    np.testing.assert_allclose(together[0], expected, atol=1e-5)
    with pytest.raises(RequestError, match="no layer 9, head 1"):
        passes.run(engine.recogniser, pixels, heads_off=(Head(9, 1),))
