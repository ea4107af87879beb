"""Numbers as they come from a page or a client: checked, since anybody may send anything."""

from __future__ import annotations

import json
from typing import Any

from videomae_demo.errors import RequestError, shown
from videomae_demo.given import number

LARGEST_WHOLE = 2**53 - 1
"""JSON and JavaScript keep whole numbers exactly up to here."""


def whole(given: Any, name: str) -> int:
    """Return a whole number; 3.0 is one, since JavaScript knows no other.

    Raises
    ------
    RequestError
        When it is anything else; so for the other functions here.
    """
    if not 0 <= number(given, name) <= LARGEST_WHOLE or given != int(given):
        raise RequestError(f"The {name} is {shown(given)}; it must be a whole number from 0.")
    return int(given)


def said(given: Any) -> Any:
    """Return what a script of the page said; see `mailbox`."""
    try:
        return json.loads(given)["said"]
    except (TypeError, ValueError, LookupError, RecursionError):
        raise RequestError("What the page sent can't be read; reload it.") from None


def moment(given: Any, name: str) -> float | None:
    """Return a moment by the browser's clock that stands under `name` in JSON; None if none does.

    See `mailbox`: a letter's own is ``at``, a clock has one for each part of the page.
    """
    try:
        return number(json.loads(given)[name], name)
    except (TypeError, ValueError, LookupError, RecursionError, RequestError):
        return None


def token(given: Any) -> tuple[int, int, int] | None:
    """Return a token's place, [time, row, column]; None for none."""
    if given is None:
        return None
    if not isinstance(given, list | tuple) or len(given) != 3:
        raise RequestError(f"The token is {shown(given)}; give [time, row, column].")
    time, row, column = (whole(at, "token's place") for at in given)
    return time, row, column
