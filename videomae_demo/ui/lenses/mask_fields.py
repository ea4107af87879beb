"""What the page asks of a mask, and how its controls say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from videomae_demo.errors import RequestError
from videomae_demo.given import number
from videomae_demo.lenses.masks import DEFAULT_MASK, MaskRequest
from videomae_demo.ui.controls import field_name, read_fields, whole


@dataclass(frozen=True, slots=True)
class MaskQuestion:
    """Which tokens are hidden.

    Attributes
    ----------
    mask : MaskRequest
    drawn : int
        How many masks were drawn so far, a new clip's among them: the number of the one that is
        shown, or that was painted on.
    painting : int
        The number of the last painting that was reconstructed, as the page counts them.
    usual : float, optional
        The share that is hidden if nobody chooses one; None before the first clip.
    many : bool
        Whether many masks like this one are shown together.
    """

    mask: MaskRequest = DEFAULT_MASK
    drawn: int = 0
    painting: int = 0
    usual: float | None = None
    many: bool = False


def read_mask(
    before: MaskRequest, given: Mapping[str, Any]
) -> tuple[MaskRequest, dict[str, RequestError]]:
    """Return a mask that is drawn from a seed; invalid fields as in `controls.read_fields`.

    In the place of a painted one, tubes are drawn.
    """
    return read_fields(
        MaskRequest(drawn_kind(before.kind), before.ratio, before.seed),
        given,
        {
            "kind": drawn_kind,
            "ratio": lambda value: number(value, field_name("ratio")),
            "seed": lambda value: whole(value, field_name("seed")),
        },
    )


def painted_mask(bits: bytes) -> MaskRequest:
    """Return the request of a mask that was painted: one bit per token."""
    return MaskRequest("painted", painted=bits)


def drawn_kind(given: Any) -> str:
    """Return a kind that can be drawn: in the place of a painted mask, tubes."""
    return "tube" if given == "painted" else str(given)


def held_mask(mask: MaskRequest) -> dict[str, Any]:
    """Return what the controls hold for a mask; before a share was decided on, the share stays."""
    ratio = {} if mask.ratio is None else {"ratio": mask.ratio}
    return {"kind": mask.kind, **ratio, "seed": mask.seed}
