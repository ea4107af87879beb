"""Words for the pictures of a reconstruction: what they are called, and how near they come.

Computes nothing, and needs no torch.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # for annotations alone
    from videomae_demo.analysis.reconstruction import Picture, Reconstruction

PICTURE_TITLES = {
    "prediction": "reconstruction",
    "visible-mean": "visible mean",
    "distance-weighted": "distance-weighted",
    "nearest-visible": "nearest visible",
    "copied-in-time": "copied in time",
    "true-patch-mean": "true patch mean",
}


def in_decibel(psnr_db: float, unit: str = "") -> str:
    """Write a PSNR down; "exact" if nothing differs."""
    return "exact" if math.isinf(psnr_db) else f"{psnr_db:.1f} {unit}".rstrip()


def how_near(result: Reconstruction) -> str:
    """Say by how much the reconstruction is better or worse than its rival."""
    ours, rival = result.prediction, result.rival
    title = PICTURE_TITLES[rival.name]
    title = f"the {title}, which is its leak alone" if rival.leaks else f"the best filling, {title}"
    verdict = _compared(ours, rival, title)
    best = result.best_filling
    if rival.leaks and _shown_db(best) >= _shown_db(ours):
        verdict += (
            f" Even {PICTURE_TITLES[best.name]}, which leaks nothing, has {decibels(best, 'dB')}."
        )
    return verdict


def _compared(ours: Picture, other: Picture, title: str) -> str:
    gain_db = _shown_db(ours) - _shown_db(other)
    numbers = f"({decibels(ours)} against {decibels(other)})"
    if math.isnan(gain_db) or abs(gain_db) < 0.05:  # both are exact, or the same number is shown
        return f"The reconstruction is as near to the original as {title} {numbers}."
    word = "better" if gain_db > 0 else "worse"
    amount = word if math.isinf(gain_db) else f"{abs(gain_db):.1f} dB {word}"
    return f"The reconstruction is {amount} than {title} {numbers}."


def never_visible(result: Reconstruction) -> str:
    """Say how many hidden tokens could not be copied in time; empty if all could be copied."""
    count = result.never_visible
    if not count or not any(picture.name == "copied-in-time" for picture in result.baselines):
        return ""
    return (
        f"Of {int(result.mask.sum())} hidden tokens, {count} have a place that is never visible: "
        "those can't be copied in time, and are distance-weighted there too."
    )


def _shown_db(picture: Picture) -> float:
    return round(picture.psnr_db, 1)


def decibels(picture: Picture, unit: str = "") -> str:
    """Write a picture's PSNR in decibel; "exact" if nothing differs."""
    return in_decibel(picture.psnr_db, unit)


def title_with_psnr(picture: Picture) -> str:
    """Name a picture, and say how near it came and whether it leaks."""
    leak = " (leak)" if picture.leaks else ""
    near = decibels(picture, "dB").replace(" ", "\u00a0")
    return f"{PICTURE_TITLES[picture.name]} {near}{leak}"
