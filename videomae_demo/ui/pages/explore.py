"""The page Explore: which handler each of its components calls."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from videomae_demo.errors import ExplorerError
from videomae_demo.pool import ExplorerPool
from videomae_demo.ui import api, controls, text
from videomae_demo.ui.address import read_query
from videomae_demo.ui.dataset.listed import ListedClips
from videomae_demo.ui.examples import Example, HubClip, Shelf
from videomae_demo.ui.gradio_edge.edge import Edge
from videomae_demo.ui.gradio_edge.sealed import seal
from videomae_demo.ui.gradio_edge.unchanged import spare_unchanged
from videomae_demo.ui.gradio_edge.visitors import Visitors
from videomae_demo.ui.handlers import Handlers
from videomae_demo.ui.lenses.lens import PageLens, setting
from videomae_demo.ui.live.page import FROZEN
from videomae_demo.ui.outputs import Outputs, to_outputs, to_toast
from videomae_demo.ui.page import Pages
from videomae_demo.ui.pages.layout import build_layout
from videomae_demo.ui.pages.take_away import TakeAway
from videomae_demo.ui.panel.panel import sentence
from videomae_demo.ui.session import Session, Visit
from videomae_demo.ui.token_player.player import LENS
from videomae_demo.ui.wiring import QUIET, Wiring, as_shown, naming, tell
from videomae_demo.ui.work import (
    DOWNLOAD,
    ENDPOINTS,
    MODEL,
    QUICK,
    Work,
    by_letter,
    keeping_preview,
)

ADDRESS = f"""(...given) => {{
    // The clip that the page Live or Learn hands over is opened once; two events ask for it.
    window.videomaeFrozen ??= sessionStorage.getItem({json.dumps(FROZEN)}) || "";
    sessionStorage.removeItem({json.dumps(FROZEN)});
    const frozen = window.videomaeFrozen;
    const query = new URLSearchParams(window.location.search);
    if (frozen) query.set("frozen", frozen);
    return [...given.slice(0, -1), `?${{query}}`];
}}"""
"""JavaScript that puts the page's address into the last input, and the clip that it can't name."""


class PageBuilder:
    """Builds one page: components first, then their wires."""

    def __init__(
        self,
        pool: ExplorerPool,
        lenses: Sequence[PageLens],
        examples: Sequence[Example],
        edge: Edge,
        real: Sequence[HubClip] = (),
        listed: ListedClips | None = None,
    ) -> None:
        self.pool = pool
        self.lenses = tuple(lenses)
        self.limits = edge.limits
        self.served = edge.served
        self.local = edge.local
        self.shelf = Shelf(examples, self.served.keep, self.limits, real)
        own = self.served.kept.holds
        self.handlers = Handlers(
            pool, lenses, self.shelf, self.served.save, self.limits, own, listed
        )
        self.visitors = Visitors()

    def build(self) -> gr.Blocks:
        """Return the page, its queue configured."""
        page = gr.Blocks(title=text.TITLE, analytics_enabled=False, fill_width=True)
        with page:
            pictures = self.shelf.items(self.pool.usable)
            hours = self.limits.kept_hours
            self.layout = build_layout(self.pool, self.lenses, pictures, hours, local=self.local)
            self.work = Work(self.handlers, self.visitors, partial(to_outputs, layout=self.layout))
            self.wiring = Wiring(self.layout, self.work)
            self._wire(page)
            api.add_endpoints(self.pool, self.lenses, self.visitors, ENDPOINTS)
        self.served.hand_to(page)
        spare_unchanged(page)
        self._page = page
        page.queue(max_size=self.limits.queue_length, api_open=False)
        return page

    def _wire(self, page: gr.Blocks) -> None:
        self._wire_explorations(page)
        self._wire_clip(page)
        self._wire_weights()
        self._wire_lenses()
        page.unload(self.visitors.leave)

    def _wire_explorations(self, page: gr.Blocks) -> None:
        handlers, mail, clip = self.handlers, self.layout.mail, self.layout.clip

        def picked(visit: Visit, letter: str, *_: Any) -> str | None:
            return self._example(visit, controls.said(letter))

        def held(visit: Visit, _visit: Visit, path: str | None, *_: Any) -> str | None:
            return path or visit.chosen.shown

        def explore(session: Session, visit: Visit, path: str | None, *sampling: Any) -> Pages:
            is_shown = path == visit.chosen.shown  # it may be a preview
            yield from handlers.explore(session, None if is_shown else path, *sampling)

        query = self.layout.query
        opened = self.wiring.explores(page.load, handlers.open, [query], self._first, js=ADDRESS)
        opened.then(self._list_weights, outputs=self.layout.head.weights, queue=False, **QUIET)
        pick = [mail.pick, *clip.controls.values()]
        self.wiring.explores(mail.pick.input, by_letter(handlers.pick), pick, picked)
        given = [self.layout.visit, clip.video, *clip.controls.values()]
        for event in (clip.video.upload, clip.video.stop_recording):
            self.wiring.explores(event, explore, given, held, "clip")
        uploaded = clip.upload.upload(
            lambda path: path, clip.upload, clip.video, queue=False, **QUIET
        )
        self.wiring.explores(uploaded.then, explore, given, held, "upload")
        back = clip.explore.click(
            self._bring_back, [self.layout.visit, clip.video], clip.video, queue=False, **QUIET
        )
        self.wiring.explores(back.then, explore, given, held, "explore")
        moved, window = by_letter(handlers.move_window), mail.window
        sets = [window, clip.controls["start_s"]]
        self.wiring.explores(window.input, moved, [window], as_shown, says=sets)
        sampling = list(clip.controls.values())
        for name, control in clip.controls.items():
            resample = naming(handlers.resample, name)
            event, source = setting(control), control.elem_id
            self.wiring.explores(event, resample, sampling, as_shown, source, says=[control])

    def _wire_clip(self, page: gr.Blocks) -> None:
        """Show examples and previews in the clip field, and say whether the page is of its clip.

        By events of their own: gradio changes a streamed value in the browser in place, and a clip
        that is followed by "unchanged" could not be sent back.
        """
        clip, mail = self.layout.clip, self.layout.mail
        pick = mail.pick_to_show

        def show(visit: Visit, letter: str) -> Any:
            return self._example(visit, controls.said(letter)) or gr.skip()

        def show_first(visit: Visit, query: str) -> Any:
            return self._first(visit, query) or gr.skip()

        visit = self.layout.visit
        pick.input(
            show, [visit, pick], clip.video, queue=False, trigger_mode="always_last", **QUIET
        )
        asked = [visit, self.layout.query]
        page.load(show_first, asked, clip.video, queue=False, js=ADDRESS, **QUIET)
        self.wiring.explain(clip.video.change, mail.explored.input)
        preview, lane = keeping_preview(self.handlers.preview), {**QUICK, "show_progress": "hidden"}
        self.wiring.beside(clip.watcher.unplayable, preview, [clip.video], **lane)

    def _wire_lenses(self) -> None:
        handlers, mail, work = self.handlers, self.layout.mail, self.work
        opened, chosen = by_letter(handlers.open_lens), by_letter(handlers.choose)
        self.wiring.changes(mail.lens.input, opened, [mail.lens], lane=work.opening)
        self.wiring.changes(mail.choose.input, chosen, [mail.choose], lane=work.quick)
        for lens in self.lenses:
            placed = self.layout.lenses[lens.name]
            lens.wire(placed.parts, self.wiring.of_lens(lens, handlers))
            placed.tab.select(None, js=tell(LENS, lens.name))
            self._wire_take_away(placed.take_away)

    def _wire_take_away(self, part: TakeAway) -> None:
        def write(session: Session, visit: Visit) -> Pages:
            """Write the files of a lens, and lay copies of them where gradio serves from."""
            with tempfile.TemporaryDirectory(prefix="take-away-") as folder:
                for page in self.handlers.files(session, part.lens, Path(folder)):
                    if self.handlers.shows_the_same(part.lens, session, visit.session):
                        copies = [self.served.copy(path) for path in page.files[part.lens]]
                        yield replace(page, files={part.lens: copies})

        lane = QUICK if self.handlers.lenses[part.lens].is_kept else MODEL
        click, source = part.button.click, part.button.elem_id
        self.wiring.beside(click, write, [], source, **lane, trigger_mode="once")

    def _wire_weights(self) -> None:
        head, visit = self.layout.head, self.layout.visit

        def offer(name: str, visit: Visit) -> list[Any]:
            chosen = name != visit.session.weights
            blocks = [sentence(self.pool.offer(name).sentence)] if chosen else []
            return [seal(blocks), gr.update(visible=chosen), gr.update(visible=chosen)]

        def fetch(visit: Visit, weights: str) -> Iterator[Outputs]:
            hidden = {head.load: gr.update(visible=False)}
            yield {head.offer: seal([])} | hidden
            for outputs in self.work.fetch(visit, weights):
                yield outputs | hidden

        head.weights.input(
            offer,
            [head.weights, visit],
            [head.offer, head.load, head.compare],
            queue=False,
            **QUIET,
        )
        compare = self.handlers.compare_with
        compared = self.wiring.changes(head.compare.click, compare, [head.weights], "compare-these")
        # The page's weights stay what they are.
        compared.then(
            lambda visit: [visit.session.weights, seal([]), *[gr.update(visible=False)] * 2],
            [visit],
            [head.weights, head.offer, head.load, head.compare],
            queue=False,
            **QUIET,
        )
        fetched = head.load.click(
            fetch,
            [visit, head.weights],
            [self.layout.status, head.weights, head.offer, head.load],
            **DOWNLOAD,
            **QUIET,
        )
        loading = partial(self.wiring.explores, fetched.success, self.handlers.load, [head.weights])
        loading(as_shown, "load", show_progress="hidden")
        self.layout.cancel.click(
            self._stop,
            [visit, self.layout.mail.clock],
            [self.layout.status, head.weights, head.offer, head.load],
            concurrency_limit=None,  # nobody waits to stop; without the queue there is no toast
            **QUIET,
        )

    def _list_weights(self) -> Any:
        """List what is on this machine by now, whoever fetched it."""
        return gr.update(choices=self.pool.choices())

    def _first(self, _visit: Visit, query: Any) -> str | None:
        """Return the file that the clip field has of the clip with which the page opens."""
        given = read_query(query)
        own = self.handlers.own_clip(given)
        if own is not None:
            # Gradio plays what lies in the page's own folder; a file elsewhere is not copied there.
            return str(own) if self.served.kept.holds(str(own)) else None
        weights = self.handlers.weights_asked(given) or self.pool.usable
        return self._serve(self.shelf.first(weights, given.get("example")))

    def _example(self, visit: Visit, name: Any) -> str | None:
        """Return the file that the clip field has of an example; None if there is no such one."""
        return self._serve(self.shelf.named(visit.session.weights, name))

    def _serve(self, asked: Example | None) -> str | None:
        if asked is None:
            return None
        try:
            return self.served.copy(asked.path)
        except (OSError, ExplorerError) as error:  # a full disk, a full folder
            raise to_toast(error) from error

    def _bring_back(self, visit: Visit, held: str | None) -> Any:
        """Put the clip that is shown into an empty field."""
        shown = visit.chosen.shown
        return shown if held is None and shown and Path(shown).is_file() else gr.skip()

    def _stop(self, visit: Visit, clock: str, request: gr.Request) -> list[Any]:
        """Stop all that the visitor asked for before they pressed Cancel."""
        pressed = controls.moment(clock, "cancel")
        visit.cancelled_at = visit.cancelled_at if pressed is None else pressed
        queue = self._page._queue
        begun = [event for job in queue.active_jobs if job is not None for event in job]
        waiting = [
            event for lane in queue.event_queue_per_concurrency_id.values() for event in lane.queue
        ]
        events = [event for event in begun + waiting if event.session_hash == request.session_hash]
        self.visitors.stop(request, [event._id for event in events])
        gr.Info(text.STOPPED)  # only an event of the queue can say it
        listed = gr.update(choices=self.pool.choices(), value=visit.session.weights)
        return [seal([]), listed, seal([]), gr.update(visible=False)]
