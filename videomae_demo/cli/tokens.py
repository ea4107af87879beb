"""The command ``tokens``: show which tokens are alike."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from videomae_demo.cli.shared import LensCommand, Parsed, noted, read_token
from videomae_demo.lenses.tokens import HALVES, TokensRequest

if TYPE_CHECKING:
    from videomae_demo.engine.clips import ClipRequest
    from videomae_demo.explorer import Explorer
    from videomae_demo.lenses.tokens import TokensView


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options for the token, the layer and the encoder."""
    command.add_argument(
        "--query",
        metavar="TIME,ROW,COLUMN",
        help="compare all tokens to this one, counted from 0 (the middle one)",
    )
    command.add_argument(
        "--layer",
        type=int,
        metavar="N",
        help="after this layer, counted from 1; 0 for the embedded patches (the last)",
    )
    command.add_argument(
        "--of", default=HALVES[0], metavar="ENCODER", help=f"{' or '.join(HALVES)} ({HALVES[0]})"
    )
    command.add_argument(
        "--skip-near", action="store_true", help="leave the tokens that touch the chosen one out"
    )
    command.add_argument(
        "--pca", action="store_true", help="tell of the groups alone, and not of the chosen token"
    )
    command.add_argument(
        "--reconstructor",
        metavar="NAME|REPO|FOLDER|FILE",
        help="checkpoint with a decoder (the partner)",
    )


def _ask(explorer: Explorer, clip: ClipRequest, parsed: Parsed) -> TokensView:
    query = None if parsed.query is None else read_token(parsed.query, "--query")
    return explorer.tokens(clip, TokensRequest(query, parsed.layer, parsed.of, parsed.skip_near))


def _lines(view: TokensView, parsed: Parsed) -> list[str]:
    groups = [view.about_groups(), view.about_blank()]
    said = groups if parsed.pca else view.sentences()
    return [
        f"{view.where()} ({view.checkpoint.public_name}):",
        *(f"  {one}" for one in said),
        *noted(view),
    ]


COMMAND = LensCommand(
    name="tokens",
    summary="Show which tokens are alike: to one of them, and in groups.",
    part="tokens",
    add_options=add_options,
    ask=_ask,
    lines=_lines,
    is_explored=False,
)
