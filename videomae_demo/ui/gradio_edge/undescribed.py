"""A visitor costs no descriptions of the page.

Gradio describes every component anew for each visitor, and again whenever one changes for them:
for links to what a page shows, by which it could be shown again. Ours has addresses of its own for
that, and no such links; and while gradio describes, nobody is answered.
"""

from __future__ import annotations

import copy
from typing import Any

import gradio as gr
from gradio.blocks import BlocksConfig
from gradio.routes import App


class _Components:
    """The components with which a visitor begins: copied for each, and described for none."""

    def __init__(self, ours: BlocksConfig) -> None:
        self._ours = ours

    def __copy__(self) -> BlocksConfig:
        theirs = copy.copy(self._ours)
        theirs.config_for_block = _nothing  # type: ignore[method-assign]
        return theirs


class _Page:
    """A page, as gradio looks at it when a visitor comes."""

    def __init__(self, page: gr.Blocks) -> None:
        self.default_config = _Components(page.default_config)
        self.blocks: dict[int, Any] = {}  # to be described


def _nothing(*_: object, **__: object) -> dict[str, Any]:
    return {}


def spare_descriptions(app: App) -> None:
    """Let no visitor's components be described."""
    app.state_holder.blocks = _Page(app.get_blocks())  # type: ignore[assignment]
