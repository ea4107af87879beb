"""Refuses requests that the page never makes: for routes it does not use, or with large bodies.

Gradio has routes that read a body of any size into memory, that fetch what a URL names, and that
run ffmpeg on what is sent; it downloads a file that is given by its URL before a handler is asked.
Here only the routes that the page and gradio's client use are open. Uploads go another way, see
`uploads`; every other body is small, and is read here completely before gradio gets the request.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from videomae_demo.ui.gradio_edge.bodies import TooSlow, pieces
from videomae_demo.ui.gradio_edge.refusals import Refusal, refuse

API = "/gradio_api/"
LARGEST_BODY = 2**20
"""In bytes: a painted mask, the largest thing that is sent, has a few thousand."""
MOST_BODIES = 16 * LARGEST_BODY
"""In bytes: of all requests together whose bodies are being read, larger ones aside."""
MOST_NAMED = 100
"""Files that one request may name; the page names one clip."""
LONGEST_VISITOR = 128
"""In characters: gradio's session hashes have about a dozen."""

_OPEN = re.compile(
    r"(app_id|info/?|openapi\.json|login_check/?|user/?|startup-events|theme\.css|reset/?|cancel"
    r"|queue/(join|data|status)|call/.+|run/.+|api/.+|heartbeat/.+|upload|upload_progress"
    r"|file[=/].+)"
)
_CLOSED = re.compile(r"/(login|logout|monitoring)(/.*)?")
_URL = re.compile(r"\s*(https?:|//)", re.IGNORECASE)


def route_of(scope: Scope) -> str:
    """Return the path that a request asks for, on the page itself."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def query_of(scope: Scope) -> dict[str, str]:
    """Return the query of a request's address by name; of a repeated name, the last value."""
    query: bytes = scope["query_string"]
    return dict(parse_qsl(query.decode("latin-1")))


class Gate:
    """An ASGI middleware in front of the page.

    Parameters
    ----------
    app : ASGI application
    heard : callable
        Is told which visitor asks for something, and the paths of the files that they name.
    check : callable
        Is given a route, and what is sent there as JSON; may raise `Refusal`.
    larger : mapping of str to int, optional
        More routes that are open, and how large a body may be there, in bytes.
    """

    def __init__(
        self,
        app: ASGIApp,
        heard: Callable[[str, list[str]], None],
        check: Callable[[str, Any], None],
        larger: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self._app = app
        self._heard = heard
        self._check = check
        self._larger = larger
        self._being_read = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it with one sentence."""
        try:
            route = route_of(scope)
            larger = self._larger.get(route.rstrip("/"))
            if larger is None:
                _check_route(route)
            if _has_body(scope):
                body = await self._read(receive, larger or LARGEST_BODY)
                self._look_at(route, body)
                receive = _first(body, receive)
        except Refusal as refusal:
            await refuse(refusal, scope, receive, send)
        except ClientDisconnect:
            return
        else:
            await self._app(scope, receive, send)

    async def _read(self, receive: Receive, largest: int) -> bytes:
        """Return the whole body."""
        body = bytearray()
        try:
            async for piece in pieces(receive):
                body += piece
                self._being_read += len(piece)
                if len(body) > largest:
                    raise Refusal(413, f"The request has more than {largest} bytes; upload a file.")
                if self._being_read > MOST_BODIES + 2 * max(self._larger.values(), default=0):
                    raise Refusal(503, "The page reads too many requests at once; try again.")
        except TooSlow:
            raise Refusal(408, "The request came too slowly; send it again.") from None
        finally:
            self._being_read -= len(body)
        return bytes(body)

    def _look_at(self, route: str, body: bytes) -> None:
        """Refuse files given by their URLs, and unknown events; remember which files are named."""
        try:
            content = json.loads(body)
        except (ValueError, RecursionError):  # no JSON: the page itself refuses it
            return
        self._check(route, content)
        visitor = content.get("session_hash") if isinstance(content, dict) else None
        if visitor is not None and not (
            isinstance(visitor, str) and len(visitor) <= LONGEST_VISITOR
        ):
            raise Refusal(400, f"A session_hash is text of up to {LONGEST_VISITOR} characters.")
        named = list(islice(_files(content), MOST_NAMED + 1))
        if len(named) > MOST_NAMED:
            raise Refusal(413, f"The request names more than {MOST_NAMED} files.")
        if any(_URL.match(path) for path in named):
            raise Refusal(422, "A file was given by its URL; download it, and upload it instead.")
        self._heard(visitor or "", named)


def _check_route(route: str) -> None:
    under_api = route.removeprefix(API)
    is_open = not _CLOSED.fullmatch(route) if under_api == route else _OPEN.fullmatch(under_api)
    if not is_open:
        raise Refusal(404, "The page does not use this route of gradio.")
    if under_api.startswith(("file=", "file/")) and _URL.match(under_api[len("file=") :]):
        raise Refusal(403, "The page fetches nothing from other servers.")


def _has_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def _first(body: bytes, receive: Receive) -> Receive:
    """Give the body that was read already, then whatever comes."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return waiting.pop() if waiting else await receive()

    return next_message


def _files(content: Any) -> Iterator[str]:
    """Go through the paths of all files that a request names, however deep."""
    found: list[Any] = [content]
    while found:
        value = found.pop()
        if isinstance(value, dict):
            if isinstance(value.get("path"), str):
                yield value["path"]
            found += value.values()
        elif isinstance(value, list):
            found += value
