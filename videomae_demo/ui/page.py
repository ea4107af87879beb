"""What a handler says of the page: which of its parts change, and to what.

Knows no component: `outputs` maps a `Page` to those.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from videomae_demo.ui.panel import panel
from videomae_demo.ui.session import Session
from videomae_demo.views import MaskRequest


class Unchanged:
    """Stands for a part of the page that stays as it is."""


UNCHANGED = Unchanged()


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """What changes on the page; the fields are in the order of the outputs.

    Attributes
    ----------
    session : Session
    player : dict
        The token player's value.
    status, weights, clip, labels, attention, reconstruction : list of panel blocks
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
    files : list of str
        Files to take away.
    """

    session: Session | Unchanged = UNCHANGED
    player: dict[str, Any] | Unchanged = UNCHANGED
    status: list[panel.Block] | Unchanged = UNCHANGED
    weights: list[panel.Block] | Unchanged = UNCHANGED
    clip: list[panel.Block] | Unchanged = UNCHANGED
    labels: list[panel.Block] | Unchanged = UNCHANGED
    attention: list[panel.Block] | Unchanged = UNCHANGED
    reconstruction: list[panel.Block] | Unchanged = UNCHANGED
    code: str | Unchanged = UNCHANGED
    video: str | Unchanged = UNCHANGED
    label: str | Unchanged | None = UNCHANGED
    label_names: Sequence[str] | Unchanged = UNCHANGED
    layers: int | Unchanged = UNCHANGED
    mask: MaskRequest | Unchanged = UNCHANGED
    mask_kind: str | Unchanged = UNCHANGED
    files: list[str] | Unchanged = UNCHANGED


Pages = Generator[Page, None, None]
