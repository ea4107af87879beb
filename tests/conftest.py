"""What several rooms test with: tiny checkpoints in folders, and a short clip."""

from pathlib import Path

import numpy as np
import pytest
import torch

from videomae_demo.model.config import VideoMAEConfig
from videomae_demo.model.processor import VideoMAEImageProcessor
from videomae_demo.model.videomae import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    VideoMAEForPreTraining,
    VideoMAEForVideoClassification,
)
from videomae_demo.video.encode import write_mp4

TINY_LABELS = {0: "moving left", 1: "moving right", 2: "staying still"}


def tiny_config(**changes) -> VideoMAEConfig:
    fields = {
        "image_size": 32,
        "patch_size": 8,
        "num_frames": 4,
        "tubelet_size": 2,
        "hidden_size": 24,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "decoder_hidden_size": 16,
        "decoder_num_attention_heads": 2,
        "decoder_num_hidden_layers": 1,
        "decoder_intermediate_size": 24,
        "id2label": TINY_LABELS,
    }
    return VideoMAEConfig(**fields | changes)


def save_tiny(model_class, folder: Path, *, with_processor: bool = True, **changes) -> Path:
    """Save a tiny model with weights large enough that every part of it matters."""
    model = model_class(tiny_config(**changes))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
    model.save_pretrained(folder)
    if with_processor:
        VideoMAEImageProcessor(
            size=32, crop_size=32, image_mean=IMAGENET_MEAN, image_std=IMAGENET_STD
        ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def recogniser_folder(tmp_path_factory) -> Path:
    return save_tiny(VideoMAEForVideoClassification, tmp_path_factory.mktemp("recogniser"))


@pytest.fixture(scope="session")
def reconstructor_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("reconstructor")
    return save_tiny(VideoMAEForPreTraining, folder, use_mean_pooling=False, norm_pix_loss=False)


@pytest.fixture(scope="session")
def clip_frames() -> np.ndarray:
    """48 frames of 64x96 px: a bright square goes from left to right over a ramp."""
    ramp = np.linspace(20, 120, 96, dtype=np.float64)
    frames = np.tile(ramp[None, None, :, None], (48, 64, 1, 3)).astype(np.uint8)
    for index, frame in enumerate(frames):
        frame[20:44, 8 + index : 32 + index] = (230, 180, 40)
    return frames


@pytest.fixture(scope="session")
def clip_path(tmp_path_factory, clip_frames) -> Path:
    return write_mp4(tmp_path_factory.mktemp("clips") / "square.mp4", clip_frames, 24)
