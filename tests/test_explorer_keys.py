"""What the Explorer remembers belongs to one question, whatever was asked before."""

import os

import numpy as np
import pytest
import torch
from tiny import save_tiny

from videomae_demo.analysis.settings import RolloutSettings
from videomae_demo.config import TokenGrid
from videomae_demo.engine.clips import ClipRequest
from videomae_demo.explorer import Explorer
from videomae_demo.lenses.masks import MaskRequest, default_ratio
from videomae_demo.model.processor import VideoMAEImageProcessor
from videomae_demo.model.videomae import VideoMAEForPreTraining, VideoMAEForVideoClassification
from videomae_demo.video.changes import ClipChange
from videomae_demo.video.decode import read_frames, scan
from videomae_demo.video.encode import write_mp4
from videomae_demo.video.sampling import SamplingRule


@pytest.fixture
def fresh(recogniser_folder, reconstructor_folder):
    """Makes an Explorer that was never asked anything."""
    return lambda: Explorer(str(recogniser_folder), str(reconstructor_folder), device="cpu")


QUESTIONS = (
    {},
    {"start_s": 0.25},
    {"sampling": SamplingRule.stride(1 / 24)},
    {"sampling": SamplingRule.uniform()},
    {"change": ClipChange("backwards")},
    {"change": ClipChange("shuffled", 1)},
    {"change": ClipChange("frozen")},
)


def answers(explorer: Explorer, request: ClipRequest) -> list[bytes]:
    named = explorer.classify(request)
    attended = [
        explorer.attend(request, RolloutSettings(fusion)).rollout.scores
        for fusion in ("mean", "max", "min")
    ]
    masked = explorer.reconstruct(request, MaskRequest(ratio=0.5)).reconstruction
    arrays = [named.clip.indices, named.clip.frames, named.classification.logits, *attended]
    return [array.tobytes() for array in (*arrays, masked.prediction.frames)]


def test_each_question_has_its_own_answer_whatever_was_asked_before(fresh, clip_path):
    used = fresh()
    requests = [ClipRequest(clip_path, **asked) for asked in QUESTIONS]
    alone = [answers(fresh(), request) for request in requests]
    assert [answers(used, request) for request in requests] == alone
    assert answers(used, requests[0]) == alone[0]
    for others in zip(*alone, strict=True):  # else all this would have seen nothing
        assert len(set(others)) == len(QUESTIONS)
    assert len({*alone[0][3:6]}) == 3  # the fusions


def test_each_checkpoint_gets_the_clip_in_its_own_normalisation(
    recogniser_folder, reconstructor_folder, clip_path, tmp_path
):
    other = save_tiny(
        VideoMAEForPreTraining,
        tmp_path / "other",
        with_processor=False,
        use_mean_pooling=False,
        norm_pix_loss=False,
    )
    statistics = {"image_mean": [0.2] * 3, "image_std": [0.9] * 3}
    VideoMAEImageProcessor(size=32, crop_size=32, **statistics).save_pretrained(other)
    mask = MaskRequest(ratio=0.5)
    request = ClipRequest(clip_path)
    both = Explorer(str(recogniser_folder), str(other), device="cpu")
    both.classify(request)
    found = both.reconstruct(request, mask).reconstruction
    alone = Explorer(str(recogniser_folder), str(other), device="cpu")
    expected = alone.reconstruct(request, mask).reconstruction
    np.testing.assert_array_equal(found.prediction.frames, expected.prediction.frames)
    alike = Explorer(str(recogniser_folder), str(reconstructor_folder), device="cpu")
    usual = alike.reconstruct(request, mask).reconstruction
    assert not np.array_equal(expected.prediction.frames, usual.prediction.frames)


def attention_worked_out(model, explorer, request, start: np.ndarray) -> np.ndarray:
    seen = explorer.see(request)
    frames = read_frames(scan(request.path), seen.indices)
    pixels = explorer.recogniser.processor(list(frames), return_tensors="pt").pixel_values
    with torch.no_grad():
        attentions = model(pixels, output_attentions=True).attentions
    reached = start
    for attention in reversed(attentions):
        fused = (attention[0].mean(0).double().numpy() + np.eye(len(start))) / 2
        reached = reached @ (fused / fused.sum(1, keepdims=True))
    return reached


def test_without_labels_attention_starts_from_all_tokens(reconstructor_folder, clip_path):
    """No classifier reads token 0 of such a checkpoint, whatever its configuration says."""
    explorer, request = Explorer(str(reconstructor_folder), device="cpu"), ClipRequest(clip_path)
    assert not explorer.recogniser.model.config.use_mean_pooling
    view = explorer.attend(request)
    assert "average of all tokens" in view.start
    expected = attention_worked_out(
        explorer.recogniser.model, explorer, request, np.full(32, 1 / 32)
    )
    np.testing.assert_allclose(view.rollout.scores.ravel(), expected, rtol=1e-3)


def test_a_classifier_that_reads_token_0_is_followed_from_there(tmp_path, clip_path):
    folder = save_tiny(VideoMAEForVideoClassification, tmp_path / "first", use_mean_pooling=False)
    explorer, request = Explorer(str(folder), device="cpu"), ClipRequest(clip_path)
    view = explorer.attend(request)
    assert view.start.startswith("token 0")
    expected = attention_worked_out(explorer.recogniser.model, explorer, request, np.eye(32)[0])
    np.testing.assert_allclose(view.rollout.scores.ravel(), expected, rtol=1e-3)


def test_a_file_of_the_same_size_is_another_when_its_time_is(fresh, clip_path, tmp_path):
    explorer, copy = fresh(), tmp_path / "clip.mp4"
    first, second = clip_path.read_bytes(), bytearray(clip_path.read_bytes())
    copy.write_bytes(first)
    before = explorer.see(ClipRequest(copy))
    frames = 255 - read_frames(scan(clip_path), np.arange(48))
    other = write_mp4(tmp_path / "other.mp4", frames, 24).read_bytes()
    length = max(len(first), len(other)) + 64
    # Bytes after the last box are read by nobody.
    second = other.ljust(length, b"\0")
    copy.write_bytes(first.ljust(length, b"\0"))
    os.utime(copy, ns=(10**18, 10**18))
    same = explorer.see(ClipRequest(copy))
    np.testing.assert_array_equal(same.frames, before.frames)
    copy.write_bytes(second)
    os.utime(copy, ns=(10**18 + 10**9, 10**18 + 10**9))
    assert not np.array_equal(explorer.see(ClipRequest(copy)).frames, before.frames)


def test_a_file_of_the_same_time_is_another_when_its_size_is(
    fresh, clip_path, clip_frames, tmp_path
):
    explorer, copy = fresh(), tmp_path / "clip.mp4"
    copy.write_bytes(clip_path.read_bytes())
    os.utime(copy, ns=(10**18, 10**18))
    before = explorer.see(ClipRequest(copy))
    write_mp4(copy, 255 - clip_frames[:40], 24)
    os.utime(copy, ns=(10**18, 10**18))
    after = explorer.see(ClipRequest(copy))
    assert before.frames.shape == after.frames.shape
    assert not np.array_equal(before.frames, after.frames)


def test_what_was_seen_is_told_in_the_clips_own_numbers(fresh, clip_path):
    seen = fresh().see(ClipRequest(clip_path))
    assert seen.duration_s == pytest.approx(48 / 24)
    assert seen.source_size == (64, 96)
    # The ramp rises by 100 over 96 px, and the crop takes columns 16 to 79.
    rows = seen.frames[0, -20:].astype(float).mean(axis=(0, 2))
    assert rows[2] == pytest.approx(20 + 100 * 16.5 / 95, abs=4)
    assert rows[-3] == pytest.approx(20 + 100 * 79 / 95, abs=4)
    late = fresh().see(
        ClipRequest(clip_path, start_s=46 / 24, sampling=SamplingRule.stride(1 / 24))
    )
    assert late.indices.tolist() == [46, 47, 47, 47]
    assert late.repeated == 2


def test_large_frames_are_shown_smaller(fresh, tmp_path):
    frames = np.zeros((4, 480, 480, 3), np.uint8)
    path = write_mp4(tmp_path / "large.mp4", frames, 24)
    seen = fresh().see(ClipRequest(path))
    assert seen.frames.shape == (4, 448, 448, 3)


@pytest.mark.parametrize(
    ("rows", "columns", "ratio"), [(12, 12, 0.9), (11, 13, 0.75), (8, 18, 0.9), (4, 4, 0.75)]
)
def test_the_default_share_turns_at_144_patches(rows, columns, ratio):
    assert default_ratio(TokenGrid(8, rows, columns)) == ratio


def test_the_recognisers_heads_are_not_the_named_reconstructors(
    recogniser_folder, reconstructor_folder
):
    explorer = Explorer(str(recogniser_folder), str(reconstructor_folder), heads=3, device="cpu")
    assert explorer.recogniser.model.config.num_attention_heads == 3
    assert explorer.reconstructor.model.config.num_attention_heads == 2


def test_the_tokens_place_is_told_in_the_order_time_row_column(fresh, clip_path):
    view = fresh().attend(ClipRequest(clip_path), RolloutSettings(query=(0, 3, 1)))
    assert view.start == "the token at time 0, row 3, column 1"
    assert view.rollout.settings.query == (0, 3, 1)
