"""A store of results with a limit in bytes: the least recently used result goes first.

A thread that asks for a result which another thread is already making waits for it: nothing is made
twice at once.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from videomae_demo.cancellation import wait_for

Value = TypeVar("Value")


@dataclass(eq=False, slots=True)
class _Making(Generic[Value]):
    """Something that one thread makes, and others wait for; `made` stays empty if it fails."""

    done: threading.Event = field(default_factory=threading.Event)
    made: list[Value] = field(default_factory=list)


class ByteCache(Generic[Value]):
    """Keeps values up to a total size; safe to use from several threads.

    Parameters
    ----------
    limit_bytes : int
        A value larger than this is handed out but not kept.
    size_of : callable
        Tells a value's size in bytes.
    """

    def __init__(self, limit_bytes: int, size_of: Callable[[Value], int]) -> None:
        self.limit_bytes = limit_bytes
        self._size_of = size_of
        self._values: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self._makings: dict[Hashable, _Making[Value]] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        """Size of all that is kept."""
        return self._bytes

    def put(self, key: Hashable, value: Value) -> None:
        """Keep a value in the place of the one that `key` has now."""
        size = self._size_of(value)
        with self._lock:
            self._bytes -= self._values.pop(key, (None, 0))[1]
            self._keep(key, value, size)

    def get(self, key: Hashable) -> Value | None:
        """Return the value of `key` if it is kept; else None, whoever may be making it."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def get_or_make(self, key: Hashable, make: Callable[[], Value], share: float = 1.0) -> Value:
        """Return the value of `key`; if it is not kept, have it made by the first who asks.

        A value that takes more than this `share` of the limit, 0..1, is handed out but not kept:
        it would crowd too many others out.

        Raises
        ------
        Cancelled
            When the work is not wanted any more while another thread makes the value. If that
            thread fails, one of those who wait makes it.
        """
        while True:
            with self._lock:
                if key in self._values:
                    self._values.move_to_end(key)
                    return self._values[key][0]
                others = self._makings.get(key)
                if others is None:
                    own = self._makings[key] = _Making()
                    break
            wait_for(others.done)
            if others.made:
                return others.made[0]
        try:
            value = make()
            own.made.append(value)
            size = self._size_of(value)
            if size <= share * self.limit_bytes:
                with self._lock:
                    self._keep(key, value, size)
            return value
        finally:
            with self._lock:
                del self._makings[key]
            own.done.set()

    def forget(self, unwanted: Callable[[Hashable], bool]) -> None:
        """Let go of all that is kept by a key that is not wanted any more."""
        with self._lock:
            for key in [key for key in self._values if unwanted(key)]:
                self._bytes -= self._values.pop(key)[1]

    def shrink(self, limit_bytes: int) -> None:
        """Keep no more than so much from now on."""
        with self._lock:
            self.limit_bytes = min(self.limit_bytes, limit_bytes)
            self._drop()

    def _keep(self, key: Hashable, value: Value, size: int) -> None:
        if size <= self.limit_bytes and key not in self._values:
            self._values[key] = (value, size)
            self._bytes += size
        self._drop()

    def _drop(self) -> None:
        while self._bytes > self.limit_bytes:
            _, (_, freed) = self._values.popitem(last=False)
            self._bytes -= freed
