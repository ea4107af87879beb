"""Which clips belong to a data set, and what they show: a folder of folders, or a list in a file.

Reads names alone; no clip is opened.
"""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path

from videomae_demo.errors import RequestError

SUFFIXES = frozenset(
    f".{kind}"
    for kind in (
        *("mp4", "m4v", "mov", "avi", "mkv", "webm", "mpg", "mpeg"),
        *("ts", "m2ts", "wmv", "flv", "3gp", "ogv", "gif", "mjpeg"),
    )
)
"""What is taken for a clip in a folder; a list may name any file."""
MOST_CLIPS = 10_000_000
HEADINGS = frozenset({"path", "clip", "video", "file", "filename"})
"""If one of them begins a list, its first line is a heading."""


@dataclass(frozen=True, slots=True)
class Item:
    """One clip of a data set.

    Attributes
    ----------
    path : Path
        Where it lies.
    name : str
        How it is called in tables: its path below the folder, or as the list has it; unique.
    label : str or None
        What it shows, as the folder or the list says it; None if that is not known.
    """

    path: Path
    name: str
    label: str | None


def read_items(source: Path | str) -> list[Item]:
    """Return the clips of a data set, sorted by name.

    Parameters
    ----------
    source : Path or str
        A folder, or a list.

        In a folder, each clip's label is the name of the first folder on the way to it
        (``label/clip.mp4``, ``label/more/clip.mp4``); clips that lie in the folder itself have no
        label. Files and folders whose names begin with a dot are left out.

        A list (``.csv``, ``.tsv``, ``.txt``) has a clip per line: its path (as it stands, or below
        the list's folder), and its label or the label's number, separated by a comma, a tab, a
        semicolon, or, as in the lists of the original code, a space. A first line ``path,label``
        is a heading. The label may be left out.

    Raises
    ------
    RequestError
        When there is no such folder or file, it has no clips, a line has no path, or a clip is
        listed twice.
    """
    source = Path(source)
    try:
        items = _in_folder(source) if source.is_dir() else _in_list(source)
    except OSError as error:
        raise RequestError(
            f"The data set {str(source)!r} can't be read: {error.strerror or error}; give a folder "
            "with a folder per label, or a list of paths and labels."
        ) from error
    return sorted(items, key=lambda item: item.name)


def _in_folder(folder: Path) -> list[Item]:
    items = []
    for place, folders, files in os.walk(folder, followlinks=True):
        folders[:] = sorted(one for one in folders if not one.startswith("."))
        for file in files:
            path = Path(place) / file
            if file.startswith(".") or path.suffix.lower() not in SUFFIXES:
                continue
            below = path.relative_to(folder)
            label = below.parts[0] if len(below.parts) > 1 else None
            items.append(Item(path, below.as_posix(), label))
        if len(items) > MOST_CLIPS:
            raise RequestError(f"{folder} holds more than {MOST_CLIPS} clips; take a part of them.")
    if not items:
        raise RequestError(
            f"The folder {str(folder)!r} holds no clips ({', '.join(sorted(SUFFIXES))}); give one "
            "with clips in it, or with a folder of clips per label."
        )
    return items


def _in_list(file: Path) -> list[Item]:
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise RequestError(
            f"The list {str(file)!r} is no text in UTF-8; save it as such."
        ) from error
    separator = _separator(lines)
    items: dict[str, Item] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        name, label = _parts(line, separator)
        if number == 1 and name.lower() in HEADINGS:
            continue
        if not name:
            raise RequestError(f"Line {number} of {str(file)!r} is {line!r}, and has no path.")
        if name in items:
            raise RequestError(f"Line {number} of {str(file)!r} lists {name!r} a second time.")
        items[name] = Item(file.parent / name, name, label)
    if not items:
        raise RequestError(
            f"The list {str(file)!r} names no clips; write a path and a label a line."
        )
    return list(items.values())


def _separator(lines: list[str]) -> str:
    """Return what separates path and label: the first of these that stands in every line."""
    written = [line.strip() for line in lines if line.strip()]
    for separator in ("\t", ";", ",", " "):
        if written and all(separator in line for line in written):
            return separator
    return ","


def _parts(line: str, separator: str) -> tuple[str, str | None]:
    """Return the path and the label of a line."""
    if separator == " ":  # a path may have spaces; a label's number has none
        path, _, label = line.strip().rpartition(" ")
        return path.strip(), label
    cells = [cell.strip() for cell in next(csv.reader([line], delimiter=separator))]
    return cells[0], cells[1] if len(cells) > 1 and cells[1] else None
