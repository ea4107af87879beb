"""The command ``explain``: say why the clip got its label, and test the map."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from videomae_demo.analysis.methods import DEFAULT_METHOD, METHODS
from videomae_demo.cli.shared import LensCommand, Parsed, knows_labels, noted, progress
from videomae_demo.errors import RequestError

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
    command.add_argument(
        "--hide",
        type=Path,
        metavar="FILE.npz",
        help="take tokens away first: the array 'hidden' or 'mask', (time, height, width), "
        "true where a token goes",
    )


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

    hidden = None if parsed.hide is None else _read_mask(parsed.hide)
    return ExplainRequest(parsed.label, parsed.against, parsed.method, hidden)


def _read_mask(path: Path) -> bytes:
    """Read which tokens are taken away, one bit per token."""
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as arrays:
            name = next((name for name in ("hidden", "mask") if name in arrays), None)
            mask = None if name is None else arrays[name]
    except (OSError, ValueError) as error:
        raise RequestError(f"--hide is {str(path)!r}, which is no NPZ file: {error}") from error
    if mask is None or mask.dtype != np.bool_:
        raise RequestError(
            f"--hide is {str(path)!r}, and has no array 'hidden' or 'mask' of true and false; "
            "the files that --out writes have one."
        )
    return np.packbits(mask).tobytes()


def _lines(view: RelevanceView, _parsed: Parsed) -> list[str]:
    places = [
        f"[{', '.join(map(str, token))}] {view.told(token)}" for token, _ in view.strongest(5)
    ]
    return [
        f"Why {view.what} ({view.checkpoint.public_name}), of "
        f"{list(view.relevance.scores.shape)} tokens:",
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
