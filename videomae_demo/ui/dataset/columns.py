"""The rows of an evaluation, column by column: small enough to keep, quick to sort and to filter.

Knows neither the page nor the disk.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from videomae_demo.dataset.rows import Row
from videomae_demo.errors import RequestError, shown

NUMBERS = (
    *("probability", "rank", "margin", "entropy", "mistakenness", "motion"),
    *("lost_backwards", "lost_frozen", "confidence", "start_s"),
)
TEXTS = ("name", "label", "named", "error")
PARTS = ("", "wrong", "right", "failed", "unknown")
"""Which rows are shown: all, those whose best label is not the true one, ..."""
WRONG, RIGHT, UNKNOWN, FAILED = range(4)
PAGE_ROWS = 100


@dataclass(frozen=True, slots=True)
class Query:
    """Which rows are shown, and in which order.

    Attributes
    ----------
    sort : str
        A column; empty for the order of the data set. What is not known comes last.
    descends : bool
    find : str
        What the name, a label or the error contains, whatever its case.
    true, named : str
        Labels of the checkpoint; empty for all.
    part : str
        One of `PARTS`.
    page : int
        Of `PAGE_ROWS` rows, from 0.

    Raises
    ------
    RequestError
        When there is no such column, part or page.
    """

    sort: str = ""
    descends: bool = False
    find: str = ""
    true: str = ""
    named: str = ""
    part: str = ""
    page: int = 0

    def __post_init__(self) -> None:
        if self.sort and self.sort not in NUMBERS + TEXTS:
            columns = ", ".join(NUMBERS + TEXTS)
            raise RequestError(f"There is no column {shown(self.sort)}; there are {columns}.")
        if self.part not in PARTS:
            raise RequestError(f"only is {shown(self.part)}; give {', '.join(PARTS[1:])}.")

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Query:
        """Return what an address says."""
        sort, page = given.get("sort", ""), given.get("page", "1")
        if not (page.isascii() and page.isdigit() and 1 <= len(page) <= 9):
            raise RequestError(f"The page is {shown(page)}; give a whole number from 1.")
        return cls(
            sort=sort.removeprefix("-"),
            descends=sort.startswith("-"),
            find=given.get("find", ""),
            true=given.get("true", ""),
            named=given.get("named", ""),
            part=given.get("only", ""),
            page=max(0, int(page) - 1),
        )


@dataclass(frozen=True, slots=True)
class Found:
    """What a query found: how many rows, the page of them that is shown, and those rows."""

    count: int
    page: int
    rows: list[dict[str, Any]]


class Columns:
    """Takes rows one by one. One thread adds, while others may search what was there before."""

    def __init__(self) -> None:
        self._numbers = {name: array("d") for name in NUMBERS}
        self._texts: dict[str, list[str]] = {name: [] for name in TEXTS}
        self._true: list[str] = []
        self._kinds = array("b")
        self._places = array("q")

    def __len__(self) -> int:
        return len(self._places)

    def extend(self, rows: Iterable[Row], places: Mapping[str, int]) -> None:
        """Take rows; `places` has the place of each name in the data set."""
        for row in rows:
            told = {name: getattr(row, name, None) for name in NUMBERS}
            told["confidence"] = row.top[0][1] if row.top else None
            for name, value in told.items():
                self._numbers[name].append(math.nan if value is None else value)
            for name in TEXTS:
                self._texts[name].append(getattr(row, name) or "")
            self._true.append(row.true or "")
            self._kinds.append(_kind(row))
            self._places.append(places[row.name])  # the last one, since it makes the row count

    def named(self) -> list[str]:
        """Return the labels that are the best one of some clip, whatever its true one."""
        return sorted(set(self._texts["named"]) - {""})

    def select(self, query: Query) -> Found:
        """Return a page of the rows that a query asks for."""
        count = len(self)
        kept = np.flatnonzero(self._matches(query, count))
        order = kept[self._order(query, kept, count)]
        last = max(0, (len(order) - 1) // PAGE_ROWS)
        page = min(query.page, last)
        shown_rows = order[page * PAGE_ROWS : (page + 1) * PAGE_ROWS]
        return Found(len(order), page, [self._row(int(at)) for at in shown_rows])

    def _matches(self, query: Query, count: int) -> NDArray[np.bool_]:
        kinds = np.array(self._kinds[:count], np.int8)
        matches = np.ones(count, np.bool_)
        if query.part:
            wanted = {"wrong": WRONG, "right": RIGHT, "failed": FAILED, "unknown": UNKNOWN}
            matches &= kinds == wanted[query.part]
        for label, column in ((query.true, self._true), (query.named, self._texts["named"])):
            if label:
                matches &= np.fromiter((one == label for one in column[:count]), np.bool_, count)
        if query.find:
            sought = query.find.casefold()
            for at in np.flatnonzero(matches).tolist():
                matches[at] = any(sought in self._texts[name][at].casefold() for name in TEXTS)
        return matches

    def _order(self, query: Query, kept: NDArray[np.intp], count: int) -> NDArray[np.intp]:
        """Return the order of the rows that are kept; equal ones stay in the data set's."""
        places = np.array(self._places[:count], np.int64)[kept]
        if not query.sort:
            return np.argsort(places, kind="stable")
        if query.sort == "name":  # a data set is in the order of its names
            keys = places.astype(np.float64)
        elif query.sort in NUMBERS:
            keys = np.array(self._numbers[query.sort][:count])[kept]
        else:
            keys = _ranks([self._texts[query.sort][at] for at in kept.tolist()])
        unknown = np.isnan(keys)
        keys = np.where(unknown, 0.0, -keys if query.descends else keys)
        return np.lexsort((places, keys, unknown))

    def _row(self, at: int) -> dict[str, Any]:
        numbers = {name: column[at] for name, column in self._numbers.items()}
        return {
            **{name: None if math.isnan(value) else value for name, value in numbers.items()},
            **{name: column[at] for name, column in self._texts.items()},
            "true": self._true[at],
            "kind": ("wrong", "right", "unknown", "failed")[self._kinds[at]],
        }


def _ranks(words: Sequence[str]) -> NDArray[np.float64]:
    """Return the place of each word in the alphabet; NaN of an empty one."""
    in_order = sorted(set(words), key=str.casefold)
    ranks = {word: float(rank) for rank, word in enumerate(in_order)}
    ranks[""] = math.nan
    return np.array([ranks[word] for word in words], np.float64)


def _kind(row: Row) -> int:
    if row.error is not None:
        return FAILED
    if row.is_right is None:
        return UNKNOWN
    return RIGHT if row.is_right else WRONG
