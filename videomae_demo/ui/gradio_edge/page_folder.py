"""Folders in which pages keep files, and which of them belong to a page that is gone.

They are in gradio's folder, which other programs use as well: a name alone would not show which
page a folder belongs to. Each holds a file that its page locks for as long as it lives; the system
gives the lock back when the page ends, in whatever way.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

PREFIX = "videomae-explorer-"
LOCK = ".page"


class PageFolder:
    """A folder of this process; see `make_folder` and `adopt_folders`."""

    def __init__(self, path: Path, lock: IO[bytes]) -> None:
        self.path = path
        self._lock = lock

    def files(self) -> Iterator[Path]:
        """Go through the files in it, however deep, except the lock."""
        for base, _, names in os.walk(self.path):
            yield from (Path(base) / name for name in names if name != LOCK)

    def remove(self) -> None:
        """Delete it with all that lies in it, and give its lock back."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def make_folder(parent: Path) -> PageFolder:
    """Return a new, empty folder in `parent`.

    Raises
    ------
    OSError
        When nothing can be written there.
    """
    parent.mkdir(parents=True, exist_ok=True)
    path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent.resolve()))
    lock = (path / f"{LOCK}.new").open("wb")
    _take(lock)
    os.rename(path / f"{LOCK}.new", path / LOCK)  # noqa: PTH104  # taken before anybody sees it
    return PageFolder(path, lock)


def adopt_folders(parent: Path) -> list[PageFolder]:
    """Return the folders in `parent` whose pages are gone; from now on they are ours."""
    found = []
    for path in parent.resolve().glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # taken, or gone since it was listed
            lock = (path / LOCK).open("r+b")
            try:
                _take(lock)
            except OSError:
                lock.close()
                raise
            found.append(PageFolder(path, lock))
    return found


if sys.platform == "win32":
    import msvcrt

    def _take(lock: IO[bytes]) -> None:
        """Lock a file for as long as it is open, or raise OSError."""
        msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _take(lock: IO[bytes]) -> None:
        """Lock a file for as long as it is open, or raise OSError."""
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
