"""The present view as a few lines of Python with the public API."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from videomae_demo.engine.clips import ClipRequest
from videomae_demo.ui.examples import ROOT
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
    names = sorted({"ClipRequest", "Explorer", *(name for part in parts for name in part.names)})
    imports = f"from pathlib import Path\n\nfrom videomae_demo import {', '.join(names)}\n"
    if session.clip.change is not None:
        names = sorted({*names, "ClipChange"})
    if session.clip.sampling is not None:
        imports += "from videomae_demo.video.sampling import SamplingRule\n"
    weights = repr(session.weights)
    if reconstructor is not None:
        weights += f", reconstructor={reconstructor!r}"
    start = f"{imports}\nexplorer = Explorer({weights})\nclip = {_clip(session.clip)}\n"
    return "\n".join([start, *(part.lines for part in parts if part.lines)])


def _clip(clip: ClipRequest) -> str:
    path = Path(clip.path)
    shown = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT / "assets") else path.name
    return call(
        "ClipRequest",
        f"Path({shown!r})",
        None if clip.start_s is None else f"start_s={clip.start_s!r}",
        None if clip.sampling is None else f"sampling={_rule(clip.sampling)}",
        "stored_pixels=True" if clip.stored_pixels else None,
        None if clip.change is None else f"change=ClipChange.parse({str(clip.change)!r})",
    )


def _rule(rule: SamplingRule) -> str:
    if rule.interval_s is not None:
        return f"SamplingRule.stride({rule.interval_s!r})"
    return "SamplingRule.uniform()" if rule.step is None else f"SamplingRule.every({rule.step!r})"
