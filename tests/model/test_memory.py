"""How much memory loading takes, as the operating system counts it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from videomae_demo.config import VideoMAEConfig
from videomae_demo.model.videomae import VideoMAEForVideoClassification

ROOT = Path(__file__).resolve().parents[2]
TINY = VideoMAEConfig(image_size=16, num_hidden_layers=1, hidden_size=12, intermediate_size=8)
HALF_OF_BASE = VideoMAEConfig(num_hidden_layers=6)

# A file is mapped when it is loaded and takes memory when it is used, so all of it is used. A tiny
# checkpoint comes first, so that what torch allocates once is not counted.
MEASURE = """
import sys
from pathlib import Path
from videomae_demo import VideoMAEForVideoClassification

def kibibytes(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1])

def use(folder):
    model = VideoMAEForVideoClassification.from_pretrained(folder)
    for weight in model.parameters():
        weight.detach().sum()
    return sum(weight.nbytes for weight in model.parameters()) / 1024

use(sys.argv[1])
Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
before = kibibytes("VmRSS")
size = use(sys.argv[2])
print((kibibytes("VmHWM") - before) / size)
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux tells of peaks")
def test_loading_and_using_weights_takes_hardly_more_than_their_size(tmp_path: Path) -> None:
    for name, config in (("tiny", TINY), ("half", HALF_OF_BASE)):
        with torch.device("meta"):
            model = VideoMAEForVideoClassification(config)
        model.to_empty(device="cpu").save_pretrained(tmp_path / name)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path / "tiny"), str(tmp_path / "half")],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert 0.9 < float(done.stdout) < 1.15
