"""A plot of labels over time: their curves, and below them a band of the best one.

Owns its layout; the style is that of `plots`. Knows nothing of where the numbers come from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from videomae_demo.errors import RequestError
from videomae_demo.rendering import plots


def label_curves(
    times_s: ArrayLike,
    curves: Mapping[str, ArrayLike],
    band: Sequence[tuple[float, float, str]],
    *,
    title: str,
) -> Figure:
    """Draw the probability of each label over time, and a band of the best one.

    Parameters
    ----------
    times_s : (n,) float
        The middle of each window.
    curves : mapping of str to (n,) float
        Probabilities, 0 to 1, of 1 to 7 labels.
    band : sequence of (float, float, str)
        From when to when, and which label; labels without a curve are grey.
    title : str

    Raises
    ------
    RequestError
        When there are too few or too many curves.
    """
    if not 1 <= len(curves) <= len(plots.SERIES_COLOURS):
        raise RequestError(
            f"There are {len(curves)} labels; draw 1 to {len(plots.SERIES_COLOURS)}."
        )
    figure = Figure(figsize=(9, 3.4), dpi=plots.DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=10, color=plots.INK, parse_math=False)
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(9, 1))
    plots.leave_plain(axes)
    colours = dict(zip(curves, plots.SERIES_COLOURS, strict=False))
    for label, values in curves.items():
        axes.plot(times_s, values, color=colours[label], linewidth=1.6, marker=".", markersize=3)
    axes.set_ylim(0, 1.02)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    plots.label_axes(axes, "", "probability")
    for begin, end, label in band:
        below.axvspan(begin, end, color=colours.get(label, plots.FAINT_INK), linewidth=0)
    below.set_yticks([])
    plots.leave_plain(below)
    plots.label_axes(below, "seconds of the clip", "")
    lines = axes.get_lines()
    legend = axes.legend(lines, [str(n) for n in range(len(lines))], frameon=False, fontsize=8)
    # Named afterwards: matplotlib would leave out names that begin with an underscore.
    for words, label in zip(legend.get_texts(), curves, strict=True):
        words.set(text=label, parse_math=False, color=plots.INK)
    return figure
