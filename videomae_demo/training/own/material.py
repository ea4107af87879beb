"""One's own clips, ready to be trained on: which are held out, which can't be read, their pixels.

Frames stay in memory as far as a bound allows; of other clips they are read again when needed,
while the model is at work.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from videomae_demo.dataset.listing import Item, read_items
from videomae_demo.errors import ExplorerError, RequestError
from videomae_demo.training.own.reading import HELD_OUT, VARIED, ClipReader, Kept, StoredClip
from videomae_demo.video.children import MOST_CHILDREN

MEMORY_MB = 2048
"""For frames of all clips together, in units of 2**20 bytes."""
NAMED = 3
"""So many clips that can't be read are told one by one."""

Taken = TypeVar("Taken")
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Split:
    """Which clips are trained on, and which are held out.

    Attributes
    ----------
    labels : tuple of str
        In their order: sorted by name, or by number where all of them are numbers.
    train, held_out : tuple of Item
    unlabelled : int
        How many clips are left out, because they have no label.
    """

    labels: tuple[str, ...]
    train: tuple[Item, ...]
    held_out: tuple[Item, ...]
    unlabelled: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class OwnClip:
    """A clip that can be read.

    Attributes
    ----------
    item : Item
    label : int
    kept : Kept
    windows : int
        How many windows of time there are.
    stored : StoredClip or None
        Its frames; None if they are read again when needed.
    """

    item: Item
    label: int
    kept: Kept
    windows: int
    stored: StoredClip | None


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """All clips that a training needs.

    Attributes
    ----------
    labels : tuple of str
    train, held_out : tuple of OwnClip
    reader : ClipReader
    notes : tuple of str
        Sentences that a person must see: what can't be read, what is short.
    """

    labels: tuple[str, ...]
    train: tuple[OwnClip, ...]
    held_out: tuple[OwnClip, ...]
    reader: ClipReader
    notes: tuple[str, ...]

    def digest(self) -> str:
        """Return a text that is another one for other clips, labels, or another split."""
        clips = [(part, clip.item.name, clip.item.label) for part, clip in self._all()]
        return hashlib.sha256(repr((self.labels, clips)).encode()).hexdigest()[:16]

    def frames(self, clip: OwnClip, window: int = 0) -> NDArray[np.uint8]:
        """Return one window of a clip, (T, H, W, 3) uint8, from memory or the file.

        Raises
        ------
        VideoError
            When the file, which was read before, can't be read any more.
        """
        stored, at = clip.stored, window
        if stored is None:
            stored, at = self.reader.read(clip.item.path, clip.kept, window), 0
        frames: NDArray[np.uint8] = stored.frames[stored.windows[at]]
        return frames

    def _all(self) -> Iterator[tuple[str, OwnClip]]:
        yield from (("train", clip) for clip in self.train)
        yield from (("held out", clip) for clip in self.held_out)


@dataclass(frozen=True, slots=True)
class Reading:
    """Before the first step: one more clip is read, or described; see `training.loop.Told`."""

    step: int
    steps: int
    unit: str = "clip"
    logged: Mapping[str, float] = field(default_factory=dict)


def split_items(
    data: Path | str, share: float, seed: int, validation: Path | str | None = None
) -> Split:
    """Find the clips of a data set, and hold a share of each label's out, drawn by the seed.

    Of a label with two clips or more, at least one is held out, and at least one is not.

    Parameters
    ----------
    data : Path or str
        See `dataset.listing.read_items`.
    share : float
        0 to below 1; 0 holds nothing out.
    seed : int
    validation : Path or str, optional
        A data set of its own that is held out; then `share` is ignored.

    Raises
    ------
    RequestError
        When there are fewer than two labels, or the validation has labels that the data has not.
    """
    items = read_items(data)
    of_label: dict[str, list[Item]] = {}
    for item in items:
        if item.label is not None:
            of_label.setdefault(item.label, []).append(item)
    if len(of_label) < 2:
        found = f"one label ({next(iter(of_label))})" if of_label else "no labels"
        raise RequestError(
            f"The clips of {str(data)!r} have {found}; to learn to tell labels apart, give a "
            "folder with a folder per label, or a list of paths and labels, of two labels or more."
        )
    labels = _in_order(of_label)
    unlabelled = len(items) - sum(map(len, of_label.values()))
    if validation is not None:
        held_out = _held_out(validation, labels)
        train = [item for label in labels for item in of_label[label]]
        return Split(labels, tuple(train), held_out, unlabelled)
    parts: tuple[list[Item], list[Item]] = ([], [])
    for place, label in enumerate(labels):
        drawn = np.random.default_rng([seed, place]).permutation(len(of_label[label]))
        count = _held_out_count(len(drawn), share)
        for rank, at in enumerate(drawn):
            parts[rank < count].append(of_label[label][at])
    kept, held = (tuple(sorted(part, key=lambda item: item.name)) for part in parts)
    return Split(labels, kept, held, unlabelled)


def read_material(
    split: Split, reader: ClipReader, kept: Kept = VARIED, memory_mb: int = MEMORY_MB
) -> Generator[Reading, None, Material]:
    """Read all clips, several at a time; return them at the end.

    A clip that can't be read is left out, and a note says so.

    Parameters
    ----------
    split : Split
    reader : ClipReader
    kept : Kept
        What is kept of clips that are trained on.
    memory_mb : int
        Bound of all frames in memory, in units of 2**20 bytes.

    Raises
    ------
    RequestError
        When fewer than two labels are left.
    """
    everything = [(one, kept) for one in split.train] + [(one, HELD_OUT) for one in split.held_out]
    room, failed, short = memory_mb * 2**20, [], 0
    read: list[OwnClip] = []

    def take(one: tuple[Item, Kept]) -> StoredClip | ExplorerError:
        try:
            return reader.read(one[0].path, one[1])
        except ExplorerError as error:
            return error

    stored = in_order(take, everything)
    for done, ((item, how), found) in enumerate(zip(everything, stored, strict=True), start=1):
        if isinstance(found, ExplorerError):
            failed.append(f"{item.name}: {found}")
        else:
            room -= found.nbytes
            short += found.is_short
            assert item.label is not None
            label = split.labels.index(item.label)
            frames = found if room >= 0 else None
            read.append(OwnClip(item, label, how, len(found.windows), frames))
        yield Reading(done, len(everything))
    train = tuple(clip for clip in read if clip.kept != HELD_OUT)
    held_out = tuple(clip for clip in read if clip.kept == HELD_OUT)
    left = {clip.label for clip in train}
    if len(left) < 2:
        raise RequestError(
            f"Of {len(everything)} clips, {len(failed)} can't be read, and fewer than two labels "
            f"are left to train on; the first: {failed[0]}"
        )
    notes = _notes(split, failed, short, room < 0, memory_mb, left)
    return Material(split.labels, train, held_out, reader, notes)


def in_order(
    make: Callable[[Taken], Made],
    things: Iterable[Taken],
    threads: int = MOST_CHILDREN,
) -> Iterator[Made]:
    """Make something of each thing in threads; yield the results in order, a few ahead."""
    left = iter(things)
    with ThreadPoolExecutor(threads, thread_name_prefix="own clips") as pool:
        waiting: deque[Future[Made]] = deque()
        try:
            waiting.extend(pool.submit(make, thing) for thing in islice(left, 2 * threads))
            while waiting:
                made = waiting.popleft().result()
                waiting.extend(pool.submit(make, thing) for thing in islice(left, 1))
                yield made
        finally:
            for future in waiting:
                future.cancel()


def _in_order(labels: Iterable[str]) -> tuple[str, ...]:
    names = sorted(labels)
    numbers = all(name.isascii() and name.isdecimal() for name in names)
    return tuple(sorted(names, key=int) if numbers else names)


def _held_out(validation: Path | str, labels: Sequence[str]) -> tuple[Item, ...]:
    items = read_items(validation)
    for item in items:
        if item.label not in labels:
            raise RequestError(
                f"The clip {item.name} of {str(validation)!r} has the label {item.label!r}, which "
                f"no clip to train on has; their labels are {', '.join(labels[:20])}."
            )
    return tuple(items)


def _held_out_count(clips: int, share: float) -> int:
    if share == 0 or clips < 2:
        return 0
    return min(max(round(clips * share), 1), clips - 1)


def _notes(
    split: Split, failed: list[str], short: int, is_full: bool, memory_mb: int, left: set[int]
) -> tuple[str, ...]:
    notes = []
    if split.unlabelled:
        notes.append(f"{split.unlabelled} clips have no label, and are left out.")
    if failed:
        more = f"; and {len(failed) - NAMED} more" if len(failed) > NAMED else ""
        notes.append(
            f"{len(failed)} clips can't be read, and are left out. {' '.join(failed[:NAMED])}{more}"
        )
    lost = [label for at, label in enumerate(split.labels) if at not in left]
    if lost:
        notes.append(f"There is no clip left to train on for {', '.join(lost)}.")
    if short:
        notes.append(f"{short} clips are shorter than a window; their last frame is repeated.")
    if is_full:
        notes.append(
            f"The frames take more than {memory_mb} MB; some clips are read again for each use."
        )
    return tuple(notes)
