"""The button "Does it matter?", and what a panel shows of the trial of a map."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import gradio as gr

from videomae_demo.lenses.answer import share
from videomae_demo.lenses.trial import title
from videomae_demo.ui.lenses.lens import Step
from videomae_demo.ui.panel import panel

if TYPE_CHECKING:
    from videomae_demo.analysis.faithfulness import Curve
    from videomae_demo.lenses.trial import Trial

MATTERS = "Does it matter?"
DOING = "Hiding tokens"


def trial_button(elem_id: str) -> gr.Button:
    """Place the button that tests a map."""
    return gr.Button(MATTERS, size="sm", elem_id=elem_id)


def trial_steps(
    lens: str, above: list[panel.Block], below: list[panel.Block], trials: Iterator[Trial]
) -> Iterator[Step]:
    """Show a trial while it grows, between the blocks that a panel has already."""
    for trial in trials:
        yield Step([*above, *trial_blocks(lens, trial), *below], DOING, trial.found.done)


def trial_blocks(lens: str, trial: Trial) -> list[panel.Block]:
    """Say what hiding tokens does, and draw it."""
    *said, last = trial.sentences()
    found = [panel.sentence(last)]
    own = trial.own.deletion
    if len(own.hidden) < 2:  # a curve needs two points
        return found
    told = [
        f"{share(float(at))} hidden: {trial.labels[trial.found.target.label]} {chance:.1%}, "
        f"on top {trial.labels[top]}"
        for at, chance, top in zip(own.hidden, own.probabilities, own.tops, strict=True)
    ]
    lines = [_line(curve) for curve in trial.found.curves]
    band = [_line(curve) for curve in trial.found.band]
    chart = panel.curves(lens, own.hidden.tolist(), lines, band, told)
    rows = trial.slice_rows()
    slices = []
    if trial.is_done and rows:
        name = trial.labels[trial.found.target.label]
        title = f"{name} without one slice of time; dashed: with all"
        slices = [panel.columns(title, rows, trial.probability, trial.most_needed)]
    return [*found, chart, *slices, *(panel.small(words) for words in said)]


def _line(curve: Curve) -> panel.Line:
    ways = (curve.deletion.probabilities.tolist(), curve.insertion.probabilities.tolist())
    return panel.Line(title(curve.name), *ways)
