"""What is said of one clip of a data set: a row of the table.

Owns the columns, their units, and how a row is written and read. Computes nothing.
"""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOP = 5
"""How many labels a row names."""


@dataclass(frozen=True, slots=True)
class Row:
    """One clip.

    Attributes
    ----------
    name : str
        How the clip is called in the data set; see `listing.Item`.
    label : str or None
        What the data set says that it shows.
    true : str or None
        The checkpoint's label that this means; None if it knows none.
    top : tuple of (str, float)
        The five most probable labels with their probabilities in 0..1, best first; of several
        views, of their mean. None, if the clip could not be read.
    probability : float or None
        Of the true label, 0..1.
    rank : int or None
        Of the true label; 1 is the best.
    margin : float or None
        In units of the logit: that of the true label less that of the best other one. Without a
        true label: of the best less the second.
    entropy : float or None
        How undecided the recogniser is, 0 to 1: how hard the clip is.
    mistakenness : float or None
        How likely the data set's label is wrong, 0 to 1: (m exp(-H) + 1) / 2, where H is the
        entropy in nats, and m is -1 if the best label is the true one, else 1 (Moore and Corso,
        "FiftyOne", 2020).
    motion : float or None
        How much happens: the mean difference of a pixel between neighbouring frames as the model
        gets them, 0..1 of the whole scale.
    lost_backwards, lost_frozen : float or None
        How much of its probability (-1..1) the best label loses when the window is played
        backwards, and when its middle frame stands still; None if that was not asked.
    start_s, duration_s : float or None
        Time of the window's first frame (of the middle one of several windows), and of the clip.
    notes : tuple of str
        What must be said of the file.
    error : str or None
        Why the clip could not be read.
    """

    name: str
    label: str | None
    true: str | None = None
    top: tuple[tuple[str, float], ...] = ()
    probability: float | None = None
    rank: int | None = None
    margin: float | None = None
    entropy: float | None = None
    mistakenness: float | None = None
    motion: float | None = None
    lost_backwards: float | None = None
    lost_frozen: float | None = None
    start_s: float | None = None
    duration_s: float | None = None
    notes: tuple[str, ...] = ()
    error: str | None = None

    @property
    def named(self) -> str | None:
        """The best label; None if the clip could not be read."""
        return self.top[0][0] if self.top else None

    @property
    def is_right(self) -> bool | None:
        """Whether the best label is the true one; None if either is not known."""
        return None if self.true is None or not self.top else self.rank == 1

    def to_json(self) -> dict[str, Any]:
        """Return all fields, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Row:
        """Return the row that `to_json` wrote."""
        top = tuple((name, probability) for name, probability in told["top"])
        return cls(**{**told, "top": top, "notes": tuple(told["notes"])})


COLUMNS = (
    *("name", "label", "true", "named", "is_right", "probability", "rank", "margin", "entropy"),
    *("mistakenness", "motion", "lost_backwards", "lost_frozen", "start_s", "duration_s"),
    *(f"{part}_{place}" for place in range(1, TOP + 1) for part in ("label", "probability")),
    *("notes", "error"),
)
"""Of ``predictions.csv``."""


def write_table(rows: Iterable[Row], path: Path) -> Path:
    """Write rows as CSV, with `COLUMNS`; what is not known stays empty."""
    # A name that is no text in UTF-8 is written with its bytes as escapes.
    with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for row in rows:
            table.writerow(_cells(row))
    return path


def _cells(row: Row) -> list[Any]:
    named = [cell for one in row.top for cell in one]
    named += [""] * (2 * TOP - len(named))
    told: dict[str, Any] = row.to_json() | {"named": row.named, "is_right": row.is_right}
    plain = [told[name] for name in COLUMNS[: -2 * TOP - 2]]
    return [*plain, *named, " ".join(row.notes), row.error]
