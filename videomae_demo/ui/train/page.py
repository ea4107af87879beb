"""What the page Train shows, as one gradio component: a training's pictures and curves.

The browser does the work; no event of gradio's is used. The bars and buttons are those of Live.
"""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from videomae_demo.training.live.settings import FinetuningSettings, PretrainingSettings
from videomae_demo.ui import text
from videomae_demo.ui.bar.pages import with_pages
from videomae_demo.ui.gradio_edge.component import make_component, read_part
from videomae_demo.ui.train.endpoint import ZIP_NAME, Train

PARTS = ("asking", "charts", "moving", "settings", "train")
"""The scripts, in order: they share one scope, and only the last one does anything at once."""

_HERE = Path(__file__).parent
_UI = _HERE.parent


def make_train(elem_id: str, *, local: bool) -> gr.HTML:
    """Place the page's one component; `local` as in `with_pages`."""
    return make_component(
        elem_id,
        template=with_pages(read_part(_HERE / "template.html"), "train", local=local),
        styles=[_UI / "bar" / "style.css", _UI / "live" / "style.css", _HERE / "style.css"],
        constants={
            "TITLE": text.TITLE,
            "ROUTE": Train.route,
            "ZIP_NAME": ZIP_NAME,
            "DEFAULTS": FinetuningSettings().to_json() | PretrainingSettings().to_json(),
        },
        scripts=[
            _UI / "route.js",
            _UI / "rounding.js",
            _UI / "live" / "bars.js",
            *(_HERE / f"{part}.js" for part in PARTS),
        ],
    )
