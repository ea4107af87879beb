"""Asks an ASGI application without a network; the body is made while it is read."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import anyio

Result = TypeVar("Result")


@dataclass
class Answer:
    """What came back, and how much of the body was read."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    read: int = 0


def ask(
    app,
    path: str,
    body: Iterable[bytes] = (),
    *,
    method: str = "POST",
    headers: dict[str, str] | None = None,
    query: str = "",
    leaves: bool = False,
) -> Answer:
    """Return the answer; who `leaves` is gone after the body's last piece, and it never ended."""
    answer = Answer()
    pieces = iter(body)

    async def messages() -> AsyncIterator[dict]:
        for piece in pieces:
            answer.read += len(piece)
            yield {"type": "http.request", "body": piece, "more_body": True}
        if not leaves:
            yield {"type": "http.request", "body": b"", "more_body": False}
        while True:
            yield {"type": "http.disconnect"}

    async def send(message: dict) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            pairs = [(name.decode().lower(), value.decode()) for name, value in message["headers"]]
            answer.headers = dict(pairs)
        else:
            answer.body += message.get("body", b"")

    given = {"host": "page.example", **(headers or {})}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
    }

    async def run() -> None:
        stream = messages()
        await app(scope, stream.__anext__, send)
        await stream.aclose()

    run_alone(run)
    return answer


def run_alone(work: Callable[[], Awaitable[Result]]) -> Result:
    """Run a coroutine in a thread of its own: the browser of other tests has a loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(anyio.run, work).result()


async def echo(scope, receive, send) -> None:
    """An application that answers with the body."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})
