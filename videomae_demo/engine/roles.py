"""The two checkpoints at work: the recogniser (labels, attention) and the reconstructor.

Owns how a checkpoint takes up a role, what it does when a part is missing, and what a person must
be told of it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar
from weakref import WeakValueDictionary

import numpy as np
import torch

from videomae_demo.checkpoints.catalog import (
    BUNDLED_RECONSTRUCTOR,
    CatalogEntry,
    find_entry,
)
from videomae_demo.checkpoints.layouts import read_checkpoint
from videomae_demo.checkpoints.source import CheckpointFiles, locate
from videomae_demo.checkpoints.told_sampling import told_sampling
from videomae_demo.config import TokenGrid, VideoMAEConfig
from videomae_demo.device import home_of, within_memory
from videomae_demo.errors import CheckpointError, ExplorerError
from videomae_demo.json_file import read_json_object
from videomae_demo.model.pretrained import PretrainedModel
from videomae_demo.model.processor import VideoMAEImageProcessor
from videomae_demo.model.videomae import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    VideoMAEForPreTraining,
    VideoMAEForVideoClassification,
)
from videomae_demo.video.sampling import SamplingRule

KINETICS_SAMPLING = SamplingRule.stride(4 / 30)
"""For checkpoints that are not in the catalog: a guess, taken from most published ones."""

MOST_ATTENTION_BYTES = 4 * 2**30
"""Of one clip; the largest published model takes 0.3 GB, at 2048 tokens."""


@dataclass(frozen=True, slots=True)
class CheckpointCard:
    """What a person should know of a checkpoint at work.

    Attributes
    ----------
    name : str
        The name by which it was asked for.
    title, licence : str
    grid : TokenGrid
    tubelet_size : int
        Frames per token.
    frame_size : (int, int)
        Height and width of the model's frames in pixels.
    sampling : SamplingRule
        Which frames it was trained on; a guess, if that is not known.
    label_count : int
        0 if it knows no labels.
    notes : tuple of str
        Corrections, fallbacks, missing parts: sentences to be shown.
    sampling_is_known : bool
        Whether `sampling` is the catalog's, and no guess.
    is_bundled : bool
        Whether it came with the project, and so knows nothing but synthetic motions.
    stands_in_for : str or None
        The checkpoint that it stands in for, because that one has no decoder.
    """

    name: str
    title: str
    licence: str
    grid: TokenGrid
    tubelet_size: int
    frame_size: tuple[int, int]
    sampling: SamplingRule
    label_count: int
    notes: tuple[str, ...]
    sampling_is_known: bool = True
    is_bundled: bool = False
    stands_in_for: str | None = None

    @property
    def frame_count(self) -> int:
        """How many frames of a clip it takes."""
        return self.grid.time * self.tubelet_size

    @property
    def public_name(self) -> str:
        """Its name in files and on other machines, without its place on this machine."""
        return self.title if find_entry(self.name) is None else self.name


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class _Role:
    """A checkpoint at work. It is pickled as its name: another process has it, or loads it.

    A forked process, such as ZeroGPU's, has all that was loaded before it was forked. There the
    weights go to the device where their passes run; see `device.home_of`.
    """

    model: Any
    processor: VideoMAEImageProcessor
    card: CheckpointCard
    runs_on: torch.device | None = None
    """Where its passes run; None: where its weights are."""

    def __post_init__(self) -> None:
        _LOADED[self._key] = self

    @property
    def _key(self) -> _Key:
        device = self.runs_on or self.model.device
        return type(self), self.card.name, device, self.model.config.num_attention_heads

    def __reduce__(self) -> tuple[Any, ...]:
        return _recall, self._key


_Key: TypeAlias = tuple[type[_Role], str, torch.device, int]
_LOADED: MutableMapping[_Key, _Role] = WeakValueDictionary()
"""The checkpoints loaded in this process, found when a name is unpickled; none is kept alive."""


@dataclass(frozen=True, slots=True, eq=False)
class Recogniser(_Role):
    """An encoder with its classifier; `card.label_count` is 0 if that was never trained."""

    model: VideoMAEForVideoClassification


@dataclass(frozen=True, slots=True, eq=False)
class Reconstructor(_Role):
    """An encoder with its pretraining decoder."""

    model: VideoMAEForPreTraining


def _recall(kind: type[_Role], name: str, device: torch.device, heads: int) -> _Role:
    load = load_recogniser if kind is Recogniser else load_reconstructor
    role = _LOADED.get((kind, name, device, heads)) or load(name, device, heads)
    within_memory(role.model.to)(device)
    return role


def usual_sampling(name: str) -> SamplingRule:
    """Return which frames a recogniser gets by default, without opening its weights.

    They are those that it was trained on, and its reconstructor gets the same. For a checkpoint
    that is not in the catalog, and does not tell, it is a guess; see `KINETICS_SAMPLING`.
    """
    entry = _entry(name)
    if entry is not None:
        return entry.sampling
    try:
        told = locate(name, with_weights=False, local_files_only=True).config
        fields = {} if told is None else read_json_object(told, "The configuration")
    except ExplorerError:
        fields = {}
    return told_sampling(fields) or KINETICS_SAMPLING


def frame_count(name: str) -> int | None:
    """Return how many frames a checkpoint takes, without loading it.

    None if that can't be told: it is not on this machine, or can't be read.
    """
    try:
        checkpoint = read_checkpoint(locate(name, local_files_only=True))
        return VideoMAEConfig.from_dict(checkpoint.architecture.fields).num_frames
    except ExplorerError:
        return None


def _entry(name: str) -> CatalogEntry | None:
    """Look a name up in the catalog; a folder or a file of that name is something else."""
    return None if _is_here(name) else find_entry(name)


def _shown(name: str) -> str:
    """Return a checkpoint's name, without the folders that it is in."""
    return Path(name).resolve().name if _is_here(name) else name


def _is_here(name: str) -> bool:
    try:
        return Path(name).is_dir() or Path(name).is_file()
    except OSError:  # too long for a path
        return False


def load_recogniser(name: str, device: torch.device, heads: int | None = None) -> Recogniser:
    """Load a checkpoint for labels and attention.

    A checkpoint without a trained classifier serves for attention alone, and its card says so.

    Parameters
    ----------
    name : str
        See `videomae_demo.checkpoints.source.locate`.
    device : torch.device
    heads : int, optional
        How many attention heads the encoder has; default: as many as the checkpoint tells.

    Raises
    ------
    CheckpointError
        When it can't be found, read, or fitted to the model.
    """
    files = locate(name)
    model = VideoMAEForVideoClassification.from_files(files, **_with_heads(heads))
    assert model.load_report is not None
    has_labels = model.config.num_labels > 0 and not model.load_report.fresh
    notes = model.load_report.notes
    if not has_labels:
        notes += (
            "This checkpoint was pretrained without labels: it shows attention, but names nothing.",
        )
    labels = model.config.num_labels if has_labels else 0
    _check_attention(model.config, files.name)
    card, processor = _introduce(files, model.config, labels, notes, _GUESSED_FRAMES)
    return Recogniser(_settle(model, device), processor, card, device)


def load_reconstructor(name: str, device: torch.device, heads: int | None = None) -> Reconstructor:
    """Load a checkpoint that predicts what is behind a mask; `heads` as in `load_recogniser`.

    Raises
    ------
    CheckpointError
        Also when it holds no decoder.
    """
    reconstructor = _try_reconstructor(locate(name), device, heads)
    if reconstructor is None:
        raise CheckpointError(
            f"The checkpoint {name} has no decoder, so it can't reconstruct; choose a pretraining "
            f"checkpoint, for instance {BUNDLED_RECONSTRUCTOR!r}."
        )
    return reconstructor


def find_reconstructor(
    weights: str, device: torch.device, heads: int | None = None
) -> Reconstructor:
    """Load the reconstructor that goes with a recogniser's checkpoint.

    That is its partner in the catalog. Without one, it is the checkpoint itself, if it holds a
    decoder (then with `heads`); otherwise it is the bundled one, and its card says so.
    """
    entry = _entry(weights)
    if entry is not None and entry.task == "pretraining":
        return load_reconstructor(weights, device)
    if entry is not None:
        partner = load_reconstructor(entry.partner, device)
        return partner if entry.partner_note is None else _noted(partner, entry.partner_note)
    own = _try_reconstructor(locate(weights), device, heads)
    if own is not None:
        return own
    name = _shown(weights)
    note = f"{name} has no decoder, so the bundled reconstructor takes its place."
    bundled = load_reconstructor(BUNDLED_RECONSTRUCTOR, device)
    return _noted(bundled, note, stands_in_for=name)


def _noted(reconstructor: Reconstructor, note: str, **changes: Any) -> Reconstructor:
    notes = (*reconstructor.card.notes, note)
    card = dataclasses.replace(reconstructor.card, notes=notes, **changes)
    return dataclasses.replace(reconstructor, card=card)


def _try_reconstructor(
    files: CheckpointFiles, device: torch.device, heads: int | None = None
) -> Reconstructor | None:
    model = VideoMAEForPreTraining.from_files(files, **_with_heads(heads))
    assert model.load_report is not None
    if model.load_report.fresh:
        return None
    notes = model.load_report.notes
    card, processor = _introduce(files, model.config, 0, notes, _RECOGNISERS_FRAMES)
    return Reconstructor(_settle(model, device), processor, card, device)


def _with_heads(heads: int | None) -> dict[str, Any]:
    return {} if heads is None else {"num_attention_heads": heads}


Model = TypeVar("Model", bound=PretrainedModel)


@within_memory
def _settle(model: Model, device: torch.device) -> Model:
    return model.to(home_of(device)).eval().requires_grad_(False)


_UNKNOWN = (
    "It is not known on which frames of a clip this checkpoint was trained: unless you choose "
    "others, "
)
_GUESSED_FRAMES = (
    f"{_UNKNOWN}it gets one every {1000 * (KINETICS_SAMPLING.interval_s or 0):.0f} ms, as most "
    "published ones do."
)
_RECOGNISERS_FRAMES = f"{_UNKNOWN}it gets those of the recogniser."


def _introduce(
    files: CheckpointFiles,
    config: VideoMAEConfig,
    label_count: int,
    notes: tuple[str, ...],
    unknown_frames: str,
) -> tuple[CheckpointCard, VideoMAEImageProcessor]:
    entry = files.entry
    if config.num_channels != 3:
        raise CheckpointError(
            f"The checkpoint {files.name} takes frames of {config.num_channels} channels; a clip "
            "has 3 (red, green, blue)."
        )
    processor, fallback = _processor(files, config)
    if entry is not None and entry.correction_note:
        corrected = all(getattr(config, name) == value for name, value in entry.corrections.items())
        notes += (entry.correction_note,) if corrected else ()
    sampling = entry.sampling if entry is not None else told_sampling(config.extra)
    if sampling is None:
        notes += (unknown_frames,)
    card = CheckpointCard(
        name=files.name,
        title=entry.title if entry else _shown(files.name),
        licence=entry.licence if entry else "unknown",
        grid=config.grid,
        tubelet_size=config.tubelet_size,
        frame_size=config.frame_size,
        sampling=sampling or KINETICS_SAMPLING,
        label_count=label_count,
        notes=notes + fallback,
        sampling_is_known=sampling is not None,
        is_bundled=entry is not None and entry.bundled,
    )
    return card, processor


def _processor(
    files: CheckpointFiles, config: VideoMAEConfig
) -> tuple[VideoMAEImageProcessor, tuple[str, ...]]:
    """Return the checkpoint's own image processor, or one with ImageNet's statistics and a note."""
    height, width = config.frame_size
    if files.preprocessor is None:
        processor = VideoMAEImageProcessor(
            size={"shortest_edge": min(height, width)},
            crop_size={"height": height, "width": width},
            image_mean=IMAGENET_MEAN,
            image_std=IMAGENET_STD,
        )
        note = (
            "The checkpoint does not say how its frames are normalised; ImageNet's mean and "
            "deviation are used, as by every published VideoMAE."
        )
        return processor, (note,)
    processor = VideoMAEImageProcessor.from_pretrained(files.preprocessor.parent)
    _check_frames(processor, files.name)
    crop = (processor.crop_size["height"], processor.crop_size["width"])
    if crop != (height, width):
        raise CheckpointError(
            f"The checkpoint {files.name} crops frames to {crop[0]}x{crop[1]} px, but its model "
            f"takes {height}x{width} px; make preprocessor_config.json and config.json agree."
        )
    return processor, ()


def _check_attention(config: VideoMAEConfig, name: str) -> None:
    """Refuse a recogniser whose attention could not be kept for the questions about a clip."""
    kept = config.num_hidden_layers * config.grid.tokens**2 * 2  # bytes: it is kept in float16
    if kept > MOST_ATTENTION_BYTES:
        raise CheckpointError(
            f"The checkpoint {name} has {config.num_hidden_layers} layers of {config.grid.tokens} "
            f"tokens, whose attention takes {kept / 2**30:.1f} GB for one clip; at most "
            f"{MOST_ATTENTION_BYTES / 2**30:.0f} GB can be kept, so choose a checkpoint of fewer "
            "tokens."
        )


def _check_frames(processor: VideoMAEImageProcessor, name: str) -> None:
    """Refuse a processor that does not make normalised frames of three channels and one size."""
    for field, statistic in (("mean", processor.image_mean), ("std", processor.image_std)):
        if np.shape(statistic) not in ((), (3,)):
            raise CheckpointError(
                f"The checkpoint {name} has {np.size(statistic)} values for its image_{field}; a "
                "frame has 3 channels, so its preprocessor_config.json must have one or 3."
            )
    if not (processor.do_center_crop and (processor.do_rescale or processor.do_normalize)):
        raise CheckpointError(
            f"The checkpoint {name} does not crop its frames, or leaves them whole numbers; in its "
            "preprocessor_config.json do_center_crop and do_normalize must be true."
        )
