"""The lenses as tools of an assistant: one tool per lens, over the Model Context Protocol (MCP).

A tool takes what the endpoint of its lens takes, and answers with the same JSON, and with a picture
on request. A clip comes as a data URL, as the name of an example, or as a path inside a folder that
whoever serves the page allowed. Nothing is fetched from other servers. Gradio has an MCP server of
its own, which fetches what a URL names; it stays shut.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import re
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from anyio.to_thread import run_sync
from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from videomae_demo.cancellation import Cancelled, cancellable
from videomae_demo.errors import ExplorerError, RequestError, shown
from videomae_demo.limits import DEFAULT_LIMITS, Limits
from videomae_demo.pool import ExplorerPool
from videomae_demo.ui import text
from videomae_demo.ui.api import FRAMES, PICTURE, WEIGHTS, ask
from videomae_demo.ui.examples import Example
from videomae_demo.ui.gradio_edge.exposure import is_from_here
from videomae_demo.ui.gradio_edge.gate import API
from videomae_demo.ui.gradio_edge.refusals import Refusal, refuse
from videomae_demo.ui.lenses.lens import Endpoint, PageLens
from videomae_demo.ui.token_player.sprites import SaveBytes

logger = logging.getLogger(__name__)

LARGEST_CALL = 32 * 2**20
"""In bytes: a data URL is held in memory, so it may have less than an upload."""
AT_ONCE = 4
"""How many calls are answered at the same time, as of endpoints."""
INSTRUCTIONS = (
    "VideoMAE Explorer shows how VideoMAE, a masked autoencoder for video, sees a short clip: "
    "which labels it gives, where and when it looks, and what it imagines where the clip is "
    "hidden. Numbers are the model's own; attention shows where information flows, and is no proof "
    "of a reason."
)
ELSEWHERE = (
    "These tools read a folder of the machine that they run on, so they answer that machine alone: "
    "use them there, at its own address (127.0.0.1)."
)
_DATA_URL = re.compile(r"data:(?:video|image)/(?P<kind>[\w.+-]+)(?:;[\w.=-]+)*;base64,", re.ASCII)
_SUFFIXES = {"quicktime": "mov", "x-matroska": "mkv", "x-msvideo": "avi"}
_LEFT = "videomae_demo.left"
"""In a request's scope: the event that is set when whoever sent it is gone."""


class Tools:
    """The tools of one page, as an application that stands beside gradio's; see `Edge.mount`.

    Parameters
    ----------
    pool : ExplorerPool
    lenses : sequence of PageLens
    examples : sequence of Example
        The clips that go by their names.
    save : callable
        Keeps a clip for a while; see `sprites.SaveBytes`.
    folders : sequence of Path
        Whose files may be named by their paths.
    """

    route = f"{API}mcp"

    def __init__(
        self,
        pool: ExplorerPool,
        lenses: Sequence[PageLens],
        examples: Sequence[Example],
        save: SaveBytes,
        folders: Sequence[Path] = (),
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self._pool = pool
        self._lenses = {lens.name: (lens, lens.endpoint()) for lens in lenses}
        self._clips = Clips(examples, save, folders)
        self._threads = anyio.CapacityLimiter(AT_ONCE)
        self.largest_body = min(LARGEST_CALL, limits.upload_mb * 2**20 * 4 // 3 + 2**16)
        self._server: Server[Any, Any] = Server("VideoMAE Explorer", instructions=INSTRUCTIONS)
        self._server.list_tools()(self._list)  # type: ignore[no-untyped-call]
        self._server.call_tool()(self._call)
        self._manager = StreamableHTTPSessionManager(
            self._server,
            json_response=True,
            stateless=True,
            max_request_body_size=self.largest_body,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Answer for as long as the scope is open."""
        async with self._manager.run():
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; when its sender leaves, its work ends."""
        if self._clips.has_folders and not is_from_here(scope):
            await refuse(Refusal(403, ELSEWHERE), scope, receive, send, plain=True)
            return
        if scope["method"] != "POST":  # no call of a tool is answered later than at once
            refused = PlainTextResponse("Send POST.", 405, {"Allow": "POST"})
            await refused(scope, receive, send)
            return
        left = threading.Event()
        body = await receive()

        async def hear_once() -> Message:
            nonlocal body
            if body["type"] == "http.request":
                given, body = body, {"type": "given"}
                return given
            await anyio.sleep_forever()
            raise AssertionError  # nothing ends a sleep without an end

        async def wait_for_the_end() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            left.set()

        async with anyio.create_task_group() as group:
            group.start_soon(wait_for_the_end)
            await self._manager.handle_request({**scope, _LEFT: left}, hear_once, send)
            group.cancel_scope.cancel()

    async def _list(self) -> list[types.Tool]:
        return [
            types.Tool(name=name, description=endpoint.summary, inputSchema=self._schema(endpoint))
            for name, (_, endpoint) in self._lenses.items()
        ]

    def _schema(self, endpoint: Endpoint) -> dict[str, Any]:
        others = (WEIGHTS, *endpoint.parameters, *FRAMES, PICTURE)
        clip = {"type": "string", "minLength": 1, "description": self._clips.description}
        return {
            "type": "object",
            "properties": {"clip": clip} | {other.name: other.to_schema() for other in others},
            "required": ["clip"],
            "additionalProperties": False,
        }

    async def _call(self, name: str, given: dict[str, Any]) -> types.CallToolResult:
        request = self._server.request_context.request
        left = request.scope[_LEFT] if request is not None else threading.Event()
        return await run_sync(self._answer, name, given, left, limiter=self._threads)

    def _answer(
        self, name: str, given: Mapping[str, Any], left: threading.Event
    ) -> types.CallToolResult:
        try:
            if name not in self._lenses:
                raise RequestError(
                    f"There is no tool {shown(name)}; see {', '.join(self._lenses)}."
                )
            lens, endpoint = self._lenses[name]
            with cancellable(left):
                clip = self._clips.find(given["clip"])
                told = ask(self._pool, lens, endpoint, **{**given, "clip": clip})
        except ExplorerError as error:
            return _failed(str(error))
        except Cancelled:
            return _failed(text.CANCELLED)
        except OSError as error:
            logger.error("A file can't be read or written", exc_info=error)
            return _failed(text.DISK.format(cause=error.strerror))
        except Exception as error:  # the catch-all at this edge
            logger.error("A tool failed", exc_info=error)
            return _failed(text.DEFECT)
        picture = told.pop("png", None)
        content: list[Any] = [types.TextContent(type="text", text=json.dumps(told))]
        if picture is not None:
            content.append(types.ImageContent(type="image", data=picture, mimeType="image/png"))
        return types.CallToolResult(content=content, structuredContent=told)


class Clips:
    """The clips that may be named; parameters as in `Tools`."""

    def __init__(
        self, examples: Sequence[Example], save: SaveBytes, folders: Sequence[Path]
    ) -> None:
        self._examples = {example.name: example.path for example in examples}
        self._save = save
        self._folders = [folder.resolve() for folder in folders]

    @property
    def has_folders(self) -> bool:
        """Whether files of this machine may be named."""
        return bool(self._folders)

    @property
    def description(self) -> str:
        """How a clip is given, as the description of an argument."""
        ways = ["as a data URL (data:video/mp4;base64,...)"]
        if self._examples:
            ways.append(f"as the name of an example ({', '.join(self._examples)})")
        if self._folders:
            ways.append(f"as a path inside {' or '.join(map(str, self._folders))}")
        return f"The clip, given {', or '.join(ways)}. No other URL is fetched."

    def find(self, given: str) -> str:
        """Return the path of a clip.

        Raises
        ------
        RequestError
            When it may not be named, or is not there.
        """
        if given in self._examples:
            return str(self._examples[given])
        if given[:5].lower() == "data:":
            return self._keep(given)
        if re.match(r"[a-z][a-z0-9+.-]*://|//", given, re.IGNORECASE):
            raise RequestError(
                f"The clip is the URL {shown(given)}, and nothing is fetched from other servers. "
                f"{self.description}"
            )
        for folder in self._folders:
            path = (folder / given).resolve()  # whatever links and dots stand for
            if path.is_relative_to(folder) and path.is_file():
                return str(path)
        raise RequestError(f"There is no clip {shown(given)} to use here. {self.description}")

    def _keep(self, url: str) -> str:
        """Return the path at which the clip of a data URL is kept for a while."""
        head = _DATA_URL.match(url[:200])
        try:
            if head is None:
                raise ValueError
            content = base64.b64decode(url[head.end() :], validate=True)
        except (binascii.Error, ValueError):
            raise RequestError(
                f"The data URL {shown(url[:40])} can't be read; it must be "
                "data:video/TYPE;base64,CONTENT."
            ) from None
        kind = head["kind"].lower()
        return self._save(content, f"clip.{_SUFFIXES.get(kind, kind)}")


def _failed(sentence: str) -> types.CallToolResult:
    said = types.TextContent(type="text", text=sentence)
    return types.CallToolResult(content=[said], isError=True)
