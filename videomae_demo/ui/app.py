"""The page: which handler each of its components calls. Every wire is here."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from videomae_demo.errors import ExplorerError
from videomae_demo.ui import api, present, text, values
from videomae_demo.ui.edge import Edge
from videomae_demo.ui.examples import Example, find_examples, thumbnail
from videomae_demo.ui.handlers import Handlers
from videomae_demo.ui.layout import build_layout
from videomae_demo.ui.outputs import components_of, deliver, deliver_with_page, to_outputs
from videomae_demo.ui.page import Page, Pages
from videomae_demo.ui.panel.panel import sentence
from videomae_demo.ui.preview.preview import EXPLORED
from videomae_demo.ui.sealed import seal
from videomae_demo.ui.served import ServedFiles
from videomae_demo.ui.session import Session
from videomae_demo.ui.tabs.reconstruct import PRESETS
from videomae_demo.ui.tabs.take_away import TakeAway
from videomae_demo.ui.theme import STYLE_SHEET, make_theme
from videomae_demo.ui.token_player.player import LENS
from videomae_demo.ui.visitors import Visitors
from videomae_demo.ui.weights import ExplorerPool

logger = logging.getLogger(__name__)

MODEL: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": 1}
"""All handlers that may run a model wait for one another."""
DOWNLOAD: dict[str, Any] = {"concurrency_id": "download", "concurrency_limit": 1}
"""Downloads wait for one another, and nobody's clip waits for them."""
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}


class PageBuilder:
    """Builds one page: components first, then their wires."""

    def __init__(self, pool: ExplorerPool, examples: tuple[Example, ...], edge: Edge) -> None:
        self.pool = pool
        self.limits = edge.limits
        self.served = edge.served
        self.pictures = _pictures(examples, self.served, self.limits)
        shown = [example for example in examples if example in self.pictures]
        self.handlers = Handlers(pool, shown, self.served.save, self.limits.kept_hours)
        self.visitors = Visitors()

    def build(self) -> gr.Blocks:
        """Return the page, its queue configured."""
        page = gr.Blocks(title=text.TITLE, analytics_enabled=False, fill_width=True)
        with page:
            pictures = list(self.pictures.values())
            self.layout = build_layout(self.pool, pictures, self.limits.kept_hours)
            self.outputs = components_of(self.layout)
            self._wire(page)
            api.add_endpoints(self.pool, self.visitors, MODEL)
        self.served.hand_to(page)
        self._page = page
        page.queue(max_size=self.limits.queue_length, api_open=False)
        return page

    def _wire(self, page: gr.Blocks) -> None:
        handlers, session, head = self.handlers, self.layout.session, self.layout.head
        follow = self.visitors.follow

        def call(method: Any) -> Any:
            """Make an event's function of a handler."""

            def run(*given: Any) -> Iterator[list[Any]]:
                yield from deliver(follow(method(*given)))

            return run

        def fetch(now: Session, weights: str) -> Iterator[list[Any]]:
            unchanged, hidden = gr.skip(), gr.update(visible=False)
            yield [*to_outputs(Page()), unchanged, seal([]), hidden]
            for page_now, outputs in deliver_with_page(follow(handlers.fetch(weights))):
                # What could not be fetched is not what the list shows as chosen.
                failed = page_now is None
                chosen = self._weights_update(now.weights) if failed else unchanged
                yield [*outputs, chosen, unchanged, hidden]

        def load(now: Session, weights: str) -> Iterator[list[Any]]:
            current = now.weights
            for page_now, outputs in deliver_with_page(follow(handlers.load(now, weights))):
                if page_now is not None and isinstance(page_now.session, Session):
                    current = page_now.session.weights
                ended = page_now is None or current == weights
                yield [*outputs, self._weights_update(current) if ended else gr.skip()]

        clip, lenses = self.layout.clip, self.layout.lenses
        exploring = [session, clip.video, *clip.controls]
        opened = self._on(page.load, call(handlers.open), [])
        opened.then(self._list_weights, outputs=head.weights, queue=False, **QUIET)
        mail = self.layout.mail
        self._tell_explored(self._on_mail(mail.pick, call, handlers.pick, clip.controls))
        self._wire_clip(page)
        for event in (clip.video.upload, clip.video.stop_recording, clip.explore.click):
            self._tell_explored(self._on(event, call(handlers.explore), exploring))
        uploaded = clip.upload.upload(
            lambda path: path, clip.upload, clip.video, queue=False, **QUIET
        )
        self._tell_explored(self._on(uploaded.then, call(handlers.explore), exploring))
        self._on(clip.watcher.unplayable, call(handlers.preview), [session, clip.video])
        choosing = [session, head.weights]
        offered = [head.weights, head.offer, head.load]
        fetched = head.load.click(fetch, choosing, [*self.outputs, *offered], **DOWNLOAD, **QUIET)
        fetched.success(load, choosing, [*self.outputs, head.weights], **MODEL, **QUIET)
        self._on_mail(mail.choose, call, handlers.choose)
        self._on_mail(mail.paint, call, handlers.paint)
        label = lenses.recognise.label
        self._on(label.input, call(handlers.look_up), [session, label])
        self._wire_controls(call)
        self._wire_weights()
        for tab in (lenses.recognise, lenses.attend, lenses.reconstruct):
            self._wire_take_away(tab.take_away)
        for lens, opener in lenses.tabs.items():
            opener.select(None, js=_tell(LENS, lens))
        page.unload(self.visitors.stop)
        self.layout.cancel.click(
            self._stop,
            session,
            [self.layout.status, *offered],
            cancels=fetched,  # all else ends by itself: gradio would lose what is asked for next
            concurrency_limit=None,  # nobody waits to stop; without the queue there is no toast
            **QUIET,
        )

    def _wire_clip(self, page: gr.Blocks) -> None:
        """Show examples in the clip field.

        By events of their own: gradio changes a streamed value in the browser in place, and a clip
        that is followed by "unchanged" could not be sent back.
        """
        examples, copy = self.handlers.examples, self.served.copy
        paths = {json.dumps(index): example.path for index, example in enumerate(examples)}

        def show(said: str) -> Any:
            return copy(paths[said]) if isinstance(said, str) and said in paths else gr.skip()

        clip, pick = self.layout.clip, self.layout.mail.pick_to_show
        pick.input(show, pick, clip.video, queue=False, trigger_mode="always_last", **QUIET)
        if examples:
            page.load(lambda: copy(examples[0].path), None, clip.video, queue=False, **QUIET)

    def _wire_controls(self, call: Any) -> None:
        session, lenses = self.layout.session, self.layout.lenses
        rollout = [session, *lenses.attend.controls]
        for control in lenses.attend.controls:
            event = control.release if isinstance(control, gr.Slider) else control.input
            self._on(event, call(self.handlers.set_rollout), rollout)
        tab = lenses.reconstruct
        mask = [session, *tab.controls]
        self._on(tab.kind.input, call(self.handlers.set_mask), mask)
        for event in (tab.ratio.release, tab.seed.input):
            self._on(event, call(self.handlers.redraw_mask), mask)
        # In the browser alone, so that of several clicks the last one counts.
        for share, button in zip(PRESETS, tab.presets, strict=True):
            chosen = button.click(None, None, tab.ratio, js=f"() => {share}")
            self._on(chosen.then, call(self.handlers.redraw_mask), mask)
        drawn = tab.another.click(None, tab.seed, tab.seed, js="seed => Math.trunc(seed || 0) + 1")
        self._on(drawn.then, call(self.handlers.redraw_mask), mask)

    def _wire_weights(self) -> None:
        head, session = self.layout.head, self.layout.session

        def offer(name: str, now: Session) -> list[Any]:
            chosen = name != now.weights
            blocks = [sentence(self.pool.offer(name).sentence)] if chosen else []
            return [seal(blocks), gr.update(visible=chosen)]

        head.weights.input(
            offer, [head.weights, session], [head.offer, head.load], queue=False, **QUIET
        )

    def _weights_update(self, current: str) -> Any:
        return gr.update(choices=self.pool.choices(), value=current)

    def _list_weights(self) -> Any:
        """List what is on this machine by now, whoever fetched it."""
        return gr.update(choices=self.pool.choices())

    def _stop(self, now: Session, request: gr.Request) -> list[Any]:
        waiting = self._page._queue.event_queue_per_concurrency_id[MODEL["concurrency_id"]].queue
        mine = [event for event in waiting if event.session_hash == request.session_hash]
        self.visitors.stop(request, len(mine))
        gr.Info(text.STOPPED)  # only an event of the queue can say it
        return [seal([]), self._weights_update(now.weights), seal([]), gr.update(visible=False)]

    def _wire_take_away(self, part: TakeAway) -> None:
        place = self.outputs.index(part.files)

        def write(now: Session) -> Iterator[list[Any]]:
            pages = self.visitors.follow(self._write_files(now, part.lens))
            for page, outputs in deliver_with_page(pages):
                if page is not None and isinstance(page.files, list):
                    outputs[place] = gr.update(value=page.files, visible=True)
                yield outputs

        part.button.click(write, [self.layout.session], self.outputs, **MODEL, **QUIET)

    def _write_files(self, now: Session, lens: str) -> Pages:
        """Write the files of a lens, and lay copies of them where gradio serves from."""
        with tempfile.TemporaryDirectory(prefix="take-away-") as folder:
            for page in self.handlers.files(now, lens, Path(folder)):
                if isinstance(page.files, list):
                    page = replace(page, files=[self.served.copy(path) for path in page.files])
                yield page

    def _on(self, event: Any, run: Any, inputs: list[Any], **options: Any) -> Any:
        """Wire a handler that may run a model."""
        waiting = {"show_progress": "minimal", "show_progress_on": self.layout.status}
        options = {"trigger_mode": "always_last", **MODEL, **QUIET, **waiting, **options}
        return event(run, inputs, self.outputs, **options)

    def _on_mail(
        self, mailbox: gr.HTML, call: Any, handler: Any, inputs: Sequence[Any] = ()
    ) -> Any:
        """Wire a handler to what a script of the page says."""

        def run(session: Session, said: str, *given: Any) -> Pages:
            yield from handler(session, values.said(said), *given)

        return self._on(mailbox.input, call(run), [self.layout.session, mailbox, *inputs])

    def _tell_explored(self, event: Any) -> None:
        """Tell the browser of an exploration's end, good or bad; see `preview`."""
        for outcome in (event.then, event.failure):
            outcome(None, js=_tell(EXPLORED))


def build_page(
    pool: ExplorerPool, examples: tuple[Example, ...] | None = None, *, edge: Edge | None = None
) -> gr.Blocks:
    """Return the page; `examples` default to the project's own clips.

    It is launched with the `launch_options` of the same `edge`.
    """
    shown = find_examples() if examples is None else examples
    return PageBuilder(pool, shown, edge or Edge()).build()


def launch_options(edge: Edge) -> dict[str, Any]:
    """Return how the page is launched, on a laptop and on a public machine alike."""
    return {
        "app_kwargs": edge.app_options,
        "theme": make_theme(),
        "css_paths": STYLE_SHEET,
        "max_file_size": f"{edge.limits.upload_mb}mb",
        "show_error": False,
        "ssr_mode": False,
        "enable_monitoring": False,
        "run_history": False,
        "state_session_capacity": 200,
        "footer_links": ["api", "settings"],
    }


def _pictures(
    examples: tuple[Example, ...], served: ServedFiles, limits: Limits
) -> dict[Example, dict[str, Any]]:
    """Return what the picker shows of each example that can be read."""
    pictures = {}
    for example in examples:
        try:
            file = present.save_picture(thumbnail(example, limits), served.keep)
        except (ExplorerError, OSError) as error:
            logger.warning("The example %s can't be shown: %s", example.path.name, error)
            continue
        pictures[example] = {"title": example.title, "file": file}
    return pictures


def _tell(event: str, detail: str = "") -> str:
    """Return JavaScript that tells the page's own scripts of an event; the server is not asked."""
    return f"() => {{ window.dispatchEvent(new CustomEvent('{event}', {{detail: '{detail}'}})); }}"
