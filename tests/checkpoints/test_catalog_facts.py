"""What the catalog says of published checkpoints, against what their authors published."""

import pytest

from videomae_demo.checkpoints.catalog import CATALOG, find_entry
from videomae_demo.video.sampling import SamplingRule

# MODEL_ZOO.md of VideoMAE's original code: top-1 and top-5 of the fine-tuned models.
KINETICS = {
    "small": (79.0, 93.8),
    "base-short": (80.0, 94.4),
    "base": (81.5, 95.1),
    "large": (85.2, 96.8),
    "huge": (86.6, 97.1),
}
SSV2 = {"small": 66.8, "base-short": 69.6, "base": 70.8}
# Of pytorch_model.bin or model.safetensors on the hub, in units of 10**6 bytes.
SIZES_MB = {"small": 88, "base": 346, "base-short": 346, "large": 1217, "huge": 2528}


@pytest.mark.parametrize(("size", "accuracy"), KINETICS.items())
def test_kinetics_accuracies_are_the_published_ones(size, accuracy):
    entry = find_entry(f"{size}-finetuned-kinetics")
    words = f"{accuracy[0]} % top-1 and {accuracy[1]} % top-5 on Kinetics-400 (5 clips x 3 crops"
    assert str(entry.accuracy).startswith(words)
    assert entry.size_mb == SIZES_MB[size]
    assert entry.label_count == 400
    assert entry.sampling == SamplingRule.stride(4 / 30)


@pytest.mark.parametrize(("size", "top1"), SSV2.items())
def test_ssv2_accuracies_are_the_published_ones(size, top1):
    entry = find_entry(f"{size}-finetuned-ssv2")
    assert str(entry.accuracy).startswith(f"{top1} % top-1 on Something-Something v2")
    assert entry.label_count == 174
    assert entry.sampling == SamplingRule.uniform()


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("base", SamplingRule.stride(4 / 30)),
        ("base-short", SamplingRule.stride(4 / 30)),
        ("large", SamplingRule.stride(4 / 30)),
        ("base-ssv2", SamplingRule.stride(2 / 30)),
        ("base-short-ssv2", SamplingRule.stride(2 / 30)),
        ("bundled", SamplingRule.stride(0.125)),
        ("bundled-pretraining", SamplingRule.stride(0.125)),
    ],
)
def test_checkpoints_are_fed_as_they_were_trained(name, rule):
    assert find_entry(name).sampling == rule


def test_small_models_have_six_heads():
    for name in ("small-finetuned-kinetics", "small-finetuned-ssv2"):
        entry = find_entry(name)
        assert entry.corrections == {"num_attention_heads": 6}
        assert "Uses 6 attention heads" in entry.correction_note
    assert sum(bool(entry.corrections) for entry in CATALOG) == 2
