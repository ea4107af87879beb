"""The published configurations build their models, of the sizes of the published files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import videomae_demo
from videomae_demo.checkpoints.catalog import find_entry
from videomae_demo.checkpoints.labels import find_labels
from videomae_demo.config import VideoMAEConfig
from videomae_demo.model.processor import VideoMAEImageProcessor

SHARED = {
    "attention_probs_dropout_prob": 0.0,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.0,
    "image_size": 224,
    "initializer_range": 0.02,
    "layer_norm_eps": 1e-12,
    "model_type": "videomae",
    "num_channels": 3,
    "num_frames": 16,
    "patch_size": 16,
    "qkv_bias": True,
    "torch_dtype": "float32",
    "tubelet_size": 2,
}
SIZE_FIELDS = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "decoder_hidden_size",
    "decoder_num_hidden_layers",
    "decoder_num_attention_heads",
    "decoder_intermediate_size",
)
SMALL = (384, 12, 16, 1536, 192, 12, 3, 768)  # 16 heads, as published; trained with 6
BASE = (768, 12, 12, 3072, 384, 4, 6, 1536)
LARGE = (1024, 24, 16, 4096, 512, 12, 8, 2048)
HUGE = (1280, 32, 16, 5120, 640, 12, 8, 2560)
# By the name of the checkpoint: sizes, number of labels, norm_pix_loss.
PUBLISHED: dict[str, tuple[tuple[int, ...], int, bool]] = {
    "base": (BASE, 0, True),
    "base-finetuned-kinetics": (BASE, 400, False),
    "base-finetuned-ssv2": (BASE, 174, True),
    "small-finetuned-kinetics": (SMALL, 400, True),
    "large": (LARGE, 0, True),
    "large-finetuned-kinetics": (LARGE, 400, True),
    "huge-finetuned-kinetics": (HUGE, 400, True),
}


def published(name: str) -> dict[str, Any]:
    """Return what the checkpoint's ``config.json`` on the hub holds, as read from there."""
    sizes, label_count, norm_pix_loss = PUBLISHED[name]
    values: dict[str, Any] = SHARED | dict(zip(SIZE_FIELDS, sizes, strict=True))
    values["norm_pix_loss"] = norm_pix_loss
    values["use_mean_pooling"] = label_count > 0
    values["architectures"] = ["VideoMAEForPreTraining"]
    if label_count:
        labels = find_labels(label_count)
        assert labels is not None
        values["architectures"] = ["VideoMAEForVideoClassification"]
        values["id2label"] = {str(index): label for index, label in enumerate(labels.names)}
        values["label2id"] = {label: index for index, label in enumerate(labels.names)}
    return values


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_configuration_builds_a_model_as_large_as_its_file(
    name: str, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(published(name)))
    entry = find_entry(name)
    assert entry is not None
    assert entry.size_mb is not None
    config = VideoMAEConfig.from_json_file(tmp_path / "config.json", **entry.corrections)
    with torch.device("meta"):
        model = getattr(videomae_demo, config.extra["architectures"][0])(config)
    stored = sum(weight.nbytes for weight in model.parameters()) / 1e6
    assert stored == pytest.approx(entry.size_mb, abs=1)
    assert entry.label_count == (config.num_labels if PUBLISHED[name][1] else None)
    written = json.loads(config.save_pretrained(tmp_path / "again").read_text())
    assert written.items() >= (published(name) | entry.corrections).items()


def test_the_small_one_gets_its_heads() -> None:
    entry = find_entry("small-finetuned-kinetics")
    assert entry is not None
    config = VideoMAEConfig.from_dict(published(entry.name), **entry.corrections)
    assert config.num_attention_heads == 6
    assert VideoMAEConfig.from_dict(published(entry.name)).num_attention_heads == 16


@pytest.mark.parametrize(
    ("name", "sizes", "patch", "megabytes"),
    [
        ("v2-base", BASE, 16, 345),
        ("v2-large", LARGE, 16, 1216),
        ("v2-huge", HUGE, 16, 2526),
        ("v2-giant", (1408, 40, 16, 6144, *LARGE[4:]), 14, 4046),
    ],
)
def test_the_encoders_of_the_second_version(
    name: str, sizes: tuple[int, ...], patch: int, megabytes: int
) -> None:
    fields = dict(zip(SIZE_FIELDS, sizes, strict=True))
    config = VideoMAEConfig(**fields, patch_size=patch, num_labels=0)
    with torch.device("meta"):
        model = videomae_demo.VideoMAEForVideoClassification(config)
    stored = sum(weight.nbytes for weight in model.parameters()) / 1e6
    assert stored == pytest.approx(megabytes, abs=1)
    entry = find_entry(name)
    assert entry is not None
    assert entry.size_mb == pytest.approx(stored, rel=0.02)


def test_the_published_preprocessor_configuration(tmp_path: Path) -> None:
    values = {
        "do_center_crop": True,
        "do_normalize": True,
        "do_resize": True,
        "feature_extractor_type": "VideoMAEFeatureExtractor",
        "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.229, 0.224, 0.225],
        "resample": 2,
        "size": 224,
    }
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(values))
    processor = VideoMAEImageProcessor.from_pretrained(tmp_path)
    assert processor.size == {"shortest_edge": 224}
    assert processor.crop_size == {"height": 224, "width": 224}
    assert processor.image_mean == [0.485, 0.456, 0.406]
    assert processor.do_rescale
