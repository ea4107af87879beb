"""Tokens that a person takes away from the recogniser: which they are, and what became of a label.

Shared by the lenses that can do without some. Computes nothing, and needs no torch.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from videomae_demo.errors import RequestError, shown
from videomae_demo.lenses.answer import share

if TYPE_CHECKING:
    from videomae_demo.analysis.classification import Classification
    from videomae_demo.config import TokenGrid


def check_bits(given: bytes | None) -> None:
    """Refuse what can't say which tokens are taken away."""
    if not isinstance(given, bytes | None):
        raise RequestError(
            f"The tokens to take away are {shown(given)}; give bytes, one bit per token."
        )


def taken_away(given: bytes | None, grid: TokenGrid) -> NDArray[np.bool_] | None:
    """Return which tokens are taken away, (time, height, width) bool; None for none.

    Parameters
    ----------
    given : bytes or None
        One bit for each token, in order, 1 = taken away, as `numpy.packbits` of a mask gives it.

    Raises
    ------
    RequestError
        When it does not fit the grid, or takes all tokens.
    """
    if given is None:
        return None
    if len(given) != math.ceil(grid.tokens / 8):
        raise RequestError(
            f"The tokens to take away are {len(given)} bytes; one bit for each of {grid.tokens} "
            f"tokens makes {math.ceil(grid.tokens / 8)}."
        )
    bits = np.unpackbits(np.frombuffer(given, np.uint8), count=grid.tokens).astype(np.bool_)
    if bits.all():
        raise RequestError(f"All {grid.tokens} tokens are taken away; leave at least one.")
    return bits.reshape(grid.shape) if bits.any() else None


def without_words(
    label: str, now: Classification, whole: Classification, hidden: NDArray[np.bool_] | None
) -> list[str]:
    """Say what became of a label without the tokens that are taken away; nothing if none is."""
    if hidden is None:
        return []
    before, left, top = whole.find(label), now.find(label), now.top(1)[0]
    change = f"{label}: {before.probability:.1%} with all tokens, {left.probability:.1%} without"
    other = "" if top.index == left.index else f"; now it sees {top.label} ({top.probability:.1%})"
    taken = share(float(hidden.mean()))
    return [f"{int(hidden.sum())} tokens ({taken}) are taken away. {change} these{other}."]
