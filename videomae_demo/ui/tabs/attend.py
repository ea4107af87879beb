"""The lens Attend: how attention is rolled out, and from where."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from videomae_demo.analysis.settings import HEAD_FUSIONS
from videomae_demo.ui.controls import LABELS
from videomae_demo.ui.panel.panel import make_panel
from videomae_demo.ui.tabs.take_away import TakeAway, build_take_away


@dataclass(frozen=True, slots=True, eq=False)
class AttendTab:
    """Components of the lens; `controls` in the order of the handler's arguments."""

    panel: gr.HTML
    fusion: gr.Radio
    discard: gr.Slider
    first_layer: gr.Slider
    last_layer: gr.Slider
    take_away: TakeAway

    @property
    def controls(self) -> list[gr.Radio | gr.Slider]:
        """The rollout's settings."""
        return [self.fusion, self.discard, self.first_layer, self.last_layer]


def build_attend() -> AttendTab:
    """Place the components into the open tab."""
    panel = make_panel("attention")
    with gr.Row():
        first, last = LABELS["first_layer"], LABELS["last_layer"]
        first_layer = gr.Slider(1, 12, 1, step=1, label=first, elem_id="first-layer")
        last_layer = gr.Slider(1, 12, 12, step=1, label=last, elem_id="last-layer")
    with gr.Accordion("More", open=False):
        fusion = gr.Radio(
            list(HEAD_FUSIONS),
            value="mean",
            label="Heads fused by",
            info="For each pair of tokens: the heads' average, the head that looks most, or least.",
            elem_id="fusion",
        )
        discard = gr.Slider(
            0,
            0.95,
            0,
            step=0.05,
            label=LABELS["discard"],
            info="Sharpens the picture; what is thrown away was attention too.",
            elem_id="discard",
        )
    files = build_take_away("attend", "rollout as NPZ, heatmap as mp4, filmstrip and curve as PNG")
    return AttendTab(panel, fusion, discard, first_layer, last_layer, files)
