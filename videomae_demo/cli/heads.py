"""The command ``heads``: say what each attention head reads and does, and switch heads off."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from videomae_demo.cli.shared import LensCommand, Parsed, knows_labels, noted, read_token

if TYPE_CHECKING:
    from videomae_demo.engine.clips import ClipRequest
    from videomae_demo.explorer import Explorer
    from videomae_demo.lenses.heads import HeadsRequest, HeadsView

MOST_PRINTED = 10


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options for the heads."""
    command.add_argument(
        "--head",
        metavar="LAYER.NUMBER",
        help="draw this head, counted from 1, for instance 5.2 (the one with the greatest effect)",
    )
    command.add_argument(
        "--off", metavar="LAYER.NUMBER,...", help="switch these heads off, for instance 5.2,6.1"
    )
    command.add_argument(
        "--label", metavar="NAME", help="effects on this label (the most probable one)"
    )
    command.add_argument(
        "--against", metavar="NAME", help="effects on the margin of the label over this one"
    )
    command.add_argument(
        "--query",
        metavar="TIME,ROW,COLUMN",
        help="what this token reads (what the classifier does)",
    )
    command.add_argument(
        "--shows", default="reads", metavar="MAP", help="draw reads or effect (reads)"
    )


def _ask(explorer: Explorer, clip: ClipRequest, parsed: Parsed) -> HeadsView:
    return explorer.heads(clip, _request(parsed))


def _request(parsed: Parsed) -> HeadsRequest:
    from videomae_demo.analysis.settings import Head
    from videomae_demo.lenses.heads import HeadsRequest

    return HeadsRequest(
        None if parsed.head is None else Head.parse(parsed.head),
        () if parsed.off is None else tuple(map(Head.parse, parsed.off.split(","))),
        parsed.label,
        parsed.against,
        None if parsed.query is None else read_token(parsed.query, "--query"),
        parsed.shows,
    )


def _lines(view: HeadsView, _parsed: Parsed) -> list[str]:
    ranked = view.found.ranking[:MOST_PRINTED]
    named = ", ".join(f"{head.written} {view.effect_of(head):+.2f}" for head in ranked)
    return [
        f"Heads, and their direct effect on {view.what} ({view.checkpoint.public_name}), of "
        f"{len(view.found.ranking)}:",
        f"  greatest (layer.number): {named}",
        *(f"  {said}" for said in view.sentences()),
        *noted(view),
    ]


COMMAND = LensCommand(
    name="heads",
    summary="Say what each attention head reads and does for a label, and switch heads off.",
    part="heads",
    add_options=add_options,
    ask=_ask,
    lines=_lines,
    can_answer=knows_labels,
)
