"""The clips that visitors may open by name: those of data sets that this page judged.

Anybody who writes an address could name any file of the machine, so nothing else is opened.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path

from videomae_demo.dataset.listing import Item

MOST_SETS = 8
"""So many data sets are remembered; the oldest one goes first."""


class ListedClips:
    """The clips of the data sets of one page; safe to share between threads."""

    def __init__(self) -> None:
        self._sets: OrderedDict[str, dict[str, Path]] = OrderedDict()
        self._names: dict[str, dict[str, str]] = {}
        self._lock = threading.Lock()

    def add(self, key: str, items: Iterable[Item]) -> None:
        """Let the clips of a data set be opened; `key` tells it from others."""
        paths = {item.name: item.path for item in items}
        names = {os.path.normpath(path): name for name, path in paths.items()}
        with self._lock:
            self._sets[key] = paths
            self._sets.move_to_end(key)
            self._names[key] = names
            while len(self._sets) > MOST_SETS:
                gone, _ = self._sets.popitem(last=False)
                del self._names[gone]

    def find(self, given: Mapping[str, str]) -> Path | None:
        """Return the clip that an address names, if it is one of them."""
        with self._lock:
            return self._sets.get(given.get("set", ""), {}).get(given.get("clip", ""))

    def address(self, path: Path | str) -> dict[str, str] | None:
        """Return how an address names a clip; None if it is none of them."""
        normal = os.path.normpath(path)
        with self._lock:
            for key in reversed(self._sets):
                if normal in self._names[key]:
                    return {"set": key, "clip": self._names[key][normal]}
        return None
