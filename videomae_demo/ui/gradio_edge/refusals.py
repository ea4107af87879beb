"""Answers to requests that the page refuses: one sentence, in the form that its reader shows.

The page's own script and gradio's client each show the sentence of some answers only, and a text of
their own instead of the others; all other clients get the status as it is meant.
"""

from __future__ import annotations

import json

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from videomae_demo.ui.gradio_edge.bodies import throw_away

SHOWN_BY_PAGE = 400
"""For 503 the page's script says that the queue is full, and for 422 it expects more than text."""


class Refusal(Exception):  # noqa: N818  # an answer, and no error
    """A request is refused.

    Parameters
    ----------
    status : int
        Of the HTTP answer.
    sentence : str
        What happened, the value seen, what to do.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


async def refuse(
    refusal: Refusal, scope: Scope, receive: Receive, send: Send, *, plain: bool = False
) -> None:
    """Answer at once; the connection ends, and what is still sent meanwhile is thrown away.

    A `plain` answer is text, else it is JSON: ``{"detail": sentence}``.
    """
    status, detail = _as_its_reader_shows_it(refusal, Headers(scope=scope))
    if plain:
        status, content, kind = refusal.status, refusal.sentence.encode(), "text/plain"
    else:
        content, kind = json.dumps({"detail": detail}).encode(), "application/json"
    headers = {
        b"content-type": f"{kind}; charset=utf-8".encode(),
        b"content-length": str(len(content)).encode(),
        b"connection": b"close",
    }
    await send({"type": "http.response.start", "status": status, "headers": list(headers.items())})
    await send({"type": "http.response.body", "body": content, "more_body": True})
    # If the connection is closed while the client still sends, the answer is lost.
    await throw_away(receive)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _as_its_reader_shows_it(refusal: Refusal, headers: Headers) -> tuple[int, object]:
    """Return the status and the detail with which the client shows the sentence."""
    if headers.get("user-agent", "").startswith("gradio_client"):
        # The one answer of which it shows more than the status.
        said = {"__type__": "validate", "is_valid": False, "message": refusal.sentence}
        return 422, [{**said, "parameter_name": "request"}]
    if headers.get("x-gradio-user") == "app" and refusal.status in (422, 503):
        return SHOWN_BY_PAGE, refusal.sentence
    return refusal.status, refusal.sentence
