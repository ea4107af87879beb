"""A panel of sentences, bars and tables as a gradio component.

Labels and file names are foreign text: gradio's own Markdown and HTML would let them write markup.
Here all text goes into the page through textContent.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from videomae_demo.ui.gradio_edge.sealed import OPENER, seal
from videomae_demo.ui.token_player.value import Track

_HERE = Path(__file__).parent


def make_panel(elem_id: str, elem_classes: str | None = None) -> gr.HTML:
    """Return an empty panel; its value is a sealed list of what the other functions here make."""
    return gr.HTML(
        seal([]),
        html_template='<div class="panel" aria-live="polite"></div>',
        css_template=(_HERE / "style.css").read_text(encoding="utf-8"),
        js_on_load=OPENER + (_HERE / "panel.js").read_text(encoding="utf-8"),
        elem_id=elem_id,
        elem_classes=elem_classes,
    )


Block = dict[str, Any]


def lead(text: str) -> Block:
    """Make a sentence in large type."""
    return {"kind": "lead", "text": text}


def sentence(text: str) -> Block:
    """Make a sentence."""
    return {"kind": "sentence", "text": text}


def small(text: str) -> Block:
    """Make a sentence in small type."""
    return {"kind": "small", "text": text}


def note(text: str) -> Block:
    """Make a sentence that must be seen."""
    return {"kind": "note", "text": text}


def progress(text: str, done: int, total: int, takes_s: float | None = None) -> Block:
    """Make a line that says how far the work is, and how long it may take from now on, if known."""
    return {"kind": "progress", "text": text, "done": done, "total": total, "takes": takes_s}


def bars(rows: Sequence[tuple[str, float]], marked: str | None = None) -> Block:
    """Make a horizontal bar per row: a name and a share in 0..1."""
    return {
        "kind": "bars",
        "rows": [{"name": name, "share": share, "marked": name == marked} for name, share in rows],
    }


def facts(rows: Sequence[tuple[str, str]]) -> Block:
    """Make a list of names and values."""
    return {"kind": "facts", "rows": [list(row) for row in rows]}


def measures(rows: Sequence[tuple[str, float | None]], unit: str, marked: str) -> Block:
    """Make a table of measures with small bars, one row marked; None stands for "exact"."""
    return {
        "kind": "measures",
        "unit": unit,
        "rows": [{"name": name, "value": value, "marked": name == marked} for name, value in rows],
    }


def crop(source: tuple[int, int], box: tuple[float, float, float, float], sprite: Track) -> Block:
    """Draw which part of the source frame (height, width) the model sees: left, top, width, height.

    That part is the first frame of `sprite`.
    """
    shown = {"file": sprite.file, "columns": sprite.columns, "rows": sprite.rows}
    return {"kind": "crop", "source": list(source), "box": list(box), "sprite": shown}
