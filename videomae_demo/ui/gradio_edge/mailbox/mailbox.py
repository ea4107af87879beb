"""Boxes in the browser that tell Python what was said last, and when, as gradio components.

Gradio's events carry data too, but when they come faster than they are answered, gradio answers the
last one with the data of the first. Inputs are taken anew each time: so what is said goes into the
value of a component, and the handler gets that.

Gradio also starts events that had to wait, even after a visitor pressed Cancel. So each event
brings the moment at which it was asked for: what is said brings its own, everything else that of
the clock.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import gradio as gr

_HERE = Path(__file__).parent


def make_mailbox(name: str) -> gr.HTML:
    """Place a box for the event `name` of the browser's window; event ``input``.

    Its value is JSON: ``{"at": moment, "said": the event's detail}``. Moments are milliseconds of
    the browser's own clock.
    """
    return _box("NAME", name, "mailbox.js")


def make_clock(parts: Sequence[str]) -> gr.HTML:
    """Place a box that knows when each part of the page, by its ``elem_id``, was last touched.

    Its value is JSON: ``{elem_id: moment}``.
    """
    return _box("PARTS", list(parts), "clock.js")


def _box(constant: str, value: str | list[str], script: str) -> gr.HTML:
    source = (_HERE / script).read_text(encoding="utf-8")
    return gr.HTML(
        "null",
        html_template="<span></span>",
        js_on_load=f"const {constant} = {json.dumps(value)};\n{source}",
        elem_classes="mailbox",
    )
