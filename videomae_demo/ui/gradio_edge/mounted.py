"""What stands beside gradio's own application on the page's address."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from starlette.types import Receive, Scope, Send


class Mounted(Protocol):
    """An ASGI application that answers one route.

    Attributes
    ----------
    route : str
        Its path, without a slash at the end.
    largest_body : int
        How large the body of a request may be, in bytes.
    """

    route: str
    largest_body: int

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""

    def running(self) -> AbstractAsyncContextManager[None]:
        """Return a scope that is open while requests may come."""
