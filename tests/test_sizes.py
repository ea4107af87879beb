"""What a configuration may claim: bounded, and bounded as the README says."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from videomae_demo.config import VideoMAEConfig, unnamed_labels
from videomae_demo.errors import CheckpointError
from videomae_demo.sizes import (
    LARGEST,
    LOWEST_AND_MOST,
    MOST_CLIP_VALUES,
    MOST_FRAMES,
    MOST_LABELS,
    MOST_LAYERS,
    MOST_STATE_VALUES,
    MOST_TOKENS,
    check_cost,
)

README = Path(__file__).parents[1] / "README.md"


@pytest.mark.parametrize("name", LOWEST_AND_MOST)
def test_each_size_has_two_ends(name: str) -> None:
    lowest, most = LOWEST_AND_MOST[name]
    for size in (lowest - 1, most + 1, 10**9, -(10**9), 10**5000, True, 2.0, "2", None):
        with pytest.raises(CheckpointError, match=f"{name} is .* from {lowest} to {most}"):
            VideoMAEConfig(**{name: size})


def test_each_cost_is_met_but_not_exceeded() -> None:
    check_cost(MOST_TOKENS, MOST_CLIP_VALUES, MOST_STATE_VALUES // MOST_TOKENS)
    for costs, what in (
        ((MOST_TOKENS + 1, 1, 1), f"{MOST_TOKENS + 1} tokens; at most {MOST_TOKENS} can"),
        ((1, MOST_CLIP_VALUES + 1, 1), "numbers in a clip; at most 67108864"),
        ((MOST_TOKENS, 1, 2049), "numbers in a layer; at most 33554432"),
    ):
        with pytest.raises(CheckpointError, match=what):
            check_cost(*costs)
    with pytest.raises(CheckpointError, match="numbers in a layer"):
        VideoMAEConfig(image_size=1024, num_frames=8, decoder_hidden_size=4096)


def test_what_is_larger_than_published_still_fits() -> None:
    VideoMAEConfig(image_size=384, num_frames=32, hidden_size=1408, num_hidden_layers=40)
    VideoMAEConfig(num_frames=64, hidden_size=1408, patch_size=14)
    VideoMAEConfig(hidden_size=6144, num_hidden_layers=48, intermediate_size=24576)
    assert VideoMAEConfig(num_labels=21_843).num_labels == 21_843


@pytest.mark.parametrize("count", [10**9, MOST_LABELS + 1, -1, 2.5, True, "5"])
def test_nobody_names_labels_without_end(count: object) -> None:
    tracemalloc.start()
    try:
        for make in (lambda: VideoMAEConfig(num_labels=count), lambda: unnamed_labels(count)):
            with pytest.raises(CheckpointError, match=r"number of labels is .* from 0 to 100000"):
                make()
        config = VideoMAEConfig()
        with pytest.raises(CheckpointError, match="number of labels is"):
            config.num_labels = count
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
    assert config.num_labels == 2


def test_the_readme_tells_the_limits() -> None:
    told = (
        f"at most {MOST_FRAMES} frames, {MOST_TOKENS} tokens, {MOST_LAYERS} layers and "
        f"{MOST_LABELS} labels"
    )
    assert told in " ".join(README.read_text(encoding="utf-8").split())
    assert LARGEST == 65_536  # of every other size
