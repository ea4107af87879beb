"""The stages of an exploration: each asks the Explorer, and says what the page shows.

Owns the order of the stages, and the session that each leaves. Knows no lens by name, and nothing
of what visitors do.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from videomae_demo.checkpoints.catalog import find_entry
from videomae_demo.engine.clips import ClipRequest, SeenClip
from videomae_demo.errors import ExplorerError, RequestError
from videomae_demo.limits import Limits
from videomae_demo.pool import HALVES, ExplorerPool, Half, describe_download
from videomae_demo.ui import controls, present, text
from videomae_demo.ui.address import read_view, write_address
from videomae_demo.ui.bar.bar import Bar
from videomae_demo.ui.dataset.listed import ListedClips
from videomae_demo.ui.examples import Shelf
from videomae_demo.ui.lenses.lens import PageLens, Step
from videomae_demo.ui.page import UNCHANGED, Examples, Page, Pages, WeightsList
from videomae_demo.ui.panel import panel
from videomae_demo.ui.session import Answered, Session
from videomae_demo.ui.snippet import view_in_python
from videomae_demo.ui.token_player.sprites import SaveBytes
from videomae_demo.ui.token_player.value import Whole

if TYPE_CHECKING:  # torch takes seconds to import, and building the page needs none of it
    from videomae_demo.explorer import Explorer

logger = logging.getLogger(__name__)

STAGES = 3
NOTICED_S = 1.0
"""A pass that takes at least this long is announced on the buttons that run it."""
SHORT_CLIP_S = 30.0
"""A clip up to this length is shown whole at once: that takes less than it would to wait for it."""


class Stages:
    """The stages, with the Explorers of a pool; parameters as in `Handlers`."""

    def __init__(
        self,
        pool: ExplorerPool,
        lenses: Sequence[PageLens],
        shelf: Shelf,
        save: SaveBytes,
        limits: Limits,
        listed: ListedClips,
    ) -> None:
        self._pool = pool
        self._shelf = shelf
        self._lenses = tuple(lenses)
        self._save = save
        self._limits = limits
        self._listed = listed

    def explore(
        self,
        before: Session,
        path: Path,
        sampling: controls.Sampling,
        weights: str,
        given: Mapping[str, str] = MappingProxyType({}),
    ) -> Pages:
        """Read a clip, and ask the lens that is open.

        `before` is what the page shows. Until the frames are there, it does; from then on all of
        the page is of this clip. An address may have `given` what is asked of it.
        """
        is_other = before.clip is None or Path(before.clip.path) != path
        loads = before.base is None or before.weights != weights
        yield Page(stale=_why_stale(before, weights, path), notice="")
        yield from self.fetch(weights, ("recogniser",))
        yield Page(status=stage("Loading the weights", 0))
        explorer = self._pool.get(weights)
        card = explorer.recogniser.card
        yield Page(status=stage("Reading the clip", 1))
        request = sampling.request(path, card.sampling)
        seen = explorer.see(request)
        base = present.clip_view(seen, explorer.as_given(request), card, self._save, request.change)
        session = replace(
            self._asked_anew(before, weights, is_other, explorer),
            weights=weights,
            clip=request,
            sampling=sampling,
            answered={},
            # At other times, or in another clip, a token is another one.
            token=before.token if request == before.clip and not loads else None,
            about=present.about_clip(seen, request.change),
            base=base,
            # It stays while only its window moves, so that nothing flickers.
            whole=None if is_other else before.whole,
        )
        if seen.duration_s <= SHORT_CLIP_S:  # else what is read for it comes after the answer
            session = replace(session, whole=self._whole(session, seen))
        kept = [lens for lens in self._lenses if _keeps(lens, before, session)]
        controls_now = {lens.name: lens.met(session, loads) for lens in self._lenses}
        if given:
            session = read_view(session, self._lenses, given)
            controls_now = {
                lens.name: _both(controls_now[lens.name], lens.controls(session))
                for lens in self._lenses
            }
        yield Page(
            session,
            bar=self.bar(session),
            player=session.player,
            weights=self.weights_panel(session) if loads else UNCHANGED,
            weights_list=self.weights_list(session) if loads else UNCHANGED,
            examples=self.examples(weights) if loads else UNCHANGED,
            clip=present.clip_panel(seen, card, base, request.change),
            panels={lens.name: [] for lens in self._lenses if lens not in kept},
            band=UNCHANGED if kept else None,
            controls=controls_now,
            stale="",
            start="" if is_other else UNCHANGED,
            change=sampling.change if is_other else UNCHANGED,
            code=self._code(session),
        )
        now = yield from self.show(session, self.open_lens(session), done=2)
        if seen.duration_s > SHORT_CLIP_S:
            now = replace(now, whole=self._whole(now, seen))
            yield Page(now, player=now.player)

    def _whole(self, session: Session, seen: SeenClip) -> Whole | None:
        """Return the whole clip and its window, where the window can be moved."""
        assert session.clip is not None
        explorer = self._pool.get(session.weights)
        rule = session.clip.sampling or explorer.recogniser.card.sampling
        if rule.kind == "uniform":
            return None
        try:
            overview, scans = explorer.overview(session.clip), explorer.recogniser.card.label_count
            return present.whole_clip(seen, overview, self._save, scans=bool(scans))
        except ExplorerError as error:
            logger.info("There is no overview of %s: %s", session.clip_name, error)
            return None

    def _asked_anew(
        self, before: Session, weights: str, is_other: bool, explorer: Explorer
    ) -> Session:
        """Return the questions for what comes now; see `PageLens.meet`."""
        changes = ["clip"] if is_other else []
        changes += ["weights"] if before.weights != weights else []
        asked = before
        for changed in changes or ["frames"]:
            for lens in self._lenses:
                asked = asked.asking(lens.name, lens.meet(asked, changed, explorer))
        return asked

    def show(
        self, session: Session, lens: PageLens, done: int = 0
    ) -> Generator[Page, None, Session]:
        """Ask a lens what the session asks of it, and show the answer; return what is shown."""
        explorer = self.explorer(session)
        for weights, halves in lens.needs(session):
            if weights != session.weights:
                self._pool.offer(weights)  # refuses what no visitor may load
            yield from self.fetch(weights, halves)
        if done:
            yield Page(status=stage(lens.doing, done, explorer.seconds.get(lens.runs)))
        timed, prepared = set(explorer.seconds), False
        for _, status in with_time_left(lens.prepare(explorer, session)):
            prepared = True
            yield Page(status=status)
        showing = lens.show(explorer, session, self._save)
        if not all(Path(file).is_file() for file in session.player.files()):
            raise RequestError(text.cleared(self._limits.kept_hours))
        if showing.question is not None:
            session = session.asking(lens.name, showing.question)
        now = session.knowing(lens.name, Answered(lens.key(session), showing.view))
        yield Page(
            now,
            status=[] if done or prepared else UNCHANGED,
            player=now.player,
            panels={lens.name: showing.panel},
            controls={lens.name: showing.controls},
            band=UNCHANGED if showing.band is None else showing.band,
            code=self._code(now),
            bar=self.bar(now),
            weights=UNCHANGED if timed == set(explorer.seconds) else self.weights_panel(now),
        )
        return now

    def open_lens(self, session: Session) -> PageLens:
        """Return the lens that is open."""
        named = {lens.name: lens for lens in self._lenses}
        return named.get(session.lens, self._lenses[0])

    def answers(self, session: Session, lens: PageLens) -> bool:
        """Tell whether a lens shows the answer to what is asked of it."""
        answered = session.answered.get(lens.name)
        return answered is not None and answered.key == lens.key(session)

    def weights_list(self, session: Session) -> WeightsList:
        """Return what can be loaded, as it is on this machine by now, and what is."""
        return WeightsList(self._pool.choices(), session.weights)

    def weights_panel(self, session: Session) -> list[panel.Block]:
        """Say which weights are at work, and where."""
        explorer = self._pool.get(session.weights)
        return present.weights_panel(explorer, self._pool.describe_reconstructor(session.weights))

    def bar(self, session: Session) -> Bar:
        """Return what the bar at the head says."""
        explorer, lens = self._pool.get(session.weights), self.open_lens(session)
        entry = find_entry(session.weights)
        clips = self._shelf.clips(session.weights)
        address = write_address(session, self._lenses, clips, self._pool.usable, self._listed)
        return Bar(
            weights=entry.title if entry is not None else Path(session.weights).name,
            device=f"on {explorer.device}",
            clip=session.clip_name,
            facts=session.about,
            picture=None if session.base is None else session.base.panes[0].tracks[0],
            address=address,
            own=str(session.clip.path) if session.clip is not None and address is None else "",
            title=f"{Path(session.clip_name).stem}: {lens.title}" if session.clip else "",
            costs=self._costs(session, explorer),
        )

    def _costs(self, session: Session, explorer: Explorer) -> dict[str, str]:
        """Say what clicks cost that run a pass, as far as it was measured and is noticed."""
        noticed = {name: took for name, took in explorer.seconds.items() if took >= NOTICED_S}
        costs = {name: text.duration(took) for name, took in noticed.items()}
        short = {name: f"{took:.0f} s" for name, took in noticed.items()}  # a tab has little room
        # One pass answers all lenses that run it.
        ran = {lens.runs for lens in self._lenses if lens.name in session.answered}
        buttons = {"explore": costs.get("recognise")}
        for lens in self._lenses:
            if lens.runs not in ran:
                buttons[f"tab-{lens.name}-button"] = short.get(lens.runs)
            buttons |= dict.fromkeys(lens.costly, costs.get(lens.runs))
            for button, repeated in lens.repeats.items():
                takes_s = repeated.times * explorer.seconds.get(repeated.runs, 0.0)
                buttons[button] = text.duration(takes_s) if takes_s >= NOTICED_S else None
            if session.clip is not None:
                buttons |= lens.costs(session, explorer)
        return {button: cost for button, cost in buttons.items() if cost is not None}

    def examples(self, weights: str) -> Examples:
        """Return the clips to try with these weights."""
        return Examples(self._shelf.items(weights), self._shelf.note(weights))

    def fetch(self, weights: str, halves: Sequence[Half] = HALVES) -> Pages:
        """Download what these weights lack on this machine, and the clips to try with them."""
        absent = self._pool.absent(weights, halves)
        if not absent:
            return
        self._shelf.fetch(weights)
        with self._pool.download(absent) as download:
            for progress in download:
                said = describe_download(progress, absent)
                done = panel.progress(said, progress.done_bytes, progress.total_bytes or 1)
                yield Page(status=[done])

    def explorer(self, session: Session) -> Explorer:
        """Return the Explorer of what is shown, or raise a RequestError: nothing is."""
        if session.clip is None or session.base is None:
            raise RequestError(text.NO_CLIP)
        return self._pool.get(session.weights)

    def _code(self, session: Session) -> str:
        reconstructor = self._pool.reconstructor_of(session.weights)
        return view_in_python(session, self._lenses, reconstructor)


def with_time_left(steps: Iterator[Step]) -> Iterator[tuple[Step, list[panel.Block]]]:
    """Go through the steps of some work; beside each, what the progress card says of it.

    How long it takes is told from the second step on: much of the first may have been known.
    """
    first: tuple[float, float] | None = None
    for step in steps:
        now_s, left_s = time.monotonic(), None
        if first is None:
            first = now_s, step.done
        elif step.done > first[1]:
            left_s = (now_s - first[0]) * (1 - step.done) / (step.done - first[1])
        doing = panel.progress(f"{step.doing} ...", round(100 * step.done), 100, left_s)
        yield step, [] if step.done >= 1 else [doing]


def _keeps(lens: PageLens, before: Session, now: Session) -> bool:
    """Tell whether a lens's answer is as true as before: it is of all the clip, and that is one."""
    moved = before.clip is not None and before.clip != now.clip and before.weights == now.weights
    return lens.is_of_whole and moved and lens.about(before) == lens.about(now)


def _both(met: Mapping[str, Any], held: Mapping[str, Any]) -> dict[str, Any]:
    """Return what controls become for other weights, with what an address gives them to hold.

    A plain value takes the place of another; of an update, it is the value.
    """
    both = {**met, **held}
    for name, value in held.items():
        if isinstance(met.get(name), dict) and not isinstance(value, dict):
            both[name] = {**met[name], "value": value}
    return both


def clip_of(session: Session) -> ClipRequest:
    """Return the clip that is shown, or raise a RequestError: there is none."""
    if session.clip is None:
        raise RequestError(text.NO_CLIP)
    return session.clip


def _why_stale(before: Session, weights: str, path: Path) -> str:
    """Say why what is shown is not yet what was asked for; empty if it is, or nothing is shown."""
    shown = before.clip_name
    if before.clip is None:
        return ""
    if Path(before.clip.path) != path:
        return text.NOT_READ_YET.format(asked=path.name, shown=shown)
    if before.weights != weights:
        return text.OTHER_WEIGHTS.format(shown=shown)
    return text.OTHER_FRAMES.format(shown=shown)


def stage(name: str, done: int, takes_s: float | None = None) -> list[panel.Block]:
    """Say on the progress card how far an exploration is, and how long this may take."""
    return [panel.progress(f"{name} ...", done, STAGES, takes_s)]
