"""Requests for events that the page does not have are refused with a sentence.

Gradio answers them with its server's error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import gradio as gr

from videomae_demo.errors import shown
from videomae_demo.ui.gradio_edge.gate import API
from videomae_demo.ui.gradio_edge.refusals import Refusal

_BY_NUMBER = re.compile(API + r"(queue/join|(run|api)/[^/]+/?)")
_BY_NAME = re.compile(API + r"(run|api|call|call/v2)/(?P<name>[^/]+)/?")


class Events:
    """The events of a page."""

    def __init__(self, page: gr.Blocks) -> None:
        self._page = page

    def check(self, route: str, content: Any) -> None:
        """Refuse what names no event of the page, by a number or as an endpoint.

        Raises
        ------
        Refusal
            With status 404.
        """
        number = content.get("fn_index") if isinstance(content, dict) else None
        if number is not None and _BY_NUMBER.fullmatch(route):
            # Gradio itself refuses what is no number.
            if isinstance(number, int) and number not in self._page.fns:
                raise Refusal(
                    404, f"The page has no event {shown(number)} (any more); load the page anew."
                )
        elif (found := _BY_NAME.fullmatch(route)) and found["name"] not in self._names():
            public = sorted(f"/{name}" for name in self._names(public=True))
            raise Refusal(
                404, f"There is no endpoint {shown('/' + found['name'])}; see {', '.join(public)}."
            )

    def _names(self, *, public: bool = False) -> Iterator[str]:
        for event in self._page.fns.values():
            is_meant = not public or event.api_visibility == "public"
            if is_meant and isinstance(event.api_name, str):
                yield event.api_name
