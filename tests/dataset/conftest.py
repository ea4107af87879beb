"""A small data set of clips that differ, one of them broken."""

from pathlib import Path

import numpy as np
import pytest

from videomae_demo import Explorer
from videomae_demo.video.encode import write_mp4


@pytest.fixture(scope="session")
def data_set(tmp_path_factory) -> Path:
    """Nine clips of 48 x 64 px, three of each label, and a file that is no clip."""
    folder = tmp_path_factory.mktemp("data set")
    random = np.random.default_rng(0)
    for number in range(9):
        label = ("moving left", "moving right", "Staying_still")[number % 3]
        (folder / label).mkdir(exist_ok=True)
        start = random.integers(0, 256, (1, 6, 8, 3)).repeat(8, 1).repeat(8, 2)
        frames = np.stack([np.roll(start[0], number * at, axis=1) for at in range(20)])
        write_mp4(folder / label / f"{number}.mp4", frames.astype(np.uint8), 10)
    (folder / "moving left" / "broken.mp4").write_bytes(b"no clip" * 100)
    return folder


@pytest.fixture
def explorer(recogniser_folder) -> Explorer:
    return Explorer(str(recogniser_folder), device="cpu")
