"""Check what people give in a program, a command or a page, and make numbers plain ones.

NumPy's whole numbers are taken like Python's; True, NaN and "3" do not count as numbers.
"""

from __future__ import annotations

import math
import numbers
from typing import Any, TypeVar

from videomae_demo.errors import RequestError, shown

Kind = TypeVar("Kind")


def number(given: Any, name: str) -> float:
    """Return a finite number as a float; `name` says in a message what it is.

    Raises
    ------
    RequestError
        When it is anything else.
    """
    try:
        value = float(given) if _is(given, numbers.Real) else math.nan
    except OverflowError:  # a whole number with hundreds of digits
        value = math.inf
    if not math.isfinite(value):
        raise RequestError(f"The {name} is {shown(given)}; it must be a number.")
    return value


def whole(given: Any, name: str, least: int = 0) -> int:
    """Return a whole number, `least` or above, as an int.

    Raises
    ------
    RequestError
        When it is anything else.
    """
    if not _is(given, numbers.Integral) or given < least:
        raise RequestError(f"The {name} is {shown(given)}; it must be a whole number from {least}.")
    return int(given)


def instance(given: Any, kind: type[Kind], name: str) -> Kind:
    """Return an argument if it is of a kind; `name` is its name.

    Raises
    ------
    RequestError
        When it is anything else.
    """
    if not isinstance(given, kind):
        raise RequestError(
            f"The argument {name} is {shown(given)}; it must be of the class {kind.__name__}."
        )
    return given


def _is(given: Any, kind: type) -> bool:
    return isinstance(given, kind) and not isinstance(given, bool)
