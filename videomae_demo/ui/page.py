"""What a handler says of the page: which of its parts change, and to what.

Knows no component: `outputs` maps a `Page` to those.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from videomae_demo.ui.bar.bar import Bar
from videomae_demo.ui.controls import Sampling
from videomae_demo.ui.panel import panel
from videomae_demo.ui.session import Session
from videomae_demo.ui.token_player.value import Band, Shown


class Unchanged:
    """Stands for a part of the page that stays as it is."""


UNCHANGED = Unchanged()


@dataclass(frozen=True, slots=True)
class WeightsList:
    """The line and the name of each checkpoint that can be chosen, and the name of the chosen."""

    choices: Sequence[tuple[str, str]]
    chosen: str


@dataclass(frozen=True, slots=True)
class Examples:
    """What the picker shows, see `Shelf.items`, and why the clips are not others; may be empty."""

    items: Sequence[Mapping[str, Any]]
    note: str


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """What changes on the page.

    Attributes
    ----------
    session : Session
        What the page shows from now on; no component.
    player : Shown
        The token player's value.
    status, weights, clip : list of panel blocks
    panels : mapping
        The panels of lenses, by lens: lists of panel blocks.
    controls : mapping
        The controls of lenses, by lens and by their name: a value, or a ``gr.update``.
    stale : str
        Why what stands beside the clip field is dimmed; empty if it is not.
    notice : str
        What became of the clip that was asked for last; may be empty.
    code : str
        The view in Python.
    video : str
        Path of what the clip field plays instead of a clip that the browser can't.
    start : str
        What the field for the window's start holds.
    change : str
        What the field for the change of the clip holds.
    sampling : Sampling
        What all controls of sampling hold.
    bar : Bar
        What the bar at the head says.
    lens : str
        The lens whose tab is opened, without a click.
    banner : str
        What must be known of the whole page; may be empty.
    examples : Examples
        The clips to try.
    weights_list : WeightsList
        Which checkpoints can be chosen, and which one is.
    band : Band or None
        What is drawn along the whole clip; None for nothing.
    files : mapping
        Paths of files to take away, by lens.
    """

    session: Session | Unchanged = UNCHANGED
    player: Shown | Unchanged = UNCHANGED
    status: list[panel.Block] | Unchanged = UNCHANGED
    weights: list[panel.Block] | Unchanged = UNCHANGED
    clip: list[panel.Block] | Unchanged = UNCHANGED
    panels: Mapping[str, list[panel.Block]] = field(default_factory=dict)
    controls: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    stale: str | Unchanged = UNCHANGED
    notice: str | Unchanged = UNCHANGED
    code: str | Unchanged = UNCHANGED
    video: str | Unchanged = UNCHANGED
    start: str | Unchanged = UNCHANGED
    change: str | Unchanged = UNCHANGED
    sampling: Sampling | Unchanged = UNCHANGED
    bar: Bar | Unchanged = UNCHANGED
    lens: str | Unchanged = UNCHANGED
    banner: str | Unchanged = UNCHANGED
    examples: Examples | Unchanged = UNCHANGED
    weights_list: WeightsList | Unchanged = UNCHANGED
    band: Band | None | Unchanged = UNCHANGED
    files: Mapping[str, Sequence[str]] = field(default_factory=dict)


Pages = Generator[Page, None, None]
