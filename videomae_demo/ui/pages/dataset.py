"""The page Data set: its address, its one component, and the route that answers it.

It is there only where this machine alone reaches the page: it reads folders of that machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import gradio as gr

from videomae_demo.pool import ExplorerPool
from videomae_demo.ui.dataset.endpoint import DataSet
from videomae_demo.ui.dataset.listed import ListedClips
from videomae_demo.ui.dataset.page import make_data_set
from videomae_demo.ui.dataset.runs import Runs
from videomae_demo.ui.gradio_edge.edge import Edge
from videomae_demo.ui.lenses.lens import PageLens

RUNS = Path("evaluated")
"""Where the folders of runs are made, below the folder in which the page was started."""


def add_data_set(
    page: gr.Blocks,
    pool: ExplorerPool,
    edge: Edge,
    listed: ListedClips,
    lenses: Sequence[PageLens],
) -> None:
    """Add the page to the app, to be launched with the `launch_options` of `edge`."""
    edge.mount(DataSet(pool, Runs(pool, listed), RUNS.absolute()))
    with page.route("Data set", "dataset"):
        make_data_set("dataset", [lens.label_name for lens in lenses if lens.label_name])
