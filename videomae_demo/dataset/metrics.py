"""The figures of an evaluation: how many are right, of which labels, and how far to trust it.

Rows go by one after another; what is kept does not grow with their number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from videomae_demo.dataset.rows import Row

BINS = 10
"""Of the calibration: probabilities of the best label, 0..1, in equal steps."""
Z_95 = 1.959964
"""The two-sided 95 % point of the normal distribution."""


@dataclass(frozen=True, slots=True)
class Share:
    """A share of clips, with its 95% interval.

    Attributes
    ----------
    count, of : int
    low, high : float
        Wilson's interval, 0..1: Wilson, "Probable inference" (1927).
    """

    count: int
    of: int

    @property
    def value(self) -> float:
        """The share, 0..1; NaN of none."""
        return self.count / self.of if self.of else math.nan

    @property
    def low(self) -> float:
        """The lower end of the interval."""
        return self._interval()[0]

    @property
    def high(self) -> float:
        """The upper end of the interval."""
        return self._interval()[1]

    def _interval(self) -> tuple[float, float]:
        if not self.of:
            return 0.0, 1.0
        square = Z_95**2
        middle = (self.count + square / 2) / (self.of + square)
        spread = self.count * (self.of - self.count) / self.of + square / 4
        half = Z_95 * math.sqrt(spread) / (self.of + square)
        return max(0.0, middle - half), min(1.0, middle + half)

    def to_json(self) -> dict[str, Any]:
        """Return the share ready for JSON."""
        value = self.value if self.of else None
        return {
            "count": self.count,
            "of": self.of,
            "share": value,
            "low": self.low,
            "high": self.high,
        }


class Metrics:
    """Takes rows one by one, and knows the figures of those that went by.

    Parameters
    ----------
    labels : sequence of str
        The checkpoint's labels, in its order.

    Attributes
    ----------
    clips, failed, unlabelled : int
        All; those that could not be read; those without a label that the checkpoint knows.
    confusion : ndarray
        (labels, labels) int64: rows are true, columns named.
    named : ndarray
        (labels,) int64: how often each label is the best, also of clips without a label.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = tuple(labels)
        self._index = {label: at for at, label in enumerate(self.labels)}
        self.clips = self.failed = self.unlabelled = 0
        self.confusion: NDArray[np.int64] = np.zeros((len(labels), len(labels)), np.int64)
        self.named: NDArray[np.int64] = np.zeros(len(labels), np.int64)
        self._in_top = np.zeros(len(labels), np.int64)
        self._bins = np.zeros((BINS, 3))  # clips, right ones, sum of probabilities
        self._entropy = 0.0
        self._log_loss = 0.0

    def add(self, row: Row) -> None:
        """Take a row."""
        self.clips += 1
        if row.error is not None:
            self.failed += 1
            return
        best, chance = row.top[0]
        at = self._index[best]
        self.named[at] += 1
        self._entropy += row.entropy or 0.0
        if row.true is None:
            self.unlabelled += 1
            return
        assert row.rank is not None and row.probability is not None
        true = self._index[row.true]
        self.confusion[true, at] += 1
        self._in_top[true] += row.rank <= len(row.top)
        self._log_loss -= math.log(max(row.probability, 1e-300))
        bin_ = self._bins[min(BINS - 1, int(chance * BINS))]
        bin_ += (1, row.rank == 1, chance)

    @property
    def judged(self) -> int:
        """How many clips count as right or wrong."""
        return int(self.confusion.sum())

    @property
    def top_1(self) -> Share:
        """Clips whose best label is the true one."""
        return Share(int(np.trace(self.confusion)), self.judged)

    @property
    def top_5(self) -> Share:
        """Clips whose true label is among the five best."""
        return Share(int(self._in_top.sum()), self.judged)

    @property
    def mean_entropy(self) -> float:
        """How undecided the recogniser is on average, 0 to 1; NaN of none."""
        seen = self.clips - self.failed
        return self._entropy / seen if seen else math.nan

    @property
    def calibration_error(self) -> float:
        """Mean distance of probability and share right over the bins, weighted; 0..1.

        Guo et al., "On Calibration of Modern Neural Networks" (2017), with ten bins.
        """
        clips, right, chances = self._bins.T
        return float(np.abs(right - chances).sum() / clips.sum()) if clips.sum() else math.nan

    @property
    def log_loss(self) -> float:
        """Mean negative logarithm of the true label's probability, in nats; NaN of none."""
        return self._log_loss / self.judged if self.judged else math.nan

    def calibration(self) -> list[dict[str, Any]]:
        """Return each bin of probabilities: from, to, clips, mean probability, share right."""
        return [
            {
                "from": at / BINS,
                "to": (at + 1) / BINS,
                "clips": int(clips),
                "mean_probability": chances / clips if clips else None,
                "share_right": right / clips if clips else None,
            }
            for at, (clips, right, chances) in enumerate(self._bins.tolist())
        ]

    def of_label(self, label: str) -> Share:
        """Return the clips of one label that are named rightly."""
        at = self._index[label]
        return Share(int(self.confusion[at, at]), int(self.confusion[at].sum()))

    def confused(self, most: int = 10) -> list[tuple[str, str, int]]:
        """Return the most frequent mistakes: true label, named label, how often."""
        wrong = self.confusion.copy()
        np.fill_diagonal(wrong, 0)
        order = np.argsort(-wrong, axis=None, kind="stable")[:most]
        pairs = [divmod(int(flat), len(self.labels)) for flat in order]
        return [
            (self.labels[true], self.labels[named], int(wrong[true, named]))
            for true, named in pairs
            if wrong[true, named]
        ]

    def to_json(self) -> dict[str, Any]:
        """Return all figures ready for JSON."""
        present = [self.labels[at] for at in np.flatnonzero(self.confusion.sum(axis=1))]
        return {
            "clips": self.clips,
            "judged": self.judged,
            "failed": self.failed,
            "without_known_label": self.unlabelled,
            "top_1": self.top_1.to_json(),
            "top_5": self.top_5.to_json(),
            "mean_of_labels": _mean([self.of_label(label).value for label in present]),
            "chance": 1 / len(self.labels),
            "mean_entropy": _or_none(self.mean_entropy),
            "log_loss": _or_none(self.log_loss),
            "calibration_error": _or_none(self.calibration_error),
            "calibration": self.calibration(),
            "labels": {
                label: self.of_label(label).to_json()
                | {"named": int(self.named[self._index[label]])}
                for label in present
            },
            "most_confused": [
                {"true": true, "named": named, "clips": clips}
                for true, named, clips in self.confused()
            ],
        }

    def sentences(self) -> list[str]:
        """Say how well it went."""
        said = []
        if self.judged:
            said.append(f"Top-1 {_told(self.top_1)}; top-5 {_told(self.top_5)}.")
        if self.failed:
            said.append(f"{self.failed} of {self.clips} clips could not be read.")
        if self.unlabelled:
            have = "1 clip has" if self.unlabelled == 1 else f"{self.unlabelled} clips have"
            said.append(f"{have} no label that the checkpoint knows.")
        for true, named, clips in self.confused(3):
            said.append(f"{clips} of {self.of_label(true).of} clips of {true} are named {named}.")
        return said


def _told(share: Share) -> str:
    return (
        f"{share.value:.1%} ({share.count} of {share.of}; 95% interval {share.low:.1%} to "
        f"{share.high:.1%})"
    )


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
