"""Values that travel to the page's own components as text, so that nothing changes them on the way.

Gradio sends the later values of a handler as edits and makes them in the browser in the very object
that a component holds already. `gr.HTML` then compares that object with itself, sometimes finds
nothing new, and keeps showing the old value. A text can't be edited in place.

A sealed value names files by their paths; `sealed.js` knows where gradio serves them, on the page
itself or one in an iframe.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

OPENER = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
"""JavaScript to put before a component's own: ``openValue()``, ``fileUrl(path)``, and ``say(name,
detail)`` for `mailbox`."""


def seal(value: Any) -> str:
    """Return a JSON value as text, in which no markup begins."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")
