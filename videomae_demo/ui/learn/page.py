"""What the page Learn shows, as one gradio component; no event of gradio's is used.

The token player and a panel stand inside of it, each in a scope of its own, with values that this
page's script gives them: the same scripts that draw Explore draw the lesson.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import gradio as gr

from videomae_demo.lessons.steps import STEPS
from videomae_demo.ui import text
from videomae_demo.ui.bar.bar import OWN_CLIP
from videomae_demo.ui.bar.pages import with_pages
from videomae_demo.ui.gradio_edge.component import make_component, read_part
from videomae_demo.ui.learn.endpoint import Learn
from videomae_demo.ui.live.page import FROZEN
from videomae_demo.ui.panel import panel
from videomae_demo.ui.token_player import player

PARTS = (
    "asking",
    "hosts",
    "drawn",
    "shape",
    "block",
    "flow",
    "entering",
    "guessing",
    "controls",
    "learn",
)
"""The scripts, in order: they share one scope, and only the last one does anything at once."""

_HERE = Path(__file__).parent
_UI = _HERE.parent


def make_learn(elem_id: str, *, local: bool) -> gr.HTML:
    """Place the page's one component; `local` as in `with_pages`."""
    constants = {
        "TITLE": text.TITLE,
        "ROUTE": Learn.route,
        "FROZEN": FROZEN,
        "CLIP": OWN_CLIP,
        "STEPS": [dataclasses.asdict(step) for step in STEPS],
    }
    scopes = {"startPlayer": player.script(""), "startPanel": panel.script()}
    hosts = "".join(
        f"const {name} = (element, props, watch) => {{\n{script}\n}};\n"
        for name, script in scopes.items()
    )
    template = with_pages(read_part(_HERE / "template.html"), "learn", local=local)
    return make_component(
        elem_id,
        template=template.replace("<!-- player -->", player.template()),
        styles=[
            _UI / "bar" / "style.css",
            _UI / "token_player" / "style.css",
            _UI / "panel" / "style.css",
            _HERE / "pictures.css",
            _HERE / "style.css",
        ],
        constants=constants,
        scripts=[_HERE.parent / "rounding.js", *(_HERE / f"{part}.js" for part in PARTS)],
        before=hosts,
    )
