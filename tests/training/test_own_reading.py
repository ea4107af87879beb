"""Which windows and which pixels are kept of a clip."""

import numpy as np
import pytest
import torch
from own_clips import FPS, square_clip

from videomae_demo.model.processor import VideoMAEImageProcessor
from videomae_demo.training.own.reading import (
    AS_IT_IS,
    HELD_OUT,
    VARIED,
    ClipReader,
    windows_of,
)
from videomae_demo.training.own.varying import normalise_as
from videomae_demo.video.clip import sample_clip
from videomae_demo.video.encode import write_mp4
from videomae_demo.video.reader import scan
from videomae_demo.video.sampling import SamplingRule

EIGHTH = SamplingRule.stride(0.125)
PROCESSOR = VideoMAEImageProcessor(
    size=32, crop_size=32, image_mean=(0.5, 0.4, 0.3), image_std=(0.2, 0.3, 0.25)
)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """16 frames at 16 frames per second: frames 0.0625 s apart."""
    path = tmp_path_factory.mktemp("clip") / "right.mp4"
    return write_mp4(path, square_clip("to the right", 1), FPS)


@pytest.mark.parametrize(
    ("rule", "windows"),
    [
        # Every second frame: 0 2 4 6 begins at 0 to 9, in four equal steps of three frames.
        (EIGHTH, [[0, 2, 4, 6], [3, 5, 7, 9], [6, 8, 10, 12], [9, 11, 13, 15]]),
        (SamplingRule.every(3), [[0, 3, 6, 9], [2, 5, 8, 11], [4, 7, 10, 13], [6, 9, 12, 15]]),
        # The spans 0-3, 4-7, 8-11, 12-15 give one frame each.
        (
            SamplingRule.uniform(),
            [[0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15]],
        ),
        (SamplingRule.uniform((1, 2)), [[2, 6, 10, 14]]),  # a part has no other parts
        (SamplingRule.stride(0.3125), [[0, 5, 10, 15]]),  # fits once
        (SamplingRule.stride(0.5), [[0, 8, 15, 15]]),  # is longer than the clip
    ],
    ids=str,
)
def test_windows_are_spread_from_the_beginning_to_the_end(clip, rule, windows):
    assert windows_of(scan(clip), 4, rule, 4).tolist() == windows


@pytest.mark.parametrize("rule", [EIGHTH, SamplingRule.every(3), SamplingRule.uniform()], ids=str)
def test_the_only_window_is_the_one_that_the_model_gets_everywhere_else(clip, rule):
    timeline = scan(clip)
    (window,) = windows_of(timeline, 4, rule, 1).tolist()
    assert window == sample_clip(timeline, 4, rule).indices.tolist()


def test_a_clip_a_little_longer_than_a_window_has_two(tmp_path):
    path = write_mp4(tmp_path / "a.mp4", square_clip("to the right", 1, frames=8), FPS)
    assert windows_of(scan(path), 4, EIGHTH, 4).tolist() == [[0, 2, 4, 6], [1, 3, 5, 7]]


def test_a_held_out_clip_is_exactly_what_the_checkpoint_sees(clip):
    reader = ClipReader(PROCESSOR, 4, EIGHTH)
    stored = reader.read(clip, HELD_OUT)
    sampled = sample_clip(scan(clip), 4, EIGHTH)
    wanted = PROCESSOR(sampled.frames, return_tensors="pt").pixel_values[0]
    frames = torch.from_numpy(stored.frames[stored.windows[0]]).permute(0, 3, 1, 2).float()
    torch.testing.assert_close(normalise_as(PROCESSOR, frames), wanted, rtol=0, atol=2e-6)
    assert stored.windows.shape == (1, 4) and not stored.is_short


def test_one_number_normalises_all_channels():
    plain = VideoMAEImageProcessor(size=32, crop_size=32, image_mean=0.5, image_std=0.25)
    frames = torch.tensor([0.0, 127.5, 255.0]).expand(3, 1, 3).permute(1, 0, 2)[:, :, None]
    assert normalise_as(plain, frames)[0, 1, 0].tolist() == pytest.approx([-2.0, 0.0, 2.0])
    rescaled = VideoMAEImageProcessor(size=32, crop_size=32, do_normalize=False)
    assert normalise_as(rescaled, frames)[0, 2, 0].tolist() == pytest.approx([0.0, 0.5, 1.0])


def test_larger_frames_hold_what_the_model_sees_in_their_middle(clip):
    reader = ClipReader(PROCESSOR, 4, EIGHTH)
    larger, plain = reader.read(clip, VARIED), reader.read(clip, AS_IT_IS)
    assert reader.seen == (37, 37)
    # 40x56 px become 37x51; of the width, 1.25 times what is seen is kept.
    assert larger.frames.shape == (14, 37, 46, 3)
    assert plain.frames.shape == (14, 32, 32, 3)
    assert np.array_equal(larger.windows, plain.windows)
    left = (46 - 37) // 2
    for big, small in zip(larger.frames[:, :, left : left + 37], plain.frames, strict=True):
        assert abs(big.mean() - small.mean()) < 3
    assert larger.nbytes == 14 * 37 * 46 * 3 + larger.windows.nbytes


def test_one_window_may_be_read_alone(clip):
    reader = ClipReader(PROCESSOR, 4, EIGHTH)
    whole = reader.read(clip, VARIED)
    for window in range(4):
        alone = reader.read(clip, VARIED, window)
        assert len(alone.frames) == 4
        wanted = whole.frames[whole.windows[window]]
        assert np.array_equal(alone.frames[alone.windows[0]], wanted)


def test_a_small_crop_out_of_a_small_frame_is_padded_as_the_processor_pads(clip):
    padding = VideoMAEImageProcessor(size=24, crop_size=32)
    reader = ClipReader(padding, 4, EIGHTH)
    frames = reader.read(clip, VARIED).frames
    assert frames.shape[1:3] == (37, 39) and not frames[:, :3].any()


def test_a_short_clip_is_known_as_one(tmp_path):
    path = write_mp4(tmp_path / "short.mp4", square_clip("to the left", 1, frames=5), FPS)
    assert ClipReader(PROCESSOR, 4, EIGHTH).read(path, VARIED).is_short
