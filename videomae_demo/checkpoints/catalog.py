"""The checkpoints known by name: what each one is, and on which frames it was trained.

Owns facts that no file of a checkpoint states: its licence, its published accuracy, the frames it
was trained on, which other checkpoint completes it, and where its published configuration is known
to be wrong. Knows neither how to fetch a file (`source`) nor what is in one (`load`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from videomae_demo.video.sampling import SamplingRule
from videomae_demo.video.views import Views

Task = Literal["classification", "pretraining"]

# Seconds between two frames of a clip, for strides that were counted in frames of 30 fps videos.
KINETICS_STRIDE = SamplingRule.stride(4 / 30)
SSV2_PRETRAINING_STRIDE = SamplingRule.stride(2 / 30)
BUNDLED_STRIDE = SamplingRule.stride(1 / 8)

BUNDLED_RECOGNISER = "bundled"
BUNDLED_RECONSTRUCTOR = "bundled-pretraining"

NON_COMMERCIAL = "CC BY-NC 4.0"
_SMALL_NOTE = (
    "Uses 6 attention heads, as the small model was trained with. The published configuration says "
    "16, which loads without an error; on Kinetics-400 it is reported to lower top-1 from 79 % to "
    "42 %."
)
_OTHER_ENCODER = (
    "No pretraining checkpoint of this size is published: the other half is a different model."
)
_NO_V2_DECODER = (
    "No decoder belongs to this checkpoint: the other half is a different model, of the first "
    "VideoMAE."
)


@dataclass(frozen=True, slots=True)
class PublishedAccuracy:
    """How often a recogniser is right, as its publisher measured it.

    Parameters
    ----------
    top_1, top_5 : float
        In percent; the second may be unknown.
    data_set : str
    views : Views
        Windows and crops of each video whose mean counts.
    """

    top_1: float
    top_5: float | None
    data_set: str
    views: Views

    def __str__(self) -> str:
        five = "" if self.top_5 is None else f" and {self.top_5} % top-5"
        windows, crops = self.views.windows, self.views.crops
        return (
            f"{self.top_1} % top-1{five} on {self.data_set} ({windows} clips x {crops} crops a "
            "video)"
        )


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """One known checkpoint.

    Parameters
    ----------
    name : str
        The short name by which people ask for it, e.g. "base-finetuned-kinetics".
    repo : str
        "owner/name" on the hub; for a bundled checkpoint, its folder in ``assets/checkpoints``.
    task : str
        "classification" (a recogniser, though it may know no labels) or "pretraining" (a
        reconstructor).
    title : str
        One line for people.
    licence : str
        Licence of the weights.
    partner : str
        Name of the entry that completes this one: the reconstructor for a recogniser, and the other
        way round.
    sampling : SamplingRule
        Which frames of a video the checkpoint was trained on.
    size_mb : int, optional
        Download in megabytes; None for a bundled checkpoint.
    label_count : int, optional
        Number of labels, 0 for an encoder without a classifier; None for a reconstructor, and for
        a bundled checkpoint, whose configuration tells.
    accuracy : PublishedAccuracy, optional
        Only where it is published.
    corrections : mapping of str to value
        Fields of the published ``config.json`` that are wrong, and what they should be.
    correction_note : str, optional
        The corrections in words, to be shown wherever the checkpoint is used.
    partner_note : str, optional
        What must be said when this entry is used together with its partner.
    bundled : bool
        True when the weights come with the project.
    """

    name: str
    repo: str
    task: Task
    title: str
    licence: str
    partner: str
    sampling: SamplingRule
    size_mb: int | None = None
    label_count: int | None = None
    accuracy: PublishedAccuracy | None = None
    corrections: Mapping[str, Any] = field(default_factory=dict, hash=False)
    correction_note: str | None = None
    partner_note: str | None = None
    bundled: bool = False


def _bundled(name: str, folder: str, task: Task, title: str, partner: str) -> CatalogEntry:
    return CatalogEntry(
        name=name,
        repo=folder,
        task=task,
        title=title,
        licence="Apache-2.0",
        partner=partner,
        sampling=BUNDLED_STRIDE,
        bundled=True,
    )


def _published(name: str, task: Task, title: str, **facts: Any) -> CatalogEntry:
    return CatalogEntry(
        name=name,
        repo=f"MCG-NJU/videomae-{name}",
        task=task,
        title=title,
        licence=NON_COMMERCIAL,
        **facts,
    )


def _pretraining(
    name: str, title: str, partner: str, sampling: SamplingRule, size_mb: int
) -> CatalogEntry:
    return _published(
        name, "pretraining", title, partner=partner, sampling=sampling, size_mb=size_mb
    )


def _kinetics(
    size: str, title: str, partner: str, size_mb: int, top1: float, top5: float, **facts: Any
) -> CatalogEntry:
    return _published(
        f"{size}-finetuned-kinetics",
        "classification",
        f"{title}, Kinetics-400",
        partner=partner,
        sampling=KINETICS_STRIDE,
        size_mb=size_mb,
        label_count=400,
        accuracy=PublishedAccuracy(top1, top5, "Kinetics-400", Views(5, 3)),
        **facts,
    )


def _ssv2(
    size: str, title: str, partner: str, size_mb: int, top1: float, **facts: Any
) -> CatalogEntry:
    return _published(
        f"{size}-finetuned-ssv2",
        "classification",
        f"{title}, Something-Something v2",
        partner=partner,
        sampling=SamplingRule.uniform(),
        size_mb=size_mb,
        label_count=174,
        accuracy=PublishedAccuracy(top1, None, "Something-Something v2", Views(2, 3)),
        **facts,
    )


def _v2(size: str, partner: str, size_mb: int) -> CatalogEntry:
    return CatalogEntry(
        name=f"v2-{size.lower()}",
        repo=f"OpenGVLab/VideoMAEv2-{size}",
        task="classification",
        title=f"VideoMAE V2 {size.lower()}, features only: attention, no labels",
        licence=NON_COMMERCIAL,
        partner=partner,
        sampling=KINETICS_STRIDE,
        size_mb=size_mb,
        label_count=0,
        partner_note=_NO_V2_DECODER,
    )


_SMALL: dict[str, Any] = {
    "corrections": {"num_attention_heads": 6},
    "correction_note": _SMALL_NOTE,
    "partner_note": _OTHER_ENCODER,
}

CATALOG: tuple[CatalogEntry, ...] = (
    _bundled(
        BUNDLED_RECOGNISER,
        "motion-recogniser",
        "classification",
        "Bundled motion recogniser (synthetic motions)",
        partner=BUNDLED_RECONSTRUCTOR,
    ),
    _bundled(
        BUNDLED_RECONSTRUCTOR,
        "motion-reconstructor",
        "pretraining",
        "Bundled motion reconstructor (synthetic motions)",
        partner=BUNDLED_RECOGNISER,
    ),
    _kinetics("small", "Small", "base", 88, 79.0, 93.8, **_SMALL),
    _kinetics("base", "Base (1600 epochs)", "base", 346, 81.5, 95.1),
    _kinetics("base-short", "Base (800 epochs)", "base-short", 346, 80.0, 94.4),
    _kinetics("large", "Large", "large", 1217, 85.2, 96.8),
    _kinetics("huge", "Huge", "base", 2528, 86.6, 97.1, partner_note=_OTHER_ENCODER),
    _ssv2("small", "Small", "base-ssv2", 88, 66.8, **_SMALL),
    _ssv2("base", "Base (2400 epochs)", "base-ssv2", 345, 70.8),
    _ssv2("base-short", "Base (800 epochs)", "base-short-ssv2", 345, 69.6),
    _v2("Base", "base", 345),
    _v2("Large", "large", 1220),
    _v2("Huge", "base", 2530),
    _v2("giant", "base", 4110),
    _pretraining(
        "base",
        "Base, pretrained on Kinetics-400 (1600 epochs)",
        "base-finetuned-kinetics",
        KINETICS_STRIDE,
        377,
    ),
    _pretraining(
        "base-short",
        "Base, pretrained on Kinetics-400 (800 epochs)",
        "base-short-finetuned-kinetics",
        KINETICS_STRIDE,
        377,
    ),
    _pretraining(
        "large",
        "Large, pretrained on Kinetics-400",
        "large-finetuned-kinetics",
        KINETICS_STRIDE,
        1372,
    ),
    _pretraining(
        "base-ssv2",
        "Base, pretrained on Something-Something v2 (2400 epochs)",
        "base-finetuned-ssv2",
        SSV2_PRETRAINING_STRIDE,
        377,
    ),
    _pretraining(
        "base-short-ssv2",
        "Base, pretrained on Something-Something v2 (800 epochs)",
        "base-short-finetuned-ssv2",
        SSV2_PRETRAINING_STRIDE,
        377,
    ),
)


def known_names() -> tuple[str, ...]:
    """Short names of all known checkpoints, in the order in which they are shown."""
    return tuple(entry.name for entry in CATALOG)


def find_entry(name: str) -> CatalogEntry | None:
    """Return the entry whose short name, or whose full hub id, is `name`; None if there is none."""
    for entry in CATALOG:
        if name == entry.name or (name == entry.repo and not entry.bundled):
            return entry
    return None
