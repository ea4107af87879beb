"""The page: components, and which handler each of them calls. Every wire is here."""

from __future__ import annotations

import html
import logging
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder
from starlette.middleware import Middleware

from videomae_demo.errors import ExplorerError
from videomae_demo.limits import DEFAULT_LIMITS, Limits
from videomae_demo.ui import api, present, text
from videomae_demo.ui.examples import Example, find_examples, thumbnail
from videomae_demo.ui.gate import Gate
from videomae_demo.ui.handlers import (
    AS_TRAINED,
    SAMPLINGS,
    UNCHANGED,
    Handlers,
    Page,
    Pages,
    Unchanged,
)
from videomae_demo.ui.panel.panel import make_panel, sentence
from videomae_demo.ui.picker.picker import make_picker
from videomae_demo.ui.served import ServedFiles
from videomae_demo.ui.session import Session
from videomae_demo.ui.tabs.attend import AttendTab, build_attend
from videomae_demo.ui.tabs.recognise import RecogniseTab, build_recognise
from videomae_demo.ui.tabs.reconstruct import PRESETS, ReconstructTab, build_reconstruct
from videomae_demo.ui.tabs.take_away import TakeAway
from videomae_demo.ui.theme import STYLE_SHEET, make_theme
from videomae_demo.ui.token_player.player import LENSES, token_player
from videomae_demo.ui.visitors import Visitors
from videomae_demo.ui.weights import ExplorerPool

logger = logging.getLogger(__name__)

ON_SPACES = "SPACE_ID" in os.environ
HOURS_KEPT = 2 if ON_SPACES else 24
MODEL: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": 1}
"""All handlers that may run a model wait for one another."""
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}

TAB_TITLES = dict(zip(LENSES, ("Recognise", "Attend", "Reconstruct"), strict=True))


class PageBuilder:
    """Builds one page: components first, then their wires."""

    def __init__(
        self, pool: ExplorerPool, examples: tuple[Example, ...], limits: Limits = DEFAULT_LIMITS
    ) -> None:
        self.pool = pool
        self.limits = limits
        self.served = ServedFiles()
        self.pictures = _pictures(examples, self.served)
        shown = [example for example in examples if example in self.pictures]
        self.handlers = Handlers(pool, shown, self.served.save, HOURS_KEPT)
        self.running: list[Any] = []
        self.visitors = Visitors()

    def build(self) -> gr.Blocks:
        """Return the page, its queue configured."""
        page = gr.Blocks(
            title=text.TITLE,
            analytics_enabled=False,
            fill_width=True,
            delete_cache=(3600, HOURS_KEPT * 3600),
        )
        with page:
            self.session = gr.State(Session(self.pool.default))
            self._build_head()
            self.status = make_panel("status")
            with gr.Row(elem_id="columns"):
                with gr.Column(scale=3, min_width=240, elem_id="left"):
                    self._build_clip()
                with gr.Column(scale=7, min_width=320, elem_id="middle"):
                    self.player = token_player("player")
                with gr.Column(scale=5, min_width=300, elem_id="right"):
                    self._build_lenses()
            self._wire(page)
            api.add_endpoints(self.pool, self.visitors, MODEL)
        self.served.expire_with(page)
        page.queue(max_size=self.limits.queue_length, api_open=False)
        return page

    def _build_head(self) -> None:
        offers = self.pool.offers()
        with gr.Row(elem_id="head"):
            with gr.Column(scale=6, min_width=300):
                gr.Markdown(f"# {text.TITLE}\n{text.INTRODUCTION}", elem_id="introduction")
            with gr.Column(scale=5, min_width=300):
                self.weights = gr.Dropdown(
                    [(offer.line, offer.name) for offer in offers],
                    value=self.pool.default,
                    label="Weights",
                    elem_id="weights",
                    container=False,
                    filterable=False,
                )
                self.offer = make_panel("offer")
                self.load = gr.Button(
                    "Load these weights", variant="primary", visible=False, elem_id="load"
                )
                self.weights_here = make_panel("weights-here")

    def _build_clip(self) -> None:
        self.clip = gr.Video(label="Clip", sources=["upload", "webcam"], elem_id="clip", height=230)
        with gr.Row():
            self.explore = gr.Button("Explore", variant="primary", min_width=90, elem_id="explore")
            self.cancel = gr.Button("Cancel", min_width=90, elem_id="cancel")
        self.picker = make_picker(list(self.pictures.values()), "examples")
        with gr.Accordion("What the model gets", open=True):
            self.seen = make_panel("seen")
        with gr.Accordion("Sampling", open=False):
            self.sampling = gr.Radio(
                list(SAMPLINGS), value=AS_TRAINED, label="Frames", elem_id="sampling"
            )
            self.interval_s = gr.Number(
                0.125, label="Seconds between frames", minimum=0.001, elem_id="interval"
            )
            self.start_s = gr.Textbox(
                label="Start in seconds", info="Empty: the middle of the clip.", elem_id="start"
            )
        gr.Markdown(text.keeps_uploads(HOURS_KEPT), elem_id="privacy")

    def _build_lenses(self) -> None:
        builders = (build_recognise, build_attend, build_reconstruct)
        built: dict[str, Any] = {}
        self.tabs: dict[str, gr.Tab] = {}
        with gr.Tabs(elem_id="lenses"):
            for lens, builder in zip(LENSES, builders, strict=True):
                tab = gr.Tab(TAB_TITLES[lens], id=lens, elem_id=f"tab-{lens}", render_children=True)
                with tab:
                    built[lens] = builder()
                self.tabs[lens] = tab
        self.recognise: RecogniseTab = built["recognise"]
        self.attend: AttendTab = built["attend"]
        self.reconstruct: ReconstructTab = built["reconstruct"]
        with gr.Accordion("This view in Python", open=False, elem_id="python"):
            self.code = gr.Code(
                language="python",
                interactive=False,
                wrap_lines=True,
                elem_id="code",
                label="Python",
            )

    @property
    def outputs(self) -> list[Any]:
        """The components that a `Page` changes; see `to_outputs` for the order."""
        return [
            self.session,
            self.player,
            self.status,
            self.weights_here,
            self.seen,
            self.recognise.panel,
            self.attend.panel,
            self.reconstruct.panel,
            self.code,
            self.clip,
            self.recognise.label,
            self.attend.first_layer,
            self.attend.last_layer,
            self.reconstruct.kind,
            self.reconstruct.ratio,
            self.reconstruct.seed,
        ]

    def _wire(self, page: gr.Blocks) -> None:
        handlers, session = self.handlers, self.session
        follow = self.visitors.follow

        def call(method: Any) -> Any:
            """Make an event's function of a handler."""

            def run(*given: Any) -> Iterator[list[Any]]:
                yield from deliver(follow(method(*given)))

            return run

        def choose(now: Session, event: gr.EventData) -> Iterator[list[Any]]:
            yield from deliver(follow(handlers.choose(now, event._data.get("token"))))

        def paint(now: Session, event: gr.EventData) -> Iterator[list[Any]]:
            yield from deliver(follow(handlers.paint(now, str(event._data.get("mask")))))

        def pick(now: Session, event: gr.EventData) -> Iterator[list[Any]]:
            yield from deliver(follow(handlers.pick(now, int(event._data.get("index", -1)))))

        def load(
            now: Session, weights: str, progress: gr.Progress = DOWNLOADS
        ) -> Iterator[list[Any]]:
            current = now.weights
            for page_now, outputs in deliver_with_page(follow(handlers.load(now, weights))):
                if page_now is not None and isinstance(page_now.session, Session):
                    current = page_now.session.weights
                # What could not be loaded is not what the list shows as chosen.
                ended = page_now is None or current == weights
                yield [*outputs, self._weights_update(current) if ended else gr.skip()]

        exploring = [session, self.clip, self.sampling, self.interval_s, self.start_s]
        self._on(page.load, call(handlers.open), [])
        self._on(self.picker.pick, pick, [session])
        self._on(self.clip.upload, call(handlers.explore), exploring)
        self._on(self.clip.stop_recording, call(handlers.explore), exploring)
        self._on(self.explore.click, call(handlers.explore), exploring)
        loading = {"show_progress": "full", "show_progress_on": self.status}
        self.running.append(
            self.load.click(
                load,
                [session, self.weights],
                [*self.outputs, self.weights],
                **MODEL,
                **QUIET | loading,
            )
        )
        self._on(self.player.choose, choose, [session])
        self._on(self.player.paint, paint, [session])
        self._on(
            self.recognise.label.input, call(handlers.look_up), [session, self.recognise.label]
        )
        self._wire_controls(call)
        self._wire_weights()
        for take_away in (self.recognise, self.attend, self.reconstruct):
            self._wire_take_away(take_away.take_away)
        for lens, tab in self.tabs.items():
            tab.select(None, js=_tell_lens(lens))
        page.unload(self.visitors.stop)
        self.cancel.click(
            self._stop,
            outputs=self.status,
            cancels=self.running,
            queue=False,
            **QUIET,
        )

    def _stop(self, request: gr.Request) -> list[Any]:
        self.visitors.stop(request)
        gr.Info(text.STOPPED, title="Stopped")
        return []

    def _wire_controls(self, call: Any) -> None:
        rollout = [self.session, *self.attend.controls]
        for control in self.attend.controls:
            event = control.release if isinstance(control, gr.Slider) else control.input
            self._on(event, call(self.handlers.set_rollout), rollout)
        tab = self.reconstruct
        mask = [self.session, *tab.controls]
        for event in (tab.kind.input, tab.ratio.release, tab.seed.input):
            self._on(event, call(self.handlers.set_mask), mask)
        for share, button in zip(PRESETS, tab.presets, strict=True):
            chosen = button.click(
                lambda kind, share=share: (share, "tube" if kind == "painted" else kind),
                tab.kind,
                [tab.ratio, tab.kind],
                queue=False,
                **QUIET,
            )
            self._on(chosen.then, call(self.handlers.set_mask), mask)
        drawn = tab.another.click(
            lambda seed, kind: (int(seed or 0) + 1, "tube" if kind == "painted" else kind),
            [tab.seed, tab.kind],
            [tab.seed, tab.kind],
            queue=False,
            **QUIET,
        )
        self._on(drawn.then, call(self.handlers.set_mask), mask)

    def _wire_weights(self) -> None:
        def offer(name: str, now: Session) -> list[Any]:
            chosen = name != now.weights
            blocks = [sentence(self.pool.offer(name).sentence)] if chosen else []
            return [blocks, gr.update(visible=chosen)]

        self.weights.input(
            offer, [self.weights, self.session], [self.offer, self.load], queue=False, **QUIET
        )
        self.load.click(
            lambda: [[], gr.update(visible=False)],
            outputs=[self.offer, self.load],
            queue=False,
            **QUIET,
        )

    def _weights_update(self, current: str) -> Any:
        choices = [(offer.line, offer.name) for offer in self.pool.offers()]
        return gr.update(choices=choices, value=current)

    def _wire_take_away(self, part: TakeAway) -> None:
        def write(now: Session) -> Iterator[list[Any]]:
            pages = self.visitors.follow(self._write_files(now, part.lens))
            for page, outputs in deliver_with_page(pages):
                files: Any = gr.skip()
                if page is not None and isinstance(page.files, list):
                    files = gr.update(value=page.files, visible=True)
                yield [*outputs, files]

        event = part.button.click(
            write, [self.session], [*self.outputs, part.files], **MODEL, **QUIET
        )
        self.running.append(event)

    def _write_files(self, now: Session, lens: str) -> Pages:
        """Write the files of a lens, and lay copies of them where gradio serves from."""
        with tempfile.TemporaryDirectory(prefix="take-away-") as folder:
            for page in self.handlers.files(now, lens, Path(folder)):
                if isinstance(page.files, list):
                    page = replace(page, files=[self.served.copy(path) for path in page.files])
                yield page

    def _on(self, event: Any, run: Any, inputs: list[Any], **options: Any) -> None:
        """Wire a handler that may run a model."""
        waiting = {"show_progress": "minimal", "show_progress_on": self.status}
        options = {"trigger_mode": "always_last", **MODEL, **QUIET, **waiting, **options}
        self.running.append(event(run, inputs, self.outputs, **options))


DOWNLOADS = gr.Progress(track_tqdm=True)


def build_page(
    pool: ExplorerPool,
    examples: tuple[Example, ...] | None = None,
    *,
    limits: Limits = DEFAULT_LIMITS,
) -> gr.Blocks:
    """Return the page; `examples` default to the project's own clips."""
    return PageBuilder(pool, find_examples() if examples is None else examples, limits).build()


def launch_options(limits: Limits = DEFAULT_LIMITS) -> dict[str, Any]:
    """Return how the page is launched, on a laptop and on a public machine alike."""
    return {
        "app_kwargs": {"middleware": [Middleware(Gate)]},
        "theme": make_theme(),
        "css_paths": STYLE_SHEET,
        "max_file_size": f"{limits.upload_mb}mb",
        "show_error": False,
        "ssr_mode": False,
        "enable_monitoring": False,
        "run_history": False,
        "state_session_capacity": 200,
        "footer_links": ["api", "settings"],
    }


def deliver(pages: Pages) -> Iterator[list[Any]]:
    """Turn pages into outputs, and what goes wrong into a toast of one sentence."""
    for _, outputs in deliver_with_page(pages):
        yield outputs


def deliver_with_page(pages: Pages) -> Iterator[tuple[Page | None, list[Any]]]:
    """See `deliver`; the page comes with its outputs, None for one that clears the status."""
    try:
        for page in pages:
            yield page, to_outputs(page)
    except ExplorerError as error:
        yield None, to_outputs(Page(status=[]))
        # The message is rendered as HTML, and may hold a file's name.
        raise gr.Error(
            html.escape(str(error)), title="Not possible", print_exception=False
        ) from None
    except OSError as error:  # a full disk, or one that can't be written; all else has a sentence
        logger.exception("A file can't be read or written")
        yield None, to_outputs(Page(status=[]))
        raise gr.Error(
            text.DISK.format(cause=error.strerror), title="Not possible", print_exception=False
        ) from error
    except gr.Error:  # a sentence already: ZeroGPU says so when a visitor's quota is used up
        yield None, to_outputs(Page(status=[]))
        raise
    except Exception as error:  # the one catch-all, at the edge to the visitor
        logger.exception("A handler failed")
        yield None, to_outputs(Page(status=[]))
        raise gr.Error(text.DEFECT, title="Our fault", print_exception=False) from error


def to_outputs(page: Page) -> list[Any]:
    """Return a page's changes in the order of `PageBuilder.outputs`."""
    plain = [
        page.session,
        page.player,
        page.status,
        page.weights,
        page.clip,
        page.labels,
        page.attention,
        page.reconstruction,
        page.code,
        _to_serve(page.video),
    ]
    outputs = [gr.skip() if value is UNCHANGED else value for value in plain]
    return [*outputs, *_label_updates(page), *_layer_updates(page), *_mask_updates(page)]


def _label_updates(page: Page) -> list[Any]:
    if isinstance(page.label_names, Unchanged):
        return [gr.skip()]
    return [gr.update(choices=list(page.label_names), value=None)]


def _layer_updates(page: Page) -> list[Any]:
    if not isinstance(page.layers, int):
        return [gr.skip(), gr.skip()]
    settings = page.session.settings if isinstance(page.session, Session) else None
    last = page.layers if settings is None else settings.last_layer or page.layers
    first = 1 if settings is None else settings.first_layer
    return [
        gr.update(maximum=page.layers, value=first),
        gr.update(maximum=page.layers, value=last),
    ]


def _mask_updates(page: Page) -> list[Any]:
    mask = page.mask
    if isinstance(mask, Unchanged):
        return [gr.skip()] * 3
    return [mask.kind, mask.ratio, mask.seed]


def _to_serve(path: str | Unchanged) -> str | Unchanged:
    """Copy a clip into the cache: gradio serves no file from elsewhere, such as the examples."""
    if isinstance(path, Unchanged) or not Path(path).is_file():
        return path
    copy: str = save_file_to_cache(path, get_upload_folder())
    return copy


def _pictures(examples: tuple[Example, ...], served: ServedFiles) -> dict[Example, dict[str, Any]]:
    """Return what the picker shows of each example that can be read."""
    pictures = {}
    for example in examples:
        try:
            file = present.save_picture(thumbnail(example), served.save)
        except (ExplorerError, OSError) as error:
            logger.warning("The example %s can't be shown: %s", example.path.name, error)
            continue
        pictures[example] = {"title": example.title, "file": file}
    return pictures


def _tell_lens(lens: str) -> str:
    """Tell the player in the browser which lens is open; nothing goes to the server."""
    return (
        f"() => {{ window.dispatchEvent(new CustomEvent('videomae-lens', {{detail: '{lens}'}})); }}"
    )
