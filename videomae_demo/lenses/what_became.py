"""What became of a label when a clip was changed: the words of the lens What if.

Computes nothing; every word follows from a number of the view.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from videomae_demo.lenses.answer import share
from videomae_demo.lenses.recognise import probability
from videomae_demo.video.changes import ordinal

if TYPE_CHECKING:  # for annotations alone
    from videomae_demo.analysis.probes import ReadOut
    from videomae_demo.lenses.what_if import WhatIfView

AS_IT_IS = "as it is"
"""The name of the clip without a change, among those of the probes."""
ENOUGH = 0.9
"""A frame that gives a label this share of its probability shows that no motion is needed."""
SMALL = 0.05
"""Changes of a probability below this one are told together."""


def all_sentences(view: WhatIfView) -> list[str]:
    """Say what order, single frames, and the other changes do to the label."""
    if not view.is_done:
        return [f"{len(view.found)} of {len(view.probes)} changes are tried so far."]
    return [
        *_about_backwards(view),
        *_about_shuffled(view),
        *_about_frames(view),
        *_about_others(view),
    ]


def about_shown(view: WhatIfView) -> str:
    """Say what the change that is played does to the label."""
    read = view.read(view.shown)
    if read is None:
        return f"{_upper(view.title_of(view.shown))} was not tried yet."
    if view.shown == AS_IT_IS:
        said = f"{view.labels[read.best]} {probability(read.best_probability)}"
        if read.best != view.label:
            said += f", and {view.labels[view.label]} {probability(read.probability)}"
        return f"As it is, the clip says {said}."
    return f"{_upper(view.title_of(view.shown))}, {became(view, read)}."


def about_figures(view: WhatIfView) -> str:
    """Tell rank, margin and log-odds of the label as it is, and after the change that is played."""
    before = _figures(view, view.whole)
    read = None if view.shown == AS_IT_IS else view.read(view.shown)
    after = {} if read is None else _figures(view, read)
    told = [
        f"{name} {after[name]} after {value}" if name in after else f"{name} {value}"
        for name, value in before.items()
    ]
    return f"{view.labels[view.label]}: {', '.join(told)}."


def _figures(view: WhatIfView, read: ReadOut) -> dict[str, str]:
    figures = {"rank": f"{read.rank}"}
    if np.isfinite(read.margin):
        figures["margin"] = f"{read.margin:+.1f}"
    if view.opposite is not None:
        figures[f"log-odds against {view.labels[view.opposite]}"] = f"{read.log_odds:+.1f}"
    return figures


def became(view: WhatIfView, read: ReadOut) -> str:
    """Say what became of the label, as the end of a sentence."""
    name, before = view.labels[view.label], probability(view.whole.probability)
    after = probability(read.probability)
    if read.best == view.label:
        same = after == before
        return (
            f"it stays {name}, {after} {'as' if same else 'after'} {'before' if same else before}"
        )
    best = f"{view.labels[read.best]} {probability(read.best_probability)}"
    if view.whole.best == view.label:
        return f"{name} {before} becomes {best}"
    return f"it says {best}, and {name} has {after} after {before}"


def _about_backwards(view: WhatIfView) -> list[str]:
    read = view.read("backwards")
    if read is None:
        return []
    said = f"Played backwards, {became(view, read)}"
    if view.whole.best != view.label:
        return [f"{said}."]
    if read.best == view.label:
        return [f"{said}: the direction of time does not decide it."]
    if read.best != view.opposite:
        return [f"{said}: the direction of time matters, though this is not the opposite."]
    assert read.log_odds is not None and view.whole.log_odds is not None
    return [
        f"{said}: the order of the frames is what it reads. The log-odds of the two go from "
        f"{view.whole.log_odds:+.1f} to {read.log_odds:+.1f}."
    ]


def _about_shuffled(view: WhatIfView) -> list[str]:
    reads = [read for one, read in view.of_group("order") if one.name.startswith("shuffled")]
    if not reads or view.whole.best != view.label:
        return []
    kept = sum(read.best == view.label for read in reads)
    mean = float(np.mean([read.probability for read in reads]))
    said = (
        f"With its moments shuffled, {kept} of {len(reads)} orders stay "
        f"{view.labels[view.label]}, {probability(mean)} on average"
    )
    tubelet = view.checkpoint.tubelet_size
    if kept == len(reads):
        return [f"{said}: what happens inside of a token ({tubelet} frames) is enough."]
    return [f"{said}: the order of the moments matters."]


def _about_frames(view: WhatIfView) -> list[str]:
    each = view.single_frames()
    if not each.size or view.whole.best != view.label:
        return []
    at = int(np.nanargmax(each))
    best, whole = float(each[at]), view.whole.probability
    of_it = f"The best single frame, the {ordinal(at + 1)} throughout, gives {probability(best)}"
    if best >= ENOUGH * whole:
        return [f"{of_it}, {share(best / whole)} of the whole clip's: it needs no motion."]
    return [f"{of_it} where the clip gives {probability(whole)}: it needs motion."]


def _about_others(view: WhatIfView) -> list[str]:
    others = [pair for group in ("look", "pace", "window") for pair in view.of_group(group)]
    said, still = [], []
    for one, read in others:
        moved = abs(read.probability - view.whole.probability)
        if read.best != view.whole.best or moved >= SMALL:
            said.append(f"{_upper(one.title)}, {became(view, read)}.")
        else:
            still.append(one.name)
    if still:
        said.append(f"Changes by less than {share(SMALL)} of probability: {', '.join(still)}.")
    return said


def _upper(title: str) -> str:
    """Write words as the beginning of a sentence."""
    return title[0].upper() + title[1:]
