"""What was learnt, as files: a folder in the hub's layout, and the same as one zip."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

from videomae_demo.checkpoints.told_sampling import with_sampling
from videomae_demo.config import VideoMAEConfig
from videomae_demo.model.pretrained import PretrainedModel
from videomae_demo.model.processor import VideoMAEImageProcessor
from videomae_demo.model.videomae import IMAGENET_MEAN, IMAGENET_STD
from videomae_demo.training.synthetic import FRAME_INTERVAL_S
from videomae_demo.video.sampling import SamplingRule

CARD_NAME = "README.md"


def save(model: PretrainedModel, folder: Path, card: str) -> Path:
    """Write a model, its image processor and its card; return the folder."""
    rule = SamplingRule.stride(FRAME_INTERVAL_S)
    model.config.extra = with_sampling(model.config.extra, rule)
    model.save_pretrained(folder)
    processor_of(model.config).save_pretrained(folder)
    (folder / CARD_NAME).write_text(card, encoding="utf-8")
    return folder


def processor_of(config: VideoMAEConfig) -> VideoMAEImageProcessor:
    """Return the image processor of models that are trained on synthetic clips."""
    height, width = config.frame_size
    return VideoMAEImageProcessor(
        size={"shortest_edge": min(height, width)},
        crop_size={"height": height, "width": width},
        image_mean=IMAGENET_MEAN,
        image_std=IMAGENET_STD,
    )


def pack(folder: Path, name: str) -> bytes:
    """Return the files of a folder as a zip that holds one folder of that name."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, f"{name}/{path.name}")
    return written.getvalue()


ON_THE_PAGE = "Trained on synthetic clips on a page of VideoMAE Explorer."


def write_card(title: str, facts: Sequence[str], origin: str = ON_THE_PAGE) -> str:
    """Write the card of a model: its title, how it came to be, and a line for each fact."""
    lines = "\n".join(f"- {fact}" for fact in facts)
    return (
        f"# {title}\n\n{origin}\n\n{lines}\n\n"
        "Open it with `python -m videomae_demo explore CLIP --weights FOLDER`.\n"
    )
