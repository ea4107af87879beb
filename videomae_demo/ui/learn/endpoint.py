"""What the page Learn asks for: the clip at hand, and each step worked out on it.

Owns the route, and what may be sent to it. Requests take turns; one whose page went away ends at
the next layer.
"""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import anyio
from anyio.to_thread import run_sync
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Receive, Scope, Send

from videomae_demo.cancellation import cancellable
from videomae_demo.engine.clips import ClipRequest
from videomae_demo.errors import RequestError, shown
from videomae_demo.limits import Limits
from videomae_demo.pool import ExplorerPool
from videomae_demo.ui.examples import Shelf
from videomae_demo.ui.gradio_edge.gate import API, query_of
from videomae_demo.ui.learn.worked import Lesson
from videomae_demo.ui.route import Route
from videomae_demo.ui.token_player.sprites import SaveBytes

if TYPE_CHECKING:
    from videomae_demo.explorer import Explorer


class BusyError(RequestError):
    """Too many wait already."""


class Learn(Route):
    """Answers for the page Learn, as an application that stands beside gradio's; see `Edge.mount`.

    On GET, ``?do=facts`` tells which clips and weights there are; ``do=open`` the clip at hand;
    ``do=work&step=...`` a step of the lesson; ``do=sweep`` the chart over all shares, a line of
    JSON a share; ``do=handout`` the lesson on this clip as one HTML page. All take ``weights``, and
    ``example`` or ``clip``, a file that the page keeps.

    Parameters
    ----------
    pool : ExplorerPool
    shelf : Shelf
        The examples.
    save : callable
        Keeps pictures; see `sprites.SaveBytes`.
    holds : callable
        Tells whether a path is that of a file of this page.
    limits : Limits
    """

    route = f"{API}learn"
    largest_body = 0
    subject = "A step"
    statuses: ClassVar = {BusyError: 503}

    def __init__(
        self,
        pool: ExplorerPool,
        shelf: Shelf,
        save: SaveBytes,
        holds: Callable[[str], bool],
        limits: Limits,
    ) -> None:
        self._pool = pool
        self._shelf = shelf
        self._save = save
        self._holds = holds
        self._most_waiting = limits.queue_length
        self._waiting = 0
        self._turn = anyio.Lock()
        self._threads = anyio.CapacityLimiter(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        wish = threading.Event()
        async with anyio.create_task_group() as tasks:

            async def watch() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                wish.set()

            tasks.start_soon(watch)
            await self._work(scope, receive, send, wish)
            tasks.cancel_scope.cancel()

    async def _work(
        self, scope: Scope, receive: Receive, send: Send, wish: threading.Event
    ) -> None:
        given = query_of(scope)
        try:
            if scope["method"] != "GET":
                response: Response = JSONResponse({"detail": "Send GET."}, 405)
            elif given.get("do") == "sweep":
                async with self._place():
                    await self._stream(given, send, wish)
                return
            else:
                async with self._place():
                    with cancellable(wish):
                        response = await run_sync(self._do, given, limiter=self._threads)
        except Exception as error:  # noqa: BLE001  # the catch-all at this edge
            response = self.refusal(error)
        await response(scope, receive, send)

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        """Wait for one's turn; refuse where too many wait."""
        if self._waiting >= self._most_waiting:
            raise BusyError(f"{self._waiting} steps wait already: try again in a while.")
        self._waiting += 1
        try:
            async with self._turn:
                yield
        finally:
            self._waiting -= 1

    async def _stream(self, given: Mapping[str, str], send: Send, wish: threading.Event) -> None:
        """Send a line of JSON for each share."""
        lesson = await run_sync(self._lesson, given)
        steps = lesson.sweep(given)
        headers = [(b"content-type", b"application/x-ndjson"), (b"cache-control", b"no-store")]
        begun = False
        while True:
            with cancellable(wish):
                try:
                    told = await run_sync(next, steps, None, limiter=self._threads)
                except Exception as error:
                    if not begun:
                        raise
                    told = json.loads(bytes(self.refusal(error).body))
                    steps = iter(())
            if not begun:
                begun = True
                await send({"type": "http.response.start", "status": 200, "headers": headers})
            line = b"" if told is None else json.dumps(told).encode() + b"\n"
            await send({"type": "http.response.body", "body": line, "more_body": told is not None})
            if told is None:
                return

    def _do(self, given: Mapping[str, str]) -> Response:
        what = given.get("do", "facts")
        if what == "facts":
            return JSONResponse(self._facts(given))
        if what == "open":
            return JSONResponse(self._lesson(given).open())
        if what == "work":
            return JSONResponse(self._lesson(given).work(given.get("step", ""), given))
        if what == "handout":
            return HTMLResponse(self._lesson(given).handout(given))
        raise RequestError(f"do is {shown(what)}; give facts, open, work, sweep or handout.")

    def _facts(self, given: Mapping[str, str]) -> dict[str, Any]:
        weights = self._weights(given)
        self._explorer(weights)  # or say that it can't be had
        return {
            "weights": weights,
            "offers": [[o.name, o.title] for o in self._pool.offers() if o.is_here],
            "examples": self._shelf.items(weights),
            "note": self._shelf.note(weights),
        }

    def _weights(self, given: Mapping[str, str]) -> str:
        asked = given.get("weights", "")
        return self._pool.offer(asked).name if asked else self._pool.usable

    def _explorer(self, weights: str) -> Explorer:
        if self._pool.absent(weights):
            raise RequestError(
                f"The weights {weights} are not on this machine yet: open Explore with them first, "
                "which fetches them."
            )
        return self._pool.get(weights)

    def _lesson(self, given: Mapping[str, str]) -> Lesson:
        weights = self._weights(given)
        return Lesson(self._explorer(weights), ClipRequest(self._clip(weights, given)), self._save)

    def _clip(self, weights: str, given: Mapping[str, str]) -> Path:
        own = given.get("clip", "")
        if own:
            if not self._holds(own):
                raise RequestError(
                    "This clip is not kept here any more: open it again in Explore, or take an "
                    "example."
                )
            return Path(own)
        name = given.get("example")
        example = self._shelf.first(weights, name)
        if example is None:
            raise RequestError("There are no examples here; open a clip in Explore first.")
        return example.path
