"""What happens when a visitor does something: generators that yield a `Page` per stage.

Owns what they mean for what is shown; the stages of an exploration are those of `stages`. Knows no
component and no lens by name: `outputs` maps a `Page` to components and turns an `ExplorerError`
into a toast. Each step is a question to the Explorer, which remembers the pass that all rollouts
share; a handler that is closed between two stages leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from videomae_demo.errors import CheckpointError, ExplorerError, RequestError, shown
from videomae_demo.given import number
from videomae_demo.limits import DEFAULT_LIMITS, Limits
from videomae_demo.pool import ExplorerPool
from videomae_demo.ui import controls, text
from videomae_demo.ui.address import read_query, read_sampling
from videomae_demo.ui.bar.bar import Bar
from videomae_demo.ui.dataset.listed import ListedClips
from videomae_demo.ui.examples import Shelf, have_same_bytes
from videomae_demo.ui.lenses.lens import (
    ChangeOf,
    PageLens,
    SamplingOf,
    TakenBackError,
    WorkOf,
)
from videomae_demo.ui.page import UNCHANGED, Page, Pages, Unchanged, WeightsList
from videomae_demo.ui.panel import panel
from videomae_demo.ui.preview.preview import make_preview
from videomae_demo.ui.session import Session
from videomae_demo.ui.stages import Stages, clip_of, stage, with_time_left
from videomae_demo.ui.token_player.sprites import SaveBytes
from videomae_demo.ui.token_player.value import Band, Shown


class Handlers:
    """The handlers of one page.

    Parameters
    ----------
    pool : ExplorerPool
    lenses : sequence of PageLens
        In the order of their tabs; the first one is open at first.
    shelf : Shelf
        The clips to try.
    save : callable
        Puts bytes into the page's cache; see `sprites.SaveBytes`.
    limits : Limits
        What a preview may cost, and after how long files of the cache are deleted.
    is_own : callable
        Tells whether a path is that of a file in the page's cache.
    listed : ListedClips, optional
        The clips of data sets that may be opened by their names.
    """

    def __init__(
        self,
        pool: ExplorerPool,
        lenses: Sequence[PageLens],
        shelf: Shelf,
        save: SaveBytes,
        limits: Limits = DEFAULT_LIMITS,
        is_own: Callable[[str], bool] = lambda _path: False,
        listed: ListedClips | None = None,
    ) -> None:
        self.pool = pool
        self.lenses = {lens.name: lens for lens in lenses}
        self.shelf = shelf
        self._save = save
        self._limits = limits
        self._is_own = is_own
        self._listed = listed or ListedClips()
        self._stages = Stages(pool, lenses, shelf, save, limits, self._listed)

    def open(self, session: Session, query: Any = "") -> Pages:
        """Open the page finished: what its address asks for, or its first example, is explored.

        With weights that can't be had, the page opens with the best that are here, and says so.
        """
        given = read_query(query)
        asked = self.weights_asked(given)
        if asked:
            yield from self._open(replace(session, weights=asked), given)
            return
        if session.weights == self.pool.default and not self.pool.trouble:
            try:
                yield from self._open(session, given)
                return
            except CheckpointError as error:
                if self.pool.stand_in() == session.weights:
                    raise
                self.pool.trouble = str(error)
        instead = replace(session, weights=self.pool.usable)
        listed = self._stages.weights_list(instead)
        said = text.STANDS_IN.format(asked=self.pool.default, why=self.pool.trouble)
        yield Page(banner=said, weights_list=listed)
        yield from self._open(instead, given)

    def weights_asked(self, given: Mapping[str, str]) -> str:
        """Return the weights that an address asks for; empty if they are not on this machine."""
        asked = given.get("weights", "")
        is_here = asked and any(o.name == asked and o.is_here for o in self.pool.offers())
        return asked if is_here else ""

    def frozen(self, given: Mapping[str, str]) -> Path | None:
        """Return the clip that another page hands over, if an address names one."""
        path = given.get("frozen", "")
        return Path(path) if path and self._is_own(path) else None

    def own_clip(self, given: Mapping[str, str]) -> Path | None:
        """Return the clip that is no example, if an address names one that may be opened."""
        return self.frozen(given) or self._listed.find(given)

    def _open(self, session: Session, given: Mapping[str, str]) -> Pages:
        lens, example = (
            given.get("lens", ""),
            self.shelf.first(session.weights, given.get("example")),
        )
        if lens in self.lenses:
            session = replace(session, lens=lens)
            yield Page(session, lens=lens)
        own = self.own_clip(given)
        path = own or (None if example is None else example.path)
        if path is not None:
            sampling = read_sampling(given)
            yield Page(sampling=sampling)
            try:
                yield from self._stages.explore(session, path, sampling, session.weights, given)
            except RequestError as error:
                if not sampling.change:
                    raise
                # An old address may name a frame that other weights do not have.
                plain = replace(sampling, change="")
                yield Page(sampling=plain)
                yield from self._stages.explore(session, path, plain, session.weights, given)
                yield Page(notice=f"{error} The clip is shown as it is.")
            if own is None and "set" in given:
                yield Page(notice=text.SET_NOT_OPEN)
            return
        yield Page(
            session,
            player=Shown(empty=text.NO_CLIP),
            weights=self._stages.weights_panel(session),
            bar=self._stages.bar(session),
            status=[],
        )

    def pick(self, session: Session, name: Any, *sampling: Any) -> Pages:
        """Explore an example; the sampling as in `explore`."""
        example = self.shelf.named(session.weights, name)
        if example is None:
            names = ", ".join(one.name for one in self.shelf.clips(session.weights))
            raise RequestError(f"There is no example {shown(name)}; choose {names}.")
        yield from self._explore_anew(session, example.path, sampling)

    def explore(self, session: Session, path: Path | str | None, *sampling: Any) -> Pages:
        """Explore a clip; without a path, the present one once more.

        `sampling` is what the controls hold, in the order of `controls.Sampling`. An invalid field
        keeps its last valid value; what is wrong with it was said when it was filled in.
        """
        path = clip_of(session).path if path is None else path
        yield from self._explore_anew(
            session, self.shelf.original(session.weights, Path(path)), sampling
        )

    def _explore_anew(self, session: Session, path: Path, given: Sequence[Any]) -> Pages:
        chosen = controls.read_sampling(session.sampling, _named(given))[0]
        if session.clip is None or Path(session.clip.path) != path:
            # In another clip, a moment is another one; and it is first seen as it is.
            chosen = replace(chosen, start_s=None, change="")
        yield from self._stages.explore(session, path, chosen, session.weights)

    def resample(self, session: Session, changed: str, *sampling: Any) -> Pages:
        """Explore other frames of the present clip; `changed` is the field that a visitor set.

        The others are as in the session: who leaves a field for the next one sends this event when
        the next one was not filled in yet, and it may come after that one's own.
        """
        mine = {changed: _named(sampling)[changed]}
        chosen, wrong = controls.read_sampling(session.sampling, mine)
        if changed in wrong:
            raise wrong[changed]
        if session.clip is None:
            yield Page(replace(session, sampling=chosen))
            return
        own = self.pool.get(session.weights).recogniser.card.sampling
        if chosen.request(session.clip.path, own) == session.clip:
            yield Page(replace(session, sampling=chosen))
            return
        path = Path(session.clip.path)
        yield from self._stages.explore(session, path, chosen, session.weights)

    def move_window(self, session: Session, start_s: Any) -> Pages:
        """Explore the window that begins at a moment of the present clip, in seconds."""
        clip = clip_of(session)
        chosen = replace(session.sampling, start_s=number(start_s, "start of the window"))
        yield Page(start=f"{chosen.start_s:g}")
        yield from self._stages.explore(session, Path(clip.path), chosen, session.weights)

    def take_sampling(self, session: Session, sampling: SamplingOf, *given: Any) -> Pages:
        """Explore the present clip by what a lens says of its frames."""
        chosen = sampling(session, self._stages.explorer(session), *given)
        yield Page(sampling=chosen)
        path = Path(clip_of(session).path)
        yield from self._stages.explore(session, path, chosen, session.weights)

    def preview(self, session: Session, path: str | None) -> Pages:
        """Let the browser play the explored clip in a form that it can; the clip stays as it is."""
        if (
            path
            and session.clip is not None
            and have_same_bytes(Path(session.clip.path), Path(path))
        ):
            yield Page(video=self._save(make_preview(Path(path), self._limits), "preview.mp4"))

    def compare_with(self, session: Session, weights: str) -> Pages:
        """Open the lens that can ask other weights, too, and let it."""
        explorer = self._stages.explorer(session)
        self.pool.offer(weights)
        for lens in self.lenses.values():
            question = lens.with_weights(session, explorer, weights)
            if question is not None:
                asked = replace(session.asking(lens.name, question), lens=lens.name)
                held = {lens.name: lens.controls(asked)}
                yield Page(asked, lens=lens.name, controls=held, bar=self._stages.bar(asked))
                yield from self._stages.show(asked, lens, done=2)
                return

    def fetch(self, weights: str) -> Pages:
        """Download what these weights lack on this machine; whoever closes this breaks it off."""
        self.pool.offer(weights)
        yield from self._stages.fetch(weights)

    def load(self, session: Session, weights: str) -> Pages:
        """Change the checkpoints, and explore the clip again."""
        try:
            yield from self._load(session, weights)
        except ExplorerError:
            yield Page(weights_list=self._stages.weights_list(session))
            raise

    def _load(self, session: Session, weights: str) -> Pages:
        offer = self.pool.offer(weights)
        yield Page(status=stage(f"Loading {offer.title}", 0))
        if session.clip is not None:
            path = Path(session.clip.path)
            yield from self._stages.explore(session, path, session.sampling, weights)
            return
        now = replace(session, weights=weights)
        yield Page(
            now,
            status=[],
            weights=self._stages.weights_panel(now),
            bar=self._stages.bar(now),
            weights_list=self._stages.weights_list(now),
            examples=self._stages.examples(weights),
        )

    def open_lens(self, session: Session, name: Any) -> Pages:
        """Open a lens; what it was not asked for yet, it is asked for now."""
        if name not in self.lenses:
            raise RequestError(f"There is no lens {name!r}; there are {', '.join(self.lenses)}.")
        now, lens = replace(session, lens=name), self.lenses[name]
        yield Page(now, bar=self._stages.bar(now))
        if now.clip is not None and not self._stages.answers(now, lens):
            yield from self._stages.show(now, lens, done=2)

    def is_quick(self, name: Any) -> bool:
        """Tell whether opening a lens seldom makes a model run."""
        return name in self.lenses and self.lenses[name].is_quick

    def choose(self, session: Session, token: Any) -> Pages:
        """Choose a token, or none; a lens that starts from it is asked again, if it is open."""
        now = replace(session, token=controls.token(token))
        clip_of(now)
        lens = self._stages.open_lens(now)
        if self._stages.answers(now, lens):
            yield Page(now, player=now.player, bar=self._stages.bar(now))
        else:
            yield from self._stages.show(now, lens)

    def change(self, session: Session, lens: PageLens, change: ChangeOf, *given: Any) -> Pages:
        """Ask a lens something else."""
        explorer = self._stages.explorer(session)
        try:
            changed = change(session, explorer, *given)
        except TakenBackError:
            yield Page(controls={lens.name: lens.controls(session)})
            raise
        if changed is None:
            return
        if changed.controls:
            yield Page(controls={lens.name: changed.controls})
        for name, question in changed.also.items():
            session = session.asking(name, question)
        if changed.opens:
            lens = self.lenses[changed.opens]
            session = replace(session.asking(lens.name, changed.question), lens=lens.name)
            held = {lens.name: lens.controls(session)}
            yield Page(session, lens=lens.name, controls=held, bar=self._stages.bar(session))
        yield from self._stages.show(session.asking(lens.name, changed.question), lens)

    def work(self, session: Session, lens: PageLens, work: WorkOf) -> Pages:
        """Show the steps of a lens's work in its panel; it changes nothing of the session."""
        for step, status in with_time_left(work(self._stages.explorer(session), session)):
            yield Page(status=status, panels={lens.name: step.panel}, band=_known(step.band))

    def ended(self, session: Session, lens: PageLens) -> Page:
        """Return what the page says of a lens's work that was stopped, or failed."""
        shown = lens.stopped(session, self._stages.explorer(session))
        bar = self.bar(session)
        if shown is None:
            return Page(status=[], bar=bar)
        return Page(status=[], panels={lens.name: shown.panel}, bar=bar, band=_known(shown.band))

    def bar(self, session: Session) -> Bar:
        """Return what the bar at the head says."""
        return self._stages.bar(session)

    def files(self, session: Session, name: str, folder: Path) -> Pages:
        """Write the files of one lens into `folder`."""
        explorer = self._stages.explorer(session)
        paths = self.lenses[name].write(explorer, session, folder)
        yield Page(files={name: [str(path) for path in paths]})

    def shows_the_same(self, name: str, one: Session, other: Session) -> bool:
        """Tell whether a lens shows the same in two sessions."""
        lens = self.lenses[name]
        alike = (one.weights, lens.about(one)) == (other.weights, lens.about(other))
        return alike and lens.key(one) == lens.key(other)

    def last_word(self, now: Session, why: str, before: Session | None = None) -> Page:
        """Return what the page says when work ended before it was done.

        After Cancel, all controls go back to what is shown, since nothing that was asked for will
        come. A lens that is open and has no answer says `why`. If the work was an exploration,
        `before` is the session that it began with.
        """
        cancelled = why == text.WAS_CANCELLED
        parts: dict[str, Any] = {}
        if cancelled:
            held = {lens.name: lens.controls(now) for lens in self.lenses.values()}
            parts |= {"controls": held, "sampling": now.sampling, "player": now.player}
        lens = self._stages.open_lens(now)
        if now.clip is not None and lens.name not in now.answered:
            hint = f" {text.GO_ON}" if cancelled else ""
            note = panel.note(text.NOT_COMPUTED.format(why=why) + hint)
            parts["panels"] = {lens.name: [note]}
        if before is not None:
            parts["stale"] = ""
            if now.clip is None:
                parts["player"] = Shown(empty=text.NO_CLIP_YET.format(why=why))
            elif now is before:
                parts["notice"] = text.STILL_SHOWN.format(why=why, shown=now.clip_name)
                parts["sampling"] = now.sampling
        return Page(status=[], **parts)

    def weights_list(self, session: Session) -> WeightsList:
        """Return what can be loaded, as it is on this machine by now, and what is."""
        return self._stages.weights_list(session)


def _known(band: Band | None) -> Band | Unchanged:
    return UNCHANGED if band is None else band


def _named(sampling: Sequence[Any]) -> dict[str, Any]:
    """Name what the controls of sampling hold, which come in their order."""
    return dict(zip(controls.Sampling.__slots__, sampling, strict=False))
