"""Which checkpoints the page offers, what loading one would bring, and the Explorer of each.

Owns the choice and the memory that it takes: one share for the clips, which all Explorers read
once, and one for the passes of each Explorer. Knows nothing of components.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from videomae_demo.checkpoints.catalog import (
    BUNDLED_RECOGNISER,
    CATALOG,
    CatalogEntry,
    find_entry,
)
from videomae_demo.checkpoints.download import Download, DownloadProgress
from videomae_demo.checkpoints.source import locate
from videomae_demo.engine.cache import ByteCache
from videomae_demo.engine.clips import Clips, size_of
from videomae_demo.errors import CheckpointError, RequestError
from videomae_demo.limits import DEFAULT_LIMITS, Limits

if TYPE_CHECKING:
    from videomae_demo.explorer import Explorer

logger = logging.getLogger(__name__)

Half = Literal["recogniser", "reconstructor"]
HALVES: tuple[Half, Half] = ("recogniser", "reconstructor")
USUAL_KINETICS = "base-finetuned-kinetics"
"""The first choice among Kinetics weights that are on this machine."""
TRIED_AGAIN_S = 60.0
"""After how long weights that can't be had are asked for again."""
KEPT_EXPLORERS = 2
"""How many checkpoints stay in memory; the least recently used one goes first."""
MOST_MADE = 3
"""Of the checkpoints made here so many are offered; the oldest one goes first."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One checkpoint to choose.

    Attributes
    ----------
    name, title : str
    is_here : bool
        Whether its files and its partner's are on this machine.
    download_mb : int or None
        What loading would download; None if nobody knows before.
    licence : str
    remark : str
        The published accuracy and what must be said of the pair; may be empty.
    """

    name: str
    title: str
    is_here: bool
    download_mb: int | None
    licence: str
    remark: str

    @property
    def line(self) -> str:
        """What the list of checkpoints says."""
        if self.is_here:
            return f"{self.title} - on this machine"
        return f"{self.title} - {_amount(self.download_mb)} to download"

    @property
    def sentence(self) -> str:
        """What loading this checkpoint would bring."""
        where = (
            "Already on this machine: nothing to download."
            if self.is_here
            else f"Loading downloads {_amount(self.download_mb)} from the Hugging Face hub: the "
            "recogniser and its reconstructor."
        )
        return " ".join(part for part in (where, f"Licence: {self.licence}.", self.remark) if part)


@dataclass(frozen=True, slots=True)
class MadeHere:
    """A checkpoint that was made while the page runs.

    Attributes
    ----------
    offer : Offer
    weights : str
        Its folder.
    reconstructor : str or None
        What reconstructs for it, by its name or folder; None: its own decoder.
    """

    offer: Offer
    weights: str
    reconstructor: str | None


class ExplorerPool:
    """Hands out one Explorer per checkpoint; safe to share between threads.

    Parameters
    ----------
    weights : str, optional
        The checkpoint to open with: a name of the catalog, a repo id, or a folder. Default:
        the recogniser of Kinetics weights if one is on this machine already, else the bundled one.
    reconstructor : str, optional
        The reconstructor that goes with `weights`; default: the one that belongs to it.
    limits : Limits
        Memory that clips and all Explorers may cache in; size of what visitors may load.
    public : bool
        Whether visitors are strangers: then checkpoints beyond the limit are not offered.
    make : callable, optional
        Makes an Explorer from the two names.
    """

    def __init__(
        self,
        weights: str | None = None,
        reconstructor: str | None = None,
        *,
        limits: Limits = DEFAULT_LIMITS,
        public: bool = False,
        make: Callable[[str, str | None], Explorer] | None = None,
    ) -> None:
        self._asked = weights
        self._reconstructor = reconstructor
        self._limits = limits
        self._public = public
        self._make = make or self._make_explorer
        self._share_bytes = limits.cache_mb * 2**20 // (KEPT_EXPLORERS + 1)
        self._clips = Clips(limits, ByteCache(self._share_bytes, size_of))
        self._explorers: OrderedDict[str, Explorer] = OrderedDict()
        self._made: OrderedDict[str, MadeHere] = OrderedDict()
        self._lock = threading.Lock()
        self.default = weights or self.stand_in()
        self.trouble = ""
        """Why the default weights can't be had now; empty if they can."""

    @property
    def usable(self) -> str:
        """The default weights, or what stands in while they can't be had."""
        return self.stand_in() if self.trouble else self.default

    @staticmethod
    def stand_in() -> str:
        """Return the best weights on this machine: Kinetics ones, or the bundled ones."""
        names = [entry.name for entry in _recognisers() if entry.name.endswith("-kinetics")]
        names.sort(key=lambda name: name != USUAL_KINETICS)
        return next((name for name in names if is_here(name)), BUNDLED_RECOGNISER)

    def offers(self) -> list[Offer]:
        """Return what can be chosen: what is on this machine first, else in the catalog's order."""
        offers = [_offer(entry) for entry in _recognisers() if not self._refusal(entry)]
        if self._asked is not None and self._asked not in {offer.name for offer in offers}:
            offers.insert(0, self._offer_asked(self._asked))
        with self._lock:
            offers += [made.offer for made in self._made.values()]
        return sorted(offers, key=lambda offer: not offer.is_here)

    def add(self, made: MadeHere) -> list[MadeHere]:
        """Offer a checkpoint that was made here; return those that are offered no longer."""
        with self._lock:
            self._made[made.offer.name] = made
            surplus = list(self._made)[: max(0, len(self._made) - MOST_MADE)]
            for name in surplus:
                self._explorers.pop(name, None)
            return [self._made.pop(name) for name in surplus]

    def choices(self) -> list[tuple[str, str]]:
        """Return the line and the name of each of the `offers`."""
        return [(offer.line, offer.name) for offer in self.offers()]

    def offer(self, name: str) -> Offer:
        """Return one of the `offers`.

        Raises
        ------
        RequestError
            When the name is none of them: a visitor must not open any folder or repository.
        """
        entry = find_entry(name)
        refusal = None if entry is None else self._refusal(entry)
        if refusal:
            raise RequestError(refusal)
        offers = {offer.name: offer for offer in self.offers()}
        if name not in offers:
            raise RequestError(
                f"There are no weights {name!r} on this page; choose {', '.join(offers)}."
            )
        return offers[name]

    def get(self, name: str) -> Explorer:
        """Return the Explorer of one of the `offers`; it loads its weights on first use."""
        with self._lock:
            if name in self._explorers:
                self._explorers.move_to_end(name)
                return self._explorers[name]
        self.offer(name)
        made = self._made.get(name)
        weights = name if made is None else made.weights
        explorer = self._make(weights, self.reconstructor_of(name))
        with self._lock:
            explorer = self._explorers.setdefault(name, explorer)
            while len(self._explorers) > KEPT_EXPLORERS:
                self._explorers.popitem(last=False)
        return explorer

    def beside(self, name: str, with_decoder: bool) -> Explorer:
        """Return the Explorer of weights that are to be compared with others; downloads nothing.

        Raises
        ------
        RequestError
            When the name is none of the `offers`, or a file of it is not on this machine.
        """
        self.offer(name)
        if self.absent(name, HALVES if with_decoder else HALVES[:1]):
            raise RequestError(
                f"The weights {name!r} are not on this machine; load them on the page first."
            )
        return self.get(name)

    def absent(self, name: str, halves: Sequence[Half] = HALVES) -> tuple[str, ...]:
        """Return which checkpoints these weights need that are not on this machine yet."""
        needed = dict(zip(HALVES, self._halves(name), strict=False))
        wanted = [needed[half] for half in halves if half in needed]
        return tuple(checkpoint for checkpoint in wanted if not is_here(checkpoint))

    def download(self, checkpoints: Sequence[str]) -> Download:
        """Return the download of these checkpoints, not yet begun."""
        return Download(checkpoints)

    def _halves(self, name: str) -> Iterable[str]:
        made, entry = self._made.get(name), find_entry(name)
        yield name if made is None else made.weights
        asked = self.reconstructor_of(name)
        if asked is not None:
            yield asked
        elif entry is not None and entry.task == "classification":
            yield entry.partner

    def warm_up(self) -> None:
        """Load what the page opens with, so that its first visitor need not wait for it.

        Raises
        ------
        CheckpointError
            When the recogniser can't be had.
        """
        explorer = self.get(self.default)
        self._fetch("recogniser")
        _ = explorer.recogniser
        try:
            self._fetch("reconstructor")
            _ = explorer.reconstructor
        except CheckpointError as error:
            logger.warning("The page opens without a reconstructor: %s", error)

    def warm_up_or_stand_in(self) -> bool:
        """Warm up; if that fails, remember why, and load what stands in. Return whether it worked.

        Raises
        ------
        CheckpointError
            When nothing can be loaded at all.
        """
        try:
            self.warm_up()
        except (CheckpointError, RequestError) as error:
            logger.warning("The weights %s can't be had: %s", self.default, error)
            if self.stand_in() == self.default:
                raise
            self.trouble = str(error)
            _ = self.get(self.stand_in()).recogniser
            return False
        self.trouble = ""
        return True

    def keep_warming_up(self, wait_s: float = TRIED_AGAIN_S) -> None:
        """Warm up, and try again for as long as that fails; errors as in `warm_up_or_stand_in`."""
        while not self.warm_up_or_stand_in():
            time.sleep(wait_s)

    def _fetch(self, half: Half) -> None:
        absent = self.absent(self.default, (half,))
        if absent:
            with self.download(absent) as download:  # stopping others does not end this one
                for _ in download:
                    pass

    def describe_reconstructor(self, name: str) -> str:
        """Say which reconstructor goes with these weights, without loading it; empty if unknown."""
        *_, half = self._halves(name)
        entry = find_entry(half)
        if entry is None or entry.task != "pretraining":
            return ""
        absent = self.absent(name, ("reconstructor",))
        later = "; it is fetched when a lens needs it" if absent else ""
        return f"{entry.title}, licence {entry.licence}{later}"

    def reconstructor_of(self, name: str) -> str | None:
        """Return the reconstructor that was asked for together with these weights, if any."""
        if name in self._made:
            return self._made[name].reconstructor
        return self._reconstructor if name == (self._asked or self.default) else None

    def _offer_asked(self, name: str) -> Offer:
        """Offer what the page's owner asked for, which need not be in the list of recognisers."""
        entry, here = find_entry(name), not self.absent(name)
        title = entry.title if entry is not None else Path(name).name or name
        return Offer(
            name=name,
            title=f"{title} (asked for)",
            is_here=here,
            download_mb=entry.size_mb if entry is not None else None,
            licence=entry.licence if entry is not None else "unknown",
            remark="",
        )

    def _make_explorer(self, weights: str, reconstructor: str | None) -> Explorer:
        from videomae_demo.explorer import Explorer  # torch takes seconds: the page does not wait

        return Explorer(
            weights,
            reconstructor,
            cache_bytes=self._share_bytes,
            limits=self._limits,
            clips=self._clips,
            others=self,
        )

    def _refusal(self, entry: CatalogEntry) -> str:
        """Say why visitors of a public page may not load a checkpoint; empty if they may.

        What its owner asked for may be of any size.
        """
        size_mb = sum(half.size_mb or 0 for half in _halves(entry))
        if not self._public or size_mb <= self._limits.weights_mb or entry.name == self.default:
            return ""
        return (
            f"The weights {entry.name} and their reconstructor are {_size(size_mb)}, and visitors "
            f"of this page may load up to {_size(self._limits.weights_mb)} "
            "(VIDEOMAE_MAX_WEIGHTS_MB): choose smaller ones."
        )


def _recognisers() -> Iterable[CatalogEntry]:
    return (entry for entry in CATALOG if entry.task == "classification")


def _halves(entry: CatalogEntry) -> tuple[CatalogEntry, CatalogEntry]:
    partner = find_entry(entry.partner)
    assert partner is not None
    return entry, partner


def _offer(entry: CatalogEntry) -> Offer:
    absent = [half for half in _halves(entry) if not is_here(half.name)]
    remarks = [f"{entry.accuracy}." if entry.accuracy else "", entry.partner_note or ""]
    return Offer(
        name=entry.name,
        title=entry.title,
        is_here=entry.bundled or not absent,
        download_mb=sum(half.size_mb or 0 for half in absent),
        licence=entry.licence,
        remark=" ".join(remark for remark in remarks if remark),
    )


def is_here(name: str) -> bool:
    """Tell whether a checkpoint's files are on this machine; the network is not touched."""
    try:
        locate(name, local_files_only=True)
    except CheckpointError:
        return False
    return True


def describe_download(progress: DownloadProgress, checkpoints: Sequence[str]) -> str:
    """Say how far the download of some checkpoints is."""
    entry = find_entry(progress.checkpoint)
    title = entry.title if entry is not None else progress.checkpoint
    place = checkpoints.index(progress.checkpoint) + 1
    which = f"Downloading {title} ({place} of {len(checkpoints)})"
    if not progress.total_bytes:
        return f"{which} ..."
    share = progress.done_bytes / progress.total_bytes
    done, total = _megabytes(progress.done_bytes), _megabytes(progress.total_bytes)
    return f"{which}: {done} of {total} MB, {share:.0%}"


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.0f}" if count >= 1e7 else f"{count / 1e6:.1f}"


def _amount(megabytes: int | None) -> str:
    return "an unknown amount" if megabytes is None else _size(megabytes)


def _size(megabytes: int) -> str:
    return f"{megabytes / 1000:.1f} GB" if megabytes >= 1000 else f"{megabytes} MB"
