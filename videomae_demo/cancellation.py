"""Stop work that nobody waits for any more.

Owns how the wish to stop reaches work deep inside a model: the code that starts work opens a scope
around it, and long work checks between two steps. The scope belongs to the thread that opened it,
so nothing that visitors share has to know about it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

POLL_S = 0.05
"""How soon a waiting thread notices that its work is not wanted any more."""


class Cancelled(Exception):  # noqa: N818  # like KeyboardInterrupt, it is no error
    """Nobody waits for the result. Not an ExplorerError: there is nobody to tell."""


_wishes: ContextVar[tuple[threading.Event, ...]] = ContextVar("wishes", default=())


@contextmanager
def cancellable(wish: threading.Event) -> Iterator[None]:
    """Make the work inside end with `Cancelled` soon after any thread sets `wish`.

    In a scope within another, either wish ends it.
    """
    token = _wishes.set((*_wishes.get(), wish))
    try:
        yield
    finally:
        _wishes.reset(token)


def check_cancelled() -> None:
    """Raise `Cancelled` if the work at hand is not wanted any more; else do nothing."""
    if any(wish.is_set() for wish in _wishes.get()):
        raise Cancelled


@contextmanager
def holding(lock: threading.Lock) -> Iterator[None]:
    """Hold a lock; waiting for it ends with `Cancelled` when the work is not wanted any more."""
    while not lock.acquire(timeout=POLL_S):
        check_cancelled()
    try:
        yield
    finally:
        lock.release()


def wait_for(event: threading.Event) -> None:
    """Wait until `event` is set; ends with `Cancelled` when the work is not wanted any more."""
    while not event.wait(POLL_S):
        check_cancelled()
