"""Pictures of how labels are named: a confusion matrix, and a diagram of calibration.

Owns their layout; the style is that of `plots`. Knows nothing of where the numbers come from.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from videomae_demo.errors import RequestError
from videomae_demo.rendering.plots import (
    ACCENT,
    DPI,
    FAINT_INK,
    GRID,
    INK,
    label_axes,
    leave_plain,
)

CELL_IN = 0.34
MOST_LETTERS = 28
_DARK = 0.55  # from this share on, white numbers can be read on the cell


def confusion_picture(
    shares: NDArray[np.floating],
    counts: NDArray[np.int64],
    labels: Sequence[str],
    *,
    title: str = "",
    note: str = "",
) -> Figure:
    """Draw a confusion matrix: rows are true labels, columns named ones.

    Each cell has the colour of its share of the row, 0 to 100 %, and its count as a number; a cell
    without clips stays empty. A legend stands at the right.

    Parameters
    ----------
    shares : (n, n) float
        0..1, of all clips of the row's label; NaN where there are none.
    counts : (n, n) int
    labels : sequence of str
        n names, 1 or more; long ones are shortened.
    title, note : str
        Above, and small below.

    Raises
    ------
    RequestError
        When the sizes differ, or there is no label.
    """
    size = len(labels)
    if not size or shares.shape != (size, size) or counts.shape != (size, size):
        raise RequestError(
            f"A matrix of {size} labels needs as many rows and columns, 1 or more; it has the "
            f"shapes {shares.shape} and {counts.shape}."
        )
    side = max(3.2, CELL_IN * size)
    figure = Figure(figsize=(side + 3.4, side + 2.6), dpi=DPI, layout="constrained")
    figure.set_facecolor("white")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_facecolor("#f1f3f5")  # seen where a label has no clips
    for row, column in np.argwhere(counts > 0):
        axes.text(
            column,
            row,
            str(counts[row, column]),
            ha="center",
            va="center",
            fontsize=7,
            color="white" if shares[row, column] > _DARK else INK,
        )
    names = [_short(label) for label in labels]
    places = np.arange(size)
    axes.set_xticks(places, names, rotation=90, parse_math=False, fontsize=8, color=INK)
    axes.set_yticks(places, names, parse_math=False, fontsize=8, color=INK)
    axes.tick_params(length=0)
    axes.set_xticks(places[1:] - 0.5, minor=True)
    axes.set_yticks(places[1:] - 0.5, minor=True)
    axes.grid(which="minor", color=GRID, linewidth=0.6)
    axes.tick_params(which="minor", length=0)
    for spine in axes.spines.values():
        spine.set_color(GRID)
    label_axes(axes, "named", "true label")
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, color=INK, parse_math=False)
    bar = figure.colorbar(image, ax=axes, shrink=0.5, ticks=[0, 0.25, 0.5, 0.75, 1])
    bar.ax.set_yticklabels(["0 %", "25 %", "50 %", "75 %", "100 %"], fontsize=8, color=FAINT_INK)
    bar.set_label("share of the true label's clips", fontsize=8, color=FAINT_INK)
    bar.outline.set_visible(False)
    if note:
        figure.supxlabel(note, fontsize=8, color=FAINT_INK, x=0.01, ha="left", parse_math=False)
    return figure


def reliability(
    means: NDArray[np.floating],
    right: NDArray[np.floating],
    counts: NDArray[np.int64],
    *,
    title: str = "",
) -> Figure:
    """Draw how often clips are right over how probable their best label was; below, how many.

    Parameters
    ----------
    means, right : (bins,) float
        0..1: the mean probability in each bin, and the share right; NaN in empty bins.
    counts : (bins,) int
        How many clips each of the equal bins from 0 to 1 has.
    title : str

    Raises
    ------
    RequestError
        When the lengths differ, or there is no bin.
    """
    bins = len(counts)
    if not bins or means.shape != (bins,) or right.shape != (bins,):
        raise RequestError(
            f"{bins} bins need as many means and shares; these have the shapes {means.shape} and "
            f"{right.shape}."
        )
    figure = Figure(figsize=(4.8, 4.6), dpi=DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    middles = (np.arange(bins) + 0.5) / bins
    filled = np.flatnonzero(counts)
    upper.bar(middles[filled], right[filled], width=0.9 / bins, color=ACCENT)
    upper.plot([0, 1], [0, 1], color=FAINT_INK, linewidth=1, dashes=(4, 3))
    upper.plot(means[filled], means[filled], linestyle="", marker="o", markersize=4, color=INK)
    lower.bar(middles[filled], counts[filled], width=0.9 / bins, color=FAINT_INK)
    for at in filled:
        _write_count(lower, float(middles[at]), int(counts[at]))
    for axes in (upper, lower):
        leave_plain(axes)
    upper.set(xlim=(0, 1), ylim=(0, 1.02))
    lower.set_ylim(0, 1.3 * max(1, int(counts.max())))
    lower.set_yticks([])
    label_axes(upper, "", "share right (dots: as it should be)")
    label_axes(lower, "probability of the best label", "clips")
    upper.set_title(title, loc="left", fontsize=10, color=INK, pad=8, parse_math=False)
    return figure


def _write_count(axes: Axes, place: float, count: int) -> None:
    axes.annotate(
        str(count),
        (place, count),
        xytext=(0, 2),
        textcoords="offset points",
        ha="center",
        fontsize=7,
        color=INK,
    )


def _short(label: str) -> str:
    return label if len(label) <= MOST_LETTERS else f"{label[: MOST_LETTERS - 1]}…"
