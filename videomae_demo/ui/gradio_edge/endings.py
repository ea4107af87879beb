"""A stream of answers ends while more is asked for: its page hears the end first.

Gradio's page keeps one stream open while it waits for answers. The server ends it once nothing is
awaited, and the page opens another when it asks for more. What it asks for just then may be
accepted, on another connection, before the page hears of the end: it takes the stream for an open
one, and waits for ever. So whatever the server accepts brings the number of the page's last stream
that had ended by then, and `SCRIPT` lets gradio know of the acceptance once it knows of that end.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from videomae_demo.ui.gradio_edge.gate import API, route_of
from videomae_demo.ui.gradio_edge.listeners import QUEUE

JOIN = API + "queue/join"
HEADER = "x-stream"
"""A page that listens sends its name and the stream's number, from 1; one that asks sends its name,
and the answer has the number of its stream that ended last (0 for none)."""
END = b'data: {"msg":"close_stream"'
LONGEST_NAME = 64
MOST_PAGES = 4096
"""Of which the last ends are known: those that listened last."""

SCRIPT = f"<script>{Path(__file__).with_suffix('.js').read_text(encoding='utf-8')}</script>"
"""For the head of the page."""


class Endings:
    """An ASGI middleware in front of gradio's streams of answers.

    It stands directly before gradio: between gradio's decision that a stream ends, and its being
    noted here, nothing else may be accepted.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._ended: OrderedDict[str, int] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note a stream's end, or tell it whoever asks for something."""
        page, _, number = Headers(scope=scope).get(HEADER, "").partition(" ")
        route = route_of(scope)
        if 0 < len(page) <= LONGEST_NAME:
            if route == QUEUE and number.isdecimal():
                send = self._noting(page, int(number[:9]), send)
            elif route == JOIN:
                send = self._telling(page, send)
        await self._app(scope, receive, send)

    def _noting(self, page: str, number: int, send: Send) -> Send:
        async def note(message: Message) -> None:
            if message.get("body", b"").startswith(END):
                self._ended[page] = number
                self._ended.move_to_end(page)
                if len(self._ended) > MOST_PAGES:
                    self._ended.popitem(last=False)
            await send(message)

        return note

    def _telling(self, page: str, send: Send) -> Send:
        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = str(self._ended.get(page, 0))
            await send(message)

        return tell
