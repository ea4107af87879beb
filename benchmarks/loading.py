"""How long a checkpoint takes to load: ``python -m benchmarks.loading --size base``.

Writes a checkpoint with random weights into a temporary folder and compares, in one run on one
machine, loading it with reading its file, and with transformers. The file is in the system's cache.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import torch
import transformers

from benchmarks.machine import best_times, describe_machine
from benchmarks.model_speed import SIZES, make_config
from videomae_demo.model.videomae import VideoMAEForVideoClassification

READING = "read the file"
OURS = "ours: load"
FIRST = "ours: load, and touch every weight once"
THEIRS = "transformers: load, and touch every weight once"


def touch(model: torch.nn.Module) -> float:
    """Read every weight: a mapped weight comes into memory only when it is read."""
    return float(sum(weights.sum().item() for weights in model.state_dict().values()))


def main() -> None:
    """Measure, and print what `benchmarks/README.md` holds."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", choices=SIZES, default="base")
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        VideoMAEForVideoClassification(make_config(chosen.size)).save_pretrained(folder)
        file = Path(folder) / "model.safetensors"

        def ours() -> torch.nn.Module:
            return VideoMAEForVideoClassification.from_pretrained(folder)

        def theirs() -> torch.nn.Module:
            model: torch.nn.Module
            model = transformers.VideoMAEForVideoClassification.from_pretrained(folder)
            return model

        best = best_times(
            {
                READING: file.read_bytes,
                OURS: ours,
                FIRST: lambda: touch(ours()),
                THEIRS: lambda: touch(theirs()),
            },
            chosen.rounds,
        )
        megabytes = file.stat().st_size / 1e6
    print(describe_machine("torch", "safetensors", "transformers"), end="\n\n")
    print(f"| {chosen.size}, {megabytes:.0f} MB | seconds | times {READING} |\n|---|---|---|")
    for name, time_s in best.items():
        print(f"| {name} | {time_s:.3f} | {time_s / best[READING]:.2f} |")


if __name__ == "__main__":
    main()
