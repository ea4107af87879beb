"""How the events of the page's components are tied to work.

Owns what all wires have in common, and that the clip field and the rest of the page agree when an
exploration ends. Which handler an event calls is for `pages.explore` to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from videomae_demo.ui.gradio_edge.sealed import seal
from videomae_demo.ui.handlers import Handlers
from videomae_demo.ui.lenses.lens import ChangeOf, PageLens, SamplingOf, WorkOf
from videomae_demo.ui.outputs import components_of
from videomae_demo.ui.page import Page, Pages
from videomae_demo.ui.pages.layout import Layout
from videomae_demo.ui.panel.panel import sentence
from videomae_demo.ui.preview.preview import EXPLORED
from videomae_demo.ui.session import Session, Visit
from videomae_demo.ui.work import MODEL, QUICK, EndOf, Lane, Work, by_letter

ALWAYS_LAST: dict[str, Any] = {"trigger_mode": "always_last"}
"""Of events in quick succession the last one counts."""
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}


class LensWires:
    """Ties the events of one lens to its questions; see `lens.Wires`."""

    def __init__(self, wiring: Wiring, lens: PageLens, handlers: Handlers) -> None:
        self._wiring = wiring
        self._lens = lens
        self._handlers = handlers

    def asks(
        self,
        event: Any,
        change: ChangeOf,
        inputs: Sequence[Any],
        source: str | None,
        *,
        quick: bool = False,
    ) -> None:
        """Ask anew when an event comes."""

        def ask(session: Session, *given: Any) -> Pages:
            yield from self._handlers.change(session, self._lens, change, *given)

        lane = self._wiring.quick if quick else None
        handler = ask if source is not None else by_letter(ask)
        self._wiring.changes(event, handler, list(inputs), source, lane=lane, says=inputs)

    def explores(
        self,
        event: Any,
        sampling: SamplingOf,
        source: str | None,
        inputs: Sequence[Any] = (),
    ) -> None:
        """Explore other frames of the present clip when an event comes."""

        def explore(session: Session, *given: Any) -> Pages:
            yield from self._handlers.take_sampling(session, sampling, *given)

        handler = explore if source is not None else by_letter(explore)
        self._wiring.explores(event, handler, list(inputs), as_shown, source)

    def works(
        self, event: Any, work: WorkOf, source: str | None, inputs: Sequence[Any] = ()
    ) -> None:
        """Work beside the page when an event comes."""

        def run(session: Session, visit: Visit, *_letter: Any) -> Pages:
            for page in self._handlers.work(session, self._lens, work):
                if not self._handlers.shows_the_same(self._lens.name, session, visit.session):
                    yield Page(status=[])
                    return
                # By now, less of it may be left to do.
                yield replace(page, bar=self._handlers.bar(visit.session))

        def ended(session: Session, visit: Visit) -> Page:
            if self._handlers.shows_the_same(self._lens.name, session, visit.session):
                return self._handlers.ended(visit.session, self._lens)
            return Page(status=[])

        self._wiring.beside(
            event, run, list(inputs), source, ended=ended, **QUICK, trigger_mode="once"
        )


class Wiring:
    """Ties events to work, on one page."""

    def __init__(self, layout: Layout, work: Work) -> None:
        self._layout = layout
        self._work = work
        self._outputs = components_of(layout)
        self.quick = work.quick

    def explores(
        self,
        event: Any,
        handler: Any,
        inputs: list[Any],
        path_of: Any,
        source: str | None = None,
        *,
        says: Sequence[Any] | None = None,
        **options: Any,
    ) -> Any:
        """Wire an exploration; when it ends, good or bad, the page speaks of one clip.

        `says` has the components whose values it sets; default: `inputs`.
        """
        sets = inputs if says is None else says
        run = self._work.changing(handler, source, explores=path_of, says=sets)
        ended = self._on(event, run, inputs, **MODEL, **options)
        clip = self._layout.clip
        held = [self._layout.visit, clip.video]
        for outcome in (ended.then, ended.failure):
            # The last end counts: while the next exploration is at work, nothing is settled yet.
            settled = outcome(self._settle, held, clip.video, queue=False, **ALWAYS_LAST, **QUIET)
            settled.then(None, js=tell(EXPLORED))  # see `preview` and `explain`
        return ended

    def changes(
        self,
        event: Any,
        handler: Any,
        inputs: list[Any],
        source: str | None = None,
        *,
        lane: Lane | None = None,
        says: Sequence[Any] = (),
        **options: Any,
    ) -> Any:
        """Wire another handler that changes what is shown.

        It waits for other visitors' models, unless it has a `lane` of its own, see `Work`; `says`
        has those of `inputs` whose values it sets.
        """
        run = self._work.changing(handler, source, lane=lane, says=says)
        return self._on(event, run, inputs, **(MODEL if lane is None else QUICK), **options)

    def of_lens(self, lens: PageLens, handlers: Handlers) -> LensWires:
        """Return what a lens ties its events with."""
        return LensWires(self, lens, handlers)

    def beside(
        self,
        event: Any,
        handler: Any,
        inputs: list[Any],
        source: str | None = None,
        *,
        ended: EndOf | None = None,
        **options: Any,
    ) -> None:
        """Wire a handler that changes nothing of the session; see `Work.beside`."""
        self._on(event, self._work.beside(handler, source, ended), inputs, **options)

    def _on(self, event: Any, run: Any, inputs: list[Any], **options: Any) -> Any:
        shared = [self._layout.visit, self._layout.mail.clock]
        waiting = {"show_progress": "minimal", "show_progress_on": self._layout.status}
        options = {**ALWAYS_LAST, **QUIET, **waiting, **options}
        return event(run, [*shared, *inputs], self._outputs, **options)

    def explain(self, *events: Any) -> None:
        """Wire what may have made the page speak of two clips; see `chosen_clip`.

        All of it is one event of gradio's, of which the last one counts: two would be answered in
        any order, and an older answer could hide what a newer one says.
        """

        def say(visit: Visit, held: str | None) -> Any:
            stale = visit.chosen.explain(held, visit.session.clip_name)
            return seal([sentence(stale)] if stale else [])

        held = [self._layout.visit, self._layout.clip.video]
        gr.on(list(events), say, held, self._layout.stale, queue=False, **ALWAYS_LAST, **QUIET)

    def _settle(self, visit: Visit, held: str | None) -> Any:
        """Put a clip back that must come back into the field; see `chosen_clip`."""
        return visit.chosen.settle(held) or gr.skip()


def naming(handler: Any, name: str) -> Any:
    """Tell a handler which control was set."""

    def handle(session: Session, *given: Any) -> Pages:
        yield from handler(session, name, *given)

    return handle


def as_shown(visit: Visit, *_: Any) -> str | None:
    """Return what the clip field has of the clip that is shown."""
    return visit.chosen.shown


def tell(event: str, detail: str = "") -> str:
    """Return JavaScript that tells the page's own scripts of an event; the server is not asked."""
    return f"() => {{ window.dispatchEvent(new CustomEvent('{event}', {{detail: '{detail}'}})); }}"
