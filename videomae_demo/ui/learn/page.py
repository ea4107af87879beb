"""What the page Learn shows, as one gradio component; no event of gradio's is used.

The token player and a panel stand inside of it, each in a scope of its own, with values that this
page's script gives them: the same scripts that draw Explore draw the lesson.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import gradio as gr

from videomae_demo.lessons.steps import STEPS
from videomae_demo.ui import text
from videomae_demo.ui.bar.bar import OWN_CLIP
from videomae_demo.ui.gradio_edge.sealed import OPENER, seal
from videomae_demo.ui.learn.endpoint import Learn
from videomae_demo.ui.live.page import FROZEN
from videomae_demo.ui.panel import panel
from videomae_demo.ui.token_player import player

PARTS = ("asking", "hosts", "drawn", "block", "entering", "guessing", "controls", "learn")
"""The scripts, in order: they share one scope, and only the last one does anything at once."""

_HERE = Path(__file__).parent


def make_learn(elem_id: str) -> gr.HTML:
    """Place the page's one component."""
    constants = {
        "TITLE": text.TITLE,
        "ROUTE": Learn.route,
        "FROZEN": FROZEN,
        "CLIP": OWN_CLIP,
        "STEPS": [dataclasses.asdict(step) for step in STEPS],
    }
    told = "".join(f"const {name} = {json.dumps(value)};\n" for name, value in constants.items())
    scopes = {"startPlayer": player.script(""), "startPanel": panel.script()}
    hosts = "".join(
        f"const {name} = (element, props, watch) => {{\n{script}\n}};\n"
        for name, script in scopes.items()
    )
    scripts = "\n".join(_read(f"{part}.js") for part in PARTS)
    bar = (_HERE.parent / "bar" / "style.css").read_text(encoding="utf-8")
    styles = [bar, player.style(), panel.style(), _read("pictures.css"), _read("style.css")]
    return gr.HTML(
        seal({}),
        html_template=_read("template.html").replace("<!-- player -->", player.template()),
        css_template="\n".join(styles),
        js_on_load=OPENER + told + hosts + scripts,
        elem_id=elem_id,
    )


def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")
