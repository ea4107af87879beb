"""Files to take away, written when they are asked for."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr


@dataclass(frozen=True, slots=True, eq=False)
class TakeAway:
    """The button that writes the files of a lens, and the list of them."""

    lens: str
    button: gr.Button
    files: gr.File


def build_take_away(lens: str, content: str) -> TakeAway:
    """Place a folded section with the files of a lens."""
    with gr.Accordion("Take it away", open=False, elem_id=f"take-away-{lens}"):
        button = gr.Button(f"Write files: {content}", size="sm", elem_id=f"write-{lens}")
        files = gr.File(
            label="Files",
            file_count="multiple",
            interactive=False,
            visible=False,
            elem_id=f"files-{lens}",
        )
    return TakeAway(lens, button, files)
