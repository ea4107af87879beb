"""Which tokens are hidden: how a mask is asked for, and those that follow from the clip.

A mask is drawn from a seed, or painted; or it hides the last moments, or what another lens says
that matters. Needs torch only to look such a map up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from videomae_demo.config import TokenGrid
from videomae_demo.engine.clips import ClipRequest
from videomae_demo.errors import RequestError, shown
from videomae_demo.given import number, whole
from videomae_demo.masking import MASK_KINDS, Mask, future, highest, make_mask, painted

if TYPE_CHECKING:
    from videomae_demo.engine.engine import Engine

COARSE_GRID_PATCHES = 144
"""With fewer patches a slice, a mask of 90 % leaves too few to say anything; 75 % is then used."""
FUTURE = "future"
GUIDED_KINDS = {
    FUTURE: "The last moments are hidden: what comes next is to be predicted.",
    "attended": "Hidden is where attention rollout is highest (lens Attend).",
    "unattended": "Hidden is where attention rollout is lowest (lens Attend).",
    "relevant": "Hidden is what speaks most for the most probable label (lens Why).",
    "irrelevant": "Hidden is what speaks least for the most probable label, or most against it "
    "(lens Why).",
}
"""Each kind, and what it hides. There is one such mask for each share, so it takes no seed."""
KINDS = (*MASK_KINDS, *GUIDED_KINDS)
"""The kinds of mask that need no painting."""
UNITS = dict.fromkeys(KINDS, "whole tokens make it") | {
    "tube": "whole patches make it",
    "frame": "whole moments make it",
    FUTURE: "whole moments make it",
    "cell": "this mask goes in steps of a quarter, which makes it",
}
"""Why a mask hides another share than was asked for, by its kind."""


@dataclass(frozen=True, slots=True)
class MaskRequest:
    """Which tokens to hide.

    Attributes
    ----------
    kind : str
        One of `masking.MASK_KINDS` or `GUIDED_KINDS`, or "painted".
    ratio : float, optional
        Share to hide, in 0..1; default: `default_ratio` of the reconstructor's grid. The share of a
        painted mask follows from the mask.
    seed : int
    painted : bytes, optional
        For the kind "painted": one bit per token, in order, 1 = hidden, as `numpy.packbits` of the
        mask gives it.

    Raises
    ------
    RequestError
        When a value is of another type, the ratio is not a finite number, the seed is not a whole
        number from 0, or a painted mask comes with another kind, or is missing for the kind
        "painted".
    """

    kind: str = "tube"
    ratio: float | None = None
    seed: int = 0
    painted: bytes | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.kind, str):
            raise RequestError(f"The mask kind is {shown(self.kind)}; give its name.")
        if self.ratio is not None:
            object.__setattr__(self, "ratio", number(self.ratio, "mask ratio"))
        object.__setattr__(self, "seed", whole(self.seed, "mask seed"))
        if not isinstance(self.painted, bytes | None):
            raise RequestError(
                f"The painted mask is {shown(self.painted)}; give bytes, one bit per token."
            )
        if (self.painted is None) == (self.kind == "painted"):
            raise RequestError(
                "The mask kind is 'painted', and no mask was painted; give one."
                if self.painted is None
                else f"A mask was painted, and its kind is {self.kind!r}; give 'painted'."
            )


DEFAULT_MASK = MaskRequest()


def default_ratio(grid: TokenGrid) -> float:
    """Return the share to hide by default: 0.9 as in the paper, 0.75 on a coarse grid."""
    return 0.9 if grid.patches >= COARSE_GRID_PATCHES else 0.75


def mask_of(
    engine: Engine, clip: ClipRequest, mask: MaskRequest, grid: TokenGrid
) -> tuple[NDArray[np.bool_], MaskRequest]:
    """Return the hidden tokens, (time, height, width), and the request with the share it hid."""
    if mask.kind != "painted":
        ratio = default_ratio(grid) if mask.ratio is None else mask.ratio
        used = replace(mask, ratio=ratio)
        if mask.kind in GUIDED_KINDS:
            return guided_mask(engine, clip, mask.kind, grid, ratio), used
        if mask.kind not in MASK_KINDS:
            raise RequestError(f"There is no mask kind {mask.kind!r}; give {', '.join(KINDS)}.")
        return make_mask(mask.kind, grid, ratio, mask.seed), used
    given = mask.painted or b""
    if len(given) != math.ceil(grid.tokens / 8):
        raise RequestError(
            f"The painted mask has {len(given)} bytes; one bit for each of {grid.tokens} tokens "
            f"makes {math.ceil(grid.tokens / 8)}."
        )
    bits = np.unpackbits(np.frombuffer(given, np.uint8), count=grid.tokens)
    hidden = painted(bits.astype(np.bool_).reshape(grid.shape), grid)
    return hidden, replace(mask, ratio=float(hidden.mean()))


def guided_mask(
    engine: Engine, clip: ClipRequest, kind: str, grid: TokenGrid, ratio: float
) -> Mask:
    """Return the mask of one of `GUIDED_KINDS`, (time, height, width) bool, for the reconstructor.

    Raises
    ------
    RequestError
        When the ratio hides nothing, or a map is of another grid than the reconstructor's.
    CheckpointError
        When the recogniser knows no labels, though its relevance is asked for.
    """
    if kind == FUTURE:
        return future(grid, ratio)
    card = engine.recogniser.card
    if card.grid != grid:
        raise RequestError(
            f"A mask of the kind {kind!r} follows the recogniser's map, which has the grid "
            f"{card.grid.shape}, and the reconstructor has {grid.shape}; choose another kind."
        )
    scores = _scores(engine, clip, "attended" in kind)
    return highest(-scores if kind.startswith(("un", "ir")) else scores, grid, ratio)


def _scores(engine: Engine, clip: ClipRequest, attention: bool) -> NDArray[np.floating]:
    from videomae_demo.lenses import attend, explain

    if attention:
        return attend.ask(engine, clip).rollout.scores
    return explain.ask(engine, clip).relevance.scores
