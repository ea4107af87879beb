"""The file that an evaluation writes while it runs, so that it can go on after it was killed.

``rows.jsonl``: a first line that says what is evaluated, and then a line per clip. Whole chunks are
appended at once; a chunk that was cut off is judged again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from videomae_demo.dataset.rows import Row
from videomae_demo.errors import RequestError

FILE = "rows.jsonl"


class Table:
    """The rows of an evaluation, on disk.

    Parameters
    ----------
    folder : Path
        Made if it is missing.
    about : mapping
        What is evaluated and how, ready for JSON: an evaluation goes on only with the same.
    resume : bool
        Whether rows that are there are kept; without, there must be none.

    Raises
    ------
    RequestError
        When the folder holds the rows of another evaluation, or any and they are not to be kept, or
        it can't be written.
    """

    def __init__(self, folder: Path, about: Mapping[str, Any], *, resume: bool) -> None:
        self.path = folder / FILE
        self._about = json.loads(json.dumps(about))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not self.path.exists() or not self.path.stat().st_size:
                self._append([self._about])
            elif not resume:
                raise RequestError(
                    f"{str(folder)!r} holds an evaluation; go on with it (--resume), or give "
                    "another folder."
                )
            else:
                self._check()
        except OSError as error:
            raise RequestError(
                f"The rows can't be written into {str(folder)!r}: {error.strerror or error}; give "
                "another folder."
            ) from error

    def _check(self) -> None:
        """Check that the rows are of the same evaluation, and cut off a line that is not whole."""
        whole = 0
        with self.path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    whole += len(line)
        os.truncate(self.path, whole)
        if not whole:
            self._append([self._about])
        with self.path.open(encoding="utf-8") as file:
            there = _object(file.readline())
        _compare(self.path.parent, there, self._about)

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows in the order in which they were judged."""
        with self.path.open(encoding="utf-8") as file:
            next(file)
            for line in file:
                yield Row.from_json(_object(line))

    def keep(self, wanted: Callable[[Row], bool]) -> None:
        """Throw all other rows away."""
        partial = self.path.with_suffix(".partial")
        with self.path.open("rb") as old, partial.open("wb") as new:
            new.write(old.readline())
            for line in old:
                if wanted(Row.from_json(_object(line.decode()))):
                    new.write(line)
        partial.replace(self.path)

    def in_order(self, places: Mapping[str, int]) -> Iterator[Row]:
        """Yield the rows by the places of their names, first to last; each name has one.

        Only where each row begins is held in memory.
        """
        begins = np.full(len(places), -1, np.int64)
        with self.path.open("rb") as file:
            begin = len(file.readline())
            for line in file:
                begins[places[_object(line.decode())["name"]]] = begin
                begin += len(line)
            for begin in begins[begins >= 0]:
                file.seek(begin)
                yield Row.from_json(_object(file.readline().decode()))

    def append(self, rows: Sequence[Row]) -> None:
        """Write rows at the end; they are on the disk when this returns."""
        self._append([row.to_json() for row in rows])

    def _append(self, told: Sequence[Mapping[str, Any]]) -> None:
        text = "".join(json.dumps(one) + "\n" for one in told)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())


def judged_in(folder: Path, about: Mapping[str, Any]) -> int:
    """Return how many rows of the same evaluation a folder holds; nothing is changed there.

    Raises
    ------
    RequestError
        When it holds those of another one, or can't be read.
    """
    path = folder / FILE
    try:
        if not path.exists() or not path.stat().st_size:
            return 0
        with path.open(encoding="utf-8") as file:
            there, rows = _object(file.readline()), sum(line.endswith("\n") for line in file)
    except OSError as error:
        raise RequestError(
            f"{str(path)!r} can't be read: {error.strerror or error}; give another folder."
        ) from error
    _compare(folder, there, json.loads(json.dumps(about)))
    return rows


def _compare(folder: Path, there: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    """Refuse the rows of another evaluation."""
    if there != about:
        other = [name for name in about if there.get(name) != about[name]]
        raise RequestError(
            f"{str(folder)!r} holds another evaluation ({', '.join(other)} differ); give another "
            "folder."
        )


def _object(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise RequestError(
            f"{FILE} holds a line that is no JSON ({line[:40]!r}); delete it."
        ) from error
    if not isinstance(found, dict):
        raise RequestError(f"{FILE} holds a line that is no object ({line[:40]!r}); delete it.")
    return found
