"""Which clips a command is about: files, folders, patterns; and how each one's folder is called."""

from __future__ import annotations

import glob
from collections.abc import Hashable, Sequence
from pathlib import Path

from videomae_demo.dataset.listing import read_items
from videomae_demo.errors import RequestError


def are_several(asked: Sequence[Path]) -> bool:
    """Tell whether a command asks about several clips: not about one file, by its name.

    A folder or a pattern stands for several, though there may be one clip in it: what is printed
    and written has the same form, however many there are.
    """
    return len(asked) > 1 or _is_folder(asked[0]) or _is_pattern(asked[0])


def find_clips(asked: Sequence[Path]) -> list[Path]:
    """Return the clips that files, folders and patterns stand for, each once, as they were asked.

    Clips of a folder or a pattern are sorted. A file that is not there is returned as it is.

    Raises
    ------
    RequestError
        When a folder has no clips, or nothing matches a pattern.
    """
    found: dict[Hashable, Path] = {}
    for one in asked:
        for path in _clips_of(one):
            found.setdefault(_identity(path), path)
    return list(found.values())


def _clips_of(asked: Path) -> list[Path]:
    if _is_folder(asked):
        return [item.path for item in read_items(asked)]
    if not _is_pattern(asked):
        return [asked]
    # Path.glob takes no pattern that begins at the root.
    matches = map(Path, glob.iglob(str(asked), recursive=True))  # noqa: PTH207
    files = sorted(path for path in matches if path.is_file())
    if not files:
        raise RequestError(f"No file matches {str(asked)!r}; check the pattern and the folder.")
    return files


def _is_folder(asked: Path) -> bool:
    try:
        return asked.is_dir()
    except OSError:  # its name is too long, for instance: whoever reads it says so
        return False


def _is_pattern(asked: Path) -> bool:
    """Tell a pattern from a file; a file may have brackets in its name."""
    try:
        return glob.has_magic(str(asked)) and not asked.exists()
    except OSError:
        return False


def _identity(path: Path) -> Hashable:
    """Return what two names of one file have in common."""
    try:
        state = path.stat()
    except OSError:
        return str(path)
    return state.st_dev, state.st_ino


def folder_names(paths: Sequence[Path]) -> list[str]:
    """Return a folder's name for each clip: its own without the ending, made unique.

    Names that differ in small and capital letters alone count as the same: on many machines they
    are one folder.
    """
    names: list[str] = []
    taken: set[str] = set()
    latest: dict[str, int] = {}
    for path in paths:
        name = stem = path.stem.strip(". ") or "clip"
        number = latest.get(stem.casefold(), 1)
        while name.casefold() in taken:
            number += 1
            name = f"{stem}-{number}"
        latest[stem.casefold()] = number
        taken.add(name.casefold())
        names.append(name)
    return names
