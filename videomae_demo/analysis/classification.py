"""Logits to labels: probabilities, the best labels, and the rank of any label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from videomae_demo.analysis.dropping import probabilities
from videomae_demo.analysis.stretches import entropies
from videomae_demo.errors import RequestError

TIED_SHARE = 0.9
"""A label with at least this share of the best one's probability is shown as equally probable."""


@dataclass(frozen=True, slots=True)
class LabelScore:
    """One label: its name, its index, its probability in 0..1, and its rank (1 is the best)."""

    label: str
    index: int
    probability: float
    rank: int


@dataclass(frozen=True, slots=True, eq=False)
class Classification:
    """What a classifier says of one clip.

    Attributes
    ----------
    labels : tuple of str
        The labels in the classifier's order.
    logits, probabilities : ndarray
        (labels,) float64; the probabilities are the softmax and sum to 1.
    """

    labels: tuple[str, ...]
    logits: NDArray[np.float64]
    probabilities: NDArray[np.float64]

    def top(self, count: int) -> tuple[LabelScore, ...]:
        """Return the `count` most probable labels (all, if there are fewer), best first.

        Raises
        ------
        RequestError
            When `count` is below 1.
        """
        if count < 1:
            raise RequestError(f"top-k asks for {count} labels; ask for 1 or more.")
        return tuple(
            LabelScore(self.labels[index], int(index), float(self.probabilities[index]), rank)
            for rank, index in enumerate(self._order()[:count], start=1)
        )

    @property
    def tied(self) -> tuple[LabelScore, ...]:
        """The labels that are about as probable as the best one, which is the first of them."""
        least = TIED_SHARE * self.probabilities.max()
        return self.top(int((self.probabilities >= least).sum()))

    def find(self, label: str) -> LabelScore:
        """Look up one label by name, whatever its case.

        Raises
        ------
        RequestError
            When the classifier does not know it; names that contain the word are suggested.
        """
        wanted = label.strip().casefold()
        names = [name.casefold() for name in self.labels]
        if wanted not in names:
            near = [name for name in self.labels if wanted and wanted in name.casefold()][:5]
            hint = f"Did you mean: {', '.join(near)}?" if near else "See the checkpoint's labels."
            raise RequestError(f"This checkpoint does not know the label {label!r}. {hint}")
        index = names.index(wanted)
        rank = int(np.flatnonzero(self._order() == index)[0]) + 1
        return LabelScore(self.labels[index], index, float(self.probabilities[index]), rank)

    @property
    def entropy(self) -> float:
        """How undecided the classifier is: 0 (one label has it all) to 1 (all labels alike)."""
        return float(entropies(self.probabilities[None])[0])

    def _order(self) -> NDArray[np.intp]:
        return np.argsort(-self.logits, kind="stable")


def classify(logits: Tensor, id2label: Mapping[int, str]) -> Classification:
    """Turn the logits of one clip, (labels,), into probabilities; softmax in float64."""
    values = logits.detach().double().cpu().numpy()
    names = tuple(id2label[index] for index in range(len(values)))
    return Classification(names, values, probabilities(values))
