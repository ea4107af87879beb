"""A box in the browser for what a script of the page said last, as a gradio component.

Gradio's events carry data too, but when they come faster than they are answered, gradio answers the
last one with the data of the first. Inputs are taken anew each time: so what is said goes into the
value of a component, and the handler gets that.
"""

from __future__ import annotations

import json
from pathlib import Path

import gradio as gr

_SCRIPT = Path(__file__).with_name("mailbox.js").read_text(encoding="utf-8")


def make_mailbox(name: str) -> gr.HTML:
    """Place a box for the event `name` of the browser's window; event ``input``.

    Its value is the event's ``detail`` as JSON.
    """
    return gr.HTML(
        "null",
        html_template="<span></span>",
        js_on_load=f"const NAME = {json.dumps(name)};\n{_SCRIPT}",
        elem_classes="mailbox",
    )
