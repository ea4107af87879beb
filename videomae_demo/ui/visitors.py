"""Which work is under way for which visitor, so that it ends when they leave or press Cancel.

A visitor is known by the session hash that gradio gives to each open page and to each client. Work
that runs for nobody we know can't be stopped, and runs to its end.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter, defaultdict
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TypeVar

import gradio as gr
from gradio.context import LocalContext

from videomae_demo.cancellation import Cancelled, cancellable

Step = TypeVar("Step")


class Visitors:
    """The visitors of one page; safe to share between threads."""

    def __init__(self) -> None:
        self._wishes: defaultdict[str, set[threading.Event]] = defaultdict(set)
        self._unbegun: Counter[str] = Counter()
        self._lock = threading.Lock()

    def stop(self, request: gr.Request, waiting: int = 0) -> None:
        """End all work of the visitor who sent `request`, or whose page was closed.

        `waiting` tells how many pieces of work have not begun: they end when their turn comes.
        """
        visitor = request.session_hash or ""
        with self._lock:
            if waiting:
                self._unbegun[visitor] = waiting
            for wish in self._wishes.get(visitor, ()):
                wish.set()

    @contextmanager
    def working(self) -> Iterator[threading.Event]:
        """Remember, for as long as the scope is open, that work is done for the present visitor.

        Inside of `cancellation.cancellable`, that work ends when the event is set.
        """
        request = LocalContext.request.get(None)
        visitor = (request.session_hash if request is not None else None) or ""
        wish = threading.Event()
        with self._lock:
            if self._unbegun[visitor]:
                wish.set()
            self._unbegun -= Counter([visitor])  # keeps no zeros
            self._wishes[visitor].add(wish)
        try:
            yield wish
        finally:
            with self._lock:
                self._wishes[visitor].discard(wish)
                if not self._wishes[visitor]:
                    del self._wishes[visitor]

    def follow(self, steps: Generator[Step, None, None]) -> Generator[Step, None, None]:
        """Go through the steps of a piece of work; it ends without a word when it is stopped."""
        with contextlib.closing(steps), self.working() as wish:
            while not wish.is_set():
                try:
                    with cancellable(wish):  # gradio takes each step in another thread
                        step = next(steps)
                except (StopIteration, Cancelled):
                    return
                if not wish.is_set():  # what comes after a stop is not shown
                    yield step
