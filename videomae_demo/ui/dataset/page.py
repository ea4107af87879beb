"""What the page Data set shows, as one gradio component: a run, its figures, and its table.

The browser does the work; no event of gradio's is used. Buttons are those of Live.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import gradio as gr

from videomae_demo.ui import text
from videomae_demo.ui.bar.bar import TABLE
from videomae_demo.ui.bar.pages import with_pages
from videomae_demo.ui.dataset.endpoint import DataSet
from videomae_demo.ui.gradio_edge.component import make_component, read_part

PARTS = ("address", "choosing", "table", "matrix", "labels", "dataset")
"""The scripts, in order: they share one scope, and only the last one does anything at once."""

_HERE = Path(__file__).parent
_UI = _HERE.parent


def make_data_set(elem_id: str, label_names: Sequence[str]) -> gr.HTML:
    """Place the page's one component; `label_names` as in `PageLens.label_name`."""
    return make_component(
        elem_id,
        template=with_pages(read_part(_HERE / "template.html"), "dataset", local=True),
        styles=[
            _UI / "bar" / "style.css",
            _UI / "live" / "style.css",
            _HERE / "style.css",
        ],
        constants={
            "TITLE": text.TITLE,
            "ROUTE": DataSet.route,
            "TABLE": TABLE,
            "LABEL_NAMES": list(label_names),
        },
        scripts=[_UI / "route.js", _UI / "rounding.js", *(_HERE / f"{part}.js" for part in PARTS)],
    )
