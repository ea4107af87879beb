"""Engines of other weights, beside one: where they come from, and what memory they share.

Knows no model.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from videomae_demo.checkpoints.catalog import CATALOG


class Others(Protocol):
    """Hands out engines of other weights that share memory with one another."""

    def beside(self, name: str, with_decoder: bool) -> Any:
        """Return the engine of some weights, or raise a RequestError: they can't be had."""

    def choices(self) -> list[tuple[str, str]]:
        """Return a line and the name of each of the weights."""


class OneOther:
    """Makes one engine at a time; it and the first one keep half each of what one may keep.

    Parameters
    ----------
    make : callable
        Makes an engine of some weights, and has the first one keep less from then on.
    """

    def __init__(self, make: Callable[[str], Any]) -> None:
        self._make = make
        self._made: Any = None

    def beside(self, name: str, with_decoder: bool) -> Any:
        """Return the engine of some weights; the last one stays."""
        del with_decoder
        if self._made is None or self._made.weights != name:
            self._made = self._make(name)
        return self._made

    def choices(self) -> list[tuple[str, str]]:
        """Return the title and the name of all recognisers of the catalog."""
        return [(entry.title, entry.name) for entry in CATALOG if entry.task == "classification"]
