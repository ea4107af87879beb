"""What answers a page beside gradio: JSON in and out, and every failure as one sentence.

An application of this kind is mounted by `gradio_edge.edge.Edge.mount`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any, ClassVar

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from videomae_demo.cancellation import Cancelled
from videomae_demo.errors import ExplorerError, RequestError, shown
from videomae_demo.ui import text
from videomae_demo.ui.gradio_edge.gate import query_of

logger = logging.getLogger(__name__)

_VISITOR = re.compile(r"[0-9a-f]{32}", re.ASCII)


class Route:
    """Answers GET by `read` and POST by `do`; a subclass says how.

    Attributes
    ----------
    route, largest_body
        See `gradio_edge.mounted.Mounted`.
    subject : str
        What it works on, for the log.
    statuses : mapping
        Kinds of errors whose status is not 400.
    """

    route: str
    largest_body: int
    subject: ClassVar[str]
    statuses: ClassVar[Mapping[type[ExplorerError], int]] = MappingProxyType({})

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Answer for as long as the scope is open."""
        yield

    async def read(self, query: Mapping[str, str]) -> dict[str, Any] | Response:
        """Answer a GET."""
        raise NotImplementedError

    async def do(self, query: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """Answer a POST."""
        raise NotImplementedError

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        try:
            answer = await self._answer(scope, receive)
            response = answer if isinstance(answer, Response) else JSONResponse(answer)
        except Exception as error:  # noqa: BLE001  # the catch-all at this edge
            response = self.refusal(error)
        await response(scope, receive, send)

    def refusal(self, error: Exception) -> JSONResponse:
        """Say what went wrong in one sentence; what is no visitor's fault is logged."""
        if isinstance(error, ExplorerError):
            status = self.statuses.get(type(error), 400)
            return JSONResponse({"detail": str(error)}, status)
        if isinstance(error, Cancelled):
            return JSONResponse({"detail": text.CANCELLED}, 409)
        if isinstance(error, OSError):
            logger.error("%s can't be kept", self.subject, exc_info=error)
            return JSONResponse({"detail": text.DISK.format(cause=error.strerror)}, 500)
        logger.error("%s failed", self.subject, exc_info=error)
        return JSONResponse({"detail": text.DEFECT}, 500)

    async def _answer(self, scope: Scope, receive: Receive) -> dict[str, Any] | Response:
        query = query_of(scope)
        if scope["method"] == "GET":
            return await self.read(query)
        if scope["method"] != "POST":
            return JSONResponse({"detail": "Send GET or POST."}, 405)
        return await self.do(query, await _body(receive))


def visitor_of(query: Mapping[str, str]) -> str:
    """Return the visitor that a request names.

    Raises
    ------
    RequestError
        When it is no such name.
    """
    visitor = query.get("visitor", "")
    if not _VISITOR.fullmatch(visitor):
        raise RequestError(f"The visitor is {shown(visitor)}; give 32 hexadecimal digits.")
    return visitor


async def _body(receive: Receive) -> bytes:
    """Return the body, which the gate has read already."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return b""
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body
