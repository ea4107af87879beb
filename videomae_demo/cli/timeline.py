"""The command ``timeline``: what happens when in a long clip."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from videomae_demo.cli.shared import LensCommand, Parsed, noted, progress
from videomae_demo.lenses.timeline import TimelineRequest

if TYPE_CHECKING:
    from videomae_demo.engine.clips import ClipRequest
    from videomae_demo.explorer import Explorer
    from videomae_demo.lenses.timeline import TimelineView


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options for the windows and the label."""
    command.add_argument(
        "--hop",
        type=float,
        metavar="SECONDS",
        help="from the beginning of one window to that of the next (half a window)",
    )
    command.add_argument(
        "--windows", type=int, metavar="N", help="so many windows over the clip, instead of a hop"
    )
    command.add_argument("--label", metavar="NAME", help="draw this label, too, whatever its rank")


def _ask(explorer: Explorer, clip: ClipRequest, parsed: Parsed) -> TimelineView:
    request = TimelineRequest(parsed.hop, parsed.windows, parsed.label)
    for view in explorer.timeline_of(clip, request):  # the last one counts
        progress(f"Windows: {len(view.logits)} of {len(view.starts_s)} ...")
    return view


def _lines(view: TimelineView, _parsed: Parsed) -> list[str]:
    return [
        f"What happens when ({view.checkpoint.public_name}), in {len(view.starts_s)} windows of "
        f"{view.length_s:.2f} s:",
        *(f"  {said}" for said in view.sentences()),
        *noted(view),
    ]


COMMAND = LensCommand(
    name="timeline",
    summary="Say what happens when, window by window, from the beginning of a clip to its end.",
    part="timeline",
    add_options=add_options,
    ask=_ask,
    lines=_lines,
    is_explored=False,
)
