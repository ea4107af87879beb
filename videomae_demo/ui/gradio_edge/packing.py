"""Pages travel packed: a twentieth of their bytes.

A page of gradio's describes all of its components, ours with their scripts: more than a megabyte,
which repeats itself. Gradio packs files by the ending of their name, and a page has none.
"""

from __future__ import annotations

from gradio.brotli_middleware import BrotliMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from videomae_demo.ui.gradio_edge.gate import API, route_of


class PackedPages:
    """An ASGI middleware around gradio's application: packs what is asked for by an address."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._packed = _Packed(app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; pack the answer if it is a page."""
        app = self._packed if _asks_for_a_page(scope) else self._app
        await app(scope, receive, send)


class _Packed(BrotliMiddleware):
    """Packs whatever the name; in the way that the browser understands."""

    def _is_compressible_file_type(self, scope: Scope) -> bool:
        return True


def _asks_for_a_page(scope: Scope) -> bool:
    """Tell a page, or its description, from files and from the answers to events."""
    route = route_of(scope)
    return scope["method"] == "GET" and not route.startswith(API) and "." not in route
