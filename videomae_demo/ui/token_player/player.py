"""The token player as a gradio component; `value` has what it shows.

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

from videomae_demo.rendering.colour import COLOUR_MAPS, DIVERGING_MAPS, colour_table
from videomae_demo.ui.gradio_edge.sealed import OPENER, seal

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
    "whole",
    "band",
    "player",
)
"""The scripts of the player, in order: gradio takes one script, so they share one scope, and only
the last one does anything when it is loaded."""

CHOOSE, LENS, WINDOW = "videomae-choose", "videomae-lens", "videomae-window"
BAND = "videomae-band"
"""The browser window's event that tells the player what a scan of the whole clip found, see
``band.js``."""
SCAN, SCAN_HERE = "videomae-scan", "scan-here"
"""The mailbox that is told that the clip is to be scanned, and the ``elem_id`` of the player's
button for it."""
LEAVE_OUT = "videomae-leave-out"
"""The browser window's event that tells the player to leave the strongest tokens out of a picture:
``{"lens": str, "share": float}``."""
KEYS = (
    "Arrow keys move over the tokens, Enter chooses one, space plays, comma and full stop step, "
    "plus and minus magnify."
)

_HERE = Path(__file__).parent


def token_player(elem_id: str, lens: str) -> gr.HTML:
    """Return a player of pictures, with scores and masks drawn over them; `lens` is open at first.

    It tells the mailbox `CHOOSE` which token was chosen, ``[time, row, column]`` or None, and the
    one that a view `paints` to what was painted, ``{"drawn", "painting", "mask"}``, see
    ``painting.js``; the mailbox `WINDOW` where the clip's window is to begin, in seconds. The
    browser window's event `LENS` tells it which lens to show. Its value, a sealed
    `value.Shown`, is an output only: as an input the whole of it would travel back.
    """
    return gr.HTML(
        seal({}),
        html_template=template(),
        css_template=_read("style.css"),
        js_on_load=script(lens),
        elem_id=elem_id,
    )


def make_band() -> gr.HTML:
    """Return what tells the player of a scan; its value is a sealed `value.Band`, or None.

    It is none of the player's value: that is larger, and of other windows.
    """
    return gr.HTML(
        seal(None),
        html_template="<span></span>",
        js_on_load=f'{OPENER}watch("value", () => say({json.dumps(BAND)}, openValue()));',
        elem_classes="mailbox",
    )


def template() -> str:
    """Return the player's HTML, for a component that has one inside."""
    return _read("template.html")


def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def script(lens: str) -> str:
    """Return the player's script: the body of a function of ``element``, ``props`` and ``watch``.

    `lens` is open at first; the sealed value is in ``props.value``.
    """
    constants = {
        "CHOOSE": CHOOSE,
        "LENS": LENS,
        "WINDOW": WINDOW,
        "BAND": BAND,
        "SCAN": SCAN,
        "LEAVE_OUT": LEAVE_OUT,
        "KEYS": KEYS,
        "FIRST_LENS": lens,
    }
    told = "".join(f"const {name} = {json.dumps(value)};\n" for name, value in constants.items())
    return OPENER + told + _parts()


@functools.cache
def _parts() -> str:
    maps = (*COLOUR_MAPS, *DIVERGING_MAPS)
    constants = {
        "COLOUR_TABLES": {name: colour_table(name).reshape(-1).tolist() for name in maps},
        "DIVERGING_MAPS": DIVERGING_MAPS,
    }
    head = "".join(
        f"const {name} = {json.dumps(value, separators=(',', ':'))};\n"
        for name, value in constants.items()
    )
    return head + "\n".join(_read(f"{part}.js") for part in PARTS)
