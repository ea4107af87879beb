"""The command ``compare``: two checkpoints on one clip."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from videomae_demo.cli.shared import LensCommand, Parsed, noted, progress
from videomae_demo.errors import RequestError
from videomae_demo.lenses.paired import KINDS, told

if TYPE_CHECKING:
    from videomae_demo.engine.clips import ClipRequest
    from videomae_demo.explorer import Explorer
    from videomae_demo.lenses.compare import CompareView


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the other checkpoint, and what is compared."""
    command.add_argument(
        "--with",
        dest="other",
        metavar="NAME|REPO|FOLDER|FILE",
        help="the other checkpoint, B; --weights is A",
    )
    command.add_argument(
        "--what", default=KINDS[0], metavar="KIND", help=f"{', '.join(KINDS)} ({KINDS[0]})"
    )
    command.add_argument(
        "--label",
        metavar="NAME",
        help="for relevance and what_if: follow this label (A's most probable one)",
    )
    command.add_argument(
        "--mask",
        default="tube",
        metavar="KIND",
        help="for the reconstruction: as of the command reconstruct (tube)",
    )
    command.add_argument("--ratio", type=float, help="share to hide (as the command reconstruct)")
    command.add_argument("--seed", type=int, default=0, help="which tokens (0)")


def _ask(explorer: Explorer, clip: ClipRequest, parsed: Parsed) -> CompareView:
    from videomae_demo.lenses.compare import CompareRequest
    from videomae_demo.lenses.masks import MaskRequest

    if not parsed.other:
        raise RequestError("No other checkpoint is named; give it as --with NAME.")
    mask = MaskRequest(parsed.mask, parsed.ratio, parsed.seed)
    request = CompareRequest(parsed.what, parsed.label, mask)
    for view in explorer.compare(clip, parsed.other, request):  # the last one counts
        progress(f"Comparing {view.request.what} ...")
    return view


def _lines(view: CompareView, _parsed: Parsed) -> list[str]:
    pairing = view.pairing
    width = max((len(row.name) for row in pairing.rows), default=0)
    return [
        view.who(),
        f"  {'':<{width}}  {'A':>9}  {'B':>9}",
        *(
            f"  {row.name:<{width}}  {told(row.first, pairing.unit):>9}  "
            f"{told(row.second, pairing.unit):>9}"
            for row in pairing.rows
        ),
        *(f"  {said}" for said in pairing.said),
        *noted(view),
    ]


COMMAND = LensCommand(
    name="compare",
    summary="Ask two checkpoints the same of a clip, and say where they differ.",
    part="compare",
    add_options=add_options,
    ask=_ask,
    lines=_lines,
    is_explored=False,
)
