"""How long files of a page are kept, and how much of them: uploads, and what was made of them.

Files expire when they are as old as the page promises, even if somebody still looks at them; files
left behind by a page that is gone expire as well. When the folder is full, the oldest files are
deleted, but none that is in use. A file is in use if it is new, if a request named it a moment ago,
or if an open page shows it. Knows neither HTTP nor handlers: those tell it who opened a page, and
what they named.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from videomae_demo.errors import RequestError
from videomae_demo.limits import DEFAULT_LIMITS, Limits
from videomae_demo.ui.gradio_edge.page_folder import PageFolder, adopt_folders, make_folder

FRESH_S = 600.0
"""A file is in use for this long after it was written, or named by a request."""
INCOMING = "incoming-"
"""Start of the names of files that are being written, in the folder itself; the room reserved for
them counts instead. What lies deeper may have any name: visitors choose it."""
BLOCK = 4096
"""In bytes: what the smallest file takes on a disk."""
MOST_VISITORS = 2000
MOST_PICTURES = 32
"""Of one page; an exploration makes about six."""


class NoRoomError(RequestError):
    """The folder is full of files that are in use."""


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    size: int
    written_s: float


@dataclass(slots=True)
class _Shown:
    """What one visitor's page shows: its clip, and its last pictures."""

    clip: str = ""
    pictures: deque[str] = field(default_factory=lambda: deque(maxlen=MOST_PICTURES))


class KeptFiles:
    """The files of one page; safe to share between threads.

    Parameters
    ----------
    parent : Path
        Where the page makes its folder, and looks for those of pages that are gone.
    limits : Limits
        Its `uploads_mb` and `kept_hours` are enforced here.
    kept_s : float, optional
        In the place of `kept_hours`.
    clock : callable
        Returns the time in seconds, on the clock of the files' own times.

    Raises
    ------
    OSError
        When nothing can be written to `parent`.
    """

    def __init__(
        self,
        parent: Path,
        limits: Limits = DEFAULT_LIMITS,
        *,
        kept_s: float | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.kept_s = limits.kept_hours * 3600.0 if kept_s is None else kept_s
        self._most = limits.uploads_mb * 2**20
        self._clock = clock
        self._parent = parent
        self._own = make_folder(parent)
        self._adopted: list[PageFolder] = []
        self._lock = threading.RLock()
        self._counted = 0
        self._reserved = 0
        self._permanent: set[str] = set()
        self._named: dict[str, float] = {}
        self._shown: OrderedDict[str, _Shown] = OrderedDict()
        self._open: Counter[str] = Counter()
        self.sweep()

    @property
    def folder(self) -> Path:
        """Where the page's files lie."""
        return self._own.path

    # ---- who uses what ---------------------------------------------------------------------------

    def opened(self, visitor: str) -> None:
        """Remember that a visitor has the page open."""
        with self._lock:
            self._open[visitor] += 1

    def left(self, visitor: str) -> None:
        """Forget what a visitor's page showed: it was closed."""
        with self._lock:
            self._open[visitor] -= 1
            if self._open[visitor] <= 0:
                del self._open[visitor]
                self._shown.pop(visitor, None)

    def named(self, visitor: str, path: str) -> None:
        """Remember that a visitor's request named a clip; others than the page's are ignored."""
        path = os.path.normpath(path)
        with self._lock:
            ours = any(Path(path).is_relative_to(folder.path) for folder in self._folders())
            if ours and os.path.isfile(path):  # noqa: PTH113 - a name may be too long for Path
                self._named[path] = self._clock()
                self._of(visitor).clip = path

    def holds(self, path: str) -> bool:
        """Tell whether a path is that of a file of this page."""
        normal = os.path.normpath(path)
        return Path(normal).is_relative_to(self.folder) and Path(normal).is_file()

    def made(self, visitor: str, path: str) -> None:
        """Remember that a picture was made for a visitor's page."""
        with self._lock:
            self._of(visitor).pictures.append(path)

    def is_permanent(self, path: str) -> None:
        """Never delete a file: it is part of the page itself."""
        with self._lock:
            self._permanent.add(path)

    def _of(self, visitor: str) -> _Shown:
        shown = self._shown.setdefault(visitor, _Shown())
        self._shown.move_to_end(visitor)
        if len(self._shown) > MOST_VISITORS:
            self._shown.popitem(last=False)
        return shown

    # ---- how much --------------------------------------------------------------------------------

    def check_room(self, size: int) -> None:
        """Check that there could be room for `size` bytes more; nothing is deleted for it yet.

        Raises
        ------
        NoRoomError
            When all that could be deleted is in use.
        """
        with self._lock:
            if self._counted + self._reserved + size > self._most:
                self._to_delete(size)

    @contextmanager
    def room(self, size: int = 0) -> Iterator[Callable[[int], None]]:
        """Have room for `size` bytes more while the scope is open; files may be deleted for it.

        The scope's value is a function that takes room for more bytes, with the same error.

        Raises
        ------
        NoRoomError
            When all that could be deleted is in use.
        """
        taken = 0

        def take(more: int) -> None:
            nonlocal taken
            with self._lock:
                if self._counted + self._reserved + more > self._most:
                    self._free(more)
                self._reserved += more
                taken += more

        take(size)
        try:
            yield take
        finally:
            with self._lock:
                self._reserved -= taken
                self._counted += taken  # maybe more than was written: counted again when it matters

    def incoming(self) -> Path:
        """Return the path of a file to write, which `put` moves or its writer deletes."""
        self.folder.mkdir(parents=True, exist_ok=True)  # a machine may tidy up its old folders
        return self.folder / f"{INCOMING}{secrets.token_hex(16)}"

    def put(self, incoming: Path, path: Path) -> None:
        """Move a file that is written to where it is served from."""
        with self._lock:  # otherwise the new folder could be deleted as an empty one
            path.parent.mkdir(exist_ok=True)
            incoming.replace(path)

    def _free(self, size: int) -> None:
        """Delete the oldest files that nobody uses, until there is room."""
        for file in self._to_delete(size):
            self._delete(file)

    def _to_delete(self, size: int) -> list[_File]:
        """Return the oldest files that nobody uses, as many as make room."""
        files = self._files()
        self._counted = sum(file.size for file in files)
        lacking = self._counted + self._reserved + size - self._most
        chosen: list[_File] = []
        in_use = self._in_use()
        for file in sorted(files, key=lambda file: file.written_s):
            if lacking <= 0:
                break
            if str(file.path) not in in_use and self._clock() - file.written_s >= FRESH_S:
                chosen.append(file)
                lacking -= file.size
        if lacking > 0:
            raise NoRoomError(
                f"There is no room for {max(size / 2**20, 0.1):.1f} MB more: the page keeps up to "
                f"{self._most // 2**20} MB of files (VIDEOMAE_MAX_UPLOADS_MB), and what is new or "
                "shown on an open page is not deleted. Try again later, or with a smaller file."
            )
        return chosen

    def _in_use(self) -> set[str]:
        now = self._clock()
        self._named = {path: at for path, at in self._named.items() if now - at < FRESH_S}
        shown = [self._shown[visitor] for visitor in self._open if visitor in self._shown]
        pictures = {path for page in shown for path in page.pictures}
        return self._permanent | self._named.keys() | {page.clip for page in shown} | pictures

    # ---- how long --------------------------------------------------------------------------------

    def sweep(self) -> None:
        """Delete what has expired, here and in the folders of pages that are gone."""
        with self._lock:
            for folder in adopt_folders(self._parent):
                self._adopted.append(folder)
                for path in folder.files():
                    if _is_incoming(path, folder):
                        path.unlink(missing_ok=True)
            for file in self._files():
                too_old = self._clock() - file.written_s > self.kept_s
                if too_old and str(file.path) not in self._permanent:
                    self._delete(file)
            for folder in list(self._adopted):
                if next(folder.files(), None) is None:
                    folder.remove()
                    self._adopted.remove(folder)
            self._counted = sum(file.size for file in self._files())

    def close(self) -> None:
        """Delete all of it: the page ends."""
        with self._lock:
            for folder in self._folders():
                folder.remove()
            self._adopted = []

    def _folders(self) -> list[PageFolder]:
        return [self._own, *self._adopted]

    def _files(self) -> list[_File]:
        found = []
        for folder in self._folders():
            for path in folder.files():
                with suppress(FileNotFoundError):
                    if not _is_incoming(path, folder):
                        status = path.lstat()
                        # When the file came here; a copy takes its other times from the original.
                        found.append(_File(path, max(status.st_size, BLOCK), status.st_ctime))
        return found

    def _delete(self, file: _File) -> None:
        file.path.unlink(missing_ok=True)
        self._counted -= file.size
        with suppress(OSError):  # it holds another file
            file.path.parent.rmdir()


def _is_incoming(path: Path, folder: PageFolder) -> bool:
    return path.parent == folder.path and path.name.startswith(INCOMING)
