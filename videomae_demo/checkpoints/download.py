"""Download checkpoints in a thread; another thread can watch the download and stop it.

`source` knows where files are and fetches them. Here a thread waits for it, so that a page does not
have to wait.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

from huggingface_hub.utils._xet import abort_xet_session

from videomae_demo.checkpoints.source import locate
from videomae_demo.errors import CheckpointError

REPORT_INTERVAL_S = 0.5
LARGE_FILE_BYTES = 10**6
"""Smaller files arrive before anybody could read their progress."""


@dataclass(frozen=True, slots=True)
class DownloadProgress:
    """How far a download is.

    Attributes
    ----------
    checkpoint : str
        Which of the checkpoints is being fetched.
    done_bytes, total_bytes : int
        Of the file that is being fetched; 0 and 0 while there is nothing to tell.
    """

    checkpoint: str
    done_bytes: int
    total_bytes: int


class Download:
    """Fetches checkpoints; a context that iterates over its own progress.

    Leaving the context early stops the download. Files that are whole by then stay in the cache.

    Parameters
    ----------
    checkpoints : sequence of str
        Names as `source.locate` takes them, fetched one after the other.
    """

    def __init__(self, checkpoints: Sequence[str]) -> None:
        self._checkpoints = checkpoints
        self._progress = DownloadProgress(checkpoints[0], 0, 0)
        self._failure: CheckpointError | None = None
        self._ended = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._fetch, name="download", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if not self._ended.is_set():
            self._stopped.set()
            # Xet reports from threads of its own, where an exception stops nothing.
            abort_xet_session()  # type: ignore[no-untyped-call]

    def __iter__(self) -> Iterator[DownloadProgress]:
        """Yield the progress twice a second, also while nothing arrives, until all files are here.

        Raises
        ------
        CheckpointError
            When a checkpoint can't be fetched; see `source.locate`.
        """
        while not self._ended.wait(REPORT_INTERVAL_S):
            yield self._progress
        if self._failure is not None:
            raise self._failure

    def report(self, done_bytes: int, total_bytes: int) -> None:
        """Note how far the present file is.

        Raises
        ------
        DownloadStoppedError
            In the download's own thread, to end it.
        """
        if self._stopped.is_set() and threading.current_thread() is self._thread:
            raise DownloadStoppedError
        self._progress = DownloadProgress(self._progress.checkpoint, done_bytes, total_bytes)

    def _fetch(self) -> None:
        try:
            for name in self._checkpoints:
                self._locate(name)
        except DownloadStoppedError:
            pass
        except CheckpointError as error:
            self._failure = error
        finally:
            self._ended.set()

    def _locate(self, name: str) -> None:
        while True:
            self._progress = DownloadProgress(name, 0, 0)
            try:
                locate(name, progress_bar=_bar_for(self))
            except KeyboardInterrupt:  # what an aborted Xet session raises, in every thread
                if self._stopped.is_set():
                    raise DownloadStoppedError from None
                continue  # another download was stopped, which aborts all: begin again
            return


class DownloadStoppedError(Exception):
    """Ends a download that nobody waits for any more."""


def _bar_for(download: Download) -> type[Any]:
    """Return a class that the hub library uses as its tqdm, and that reports to `download`."""

    class Bar:
        """Counts a file's bytes as they come from the network or reach the disk."""

        def __init__(self, *, total: int | None = None, initial: int = 0, **_: Any) -> None:
            self.total = total
            self._on_disk = self._received = initial
            self._report()

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def update(self, count: int) -> None:
            """Count bytes that were written."""
            self._on_disk += count
            self._report()

        def update_transfer(self, count: int) -> None:
            """Count bytes that were received; Xet writes them much later."""
            self._received += count
            self._report()

        def set_postfix_str(self, *_: object, **__: object) -> None:
            """Ignore the speed."""

        set_transfer_postfix_str = set_postfix_str

        def _report(self) -> None:
            total = self.total or 0
            done = min(max(self._on_disk, self._received), total)
            is_large = total >= LARGE_FILE_BYTES
            download.report(*((done, total) if is_large else (0, 0)))

    return Bar
