"""Serving the page: ``python app.py``, or ``videomae-explorer page``."""

from __future__ import annotations

import argparse
import gc
import importlib.util
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from videomae_demo.errors import RequestError
from videomae_demo.limits import Limits, describe

if TYPE_CHECKING:
    from videomae_demo.pool import ExplorerPool
    from videomae_demo.ui.gradio_edge.edge import Edge


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add which weights the page opens with; the environment may say it, too.

    The help ends with the limits, which the environment alone can change.
    """
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = f"Environment variables that set limits, and their defaults:\n{describe()}"
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
    parser.add_argument(
        "--mcp",
        action="store_true",
        default=os.environ.get("VIDEOMAE_MCP", "").lower() in ("1", "true"),
        help="offer the lenses to assistants as tools, too, by the Model Context Protocol, at "
        "/gradio_api/mcp (VIDEOMAE_MCP=1 does the same; needs videomae-explorer[mcp])",
    )
    parser.add_argument(
        "--mcp-folder",
        action="append",
        default=[],
        type=Path,
        metavar="FOLDER",
        help="let an assistant name clips in FOLDER by their paths, on a page that this machine "
        "alone can reach; may be given more than once",
    )


def serve(
    weights: str | None = None,
    reconstructor: str | None = None,
    *,
    mcp: bool = False,
    mcp_folders: Sequence[Path] = (),
) -> None:
    """Serve the page until it is stopped; torch and the weights load behind its first view.

    Raises
    ------
    ExplorerError
        When a limit of the environment is nonsense, the weights can't be had, or tools can't be
        offered as asked for.
    """
    from videomae_demo.ui.examples import begin_pictures, find_examples
    from videomae_demo.ui.gradio_edge.exposure import is_public

    public = is_public(os.environ)
    offers_tools = mcp or bool(mcp_folders)
    if offers_tools:
        _check_tools(mcp_folders, public=public)
    limits = Limits.from_environment(os.environ, public=public)
    begin_pictures(find_examples(), limits)  # gradio takes seconds to import
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # it reads this when it is imported
    with _keeping_all():
        from videomae_demo.pool import ExplorerPool
        from videomae_demo.ui.app import build_page, launch_options
        from videomae_demo.ui.gradio_edge.edge import Edge

        pool = ExplorerPool(weights, reconstructor, limits=limits, public=public)
        if "SPACES_ZERO_GPU" in os.environ:  # there, models are placed before anything is served
            pool.warm_up_or_stand_in()
        edge = Edge(limits, local=not public)
        if offers_tools:
            _offer_tools(pool, edge, mcp_folders)
        edge.stopping.listen()
        page = build_page(pool, edge=edge)
        page.launch(prevent_thread_lock=True, **launch_options(edge))
    edge.serve_until_stopped(page, pool.keep_warming_up)


@contextmanager
def _keeping_all() -> Iterator[None]:
    """Look for no garbage while the page is built, nor ever again in what is there by then.

    Python looks through all objects again and again while they become more: half a second, when
    gradio is imported. Later, each whole look would hold up every visitor for a fifth of one.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _check_tools(folders: Sequence[Path], *, public: bool) -> None:
    """Refuse tools that can't be offered."""
    if importlib.util.find_spec("mcp") is None:
        raise RequestError(
            "Tools for assistants need the package mcp, which is not installed: "
            "pip install 'videomae-explorer[mcp]'."
        )
    if folders and public:
        raise RequestError(
            f"Others can reach this page, and would read the files in {folders[0]}: leave "
            "--mcp-folder out, or serve the page for this machine alone."
        )
    for folder in folders:
        if not folder.is_dir():
            raise RequestError(f"--mcp-folder is {str(folder)!r}, and there is no such folder.")


def _offer_tools(pool: ExplorerPool, edge: Edge, folders: Sequence[Path]) -> None:
    """Offer the lenses as tools, at the page's address."""
    from videomae_demo.ui.examples import find_examples
    from videomae_demo.ui.lenses.registry import LENSES
    from videomae_demo.ui.tools import Tools

    edge.mount(Tools(pool, LENSES, find_examples(), edge.served.save, folders, edge.limits))
