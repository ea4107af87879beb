"""Serving the page: ``python app.py``, or ``videomae-explorer page``."""

from __future__ import annotations

import argparse
import os

from videomae_demo.limits import Limits


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add which weights the page opens with; the environment may say it, too."""
    parser.add_argument(
        "--weights",
        default=os.environ.get("VIDEOMAE_WEIGHTS"),
        metavar="NAME|REPO|FOLDER|FILE",
        help="the checkpoint to open with, as for the other commands (Kinetics weights if they are "
        "on this machine, else the bundled ones)",
    )
    parser.add_argument(
        "--reconstructor",
        default=os.environ.get("VIDEOMAE_RECONSTRUCTOR"),
        metavar="NAME|REPO|FOLDER|FILE",
        help="checkpoint with a decoder (the partner)",
    )


def serve(weights: str | None = None, reconstructor: str | None = None) -> None:
    """Serve the page until it is stopped; torch and the weights load behind its first view.

    Raises
    ------
    ExplorerError
        When a limit of the environment is nonsense, or the weights can't be had.
    """
    from videomae_demo.video.reader import get_ready

    get_ready()  # examples have pictures of their frames, and gradio takes seconds to import
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # it reads this when it is imported
    from videomae_demo.pool import ExplorerPool
    from videomae_demo.ui.app import build_page, launch_options
    from videomae_demo.ui.gradio_edge.edge import Edge
    from videomae_demo.ui.gradio_edge.exposure import is_public

    public = is_public(os.environ)
    limits = Limits.from_environment(os.environ, public=public)
    pool = ExplorerPool(weights, reconstructor, limits=limits, public=public)
    if "SPACES_ZERO_GPU" in os.environ:  # there, models are placed before anything is served
        pool.warm_up()
    edge = Edge(limits)
    edge.stopping.listen()
    page = build_page(pool, edge=edge)
    page.launch(prevent_thread_lock=True, **launch_options(edge))
    edge.serve_until_stopped(page, pool.warm_up)
