"""How the work of an event is done: in its turn, stoppable, and out of other visitors' way.

There are lanes. What runs a model for the page goes through gradio's queue one at a time. What is
answered from the Explorer's cache does not wait there: several answers are made at the same time,
whatever model runs for somebody else. In both, the events of one visit follow one another; see
`Visit`. Programs have a lane of their own. Knows no component.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import AsyncGenerator, Callable, Generator, Iterable
from contextlib import aclosing, closing
from typing import Any, TypeVar

import anyio
import gradio as gr
from anyio.to_thread import run_sync

from videomae_demo.errors import RequestError
from videomae_demo.ui import controls, text
from videomae_demo.ui.gradio_edge.visitors import Visitors, follow
from videomae_demo.ui.handlers import Handlers
from videomae_demo.ui.outputs import Outputs, Write, deliver
from videomae_demo.ui.page import Page, Pages
from videomae_demo.ui.session import MOST_WAITING, Session, Visit

MODEL: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": 1}
"""All that runs a model waits for one another."""
QUICK: dict[str, Any] = {"concurrency_id": "quick", "concurrency_limit": None}
"""Answers from the cache: `QUICK_AT_ONCE` are made at the same time."""
ENDPOINTS: dict[str, Any] = {"concurrency_id": "endpoints", "concurrency_limit": 4}
"""What programs ask for: what is known is not kept waiting by one model that runs. Models wait for
one another at the device."""
DOWNLOAD: dict[str, Any] = {"concurrency_id": "download", "concurrency_limit": 1}
"""Downloads wait for one another, and nobody's clip waits for them."""
QUICK_AT_ONCE = 8

Lane = Callable[..., anyio.CapacityLimiter]
"""From what the components hold to how many may be at work at the same time."""
Handler = Callable[..., Pages]
"""From a session, and what the components hold, to pages."""
PathOf = Callable[..., str | None]
"""From a visit, and what the components hold, to the file that the clip field has of a clip."""
EndOf = Callable[[Session, Visit], Page]
"""From the session with which work began, and the visit, to what the page shows at its end."""
Step = TypeVar("Step")


class Work:
    """Makes the functions of gradio's events, out of a page's handlers; `write` as in `deliver`."""

    def __init__(self, handlers: Handlers, visitors: Visitors, write: Write) -> None:
        self._handlers = handlers
        self._visitors = visitors
        self._write = write
        self._threads = anyio.CapacityLimiter(QUICK_AT_ONCE)
        self._models = anyio.CapacityLimiter(1)

    def changing(
        self,
        handler: Handler,
        source: str | None = None,
        *,
        explores: PathOf | None = None,
        lane: Lane | None = None,
        says: Iterable[Any] = (),
    ) -> Callable[..., AsyncGenerator[Outputs, None]]:
        """Return the function of work that changes what the page shows.

        It takes the visit, the page's clock, and what `handler` takes after the session. The work
        was asked for by the part of the page named `source`; without one, by a letter, which is
        then the first that `handler` takes. `lane` tells the threads that it may use, by what the
        components hold; without one, those of the server. `says` has the components whose values it
        sets, see `Visit.takes`.
        """
        sets = frozenset(says)

        async def run(visit: Visit, clock: str, *given: Any) -> AsyncGenerator[Outputs, None]:
            asked_at = _asked_at(clock, source, given)
            with self._visitors.working() as wish:
                if visit.is_crowded:
                    for outputs in deliver(_crowded(), self._write):
                        yield outputs
                async with visit.turn():
                    if visit.was_cancelled(asked_at):
                        wish.set()
                    if not visit.takes(asked_at, sets):
                        yield self._write(Page())
                        return
                    path = None if explores is None else explores(visit, *given)
                    steps = self._steps(visit, wish, handler, given, path, explores is not None)
                    limiter = None if lane is None else lane(*given)
                    async with aclosing(in_threads(steps, limiter)) as done:
                        async for outputs in done:
                            yield outputs

        return run

    def quick(self, *_given: Any) -> anyio.CapacityLimiter:
        """Take one of the threads of what is answered from the cache."""
        return self._threads

    def opening(self, letter: str) -> anyio.CapacityLimiter:
        """Take a thread for a lens that is opened: one whose model has to run waits its turn."""
        return self._threads if self._handlers.is_quick(controls.said(letter)) else self._models

    def _steps(
        self,
        visit: Visit,
        wish: Any,
        handler: Handler,
        given: tuple[Any, ...],
        path: str | None,
        explores: bool,
    ) -> Generator[Outputs, None, None]:
        before = visit.session

        def last_word(why: str) -> Page:
            return self._handlers.last_word(visit.session, why, before if explores else None)

        def stopped() -> Page:
            return last_word(text.WAS_CANCELLED)

        if explores:
            visit.chosen.ask(path)
        try:
            pages = follow(handler(before, *given), wish, stopped)
            yield from deliver(_kept(visit, pages, explores), self._write, last_word)
        finally:
            if explores:
                visit.chosen.end()

    def beside(
        self, handler: Handler, source: str | None = None, ended: EndOf | None = None
    ) -> Callable[..., AsyncGenerator[Outputs, None]]:
        """Do the same for work that changes nothing of the session, and so waits for no turn.

        Its handler takes the visit after the session with which it began: by then, the page may
        show something else. So does `ended`, which says what the page shows after work that was
        stopped, or failed.
        """

        async def run(visit: Visit, clock: str, *given: Any) -> AsyncGenerator[Outputs, None]:
            asked_at = _asked_at(clock, source, given)
            with self._visitors.working() as wish:
                if visit.was_cancelled(asked_at):
                    wish.set()
                began = visit.session

                def last_word(_why: str = "") -> Page:
                    return Page() if ended is None else ended(began, visit)

                stopped = None if ended is None else last_word
                pages = follow(handler(began, visit, *given), wish, stopped)
                steps = deliver(pages, self._write, last_word)
                async with aclosing(in_threads(steps, self._threads)) as done:
                    async for outputs in done:
                        yield outputs

        return run

    def fetch(self, visit: Visit, weights: str) -> Generator[Outputs, None, None]:
        """Download weights; this changes nothing else, so it waits for no turn.

        A download that is stopped ends as one that failed, without a toast of its own.
        """

        def last_word(_why: str) -> Page:
            # What could not be fetched is not what the list shows as chosen.
            return Page(status=[], weights_list=self._handlers.weights_list(visit.session))

        with self._visitors.working() as wish:
            pages = follow(self._handlers.fetch(weights), wish, lambda: last_word(""))
            yield from deliver(pages, self._write, last_word)
            if wish.is_set():  # what follows on a download is not done
                raise gr.Error(text.WAS_CANCELLED, visible=False, print_exception=False)


def keeping_preview(preview: Handler) -> Handler:
    """Let the clip field know the preview of its clip; see `Work.beside`."""

    def handle(session: Session, visit: Visit, path: str | None) -> Pages:
        for page in preview(session, path):
            if visit.session.clip == session.clip and isinstance(page.video, str):
                visit.chosen.shown = page.video
                yield page  # else it is of a clip that is shown no more

    return handle


def by_letter(handler: Handler) -> Handler:
    """Let a handler take what a letter says in the place of the letter; see `mailbox`."""

    def handle(session: Session, letter: str, *given: Any) -> Pages:
        yield from handler(session, controls.said(letter), *given)

    return handle


def _asked_at(clock: str, source: str | None, given: tuple[Any, ...]) -> float | None:
    """Tell when work was asked for, by the browser's clock; None if nobody knows."""
    if source is not None:
        return controls.moment(clock, source)
    return controls.moment(given[0], "at") if given else None


def _kept(visit: Visit, pages: Pages, explores: bool) -> Pages:
    """Let the visit remember what is shown, just before it is."""
    is_new = explores
    with closing(pages):
        for page in pages:
            if isinstance(page.session, Session):
                if is_new:
                    visit.chosen.show()
                is_new = False
                visit.session = page.session
            yield page


def _crowded() -> Pages:
    yield Page()
    raise RequestError(text.CROWDED.format(count=MOST_WAITING))


async def in_threads(
    steps: Generator[Step, None, None], limiter: anyio.CapacityLimiter | None
) -> AsyncGenerator[Step, None]:
    """Take each step of a generator in a thread; who closes this closes the generator."""

    def take() -> list[Step]:
        return list(itertools.islice(steps, 1))

    try:
        while step := await run_sync(take, limiter=limiter):
            yield step[0]
    finally:
        # A server that shuts down does not wait for the step at work.
        if inspect.getgeneratorstate(steps) != inspect.GEN_RUNNING:
            steps.close()
