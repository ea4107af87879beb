"""Uploads: written to disk while they arrive, as many and as large as the page has room for.

Takes the place of gradio's own route, which keeps a part without a filename in memory, leaves what
was aborted on disk, and knows no limit for all uploads together.
"""

from __future__ import annotations

import json
import secrets
from collections import deque
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import anyio
import anyio.to_thread
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from videomae_demo.limits import Limits
from videomae_demo.ui.gradio_edge.bodies import TooSlow, pieces
from videomae_demo.ui.gradio_edge.gate import API, query_of, route_of
from videomae_demo.ui.gradio_edge.kept import KeptFiles, NoRoomError
from videomae_demo.ui.gradio_edge.parts import Begun, Parts, Piece, too_large
from videomae_demo.ui.gradio_edge.refusals import Refusal, refuse

ROUTE = API + "upload"
PROGRESS_ROUTE = API + "upload_progress"
MOST_AT_ONCE = 128
"""A class of pupils may begin at the same moment; of each upload, one piece is in memory."""
WRITERS = 16
ENVELOPE = 2**20
"""In bytes: what an upload may have beside its files."""
STEP = 2**20
"""In bytes: room is taken for so much at once."""
ASKED_EARLY_S = 3.0
"""The page asks for the progress of an upload before it sends the upload."""
TOLD_EVERY_S = 0.1
REMEMBERED = 2 * MOST_AT_ONCE
"""Uploads that ended: a small one may be here before its progress is asked for."""
LONGEST_ID = 128


class UploadRoute:
    """An ASGI middleware that answers uploads, and requests for their progress."""

    def __init__(self, app: ASGIApp, kept: KeptFiles, limits: Limits) -> None:
        self._app = app
        self._kept = kept
        self._largest = limits.upload_mb * 2**20
        self._at_once = 0
        self._threads = anyio.CapacityLimiter(WRITERS)
        self._progress: dict[str, Progress] = {}
        self._ended: deque[str] = deque(maxlen=REMEMBERED)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer an upload, or a request for the progress of one."""
        route = route_of(scope)
        if route == ROUTE and scope["method"] == "POST":
            try:
                paths = await self._receive(scope, receive)
            except Refusal as refusal:
                await refuse(refusal, scope, receive, send, plain=True)
            except ClientDisconnect:
                return
            else:
                await JSONResponse(paths)(scope, receive, send)
        elif route == PROGRESS_ROUTE and scope["method"] == "GET":
            await (await self._tell(_upload_id(scope)))(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _receive(self, scope: Scope, receive: Receive) -> list[str]:
        """Write the files of an upload to disk; return their paths."""
        headers = Headers(scope=scope)
        parts = Parts(headers.get("content-type", ""), self._largest)
        size = self._size(headers)
        if self._at_once >= MOST_AT_ONCE:
            raise Refusal(503, f"{MOST_AT_ONCE} uploads are under way already; try again soon.")
        name = _upload_id(scope)
        progress = self._progress[name] = Progress()
        self._at_once += 1
        try:
            self._kept.check_room(size)
            with self._kept.room() as take, _Incoming(self._kept, self._threads) as incoming:
                received = taken = 0
                async for data in pieces(receive):
                    received += len(data)
                    if received > size:
                        raise Refusal(413, too_large(self._largest))
                    if received > taken:  # what is only promised takes no room
                        more = min(max(received - taken, STEP), size - taken)
                        take(more)
                        taken += more
                    for piece in parts.feed(data):
                        progress.note(piece)
                        await incoming.take(piece)
                parts.finish()
                return await incoming.put()
        except NoRoomError as error:
            raise Refusal(507, str(error)) from None
        except TooSlow:
            raise Refusal(408, "The upload came too slowly; send it again.") from None
        except OSError as error:
            raise Refusal(
                507, f"The machine that runs this page can't keep the upload ({error.strerror})."
            ) from error
        finally:
            self._at_once -= 1
            progress.done = True
            self._progress = {k: v for k, v in self._progress.items() if v is not progress}
            self._ended.append(name)

    def _size(self, headers: Headers) -> int:
        """Return how many bytes an upload has at most, or refuse it."""
        most = self._largest + ENVELOPE
        told = headers.get("content-length", "")
        is_number = told.isascii() and told.isdigit() and len(told) < 20
        size = int(told) if is_number else most
        if size > most:
            raise Refusal(413, too_large(self._largest))
        return size

    async def _tell(self, upload_id: str) -> Response:
        """Return a stream of an upload's progress."""
        with anyio.move_on_after(ASKED_EARLY_S):
            while upload_id not in self._progress and upload_id not in self._ended:
                await anyio.sleep(TOLD_EVERY_S)
        progress = self._progress.get(upload_id)
        if progress is None:
            if upload_id not in self._ended:
                return Response("There is no such upload.", 404)
            progress = Progress(done=True)
        return StreamingResponse(progress.events(), media_type="text/event-stream")


class Progress:
    """What arrived of an upload since the last report."""

    def __init__(self, *, done: bool = False) -> None:
        self.done = done
        self._name, self._news = "", 0

    def note(self, piece: Piece) -> None:
        """Count a piece."""
        if isinstance(piece, Begun):
            self._name, self._news = piece.name, 0
        else:
            self._news += len(piece.data)

    async def events(self) -> AsyncIterator[str]:
        """Tell it as gradio's script expects it."""
        while not self.done:
            news, self._news = self._news, 0
            told = {"msg": "update", "orig_name": self._name, "chunk_size": news}
            yield f"data: {json.dumps(told)}\n\n"
            await anyio.sleep(TOLD_EVERY_S)
        yield f"data: {json.dumps({'msg': 'done'})}\n\n"


class _Incoming:
    """The files of one upload while they arrive; those that are not put in place are deleted."""

    def __init__(self, kept: KeptFiles, threads: anyio.CapacityLimiter) -> None:
        self._kept = kept
        self._threads = threads
        self._scope = ExitStack()
        self._names: dict[Path, str] = {}
        self._file: IO[bytes] | None = None

    def __enter__(self) -> _Incoming:
        return self

    def __exit__(self, *_: object) -> None:
        self._scope.close()
        for path in self._names:
            path.unlink(missing_ok=True)

    async def take(self, piece: Piece) -> None:
        """Write a piece."""
        if isinstance(piece, Begun):
            path = self._kept.incoming()
            self._names[path] = piece.name
            self._file = self._scope.enter_context(path.open("wb", buffering=0))
        elif self._file is not None:
            await anyio.to_thread.run_sync(_write, self._file, piece.data, limiter=self._threads)

    async def put(self) -> list[str]:
        """Put the files where gradio serves them from; nobody can guess where that is."""
        self._scope.close()
        return await anyio.to_thread.run_sync(self._put, limiter=self._threads)

    def _put(self) -> list[str]:
        placed = []
        for incoming, name in self._names.items():
            path = self._kept.folder / secrets.token_hex(32) / name
            self._kept.put(incoming, path)
            placed.append(str(path))
        return placed


def _write(file: IO[bytes], data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _upload_id(scope: Scope) -> str:
    return query_of(scope).get("upload_id", "")[:LONGEST_ID]
