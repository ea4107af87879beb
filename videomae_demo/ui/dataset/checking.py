"""What is told of a data set before anything runs: its size, its labels, where files go, the cost.

The cost comes from a few clips of the data set itself, which are read and recognised once.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from videomae_demo.dataset.table import FILE
from videomae_demo.errors import RequestError
from videomae_demo.ui.dataset import words
from videomae_demo.ui.dataset.settings import Settings

if TYPE_CHECKING:  # torch takes seconds: the page does not wait
    from videomae_demo.dataset.judging import Judging
    from videomae_demo.dataset.listing import Item
    from videomae_demo.explorer import Explorer
    from videomae_demo.pool import ExplorerPool

logger = logging.getLogger(__name__)

TRIED = 3
"""So many clips tell the cost, after one that warms the machine up."""
MOST_RECENT = 8


@dataclass(frozen=True, slots=True)
class Checked:
    """What a data set is, and what judging it means.

    Attributes
    ----------
    settings : Settings
        As they were chosen.
    folder : Path
        Where the files go.
    key : str
        See `name_evaluation`.
    clips, judged : int
        All, and those that were judged before.
    sentences : tuple of str
    """

    settings: Settings
    folder: Path
    key: str
    clips: int
    judged: int
    sentences: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as the page reads it."""
        return {
            "settings": self.settings.to_json(),
            "clips": self.clips,
            "judged": self.judged,
            "sentences": list(self.sentences),
        }


def check(pool: ExplorerPool, settings: Settings, runs: Path, *, measures: bool) -> Checked:
    """Look at a data set; `measures` tells whether a few clips are read to know the cost.

    Raises
    ------
    RequestError
        When it has no clips, or its files can't go where they are to go.
    CheckpointError
        When the weights can't be loaded, or know no labels.
    """
    from videomae_demo.dataset.evaluate import judged_before, name_evaluation
    from videomae_demo.dataset.listing import read_items
    from videomae_demo.dataset.naming import name_labels

    items = read_items(settings.source)
    explorer, judging = explorer_of(pool, settings.weights), judging_of(settings)
    key = name_evaluation(explorer, settings.source, items, judging)
    folder = folder_of(settings, runs, key)
    judged = judged_before(explorer, settings.source, items, judging, folder)
    named = explorer.recogniser.model.config.id2label
    naming = name_labels(
        (item.label for item in items), [named[index] for index in range(len(named))]
    )
    left = max(0, len(items) - judged)
    a_clip_s = judging.most_passes * explorer.seconds.get("probe", 0.0) or None
    if left and measures:
        a_clip_s = seconds_a_clip(explorer, items, judging)
    labels = {item.label for item in items} - {None}
    unlabelled = sum(item.label is None for item in items)
    return Checked(
        settings,
        folder,
        key,
        len(items),
        min(judged, len(items)),
        (
            words.tell_size(len(items), len(labels), unlabelled),
            *naming.sentences(),
            words.tell_cost(left, judging.most_passes, a_clip_s),
            words.tell_folder(folder, settings.source, judged, len(items)),
        ),
    )


def explorer_of(pool: ExplorerPool, weights: str) -> Explorer:
    """Return the Explorer of weights that are on this machine and know labels."""
    offer = pool.offer(weights)
    if pool.absent(weights, ("recogniser",)):
        raise RequestError(words.ABSENT.format(title=offer.title))
    explorer = pool.get(weights)
    explorer.check_labels()
    return explorer


def judging_of(settings: Settings) -> Judging:
    """Return what is asked of each clip."""
    from videomae_demo.dataset.judging import Judging

    return Judging(settings.views, settings.sampling, settings.changes)


def folder_of(settings: Settings, runs: Path, key: str) -> Path:
    """Return where the files go: where a visitor wants them, or into `runs`.

    Raises
    ------
    RequestError
        When `runs` lies inside the data set: nothing is written there unasked.
    """
    if settings.folder is not None:
        return settings.folder
    source = settings.source.resolve()
    if source.is_dir() and runs.resolve().is_relative_to(source):
        raise RequestError(
            f"The page would write its files to {str(runs)!r}, inside the data set; name another "
            "folder for the files."
        )
    return runs / f"{settings.source.stem or 'clips'}-{key}"


def seconds_a_clip(explorer: Explorer, items: Sequence[Item], judging: Judging) -> float | None:
    """Measure how long one clip takes; None if none of those that are tried can be read."""
    from videomae_demo.engine.clips import ClipRequest
    from videomae_demo.engine.many import prepare_many, recognise_many

    step = max(1, len(items) // (TRIED + 1))
    tried = items[::step][: TRIED + 1]
    requests = [ClipRequest(item.path, sampling=judging.sampling) for item in tried]
    began = time.monotonic()
    read = [one for one in prepare_many(explorer, requests) if one.error is None]
    reading_s = (time.monotonic() - began) / len(requests)
    if not read:
        return None
    recognise_many(explorer, read[:1])  # the first pass of all takes longer
    began = time.monotonic()
    recognise_many(explorer, read)
    pass_s = (time.monotonic() - began) / len(read)
    return judging.views.windows * reading_s + judging.most_passes * pass_s


def recent(runs: Path, weights: Sequence[str]) -> list[dict[str, Any]]:
    """Return what was judged before with these weights, the last one first, as settings."""
    try:
        files = sorted(runs.glob(f"*/{FILE}"), key=lambda file: -file.stat().st_mtime)
    except OSError as error:
        logger.info("What was judged before can't be listed: %s", error)
        return []
    found = (_settings_in(file) for file in files[: 4 * MOST_RECENT])
    return [one for one in found if one and one["weights"] in weights][:MOST_RECENT]


def _settings_in(file: Path) -> dict[str, Any]:
    """Return the settings that the rows of a folder were judged with; empty if it tells none."""
    try:
        with file.open(encoding="utf-8") as lines:
            about = json.loads(lines.readline(2**16))
        names = ("source", "weights", "views", "changes", "clips")
        settings = {name: about[name] for name in names}
        return {**settings, "sampling": about["sampling"] or "", "folder": ""}
    except (OSError, ValueError, LookupError, TypeError):
        return {}
