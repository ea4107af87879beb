"""Masks that follow from the clip: its last moments, or what another lens says that matters.

Owns which kinds there are and what they are called. Needs torch only to look the map up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from videomae_demo.config import TokenGrid
from videomae_demo.engine.clips import ClipRequest
from videomae_demo.errors import RequestError
from videomae_demo.masking import Mask, future, highest

if TYPE_CHECKING:
    from videomae_demo.engine.engine import Engine

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
