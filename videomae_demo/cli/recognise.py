"""The command ``classify``: name what happens in a clip."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from videomae_demo.cli.shared import (
    LensCommand,
    Parsed,
    add_hide_option,
    count_clip,
    knows_labels,
    noted,
    one_by_one,
    progress,
    read_hidden,
)
from videomae_demo.errors import ExplorerError, RequestError
from videomae_demo.lenses.recognise import ONE_VIEW
from videomae_demo.video.views import Views

if TYPE_CHECKING:
    from videomae_demo.engine.clips import ClipRequest
    from videomae_demo.explorer import Explorer
    from videomae_demo.lenses.recognise import LabelsView


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options for the labels."""
    command.add_argument("--top-k", type=int, default=5, metavar="K", help="how many labels (5)")
    command.add_argument("--label", metavar="NAME", help="also look up this label")
    command.add_argument(
        "--views",
        metavar="WINDOWSxCROPS",
        help="average over several windows and square crops, for instance 5x3 as the published "
        "figures of Kinetics-400, or 2x3 as those of Something-Something V2",
    )
    add_hide_option(command)


def _ask(explorer: Explorer, clip: ClipRequest, parsed: Parsed) -> LabelsView:
    if parsed.views is None:
        return explorer.classify(clip, read_hidden(parsed))
    if parsed.hide is not None:
        raise RequestError(ONE_VIEW)
    for view in explorer.classify_views(clip, Views.parse(parsed.views)):  # the last one counts
        assert view.views is not None
        progress(f"Views: {len(view.views.each)} of {view.views.planned} ...")
    return view


def _ask_many(
    explorer: Explorer, clips: Sequence[ClipRequest], parsed: Parsed
) -> Iterator[LabelsView | ExplorerError]:
    """Ask without recording attention, where nothing but the labels is wanted."""
    if parsed.views is not None or parsed.hide is not None:
        yield from one_by_one(_ask, explorer, clips, parsed)
        return
    for number, (_, answer) in enumerate(explorer.classify_many(clips), start=1):
        count_clip(number, clips)
        yield answer


def _to_json(view: LabelsView, parsed: Parsed) -> dict[str, Any]:
    return view.to_json(parsed.top_k, parsed.label)


def _save(view: LabelsView, folder: Path, parsed: Parsed) -> list[Path]:
    return view.save(folder, parsed.top_k, parsed.label)


def _lines(view: LabelsView, parsed: Parsed) -> list[str]:
    top, times_s = view.classification.top(parsed.top_k), view.clip.timestamps_s
    width = max(len(score.label) for score in top)
    lines = [f"What the model sees ({view.checkpoint.public_name}):"]
    lines += [f"  {score.label:<{width}}  {score.probability:7.2%}" for score in top]
    if parsed.label is not None:
        asked = view.classification.find(parsed.label)
        lines.append(f"  {asked.label}: {asked.probability:.2%}, rank {asked.rank}")
    lines += [f"  {said}" for said in view.sentences()]
    if view.views is None:
        first_s, last_s = times_s[0], times_s[-1]
        lines.append(f"  from {len(times_s)} frames between {first_s:.2f} s and {last_s:.2f} s")
    return lines + noted(view)


COMMAND = LensCommand(
    name="classify",
    summary="Name what happens in the clip.",
    part="labels",
    add_options=add_options,
    ask=_ask,
    ask_many=_ask_many,
    to_json=_to_json,
    lines=_lines,
    save=_save,
    can_answer=knows_labels,
)
