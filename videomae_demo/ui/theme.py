"""How the page looks: gradio's Default theme (no remote font) and a style sheet."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

STYLE_SHEET = Path(__file__).parent / "style.css"


def make_theme() -> gr.themes.Default:
    """Return the theme; its fonts are those of the visitor's machine."""
    sans = ["ui-sans-serif", "system-ui", "sans-serif"]
    mono = ["ui-monospace", "Consolas", "monospace"]
    return gr.themes.Default(primary_hue="orange", font=sans, font_mono=mono)
