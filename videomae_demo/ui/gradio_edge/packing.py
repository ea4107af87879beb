"""Pages travel packed: a twentieth of their bytes.

A page of gradio's describes all of its components, ours with their scripts: more than a megabyte,
which repeats itself. Gradio packs files by the ending of their name, and a page has none.
"""

from __future__ import annotations

from gradio.brotli_middleware import BrotliMiddleware
from starlette.types import Scope

from videomae_demo.ui.gradio_edge.gate import API, route_of


class PackedPages(BrotliMiddleware):
    """An ASGI middleware around gradio's application: packs what is asked for by an address."""

    def _is_compressible_file_type(self, scope: Scope) -> bool:
        """Tell a page, or its description, from files and from the answers to events."""
        route = route_of(scope)
        return scope["method"] == "GET" and not route.startswith(API) and "." not in route
