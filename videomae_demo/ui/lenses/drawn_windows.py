"""What is drawn of a scan: the band along the clip's time line, and the chart of labels over time.

Owns how many windows and labels are drawn, and their colours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from videomae_demo.analysis.stretches import entropies
from videomae_demo.lenses.recognise import probability
from videomae_demo.ui.panel import panel
from videomae_demo.ui.token_player.player import WINDOW
from videomae_demo.ui.token_player.value import Band, BandLabel, BandPart

if TYPE_CHECKING:
    from videomae_demo.lenses.timeline import TimelineView

COLOURS = ("#e0700f", "#2a8fd0", "#0a9e73", "#c464a0", "#8f7fe8", "#98873a", "#7c838b")
"""At least 3 to 1 on white and on black, so that lines are seen and black text on them is read."""
LETTERS = "ABCDEFG"
MOST_DRAWN = 400
"""So many windows are drawn at most, evenly chosen: a chart has no room for more."""
DIGITS = 6
"""Decimals of a probability; what is told of it needs no more."""


def make_band(view: TimelineView, left: str, running: bool) -> Band:
    """Return the band; `left` and `running` as in `Band`."""
    labels = _coloured(view)
    named = {label.name: label for label in labels.values()}
    parts = []
    for one, (begin, end, name) in zip(view.stretches, view.spans(), strict=True):
        label = named.get(name)
        parts.append(
            BandPart(
                begin,
                end,
                name,
                f"{begin:.1f} to {end:.1f} s: {name}, {probability(one.probability)} on average",
                float(view.starts_s[(one.first + one.last) // 2]),
                *((label.letter, label.colour) if label else ()),
            )
        )
    hop_s = float(view.starts_s[1] - view.starts_s[0]) if len(view.starts_s) > 1 else 0.0
    done = len(view.logits)
    return Band(tuple(named.values()), tuple(parts), view.length_s, hop_s, done, left, running)


def make_chart(view: TimelineView) -> panel.Block:
    """Draw the labels over the clip.

    Returns
    -------
    block
        ``labels`` have a curve each: ``curves`` hold their probability, 0..1, in each window that
        is drawn, and ``entropy`` how undecided that is, 0..1. Those windows begin at ``starts`` and
        are ``length`` long, in seconds, as are the clip's ``end`` and the ``borders`` where the
        best label changes. The mailbox ``tells`` gets where a window begins which is chosen.
    """
    chances, labels = view.probabilities, _coloured(view)
    step = -(-len(chances) // MOST_DRAWN)
    shown = np.arange(0, len(chances), step)
    said = f"One of {step} windows is drawn; the files to take away have all." if step > 1 else ""
    return {
        "kind": "windows",
        "labels": [
            {"name": one.name, "letter": one.letter, "colour": one.colour}
            for one in labels.values()
        ],
        "starts": view.starts_s[shown].round(4).tolist(),
        "length": view.length_s,
        "end": max(float(view.starts_s[-1]) + view.length_s, view.clip.duration_s),
        "borders": [begin for begin, _, _ in view.spans()[1:]],
        "curves": [chances[shown, label].round(DIGITS).tolist() for label in labels],
        "entropy": entropies(chances[shown]).round(DIGITS).tolist(),
        "said": said,
        "tells": WINDOW,
    }


def _coloured(view: TimelineView) -> dict[int, BandLabel]:
    """Return the labels that are drawn, with their colours.

    In the order in which they come first, so that they keep their colours while the answer grows.
    """
    best = view.probabilities.argmax(axis=1)
    first = {label: int(np.argmax(best == label)) for label in set(best.tolist())}
    labels = sorted(view.drawn(), key=lambda label: first.get(label, len(best)))
    return {
        label: BandLabel(view.labels[label], letter, colour)
        for label, letter, colour in zip(labels, LETTERS, COLOURS, strict=False)
    }
