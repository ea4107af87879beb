"""Plots: label bars, attention over time, and training curves.

Owns their style. Uses matplotlib's objects alone (no pyplot, no global state), so that sessions can
draw at the same time. Knows nothing of where the numbers come from.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from videomae_demo.errors import RequestError

INK = "#202124"
FAINT_INK = "#666a70"
GRID = "#e4e6ea"
ACCENT = "#2a6fb0"
# Okabe and Ito's colours, which the colour-blind can tell apart; the first one is ours.
SERIES_COLOURS = (ACCENT, "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")

PLOT_FORMATS = (".png", ".svg", ".pdf")
DPI = 144
_LABEL_LETTERS = 30  # longest line of a label beside its bar


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A named series of values, as a training log holds them.

    Parameters
    ----------
    name : str
    steps : (n,) float
        Rising; where each value was taken.
    values : (n,) float
        NaN leaves a gap.

    Raises
    ------
    RequestError
        When the two differ in length, or are empty.
    """

    name: str
    steps: ArrayLike
    values: ArrayLike

    def __post_init__(self) -> None:
        _series(self.steps, self.values, f"The curve {self.name!r}")


def label_bars(labels: Sequence[str], probabilities: ArrayLike, *, title: str = "") -> Figure:
    """Draw labels as horizontal bars with their probability in per cent, in the order given.

    The axis always runs from 0 to 100 %, so that a bar's length is its probability.

    Parameters
    ----------
    labels : sequence of str
        n labels, 1 or more.
    probabilities : (n,) float
        0 to 1.
    title : str

    Raises
    ------
    RequestError
        When the two differ in length, are empty, or a probability is out of range.
    """
    values = np.asarray(probabilities, dtype=np.float64)
    if values.shape != (len(labels),) or not len(labels):
        raise RequestError(
            f"{len(labels)} labels can't be drawn with probabilities of the shape {values.shape}; "
            "give one probability per label."
        )
    if not ((values >= 0) & (values <= 1 + 1e-6)).all():
        raise RequestError(f"Probabilities must lie between 0 and 1; these are {values.tolist()}.")
    names = ["\n".join(textwrap.wrap(label, _LABEL_LETTERS)) for label in labels]
    height = 0.36 * len(names) + 0.13 * sum(name.count("\n") for name in names) + 0.3
    figure, axes = _figure(height + (0.35 if title else 0), title)
    places = np.arange(len(names))
    axes.barh(places, np.ones_like(values), height=0.62, color="#f1f3f5")
    axes.barh(places, values, height=0.62, color=ACCENT)
    for place, value in zip(places, values, strict=True):
        axes.annotate(
            _per_cent(value),
            (1, place),
            xytext=(50, 0),
            textcoords="offset points",
            ha="right",
            va="center_baseline",
            color=INK,
            fontsize=9,
            annotation_clip=False,
        )
    axes.set_yticks(places, names, parse_math=False, color=INK)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure


def time_curve(
    timestamps_s: ArrayLike,
    values: ArrayLike,
    *,
    title: str = "",
    value_name: str = "attention (x uniform)",
    reference: float | None = 1.0,
    reference_name: str = "uniform",
) -> Figure:
    """Draw one value per slice of time, from 0 up, with a line where all slices would be alike.

    Parameters
    ----------
    timestamps_s : (n,) float
        When each slice stands, in seconds.
    values : (n,) float
        0 or more, in the unit that `value_name` tells.
    title, value_name : str
        `value_name` stands at the upright axis.
    reference : float, optional
        Where the dashed line stands; None for none.
    reference_name : str
        Written at that line.

    Raises
    ------
    RequestError
        When the two differ in length, are empty, or a value is below 0.
    """
    times, heights = _series(timestamps_s, values, "The curve over time")
    if not (heights >= 0).all():
        raise RequestError(f"A curve over time shows values from 0; these are {heights.tolist()}.")
    figure, axes = _figure(2.3, title)
    axes.fill_between(times, heights, color=ACCENT, alpha=0.12, linewidth=0)
    axes.plot(times, heights, color=ACCENT, linewidth=1.8, marker="o", markersize=4)
    if reference is not None:
        axes.axhline(reference, color=FAINT_INK, linewidth=1, dashes=(4, 3))
        axes.annotate(
            reference_name,
            (1, reference),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            color=FAINT_INK,
            fontsize=8.5,
            annotation_clip=False,
        )
    label_axes(axes, "time (s)", value_name)
    top = max(*heights, reference or 0.0)
    axes.set_ylim(0, 1.15 * top if top > 0 else 1)
    return figure


def loss_curves(
    curves: Sequence[Curve], *, title: str = "", value_name: str = "loss", log: bool = False
) -> Figure:
    """Draw the curves of a training log over their steps, with a legend if there is more than one.

    Parameters
    ----------
    curves : sequence of Curve
        1 to 7, which is how many colours can be told apart.
    title, value_name : str
    log : bool
        A logarithmic axis; all values must then be above 0.

    Raises
    ------
    RequestError
        When there are too few or too many curves, or values that have no logarithm.
    """
    if not 1 <= len(curves) <= len(SERIES_COLOURS):
        raise RequestError(f"A plot shows 1 to {len(SERIES_COLOURS)} curves, not {len(curves)}.")
    if log and any(np.any(np.asarray(curve.values) <= 0) for curve in curves):
        raise RequestError("A logarithmic axis needs values above 0; some are 0 or below.")
    figure, axes = _figure(3.0, title)
    lines = [
        axes.plot(curve.steps, curve.values, color=colour, linewidth=1.6)[0]
        for curve, colour in zip(curves, SERIES_COLOURS, strict=False)
    ]
    if log:
        axes.set_yscale("log")
    label_axes(axes, "step", value_name)
    if len(curves) > 1:
        # Named afterwards: matplotlib would leave out names that begin with an underscore.
        legend = axes.legend(lines, [str(n) for n in range(len(lines))], frameon=False, fontsize=9)
        for words, curve in zip(legend.get_texts(), curves, strict=True):
            words.set(text=curve.name, parse_math=False, color=INK)
    return figure


def share_curves(
    panels: Mapping[str, Sequence[Curve]],
    bands: Mapping[str, Sequence[Curve]],
    *,
    value_name: str,
) -> Figure:
    """Draw curves of shares over shares, side by side, each panel with a band that is chance.

    Parameters
    ----------
    panels : mapping of str to sequence of Curve
        By each panel's name: the same curves in the same order, 1 to 7. Both axes go from 0 to 1.
    bands : mapping of str to sequence of Curve
        By the same names: curves at the same steps, from the lowest to the highest of which the
        band reaches.
    value_name : str
        Stands at the upright axis.

    Raises
    ------
    RequestError
        When there are too few or too many curves, or the panels' names differ.
    """
    counts = {len(curves) for curves in panels.values()}
    if len(counts) != 1 or not 1 <= max(counts) <= len(SERIES_COLOURS) or set(bands) != set(panels):
        raise RequestError(
            f"Each panel shows the same 1 to {len(SERIES_COLOURS)} curves and a band; these have "
            f"{sorted(counts)} curves, and bands for {', '.join(bands) or 'none'}."
        )
    figure = Figure(
        figsize=(3.6 * len(panels), 3.2), dpi=DPI, layout="constrained", facecolor="white"
    )
    FigureCanvasAgg(figure)
    row = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (name, curves) in zip(row, panels.items(), strict=True):
        leave_plain(axes)
        axes.set_title(name, loc="left", fontsize=10, color=INK, parse_math=False)
        band = np.array([curve.values for curve in bands[name]], dtype=np.float64)
        chance = []
        if band.size:
            steps = np.asarray(bands[name][0].steps, dtype=np.float64)
            low, high = band.min(0), band.max(0)
            chance = [axes.fill_between(steps, low, high, color=GRID, linewidth=0)]
        lines = [
            axes.plot(curve.steps, curve.values, color=colour, linewidth=1.8 if index == 0 else 1.2)
            for index, (curve, colour) in enumerate(zip(curves, SERIES_COLOURS, strict=False))
        ]
        axes.set(xlim=(0, 1), ylim=(0, 1.02))
    label_axes(row[0], "share of the tokens hidden", value_name)
    handles = [line for (line,) in lines] + chance
    legend = row[-1].legend(
        handles, [str(n) for n in range(len(handles))], frameon=False, fontsize=8
    )
    names = [curve.name for curve in curves] + ["random"]
    for words, name in zip(legend.get_texts(), names, strict=False):
        words.set(text=name, parse_math=False, color=INK)
    return figure


def save_figure(figure: Figure, path: str | Path, *, dpi: int = DPI) -> Path:
    """Write a figure as .png, .svg or .pdf and return its path; the folder is made if absent.

    Raises
    ------
    RequestError
        When the suffix is another one.
    """
    target = Path(path)
    if target.suffix.lower() not in PLOT_FORMATS:
        raise RequestError(
            f"A plot can't be written as {target.name!r}; the suffix must be one of "
            f"{', '.join(PLOT_FORMATS)}."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=dpi, facecolor="white")
    return target


def to_pixels(figure: Figure) -> NDArray[np.uint8]:
    """Return a figure as a picture, (H, W, 3) uint8, at the size that `save_figure` writes."""
    canvas = figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)  # see `_figure`
    canvas.draw()  # type: ignore[no-untyped-call]
    drawn: NDArray[np.uint8] = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    return drawn[..., :3].copy()


def _per_cent(probability: float) -> str:
    return "< 0.1 %" if 0 < probability < 0.0005 else f"{100 * probability:.1f} %"


def _series(
    places: ArrayLike, values: ArrayLike, what: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first, second = np.asarray(places, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape or not first.size:
        raise RequestError(
            f"{what} needs as many places as values, in one row each; it has the shapes "
            f"{first.shape} and {second.shape}."
        )
    return first, second


def _figure(height_in: float, title: str) -> tuple[Figure, Axes]:
    """Return a figure 6.4 inches wide with one plain pair of axes."""
    figure = Figure(figsize=(6.4, height_in), dpi=DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    leave_plain(axes)
    if title:
        axes.set_title(title, loc="left", fontsize=11, color=INK, pad=8, parse_math=False)
    return figure, axes


def leave_plain(axes: Axes) -> None:
    """Leave of a pair of axes what is needed."""
    axes.set_facecolor("white")
    axes.set_axisbelow(True)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(FAINT_INK)
    axes.tick_params(colors=FAINT_INK, labelsize=9, length=3)
    axes.tick_params(axis="y", length=0)


def label_axes(axes: Axes, across: str, up: str) -> None:
    """Write what the two axes stand for."""
    axes.set_xlabel(across, color=FAINT_INK, fontsize=9, parse_math=False)
    axes.set_ylabel(up, color=FAINT_INK, fontsize=9, parse_math=False)
