"""Whoever connects and asks nothing is hung up on; whoever waits for an answer is not."""

import asyncio
import socket
import threading
import time
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import uvicorn

from videomae_demo.ui.gradio_edge import edge
from videomae_demo.ui.gradio_edge.silent import Silent, connections_of

PATIENCE_S = 0.3
LIMIT_S = 30
HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"


class Connection:
    """As much of a protocol of uvicorn's as is looked at."""

    def __init__(self, cycle=None) -> None:
        self.cycle, self.closed = cycle, 0
        self.transport = SimpleNamespace(close=self._close)

    def _close(self) -> None:
        self.closed += 1


def answered() -> SimpleNamespace:
    return SimpleNamespace(response_complete=True)


def test_patience_begins_anew_with_each_answer():
    clock = [100.0]
    silent = Silent(30, lambda: clock[0])
    never, asks, waits = Connection(), Connection(answered()), Connection()
    waits.cycle = SimpleNamespace(response_complete=False)
    every = [never, asks, waits, SimpleNamespace()]  # the last: a protocol of another kind
    assert silent.hang_up(every) == 0
    clock[0] += 20
    asks.cycle = answered()
    assert silent.hang_up(every) == 0
    clock[0] += 11
    assert silent.hang_up(every) == 1
    assert (never.closed, asks.closed, waits.closed) == (1, 0, 0)
    waits.cycle.response_complete = True
    clock[0] += 11
    assert silent.hang_up([asks, waits]) == 0
    clock[0] += 9
    assert silent.hang_up([asks, waits]) == 1
    assert (asks.closed, waits.closed) == (1, 0)


def test_a_page_that_does_not_serve_yet_has_none():
    assert list(connections_of(SimpleNamespace())) == []
    assert list(connections_of(SimpleNamespace(server=None))) == []


@contextmanager
def slow_server():
    """Answer after three times the patience, while `_hang_up_on_silent` looks."""

    async def app(scope, receive, send) -> None:
        if scope["type"] != "http":
            return
        await asyncio.sleep(3 * PATIENCE_S)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"late"})

    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="off"))

    async def serve() -> None:
        looking = asyncio.create_task(edge._hang_up_on_silent(SimpleNamespace(server=server)))
        await server.serve()
        looking.cancel()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    until = time.monotonic() + LIMIT_S
    while not server.started:
        assert time.monotonic() < until and thread.is_alive()
        time.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()
    finally:
        server.should_exit = True
        thread.join(LIMIT_S)


@pytest.fixture
def address(monkeypatch):
    monkeypatch.setattr(edge, "LOOKED_EVERY_S", PATIENCE_S / 10)
    monkeypatch.setattr(edge, "Silent", lambda: Silent(PATIENCE_S))
    with slow_server() as address:
        yield address


def test_a_server_hangs_up_on_silence_alone(address):
    with (
        socket.create_connection(address, LIMIT_S) as silent,
        socket.create_connection(address, LIMIT_S) as half,
        socket.create_connection(address, LIMIT_S) as patient,
    ):
        half.sendall(HEAD)  # its end never comes
        patient.sendall(HEAD + b"\r\n")
        assert silent.recv(100) == b""
        assert half.recv(100) == b""
        told = b""
        while b"late" not in told:
            piece = patient.recv(1000)
            assert piece, f"It was hung up on after {told!r}."
            told += piece
