"""What clips cost that are seen once, and changes in time, whose frames are made ready already."""

import numpy as np
import pytest

from videomae_demo import ClipChange, ClipRequest
from videomae_demo.engine.engine import Engine
from videomae_demo.video.changes import KINDS


@pytest.fixture(scope="module")
def engine(recogniser_folder) -> Engine:
    return Engine(str(recogniser_folder), device="cpu", cache_bytes=2**20)


@pytest.mark.parametrize("text", ["backwards", "shuffled:3", "frozen", "frozen:0", "grey", "left"])
def test_the_model_gets_what_the_changed_frames_give(engine, clip_path, text):
    change, role = ClipChange.parse(text), engine.recogniser
    stored = engine.prepare(ClipRequest(clip_path, stored_pixels=True), role)
    sampled = engine.keep(stored.key[1], pytest.fail).frames
    wanted = role.processor(change.apply(sampled, 2), return_tensors="pt").pixel_values
    found = engine.prepare(ClipRequest(clip_path, change=change), role).pixel_values
    assert found.shape == wanted.shape and (found == wanted).all()


def test_changes_of_time_move_frames_and_leave_them_as_they_are():
    frames = np.random.default_rng(0).integers(0, 255, (6, 4, 8, 3), np.uint8)
    for kind in KINDS:
        change = ClipChange(kind)
        changed, order = change.apply(frames, 2), change.order(6, 2)
        moved = changed.shape == frames.shape and (changed == frames[order]).all()
        assert change.is_of_time == moved, kind


def test_clips_seen_once_give_the_same_inputs_and_no_pictures(engine, clip_path):
    many = engine.for_many()
    assert many.recogniser is engine.recogniser
    own = engine.prepare(ClipRequest(clip_path), engine.recogniser)
    before = engine._cache.nbytes
    for change in (None, ClipChange("backwards"), ClipChange("right")):
        request = ClipRequest(clip_path, change=change)
        prepared = many.prepare(request, many.recogniser)
        assert prepared.clip.frames.shape == (4, 0, 0, 3)
    assert engine._cache.nbytes == before  # what others asked for is not crowded out
    assert many._cache.limit_bytes == 2**19
    assert many._cache.nbytes > 0
    seen = many.prepare(ClipRequest(clip_path), many.recogniser)
    assert (seen.pixel_values == own.pixel_values).all()
    assert (seen.clip.timestamps_s == own.clip.timestamps_s).all() and seen.clip.crop
    assert own.clip.frames.size > 0
