"""The page Learn: its address, its one component, and the route that answers it."""

from __future__ import annotations

import gradio as gr

from videomae_demo.pool import ExplorerPool
from videomae_demo.ui.examples import Shelf
from videomae_demo.ui.gradio_edge.edge import Edge
from videomae_demo.ui.learn.endpoint import Learn
from videomae_demo.ui.learn.page import make_learn


def add_learn(page: gr.Blocks, pool: ExplorerPool, edge: Edge, shelf: Shelf) -> None:
    """Add the page to the app, to be launched with the `launch_options` of `edge`."""
    served = edge.served
    edge.mount(Learn(pool, shelf, served.save, served.kept.holds, edge.limits))
    with page.route("Learn", "learn"):
        make_learn("learn", local=edge.local)
