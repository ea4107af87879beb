"""Labels of many clips: the same as asked one by one, without what nobody needs."""

import shutil
import weakref

import numpy as np
import pytest

from videomae_demo import ClipRequest, Explorer, SamplingRule, VideoError
from videomae_demo.engine import batches, passes
from videomae_demo.errors import CheckpointError
from videomae_demo.shipped import ASSETS


@pytest.fixture
def explorer(recogniser_folder) -> Explorer:
    return Explorer(str(recogniser_folder), device="cpu")


def test_labels_are_those_of_classify(clip_path):
    """By the bundled weights: examples, a clip of others, and one that can't be read."""
    examples = sorted((ASSETS / "clips").glob("*.mp4"))[:3]
    asked = [ClipRequest(path) for path in (*examples, clip_path, "missing.mp4")]
    asked.append(ClipRequest(examples[0], 0.1, SamplingRule.every(1)))
    explorer = Explorer("bundled", device="cpu")
    found = list(Explorer("bundled", device="cpu").classify_many(iter(asked)))
    assert [request for request, _ in found] == asked
    for request, view in found:
        if request.path == "missing.mp4":
            assert isinstance(view, VideoError) and "missing.mp4" in str(view)
            continue
        alone = explorer.classify(request)
        one, other = view.classification, alone.classification
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-6)
        assert [s.label for s in one.top(5)] == [s.label for s in other.top(5)]
        assert view.to_json().keys() == alone.to_json().keys()
        assert view.sentences()[0][:12] == alone.sentences()[0][:12]
        assert view.is_foreign is alone.is_foreign is (request.path == clip_path)
        assert view.notes == alone.notes
        np.testing.assert_array_equal(view.clip.indices, alone.clip.indices)


def test_nothing_is_recorded_and_clips_run_together(explorer, clip_path, monkeypatch):
    monkeypatch.setattr(batches, "clips_at_once", lambda config, tokens: 3)
    ran, original = [], passes.run

    def run(recogniser, pixel_values, record=passes.LOGITS):
        ran.append((len(pixel_values), record))
        return original(recogniser, pixel_values, record)

    monkeypatch.setattr(batches, "run", run)
    monkeypatch.setattr(passes, "run", run)
    found = list(explorer.classify_many(ClipRequest(clip_path, n / 10) for n in range(7)))
    assert len(found) == 7
    assert ran == [(3, passes.LOGITS), (3, passes.LOGITS), (1, passes.LOGITS)]
    explorer.classify(ClipRequest(clip_path))
    assert ran[-1] == (1, passes.RECOGNITION)


def test_memory_stays_flat(recogniser_folder, clip_path, tmp_path, monkeypatch):
    """With a chunk of two, no more than two chunks and two clips are alive at any time."""
    monkeypatch.setattr(batches, "clips_at_once", lambda config, tokens: 2)
    explorer = Explorer(str(recogniser_folder), device="cpu", cache_bytes=0)
    file = shutil.copyfile(clip_path, tmp_path / "a.mp4")
    prepare, alive = explorer.prepare, weakref.WeakSet()
    most = 0

    class Frames(np.ndarray):
        """An array that a weak set can hold."""

        __hash__ = object.__hash__

    def watched(request, role):
        prepared = prepare(request, role)
        watch = prepared.clip.frames.view(Frames)
        alive.add(watch)
        object.__setattr__(prepared.clip, "frames", watch)
        return prepared

    monkeypatch.setattr(explorer, "prepare", watched)
    done = 0
    for _, _view in explorer.classify_many(ClipRequest(file, n / 40) for n in range(40)):
        done += 1
        most = max(most, len(alive))
    assert done == 40
    assert 2 <= most <= 8


def test_a_checkpoint_without_labels_names_nothing(reconstructor_folder, clip_path):
    explorer = Explorer(str(reconstructor_folder), device="cpu")
    with pytest.raises(CheckpointError, match="can't name what it sees"):
        next(explorer.classify_many([ClipRequest(clip_path)]))
