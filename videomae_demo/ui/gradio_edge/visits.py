"""Who has the page open: each open page holds a heartbeat, a stream that ends when it is closed.

Gradio cleans up after every heartbeat that ends, which takes time: somebody who opens and closes a
thousand of them would block the page for all others. So heartbeats are answered here, and gradio
learns that a heartbeat ended only if its visitor asked for something.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable

import anyio
from starlette.responses import StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from videomae_demo.ui.gradio_edge.gate import API, route_of
from videomae_demo.ui.gradio_edge.kept import KeptFiles

ROUTE = API + "heartbeat/"
BEATS_EVERY_S = 15.0
MOST_VISITORS = 2000


class Visits:
    """The visits of one page.

    Parameters
    ----------
    kept : KeptFiles
        Is told who is here and which files they named, so that those files stay.
    """

    def __init__(self, kept: KeptFiles) -> None:
        self._kept = kept
        self._asked: OrderedDict[str, None] = OrderedDict()

    def heard(self, visitor: str, files: Iterable[str]) -> None:
        """Note that a visitor asked for something, and named files."""
        self._asked[visitor] = None
        self._asked.move_to_end(visitor)
        if len(self._asked) > MOST_VISITORS:
            self._asked.popitem(last=False)
        for path in files:
            self._kept.named(visitor, path)

    def around(self, app: ASGIApp) -> ASGIApp:
        """Return an ASGI application that answers heartbeats."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            route = route_of(scope)
            if not route.startswith(ROUTE) or scope["method"] != "GET":
                await app(scope, receive, send)
                return
            visitor = route.removeprefix(ROUTE)
            self._kept.opened(visitor)
            try:
                beats = StreamingResponse(_beats(), media_type="text/event-stream")
                await beats(scope, receive, send)
            finally:
                self._kept.left(visitor)
                if visitor in self._asked:
                    del self._asked[visitor]
                    await _end(app, scope)

        return answer


async def _beats() -> AsyncIterator[str]:
    while True:
        yield "data: ALIVE\n\n"  # as gradio says it
        await anyio.sleep(BEATS_EVERY_S)


async def _end(app: ASGIApp, scope: Scope) -> None:
    """Give gradio a heartbeat that ends as soon as it has begun."""
    begun = anyio.Event()

    async def receive() -> Message:
        await begun.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            begun.set()

    await app(scope, receive, send)
