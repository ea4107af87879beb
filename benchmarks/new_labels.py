"""Fine-tuning on a folder of new labels: ``python -m benchmarks.new_labels``.

Renders clips of four labels that the bundled weights do not know, as mp4 files in
``label/clip.mp4``, fine-tunes on them from each of the given checkpoints with the defaults, and
measures the results on clips that had no part in it.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.machine import describe_machine
from videomae_demo.dataset.evaluate import evaluate
from videomae_demo.engine.engine import Engine
from videomae_demo.training.own.finetune import finetune_folder
from videomae_demo.training.own.settings import OwnSettings
from videomae_demo.training.textures import (
    OUTLINE_DRAWS,
    SURFACE_DRAWS,
    Draws,
    outline,
    surface,
)
from videomae_demo.video.encode import write_mp4

NEW_LABELS = ("growing then shrinking", "there and back", "two things apart", "two things together")
"""None of them is a label of the bundled recogniser. Each clip has two things, so that one frame
does not tell which label it is."""
FPS = 24
SPAN_S = 2.2
CLIP_PX = 160
FRESH = 100_000
"""Seeds from here on are for measuring."""

_WEIGHTS = (1.5, 2.0, 1.5, 1.5, 2.0, 1.5)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=60, help="of each label, to learn from (60)")
    parser.add_argument("--fresh", type=int, default=50, help="of each label, to measure (50)")
    parser.add_argument(
        "--from", dest="starts", nargs="+", default=("bundled", "bundled-pretraining")
    )
    parser.add_argument("--freeze", action="store_true", help="train the head alone")
    given = parser.parse_args()
    print(describe_machine("torch"), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), given.starts, given.clips, given.fresh, given.freeze)


def measure(folder: Path, starts: Sequence[str], clips: int, fresh: int, freeze: bool) -> None:
    """Fine-tune from each start; print the time, and top-1 on held-out and on fresh clips."""
    data = write_new(folder / "data", clips)
    new = write_new(folder / "fresh", fresh, first_seed=FRESH)
    for start in starts:
        began, busy = time.monotonic(), time.process_time()
        done = finetune_folder(data, folder / start, OwnSettings(freeze=freeze), start=start)
        minutes = (time.monotonic() - began) / 60
        *_, last = evaluate(Engine(str(done.folder)), new, folder / f"{start}-fresh")
        print(
            f"{start}: {minutes:.1f} minutes ({(time.process_time() - busy) / 60:.1f} of one "
            f"core's, measuring included); held out {done.accuracy:.1%}; fresh clips: "
            f"{last.sentences()[0]}",
            flush=True,
        )


def render_new(label: str, seed: int, size_px: int = CLIP_PX) -> NDArray[np.uint8]:
    """Render one clip of a new label, (T, H, W, 3) uint8; it follows from its seed."""
    draws = Draws([seed], 16 + 3 * SURFACE_DRAWS + 2 * OUTLINE_DRAWS, torch.device("cpu"))
    light = draws.uniform(0.3, 0.7)
    step = draws.uniform(0.22, 0.4)
    line = (torch.arange(size_px) + 0.5) * 2 / size_px - 1
    y, x = (grid[None] for grid in torch.meshgrid(line, line, indexing="ij"))
    ground = _picture(surface(x * 0.6, y * 0.6, draws, _WEIGHTS, light))
    other = torch.where(light > 0.5, light - step, light + step)
    things = []
    for _ in range(2):
        shape = outline(x * 1.15, y * 1.15, draws, softness=4 / size_px)[0].numpy()
        things.append((_picture(surface(x * 0.45, y * 0.45, draws, _WEIGHTS, other)), shape))
    heading, amount, size, side = (
        draws.uniform(low, high).item()
        for low, high in ((0, math.tau), (0.0, 1.0), (0.26, 0.4), (0.55, 0.75))
    )
    frames = []
    for moment in np.linspace(0, 1, round(SPAN_S * FPS)):
        frame = ground.copy()
        for (paint, shape), (place, scale) in zip(
            things, _where(label, float(moment), heading, amount, side), strict=True
        ):
            frame = _lay_over(frame, paint, shape, place, size * scale)
        frames.append(frame)
    return np.clip(np.rint(np.stack(frames) * 255), 0, 255).astype(np.uint8)


def write_new(folder: Path, per_label: int, first_seed: int = 0, size_px: int = CLIP_PX) -> Path:
    """Write `per_label` clips of each new label into folders by their names; return `folder`."""
    for place, label in enumerate(NEW_LABELS):
        (folder / label).mkdir(parents=True, exist_ok=True)
        for number in range(per_label):
            seed = first_seed + place + len(NEW_LABELS) * number
            write_mp4(folder / label / f"{number:03d}.mp4", render_new(label, seed, size_px), FPS)
    return folder


def _where(
    label: str, moment: float, heading: float, amount: float, side: float
) -> tuple[tuple[NDArray[np.float64], float], ...]:
    """Return place and scale of the thing and the other one; `moment` goes from 0 to 1."""
    way = np.array([math.cos(heading), math.sin(heading)])
    across = np.array([-way[1], way[0]])
    there = math.sin(math.pi * moment)
    if label == "growing then shrinking":
        return (-side / 2 * way, math.exp((0.5 + 0.3 * amount) * there)), (side * 0.8 * way, 1.0)
    if label == "there and back":
        gone = (0.6 + 0.5 * amount) * (there - 0.5)
        return (gone * way + 0.4 * across, 1.0), (-0.5 * across, 1.0)
    apart = moment if label == "two things apart" else 1 - moment
    distance = 0.15 + (0.4 + 0.15 * amount) * apart
    return (distance * way, 1.0), (-distance * way, 1.0)


def _picture(painted: torch.Tensor) -> NDArray[np.float32]:
    picture: NDArray[np.float32] = painted[0].permute(1, 2, 0).contiguous().numpy()
    return picture


def _lay_over(
    frame: NDArray[np.float32],
    paint: NDArray[np.float32],
    shape: NDArray[np.float32],
    place: NDArray[np.float64],
    scale: float,
) -> NDArray[np.float32]:
    """Draw a painted thing into a frame; place and scale count from the middle, in half frames."""
    half = len(frame) / 2
    shift = half * (1 - scale) + half * place
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    width = (frame.shape[1], frame.shape[0])
    seen = cv2.warpAffine(shape, matrix, width, flags=cv2.INTER_AREA)[..., None]
    colour = cv2.warpAffine(paint, matrix, width, flags=cv2.INTER_AREA)
    laid: NDArray[np.float32] = frame * (1 - seen) + colour * seen
    return laid


if __name__ == "__main__":
    main()
