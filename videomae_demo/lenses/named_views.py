"""What several views of a clip are called: their mean, and the words and files of each.

Computes nothing but the mean, and needs no torch.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:  # for annotations alone
    from videomae_demo.analysis.classification import Classification
    from videomae_demo.engine.viewing import View
    from videomae_demo.lenses.recognise import ViewsFound


def mean_of(each: Sequence[Classification]) -> Classification:
    """Average the probabilities; the logits are the logarithms of the mean."""
    mean = np.mean([one.probabilities for one in each], axis=0)
    with np.errstate(divide="ignore"):
        return replace(each[0], probabilities=mean, logits=np.log(mean))


def views_sentences(found: ViewsFound, mean: Classification) -> list[str]:
    """Say how many views there are, and how many of them say what their mean says."""
    if len(found.each) < found.planned:
        return [f"{len(found.each)} of {found.planned} views are done so far."]
    best = mean.top(1)[0].label
    agree = sum(one.top(1)[0].label == best for _, one in found.each)
    windows, crops = found.asked.windows, found.asked.crops
    same = "" if found.planned == windows * crops else " (the frames are square: one crop)"
    return [
        f"The mean of {windows} x {crops} views, windows x crops{same}: {agree} of "
        f"{found.planned} say {best}."
    ]


def views_json(found: ViewsFound) -> dict[str, Any]:
    """Return what is said of each view, ready for JSON."""
    return {
        "asked": str(found.asked),
        "done": len(found.each) / found.planned,
        "each": [_row(view, one) for view, one in found.each],
    }


def save_views(found: ViewsFound, mean: Classification, folder: Path) -> Path:
    """Write ``views.csv``, a row for each view; return its path."""
    best = mean.top(1)[0]
    path = folder / "views.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["window", "crop", "start_s", "best", "probability", "mean_best"])
        for view, one in found.each:
            told = _row(view, one)
            rows.writerow([*told.values(), float(one.probabilities[best.index])])
    return path


def _row(view: View, found: Classification) -> dict[str, Any]:
    best = found.top(1)[0]
    return {
        "window": view.window,
        "crop": view.crop,
        "start_s": view.request.start_s,
        "best": best.label,
        "probability": best.probability,
    }
