"""Examples as a row of buttons with pictures, as a gradio component."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gradio as gr

from videomae_demo.ui.gradio_edge.sealed import OPENER, seal

_HERE = Path(__file__).parent

PICK = "videomae-pick"


def make_picker(items: list[dict[str, Any]], elem_id: str) -> gr.HTML:
    """Show ``[{"name": str, "title": str, "file": path}]``; `PICK` gets the name of a choice."""
    return gr.HTML(
        seal(items),
        html_template='<div class="picker" role="group" aria-label="Examples"></div>',
        css_template=(_HERE / "style.css").read_text(encoding="utf-8"),
        js_on_load=OPENER
        + f"const PICK = {json.dumps(PICK)};\n"
        + (_HERE / "picker.js").read_text(encoding="utf-8"),
        elem_id=elem_id,
    )
