"""Which work is under way for which visitor, so that it ends when they leave or press Cancel.

A visitor is known by the session hash that gradio gives to each open page and to each client. Work
for a visitor who is not known can't be stopped, and runs to its end.
"""

from __future__ import annotations

import contextlib
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Generator, Iterator
from contextlib import contextmanager
from typing import TypeVar

import gradio as gr
from gradio.context import LocalContext

from videomae_demo.cancellation import Cancelled, cancellable

Step = TypeVar("Step")

MOST_CONDEMNED = 1000
"""How many events are remembered that were stopped before they began; almost all begin later."""


class Visitors:
    """The visitors of one page; safe to share between threads."""

    def __init__(self) -> None:
        self._wishes: defaultdict[str, set[threading.Event]] = defaultdict(set)
        self._condemned: deque[str] = deque(maxlen=MOST_CONDEMNED)
        self._lock = threading.Lock()

    def stop(self, request: gr.Request, waiting: Collection[str] = ()) -> None:
        """End all work of the visitor who sent `request`.

        `waiting` has the ids of gradio's events that have not begun: they end when their turn
        comes. What is asked for later is not stopped.
        """
        with self._lock:
            self._condemned.extend(waiting)
            for wish in self._wishes.get(request.session_hash or "", ()):
                wish.set()

    def leave(self, request: gr.Request) -> None:
        """End all work of a visitor whose page was closed."""
        self.stop(request)

    @contextmanager
    def working(self) -> Iterator[threading.Event]:
        """Remember, for as long as the scope is open, that work is done for the present visitor.

        Inside of `cancellation.cancellable`, that work ends when the event is set.
        """
        request = LocalContext.request.get(None)
        visitor = (request.session_hash if request is not None else None) or ""
        wish = threading.Event()
        with self._lock:
            if LocalContext.event_id.get(None) in self._condemned:
                wish.set()
            self._wishes[visitor].add(wish)
        try:
            yield wish
        finally:
            with self._lock:
                self._wishes[visitor].discard(wish)
                if not self._wishes[visitor]:
                    del self._wishes[visitor]


def follow(
    steps: Generator[Step, None, None],
    wish: threading.Event,
    last_word: Callable[[], Step] | None = None,
) -> Generator[Step, None, None]:
    """Go through the steps of a piece of work until `wish` is set.

    Then the step under way ends early and is not shown; `last_word` is shown, if there is one.
    """
    with contextlib.closing(steps):
        while not wish.is_set():
            try:
                with cancellable(wish):  # each step may be taken by another thread
                    step = next(steps)
            except StopIteration:
                return
            except Cancelled:
                break
            if not wish.is_set():  # what comes after a stop is not shown
                yield step
    if last_word is not None:
        yield last_word()
