"""Connections on which nobody asks: each takes one of the files that the process may open.

The server itself hangs up where a connection waits for its next request. It waits for ever where
none ever comes, or where a request's head comes byte by byte.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any
from weakref import WeakKeyDictionary

import gradio as gr

PATIENCE_S = 30.0
"""How long a connection may take until its next request has its whole head."""
LOOKED_EVERY_S = 5.0


class Silent:
    """The connections that wait for a request, and since when.

    Parameters
    ----------
    patience_s : float
    now : callable
        A clock, in seconds.
    """

    def __init__(
        self, patience_s: float = PATIENCE_S, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._patience_s = patience_s
        self._now = now
        self._waiting: WeakKeyDictionary[Any, tuple[Any, float]] = WeakKeyDictionary()

    def hang_up(self, connections: Iterable[Any]) -> int:
        """Close those that have waited for too long; return how many. For the server's own thread.

        Parameters
        ----------
        connections : iterable
            Of uvicorn's HTTP protocols; others are left alone.
        """
        closed, now = 0, self._now()
        for connection in list(connections):
            if not hasattr(connection, "cycle") or not _waits(connection):
                continue
            last, since = self._waiting.get(connection, (None, now))
            if last is not connection.cycle:  # it has asked and got an answer meanwhile
                since = now
            self._waiting[connection] = connection.cycle, since
            if now - since > self._patience_s:
                connection.transport.close()
                closed += 1
        return closed


def _waits(connection: Any) -> bool:
    """Tell whether there is neither a request nor an answer that is not finished."""
    return connection.cycle is None or bool(connection.cycle.response_complete)


def connections_of(page: gr.Blocks) -> Iterable[Any]:
    """Return the connections of a page's server; none before it serves."""
    server = getattr(page, "server", None)
    return () if server is None else server.server_state.connections
