"""The command ``reconstruct``: show what the model imagines behind a mask."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING

from videomae_demo.cli.shared import LensCommand, Parsed, noted

if TYPE_CHECKING:
    from videomae_demo.engine.clips import ClipRequest
    from videomae_demo.explorer import Explorer
    from videomae_demo.lenses.reconstruct import ReconstructionView


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options for the reconstructor and the mask."""
    command.add_argument(
        "--reconstructor",
        metavar="NAME|REPO|FOLDER|FILE",
        help="checkpoint with a decoder (the partner)",
    )
    command.add_argument(
        "--reconstructor-heads",
        type=int,
        metavar="N",
        help="attention heads of its encoder, where it does not tell (as --heads)",
    )
    command.add_argument(
        "--mask", default="tube", metavar="KIND", help="tube, random, frame or cell (tube)"
    )
    command.add_argument(
        "--ratio", type=float, help="share to hide (0.9; 0.75 where patches are few)"
    )
    command.add_argument("--seed", type=int, default=0, help="which tokens (0)")


def _ask(explorer: Explorer, clip: ClipRequest, parsed: Parsed) -> ReconstructionView:
    from videomae_demo.lenses.reconstruct import MaskRequest

    return explorer.reconstruct(clip, MaskRequest(parsed.mask, parsed.ratio, parsed.seed))


def _lines(view: ReconstructionView, _parsed: Parsed) -> list[str]:
    from videomae_demo.lenses.reconstruct import how_near, never_visible

    result, mask = view.reconstruction, view.mask
    lines = [
        f"What it imagines behind the mask ({view.checkpoint.public_name}): {mask.kind}, "
        f"ratio {view.hidden_share:.4g}, seed {mask.seed}, {int(result.mask.sum())} tokens hidden",
        f"  {view.made_by()}",
        f"  {view.other_share()}",
        "  PSNR over hidden pixels:",
    ]
    for picture in result.pictures:
        exact = math.isinf(picture.psnr_db)
        value = "exact" if exact else f"{picture.psnr_db:.2f} dB"
        leak = "  (uses the hidden patches' statistics)" if picture.leaks else ""
        lines.append(f"    {picture.name:<18} {value}{leak}")
    lines += [f"  {how_near(result)}", f"  {never_visible(result)}"]
    lines += [f"  loss: {result.loss:.4f}", *noted(view)]
    return [line for line in lines if line.strip()]


COMMAND = LensCommand(
    name="reconstruct",
    summary="Show what the model imagines behind a mask.",
    part="reconstruction",
    add_options=add_options,
    ask=_ask,
    lines=_lines,
)
