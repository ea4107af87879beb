"""The command ``lesson``: the page Learn on a clip, in words, and as one HTML page to print."""

from __future__ import annotations

from typing import Any

from videomae_demo.cli.reconstruct import add_mask_options
from videomae_demo.cli.shared import (
    Parsed,
    add_clip_command,
    make_explorer,
    read_clip,
    report_files,
    tell,
)


def add_lesson(commands: Any) -> None:
    """Add the command."""
    summary = "A lesson on masked autoencoding, worked out on the clip; --out DIR to print it."
    add_mask_options(add_clip_command(commands, "lesson", _lesson, summary))


def _lesson(parsed: Parsed) -> None:
    explorer, clip = make_explorer(parsed), read_clip(parsed)
    from videomae_demo.lenses.masks import MaskRequest
    from videomae_demo.lessons.handout import make_handout

    mask = MaskRequest(parsed.mask, parsed.ratio, parsed.seed)
    found = make_handout(explorer, clip, mask)
    if parsed.out is not None:
        report_files(parsed.out, lambda: found.save(parsed.out))
    tell(parsed, found.to_json(), found.lines())
