"""Tokens that were marked by hand: as the page paints them, as lists, and in an address.

All become one bit per token, in order, 1 = marked, as `numpy.packbits` of a mask gives it.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

import numpy as np

from videomae_demo.errors import RequestError

if TYPE_CHECKING:
    from videomae_demo.config import TokenGrid


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
