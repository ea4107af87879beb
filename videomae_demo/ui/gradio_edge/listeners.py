"""Who listens for answers: a client that asked for nothing is told so at once.

Gradio itself notices this only inside the stream of answers, as an error, and writes its traceback
to the log.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import gradio as gr
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from videomae_demo.ui.gradio_edge.gate import API, query_of, route_of

QUEUE = API + "queue/data"
CALL = API + "call/"
# As gradio says it; its script asks no further then.
NOTHING = {
    "msg": "unexpected_error",
    "message": "Nothing was asked for under this name.",
    "success": False,
    "session_not_found": True,
}


class Listeners:
    """An ASGI middleware in front of gradio's streams of answers.

    Parameters
    ----------
    app : ASGI application
    is_awaited : callable
        Tells whether answers are on their way under the name of a session, or of an event.
    """

    def __init__(self, app: ASGIApp, is_awaited: Callable[[str], bool]) -> None:
        self._app = app
        self._is_awaited = is_awaited

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through if there may be an answer for it."""
        name = _listens_for(scope)
        if name is None or self._is_awaited(name):
            await self._app(scope, receive, send)
        elif route_of(scope) == QUEUE:
            told = f"data: {json.dumps(NOTHING)}\n\n"
            await Response(told, media_type="text/event-stream")(scope, receive, send)
        else:
            told = f"event: error\ndata: {json.dumps(NOTHING['message'])}\n\n"
            await Response(told, media_type="text/event-stream")(scope, receive, send)


def awaited_on(page: gr.Blocks) -> Callable[[str], bool]:
    """Return the `is_awaited` of a page."""
    queue = page._queue

    def is_awaited(name: str) -> bool:
        return (
            name in queue.pending_messages_per_session
            or name in queue.event_ids_to_events
            or any(name in events for events in queue.pending_event_ids_session.values())
        )

    return is_awaited


def _listens_for(scope: Scope) -> str | None:
    """Return the session or event whose answers a request listens for, if it listens for any."""
    route = route_of(scope)
    if scope["method"] != "GET":
        return None
    if route == QUEUE:
        return query_of(scope).get("session_hash")
    return route.rpartition("/")[2] if route.startswith(CALL) else None
