"""Numbers as they come from a page or a client: checked, since anybody may send anything."""

from __future__ import annotations

import json
import sys
from typing import Any

from videomae_demo.errors import RequestError

LARGEST_WHOLE = 2**53 - 1
"""JSON and JavaScript keep whole numbers exactly up to here."""
LONGEST_SHOWN = 80


def number(given: Any, name: str) -> float:
    """Return a finite number.

    Raises
    ------
    RequestError
        When it is anything else; so for the other functions here.
    """
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    if not is_number or not abs(given) <= sys.float_info.max:
        raise RequestError(f"The {name} is {_briefly(given)}; it must be a number.")
    return float(given)


def whole(given: Any, name: str) -> int:
    """Return a whole number from 0."""
    if not 0 <= number(given, name) <= LARGEST_WHOLE or given != int(given):
        raise RequestError(f"The {name} is {_briefly(given)}; it must be a whole number from 0.")
    return int(given)


def _briefly(given: Any) -> str:
    text = repr(given)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def said(given: Any) -> Any:
    """Return what a script of the page said; see `mailbox`."""
    try:
        return json.loads(given)
    except (TypeError, ValueError, RecursionError):
        raise RequestError("What the page sent can't be read; reload it.") from None


def token(given: Any) -> tuple[int, int, int] | None:
    """Return a token's place, [time, row, column]; None for none."""
    if given is None:
        return None
    if not isinstance(given, list | tuple) or len(given) != 3:
        raise RequestError(f"The token is {_briefly(given)}; give [time, row, column].")
    time, row, column = (whole(at, "token's place") for at in given)
    return time, row, column
