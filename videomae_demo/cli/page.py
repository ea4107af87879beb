"""The command ``page``: open the page in a browser."""

from __future__ import annotations

from typing import Any

from videomae_demo.cli.shared import Parsed


def add_page(commands: Any) -> None:
    """Add the command."""
    from videomae_demo.ui.serve import add_options

    summary = "Serve the page: all lenses, in a browser."
    command = commands.add_parser("page", help=summary, description=summary)
    add_options(command)
    command.set_defaults(run=_serve)


def _serve(parsed: Parsed) -> None:
    from videomae_demo.ui.serve import serve

    serve(parsed.weights, parsed.reconstructor, mcp=parsed.mcp, mcp_folders=parsed.mcp_folder)
