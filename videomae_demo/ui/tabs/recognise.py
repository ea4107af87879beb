"""The lens Recognise: labels, how sure, and a label to look up."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from videomae_demo.ui.panel.panel import make_panel
from videomae_demo.ui.tabs.take_away import TakeAway, build_take_away


@dataclass(frozen=True, slots=True, eq=False)
class RecogniseTab:
    """Components of the lens."""

    panel: gr.HTML
    label: gr.Dropdown
    take_away: TakeAway


def build_recognise() -> RecogniseTab:
    """Place the components into the open tab."""
    return RecogniseTab(
        panel=make_panel("labels"),
        label=gr.Dropdown(
            choices=[],
            value=None,
            label="What does the clip really show?",
            info="Choose the true label, or look any other up.",
            elem_id="look-up",
        ),
        take_away=build_take_away("recognise", "labels as JSON, bars as PNG"),
    )
