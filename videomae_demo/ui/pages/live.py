"""The page Live: its address, its one component, and the route that answers it."""

from __future__ import annotations

import gradio as gr

from videomae_demo.pool import ExplorerPool
from videomae_demo.ui.gradio_edge.edge import Edge
from videomae_demo.ui.live.endpoint import Live
from videomae_demo.ui.live.page import make_live
from videomae_demo.ui.live.places import Places


def add_live(page: gr.Blocks, pool: ExplorerPool, edge: Edge) -> None:
    """Add the page to the app, to be launched with the `launch_options` of `edge`."""
    edge.mount(Live(pool, edge.served.save, Places(edge.limits.live_visitors)))
    with page.route("Live", "live"):
        make_live("live", edge.limits.kept_hours, local=edge.local)
