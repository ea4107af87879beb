"""A store of results that is bounded in bytes: what was not used for longest goes first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


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

    def get_or_make(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the value of `key`, made now if it is not kept."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key][0]
        value = make()
        size = self._size_of(value)
        with self._lock:
            self._keep(key, value, size)
        return value

    def _keep(self, key: Hashable, value: Value, size: int) -> None:
        if size <= self.limit_bytes and key not in self._values:
            self._values[key] = (value, size)
            self._bytes += size
        while self._bytes > self.limit_bytes:
            _, (_, freed) = self._values.popitem(last=False)
            self._bytes -= freed
