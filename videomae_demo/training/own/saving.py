"""What a fine-tuning leaves in its folder, beside what `loop.Run` keeps there."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from videomae_demo.checkpoints.told_sampling import with_sampling
from videomae_demo.config import CONFIG_NAME
from videomae_demo.errors import RequestError
from videomae_demo.model.processor import VideoMAEImageProcessor
from videomae_demo.model.videomae import VideoMAEForVideoClassification
from videomae_demo.training.live.saving import CARD_NAME
from videomae_demo.training.loop import LOG_NAME, STATE_NAME
from videomae_demo.training.own.material import OwnClip
from videomae_demo.video.sampling import SamplingRule

HELD_OUT_NAME = "held_out.csv"


def check_folder(out: Path, *data: Path | str | None) -> None:
    """Refuse a folder in which files of another origin would be overwritten, or taken for clips.

    Raises
    ------
    RequestError
    """
    for source in data:
        if source is not None and out.resolve().is_relative_to(Path(source).resolve()):
            raise RequestError(
                f"The folder for the results, {out}, lies in the data, {source}; give another one."
            )
    if out.exists() and not out.is_dir():
        raise RequestError(f"The results can't go to {out}, which is a file; give a folder.")
    is_ours = (out / STATE_NAME).exists() or (out / LOG_NAME).exists()
    if (out / CONFIG_NAME).exists() and not is_ours:
        raise RequestError(
            f"The folder {out} holds a checkpoint that no training of this kind made; give a new "
            "folder for the results."
        )


def save_model(
    model: VideoMAEForVideoClassification,
    processor: VideoMAEImageProcessor,
    rule: SamplingRule,
    folder: Path,
    card: str,
) -> None:
    """Write the weights in the hub's layout, and which frames of a clip they were trained on."""
    model.config.extra = with_sampling(model.config.extra, rule)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    (folder / CARD_NAME).write_text(card, encoding="utf-8")


def write_held_out(clips: Sequence[OwnClip], folder: Path) -> Path:
    """Write which clips were held out, a path and a label a line; return the file."""
    path = folder / HELD_OUT_NAME
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(("path", "label"))
        for clip in clips:
            lines.writerow((clip.item.path.resolve(), clip.item.label))
    return path
