"""Probes through the engine: each equals a question of its own, is kept, and can be given up."""

import threading

import numpy as np
import pytest
import torch

from videomae_demo.cancellation import Cancelled, cancellable
from videomae_demo.engine import batches
from videomae_demo.engine.clips import ClipRequest
from videomae_demo.engine.probing import probe, probes_of
from videomae_demo.errors import CheckpointError, RequestError
from videomae_demo.explorer import Explorer
from videomae_demo.video.changes import ClipChange
from videomae_demo.video.decode import read_frames, scan
from videomae_demo.video.encode import write_mp4
from videomae_demo.video.sampling import SamplingRule


@pytest.fixture
def engine(recogniser_folder, reconstructor_folder):
    return Explorer(str(recogniser_folder), str(reconstructor_folder), device="cpu")


@pytest.fixture
def ran(monkeypatch):
    """How many clips each pass took together."""
    ran: list[int] = []
    original = batches.run

    def run(recogniser, pixel_values):
        ran.append(len(pixel_values))
        return original(recogniser, pixel_values)

    monkeypatch.setattr(batches, "run", run)
    return ran


def named(engine, clip) -> dict:
    return {one.name: one for one in probes_of(engine, clip)[0]}


def test_there_is_a_probe_for_all_that_the_clip_has(engine, clip_path):
    """96 x 64 pixels, 2 s, of which the model takes 4 frames in 0.4 s."""
    probes, left_out = probes_of(engine, ClipRequest(clip_path))
    assert [one.name for one in probes] == [
        "backwards", "shuffled:0", "shuffled:1", "shuffled:2",
        "frozen:0", "frozen:1", "frozen:2", "frozen:3",
        "mirrored", "grey", "left", "right", "half interval", "double interval",
        "first window", "middle window", "last window",
    ]  # fmt: skip
    assert left_out == ()
    assert {one.group for one in probes} == {"order", "frame", "look", "pace", "window"}


def test_each_answer_is_that_of_a_question_of_its_own(engine, clip_path, ran, monkeypatch):
    monkeypatch.setattr(batches, "clips_at_once", lambda config, tokens: 5)
    probes, _ = probes_of(engine, ClipRequest(clip_path))
    *growing, found = probe(engine, ClipRequest(clip_path), probes)
    assert [len(known) for known in growing] == [5, 10, 15]
    assert ran == [5, 5, 5, 2]
    alone = Explorer(engine.weights, device="cpu")
    for one in probes:
        logits = alone.classify(one.request).classification.logits
        np.testing.assert_allclose(found[one.name], logits, atol=1e-5, err_msg=one.name)
    different = {logits.round(4).tobytes() for logits in found.values()}
    assert len(different) >= len(probes) - 2
    assert engine.seconds["probe"] > 0


def test_changes_are_made_before_the_model_and_shown_as_made(engine, clip_path):
    """Against frames that are read, changed and prepared by hand."""
    request = ClipRequest(clip_path)
    rule = engine.prepare(request, engine.recogniser).clip
    sampled = read_frames(scan(clip_path), rule.indices)
    by_hand = {
        "backwards": sampled[::-1],
        "mirrored": sampled[:, :, ::-1],
        "left": sampled[:, :, :64],
        "right": sampled[:, :, 32:],
        "frozen:1": sampled[[1, 1, 1, 1]],
    }
    for text, frames in by_hand.items():
        changed = ClipRequest(clip_path, change=ClipChange.parse(text))
        view = engine.classify(changed)
        given = engine.recogniser.processor(list(frames), return_tensors="pt").pixel_values
        with torch.no_grad():
            logits = engine.recogniser.model(given).logits[0]
        np.testing.assert_allclose(view.classification.logits, logits.numpy(), atol=1e-5)
        assert any("changed" in note for note in view.notes), text
    seen = engine.see(ClipRequest(clip_path, change=ClipChange("backwards")))
    assert (seen.indices == rule.indices[::-1]).all()
    assert (seen.timestamps_s == rule.timestamps_s).all()
    assert (seen.frames == rule.frames[::-1]).all()
    right = engine.see(ClipRequest(clip_path, change=ClipChange("right")))
    left = engine.see(ClipRequest(clip_path, change=ClipChange("left")))
    assert (right.source_size, right.crop.left - left.crop.left) == ((64, 96), 32)


def test_what_is_known_is_not_run_again(engine, clip_path, ran):
    clip = ClipRequest(clip_path)
    probes, _ = probes_of(engine, clip)
    *_, first = probe(engine, clip, probes)
    passes = len(ran)
    (again,) = probe(engine, clip, probes)
    assert len(ran) == passes
    assert all((again[name] == first[name]).all() for name in first)


def test_who_left_gets_nothing_and_keeps_what_was_done(engine, clip_path, ran, monkeypatch):
    monkeypatch.setattr(batches, "clips_at_once", lambda config, tokens: 4)
    clip = ClipRequest(clip_path)
    probes, _ = probes_of(engine, clip)
    answers = probe(engine, clip, probes)
    wish = threading.Event()
    with pytest.raises(Cancelled), cancellable(wish):
        for known in answers:
            if len(known) == 8:
                wish.set()
    assert ran == [4, 4]
    list(probe(engine, clip, probes))
    assert sum(ran) == len(probes)


def test_what_a_clip_does_not_have_is_told(engine, tmp_path, clip_frames):
    square = write_mp4(tmp_path / "square.mp4", clip_frames[:11, :, :64], 24)
    probes, left_out = probes_of(engine, ClipRequest(square))
    assert not {"left", "right", "double interval"} & {one.name for one in probes}
    why = {one.name: one.why for one in left_out}
    assert why["left"].startswith("The frames are square")
    assert why["double interval"].startswith("The clip is too short for twice the time")
    uniform = ClipRequest(square, sampling=SamplingRule.uniform())
    _, left_out = probes_of(engine, uniform)
    assert [one.name for one in left_out] == ["left", "pace", "window"]
    every = named(engine, ClipRequest(square, sampling=SamplingRule.every(3)))
    assert "half interval" not in every
    half = named(engine, ClipRequest(square, sampling=SamplingRule.every(2)))["half interval"]
    assert half.request.sampling == SamplingRule.every(1)


def test_the_windows_begin_and_end_with_the_clip(engine, clip_path):
    found = named(engine, ClipRequest(clip_path, start_s=0.5))
    times = {
        name: engine.see(found[f"{name} window"].request).indices
        for name in ("first", "middle", "last")
    }
    assert times["first"][0] == 0 and times["last"][-1] == 47
    assert times["first"][0] < times["middle"][0] < times["last"][0]


def test_a_changed_clip_is_not_changed_again(engine, clip_path):
    with pytest.raises(RequestError, match=r"changed already \(played backwards\)"):
        probes_of(engine, ClipRequest(clip_path, change=ClipChange("backwards")))


def test_a_checkpoint_without_labels_has_none_to_follow(reconstructor_folder, clip_path):
    engine = Explorer(str(reconstructor_folder), device="cpu")
    with pytest.raises(CheckpointError, match="pretrained without labels"):
        list(engine.probe(ClipRequest(clip_path)))
