"""A published accuracy beside the one that was measured on a folder of clips, and its verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from videomae_demo.checkpoints.catalog import (
    CATALOG,
    CatalogEntry,
    PublishedAccuracy,
    find_entry,
)
from videomae_demo.dataset.evaluate import Evaluation
from videomae_demo.dataset.metrics import Share
from videomae_demo.errors import RequestError


@dataclass(frozen=True, slots=True)
class Figure:
    """One published figure, in percent, and the share that was measured."""

    name: str
    published: float
    measured: Share

    @property
    def agrees(self) -> bool:
        """Whether the 95% interval of what was measured contains what is published."""
        half_a_digit = 0.05  # of a percent: it was rounded
        low, high = 100 * self.measured.low, 100 * self.measured.high
        return low - half_a_digit <= self.published <= high + half_a_digit

    def sentence(self) -> str:
        """Say which is which."""
        measured, verb = self.measured, "agrees with" if self.agrees else "DIFFERS from"
        return (
            f"{self.name} {measured.value:.1%} of {measured.of} clips (95% interval "
            f"{measured.low:.1%} to {measured.high:.1%}) {verb} the published {self.published} %."
        )

    def to_json(self) -> dict[str, Any]:
        """Return the comparison ready for JSON."""
        return {
            "name": self.name,
            "published": self.published / 100,
            "measured": self.measured.to_json(),
            "agrees": self.agrees,
        }


def published_accuracy(name: str) -> tuple[CatalogEntry, PublishedAccuracy]:
    """Return what is published for a checkpoint of the catalog.

    Raises
    ------
    RequestError
        When there is nothing.
    """
    entry = find_entry(name)
    if entry is None or entry.accuracy is None:
        names = ", ".join(entry.name for entry in CATALOG if entry.accuracy)
        raise RequestError(f"No accuracy is published for {name!r}; there are some for {names}.")
    return entry, entry.accuracy


def compare_accuracy(evaluation: Evaluation, published: PublishedAccuracy) -> tuple[Figure, ...]:
    """Put what is published beside what was measured.

    Raises
    ------
    RequestError
        When no clip has a label that the checkpoint knows.
    """
    metrics = evaluation.metrics
    if not metrics.judged:
        raise RequestError(
            f"None of the {len(evaluation.items)} clips could be judged: give a folder whose "
            "folders are named by the checkpoint's labels, or a list."
        )
    figures = [Figure("Top-1", published.top_1, metrics.top_1)]
    if published.top_5 is not None:
        figures.append(Figure("Top-5", published.top_5, metrics.top_5))
    return tuple(figures)
