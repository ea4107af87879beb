"""How the page looks: gradio's Default theme (no remote font) and a style sheet."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

STYLE_SHEET = Path(__file__).parent / "style.css"


def make_theme() -> gr.themes.Base:
    """Return the theme: fonts of the visitor's machine, and contrasts of at least 4.5 to 1."""
    sans = ["ui-sans-serif", "system-ui", "sans-serif"]
    mono = ["ui-monospace", "Consolas", "monospace"]
    theme = gr.themes.Default(primary_hue="orange", font=sans, font_mono=mono)
    return theme.set(
        body_text_color_subdued="*neutral_500",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_800",
    )
