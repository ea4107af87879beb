"""Windows over a whole clip: where they begin, that each is as if asked alone, and what is kept."""

import threading
from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from videomae_demo import ClipChange, ClipRequest, Explorer, RequestError, SamplingRule
from videomae_demo import TimelineRequest as Asked
from videomae_demo.cancellation import Cancelled, cancellable
from videomae_demo.engine import batches, scanning
from videomae_demo.engine.scanning import scan_windows, window_starts
from videomae_demo.lenses.plan import Plan
from videomae_demo.training.synthetic import LABELS, render
from videomae_demo.video.encode import write_mp4

STRIDE = SamplingRule.stride(0.125)


@pytest.fixture
def explorer(recogniser_folder) -> Explorer:
    return Explorer(str(recogniser_folder), device="cpu")


def test_windows_go_from_the_first_frame_to_the_last(explorer, clip_path):
    """4 frames 0.125 s apart take 0.375 s; the clip's last frame stands at 47 / 24 s."""
    clip = ClipRequest(clip_path, sampling=STRIDE)
    room_s = 47 / 24 - 0.375
    np.testing.assert_allclose(window_starts(explorer, clip, count=3), [0, room_s / 2, room_s])
    starts = window_starts(explorer, clip, hop_s=0.5)
    np.testing.assert_allclose(starts, [0, 0.5, 1.0, 1.5])
    np.testing.assert_allclose(np.diff(window_starts(explorer, clip)), 0.375 / 2)
    by_number = ClipRequest(clip_path, sampling=SamplingRule.every(6))
    np.testing.assert_allclose(window_starts(explorer, by_number, count=2), [0, 47 / 24 - 18 / 24])


@pytest.mark.parametrize("held", [1, 2**27])
@pytest.mark.parametrize("rule", [STRIDE, SamplingRule.every(3)])
def test_each_window_is_as_if_asked_alone(explorer, clip_path, monkeypatch, rule, held):
    monkeypatch.setattr(scanning, "READ_BYTES", held)  # one window at a time, or all
    clip = ClipRequest(clip_path, sampling=rule)
    starts = window_starts(explorer, clip, hop_s=0.3)
    *_, logits = scan_windows(explorer, clip, starts)
    for start_s, row in zip(starts, logits, strict=True):
        alone = explorer.classify(ClipRequest(clip_path, float(start_s), rule)).classification
        np.testing.assert_allclose(row, alone.logits, atol=1e-5)


def test_a_changed_clip_is_scanned_changed(explorer, clip_path):
    change = ClipChange("backwards")
    clip = ClipRequest(clip_path, sampling=STRIDE, change=change)
    *_, logits = scan_windows(explorer, clip, np.array([0.5]))
    alone = explorer.classify(ClipRequest(clip_path, 0.5, STRIDE, change=change)).classification
    np.testing.assert_allclose(logits[0], alone.logits, atol=1e-5)


def test_who_stopped_goes_on_where_it_ended(explorer, clip_path, monkeypatch):
    monkeypatch.setattr(batches, "clips_at_once", lambda config, tokens: 2)
    ran = []
    original = batches.run

    def run(recogniser, pixel_values):
        ran.append(len(pixel_values))
        return original(recogniser, pixel_values)

    monkeypatch.setattr(batches, "run", run)
    clip = ClipRequest(clip_path, sampling=STRIDE)
    starts, wish = window_starts(explorer, clip, count=6), threading.Event()
    answers = scan_windows(explorer, clip, starts)
    with cancellable(wish), pytest.raises(Cancelled):
        assert len(next(answers)) == 2
        wish.set()
        next(answers)
    growing = [len(logits) for logits in scan_windows(explorer, clip, starts)]
    assert growing == [2, 4, 6]
    assert ran == [2, 2, 2]  # none of them twice


@pytest.mark.parametrize(
    ("changes", "asked", "why"),
    [
        ({"sampling": SamplingRule.uniform()}, {}, "spread over the whole clip, so it has no win"),
        ({"start_s": 0.5}, {}, "The clip has a start of its own"),
        ({}, {"hop_s": 1.0, "count": 3}, "Both a hop and a number of windows"),
        ({}, {"hop_s": 0.0}, "A hop of 0 s makes no number"),
        ({}, {"hop_s": 1e-6}, "A hop of 1e-06 s makes no number"),
        ({}, {"count": 0}, "0 windows were asked for; give 1 to 20000"),
    ],
)
def test_windows_that_can_not_be_are_refused(explorer, clip_path, changes, asked, why):
    clip = ClipRequest(clip_path, **{"sampling": STRIDE} | changes)
    with pytest.raises(RequestError, match=why):
        window_starts(explorer, clip, **asked)


def test_what_happens_when_is_told_of_a_clip_whose_answer_is_known(tmp_path):
    """Four seconds of moving left, then four of moving right, by the bundled weights."""
    frames = []
    for number, label in enumerate(["moving left"] * 2 + ["moving right"] * 2):
        clips = render([90_000 + number], size_px=128, labels=[LABELS.index(label)])
        frames.append(clips.frames[0].mul(255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy())
    path = write_mp4(tmp_path / "two.mp4", np.ascontiguousarray(np.concatenate(frames)), 8)
    *_, view = Explorer("bundled", device="cpu").timeline_of(ClipRequest(path), Asked(hop_s=0.5))
    spans = view.spans()
    assert spans[0][2] == "moving left" and spans[-1][2] == "moving right"
    border = max(end for _, end, label in spans if label == "moving left")
    assert border == pytest.approx(4, abs=1.1)


def test_what_is_left_of_a_scan_is_known_and_costs_what_was_measured(
    explorer, clip_path, monkeypatch
):
    """Of 6 windows, 2 are done; another 2 s each are left."""
    monkeypatch.setattr(batches, "clips_at_once", lambda config, tokens: 2)
    clip, asked = ClipRequest(clip_path, sampling=STRIDE), Asked(windows=6)
    assert explorer.known_timeline(clip, asked) is None
    assert explorer.plan_timeline(clip, asked) == Plan(6, 6, None)
    first = next(explorer.timeline_of(clip, asked))
    assert explorer.seconds["scan"] > 0
    explorer.seconds |= {"scan": 2.0, "probe": 5.0}
    monkeypatch.setattr(batches, "run", None)  # nothing is run any more
    assert explorer.plan_timeline(clip, asked) == Plan(6, 4, 8.0)
    known = explorer.known_timeline(clip, asked)
    np.testing.assert_array_equal(known.logits, first.logits)
    np.testing.assert_array_equal(known.starts_s, first.starts_s)
    assert (known.labels, known.length_s) == (first.labels, first.length_s)
    del explorer.seconds["scan"]
    assert explorer.plan_timeline(clip, asked).takes_s == 20.0
    # Other windows of the same clip are others.
    assert explorer.plan_timeline(clip, Asked(windows=5)).left == 4


def test_what_was_known_already_is_not_measured(explorer, clip_path):
    clip, asked = ClipRequest(clip_path, sampling=STRIDE), Asked(windows=3)
    list(explorer.timeline_of(clip, asked))
    explorer.seconds["scan"] = 7.0
    list(explorer.timeline_of(clip, asked))
    assert explorer.seconds["scan"] == 7.0


def test_what_one_window_takes_is_told(explorer, clip_path, monkeypatch):
    """Each look at the clock is three seconds after the last; two windows run together."""
    clock = count(10.0, 3.0)
    monkeypatch.setattr(
        "videomae_demo.lenses.timeline.time", SimpleNamespace(monotonic=lambda: next(clock))
    )
    monkeypatch.setattr(batches, "clips_at_once", lambda config, tokens: 2)
    clip, asked = ClipRequest(clip_path, sampling=STRIDE), Asked(windows=5)
    took = [explorer.seconds["scan"] for _ in explorer.timeline_of(clip, asked)]
    assert took == [1.5, 1.5, 3.0]
