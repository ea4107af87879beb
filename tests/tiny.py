"""Tiny checkpoints, for whoever needs a model that answers at once."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from videomae_demo.config import VideoMAEConfig
from videomae_demo.device import WorkingSizes
from videomae_demo.model.processor import VideoMAEImageProcessor
from videomae_demo.model.videomae import IMAGENET_MEAN, IMAGENET_STD

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


def save_tiny(
    model_class, folder: Path, *, with_processor: bool = True, seed: int = 0, **changes
) -> Path:
    """Save a tiny model with weights large enough that every part of it matters."""
    model = model_class(tiny_config(**changes))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
    model.save_pretrained(folder)
    if with_processor:
        VideoMAEImageProcessor(
            size=32, crop_size=32, image_mean=IMAGENET_MEAN, image_std=IMAGENET_STD
        ).save_pretrained(folder)
    return folder


def blocks_of(nbytes: int, **others) -> Callable[[torch.device], WorkingSizes]:
    """Return what may stand for `working_sizes`: attention is seen in blocks of so many bytes."""
    sizes = replace(WorkingSizes(), block_bytes=nbytes, **others)
    return lambda _device: sizes
