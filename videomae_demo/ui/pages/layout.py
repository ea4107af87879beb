"""Where everything stands on the page: components alone, no wires."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from videomae_demo.pool import ExplorerPool
from videomae_demo.ui import text
from videomae_demo.ui.bar.bar import make_bar
from videomae_demo.ui.controls import CHANGES, LABELS, SAMPLINGS, Sampling
from videomae_demo.ui.examples import SUFFIXES
from videomae_demo.ui.gradio_edge.clip_fields import ClipButton, ClipVideo
from videomae_demo.ui.gradio_edge.mailbox.mailbox import make_clock, make_mailbox
from videomae_demo.ui.lenses.lens import PageLens, Parts
from videomae_demo.ui.pages.take_away import TakeAway, build_take_away
from videomae_demo.ui.panel.panel import make_panel
from videomae_demo.ui.picker.picker import PICK, make_picker
from videomae_demo.ui.preview.preview import EXPLORED, make_watcher
from videomae_demo.ui.session import Session, Visit
from videomae_demo.ui.token_player.player import CHOOSE, LENS, WINDOW, make_band, token_player

WEBCAM = {"video": {"width": {"ideal": 640}, "height": {"ideal": 480}}, "audio": False}
"""More pixels the model would not see, and it hears nothing."""

SHEETS = {"clip": "clip-sheet", "weights": "weights-sheet"}
"""What the bar's buttons open, by their names."""

TOUCHED = (
    *("clip", "upload", "explore", "cancel", "load", "compare-these"),
    *("sampling", "interval", "step", "start", "stored-pixels", "change"),
)
"""The parts of the page, besides those of lenses, whose last touch the clock remembers."""


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """Which weights are at work; `offer` says what loading others would bring."""

    weights: gr.Dropdown
    offer: gr.HTML
    load: gr.Button
    compare: gr.Button
    here: gr.HTML


@dataclass(frozen=True, slots=True, eq=False)
class ClipColumn:
    """Which clip, and which of its frames.

    `controls` decide which frames are explored, by the names and in the order of
    `controls.Sampling`.
    """

    video: gr.Video
    watcher: gr.HTML
    upload: gr.UploadButton
    explore: gr.Button
    picker: gr.HTML
    picker_note: gr.HTML
    seen: gr.HTML
    controls: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class LensTab:
    """What stands beside the player for one lens."""

    tab: gr.Tab
    panel: gr.HTML
    parts: Parts
    take_away: TakeAway


@dataclass(frozen=True, slots=True, eq=False)
class Mail:
    """What the page's scripts say: what was picked, chosen, opened, moved, and when all is shown.

    `pick` is heard twice, since gradio handles two wires of one event one after the other. The
    `clock` knows when each part of the page was last touched.
    """

    pick: gr.HTML
    pick_to_show: gr.HTML
    choose: gr.HTML
    lens: gr.HTML
    window: gr.HTML
    explored: gr.HTML
    clock: gr.HTML


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The components of one page.

    `status` and `cancel` show while something is at work, `stale` while what stands beside the clip
    field is not of the clip in it; `notice` says what became of the clip asked for last. `query`
    gets the page's address. `lenses` goes by their names.
    """

    visit: gr.State
    query: gr.Textbox
    banner: gr.HTML
    bar: gr.HTML
    head: Head
    status: gr.HTML
    cancel: gr.Button
    clip: ClipColumn
    notice: gr.HTML
    stale: gr.HTML
    player: gr.HTML
    band: gr.HTML
    mail: Mail
    tabs: gr.Tabs
    lenses: Mapping[str, LensTab]
    code: gr.Code


def build_layout(
    pool: ExplorerPool,
    lenses: Sequence[PageLens],
    pictures: list[dict[str, Any]],
    hours_kept: int,
    *,
    local: bool,
) -> Layout:
    """Place all components into the open page; `pictures` are those of the examples.

    `local` as in `with_pages`.
    """
    visit, query = gr.State(Visit(Session(pool.default))), gr.Textbox(visible=False)
    banner = make_panel("banner")
    bar = make_bar("bar", text.TITLE, SHEETS, "columns", local=local)
    gr.Markdown(text.INTRODUCTION, elem_id="introduction")
    with gr.Column(elem_id=SHEETS["clip"], elem_classes="sheet"):
        clip = _build_clip(pictures, hours_kept)
    with gr.Column(elem_id=SHEETS["weights"], elem_classes="sheet"):
        head = _build_head(pool)
    notice = make_panel("notice")
    with gr.Row(elem_id="working"):
        status = make_panel("status")
        cancel = gr.Button("Cancel", size="sm", scale=0, min_width=90, elem_id="cancel")
    with gr.Row(elem_id="columns"):
        with gr.Column(scale=4, min_width=320, elem_id="middle"):
            stale = make_panel("stale")
            player = token_player("player", lenses[0].name)
            band = make_band()
        with gr.Column(scale=3, min_width=300, elem_id="right"):
            tabs, placed = _build_lenses(lenses)
            with gr.Accordion("This view in Python", open=False, elem_id="python"):
                code = gr.Code(
                    language="python",
                    interactive=False,
                    wrap_lines=True,
                    elem_id="code",
                    label="Python",
                )
    mail = Mail(
        pick=make_mailbox(PICK),
        pick_to_show=make_mailbox(PICK),
        choose=make_mailbox(CHOOSE),
        lens=make_mailbox(LENS),
        window=make_mailbox(WINDOW),
        explored=make_mailbox(EXPLORED),
        clock=make_clock([*TOUCHED, *_touchable(placed.values())]),
    )
    return Layout(
        visit=visit,
        query=query,
        banner=banner,
        bar=bar,
        head=head,
        status=status,
        cancel=cancel,
        clip=clip,
        notice=notice,
        stale=stale,
        player=player,
        band=band,
        mail=mail,
        tabs=tabs,
        lenses=placed,
        code=code,
    )


def _build_head(pool: ExplorerPool) -> Head:
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
        load=gr.Button("Load these weights", variant="primary", visible=False, elem_id="load"),
        compare=gr.Button(
            "Compare with these weights",
            visible=False,
            elem_id="compare-these",
            elem_classes="closes-sheet",
        ),
        here=make_panel("weights-here"),
    )


def _build_clip(pictures: list[dict[str, Any]], hours_kept: int) -> ClipColumn:
    picker = make_picker(pictures, "examples")
    picker_note = make_panel("examples-note")
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
    with gr.Accordion("What the model gets", open=True):
        seen = make_panel("seen")
    with gr.Accordion("Sampling", open=False):
        sampling = _build_sampling()
    gr.Markdown(text.keeps_uploads(hours_kept), elem_id="privacy")
    return ClipColumn(video, watcher, upload, explore, picker, picker_note, seen, sampling)


def _build_sampling() -> dict[str, Any]:
    """Place the controls of sampling, in the order of `controls.Sampling`."""
    usual = Sampling()
    return {
        "kind": gr.Radio(
            list(SAMPLINGS), value=usual.kind, label=LABELS["kind"], elem_id="sampling"
        ),
        # No limits on numbers: gradio would refuse all that has such a field among its inputs.
        "interval_s": gr.Number(usual.interval_s, label=LABELS["interval_s"], elem_id="interval"),
        "step": gr.Number(usual.step, label=LABELS["step"], elem_id="step"),
        "start_s": gr.Textbox(label=LABELS["start_s"], info=text.START, elem_id="start"),
        "stored_pixels": gr.Checkbox(
            usual.stored_pixels,
            label=LABELS["stored_pixels"],
            info=text.STORED_PIXELS,
            elem_id="stored-pixels",
        ),
        "change": gr.Dropdown(
            CHANGES,
            value=usual.change,
            label=LABELS["change"],
            info=text.CHANGE,
            allow_custom_value=True,
            elem_id="change",
        ),
    }


def _build_lenses(lenses: Sequence[PageLens]) -> tuple[gr.Tabs, dict[str, LensTab]]:
    built = {}
    with gr.Tabs(elem_id="lenses") as tabs:
        for lens in lenses:
            tab = gr.Tab(lens.title, id=lens.name, elem_id=f"tab-{lens.name}", render_children=True)
            with tab:
                panel = make_panel(lens.panel_id, elem_classes="lens-panel")
                parts = lens.build()
                take_away = build_take_away(lens.name, lens.content)
            built[lens.name] = LensTab(tab, panel, parts, take_away)
    for lens in lenses:
        placed = built[lens.name]
        others = {**placed.parts.others, **lens.mailboxes()}
        built[lens.name] = replace(placed, parts=replace(placed.parts, others=others))
    return tabs, built


def _touchable(tabs: Iterable[LensTab]) -> list[str]:
    """Name the parts of the lenses."""
    parts = [part for tab in tabs for part in tab.parts.all()]
    return [part.elem_id for part in parts if part.elem_id]
