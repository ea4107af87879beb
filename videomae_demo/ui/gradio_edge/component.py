"""A page's own component, put together from its files: a template, styles and scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from videomae_demo.ui.gradio_edge.sealed import OPENER, seal


def make_component(
    elem_id: str,
    *,
    template: str,
    styles: Sequence[Path],
    constants: Mapping[str, Any],
    scripts: Sequence[Path],
    before: str = "",
) -> gr.HTML:
    """Place a component that does its work in the browser, without events of gradio's.

    The scripts share one scope, in their order, and have the `constants` by name; `before` is a
    script that goes before them.
    """
    told = "".join(f"const {name} = {json.dumps(value)};\n" for name, value in constants.items())
    return gr.HTML(
        seal({}),
        html_template=template,
        css_template="\n".join(map(read_part, styles)),
        js_on_load=OPENER + told + before + "\n".join(map(read_part, scripts)),
        elem_id=elem_id,
    )


def read_part(path: Path) -> str:
    """Return what is in a file of a component."""
    return path.read_text(encoding="utf-8")
