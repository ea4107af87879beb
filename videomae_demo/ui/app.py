"""The page: which handler each of its components calls. Every wire is here."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from videomae_demo.errors import ExplorerError
from videomae_demo.limits import Limits
from videomae_demo.pool import ExplorerPool
from videomae_demo.ui import api, present, text, values
from videomae_demo.ui.controls import Sampling
from videomae_demo.ui.examples import Example, find_examples, thumbnail
from videomae_demo.ui.gradio_edge.edge import Edge
from videomae_demo.ui.gradio_edge.sealed import seal
from videomae_demo.ui.gradio_edge.served import ServedFiles
from videomae_demo.ui.gradio_edge.visitors import Visitors
from videomae_demo.ui.handlers import Handlers
from videomae_demo.ui.layout import build_layout
from videomae_demo.ui.outputs import components_of, to_outputs, to_toast
from videomae_demo.ui.page import Page, Pages
from videomae_demo.ui.panel.panel import sentence
from videomae_demo.ui.session import Session, Visit
from videomae_demo.ui.tabs.reconstruct import PRESETS, ReconstructTab
from videomae_demo.ui.tabs.take_away import TakeAway
from videomae_demo.ui.theme import STYLE_SHEET, make_theme
from videomae_demo.ui.token_player.player import LENS
from videomae_demo.ui.wiring import QUIET, Wiring, as_shown, naming, setting, tell
from videomae_demo.ui.work import (
    DOWNLOAD,
    ENDPOINTS,
    MODEL,
    QUICK,
    Work,
    by_letter,
    keeping_preview,
)

logger = logging.getLogger(__name__)


class PageBuilder:
    """Builds one page: components first, then their wires."""

    def __init__(self, pool: ExplorerPool, examples: tuple[Example, ...], edge: Edge) -> None:
        self.pool = pool
        self.limits = edge.limits
        self.served = edge.served
        self.pictures = _pictures(examples, self.served, self.limits)
        shown = [example for example in examples if example in self.pictures]
        self.handlers = Handlers(pool, shown, self.served.save, self.limits)
        self.visitors = Visitors()

    def build(self) -> gr.Blocks:
        """Return the page, its queue configured."""
        page = gr.Blocks(title=text.TITLE, analytics_enabled=False, fill_width=True)
        with page:
            pictures = list(self.pictures.values())
            self.layout = build_layout(self.pool, pictures, self.limits.kept_hours)
            self.outputs = components_of(self.layout)
            self.work = Work(self.handlers, self.visitors)
            self.wiring = Wiring(self.layout, self.work)
            self._wire(page)
            api.add_endpoints(self.pool, self.visitors, ENDPOINTS)
        self.served.hand_to(page)
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

        def first(_visit: Visit) -> str | None:
            return self._example(0)

        def picked(_visit: Visit, letter: str, *_: Any) -> str | None:
            return self._example(values.said(letter))

        def held(visit: Visit, _visit: Visit, path: str | None, *_: Any) -> str | None:
            return path or visit.chosen.shown

        def explore(session: Session, visit: Visit, path: str | None, *sampling: Any) -> Pages:
            is_shown = path == visit.chosen.shown  # it may be a preview
            yield from handlers.explore(session, None if is_shown else path, *sampling)

        opened = self.wiring.explores(page.load, handlers.open, [], first)
        opened.then(self._list_weights, outputs=self.layout.head.weights, queue=False, **QUIET)
        pick = [mail.pick, *clip.controls]
        self.wiring.explores(mail.pick.input, by_letter(handlers.pick), pick, picked)
        given = [self.layout.visit, clip.video, *clip.controls]
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
        for name, control in zip(Sampling.__slots__, clip.controls, strict=True):
            resample = naming(handlers.resample, name)
            self.wiring.explores(
                setting(control), resample, clip.controls, as_shown, control.elem_id
            )

    def _wire_clip(self, page: gr.Blocks) -> None:
        """Show examples and previews in the clip field, and say whether the page is of its clip.

        By events of their own: gradio changes a streamed value in the browser in place, and a clip
        that is followed by "unchanged" could not be sent back.
        """
        clip, mail = self.layout.clip, self.layout.mail
        pick = mail.pick_to_show

        def show(letter: str) -> Any:
            return self._example(values.said(letter)) or gr.skip()

        pick.input(show, pick, clip.video, queue=False, trigger_mode="always_last", **QUIET)
        if self.handlers.examples:
            page.load(lambda: self._example(0), None, clip.video, queue=False, **QUIET)
        self.wiring.explain(clip.video.change, mail.explored.input)
        preview, quiet = keeping_preview(self.handlers.preview), {"show_progress": "hidden"}
        self.wiring.beside(clip.watcher.unplayable, preview, [clip.video], **QUICK, **quiet)

    def _wire_lenses(self) -> None:
        handlers, mail, lenses = self.handlers, self.layout.mail, self.layout.lenses
        self.wiring.changes(
            mail.choose.input, by_letter(handlers.choose), [mail.choose], quick=True
        )
        self.wiring.changes(mail.paint.input, by_letter(handlers.paint), [mail.paint])
        label = lenses.recognise.label
        self.wiring.changes(label.input, handlers.look_up, [label], label.elem_id, quick=True)
        rollout = lenses.attend.controls
        for control in rollout:
            self.wiring.changes(
                setting(control), handlers.set_rollout, rollout, control.elem_id, quick=True
            )
        first, last = lenses.attend.first_layer, lenses.attend.last_layer
        first.input(None, [first, last], last, js="(first, last) => Math.max(first, last)")
        last.input(None, [first, last], first, js="(first, last) => Math.min(first, last)")
        self._wire_mask(lenses.reconstruct)
        for tab in (lenses.recognise, lenses.attend, lenses.reconstruct):
            self._wire_take_away(tab.take_away)
        for lens, opener in lenses.tabs.items():
            opener.select(None, js=tell(LENS, lens))

    def _wire_mask(self, tab: ReconstructTab) -> None:
        def redraw(event: Any, name: str, source: str | None) -> None:
            self.wiring.changes(event, naming(self.handlers.set_mask, name), tab.controls, source)

        for name, control in zip(("kind", "ratio", "seed"), tab.controls, strict=True):
            redraw(setting(control), name, control.elem_id)
        # In the browser alone, so that of several clicks the last one counts.
        for share, button in zip(PRESETS, tab.presets, strict=True):
            chosen = button.click(None, None, tab.ratio, js=f"() => {share}")
            redraw(chosen.then, "preset", button.elem_id)
        drawn = tab.another.click(None, tab.seed, tab.seed, js="seed => Math.trunc(seed || 0) + 1")
        redraw(drawn.then, "seed", tab.another.elem_id)

    def _wire_take_away(self, part: TakeAway) -> None:
        def write(session: Session, visit: Visit) -> Pages:
            """Write the files of a lens, and lay copies of them where gradio serves from."""
            with tempfile.TemporaryDirectory(prefix="take-away-") as folder:
                for page in self.handlers.files(session, part.lens, Path(folder)):
                    is_shown = session.shows_in(part.lens) == visit.session.shows_in(part.lens)
                    if isinstance(page.files, Mapping) and is_shown:
                        copies = [self.served.copy(path) for path in page.files[part.lens]]
                        yield replace(page, files={part.lens: copies})

        # A reconstruction is not kept, so it has to be made once more.
        lane = MODEL if part.lens == "reconstruct" else QUICK
        click, source = part.button.click, part.button.elem_id
        self.wiring.beside(click, write, [], source, **lane, trigger_mode="once")

    def _wire_weights(self) -> None:
        head, visit = self.layout.head, self.layout.visit

        def offer(name: str, visit: Visit) -> list[Any]:
            chosen = name != visit.session.weights
            blocks = [sentence(self.pool.offer(name).sentence)] if chosen else []
            return [seal(blocks), gr.update(visible=chosen)]

        def fetch(visit: Visit, weights: str) -> Iterator[list[Any]]:
            unchanged, hidden = gr.skip(), gr.update(visible=False)
            yield [*to_outputs(Page()), seal([]), hidden]
            for outputs in self.work.fetch(visit, weights):
                yield [*outputs, unchanged, hidden]

        head.weights.input(
            offer, [head.weights, visit], [head.offer, head.load], queue=False, **QUIET
        )
        fetched = head.load.click(
            fetch,
            [visit, head.weights],
            [*self.outputs, head.offer, head.load],
            **DOWNLOAD,
            **QUIET,
        )
        loading = partial(self.wiring.explores, fetched.success, self.handlers.load, [head.weights])
        loading(as_shown, "load", show_progress="hidden")
        self.layout.cancel.click(
            self._stop,
            [visit, self.layout.mail.clock],
            [self.layout.status, head.weights, head.offer, head.load],
            cancels=fetched,  # all else ends by itself: gradio would lose what is asked for next
            concurrency_limit=None,  # nobody waits to stop; without the queue there is no toast
            **QUIET,
        )

    def _list_weights(self) -> Any:
        """List what is on this machine by now, whoever fetched it."""
        return gr.update(choices=self.pool.choices())

    def _example(self, index: Any) -> str | None:
        """Return the file that the clip field has of an example; None if there is no such one."""
        examples = self.handlers.examples
        if not isinstance(index, int) or not 0 <= index < len(examples):
            return None
        try:
            return self.served.copy(examples[index].path)
        except OSError as error:
            raise to_toast(error) from error

    def _bring_back(self, visit: Visit, held: str | None) -> Any:
        """Put the clip that is shown into an empty field."""
        shown = visit.chosen.shown
        return shown if held is None and shown and Path(shown).is_file() else gr.skip()

    def _stop(self, visit: Visit, clock: str, request: gr.Request) -> list[Any]:
        """Stop all that the visitor asked for before they pressed Cancel."""
        pressed = values.moment(clock, "cancel")
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
