"""The child processes that read clips: started when needed, kept, replaced when they die.

Owns when they start and end, who may ask which, and how long an answer is waited for: not longer
than the limit `decoding_s`, and only while somebody wants it. Knows nothing of clips.
"""

from __future__ import annotations

import atexit
import logging
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress

from videomae_demo.cancellation import check_cancelled
from videomae_demo.video.memory import ProcessSize
from videomae_demo.video.wire import HungUpError, Line, Message

logger = logging.getLogger(__name__)

MOST_CHILDREN = max(2, min(4, os.cpu_count() or 1))
"""How many clips are read at a time; further requests wait."""

# A child is replaced after this many answers, so that leaks of libraries do not add up.
_MOST_ANSWERS = 200

# A child that still has more memory than this when it is wanted again is replaced.
_LARGEST_IDLE_MB = 400

# A child may take this long to start: a busy machine has to read the libraries from its disk.
_START_S = 60.0

# How often a waiting thread checks whether the answer is still wanted and whether time is over.
_LOOK_S = 0.1

_SCRIPT = """
import sys
descriptor, parent = map(int, sys.argv[1:3])
sys.path[:] = sys.argv[3:]
from videomae_demo.video.child import main
main(descriptor, parent)
"""

# One clip is one thread's work, and buffers of idle threads would count as its memory.
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}


class NoChildError(Exception):
    """No child can be started on this machine."""


class ChildDiedError(Exception):
    """The child ended before it answered; `code` is its exit code, negative for a signal."""

    def __init__(self, code: int) -> None:
        reason = f"exit code {code}"
        if code < 0:
            with suppress(ValueError):  # a number that Python has no name for
                reason = signal.Signals(-code).name
        super().__init__(reason)
        self.code = code


class TooSlowError(Exception):
    """The child did not answer in time."""


class Child:
    """A child process, and the line to it.

    Parameters
    ----------
    start : callable
        Starts a process by its arguments and the descriptor that it inherits.

    Raises
    ------
    NoChildError
        If it can't be started.
    """

    def __init__(self, start: Callable[[list[str], int], subprocess.Popen[bytes]]) -> None:
        self._deadline = time.monotonic() + _START_S
        self.answers = 0
        ours, theirs = socket.socketpair()
        ours.settimeout(_LOOK_S)
        self._line = Line(ours, self._look)
        with theirs:
            paths = [path for path in sys.path if isinstance(path, str)]
            descriptor = theirs.fileno()
            script = [sys.executable, "-c", _SCRIPT, str(descriptor), str(os.getpid()), *paths]
            try:
                self._process = start(script, descriptor)
            except (OSError, ValueError) as error:
                self._line.close()
                raise NoChildError(str(error)) from error
        try:
            self._line.receive()
        except (HungUpError, TooSlowError) as error:
            raise NoChildError(f"{error}, exit code {self.end()}") from error
        except BaseException:
            self.end()
            raise

    @property
    def is_alive(self) -> bool:
        """False if it has ended."""
        return self._process.poll() is None

    def ask(self, message: Message, seconds: float) -> Message:
        """Send a request and wait for its answer; after an error, the child is of no use any more.

        Raises
        ------
        ChildDiedError, TooSlowError
        Cancelled
            When nobody waits for the answer any more.
        """
        self._deadline = time.monotonic() + seconds
        self.answers += 1
        try:
            self._line.send(message)
            return self._line.receive()
        except HungUpError as error:
            raise ChildDiedError(self.end()) from error

    def resident_mb(self) -> float:
        """Memory that it has now, in units of 2**20 bytes."""
        try:
            return ProcessSize.of(self._process.pid).resident / 2**20
        except OSError:
            return 0.0

    def end(self) -> int:
        """End it if it hasn't ended by itself; return its exit code."""
        self._line.close()
        try:
            # It may be about to end by itself, and then its exit code tells why.
            return self._process.wait(_LOOK_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _look(self) -> None:
        check_cancelled()
        if time.monotonic() > self._deadline:
            raise TooSlowError("no answer in time")


class Children:
    """The children of this process.

    Notes
    -----
    Linux ends a child with the *thread* that started it, if the child asks to end with its parent.
    So one thread starts them all, and lives as long as the process.
    """

    def __init__(self) -> None:
        self._process = os.getpid()
        self._changed = threading.Condition()
        self._idle: list[Child] = []
        self._lent = 0
        self._first_start: bool | None = None
        self._orders: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        threading.Thread(target=self._obey, name="starts clip readers", daemon=True).start()
        atexit.register(self.close)

    @contextmanager
    def lend(self) -> Iterator[Child]:
        """Lend a child; wait for one if all are at work. If the block raises, the child is ended.

        Raises
        ------
        NoChildError
            If none can be started.
        Cancelled
            When nobody waits any more.
        """
        check_cancelled()
        with self._changed:
            while self._lent >= MOST_CHILDREN:
                self._changed.wait(_LOOK_S)
                check_cancelled()
            self._lent += 1
        child: Child | None = None
        try:
            child = self._take()
            yield child
        except BaseException:
            if child is not None:
                child.end()
            raise
        else:
            self._take_back(child)
        finally:
            with self._changed:
                self._lent -= 1
                self._changed.notify()

    @property
    def are_possible(self) -> bool:
        """False if the first one could not be started."""
        return self._first_start is not False

    def close(self) -> None:
        """End all children that are not at work."""
        if os.getpid() != self._process:  # a fork: they are not its children
            return
        with self._changed:
            idle, self._idle = self._idle, []
        for child in idle:
            child.end()

    def _take(self) -> Child:
        while True:
            with self._changed:
                child = self._idle.pop() if self._idle else None
            if child is None:
                return self._make()
            if child.is_alive and child.resident_mb() <= _LARGEST_IDLE_MB:
                return child
            child.end()

    def _make(self) -> Child:
        try:
            child = Child(self._start)
        except NoChildError as error:
            if self._first_start is None:
                self._first_start = False
                logger.warning("No child process can be started, clips are read here: %s", error)
            raise
        self._first_start = True
        return child

    def _take_back(self, child: Child) -> None:
        if child.answers >= _MOST_ANSWERS:
            child.end()
            return
        with self._changed:
            self._idle.append(child)

    def _start(self, script: list[str], descriptor: int) -> subprocess.Popen[bytes]:
        started: Future[subprocess.Popen[bytes]] = Future()

        def order() -> None:
            try:
                process = subprocess.Popen(
                    script,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=[descriptor],
                    start_new_session=True,  # or Ctrl-C would reach it
                    env={**os.environ, **_ENVIRONMENT},
                )
            except (OSError, ValueError) as error:
                started.set_exception(error)
            else:
                started.set_result(process)

        self._orders.put(order)
        return started.result()

    def _obey(self) -> None:
        while True:
            self._orders.get()()
