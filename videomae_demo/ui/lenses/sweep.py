"""The chart over all shares that may be hidden: its axes, its curves, and what is told of them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from videomae_demo.analysis.sweeping import RATIOS, Sweep
from videomae_demo.lenses.answer import share
from videomae_demo.lenses.pictures import in_decibel
from videomae_demo.lenses.sweep import (
    place_of,
    sweep_sentences,
    title_of,
    told_loss,
    told_range,
    why_not,
)
from videomae_demo.ui.panel import panel

EVERY = "every-share"
"""The ``elem_id`` of the button that begins it."""
SHARE = "videomae-share"
TRY_ALL = "Try all shares"
TRYING = "Hiding more and more"
_TICKS = 4
"""As many as the chart has room for."""
_MARGIN = 0.06
"""Of the chart's height, left free above and below."""

Numbers = NDArray[np.float64]


def why_no_chart(kind: str) -> list[str]:
    """Say why there is no chart for a kind of mask; nothing where there can be one."""
    return [reason] if (reason := why_not(kind)) else []


def sweep_chart(sweep: Sweep, now: float | None) -> panel.Block:
    """Draw PSNR and loss over the shares; `now` is the share that was asked for at present."""
    charts = [
        _chart(sweep, "PSNR", sweep.psnr_db, in_decibel, " dB"),
        _chart(sweep, "loss", sweep.losses, told_loss, log=True),
    ]
    ends = (RATIOS[0], RATIOS[-1])
    said = sweep_sentences(sweep, now)[:2]
    return panel.shares(charts, sweep.ratios, ends, now, said, SHARE)


def _chart(
    sweep: Sweep,
    name: str,
    values: Numbers,
    write: Callable[[float], str],
    unit: str = "",
    *,
    log: bool = False,
) -> panel.ShareChart:
    """Place values, (pictures, ratios, seeds), on an upright axis of their own."""

    def position(value: Numbers) -> Numbers:
        """Return where values stand on the axis; what is exact stands beyond its end."""
        with np.errstate(divide="ignore"):
            return np.log10(value) if log else value

    places = position(values)
    known = places[np.isfinite(places)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    room = _MARGIN * (high - low) or 0.5
    low, high = low - room, high + room

    def height(value: Numbers) -> list[float]:
        heights: list[float] = ((position(value) - low) / (high - low)).clip(0, 1).tolist()
        return heights

    bands: list[panel.Band] = []
    told: list[list[str]] = [[] for _ in sweep.ratios]
    for index, near in enumerate(values):
        title, mean = title_of(sweep, index), near.mean(axis=-1)
        written = [write(value) + unit * math.isfinite(value) for value in mean.tolist()]
        ends = height(near.min(axis=-1)), height(near.max(axis=-1))
        bands.append(panel.Band(title, height(mean), *ends, written))
        for at, value in enumerate(written):
            between = told_range(near[at].tolist(), write)
            told[at].append(f"{title} {value}" + (f" ({between})" if between else ""))
    ticks = [
        ((place - low) / (high - low), f"{10**place if log else place:g}")
        for place in _ticks(low, high, log)
    ]
    places_told = [f"{place_of(sweep, at)} hidden" for at in range(len(sweep.ratios))]
    reach = [told_range(near.tolist(), write) or write(float(near[0])) for near in values[0]]
    own = [
        f"{share(hidden)} hidden: {between}{unit} over {len(sweep.seeds)} masks"
        for hidden, between in zip(sweep.hidden.tolist(), reach, strict=True)
    ]
    full = [f"{place}: {', '.join(said)}" for place, said in zip(places_told, told, strict=True)]
    return panel.ShareChart(name, ticks, bands, own, full)


def _ticks(low: float, high: float, log: bool) -> list[float]:
    """Return a few round places on an axis; of a logarithmic one, places are powers of ten."""
    if log:
        decades = range(math.floor(low), math.ceil(high) + 1)
        marks = [math.log10(digit) + decade for decade in decades for digit in (1, 2, 5)]
        inside = [mark for mark in marks if low <= mark <= high]
        return inside[:: math.ceil(len(inside) / _TICKS) or 1]
    steps = (digit * 10.0**power for power in range(-3, 6) for digit in (1, 2, 5))
    step = next(step for step in steps if (high - low) / step <= _TICKS)
    return [step * n for n in range(math.ceil(low / step), math.floor(high / step) + 1)]
