"""Examples as a row of buttons with pictures, as a gradio component."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from videomae_demo.ui.sealed import OPENER, seal

_HERE = Path(__file__).parent


def make_picker(items: list[dict[str, Any]], elem_id: str) -> gr.HTML:
    """Show ``[{"title": str, "file": path}]``; event ``pick`` with ``{"index": int}``."""
    return gr.HTML(
        seal(items),
        html_template='<div class="picker" role="group" aria-label="Examples"></div>',
        css_template=(_HERE / "style.css").read_text(encoding="utf-8"),
        js_on_load=OPENER + (_HERE / "picker.js").read_text(encoding="utf-8"),
        elem_id=elem_id,
    )
