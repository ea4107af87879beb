"""What the page Live shows, as one gradio component: the camera's picture, and what is said of it.

The browser does the work; no event of gradio's is used. The scripts share the token player's scale
and colours, so that both draw the same picture of the same scores.
"""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from videomae_demo.rendering.colour import COLOUR_MAPS, DIVERGING_MAPS, colour_table
from videomae_demo.ui import text
from videomae_demo.ui.bar.pages import with_pages
from videomae_demo.ui.gradio_edge.component import make_component, read_part
from videomae_demo.ui.live.endpoint import Live
from videomae_demo.ui.token_player.sprites import SPRITE_COLUMNS

PARTS = ("frames", "source", "asking", "picture", "bars", "live")
"""The scripts, in order: they share one scope, and only the last one does anything at once."""
SHARED = ("field", "scales")
"""The token player's scripts that draw scores and their legend."""
FROZEN = "videomae-frozen"
"""Where a browser tab remembers the moment that Explore is to open."""

_HERE = Path(__file__).parent
_PLAYER = _HERE.parent / "token_player"


def make_live(elem_id: str, hours_kept: int, *, local: bool) -> gr.HTML:
    """Place the page's one component; `local` as in `with_pages`."""
    constants = {
        "TITLE": text.TITLE,
        "ROUTE": Live.route,
        "FROZEN": FROZEN,
        "SPRITE_COLUMNS": SPRITE_COLUMNS,
        "COLOUR_TABLES": {COLOUR_MAPS[0]: colour_table(COLOUR_MAPS[0]).reshape(-1).tolist()},
        "COLOURS": [COLOUR_MAPS[0]],
        "DIVERGING_MAPS": list(DIVERGING_MAPS),
        "PRIVACY": text.live_privacy(hours_kept),
    }
    return make_component(
        elem_id,
        template=with_pages(read_part(_HERE / "template.html"), "live", local=local),
        styles=[_HERE.parent / "bar" / "style.css", _PLAYER / "style.css", _HERE / "style.css"],
        constants=constants,
        scripts=[
            *(_PLAYER / f"{part}.js" for part in SHARED),
            _HERE.parent / "route.js",
            *(_HERE / f"{part}.js" for part in PARTS),
        ],
    )
