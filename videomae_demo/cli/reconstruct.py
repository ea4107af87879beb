"""The command ``reconstruct``: show what the model imagines behind a mask."""

from __future__ import annotations

import argparse
import math
from dataclasses import replace
from typing import TYPE_CHECKING

from videomae_demo.cli.shared import LensCommand, Parsed, noted, progress
from videomae_demo.lenses.reconstruct import TIMES

if TYPE_CHECKING:
    from videomae_demo.engine.clips import ClipRequest
    from videomae_demo.explorer import Explorer
    from videomae_demo.lenses.reconstruct import ReconstructionView


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options for the reconstructor, the mask, and the sweep."""
    add_mask_options(command)
    command.add_argument(
        "--sweep",
        action="store_true",
        help="try all shares from 0.5 to 0.95, with several masks each; many passes",
    )
    command.add_argument(
        "--many",
        type=int,
        nargs="?",
        const=TIMES,
        metavar="TIMES",
        help=f"hide each token so many times ({TIMES}) by many masks: mean, spread, error and "
        "surprise",
    )


def add_mask_options(command: argparse.ArgumentParser) -> None:
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
        "--mask",
        default="tube",
        metavar="KIND",
        help="tube, random, frame or cell, drawn from a seed; future (the last moments); attended, "
        "unattended, relevant or irrelevant (what Attend and Why mark most or least) (tube)",
    )
    command.add_argument(
        "--ratio", type=float, help="share to hide (0.9; 0.75 where patches are few)"
    )
    command.add_argument("--seed", type=int, default=0, help="which tokens (0)")


def _ask(explorer: Explorer, clip: ClipRequest, parsed: Parsed) -> ReconstructionView:
    from videomae_demo.lenses.masks import MaskRequest

    mask = MaskRequest(parsed.mask, parsed.ratio, parsed.seed)
    view = None
    if parsed.sweep:
        for view in explorer.sweep(clip, mask):
            assert view.sweep is not None
            progress(f"Hiding more and more: {view.sweep.done:.0%}")
    if parsed.many is not None:
        for tried in explorer.many_masks(clip, mask, parsed.many):
            assert tried.many is not None
            progress(f"Trying many masks: {tried.many.done:.0%}")
        view = tried if view is None else replace(view, many=tried.many)
    return explorer.reconstruct(clip, mask) if view is None else view


def _lines(view: ReconstructionView, _parsed: Parsed) -> list[str]:
    from videomae_demo.lenses.pictures import how_near, never_visible

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
    lines += [f"  {view.loss()}", *_swept(view), *(f"  {said}" for said in view.together())]
    lines += noted(view)
    return [line for line in lines if line.strip()]


def _swept(view: ReconstructionView) -> list[str]:
    """Write the means over the masks of each share as a table, and what follows from them."""
    from videomae_demo.lenses.pictures import in_decibel

    found = view.sweep
    if found is None:
        return []
    head = "".join(f"{name:>19}" for name in found.names)
    lines = [f"  mean PSNR in dB over {len(found.seeds)} masks:", f"    hidden{head}       loss"]
    for at, hidden in enumerate(found.hidden.tolist()):
        near = "".join(f"{in_decibel(value):>19}" for value in found.mean_db[:, at].tolist())
        lines.append(f"    {hidden:>6.1%}{near}{found.mean_losses[0, at]:>11.4f}")
    return lines + [f"  {said}" for said in view.swept()]


COMMAND = LensCommand(
    name="reconstruct",
    summary="Show what the model imagines behind a mask.",
    part="reconstruction",
    add_options=add_options,
    ask=_ask,
    lines=_lines,
)
