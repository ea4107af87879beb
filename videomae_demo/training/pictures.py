"""Pictures of a training run: its loss curves, and its reconstructions of a few held-out clips."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

from videomae_demo.analysis.reconstruction import reconstruct
from videomae_demo.masking import tube
from videomae_demo.model.videomae import VideoMAEForPreTraining
from videomae_demo.rendering.frames import to_uint8, write_png
from videomae_demo.rendering.overlay import hide
from videomae_demo.rendering.plots import Curve, loss_curves, save_figure
from videomae_demo.training.data import normalise
from videomae_demo.training.loop import Run
from videomae_demo.training.synthetic import HELD_OUT, render

SAMPLES = 8
SAMPLE_RATIO = 0.75
SAMPLE_CELL_PX = 128


def draw_curves(run: Run, *names: str) -> Path:
    """Draw the named columns of the run's log to ``curves.png`` in its folder."""
    log = run.read_log()
    lines = {name: [line for line in log if name in line] for name in names}
    curves = [
        Curve(name, [int(line["step"]) for line in told], [line[name] for line in told])
        for name, told in lines.items()
    ]
    figure = loss_curves(curves, value_name=" and ".join(names), log=names == ("loss",))
    return save_figure(figure, run.folder / "curves.png")


@torch.no_grad()
def draw_samples(run: Run, model: VideoMAEForPreTraining) -> Path:
    """Draw ``samples.png``: originals, what is visible of them, and the reconstructions."""
    config = model.config
    height, _ = config.frame_size
    clips = render(range(HELD_OUT, HELD_OUT + SAMPLES), size_px=height).frames
    mask = tube(config.grid, SAMPLE_RATIO, seed=0)
    hidden = torch.from_numpy(mask.reshape(1, -1)).expand(SAMPLES, -1).to(model.device)
    logits = model(normalise(clips).to(model.device), hidden).logits
    columns = []
    for clip, predicted in zip(clips, logits, strict=True):
        result = reconstruct(predicted, clip, mask, config)
        middle = slice(config.num_frames // 2, config.num_frames // 2 + 1)
        target, guess = to_uint8(result.target), to_uint8(result.prediction.frames)
        columns.append(
            np.concatenate([target[middle], hide(target, mask)[middle], guess[middle]], axis=1)[0]
        )
    sheet = np.concatenate(columns, axis=1)
    scale = max(1, SAMPLE_CELL_PX // height)
    sheet = cv2.resize(sheet, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)
    return write_png(run.folder / "samples.png", sheet)
