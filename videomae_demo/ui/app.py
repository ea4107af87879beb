"""The app: its pages, and how they are launched."""

from __future__ import annotations

from typing import Any

import gradio as gr

from videomae_demo.pool import ExplorerPool
from videomae_demo.shipped import ASSETS
from videomae_demo.ui.dataset.listed import ListedClips
from videomae_demo.ui.examples import REAL_CLIPS, Example, find_examples
from videomae_demo.ui.gradio_edge.assembly import assembling
from videomae_demo.ui.gradio_edge.clip_fields import NO_TRIMMING
from videomae_demo.ui.gradio_edge.edge import Edge
from videomae_demo.ui.gradio_edge.endings import SCRIPT as HEARING_ENDINGS
from videomae_demo.ui.lenses import registry
from videomae_demo.ui.pages.dataset import add_data_set
from videomae_demo.ui.pages.explore import PageBuilder
from videomae_demo.ui.pages.learn import add_learn
from videomae_demo.ui.pages.live import add_live
from videomae_demo.ui.pages.train import add_train
from videomae_demo.ui.theme import STYLE_SHEET, make_theme


def build_page(
    pool: ExplorerPool, examples: tuple[Example, ...] | None = None, *, edge: Edge | None = None
) -> gr.Blocks:
    """Return the pages; `examples` default to the project's own clips.

    They are launched with the `launch_options` of the same `edge`.
    """
    shown, real = (find_examples(), REAL_CLIPS) if examples is None else (examples, ())
    edge = edge or Edge()
    listed = ListedClips()
    builder = PageBuilder(pool, registry.LENSES, shown, edge, real, listed)
    with assembling():
        page = builder.build()
        add_live(page, pool, edge)
        add_learn(page, pool, edge, builder.shelf)
        add_train(page, pool, edge)
        if edge.local:
            add_data_set(page, pool, edge, listed, registry.LENSES)
    return page


def launch_options(edge: Edge) -> dict[str, Any]:
    """Return how the page is launched, on a laptop and on a public machine alike."""
    return {
        "app_kwargs": edge.app_options,
        "theme": make_theme(),
        "css_paths": STYLE_SHEET,
        "head": NO_TRIMMING + HEARING_ENDINGS,
        "favicon_path": ASSETS / "icon.svg",
        "max_file_size": f"{edge.limits.upload_mb}mb",
        "show_error": False,
        "ssr_mode": False,
        "enable_monitoring": False,
        "mcp_server": False,  # gradio's own fetches what a URL names; see `tools`
        "run_history": False,
        "state_session_capacity": 200,
        "footer_links": ["api", "settings"],
    }
