"""The command ``probe``: change the clip, and see what becomes of its label."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from videomae_demo.cli.shared import LensCommand, Parsed, knows_labels, noted, progress
from videomae_demo.lenses.recognise import probability
from videomae_demo.lenses.what_became import AS_IT_IS
from videomae_demo.lenses.what_if import DEFAULT_WHAT_IF, WhatIfRequest

if TYPE_CHECKING:
    from videomae_demo.engine.clips import ClipRequest
    from videomae_demo.explorer import Explorer
    from videomae_demo.lenses.what_if import WhatIfView


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options for the probes."""
    command.add_argument(
        "--label", metavar="NAME", help="follow this label (the most probable one)"
    )
    command.add_argument(
        "--show",
        metavar="CHANGE",
        default=DEFAULT_WHAT_IF.shown,
        help="the change that the movie of --out plays, by its name in the list (backwards)",
    )


def _ask(explorer: Explorer, clip: ClipRequest, parsed: Parsed) -> WhatIfView:
    request = WhatIfRequest(parsed.label, parsed.show)
    for view in explorer.probe(clip, request):  # the last one counts
        progress(f"Changing the clip: {len(view.found)} of {len(view.probes)} ...")
    return view


def _lines(view: WhatIfView, _parsed: Parsed) -> list[str]:
    rows = [(AS_IT_IS, view.whole)]
    rows += [(one.name, read) for one in view.probes if (read := view.read(one.name)) is not None]
    width = max(len(name) for name, _ in rows)
    return [
        f"{view.labels[view.label]} when the clip is changed ({view.checkpoint.public_name}):",
        *(
            f"  {name:<{width}}  {probability(read.probability):>7}  "
            f"{view.labels[read.best]} {probability(read.best_probability)}"
            for name, read in rows
        ),
        f"  {view.about_shown()} {view.about_figures()}",
        *(f"  {said}" for said in view.sentences()),
        *(f"  {one.why}" for one in view.left_out),
        *noted(view),
    ]


COMMAND = LensCommand(
    name="probe",
    summary="Change the clip (order, single frames, pace, window, look), and follow a label.",
    part="what_if",
    add_options=add_options,
    ask=_ask,
    lines=_lines,
    can_answer=knows_labels,
    is_explored=False,
)
