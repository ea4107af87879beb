"""Sweeps through the engine: numbers of a dense run, what is kept, and whose turn it is."""

import math
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tiny import tiny_config

from videomae_demo import device
from videomae_demo.analysis.colours import TrueColours
from videomae_demo.analysis.many_masks import masks_that_cover
from videomae_demo.analysis.reconstruction import reconstruct
from videomae_demo.analysis.sweeping import RATIOS, SEEDS
from videomae_demo.cancellation import Cancelled, cancellable
from videomae_demo.device import one_at_a_time
from videomae_demo.engine import passes, sweeps
from videomae_demo.engine.clips import ClipRequest
from videomae_demo.engine.engine import Engine
from videomae_demo.errors import RequestError
from videomae_demo.masking import make_mask
from videomae_demo.model.layers import SelfAttention

GRID = tiny_config().grid
LAYERS = 3


@pytest.fixture
def engine(recogniser_folder, reconstructor_folder):
    return Engine(str(recogniser_folder), str(reconstructor_folder), device="cpu")


@pytest.fixture
def prepared(engine, clip_path):
    return engine.prepare(ClipRequest(clip_path), engine.reconstructor)


@pytest.fixture
def ran(monkeypatch):
    """How many masks each pass predicted together."""
    ran: list[int] = []
    original = sweeps.predict_each

    def predict(reconstructor, pixel_values, hidden):
        ran.append(len(hidden))
        return original(reconstructor, pixel_values, hidden)

    monkeypatch.setattr(sweeps, "predict_each", predict)
    return ran


def new_masks(kind: str, *seen: np.ndarray) -> list[int]:
    """How many masks of each share were not among those before; of few patches, some are alike."""
    known, counts = {mask.tobytes() for mask in seen}, []
    for ratio in RATIOS:
        masks = {make_mask(kind, GRID, ratio, seed).tobytes() for seed in SEEDS} - known
        known |= masks
        counts.append(len(masks))
    return [count for count in counts if count]


def last(stream):
    *_, final = stream
    return final


@pytest.mark.parametrize("kind", ["tube", "random", "frame"])
def test_the_numbers_are_those_of_a_dense_run(engine, prepared, kind):
    """Mask by mask: the model's own loss, and the error of its pixels, over the hidden ones."""
    found = last(sweeps.sweep(engine, prepared, kind))
    model = engine.reconstructor.model
    frames = model.to_pixels(prepared.pixel_values)[0].permute(0, 2, 3, 1).double().numpy()
    for at, ratio in ((0, 0.5), (5, 0.75), (9, 0.95)):
        assert found.ratios[at] == ratio
        for seed in SEEDS:
            mask = make_mask(kind, GRID, ratio, seed)
            with torch.no_grad():
                output = model(prepared.pixel_values, torch.from_numpy(mask.reshape(1, -1)))
            assert found.losses[0, at, seed] == pytest.approx(float(output.loss), rel=1e-4)
            tokens = np.argwhere(mask)
            error, shown = [], output.logits[0].double().numpy().clip(0, 1)
            mean = frames[~mask.repeat(2, 0).repeat(8, 1).repeat(8, 2)].mean(0)
            flat = []
            for (t, row, column), values in zip(tokens, shown, strict=True):
                true = frames[2 * t : 2 * t + 2, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8]
                error.append(((values.reshape(true.shape) - true) ** 2).mean())
                flat.append(((mean - true) ** 2).mean())
            expected = [-10 * math.log10(np.mean(errors)) for errors in (error, flat)]
            near = found.psnr_db[[0, found.names.index("visible-mean")], at, seed]
            np.testing.assert_allclose(near, expected, atol=1e-3)
            assert found.losses[found.names.index("visible-mean"), at, seed] == pytest.approx(
                np.mean(flat), rel=1e-3
            )


def test_masks_of_a_share_run_together_and_none_runs_twice(engine, prepared, ran):
    found = last(sweeps.sweep(engine, prepared, "tube"))
    assert ran == new_masks("tube")
    assert max(ran) == 5 and len(ran) < 10  # together, and not twice
    again = last(sweeps.sweep(engine, prepared, "tube"))
    known = sweeps.what_is_known(engine, prepared, "tube")
    assert ran == new_masks("tube")
    for other in (again, known):
        np.testing.assert_array_equal(other.psnr_db, found.psnr_db)
        np.testing.assert_array_equal(other.losses, found.losses)
    assert sweeps.what_is_known(engine, prepared, "random") is None
    # Of two moments, one is hidden at every share: five seeds make two masks.
    last(sweeps.sweep(engine, prepared, "frame"))
    assert ran[len(new_masks("tube")) :] == [2]


def test_what_was_predicted_is_not_predicted_again_and_the_other_way_round(engine, prepared, ran):
    one = make_mask("tube", GRID, 0.75, 3)
    predicted = engine.predict(prepared, one)
    last(sweeps.sweep(engine, prepared, "tube", seed=4))
    assert ran == new_masks("tube", one) != new_masks("tube")
    done = engine.seconds["predict"]
    for ratio in RATIOS:
        engine.predict(prepared, make_mask("tube", GRID, ratio, 4))
    assert engine.seconds["predict"] == done  # no pass was timed
    alone = passes.predict(engine.reconstructor, prepared.pixel_values.numpy(), one.reshape(-1))
    np.testing.assert_array_equal(predicted, alone)
    kept = engine.predict(prepared, make_mask("tube", GRID, 0.9, 4))
    mask = make_mask("tube", GRID, 0.9, 4).reshape(-1)
    alone = passes.predict(engine.reconstructor, prepared.pixel_values.numpy(), mask)
    np.testing.assert_allclose(kept, alone, atol=1e-5)
    engine.predict(prepared, make_mask("tube", GRID, 0.9, 2))
    assert engine.seconds["predict"] != done


def test_measures_belong_to_their_clip(engine, prepared, clip_path):
    other = engine.prepare(ClipRequest(clip_path, start_s=0.25), engine.reconstructor)
    found = last(sweeps.sweep(engine, prepared, "tube"))
    assert sweeps.what_is_known(engine, other, "tube") is None
    assert not np.allclose(last(sweeps.sweep(engine, other, "tube")).psnr_db, found.psnr_db)


def test_batches_are_as_large_as_their_memory_may_be(engine, prepared, ran, monkeypatch):
    found = last(sweeps.sweep(engine, prepared, "tube"))
    monkeypatch.setattr(sweeps, "masks_at_once", lambda config, visible: 2)
    other = Engine(engine.weights, engine._reconstructor_name, device="cpu")
    ran.clear()
    again = last(sweeps.sweep(other, prepared, "tube"))
    assert max(ran) == 2 and sum(ran) == sum(new_masks("tube"))
    np.testing.assert_allclose(again.psnr_db, found.psnr_db, atol=1e-3)
    config = tiny_config()
    values = 2 * config.decoder_intermediate_size + 6 * config.decoder_hidden_size
    monkeypatch.undo()
    model, room = engine.reconstructor.model, 2**26
    assert passes.masks_at_once(model, 1) == room // (4 * 32 * values)
    assert passes.masks_at_once(model, room) == 1
    assert passes.masks_at_once(model, 32) == passes.clips_at_once(model, 32)


def test_a_pass_is_timed_for_each_mask(engine, prepared, monkeypatch):
    now, original = [0.0], sweeps.predict_each

    def predict(*given):
        now[0] += 10
        return original(*given)

    monkeypatch.setattr(sweeps, "predict_each", predict)
    monkeypatch.setattr(sweeps, "time", SimpleNamespace(monotonic=lambda: now[0]))
    next(sweeps.sweep(engine, prepared, "tube"))
    assert engine.seconds == {"sweep": 2.0}  # 10 s for five masks


def test_what_is_known_waits_for_no_device_and_the_rest_for_its_turn(engine, prepared):
    found = last(sweeps.sweep(engine, prepared, "tube"))
    wish = threading.Event()
    with one_at_a_time(engine.device), cancellable(wish):
        again = last(sweeps.sweep(engine, prepared, "tube"))
        assert sweeps.what_is_known(engine, prepared, "tube").done == 1
        wish.set()
        with pytest.raises(Cancelled):
            sweeps.measure_each(engine, prepared, make_mask("random", GRID, 0.5, 9)[None])
    np.testing.assert_array_equal(again.psnr_db, found.psnr_db)


def test_who_computes_holds_the_device_and_lets_it_go_between_steps(engine, prepared, monkeypatch):
    held, original = [], SelfAttention.queries_and_keys

    def project(attention, x):
        held.append(device._HELD["cpu", 0].locked())
        return original(attention, x)

    monkeypatch.setattr(SelfAttention, "queries_and_keys", project)
    for _ in sweeps.sweep(engine, prepared, "tube"):
        assert held and all(held)
        assert not device._HELD["cpu", 0].locked()


def test_a_sweep_ends_when_nobody_waits_and_what_it_knows_stays(engine, prepared, ran):
    wish = threading.Event()
    with cancellable(wish):
        stream = sweeps.sweep(engine, prepared, "tube")
        next(stream)
        next(stream)
        wish.set()
        with pytest.raises(Cancelled):
            next(stream)
    known = sweeps.what_is_known(engine, prepared, "tube")
    assert (known.ratios, known.done) == ((0.5, 0.55), 0.2)
    last(sweeps.sweep(engine, prepared, "tube"))
    assert ran == new_masks("tube")


def test_kinds_without_shares_are_refused(engine, prepared):
    with pytest.raises(RequestError, match="'cell' can't hide every share"):
        next(sweeps.sweep(engine, prepared, "cell"))


def test_many_masks_are_those_of_single_calls_and_kept(engine, prepared, ran):
    *growing, found = sweeps.many_masks(engine, prepared, "random", 0.5, 2, 3)
    masks = masks_that_cover("random", GRID, 0.5, 2, 3)
    assert [one.done for one in growing] == sorted(one.done for one in growing)
    assert (found.masks, found.done) == (len(masks), 1)
    assert sum(ran) == len(masks)
    errors = []
    for mask in masks:
        predicted = torch.from_numpy(engine.predict(prepared, mask))
        model = engine.reconstructor.model
        colours = TrueColours.behind(engine.reconstructor.processor)
        original = model.to_pixels(prepared.pixel_values)[0]
        errors.append(reconstruct(predicted, original, mask, model.config, colours).token_error)
    expected = np.sqrt(np.nanmean(errors, axis=0))
    np.testing.assert_allclose(found.error, expected, atol=1e-6)
    (again,) = sweeps.many_masks(engine, prepared, "random", 0.5, 2, 3)
    assert again is found


@pytest.mark.parametrize(
    "other",
    [("tube", 0.5, 2, 0), ("random", 0.75, 2, 0), ("random", 0.5, 3, 0), ("random", 0.5, 2, 9)],
)
def test_other_masks_are_another_question(engine, prepared, ran, other):
    *_, first = sweeps.many_masks(engine, prepared, "random", 0.5, 2, 0)
    before = sum(ran)
    *_, second = sweeps.many_masks(engine, prepared, *other)
    assert sum(ran) > before and (second.error != first.error).any()


def test_many_masks_end_when_nobody_waits(engine, prepared):
    wish = threading.Event()
    answers = sweeps.many_masks(engine, prepared, "random", 0.5, 40)
    with cancellable(wish), pytest.raises(Cancelled):
        wish.set()
        next(answers)


def test_as_many_other_masks_are_another_question(engine, prepared):
    masks = {seed: masks_that_cover("random", GRID, 0.5, 2, seed) for seed in range(20)}
    other = next(seed for seed in masks if seed and len(masks[seed]) == len(masks[0]))
    *_, first = sweeps.many_masks(engine, prepared, "random", 0.5, 2, 0)
    *_, second = sweeps.many_masks(engine, prepared, "random", 0.5, 2, other)
    assert (first.error != second.error).any()
