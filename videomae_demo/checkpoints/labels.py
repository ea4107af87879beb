"""The label names of the data sets that published classifiers were trained on.

A file in the layout of the original code holds a classifier without names; only the number of its
outputs tells which data set it knows.
"""

from __future__ import annotations

from dataclasses import dataclass

from videomae_demo.shipped import ASSETS

LABELS_FOLDER = ASSETS / "labels"

_FILES = {400: ("Kinetics-400", "kinetics400.txt"), 174: ("Something-Something v2", "ssv2.txt")}


@dataclass(frozen=True, slots=True)
class LabelSet:
    """A data set's labels, in the order in which its published classifiers count them."""

    title: str
    names: tuple[str, ...]


def find_labels(count: int) -> LabelSet | None:
    """Return the label set that has `count` labels, None if none of the published ones has."""
    if count not in _FILES:
        return None
    title, file_name = _FILES[count]
    text = (LABELS_FOLDER / file_name).read_text(encoding="utf-8")
    return LabelSet(title, tuple(text.splitlines()))
