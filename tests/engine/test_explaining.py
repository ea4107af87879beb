"""Explanations through the engine: passes, what is kept, whose turn it is, and streams."""

import dataclasses
import pickle
import threading

import numpy as np
import pytest
import torch
from tiny import tiny_config

from videomae_demo import device
from videomae_demo.analysis.gradients import explain_loss
from videomae_demo.analysis.gradients import trace as gradients_trace
from videomae_demo.analysis.heads import explain_heads
from videomae_demo.analysis.methods import METHODS, REFERENCES, Target
from videomae_demo.analysis.relevance import explain
from videomae_demo.cancellation import Cancelled, cancellable
from videomae_demo.device import one_at_a_time
from videomae_demo.engine import explaining, passes
from videomae_demo.engine.cache import ByteCache
from videomae_demo.engine.clips import ClipRequest
from videomae_demo.engine.engine import TRACE_SHARE, Engine
from videomae_demo.engine.roles import load_recogniser
from videomae_demo.engine.single_heads import head_effects
from videomae_demo.engine.trials import leave_out, try_map
from videomae_demo.engine.without import labels_without_each
from videomae_demo.errors import CheckpointError, RequestError
from videomae_demo.model.layers import SelfAttention
from videomae_demo.model.tracing import Constants
from videomae_demo.model.videomae import VideoMAEForVideoClassification

CPU = torch.device("cpu")
CONFIG = tiny_config()
GRID = CONFIG.grid
HIDDEN = (np.arange(GRID.tokens) % 4 == 0).reshape(GRID.shape)
TARGET = Target(2, 0)


@pytest.fixture
def engine(recogniser_folder, reconstructor_folder):
    return Engine(str(recogniser_folder), str(reconstructor_folder), device="cpu")


@pytest.fixture
def prepared(engine, clip_path):
    return engine.prepare(ClipRequest(clip_path), engine.recogniser)


@pytest.fixture
def ran(monkeypatch):
    """The numbers of tokens in each layer's attention, of all that ran."""
    ran: list[tuple[int, int]] = []
    original = SelfAttention.queries_and_keys

    def project(attention, x):
        ran.append((len(x), x.shape[1]))
        return original(attention, x)

    monkeypatch.setattr(SelfAttention, "queries_and_keys", project)
    return ran


# ---- passes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_a_pass_explains_as_the_analysis_does(recogniser_folder, method):
    recogniser = load_recogniser(str(recogniser_folder), CPU)
    pixels = np.random.default_rng(0).normal(size=(1, 4, 3, 32, 32)).astype(np.float32)
    left_out = HIDDEN.reshape(1, -1)
    found = explaining.explain(recogniser, pixels, TARGET, method, left_out)
    clip = torch.from_numpy(pixels)
    expected = explain(recogniser.model, clip, TARGET, method, torch.from_numpy(left_out))
    np.testing.assert_array_equal(found.scores, expected.scores)
    whole = explaining.explain(recogniser, pixels, TARGET, method)
    assert whole.scores[HIDDEN].any()
    copy = pickle.loads(pickle.dumps(found))  # as ZeroGPU hands results over
    np.testing.assert_array_equal(copy.scores, found.scores)
    assert (copy.method, copy.target) == (method, TARGET)


def test_damaged_weights_are_told_from_what_they_give(recogniser_folder):
    damaged = load_recogniser(str(recogniser_folder), CPU)
    pixels = np.zeros((1, 4, 3, 32, 32), dtype=np.float32)
    with torch.no_grad():
        damaged.model.classifier.weight[1].fill_(torch.nan)
    with pytest.raises(CheckpointError, match="The recogniser gives 1 of 3 values that are not"):
        explaining.explain(damaged, pixels, TARGET)
    with pytest.raises(CheckpointError, match="The recogniser gives 1 of 3 values that are not"):
        states = np.zeros((3, GRID.tokens, damaged.model.config.hidden_size), dtype=np.float32)
        explaining.explain_heads(damaged, states, TARGET)


def test_scores_that_are_not_finite_are_told_too(recogniser_folder):
    recogniser = load_recogniser(str(recogniser_folder), CPU)
    pixels = np.full((1, 4, 3, 32, 32), np.nan, dtype=np.float32)
    with pytest.raises(CheckpointError, match="gives 32 of 32 values that are not finite"):
        explaining.explain(recogniser, pixels, TARGET, "frame-difference")


def test_one_clip_is_run_once_for_each_row_that_is_left_out(recogniser_folder):
    recogniser = load_recogniser(str(recogniser_folder), CPU)
    pixels = np.random.default_rng(0).normal(size=(1, 4, 3, 32, 32)).astype(np.float32)
    left_out = np.stack([HIDDEN.ravel(), np.roll(HIDDEN.ravel(), 1)])
    together = passes.run(recogniser, pixels, left_out=left_out).logits
    alone = [passes.run(recogniser, pixels, left_out=row[None]).logits[0] for row in left_out]
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert not np.allclose(alone[0], alone[1])
    slopes = passes.run(recogniser, pixels, passes.Record(gradients_of=1), left_out).gradients
    assert len(slopes) == 2


def test_a_batch_is_as_large_as_its_memory_may_be():
    model = VideoMAEForVideoClassification(CONFIG)
    values, room = 2 * CONFIG.intermediate_size + 6 * CONFIG.hidden_size, 2**26
    assert passes.clips_at_once(model, 10) == room // (4 * 10 * values)
    assert passes.clips_at_once(model, room) == 1


# ---- what is kept --------------------------------------------------------------------------------


def test_each_question_has_an_answer_of_its_own(engine, prepared, clip_path):
    other = engine.prepare(ClipRequest(clip_path, start_s=0.25), engine.recogniser)
    questions = [
        (clip, target, method)
        for clip in (prepared, other)
        for target in (Target(0), Target(2), TARGET, Target(0, 2))
        for method in ("libragrad", "gradient-x-input")
    ]
    found = [engine.relevance(*question) for question in questions]
    assert len({answer.scores.tobytes() for answer in found}) == len(questions)
    for (clip, target, method), answer in zip(questions, found, strict=True):
        expected = explain(engine.recogniser.model, clip.pixel_values, target, method)
        np.testing.assert_array_equal(answer.scores, expected.scores)
        assert engine.relevance(clip, target, method) is answer
    assert engine.relevance(prepared, TARGET) is engine.relevance(prepared, TARGET, "libragrad")


def test_tokens_that_are_left_out_carry_nothing(engine, prepared):
    more = HIDDEN.copy()
    more[0, 0, 1] = True
    for method in ("libragrad", "rollout", "frame-difference"):
        whole, found, other = (
            engine.relevance(prepared, TARGET, method, mask) for mask in (None, HIDDEN, more)
        )
        assert engine.relevance(prepared, TARGET, method, HIDDEN) is found
        assert engine.relevance(prepared, TARGET, method, HIDDEN & False) is whole
        assert whole.scores[HIDDEN].any()
        assert not found.scores[HIDDEN].any()
        assert not other.scores[more].any()
        hidden = torch.from_numpy(HIDDEN.reshape(1, -1))
        model, clip = engine.recogniser.model, prepared.pixel_values
        expected = explain(model, clip, TARGET, method, hidden)
        np.testing.assert_array_equal(found.scores, expected.scores)
    with pytest.raises(RequestError, match="has the shape"):
        engine.relevance(prepared, TARGET, "libragrad", HIDDEN[:1])


@pytest.fixture
def passed(monkeypatch):
    """The blocks whose attention ran forwards in a traced pass."""
    passed: list[int] = []
    original = Constants.add_attention

    def add(arithmetic, block, x):
        passed.append(1)
        return original(arithmetic, block, x)

    monkeypatch.setattr(Constants, "add_attention", add)
    return passed


def test_another_label_costs_no_forward_pass(engine, prepared, passed):
    first = engine.relevance(prepared, Target(0))
    assert len(passed) == CONFIG.num_hidden_layers
    found = engine.relevance(prepared, TARGET)
    engine.relevance(prepared, Target(1, 2))
    assert len(passed) == CONFIG.num_hidden_layers
    expected = explain(engine.recogniser.model, prepared.pixel_values, TARGET)
    np.testing.assert_array_equal(found.scores, expected.scores)
    assert not np.array_equal(found.scores, first.scores)
    passed.clear()
    engine.relevance(prepared, Target(0), hidden=HIDDEN)
    engine.relevance(prepared, TARGET, hidden=HIDDEN)
    assert len(passed) == 2 * CONFIG.num_hidden_layers  # paintings come and go: not kept


def test_another_clip_has_a_pass_of_its_own(engine, prepared, passed, clip_path):
    engine.relevance(prepared, TARGET)
    other = engine.prepare(ClipRequest(clip_path, start_s=0.0), engine.recogniser)
    found = engine.relevance(other, Target(1))
    expected = explain(engine.recogniser.model, other.pixel_values, Target(1))
    np.testing.assert_array_equal(found.scores, expected.scores)


def test_a_pass_that_would_crowd_the_cache_is_not_kept(engine, prepared, passed):
    size = gradients_trace(engine.recogniser.model, prepared.pixel_values, lasts=True).nbytes
    passed.clear()
    engine._cache.limit_bytes = int(size / TRACE_SHARE) - 1
    engine.relevance(prepared, Target(0))
    engine.relevance(prepared, Target(1))
    assert len(passed) == 2 * CONFIG.num_hidden_layers
    engine._cache.limit_bytes = int(size / TRACE_SHARE) + 1
    engine.relevance(prepared, Target(2))
    engine.relevance(prepared, TARGET)
    assert len(passed) == 3 * CONFIG.num_hidden_layers


def test_where_passes_run_elsewhere_each_is_whole(engine, prepared, passed, monkeypatch):
    monkeypatch.setattr("videomae_demo.engine.engine.runs_elsewhere", lambda: True)
    engine.relevance(prepared, Target(0))
    engine.relevance(prepared, TARGET)
    assert len(passed) == 2 * CONFIG.num_hidden_layers


def test_heads_are_measured_once_for_each_target(engine, prepared):
    one, other = head_effects(engine, prepared, Target(0)), head_effects(engine, prepared, TARGET)
    assert head_effects(engine, prepared, Target(0)) is one
    model = engine.recogniser.model
    with torch.no_grad():
        states = model(prepared.pixel_values, output_hidden_states=True).hidden_states
    expected = explain_heads(model, states, TARGET)
    np.testing.assert_allclose(other.effects, expected.effects, atol=1e-6)
    assert not np.array_equal(one.effects, other.effects)


def test_a_loss_is_explained_once_for_each_pair_of_masks_and_method(engine, clip_path):
    prepared = engine.prepare(ClipRequest(clip_path), engine.reconstructor)
    asked = HIDDEN & (np.arange(GRID.tokens).reshape(GRID.shape) > 9)
    more = HIDDEN.copy()
    more[0, 0, 1] = True
    questions = [
        (HIDDEN, asked, "libragrad"),
        (HIDDEN, HIDDEN, "libragrad"),
        (more, asked, "libragrad"),
        (HIDDEN, asked, "gradient-x-input"),
    ]
    found = [engine.loss_relevance(prepared, *question) for question in questions]
    assert len({answer.scores.tobytes() for answer in found}) == len(questions)
    for question, answer in zip(questions, found, strict=True):
        assert engine.loss_relevance(prepared, *question) is answer
        model, clip = engine.reconstructor.model, prepared.pixel_values
        np.testing.assert_array_equal(answer.scores, explain_loss(model, clip, *question).scores)


def test_labels_without_tokens_are_kept_mask_by_mask(engine, prepared, ran):
    rolled = [np.roll(HIDDEN.ravel(), shift).reshape(GRID.shape) for shift in (0, 1, 2)]
    alone = engine.labels_without(prepared, rolled[0])
    layers = CONFIG.num_hidden_layers
    assert ran == [(1, 24)] * layers
    masks = np.stack([rolled[1], np.zeros_like(HIDDEN), rolled[0], rolled[2], HIDDEN & False])
    found = engine.labels_without_each(prepared, masks)
    # The new ones run together, and nothing hidden is the pass that is kept for other questions.
    assert sorted(ran[layers:]) == sorted([(2, 24)] * layers + [(1, 32)] * layers)
    np.testing.assert_array_equal(found[2], alone)
    done = engine.recognise(prepared)
    np.testing.assert_array_equal(found[1], done.logits)
    np.testing.assert_array_equal(found[4], done.logits)
    for row, mask in zip(found, masks, strict=True):
        hidden = mask.reshape(1, -1) if mask.any() else None
        expected = passes.run(engine.recogniser, prepared.pixel_values.numpy(), left_out=hidden)
        np.testing.assert_allclose(row, expected.logits[0], atol=1e-5)
    assert len(np.unique(found.round(4), axis=0)) == 4
    before = len(ran)
    np.testing.assert_array_equal(engine.labels_without_each(prepared, masks), found)
    assert len(ran) == before


def test_labels_without_tokens_belong_to_their_clip(engine, prepared, clip_path):
    other = engine.prepare(ClipRequest(clip_path, start_s=0.25), engine.recogniser)
    found = [engine.labels_without(clip, HIDDEN) for clip in (prepared, other)]
    assert not np.allclose(*found)


def test_masks_that_hide_different_numbers_run_apart_and_in_parts(monkeypatch):
    monkeypatch.setattr("videomae_demo.engine.without.clips_at_once", lambda config, tokens: 2)
    masks = np.zeros((6, *GRID.shape), dtype=bool)
    for index, count in enumerate((3, 1, 3, 3, 1, 0)):
        masks[index].flat[index : index + count] = True
    ran = []

    def run(hidden):
        ran.append(hidden.sum(1).tolist())
        return (hidden * np.arange(GRID.tokens)).sum(1, keepdims=True).astype(np.float32)

    cache = ByteCache(10_000, lambda value: value.nbytes)
    found = labels_without_each(VideoMAEForVideoClassification(CONFIG), masks, run, cache, "clip")
    assert ran == [[3, 3], [3], [1, 1], [0]]
    assert found[:, 0].tolist() == [0 + 1 + 2, 1, 2 + 3 + 4, 3 + 4 + 5, 4, 0]
    assert cache.nbytes == 5 * 4


@pytest.mark.parametrize(
    ("masks", "sentence"),
    [
        (np.ones((1, *GRID.shape), dtype=bool), "hides all 32 tokens"),
        (np.zeros((1, 2, 4, 3), dtype=bool), "has the shape"),
        (np.zeros((1, *GRID.shape)), "holds float64 values"),
        (np.zeros((0, *GRID.shape), dtype=bool), "No mask is given"),
    ],
)
def test_masks_that_do_not_fit_are_refused(engine, prepared, masks, sentence):
    with pytest.raises(RequestError, match=sentence):
        engine.labels_without_each(prepared, masks)


def test_a_kept_value_can_be_looked_up_and_stays_the_longer_for_it():
    cache = ByteCache(20, len)
    assert cache.get("a") is None
    cache.put("a", b"x" * 10)
    cache.put("b", b"y" * 10)
    assert cache.get("a") == b"x" * 10
    cache.put("c", b"z" * 10)
    assert (cache.get("a"), cache.get("b")) == (b"x" * 10, None)


# ---- whose turn it is ----------------------------------------------------------------------------


def test_what_is_known_waits_for_no_device(engine, prepared, ran):
    known = [
        engine.relevance(prepared, TARGET),
        head_effects(engine, prepared, TARGET),
        engine.labels_without(prepared, HIDDEN),
        engine.relevance(prepared, TARGET, "rollout"),
    ]
    before, wish = len(ran), threading.Event()
    wish.set()  # who waits for the device ends at once
    with one_at_a_time(engine.device), cancellable(wish):
        assert engine.relevance(prepared, TARGET) is known[0]
        assert head_effects(engine, prepared, TARGET) is known[1]
        np.testing.assert_array_equal(engine.labels_without(prepared, HIDDEN), known[2])
        assert engine.relevance(prepared, TARGET, "rollout") is known[3]
        for name in ("frame-difference", "centre", "random"):
            engine.relevance(prepared, TARGET, name)  # needs no device
        engine.relevance(prepared, Target(1), "rollout")  # from the pass that is kept
    assert len(ran) == before


ASKING = {
    "relevance": lambda engine, clip: engine.relevance(clip, TARGET),
    "head_effects": lambda engine, clip: head_effects(engine, clip, TARGET),
    "labels_without": lambda engine, clip: engine.labels_without(clip, HIDDEN),
    "loss_relevance": lambda engine, clip: engine.loss_relevance(
        engine.prepare(ClipRequest(clip.clip.path), engine.reconstructor), HIDDEN, HIDDEN
    ),
}


@pytest.mark.parametrize("ask", ASKING.values(), ids=ASKING)
def test_who_computes_holds_the_device(engine, prepared, ask, monkeypatch):
    held, original = [], SelfAttention.queries_and_keys

    def project(attention, x):
        held.append(device._HELD["cpu", 0].locked())
        return original(attention, x)

    monkeypatch.setattr(SelfAttention, "queries_and_keys", project)
    ask(engine, prepared)
    assert held
    assert all(held)
    assert not device._HELD["cpu", 0].locked()


@pytest.mark.parametrize("ask", ASKING.values(), ids=ASKING)
def test_what_is_not_known_waits_for_its_turn(engine, prepared, ask):
    wish = threading.Event()
    wish.set()
    with one_at_a_time(engine.device), cancellable(wish), pytest.raises(Cancelled):
        ask(engine, prepared)


def test_a_rollout_is_that_of_the_pass_that_is_kept(engine, prepared, ran):
    engine.recognise(prepared)
    before = len(ran)
    found = engine.relevance(prepared, TARGET, "rollout")
    assert len(ran) == before
    expected = explain(engine.recogniser.model, prepared.pixel_values, TARGET, "rollout")
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-5)
    np.testing.assert_allclose(found.logits, expected.logits, atol=1e-5)
    assert (found.method, found.target, found.biases) == ("rollout", TARGET, None)


# ---- what can't be asked -------------------------------------------------------------------------


def test_what_is_not_there_is_refused(engine, prepared):
    with pytest.raises(RequestError, match="no label 3; this checkpoint has 3"):
        engine.relevance(prepared, Target(3), "centre")
    with pytest.raises(RequestError, match="no label 7"):
        head_effects(engine, prepared, Target(0, 7))
    with pytest.raises(RequestError, match="no method 'saliency'"):
        engine.relevance(prepared, TARGET, "saliency")
    with pytest.raises(RequestError, match="can't be grouped by 'rows'; choose slices, tubes"):
        next(leave_out(engine, prepared, TARGET, "rows"))
    with pytest.raises(RequestError, match="no label 3"):
        next(leave_out(engine, prepared, Target(3)))


def test_without_labels_there_is_nothing_to_explain(reconstructor_folder, clip_path):
    engine = Engine(str(reconstructor_folder), device="cpu")
    prepared = engine.prepare(ClipRequest(clip_path), engine.recogniser)
    for ask in (
        lambda: engine.relevance(prepared, Target(0)),
        lambda: head_effects(engine, prepared, Target(0)),
        lambda: engine.labels_without(prepared, HIDDEN),
    ):
        with pytest.raises(CheckpointError, match="without labels, so it has no labels to explain"):
            ask()


# ---- streams -------------------------------------------------------------------------------------


def test_a_map_is_tried_beside_the_references(engine, prepared, ran):
    stream = list(try_map(engine, prepared, TARGET, "gradient-x-input"))
    found = stream[-1]
    assert [curve.name for curve in found.curves] == ["gradient-x-input", *REFERENCES]
    assert found.done == 1
    scores = engine.relevance(prepared, TARGET, "gradient-x-input").scores
    order = np.argsort(-scores.ravel(), kind="stable")
    hidden = np.zeros(GRID.tokens, dtype=bool)
    hidden[order[:16]] = True
    step = found.curves[0].deletion.hidden.tolist().index(0.5)
    for course, mask in ((found.curves[0].deletion, hidden), (found.curves[0].insertion, ~hidden)):
        logits = engine.labels_without(prepared, mask.reshape(GRID.shape))
        assert course.values[step] == pytest.approx(float(logits[2] - logits[0]), abs=1e-5)
    assert found.curves[0].deletion.values[0] == pytest.approx(
        float(TARGET.value(engine.recognise(prepared).logits))
    )
    before = len(ran)
    again = list(try_map(engine, prepared, TARGET, "gradient-x-input"))
    assert len(ran) == before
    assert [curve.gap for curve in again[-1].curves] == [curve.gap for curve in found.curves]
    # Another map shares what the references and the band have computed.
    list(try_map(engine, prepared, TARGET, "libragrad"))
    new = sum(clips for clips, _ in ran[before:]) / CONFIG.num_hidden_layers
    assert new <= 2 + 2 * 9 + 10  # its own explanation, its two courses, and its SaCo
    own = list(try_map(engine, prepared, TARGET, "centre"))[-1]
    assert [curve.name for curve in own.curves] == ["centre", "rollout", "frame-difference"]


def test_slices_are_left_out_one_by_one(engine, prepared):
    found = list(leave_out(engine, prepared, TARGET))[-1]
    assert len(found.drops) == GRID.time
    for index, value in enumerate(found.values):
        mask = np.zeros(GRID.shape, dtype=bool)
        mask[index] = True
        logits = engine.labels_without(prepared, mask)
        assert value == pytest.approx(float(logits[2] - logits[0]), abs=1e-5)
    assert len(list(leave_out(engine, prepared, TARGET, "tubes"))[-1].drops) == GRID.patches


def test_a_stream_through_the_engine_ends_when_nobody_waits(engine, prepared):
    wish = threading.Event()
    with cancellable(wish):
        stream = try_map(engine, prepared, TARGET)
        next(stream)
        wish.set()
        with pytest.raises(Cancelled):
            next(stream)


def test_answers_say_how_large_they_are(engine, prepared):
    for answer in (engine.relevance(prepared, TARGET), head_effects(engine, prepared, TARGET)):
        arrays = [getattr(answer, field.name) for field in dataclasses.fields(answer)]
        assert answer.nbytes == sum(a.nbytes for a in arrays if isinstance(a, np.ndarray))
