"""Refuses requests that would make the server fetch something, or read more than any request needs.

Gradio takes a file given by its URL: it downloads it, of any size and into memory, before a handler
is asked. Here clips are uploaded, where their size is limited; so such requests end at this gate,
as do bodies far beyond what the page or a client sends. Knows nothing of handlers.
"""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

UPLOAD_PATH = "/gradio_api/upload"
LARGEST_BODY = 2**20
"""In bytes: a painted mask, the largest thing that is sent, has a few thousand."""


class Gate:
    """An ASGI middleware in front of the page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it with one sentence."""
        uploads = scope.get("path", "").rstrip("/").endswith(UPLOAD_PATH)
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS") or uploads:
            await self._app(scope, receive, send)
            return
        body = await _read(receive)
        if body is None:
            refusal = JSONResponse(
                {"detail": f"The request has more than {LARGEST_BODY} bytes; upload a file."}, 413
            )
            await refusal(scope, receive, send)
        elif _names_a_url(body):
            refusal = JSONResponse(
                {"detail": "A file was given by its URL; download it, and upload it instead."}, 422
            )
            await refusal(scope, receive, send)
        else:
            await self._app(scope, _first(body, receive), send)


async def _read(receive: Receive) -> bytes | None:
    """Return the whole body, or None if it is too long."""
    body, more = b"", True
    while more and len(body) <= LARGEST_BODY:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body if len(body) <= LARGEST_BODY else None


def _first(body: bytes, receive: Receive) -> Receive:
    """Give the body that was read already, then whatever comes."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return waiting.pop() if waiting else await receive()

    return next_message


def _names_a_url(body: bytes) -> bool:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):  # not for us to judge: the page refuses it
        return False
    found: list[Any] = [content]
    while found:
        value = found.pop()
        if isinstance(value, dict):
            if str(value.get("path", "")).lower().startswith(("http:", "https:")):
                return True
            found += value.values()
        elif isinstance(value, list):
            found += value
    return False
