"""What a handler says of the page: which of its parts change, and to what.

Knows no component: `outputs` maps a `Page` to those.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from videomae_demo.lenses.reconstruct import MaskRequest
from videomae_demo.ui.controls import Sampling
from videomae_demo.ui.panel import panel
from videomae_demo.ui.session import Session


class Unchanged:
    """Stands for a part of the page that stays as it is."""


UNCHANGED = Unchanged()


@dataclass(frozen=True, slots=True)
class WeightsList:
    """The line and the name of each checkpoint that can be chosen, and the name of the chosen."""

    choices: Sequence[tuple[str, str]]
    chosen: str


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """What changes on the page.

    Attributes
    ----------
    session : Session
        What the page shows from now on; no component.
    player : dict
        The token player's value.
    status, weights, clip, labels, attention, reconstruction : list of panel blocks
    stale : str
        Why what stands beside the clip field is dimmed; empty if it is not.
    notice : str
        What became of the clip that was asked for last; may be empty.
    code : str
        The view in Python.
    video : str
        Path of what the clip field plays instead of a clip that the browser can't.
    label : str or None
        The label that is looked up.
    label_names : sequence of str
        What can be looked up.
    layers : int
        How many layers the recogniser has.
    mask : MaskRequest
        What the mask's controls show.
    mask_kind : str
        The same of its kind alone.
    start : str
        What the field for the window's start holds.
    sampling : Sampling
        What all controls of sampling hold.
    weights_list : WeightsList
        Which checkpoints can be chosen, and which one is.
    controls : Session
        All controls go back to what this session says.
    files : dict
        Paths of files to take away, by lens.
    """

    session: Session | Unchanged = UNCHANGED
    player: dict[str, Any] | Unchanged = UNCHANGED
    status: list[panel.Block] | Unchanged = UNCHANGED
    weights: list[panel.Block] | Unchanged = UNCHANGED
    clip: list[panel.Block] | Unchanged = UNCHANGED
    labels: list[panel.Block] | Unchanged = UNCHANGED
    attention: list[panel.Block] | Unchanged = UNCHANGED
    reconstruction: list[panel.Block] | Unchanged = UNCHANGED
    stale: str | Unchanged = UNCHANGED
    notice: str | Unchanged = UNCHANGED
    code: str | Unchanged = UNCHANGED
    video: str | Unchanged = UNCHANGED
    label: str | Unchanged | None = UNCHANGED
    label_names: Sequence[str] | Unchanged = UNCHANGED
    layers: int | Unchanged = UNCHANGED
    mask: MaskRequest | Unchanged = UNCHANGED
    mask_kind: str | Unchanged = UNCHANGED
    start: str | Unchanged = UNCHANGED
    sampling: Sampling | Unchanged = UNCHANGED
    weights_list: WeightsList | Unchanged = UNCHANGED
    controls: Session | Unchanged = UNCHANGED
    files: Mapping[str, Sequence[str]] | Unchanged = UNCHANGED


Pages = Generator[Page, None, None]
