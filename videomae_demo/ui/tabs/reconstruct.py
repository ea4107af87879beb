"""The lens Reconstruct: which tokens are hidden, and how near the reconstruction comes."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from videomae_demo.masking import MASK_KINDS
from videomae_demo.ui import text
from videomae_demo.ui.controls import LABELS
from videomae_demo.ui.panel.panel import make_panel
from videomae_demo.ui.tabs.take_away import TakeAway, build_take_away

PRESETS = (0.75, 0.9, 0.95)


@dataclass(frozen=True, slots=True, eq=False)
class ReconstructTab:
    """Components of the lens; `controls` in the order of the handler's arguments."""

    panel: gr.HTML
    kind: gr.Radio
    ratio: gr.Slider
    seed: gr.Number
    presets: list[gr.Button]
    another: gr.Button
    take_away: TakeAway

    @property
    def controls(self) -> list[gr.Radio | gr.Slider | gr.Number]:
        """The mask's settings."""
        return [self.kind, self.ratio, self.seed]


def build_reconstruct() -> ReconstructTab:
    """Place the components into the open tab."""
    panel = make_panel("reconstruction")
    with gr.Row(elem_classes="tight"):
        presets = [
            gr.Button(f"{share:.0%}", size="sm", min_width=48, elem_id=f"preset-{share * 100:.0f}")
            for share in PRESETS
        ]
    ratio = gr.Slider(0.05, 0.95, 0.75, step=0.05, label=LABELS["ratio"], elem_id="ratio")
    kind = gr.Radio([*MASK_KINDS, "painted"], value="tube", label="Mask", elem_id="mask-kind")
    with gr.Row(elem_classes="tight"):
        seed = gr.Number(0, label=LABELS["seed"], min_width=80, elem_id="seed")
        another = gr.Button("Another mask", size="sm", min_width=110, elem_id="another")
    with gr.Accordion("Why hide so much, and why tubes?", open=False):
        gr.Markdown(text.MASK_ADVICE)
    files = build_take_away("reconstruct", "arrays as NPZ, pictures as mp4, filmstrip as PNG")
    return ReconstructTab(panel, kind, ratio, seed, presets, another, files)
