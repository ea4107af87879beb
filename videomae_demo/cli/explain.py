"""The command ``explain``: say why the clip got its label, and test the map."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from videomae_demo.analysis.methods import DEFAULT_METHOD, METHODS
from videomae_demo.cli.shared import (
    LensCommand,
    Parsed,
    add_hide_option,
    knows_labels,
    noted,
    progress,
    read_hidden,
)

if TYPE_CHECKING:
    from videomae_demo.engine.clips import ClipRequest
    from videomae_demo.explorer import Explorer
    from videomae_demo.lenses.explain import ExplainRequest, RelevanceView


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options for the relevance."""
    command.add_argument("--label", metavar="NAME", help="this label (the most probable one)")
    command.add_argument(
        "--against", metavar="NAME", help="explain the margin of the label over this one"
    )
    command.add_argument(
        "--method", default=DEFAULT_METHOD, help=f"{', '.join(METHODS)} ({DEFAULT_METHOD})"
    )
    command.add_argument(
        "--test",
        action="store_true",
        help="hide tokens in the map's order, and see whether the label follows; many passes",
    )
    add_hide_option(command)


def _ask(explorer: Explorer, clip: ClipRequest, parsed: Parsed) -> RelevanceView:
    request = _request(parsed)
    if not parsed.test:
        return explorer.explain(clip, request)
    view = None
    for view in explorer.test_explanation(clip, request):
        assert view.trial is not None
        progress(f"Hiding tokens: {view.trial.found.done:.0%}")
    assert view is not None
    return view


def _request(parsed: Parsed) -> ExplainRequest:
    from videomae_demo.lenses.explain import ExplainRequest

    hidden = read_hidden(parsed)
    return ExplainRequest(parsed.label, parsed.against, parsed.method, hidden)


def _lines(view: RelevanceView, _parsed: Parsed) -> list[str]:
    places = [
        f"[{', '.join(map(str, token))}] {view.told(token)}" for token, _ in view.strongest(5)
    ]
    return [
        f"Why {view.what} ({view.checkpoint.public_name}), of "
        f"{' x '.join(map(str, view.relevance.scores.shape))} tokens:",
        f"  strongest (time, row, column): {', '.join(places)}",
        *(f"  {said}" for said in view.sentences()),
        *noted(view),
        view.method_words(),
    ]


COMMAND = LensCommand(
    name="explain",
    summary="Say why the clip gets its label, and test whether the map matters.",
    part="relevance",
    add_options=add_options,
    ask=_ask,
    lines=_lines,
    can_answer=knows_labels,
)
