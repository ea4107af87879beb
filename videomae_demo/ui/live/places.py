"""Who is live on a page: so many at the same time, and of each visitor the newest moment alone.

Knows nothing of models. All of it happens in the server's event loop, so nothing is locked.
"""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio

from videomae_demo.errors import RequestError

LEAVES_AFTER_S = 8.0
"""Whoever sends nothing for so long has left."""


class FullError(RequestError):
    """All places are taken."""


class OlderError(RequestError):
    """The visitor sent a newer moment: this one is not answered any more."""


class Places:
    """The places for live visitors.

    Parameters
    ----------
    count : int
    clock : callable
        Returns the time in seconds.
    """

    def __init__(self, count: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._count = count
        self._clock = clock
        self._seen: dict[str, float] = {}
        self._newest: dict[str, Moment] = {}

    def take(self, visitor: str) -> None:
        """Give a visitor a place, or let them keep theirs.

        Raises
        ------
        FullError
            When all are taken.
        """
        now = self._clock()
        self._seen = {who: at for who, at in self._seen.items() if now - at < LEAVES_AFTER_S}
        if visitor not in self._seen and len(self._seen) >= self._count:
            are = "1 visitor is" if self._count == 1 else f"{self._count} visitors are"
            raise FullError(
                f"{are} live already, and this machine has room for no more "
                "(VIDEOMAE_MAX_LIVE_VISITORS): try again in a while."
            )
        self._seen[visitor] = now

    def leave(self, visitor: str) -> None:
        """Give a place back; what is under way for the visitor ends."""
        self._seen.pop(visitor, None)
        if visitor in self._newest:
            self._newest[visitor].end()

    @asynccontextmanager
    async def newest(self, visitor: str) -> AsyncIterator[threading.Event]:
        """Work on a visitor's moment; the event is set when it is not wanted any more.

        Raises
        ------
        OlderError
            When a newer one came meanwhile, or the visitor left.
        """
        if visitor in self._newest:
            self._newest[visitor].end()
        with Moment() as moment:
            self._newest[visitor] = moment
            try:
                yield moment.wish
            finally:
                if self._newest.get(visitor) is moment:
                    del self._newest[visitor]
        if moment.wish.is_set():
            raise OlderError("A newer moment took the place of this one.")


class Moment:
    """Work that can be ended, wherever it waits."""

    def __init__(self) -> None:
        self.wish = threading.Event()
        self._scope = anyio.CancelScope()

    def __enter__(self) -> Moment:
        self._scope.__enter__()
        return self

    def __exit__(self, *given: object) -> bool:
        return bool(self._scope.__exit__(*given))  # type: ignore[arg-type]

    def end(self) -> None:
        """End it."""
        self.wish.set()
        self._scope.cancel()
