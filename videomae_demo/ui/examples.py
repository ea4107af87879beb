"""The clips to try: those of the project, or real ones of the hub for weights of actions."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from videomae_demo.checkpoints.catalog import find_entry
from videomae_demo.checkpoints.source import locate_file
from videomae_demo.errors import CheckpointError, ExplorerError
from videomae_demo.limits import DEFAULT_LIMITS, Limits
from videomae_demo.rendering.frames import resize
from videomae_demo.shipped import EXAMPLES_FOLDER
from videomae_demo.ui.token_player.sprites import SaveBytes, save_picture
from videomae_demo.video.reader import read_chosen, scan

logger = logging.getLogger(__name__)

SUFFIXES = {".mp4", ".webm", ".mkv", ".mov", ".avi", ".gif"}
THUMBNAIL_PX = 112
TRIED_AGAIN_S = 600.0
"""How long a clip of the hub that can't be had is not asked for again."""
SYNTHETIC = (
    "The real clips for these weights are on the hub and can't be had now: these are synthetic "
    "motions."
)


@dataclass(frozen=True, slots=True)
class Example:
    """A clip to try: its path, and its name for people."""

    path: Path
    title: str

    @property
    def name(self) -> str:
        """Its name in addresses."""
        return self.path.stem


@dataclass(frozen=True, slots=True)
class HubClip:
    """A clip in a data set of the hub."""

    repo: str
    file_name: str

    def locate(self, *, local_files_only: bool) -> Example | None:
        """Return the clip, if it can be had."""
        try:
            path = locate_file(
                self.repo, self.file_name, is_dataset=True, local_files_only=local_files_only
            )
        except CheckpointError as error:
            logger.info("The example %s can't be had: %s", self.file_name, error)
            return None
        return Example(path, _title(path))


REAL_CLIPS = (
    HubClip("nielsr/video-demo", "eating_spaghetti.mp4"),
    HubClip("nateraw/video-demo", "archery.mp4"),
)
"""People who do what Kinetics-400 has labels for; their first users are VideoMAE's own examples."""


def find_examples(folder: Path = EXAMPLES_FOLDER) -> tuple[Example, ...]:
    """Return the clips of a folder, by name; none if there is no such folder."""
    if not folder.is_dir():
        return ()
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    return tuple(Example(path, _title(path)) for path in paths)


class Shelf:
    """The clips that a page offers, by the weights at work; safe to share between threads.

    Parameters
    ----------
    own : sequence of Example
        For all weights.
    keep : callable
        Saves a thumbnail for as long as the page lives; see `sprites.SaveBytes`.
    limits : Limits
        What reading a clip may cost.
    real : sequence of HubClip
        In the place of the page's own clips, for weights that know actions, where one can be had.
    """

    def __init__(
        self,
        own: Sequence[Example],
        keep: SaveBytes,
        limits: Limits = DEFAULT_LIMITS,
        real: Sequence[HubClip] = (),
    ) -> None:
        self._own = tuple(own)
        self._real = tuple(real)
        self._keep = keep
        self._limits = limits
        self._pictures: dict[Example, str | None] = {}
        self._failed_at = -TRIED_AGAIN_S
        self._lock = threading.Lock()

    def clips(self, weights: str) -> tuple[Example, ...]:
        """Return the clips to try with these weights, without those that can't be read."""
        found = self._found(weights) or self._own
        return tuple(example for example in found if self._picture(example))

    def named(self, weights: str, name: object) -> Example | None:
        """Return the clip of this name, if there is one."""
        return next((example for example in self.clips(weights) if example.name == name), None)

    def first(self, weights: str, name: str | None) -> Example | None:
        """Return the clip with which a page opens: that of this name, or the first, if any."""
        return self.named(weights, name) or next(iter(self.clips(weights)), None)

    def items(self, weights: str) -> list[dict[str, Any]]:
        """Return what the picker shows of them."""
        return [
            {"name": example.name, "title": example.title, "file": self._picture(example)}
            for example in self.clips(weights)
        ]

    def note(self, weights: str) -> str:
        """Say why the clips are not real ones, where they might be; empty otherwise."""
        wanted = self._real if _knows_actions(weights) else ()
        return SYNTHETIC if wanted and not self._found(weights) else ""

    def fetch(self, weights: str) -> None:
        """Fetch the real clips that go with these weights; what can't be had, `note` says."""
        if not _knows_actions(weights) or len(self._found(weights)) == len(self._real):
            return
        if time.monotonic() - self._failed_at < TRIED_AGAIN_S:
            return
        if not all(clip.locate(local_files_only=False) for clip in self._real):
            self._failed_at = time.monotonic()

    def original(self, weights: str, path: Path) -> Path:
        """Return the example that a file is a copy of; else the file."""
        same = (example.path for example in self.clips(weights) if example.path.name == path.name)
        return next((example for example in same if have_same_bytes(example, path)), path)

    def _found(self, weights: str) -> tuple[Example, ...]:
        if not _knows_actions(weights):
            return ()
        return tuple(filter(None, (clip.locate(local_files_only=True) for clip in self._real)))

    def _picture(self, example: Example) -> str | None:
        with self._lock:
            if example not in self._pictures:
                try:
                    picture = save_picture(thumbnail(example, self._limits), self._keep)
                    self._pictures[example] = picture
                except (ExplorerError, OSError) as error:
                    logger.warning("The example %s can't be shown: %s", example.path.name, error)
                    self._pictures[example] = None
            return self._pictures[example]


_begun: dict[tuple[Example, Limits], Future[NDArray[np.uint8]]] = {}


def begin_pictures(examples: Sequence[Example], limits: Limits) -> None:
    """Begin to read the thumbnails of clips that a page will offer; see `thumbnail`."""
    readers = ThreadPoolExecutor(1, thread_name_prefix="examples")
    for example in examples:
        _begun[example, limits] = readers.submit(_read_thumbnail, example, limits)
    readers.shutdown(wait=False)


def thumbnail(example: Example, limits: Limits = DEFAULT_LIMITS) -> NDArray[np.uint8]:
    """Return the clip's middle frame, (H, W, 3), small.

    Raises
    ------
    VideoError
        When it can't be read, or goes beyond a limit.
    """
    begun = _begun.pop((example, limits), None)
    return _read_thumbnail(example, limits) if begun is None else begun.result()


def _read_thumbnail(example: Example, limits: Limits) -> NDArray[np.uint8]:
    _, frames = read_chosen(
        scan(example.path, limits=limits),
        lambda timeline: np.array([timeline.count // 2]),
        limits=limits,
    )
    height, width = frames.shape[1:3]
    scale = THUMBNAIL_PX / min(height, width)
    picture: NDArray[np.uint8] = resize(frames, round(height * scale), round(width * scale))[0]
    return picture


def have_same_bytes(one: Path, other: Path) -> bool:
    """Tell whether two files hold the same; False if one can't be read."""
    try:
        return one.stat().st_size == other.stat().st_size and one.read_bytes() == other.read_bytes()
    except OSError:
        return False


def _title(path: Path) -> str:
    return path.stem.replace("-", " ").replace("_", " ").strip()


def _knows_actions(weights: str) -> bool:
    """Tell whether weights of the catalog have labels for what people do."""
    entry = find_entry(weights)
    return entry is not None and not entry.bundled and bool(entry.label_count)
