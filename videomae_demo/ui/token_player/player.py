"""The token player as a gradio component, and the shape of what it shows.

Its template never mentions its value, so it is drawn once and the script does the rest: pictures
travel as sprites by URL, scores as one base64 array of float32. Foreign text goes into the page
through textContent alone. No subclass of gr.HTML: gradio would write a stub file beside its source
when it is imported.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path

import gradio as gr
import numpy as np

from videomae_demo.rendering.colour import COLOUR_MAPS, Scale, colourise
from videomae_demo.ui.gradio_edge.sealed import OPENER, seal

LENSES = ("recognise", "attend", "reconstruct")
PARTS = (
    "field",
    "state",
    "pictures",
    "scales",
    "words",
    "playing",
    "painting",
    "magnifying",
    "pointing",
    "player",
)
"""The scripts of the player, in order: gradio takes one script, so they share one scope, and only
the last one does anything when it is loaded."""

CHOOSE, PAINT, LENS = "videomae-choose", "videomae-paint", "videomae-lens"

_HERE = Path(__file__).parent


def token_player(elem_id: str) -> gr.HTML:
    """Return a player of tracks, with scores and masks drawn over them.

    It tells the mailbox `CHOOSE` which token was chosen, ``[time, row, column]`` or None, and
    `PAINT` what was painted, ``{"drawn", "painting", "mask"}``, see ``painting.js``; the window's
    event `LENS` tells it which lens to show. Its value, a sealed object, is an
    output only: as an input the whole of it would travel back.

    Keys of the value: ``lenses``, one object per lens (times in seconds, token grid, panes, names
    of scores, sentences); ``tracks`` by name (title, sprite file, its columns, size of a frame);
    ``scores`` by name (title, unit, base64 data, limits of the scale); ``mask`` (None, or
    ``data``, base64 of one byte per token, and the numbers ``drawn`` and ``painting``); ``chosen``
    (a token or None).
    """
    return gr.HTML(
        seal({}),
        html_template=_read("template.html"),
        css_template=_read("style.css"),
        js_on_load=_script(),
        elem_id=elem_id,
    )


def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


@functools.cache
def _script() -> str:
    ramp = np.arange(256) / 255
    tables = {
        name: colourise(ramp, Scale(1.0, colour_map=name)).reshape(-1).tolist()
        for name in COLOUR_MAPS
    }
    head = (
        f"{OPENER}const [CHOOSE, PAINT, LENS] = {json.dumps([CHOOSE, PAINT, LENS])};\n"
        f"const COLOUR_TABLES = {json.dumps(tables, separators=(',', ':'))};\n"
    )
    return head + "\n".join(_read(f"{part}.js") for part in PARTS)
