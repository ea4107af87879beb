"""The command ``attend``: show where and when the model looked."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from videomae_demo.cli.shared import LensCommand, Parsed, noted, read_numbers, read_token

if TYPE_CHECKING:
    from videomae_demo.analysis.settings import RolloutSettings
    from videomae_demo.engine.clips import ClipRequest
    from videomae_demo.explorer import Explorer
    from videomae_demo.lenses.attend import RolloutView


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options for the rollout."""
    command.add_argument(
        "--fusion", default="mean", metavar="KIND", help="heads fused by mean, max or min (mean)"
    )
    command.add_argument(
        "--discard", type=float, default=0.0, metavar="FRACTION", help="lowest part set to zero (0)"
    )
    command.add_argument(
        "--layers", metavar="FROM-TO", help="chain these layers only, counted from 1 (all)"
    )
    command.add_argument(
        "--query", metavar="TIME,ROW,COLUMN", help="start from this token (what the head reads)"
    )
    command.add_argument(
        "--head",
        metavar="LAYER.NUMBER",
        help="take this head alone in its layer, counted from 1, for instance 5.2 (all heads)",
    )


def _ask(explorer: Explorer, clip: ClipRequest, parsed: Parsed) -> RolloutView:
    return explorer.attend(clip, _settings(parsed))


def _settings(parsed: Parsed) -> RolloutSettings:
    from videomae_demo.analysis.settings import Head, RolloutSettings

    first, last, query = 1, None, None
    if parsed.layers is not None:
        first, last = read_numbers(parsed.layers, "-", 2, "--layers", "FROM-TO, for instance 1-6")
    if parsed.query is not None:
        query = read_token(parsed.query, "--query")
    head = None if parsed.head is None else Head.parse(parsed.head)
    return RolloutSettings(parsed.fusion, parsed.discard, first, last, query, head)


def _lines(view: RolloutView, _parsed: Parsed) -> list[str]:
    time, row, column = view.peak
    over_time = view.rollout.over_time
    busiest = int(over_time.argmax())
    return [
        f"Where and when it looked ({view.checkpoint.public_name}), of "
        f"{' x '.join(map(str, view.rollout.scores.shape))} tokens:",
        f"  most at time {time}, row {row}, column {column}: "
        f"{view.rollout.times_uniform.max():.1f}x uniform",
        f"  busiest slice of time: {busiest}, {over_time[busiest]:.2f}x uniform",
        *noted(view),
        *view.sentences(),
    ]


COMMAND = LensCommand(
    name="attend",
    summary="Show where and when the model looked.",
    part="rollout",
    add_options=add_options,
    ask=_ask,
    lines=_lines,
)
