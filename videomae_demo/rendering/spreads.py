"""A plot of values that were taken several times: means as lines, and how far the values reach.

Owns its layout; the style is that of `plots`. Knows nothing of where the numbers come from.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from videomae_demo.errors import RequestError
from videomae_demo.rendering.plots import (
    DPI,
    FAINT_INK,
    INK,
    SERIES_COLOURS,
    label_axes,
    leave_plain,
)


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """A named series that was taken several times.

    Attributes
    ----------
    name : str
    values : (places, times) float
        What is not finite is not drawn.
    """

    name: str
    values: ArrayLike


def spreads(
    places: Sequence[float],
    panels: Mapping[str, Sequence[Spread]],
    *,
    log: Collection[str] = (),
    across: str,
    title: str,
) -> Figure:
    """Draw the mean of each series over the places, with a band from its lowest to its highest.

    Parameters
    ----------
    places : sequence of float
        Rising shares, 0 to 1.
    panels : mapping of str to sequence of Spread
        By the name of each panel's upright axis: the same series in the same order, 1 to 7.
    log : collection of str
        The panels whose upright axis is logarithmic; what has no logarithm is not drawn.
    across, title : str

    Raises
    ------
    RequestError
        When there are too few or too many series.
    """
    counts = {len(series) for series in panels.values()}
    if len(counts) != 1 or not 1 <= max(counts) <= len(SERIES_COLOURS):
        raise RequestError(
            f"Each panel shows the same 1 to {len(SERIES_COLOURS)} series; these have "
            f"{sorted(counts)}."
        )
    size = (4.2 * len(panels), 3.4)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=10, color=INK, parse_math=False)
    row = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (name, series) in zip(row, panels.items(), strict=True):
        leave_plain(axes)
        for index, (one, colour) in enumerate(zip(series, SERIES_COLOURS, strict=False)):
            values = np.asarray(one.values, dtype=np.float64)
            drawn = np.isfinite(values) & ((values > 0) | (name not in log))
            values = np.where(drawn, values, np.nan)
            low, high = values.min(axis=1), values.max(axis=1)
            axes.fill_between(places, low, high, color=colour, alpha=0.18, linewidth=0)
            width = 2.0 if index == 0 else 1.2
            axes.plot(places, values.mean(axis=1), color=colour, linewidth=width, marker=".")
        if name in log:
            axes.set_yscale("log")
            for format_ticks in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
                format_ticks(lambda value, _: f"{value:.2g}")
            axes.tick_params(which="minor", colors=FAINT_INK, labelsize=9, length=0)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        label_axes(axes, across, name)
    lines = row[-1].get_lines()
    numbers = [str(number) for number in range(len(lines))]
    legend = row[-1].legend(lines, numbers, frameon=False, fontsize=8)
    # Named afterwards: matplotlib would leave out names that begin with an underscore.
    for words, one in zip(legend.get_texts(), series, strict=True):
        words.set(text=one.name, parse_math=False, color=INK)
    return figure
