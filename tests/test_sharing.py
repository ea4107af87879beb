"""What is known is answered at once, what is asked for twice is made once, and nothing is mixed up:
every part of a question has its part in the key."""

import os
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest
import torch
from tiny import save_tiny

from videomae_demo.cancellation import Cancelled, cancellable
from videomae_demo.device import one_at_a_time
from videomae_demo.engine import clips, engine
from videomae_demo.engine.cache import ByteCache
from videomae_demo.engine.clips import ClipRequest, Clips, size_of
from videomae_demo.errors import VideoError
from videomae_demo.explorer import Explorer, RolloutSettings
from videomae_demo.lenses.masks import MaskRequest
from videomae_demo.limits import Limits
from videomae_demo.model.videomae import VideoMAEForPreTraining, VideoMAEForVideoClassification
from videomae_demo.video.encode import write_mp4
from videomae_demo.video.sampling import SamplingRule

PATIENCE_S = 30
CPU = torch.device("cpu")


@pytest.fixture
def explorer(recogniser_folder, reconstructor_folder) -> Explorer:
    return Explorer(str(recogniser_folder), str(reconstructor_folder), device="cpu")


@pytest.fixture
def pool():
    with ThreadPoolExecutor(4) as pool:
        yield pool


def count(monkeypatch, module, name: str) -> list[tuple]:
    calls = []
    original = getattr(module, name)
    monkeypatch.setattr(module, name, lambda *a, **k: calls.append((a, k)) or original(*a, **k))
    return calls


def wait_until(condition) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "It did not come to pass."
        time.sleep(0.01)


QUESTIONS = {
    "see": lambda e, r: e.see(r),
    "classify": lambda e, r: e.classify(r),
    "attend": lambda e, r: e.attend(r),
    "attend by max": lambda e, r: e.attend(r, RolloutSettings("max", query=(1, 2, 3))),
    "reconstruct": lambda e, r: e.reconstruct(r, MaskRequest(ratio=0.5)),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_what_is_known_does_not_wait_for_somebody_elses_pass(explorer, clip_path, pool, question):
    ask, request = QUESTIONS[question], ClipRequest(clip_path)
    ask(explorer, request)
    with one_at_a_time(CPU):
        pool.submit(ask, explorer, request).result(timeout=PATIENCE_S)


def test_another_token_or_layer_does_not_wait_either(explorer, clip_path, pool):
    request = ClipRequest(clip_path)
    explorer.attend(request)
    with one_at_a_time(CPU):
        for settings in (RolloutSettings(query=(1, 0, 2)), RolloutSettings(discard=0.5)):
            pool.submit(explorer.attend, request, settings).result(timeout=PATIENCE_S)


@pytest.mark.parametrize(
    ("question", "task"),
    [("classify", "recognise"), ("attend by max", "fuse"), ("reconstruct", "predict")],
)
def test_a_pass_that_two_ask_for_is_run_once(
    explorer, clip_path, pool, monkeypatch, question, task
):
    ask, request = QUESTIONS[question], ClipRequest(clip_path)
    _ = explorer.recogniser, explorer.reconstructor
    waiting = count(monkeypatch, engine, "one_at_a_time")
    ran = count(monkeypatch, engine, task)
    with one_at_a_time(CPU):
        first = pool.submit(ask, explorer, request)
        wait_until(lambda: waiting)
        second = pool.submit(ask, explorer, request)
    first.result(timeout=PATIENCE_S), second.result(timeout=PATIENCE_S)
    assert len(ran) == 1


def ended(work: Future) -> bool:
    return isinstance(work.exception(timeout=PATIENCE_S), Cancelled)


@pytest.mark.parametrize("question", ["classify", "attend", "attend by max", "reconstruct"])
def test_a_cancel_ends_the_wait_for_somebody_elses_pass(
    explorer, clip_path, pool, monkeypatch, question
):
    ask, request, wish = QUESTIONS[question], ClipRequest(clip_path), threading.Event()
    _ = explorer.recogniser, explorer.reconstructor
    waiting = count(monkeypatch, engine, "one_at_a_time")

    def work():
        with cancellable(wish):
            ask(explorer, request)

    with one_at_a_time(CPU):
        asked = pool.submit(work)
        wait_until(lambda: waiting)
        wish.set()
        assert ended(asked)
    ask(explorer, request)  # and nothing is left locked


def test_who_waits_for_one_who_is_cancelled_does_the_work(explorer, clip_path, pool, monkeypatch):
    request, wish = ClipRequest(clip_path), threading.Event()
    expected = Explorer(explorer.weights, device="cpu").classify(request)
    _ = explorer.recogniser
    waiting = count(monkeypatch, engine, "one_at_a_time")

    def work():
        with cancellable(wish):
            explorer.classify(request)

    with one_at_a_time(CPU):
        first = pool.submit(work)
        wait_until(lambda: waiting)
        second = pool.submit(explorer.classify, request)
        wish.set()
        assert ended(first)
    found = second.result(timeout=PATIENCE_S)
    np.testing.assert_array_equal(found.classification.logits, expected.classification.logits)


def test_a_clip_is_read_once_for_both_checkpoints_though_they_crop_it_differently(
    recogniser_folder, tmp_path, clip_path, monkeypatch
):
    wider = save_tiny(
        VideoMAEForPreTraining, tmp_path, with_processor=False, image_size=48, patch_size=12
    )
    explorer = Explorer(str(recogniser_folder), str(wider), device="cpu")
    read = count(monkeypatch, clips, "sample_clip")
    scanned = count(monkeypatch, clips, "scan")
    request = ClipRequest(clip_path)
    labels, masked = explorer.classify(request), explorer.reconstruct(request)
    assert (len(read), len(scanned)) == (1, 1)
    assert masked.reconstruction.target.shape == (4, 48, 48, 3)
    np.testing.assert_array_equal(labels.clip.indices, masked.clip.indices)
    explorer.classify(ClipRequest(clip_path, start_s=0.1))
    assert (len(read), len(scanned)) == (2, 1)


def test_the_frames_are_kept_within_the_caches_limit(recogniser_folder, clip_path, monkeypatch):
    explorer = Explorer(str(recogniser_folder), device="cpu")
    read = count(monkeypatch, clips, "sample_clip")
    explorer.see(ClipRequest(clip_path))
    frames_bytes, input_bytes = 4 * 64 * 96 * 3, 4 * 32 * 32 * 3 * 4 + 4 * 256 * 256 * 3
    assert explorer._cache.nbytes == frames_bytes + input_bytes
    small = Explorer(str(recogniser_folder), device="cpu", cache_bytes=frames_bytes - 1)
    for _ in range(2):
        small.see(ClipRequest(clip_path))
    assert len(read) == 3
    assert small._cache.nbytes == 0


# ---- every part of a question has its part in the key --------------------------------------------


def answers(explorer: Explorer, request: ClipRequest) -> tuple:
    return (
        explorer.see(request).frames,
        explorer.classify(request).classification.logits,
        explorer.attend(request, RolloutSettings("max")).rollout.scores,
        explorer.reconstruct(request).reconstruction.target,
    )


def assert_kept_apart(explorer: Explorer, one: ClipRequest, other: ClipRequest) -> None:
    """After `one`, `other` is answered as by an Explorer that never saw `one`; and they differ."""
    before, found = answers(explorer, one), answers(explorer, other)
    fresh = Explorer(explorer.weights, explorer._reconstructor_name, device="cpu")
    for first, second, expected in zip(before, found, answers(fresh, other), strict=True):
        np.testing.assert_array_equal(second, expected)
        assert first.shape != second.shape or not np.array_equal(first, second)


def test_the_sampling_is_part_of_the_key(explorer, clip_path):
    one, other = SamplingRule.stride(0.1), SamplingRule.uniform()
    assert_kept_apart(
        explorer, ClipRequest(clip_path, sampling=one), ClipRequest(clip_path, sampling=other)
    )


def test_the_start_is_part_of_the_key(explorer, clip_path):
    assert_kept_apart(explorer, ClipRequest(clip_path, 0.0), ClipRequest(clip_path, 0.5))


def test_stored_pixels_are_part_of_the_key(explorer, squeezed_path):
    one, other = ClipRequest(squeezed_path), ClipRequest(squeezed_path, stored_pixels=True)
    assert_kept_apart(explorer, one, other)
    assert explorer.see(one).source_size == (64, 192)
    assert explorer.see(other).source_size == (64, 96)


def test_the_path_is_part_of_the_key(explorer, clip_path, tmp_path, clip_frames):
    other = write_mp4(tmp_path / "other.mp4", clip_frames[::-1], 24)
    assert_kept_apart(explorer, ClipRequest(clip_path), ClipRequest(other))


@pytest.mark.parametrize("changed", ["moment", "size"])
def test_the_files_version_is_part_of_the_key(explorer, clip_path, tmp_path, clip_frames, changed):
    other_path = write_mp4(tmp_path / "other.mp4", clip_frames[::-1], 24)
    contents = [clip_path.read_bytes(), other_path.read_bytes()]
    if changed == "moment":
        size = max(map(len, contents))
        contents = [content.ljust(size, b"\0") for content in contents]
    path, found = tmp_path / "clip.mp4", []
    for moment, content in enumerate(contents):
        path.write_bytes(content)
        os.utime(path, (moment, moment) if changed == "moment" else (0, 0))
        found.append(answers(explorer, ClipRequest(path)))
    for first, second in zip(*found, strict=True):
        assert not np.array_equal(first, second)


def test_the_number_of_frames_is_part_of_the_key(recogniser_folder, tmp_path, clip_path):
    longer = save_tiny(VideoMAEForPreTraining, tmp_path, num_frames=8)
    explorer, request = (
        Explorer(str(recogniser_folder), str(longer), device="cpu"),
        ClipRequest(clip_path),
    )
    assert len(explorer.classify(request).clip.indices) == 4
    assert len(explorer.reconstruct(request).clip.indices) == 8


def test_the_checkpoint_is_part_of_the_key(explorer, clip_path, monkeypatch):
    """Two checkpoints of one size that normalise frames differently get each its own."""
    monkeypatch.setattr(explorer.reconstructor.processor, "image_mean", (0.1, 0.2, 0.3))
    frames = clips.sample_clip(clips.scan(clip_path), 4, SamplingRule.stride(4 / 30)).frames
    for role in (explorer.recogniser, explorer.reconstructor):
        found = explorer.prepare(ClipRequest(clip_path), role).pixel_values
        expected = role.processor(frames, return_tensors="pt").pixel_values
        torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_the_fusion_is_part_of_the_key(explorer, clip_path):
    request = ClipRequest(clip_path)
    found = [
        explorer.attend(request, RolloutSettings(fusion)).rollout.scores
        for fusion in ("mean", "max", "min")
    ]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert not np.array_equal(found[one], found[other])


def test_the_mask_is_part_of_the_key(explorer, clip_path):
    request = ClipRequest(clip_path)
    masks = [MaskRequest("random", 0.5, seed) for seed in (0, 1)] + [MaskRequest("random", 0.75)]
    for mask in [*masks, *reversed(masks)]:
        fresh = Explorer(explorer.weights, explorer._reconstructor_name, device="cpu")
        expected = fresh.reconstruct(request, mask).reconstruction
        found = explorer.reconstruct(request, mask).reconstruction
        np.testing.assert_array_equal(found.prediction.frames, expected.prediction.frames)


def test_a_clip_that_can_not_be_read_is_refused_each_time(explorer, tmp_path):
    path = tmp_path / "late.mp4"
    for _ in range(2):
        with pytest.raises(VideoError, match=r"late\.mp4"):
            explorer.see(ClipRequest(path))


# ---- clips that several Explorers share ----------------------------------------------------------


@pytest.fixture
def shared() -> Clips:
    return Clips(Limits(), ByteCache(2**30, size_of))


def test_explorers_that_share_their_clips_read_the_same_frames_once(
    recogniser_folder, reconstructor_folder, tmp_path, clip_path, shared, monkeypatch
):
    other = save_tiny(VideoMAEForVideoClassification, tmp_path, num_attention_heads=3)
    reads = count(monkeypatch, clips, "sample_clip")
    found = [
        Explorer(str(weights), str(reconstructor_folder), device="cpu", clips=shared).classify(
            ClipRequest(clip_path)
        )
        for weights in (recogniser_folder, other)
    ]
    assert len(reads) == 1
    np.testing.assert_array_equal(found[0].clip.indices, found[1].clip.indices)
    assert not np.array_equal(found[0].classification.logits, found[1].classification.logits)


def test_explorers_that_share_their_clips_remark_on_them_each_for_itself(
    recogniser_folder, reconstructor_folder, tmp_path, clip_path, shared
):
    longer = save_tiny(VideoMAEForVideoClassification, tmp_path, num_frames=8)
    told = []
    for weights in (recogniser_folder, longer):
        explorer = Explorer(str(weights), str(reconstructor_folder), device="cpu", clips=shared)
        told.append(explorer.reconstruct(ClipRequest(clip_path)).clip.remarks)
    assert told[0] == ()
    assert "The recogniser sees 8 frames of the clip, and the reconstructor 4" in told[1][0]
