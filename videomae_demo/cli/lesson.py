"""The command ``lesson``: the page Learn on a clip, in words, and as one HTML page to print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from videomae_demo.cli.reconstruct import add_mask_options
from videomae_demo.cli.shared import ClipCommand, Parsed

if TYPE_CHECKING:
    from videomae_demo.engine.clips import ClipRequest
    from videomae_demo.explorer import Explorer
    from videomae_demo.lessons.handout import Handout


def _ask(explorer: Explorer, clip: ClipRequest, parsed: Parsed) -> Handout:
    from videomae_demo.lenses.masks import MaskRequest
    from videomae_demo.lessons.handout import make_handout

    return make_handout(explorer, clip, MaskRequest(parsed.mask, parsed.ratio, parsed.seed))


def _lines(found: Handout, _parsed: Parsed) -> list[str]:
    return found.lines()


COMMAND = ClipCommand(
    name="lesson",
    summary="A lesson on masked autoencoding, worked out on the clip; --out DIR to print it.",
    add_options=add_mask_options,
    ask=_ask,
    lines=_lines,
)
