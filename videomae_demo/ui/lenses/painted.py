"""Tokens that were marked by hand: as the page paints them, as lists, and in an address.

All become one bit per token, in order, 1 = marked, as `numpy.packbits` of a mask gives it.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from videomae_demo.errors import RequestError
from videomae_demo.ui.controls import whole
from videomae_demo.ui.token_player.value import Mask, encode_mask
from videomae_demo.video.views import Views

if TYPE_CHECKING:
    from videomae_demo.config import TokenGrid


@dataclass(frozen=True, slots=True)
class Taken:
    """Which tokens are taken away from the recogniser, on the page.

    Attributes
    ----------
    bits : bytes, optional
        One bit for each token, 1 = taken away; None for none.
    drawn : int
        How often something else than a painting in this lens decided.
    painting : int
        The number of the last painting that was answered, as the page counts them.
    """

    bits: bytes | None = None
    drawn: int = 0
    painting: int = 0

    def by_page(self, said: Any, tokens: int) -> Taken | None:
        """Return what a painting says that the page tells, see ``painting.js``; None if it is old.

        Raises
        ------
        RequestError
            When it can't be read.
        """
        if not isinstance(said, dict) or said.get("drawn") != self.drawn:
            return None
        count = whole(said.get("painting"), "painting's number")
        bits = bits_of_page(said.get("mask"), tokens)
        return Taken(bits if any(bits) else None, self.drawn, count)

    def by_others(self, bits: bytes | None) -> Taken:
        """Return the same after something else decided which tokens are taken away."""
        return Taken(bits, self.drawn + 1)

    def on(self, grid: TokenGrid) -> Mask:
        """Return the mask that the player shows and lets a visitor paint."""
        marks = np.zeros(grid.tokens, np.bool_)
        if self.bits is not None:
            marks = np.unpackbits(np.frombuffer(self.bits, np.uint8), count=grid.tokens) > 0
        return Mask(encode_mask(marks), self.drawn, self.painting)


@dataclass(frozen=True, slots=True)
class LabelQuestion:
    """What is asked of the labels.

    Attributes
    ----------
    label : str, optional
        Which one is looked up.
    taken : Taken
        Without what.
    views : Views, optional
        Over which views they are averaged; None for the window in the player alone.
    """

    label: str | None = None
    taken: Taken = Taken()
    views: Views | None = None


def bits_of_page(given: Any, tokens: int) -> bytes:
    """Read what was painted: one byte per token, in base64."""
    try:
        marks = np.frombuffer(base64.b64decode(given, validate=True), np.uint8)
    except (binascii.Error, TypeError, ValueError) as error:
        raise RequestError("The painted mask can't be read; paint it again.") from error
    if len(marks) != tokens:
        raise RequestError(
            f"The painted mask has {len(marks)} tokens, the clip {tokens}; paint it again."
        )
    return np.packbits(marks > 0).tobytes()


def bits_of_lists(given: Any, grid: TokenGrid, name: str) -> bytes:
    """Read lists of 0 and 1: time, row, column; `name` is what they are called in a sentence."""
    try:
        marks = np.array(given, dtype=float)
    except (TypeError, ValueError):
        marks = np.empty(0)
    if marks.shape != grid.shape or not np.isin(marks, (0, 1)).all():
        raise RequestError(
            f"{name} is not lists of 0 and 1 for "
            f"{' x '.join(map(str, grid.shape))} tokens (time, row, column)."
        )
    return np.packbits(marks.reshape(-1) > 0).tobytes()


def taken_of_lists(given: Any, grid: TokenGrid) -> bytes | None:
    """Read which tokens are taken away, as a program says it; see `bits_of_lists`."""
    return bits_of_lists(given, grid, "What is taken away") if given else None


def bits_of_address(given: str) -> bytes:
    """Read what `to_address` wrote."""
    try:
        return base64.b64decode(given + "=" * (-len(given) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise RequestError("The painted mask of the address can't be read.") from error


def to_address(bits: bytes) -> str:
    """Write bits down for an address."""
    return base64.urlsafe_b64encode(bits).decode().rstrip("=")


def fits(bits: bytes | None, grid: TokenGrid) -> bool:
    """Tell whether bits mark some tokens of this grid, and not all; no bits fit each."""
    if bits is None:
        return True
    if len(bits) != -(-grid.tokens // 8):
        return False
    marks = np.unpackbits(np.frombuffer(bits, np.uint8), count=grid.tokens)
    return bool(0 < marks.sum() < grid.tokens)
