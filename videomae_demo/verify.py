"""Check that a published checkpoint computes here, with our code, what its publisher says.

Owns the comparison and its wording. The values are in `checkpoints.published`; the computation is
the models' own, in float32 on the CPU, where it can be compared to the last published digit.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from videomae_demo.analysis.classification import LabelScore, classify
from videomae_demo.checkpoints.catalog import CatalogEntry, find_entry
from videomae_demo.checkpoints.published import (
    CLIP_FILE,
    CLIP_REPO,
    MASK_FILE,
    MASK_REPO,
    MEAN,
    PUBLISHED,
    STD,
    TOLERANCE,
    PublishedValues,
)
from videomae_demo.checkpoints.source import CheckpointFiles, locate, locate_file
from videomae_demo.config import VideoMAEConfig
from videomae_demo.errors import CheckpointError, RequestError
from videomae_demo.model.processor import VideoMAEImageProcessor
from videomae_demo.model.videomae import VideoMAEForPreTraining, VideoMAEForVideoClassification

TOP_K = 5


@dataclass(frozen=True, slots=True)
class Check:
    """One published value beside the one that was computed."""

    name: str
    expected: float
    computed: float

    @property
    def difference(self) -> float:
        """How far the two are apart."""
        return abs(self.computed - self.expected)

    @property
    def agrees(self) -> bool:
        """Whether they are as near as the published digits allow."""
        return self.difference <= TOLERANCE


@dataclass(frozen=True, slots=True)
class Reading:
    """What a recogniser sees in the reference clip: the most probable labels, best first."""

    configuration: str
    labels: tuple[LabelScore, ...]


@dataclass(frozen=True, slots=True)
class Verification:
    """The result for one checkpoint.

    Attributes
    ----------
    checkpoint : str
        Its name in the catalog.
    checks : tuple of Check
    readings : tuple of Reading
        Of a recogniser: with its published configuration, and with the catalog's corrections, if
        there are any.
    """

    checkpoint: str
    checks: tuple[Check, ...]
    readings: tuple[Reading, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether all values agree."""
        return all(check.agrees for check in self.checks)


def names_on_this_machine() -> tuple[str, ...]:
    """Return the checkpoints with published values that need no download.

    Raises
    ------
    RequestError
        When there are none.
    """
    names = tuple(name for name in PUBLISHED if _is_here(_entry(name)))
    if not names:
        example = _entry("base-finetuned-kinetics")
        raise RequestError(
            "No checkpoint with published values is on this machine yet; name one to download it, "
            f"for instance {example.name} ({example.size_mb} MB)."
        )
    return names


@torch.inference_mode()
def verify(name: str) -> Verification:
    """Compare one checkpoint with its published values, downloading what is not here.

    Parameters
    ----------
    name : str
        A name of the catalog, or the repo id of one of its published checkpoints.

    Raises
    ------
    RequestError
        When no values are published for such a checkpoint.
    CheckpointError
        When the checkpoint, or a file that it is checked with, can't be fetched or read.
    """
    entry = _entry(name)
    files = locate(entry.repo)
    assert files.config is not None  # as in every repository of the hub
    # Without the catalog's corrections: the values were computed with the file as it stands.
    config = VideoMAEConfig.from_json_file(files.config)
    pixel_values = _read_clip(config)
    if entry.task == "pretraining":
        model = VideoMAEForPreTraining.from_files(files, config=config)
        return Verification(
            entry.name, _check_reconstructor(model, pixel_values, PUBLISHED[entry.name])
        )
    logits = _classify(files, config, pixel_values)
    checks = tuple(
        Check(f"logit of {config.id2label[index]}", expected, logits[index].item())
        for index, expected in enumerate(PUBLISHED[entry.name].logits[0])
    )
    return Verification(entry.name, checks, _read(entry, files, config, logits, pixel_values))


def describe(result: Verification) -> dict[str, Any]:
    """Return the result ready for JSON."""
    return {
        "checkpoint": result.checkpoint,
        "agrees": result.agrees,
        "tolerance": TOLERANCE,
        "values": [
            {
                "name": check.name,
                "expected": check.expected,
                "computed": check.computed,
                "difference": check.difference,
                "agrees": check.agrees,
            }
            for check in result.checks
        ],
        "readings": [
            {
                "configuration": reading.configuration,
                "labels": [
                    {"label": score.label, "probability": score.probability}
                    for score in reading.labels
                ],
            }
            for reading in result.readings
        ],
    }


def explain(result: Verification) -> list[str]:
    """Return the result as lines of text: a table, and what a recogniser sees in the clip."""
    width = max(len(check.name) for check in result.checks)
    verdict = "agrees with" if result.agrees else "DIFFERS from"
    lines = [
        f"{result.checkpoint} {verdict} its published values (tolerance {TOLERANCE:g}):",
        f"  {'value':<{width}}  {'expected':>10}  {'computed':>10}  {'difference':>10}",
    ]
    lines += [
        f"  {check.name:<{width}}  {check.expected:10.4f}  {check.computed:10.6f}  "
        f"{check.difference:10.6f}  {'agrees' if check.agrees else 'DIFFERS'}"
        for check in result.checks
    ]
    for reading in result.readings:
        seen = ", ".join(f"{score.label} {score.probability:.1%}" for score in reading.labels)
        lines.append(f"  Sees in the reference clip, {reading.configuration}: {seen}.")
    return lines


def _entry(name: str) -> CatalogEntry:
    entry = find_entry(name)
    if entry is None or entry.name not in PUBLISHED:
        raise RequestError(
            f"Nothing is published to compare {name!r} with; there are values for "
            f"{', '.join(PUBLISHED)}."
        )
    return entry


def _is_here(entry: CatalogEntry) -> bool:
    try:
        locate(entry.repo, local_files_only=True)
    except CheckpointError:
        return False
    return True


def _classify(files: CheckpointFiles, config: VideoMAEConfig, pixel_values: Tensor) -> Tensor:
    logits: Tensor = VideoMAEForVideoClassification.from_files(files, config=config)(
        pixel_values
    ).logits[0]
    return logits  # (labels,)


def _read(
    entry: CatalogEntry,
    files: CheckpointFiles,
    config: VideoMAEConfig,
    logits: Tensor,
    pixel_values: Tensor,
) -> tuple[Reading, ...]:
    """Name the labels, with and without the catalog's corrections."""
    published = classify(logits, config.id2label).top(TOP_K)
    if not entry.corrections:
        return (Reading("as published", published),)
    corrected = replace(config, **entry.corrections)
    changed = classify(_classify(files, corrected, pixel_values), corrected.id2label).top(TOP_K)
    return (
        Reading(f"as published ({_fields(config, entry)})", published),
        Reading(f"as corrected ({_fields(corrected, entry)})", changed),
    )


def _fields(config: VideoMAEConfig, entry: CatalogEntry) -> str:
    return ", ".join(f"{name} {getattr(config, name)}" for name in entry.corrections)


def _check_reconstructor(
    model: VideoMAEForPreTraining, pixel_values: Tensor, published: PublishedValues
) -> tuple[Check, ...]:
    mask = _read_mask(model.config)
    logits = model(pixel_values, mask).logits[0]  # (N_masked, token values)
    checks = [
        Check(f"hidden token {token}, value {index}", expected, logits[token, index].item())
        for token, row in enumerate(published.logits)
        for index, expected in enumerate(row)
    ]
    for name, loss, normalised in (
        ("loss, normalised pixels", published.normalised_loss, True),
        ("loss, plain pixels", published.pixel_loss, False),
    ):
        if loss is not None:
            model.config.norm_pix_loss = normalised
            checks.append(Check(name, loss, model(pixel_values, mask).loss.item()))
    return tuple(checks)


def _read_clip(config: VideoMAEConfig) -> Tensor:
    """Return the reference clip, (1, T, C, H, W), normalised as for the published values."""
    path = locate_file(CLIP_REPO, CLIP_FILE, is_dataset=True)
    try:
        frames = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise _damaged(path) from error
    height, width = config.frame_size
    processor = VideoMAEImageProcessor(
        size={"shortest_edge": min(height, width)},
        crop_size={"height": height, "width": width},
        image_mean=MEAN,
        image_std=STD,
    )
    clip: Tensor = processor(
        list(frames), return_tensors="pt", input_data_format="channels_last"
    ).pixel_values
    return clip


def _read_mask(config: VideoMAEConfig) -> Tensor:
    """Return the hidden tokens of the reference clip, (1, N) bool."""
    path = locate_file(MASK_REPO, MASK_FILE)
    try:
        mask = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, ValueError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise _damaged(path) from error
    wanted = (1, config.grid.tokens)
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool or mask.shape != wanted:
        raise CheckpointError(
            f"The reference mask {path} is no mask of {config.grid.tokens} tokens for this model."
        )
    return mask


def _damaged(path: Path) -> CheckpointError:
    return CheckpointError(
        f"The reference file {path} can't be read; delete it, and it will be fetched again."
    )
