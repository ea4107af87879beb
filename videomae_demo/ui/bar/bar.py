"""The bar at the head of the page: which weights, which clip, a link to what is shown.

It opens and closes the page's two sheets, moves the focus between tabs, writes on buttons what they
cost, and the address of the view into the browser's own. Foreign text goes into the page through
textContent alone.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr

from videomae_demo.ui.bar.pages import with_pages
from videomae_demo.ui.gradio_edge.sealed import OPENER, seal
from videomae_demo.ui.token_player.value import Track

OWN_CLIP = "videomae-clip"
"""Where a browser tab remembers the visitor's own clip, which no address can name."""

TABLE = "videomae-table"
"""Where a browser tab remembers how the table of the page Data set was sorted and filtered."""

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Bar:
    """What the bar says.

    Attributes
    ----------
    weights, device : str
        The recogniser's short name, and where it runs.
    clip, facts : str
        The clip's name, and which part of it is seen.
    picture : Track, optional
        Its first frame stands beside the name.
    address : mapping of str to str, optional
        The query by which the view is found again; None where it can't be.
    own : str
        The path of the visitor's own clip, which the page Learn opens; empty for an example.
    title : str
        Of the browser's tab; empty for the page's own.
    costs : mapping of str to str
        What a click on a button costs, by the button's ``id``: words that stand on it.
    """

    weights: str = ""
    device: str = ""
    clip: str = ""
    facts: str = ""
    picture: Track | None = None
    address: Mapping[str, str] | None = None
    own: str = ""
    title: str = ""
    costs: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the value as the bar's script reads it."""
        return dataclasses.asdict(self)


def make_bar(
    elem_id: str, title: str, sheets: Mapping[str, str], stage: str, *, local: bool
) -> gr.HTML:
    """Return the bar; its value is a sealed `Bar`.

    `sheets` has the ``elem_id`` of what each of its buttons "weights" and "clip" opens; `stage` is
    that of what fills the screen; `local` as in `with_pages`.
    """
    constants = {
        "TITLE": title,
        "SHEETS": dict(sheets),
        "STAGE": stage,
        "OWN": OWN_CLIP,
        "TABLE": TABLE,
    }
    template = (_HERE / "template.html").read_text(encoding="utf-8")
    told = "".join(f"const {name} = {json.dumps(value)};\n" for name, value in constants.items())
    return gr.HTML(
        seal({}),
        html_template=with_pages(template, "explore", local=local),
        css_template=(_HERE / "style.css").read_text(encoding="utf-8"),
        js_on_load=OPENER + told + (_HERE / "bar.js").read_text(encoding="utf-8"),
        elem_id=elem_id,
    )
