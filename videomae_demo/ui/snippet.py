"""The present view as a few lines of Python with the public API."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from videomae_demo.engine.clips import ClipRequest
from videomae_demo.shipped import EXAMPLES_FOLDER
from videomae_demo.ui.lenses.lens import PageLens, call
from videomae_demo.ui.session import Session
from videomae_demo.video.sampling import SamplingRule


def view_in_python(
    session: Session, lenses: Sequence[PageLens], reconstructor: str | None = None
) -> str:
    """Return a program that computes what the lenses show, and prints its main figures."""
    if session.clip is None:
        return "# Explore a clip first."
    parts = [lens.code(session) for lens in lenses]
    clip, used = _clip(session.clip)
    names = {"ClipRequest", "Explorer", *used, *(name for part in parts for name in part.names)}
    imports = f"from videomae_demo import {', '.join(sorted(names))}\n"
    weights = repr(session.weights)
    if reconstructor is not None:
        weights += f", reconstructor={reconstructor!r}"
    start = f"{imports}\nexplorer = Explorer({weights})\nclip = {clip}\n"
    return "\n".join([start, *(part.lines for part in parts if part.lines)])


def _clip(clip: ClipRequest) -> tuple[str, list[str]]:
    """Return the request as code, and the public names that it needs beside its own."""
    path, used = Path(clip.path), []
    shown = repr(path.name)
    if path.parent == EXAMPLES_FOLDER:
        used.append("example_clip")
        shown = f"example_clip({path.stem!r})"
    if clip.sampling is not None:
        used.append("SamplingRule")
    if clip.change is not None:
        used.append("ClipChange")
    code = call(
        "ClipRequest",
        shown,
        None if clip.start_s is None else f"start_s={clip.start_s!r}",
        None if clip.sampling is None else f"sampling={_rule(clip.sampling)}",
        "stored_pixels=True" if clip.stored_pixels else None,
        None if clip.change is None else f"change=ClipChange.parse({str(clip.change)!r})",
    )
    return code, used


def _rule(rule: SamplingRule) -> str:
    if rule.interval_s is not None:
        return f"SamplingRule.stride({rule.interval_s!r})"
    return "SamplingRule.uniform()" if rule.step is None else f"SamplingRule.every({rule.step!r})"
