"""A slider whose number may be emptied: gradio's own ends in a failure of the server then."""

from __future__ import annotations

from typing import Any

import gradio as gr

from videomae_demo.ui.gradio_edge.clip_fields import Plain


class Slider(gr.Slider, metaclass=Plain):
    """A slider; an empty field is None."""

    is_template = True  # in the browser it is a gr.Slider

    def preprocess(self, payload: Any) -> Any:
        """Return the number in the field; None for none."""
        return None if payload is None else super().preprocess(payload)
