"""A panel of sentences, bars and tables as a gradio component.

Labels and file names are foreign text: gradio's own Markdown and HTML would let them write markup.
Here all text goes into the page through textContent.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from videomae_demo.ui.gradio_edge.component import read_part
from videomae_demo.ui.gradio_edge.sealed import OPENER, seal
from videomae_demo.ui.token_player.player import LEAVE_OUT
from videomae_demo.ui.token_player.value import Track

PARTS = ("curves", "gallery", "columns", "shares", "windows", "changes", "pairs", "panel")
"""The scripts of a panel, in order: gradio takes one script, so they share one scope."""

_HERE = Path(__file__).parent


def make_panel(elem_id: str, elem_classes: str | None = None) -> gr.HTML:
    """Return an empty panel; its value is a sealed list of what the other functions here make."""
    return gr.HTML(
        seal([]),
        html_template='<div class="panel" aria-live="polite"></div>',
        css_template=read_part(_HERE / "style.css"),
        js_on_load=script(),
        elem_id=elem_id,
        elem_classes=elem_classes,
    )


def script() -> str:
    """Return a panel's script: the body of a function of ``element``, ``props`` and ``watch``."""
    files = [_HERE.parent / "rounding.js", *(_HERE / f"{part}.js" for part in PARTS)]
    parts = "".join(map(read_part, files))
    return f"{OPENER}const LEAVE_OUT = {json.dumps(LEAVE_OUT)};\n{parts}"


Block = dict[str, Any]


def lead(text: str) -> Block:
    """Make a sentence in large type."""
    return {"kind": "lead", "text": text}


def sentence(text: str) -> Block:
    """Make a sentence."""
    return {"kind": "sentence", "text": text}


def small(text: str) -> Block:
    """Make a sentence in small type."""
    return {"kind": "small", "text": text}


def note(text: str) -> Block:
    """Make a sentence that must be seen."""
    return {"kind": "note", "text": text}


def progress(text: str, done: int, total: int, takes_s: float | None = None) -> Block:
    """Make a line that says how far the work is, and how long it may take from now on, if known."""
    return {"kind": "progress", "text": text, "done": done, "total": total, "takes": takes_s}


def act(text: str, tells: str, cost: str = "") -> Block:
    """Make a button that tells a mailbox that it was pressed; what that costs stands on it."""
    return {"kind": "act", "text": text, "tells": tells, "cost": cost}


def bars(rows: Sequence[tuple[str, float]], marked: str | None = None, tells: str = "") -> Block:
    """Make a horizontal bar per row: a name and a share in 0..1.

    With `tells`, two of them can be chosen: then this mailbox gets their names, in the order of the
    rows.
    """
    return {
        "kind": "bars",
        "tells": tells,
        "rows": [{"name": name, "share": share, "marked": name == marked} for name, share in rows],
    }


def facts(rows: Sequence[tuple[str, str]]) -> Block:
    """Make a list of names and values."""
    return {"kind": "facts", "rows": [list(row) for row in rows]}


def measures(rows: Sequence[tuple[str, float | None]], unit: str, marked: str) -> Block:
    """Make a table of measures with small bars, one row marked; None stands for "exact"."""
    return {
        "kind": "measures",
        "unit": unit,
        "rows": [{"name": name, "value": value, "marked": name == marked} for name, value in rows],
    }


def box(blocks: Sequence[Block], rows: int) -> Block:
    """Put blocks into a box that is as high for bars as for a chart of as many rows, or higher."""
    return {"kind": "box", "blocks": list(blocks), "rows": rows}


@dataclass(frozen=True, slots=True)
class Band:
    """A curve with how far its values reach, over the shares of a `ShareChart`.

    Attributes
    ----------
    name : str
    mean, low, high : sequence of float
        Heights in the chart, 0 at its foot and 1 at its top.
    values : sequence of str
        The means, as they are told.
    """

    name: str
    mean: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    values: Sequence[str]


@dataclass(frozen=True, slots=True)
class ShareChart:
    """One measure over the share of tokens that is hidden.

    Attributes
    ----------
    name : str
        Of the measure.
    ticks : sequence of (float, str)
        Heights at which the upright axis is labelled.
    bands : sequence of Band
        The first one is the model's own.
    own : sequence of str
        What is said of the model at each share: how far its values reach.
    told : sequence of str
        What is said of all curves there.
    """

    name: str
    ticks: Sequence[tuple[float, str]]
    bands: Sequence[Band]
    own: Sequence[str]
    told: Sequence[str]


def shares(
    charts: Sequence[ShareChart],
    ratios: Sequence[float],
    ends: tuple[float, float],
    now: float | None,
    said: Sequence[str],
    tells: str,
) -> Block:
    """Draw measures over the share that is hidden, one at a time, and let a share be chosen.

    Parameters
    ----------
    charts : sequence of ShareChart
    ratios : sequence of float
        Rising; as many as each band has values.
    ends : (float, float)
        Where the axis begins and ends, however many ratios there are by now.
    now : float or None
        The share that is hidden at present.
    said : sequence of str
        Sentences above the chart.
    tells : str
        The mailbox that gets the share which is chosen.
    """
    return {
        "kind": "shares",
        "charts": [
            {
                "name": chart.name,
                "ticks": [list(tick) for tick in chart.ticks],
                "bands": [
                    {
                        "name": band.name,
                        "mean": list(band.mean),
                        "low": list(band.low),
                        "high": list(band.high),
                        "values": list(band.values),
                    }
                    for band in chart.bands
                ],
                "own": list(chart.own),
                "told": list(chart.told),
            }
            for chart in charts
        ],
        "ratios": list(ratios),
        "ends": list(ends),
        "now": now,
        "said": list(said),
        "tells": tells,
    }


@dataclass(frozen=True, slots=True)
class Line:
    """A curve over the share of hidden tokens: values in 0..1, one per share, for two ways."""

    name: str
    deletion: Sequence[float]
    insertion: Sequence[float]


def curves(
    lens: str,
    shares: Sequence[float],
    lines: Sequence[Line],
    band: Sequence[Line],
    told: Sequence[str],
) -> Block:
    """Draw what hiding tokens does, the strongest and the weakest first, and let a visitor hide.

    Parameters
    ----------
    lens : str
        Whose picture leaves tokens out while a visitor drags along the curve; see
        `token_player.player.LEAVE_OUT`.
    shares : sequence of float
        Of hidden tokens, from 0; as many as each line has values.
    lines : sequence of Line
        The first one is the map's own.
    band : sequence of Line
        The area between the lowest and the highest of them is drawn.
    told : sequence of str
        What is said of each share, when the strongest are hidden.
    """

    def between(way: str) -> list[list[float]]:
        values = [getattr(line, way) for line in band]
        return [[min(at), max(at)] for at in zip(*values, strict=True)]

    return {
        "kind": "curves",
        "lens": lens,
        "shares": list(shares),
        "lines": [
            {"name": line.name, "ways": [list(line.deletion), list(line.insertion)]}
            for line in lines
        ],
        "band": [between("deletion"), between("insertion")],
        "told": list(told),
    }


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One change of a clip, and what became of a label.

    Attributes
    ----------
    name, title : str
        How it is called, and how it reads.
    share : float or None
        The label's probability, 0..1; None if it was not tried yet.
    value, moved : str
        The probability, and by how many points it moved, as they are told.
    instead : str
        The label that is the most probable one now; empty if that did not change.
    """

    name: str
    title: str
    share: float | None = None
    value: str = ""
    moved: str = ""
    instead: str = ""


def changes(
    title: str,
    rows: Sequence[ChangeRow],
    chosen: str,
    tells: str,
    heads: tuple[str, str] = ("points", "label now"),
) -> Block:
    """List changes of a clip, to choose one of them: the mailbox `tells` gets its name.

    Without a mailbox none can be chosen; `heads` stand above `moved` and `instead`.
    """
    return {
        "kind": "changes",
        "title": title,
        "rows": [
            {
                "name": row.name,
                "title": row.title,
                "share": row.share,
                "value": row.value,
                "moved": row.moved,
                "instead": row.instead,
            }
            for row in rows
        ],
        "chosen": chosen,
        "tells": tells,
        "heads": list(heads),
    }


def pairs(rows: Sequence[tuple[str, tuple[float, str], tuple[float, str]]]) -> Block:
    """Draw two bars per row, of A and of B: each a share in 0..1, and what is said of it."""
    return {
        "kind": "pairs",
        "rows": [
            {"name": name, "sides": [{"share": share, "said": said} for share, said in sides]}
            for name, *sides in rows
        ],
    }


def columns(
    title: str,
    rows: Sequence[tuple[float, str]],
    even: float,
    marked: int,
    *,
    names: Sequence[str] = (),
    tells: str = "",
) -> Block:
    """Draw a column for each of several moments: a share in 0..1, and what is said of it.

    A dashed line stands at `even`, in 0..1; the column that is `marked` is told at first. With
    `tells`, one can be chosen: then this mailbox gets its name.
    """
    return {
        "kind": "columns",
        "title": title,
        "rows": [{"share": share, "said": said} for share, said in rows],
        "even": even,
        "marked": marked,
        "names": list(names),
        "tells": tells,
    }


@dataclass(frozen=True, slots=True)
class Tile:
    """A small map: how it is called, what is said of it, its effect in -1..1, and if it is off."""

    name: str
    said: str
    effect: float
    off: bool = False


def gallery(
    title: str,
    tiles: Sequence[Tile],
    columns: int,
    picture: str,
    shape: tuple[int, int],
    told: str,
    *,
    chosen: str,
    ranking: Sequence[int],
    tells: str,
) -> Block:
    """Draw small maps in lines, to choose one of them and to switch some off.

    Parameters
    ----------
    title : str
        What they are.
    tiles : sequence of Tile
        Line by line.
    columns : int
        How many stand in a line.
    picture : str
        The path of one picture of all maps, laid out in the same way without gaps.
    shape : (int, int)
        Height and width of a map.
    told : str
        On which scales maps and effects are drawn.
    chosen : str
        The name of the one that is chosen.
    ranking : sequence of int
        The tiles by their places, in the other order that a visitor can choose.
    tells : str
        This mailbox gets ``{"head": name}`` of the one that is chosen, ``{"toggle": name}`` of the
        one to switch off or on, and ``{"all": true}`` to switch all on.
    """
    return {
        "kind": "gallery",
        "title": title,
        "heads": [
            {"name": tile.name, "said": tile.said, "effect": tile.effect, "off": tile.off}
            for tile in tiles
        ],
        "columns": columns,
        "lines": len(tiles) // columns,
        "picture": picture,
        "shape": f"{shape[1]} / {shape[0]}",
        "told": told,
        "chosen": chosen,
        "ranking": list(ranking),
        "tells": tells,
    }


def crop(source: tuple[int, int], box: tuple[float, float, float, float], sprite: Track) -> Block:
    """Draw which part of the source frame (height, width) the model sees: left, top, width, height.

    That part is the first frame of `sprite`.
    """
    shown = {"file": sprite.file, "columns": sprite.columns, "rows": sprite.rows}
    return {"kind": "crop", "source": list(source), "box": list(box), "sprite": shown}
