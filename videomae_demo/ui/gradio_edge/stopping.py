"""How a page stops: what is under way is answered first, for as long as there is time.

The person who runs the page asks for it by SIGTERM or Ctrl-C. From then on the page takes no new
work. The page ends when all have their answers, or when time is up; then those who still wait are
told why they get none.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection
from types import FrameType

import gradio as gr
from gradio.server_messages import ProcessCompletedMessage
from starlette.types import ASGIApp, Receive, Scope, Send

from videomae_demo.errors import ExplorerError
from videomae_demo.ui.gradio_edge.gate import API, route_of
from videomae_demo.ui.gradio_edge.refusals import Refusal, refuse

GRACE_S = 8.0
"""How long the page waits for work under way; docker kills the page after 10 s."""
LAST_WORDS_S = 1.0
"""How long it may take to tell those who wait that there will be no answer."""
FLUSHING_S = 0.2
"""How long the system has to send what was answered last."""

UPLOAD = API + "upload"
WORK = (UPLOAD, *(API + route for route in ("queue/join", "call/", "run/", "api/")))
IDLE = tuple(API + route for route in ("heartbeat/", "upload_progress"))
"""Answers that go on for as long as a page is open; nobody waits for their end."""

STOPPING = "The page is being stopped and takes no new work; try again in a minute."
STOPPED = "The page was stopped before this was finished; try again in a minute."


class Stopping:
    """Whether the page is being stopped, and how many requests have no answer yet."""

    def __init__(self) -> None:
        self.asked = False
        self._failure: ExplorerError | None = None
        self.unanswered = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    def around(self, app: ASGIApp, mounted: Collection[str] = ()) -> ASGIApp:
        """Return an ASGI application that takes no work while the page is being stopped.

        Nothing is asked of the `mounted` routes then: each of them does work.
        """
        self._loop = asyncio.get_running_loop()

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            route = route_of(scope)
            is_work = scope["method"] == "POST" and route.startswith(WORK)
            if self.asked and (is_work or route.rstrip("/") in mounted):
                refusal = Refusal(503, STOPPING)
                await refuse(refusal, scope, receive, send, plain=route == UPLOAD)
                return
            waits = not route.startswith(IDLE)
            self.unanswered += waits
            try:
                await app(scope, receive, send)
            finally:
                self.unanswered -= waits

        return answer

    def listen(self) -> None:
        """Take SIGTERM and Ctrl-C as requests to stop, from now on; call it before the launch."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def serve_until_stopped(
        self, page: gr.Blocks, meanwhile: Callable[[], object], clean_up: Callable[[], object]
    ) -> None:
        """Wait until the launched page is to stop, and stop it; the process ends with this.

        Parameters
        ----------
        page : gr.Blocks
        meanwhile : callable
            Is run once, beside the page.
        clean_up : callable
            Is run when the page answers nobody any more.

        Raises
        ------
        ExplorerError
            That of `meanwhile`: the page stops because of it.
        """
        threading.Thread(target=self._run, args=[meanwhile], daemon=True).start()
        while not self.asked:
            time.sleep(0.1)
        if not _wait(lambda: not self.unanswered and _is_idle(page), GRACE_S):
            assert self._loop is not None  # what is unanswered came through it
            self._loop.call_soon_threadsafe(_tell_all, page)
            _wait(lambda: not self.unanswered, LAST_WORDS_S)
        clean_up()
        if self._failure is not None:
            raise self._failure
        time.sleep(FLUSHING_S)
        _end_now()

    def _run(self, meanwhile: Callable[[], object]) -> None:
        try:
            meanwhile()
        except ExplorerError as error:
            self._failure = error
            self.asked = True

    def _ask(self, number: int, _: FrameType | None) -> None:
        if self.asked:  # asked twice: do not wait any longer
            os._exit(128 + number)
        self.asked = True


def _wait(is_met: Callable[[], bool], seconds: float) -> bool:
    """Wait for a condition; return whether it was met in time."""
    until = time.monotonic() + seconds
    while not is_met():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def _is_idle(page: gr.Blocks) -> bool:
    return not len(page._queue) and not page._queue.get_active_worker_count()


def _tell_all(page: gr.Blocks) -> None:
    """Tell those whose work is not finished."""
    queue = page._queue
    for event in list(queue.event_ids_to_events.values()):
        if event.session_hash in queue.pending_messages_per_session:
            said = ProcessCompletedMessage(output={"error": STOPPED}, success=False)
            queue.send_message(event, said)


def _end_now() -> None:
    """End the process now; otherwise it would wait for torch to clean up, or for endless work."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
