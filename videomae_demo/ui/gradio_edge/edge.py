"""The edge of the page towards the network: everything that stands in front of gradio, in order."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import anyio.to_thread
import gradio as gr
from gradio.routes import App
from starlette.types import ASGIApp, Receive, Scope, Send

from videomae_demo.limits import DEFAULT_LIMITS, Limits
from videomae_demo.ui.gradio_edge.bodies import Body
from videomae_demo.ui.gradio_edge.endings import Endings
from videomae_demo.ui.gradio_edge.events import Events
from videomae_demo.ui.gradio_edge.gate import Gate, route_of
from videomae_demo.ui.gradio_edge.headers import HeadersAndOrigins
from videomae_demo.ui.gradio_edge.listeners import Listeners, awaited_on
from videomae_demo.ui.gradio_edge.mounted import Mounted
from videomae_demo.ui.gradio_edge.packing import PackedPages
from videomae_demo.ui.gradio_edge.served import ServedFiles
from videomae_demo.ui.gradio_edge.silent import LOOKED_EVERY_S, Silent, connections_of
from videomae_demo.ui.gradio_edge.stopping import Stopping
from videomae_demo.ui.gradio_edge.undescribed import spare_descriptions
from videomae_demo.ui.gradio_edge.uploads import UploadRoute
from videomae_demo.ui.gradio_edge.visits import Visits

logger = logging.getLogger(__name__)

SWEPT_EVERY_S = 300.0


class Edge:
    """The edge of one page.

    Parameters
    ----------
    limits : Limits
    local : bool
        Whether this machine alone reaches the page, so that its visitor may name files of it.
    environment : mapping of str to str
        Tells whether gradio makes a share link; for instance `os.environ`.
    kept_s : float, optional
        In the place of `Limits.kept_hours`.

    Raises
    ------
    RequestError
        When the page can't write its files.
    """

    def __init__(
        self,
        limits: Limits = DEFAULT_LIMITS,
        *,
        local: bool = False,
        environment: Mapping[str, str] = os.environ,
        kept_s: float | None = None,
    ) -> None:
        self.limits = limits
        self.local = local
        self.served = ServedFiles(limits, kept_s=kept_s)
        self._shared = environment.get("GRADIO_SHARE", "").lower() == "true"
        self.stopping = Stopping()
        self._mounted: list[Mounted] = []

    def mount(self, application: Mounted) -> None:
        """Let an application answer its route on the page's address; to be done before launch."""
        self._mounted.append(application)

    @property
    def app_options(self) -> dict[str, Any]:
        """Options for the web application that gradio makes of the page."""
        return {"lifespan": self._stand_in_front}

    def serve_until_stopped(self, page: gr.Blocks, meanwhile: Callable[[], object]) -> None:
        """See `Stopping`."""
        self.stopping.serve_until_stopped(page, meanwhile, self.served.kept.close)

    @asynccontextmanager
    async def _stand_in_front(self, app: App) -> AsyncIterator[None]:
        # Gradio adds its own middlewares around those that it is given: the given ones could not
        # change its answer to another site any more.
        assert app.middleware_stack is not None  # it runs this function
        listeners = Listeners(app.middleware_stack, awaited_on(app.get_blocks()))
        app.middleware_stack = self.around(Endings(listeners), Events(app.get_blocks()).check)
        spare_descriptions(app)
        async with AsyncExitStack() as running:
            for application in self._mounted:
                await running.enter_async_context(application.running())
            sweeping = asyncio.create_task(self._sweep())
            listening = asyncio.create_task(_hang_up_on_silent(app.get_blocks()))
            yield
            sweeping.cancel()
            listening.cancel()

    def around(
        self, app: ASGIApp, check: Callable[[str, Any], None] = lambda route, content: None
    ) -> ASGIApp:
        """Return `app` behind the edge; `check` as of `Gate`."""
        kept = self.served.kept
        visits = Visits(kept)
        larger = {application.route: application.largest_body for application in self._mounted}
        gate = Gate(self._beside(app), visits.heard, check, larger)
        guarded = UploadRoute(visits.around(gate), kept, self.limits)
        answering = HeadersAndOrigins(self.stopping.around(guarded, larger), shared=self._shared)

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
            else:
                await answering(scope, Body(receive), send)

        return answer

    def _beside(self, app: ASGIApp) -> ASGIApp:
        mounted = {application.route: application for application in self._mounted}
        packed = PackedPages(app)

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await mounted.get(route_of(scope).rstrip("/"), packed)(scope, receive, send)

        return answer

    async def _sweep(self) -> None:
        kept = self.served.kept
        while True:
            await asyncio.sleep(min(SWEPT_EVERY_S, kept.kept_s / 2))
            try:
                await anyio.to_thread.run_sync(kept.sweep)
            except OSError as error:
                logger.error("Old files can't be deleted", exc_info=error)


async def _hang_up_on_silent(page: gr.Blocks) -> None:
    silent = Silent()
    while True:
        await asyncio.sleep(LOOKED_EVERY_S)
        silent.hang_up(connections_of(page))
