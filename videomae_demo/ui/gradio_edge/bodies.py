"""Bodies of requests, read piece by piece: how long they may take, and when they are given up."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import anyio
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

PATIENCE_S = 30.0
SLOWEST = 8 * 2**10
"""In bytes per second: a body that comes more slowly for longer than `PATIENCE_S` is given up."""
LONGEST_S = 1800.0
LINGER_S = 2.0
"""After a refusal, the rest is thrown away for this long, so that the client can finish sending."""


class TooSlow(Exception):  # noqa: N818  # no error of ours
    """A body comes so slowly that it would occupy the page for hours."""


class Body:
    """The rest of a request's body, as ASGI's ``receive``; it knows when it has ended."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.ended = False

    async def __call__(self) -> Message:
        """Return the next message."""
        message = await self._receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            self.ended = True
        return message


async def pieces(receive: Receive) -> AsyncIterator[bytes]:
    """Go through a body.

    Raises
    ------
    ClientDisconnect
        When the client is gone before its end.
    TooSlow
    """
    began, received, more = time.monotonic(), 0, True
    while more:
        allowed_s = min(PATIENCE_S + received / SLOWEST, LONGEST_S)
        message = await _next(receive, began + allowed_s - time.monotonic())
        if message is None:
            raise TooSlow
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        piece: bytes = message.get("body", b"")
        received += len(piece)
        more = message.get("more_body", False)
        if piece:
            yield piece


async def throw_away(receive: Receive) -> None:
    """Read what is left of a body, for a moment, and keep nothing of it."""
    until = time.monotonic() + LINGER_S
    more = not (isinstance(receive, Body) and receive.ended)
    while more:
        message = await _next(receive, until - time.monotonic())
        more = message is not None and message.get("more_body", False)


async def _next(receive: Receive, seconds: float) -> Message | None:
    """Return the next message, or None if none comes within this many seconds."""
    if seconds > 0:
        with anyio.move_on_after(seconds):
            return await receive()
    return None
