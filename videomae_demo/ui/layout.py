"""Where everything stands on the page: components alone, no wires."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from videomae_demo.pool import ExplorerPool
from videomae_demo.ui import text
from videomae_demo.ui.controls import LABELS, SAMPLINGS, Sampling
from videomae_demo.ui.examples import SUFFIXES
from videomae_demo.ui.gradio_edge.clip_fields import ClipButton, ClipVideo
from videomae_demo.ui.gradio_edge.mailbox.mailbox import make_clock, make_mailbox
from videomae_demo.ui.panel.panel import make_panel
from videomae_demo.ui.picker.picker import PICK, make_picker
from videomae_demo.ui.preview.preview import EXPLORED, make_watcher
from videomae_demo.ui.session import Session, Visit
from videomae_demo.ui.tabs.attend import AttendTab, build_attend
from videomae_demo.ui.tabs.recognise import RecogniseTab, build_recognise
from videomae_demo.ui.tabs.reconstruct import PRESETS, ReconstructTab, build_reconstruct
from videomae_demo.ui.token_player.player import CHOOSE, LENSES, PAINT, token_player

WEBCAM = {"video": {"width": {"ideal": 640}, "height": {"ideal": 480}}, "audio": False}
"""More pixels the model would not see, and it hears nothing."""

TOUCHED = (
    *("clip", "upload", "explore", "cancel", "load", "look-up"),
    *("sampling", "interval", "step", "start", "stored-pixels"),
    *("fusion", "discard", "first-layer", "last-layer"),
    *("mask-kind", "ratio", "seed", "another", *(f"preset-{share * 100:.0f}" for share in PRESETS)),
)
"""The parts of the page whose last touch the clock remembers."""

TAB_TITLES = dict(zip(LENSES, ("Recognise", "Attend", "Reconstruct"), strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """The title, and which weights are at work; `offer` says what loading others would bring."""

    weights: gr.Dropdown
    offer: gr.HTML
    load: gr.Button
    here: gr.HTML


@dataclass(frozen=True, slots=True, eq=False)
class ClipColumn:
    """Which clip, and which of its frames; `notice` says what became of the one asked for last."""

    video: gr.Video
    watcher: gr.HTML
    upload: gr.UploadButton
    explore: gr.Button
    notice: gr.HTML
    picker: gr.HTML
    seen: gr.HTML
    sampling: gr.Radio
    interval_s: gr.Number
    step: gr.Number
    start_s: gr.Textbox
    stored_pixels: gr.Checkbox

    @property
    def controls(self) -> list[Any]:
        """What decides which frames are explored, in the order of `controls.Sampling`."""
        return [self.sampling, self.interval_s, self.step, self.start_s, self.stored_pixels]


@dataclass(frozen=True, slots=True, eq=False)
class Lenses:
    """What stands beside the player, one tab per lens; `tabs` by the lens's name."""

    tabs: dict[str, gr.Tab]
    recognise: RecogniseTab
    attend: AttendTab
    reconstruct: ReconstructTab
    code: gr.Code


@dataclass(frozen=True, slots=True, eq=False)
class Mail:
    """What the page's scripts say: what was picked, chosen, painted, and that a clip is explored.

    `pick` is heard twice, since gradio handles two wires of one event one after the other. The
    `clock` knows when each part of the page was last touched.
    """

    pick: gr.HTML
    pick_to_show: gr.HTML
    choose: gr.HTML
    paint: gr.HTML
    explored: gr.HTML
    clock: gr.HTML


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The components of one page.

    `status` and `cancel` show while something is at work, `stale` while what stands beside the clip
    field is not of the clip in it.
    """

    visit: gr.State
    head: Head
    status: gr.HTML
    cancel: gr.Button
    clip: ClipColumn
    stale: gr.HTML
    player: gr.HTML
    mail: Mail
    lenses: Lenses


def build_layout(pool: ExplorerPool, pictures: list[dict[str, Any]], hours_kept: int) -> Layout:
    """Place all components into the open page; `pictures` are those of the examples."""
    visit = gr.State(Visit(Session(pool.default)))
    head = _build_head(pool)
    with gr.Row(elem_id="working"):
        status = make_panel("status")
        cancel = gr.Button("Cancel", size="sm", scale=0, min_width=90, elem_id="cancel")
    with gr.Row(elem_id="columns"):
        with gr.Column(scale=3, min_width=240, elem_id="left"):
            clip = _build_clip(pictures, hours_kept)
        with gr.Column(scale=7, min_width=320, elem_id="middle"):
            stale = make_panel("stale")
            player = token_player("player")
            mail = Mail(
                pick=make_mailbox(PICK),
                pick_to_show=make_mailbox(PICK),
                choose=make_mailbox(CHOOSE),
                paint=make_mailbox(PAINT),
                explored=make_mailbox(EXPLORED),
                clock=make_clock(TOUCHED),
            )
        with gr.Column(scale=5, min_width=300, elem_id="right"):
            lenses = _build_lenses()
    return Layout(visit, head, status, cancel, clip, stale, player, mail, lenses)


def _build_head(pool: ExplorerPool) -> Head:
    with gr.Row(elem_id="head"):
        with gr.Column(scale=6, min_width=300):
            gr.Markdown(f"# {text.TITLE}\n{text.INTRODUCTION}", elem_id="introduction")
            gr.Markdown(text.TO_THE_CLIP, elem_id="to-the-clip")
        with gr.Column(scale=5, min_width=300):
            return Head(
                weights=gr.Dropdown(
                    pool.choices(),
                    value=pool.default,
                    label="Weights",
                    elem_id="weights",
                    container=False,
                    filterable=False,
                ),
                offer=make_panel("offer"),
                load=gr.Button(
                    "Load these weights", variant="primary", visible=False, elem_id="load"
                ),
                here=make_panel("weights-here"),
            )


def _build_clip(pictures: list[dict[str, Any]], hours_kept: int) -> ClipColumn:
    video = ClipVideo(
        label="Clip",
        sources=["upload", "webcam"],
        webcam_options=gr.WebcamOptions(mirror=False, constraints=WEBCAM),
        elem_id="clip",
        height=230,
    )
    watcher = make_watcher("clip", "clip-watcher")
    with gr.Row(elem_id="clip-buttons"):
        upload = ClipButton(
            "Upload",
            file_types=["video", *SUFFIXES],
            variant="primary",
            min_width=90,
            elem_id="upload",
        )
        explore = gr.Button("Explore", min_width=90, elem_id="explore")
    notice = make_panel("notice")
    picker = make_picker(pictures, "examples")
    with gr.Accordion("What the model gets", open=True):
        seen = make_panel("seen")
    with gr.Accordion("Sampling", open=False):
        sampling = _build_sampling()
    gr.Markdown(text.keeps_uploads(hours_kept), elem_id="privacy")
    return ClipColumn(video, watcher, upload, explore, notice, picker, seen, *sampling)


def _build_sampling() -> list[Any]:
    """Place the controls of sampling, in the order of `controls.Sampling`."""
    usual = Sampling()
    return [
        gr.Radio(list(SAMPLINGS), value=usual.kind, label=LABELS["kind"], elem_id="sampling"),
        # No limits on numbers: gradio would refuse all that has such a field among its inputs.
        gr.Number(usual.interval_s, label=LABELS["interval_s"], elem_id="interval"),
        gr.Number(usual.step, label=LABELS["step"], elem_id="step"),
        gr.Textbox(label=LABELS["start_s"], info=text.START, elem_id="start"),
        gr.Checkbox(
            usual.stored_pixels,
            label=LABELS["stored_pixels"],
            info=text.STORED_PIXELS,
            elem_id="stored-pixels",
        ),
    ]


def _build_lenses() -> Lenses:
    builders = (build_recognise, build_attend, build_reconstruct)
    built: dict[str, Any] = {}
    tabs: dict[str, gr.Tab] = {}
    with gr.Tabs(elem_id="lenses"):
        for lens, builder in zip(LENSES, builders, strict=True):
            tab = gr.Tab(TAB_TITLES[lens], id=lens, elem_id=f"tab-{lens}", render_children=True)
            with tab:
                built[lens] = builder()
            tabs[lens] = tab
    with gr.Accordion("This view in Python", open=False, elem_id="python"):
        code = gr.Code(
            language="python", interactive=False, wrap_lines=True, elem_id="code", label="Python"
        )
    return Lenses(tabs, built["recognise"], built["attend"], built["reconstruct"], code)
