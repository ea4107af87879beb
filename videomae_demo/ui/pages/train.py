"""The page Train: its address, its one component, and the route that answers it."""

from __future__ import annotations

import gradio as gr

from videomae_demo.pool import ExplorerPool
from videomae_demo.ui.gradio_edge.edge import Edge
from videomae_demo.ui.train.endpoint import Train
from videomae_demo.ui.train.page import make_train
from videomae_demo.ui.train.workshop import Workshop


def add_train(page: gr.Blocks, pool: ExplorerPool, edge: Edge) -> None:
    """Add the page to the app, to be launched with the `launch_options` of `edge`."""
    kept = edge.served.kept
    workshop = Workshop(edge.limits.training_minutes)
    edge.mount(Train(pool, workshop, kept.folder / "trained", kept.is_permanent))
    with page.route("Train", "train"):
        make_train("train", local=edge.local)
