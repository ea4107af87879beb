"""Reads clips for the rest of the project: `scan`, `read_frames`, and both together.

On Linux a child process decodes, which is bounded in memory by the limit `decoding_mb` and in time
by `decoding_s`, whatever the bytes of a file make a decoder do; if it dies, only the reader of that
clip gets an error. Reading ends soon after nobody waits for it any more
(`videomae_demo.cancellation`). Elsewhere, and where a child can't be started, this process decodes:
between two packets it looks at the clock and for cancellation, but a packet that keeps the decoder
busy is not interrupted, and memory is bounded by `frame_pixels` alone. Knows nothing of decoding.
"""

from __future__ import annotations

import dataclasses
import math
import mmap
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from videomae_demo.errors import RequestError, VideoError
from videomae_demo.limits import DEFAULT_LIMITS, Limits
from videomae_demo.video import decode
from videomae_demo.video.budget import too_slow
from videomae_demo.video.children import (
    ChildDiedError,
    Children,
    NoChildError,
    TooSlowError,
)
from videomae_demo.video.decode import SeekingError
from videomae_demo.video.timeline import Timeline
from videomae_demo.video.wire import HungUpError, Message, pack_timeline, unpack_timeline

if sys.platform != "win32":
    import fcntl

_Taken = TypeVar("_Taken")

# A child writes frames into memory that this process goes on to use. The child can't make that
# memory smaller, which would end this process when it reads there.
_SEALS = 0
if sys.platform == "linux":
    _SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL

_TOLD = {"VideoError": VideoError, "RequestError": RequestError, "SeekingError": SeekingError}

# A child that notices by itself that time is over says more about it: that takes a moment.
_GRACE_S = 1.0


def scan(
    path: str | Path,
    *,
    limits: Limits = DEFAULT_LIMITS,
    seek: bool = True,
    stored_pixels: bool = False,
) -> Timeline:
    """Tell which frames a file has, as `videomae_demo.video.decode.scan` does.

    Raises
    ------
    VideoError
        If the file can't be used, goes beyond a limit, or makes the decoder crash.
    Cancelled
        When nobody waits any more.
    """
    path = Path(path)
    if not _children_read():
        return _scan_here(path, limits, seek, stored_pixels)
    fields = {"do": "scan", "seek": seek, "stored_pixels": stored_pixels}
    try:
        timeline = _ask(path, fields, limits, unpack_timeline)
    except NoChildError:
        return _scan_here(path, limits, seek, stored_pixels)
    return dataclasses.replace(timeline, path=path)


def read_frames(
    timeline: Timeline,
    indices: Sequence[int] | npt.NDArray[np.int64],
    *,
    longest_side_px: int = 1920,
    limits: Limits = DEFAULT_LIMITS,
) -> npt.NDArray[np.uint8]:
    """Read the pixels of the wanted frames, as `videomae_demo.video.decode.read_frames` does.

    Raises
    ------
    RequestError, SeekingError, VideoError
        As there; VideoError also if the file makes the decoder crash.
    Cancelled
        When nobody waits any more.
    """
    shape = decode.frames_shape(timeline, indices, longest_side_px)
    if not _children_read():
        return _read_here(shape, timeline, indices, limits)
    packed = pack_timeline(timeline)
    fields = {**packed.fields, "do": "read", "longest_side_px": longest_side_px}
    arrays = [*packed.arrays, np.asarray(indices, dtype=np.int64)]
    shared = os.memfd_create("frames", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(shared, math.prod(shape))
        fcntl.fcntl(shared, fcntl.F_ADD_SEALS, _SEALS)
        _ask(timeline.path, fields, limits, lambda _: None, arrays, [shared])
        pixels = mmap.mmap(shared, math.prod(shape), access=mmap.ACCESS_COPY)
        return np.frombuffer(pixels, dtype=np.uint8).reshape(shape)
    except NoChildError:
        return _read_here(shape, timeline, indices, limits)
    finally:
        os.close(shared)


def _scan_here(path: Path, limits: Limits, seek: bool, stored_pixels: bool) -> Timeline:
    with _memory_is_told(path):
        return decode.scan(path, limits=limits, seek=seek, stored_pixels=stored_pixels)


def _read_here(
    shape: tuple[int, int, int, int],
    timeline: Timeline,
    indices: Sequence[int] | npt.NDArray[np.int64],
    limits: Limits,
) -> npt.NDArray[np.uint8]:
    with _memory_is_told(timeline.path):
        frames = np.empty(shape, dtype=np.uint8)
        decode.read_into(frames, timeline, indices, limits)
        return frames


@contextmanager
def _memory_is_told(path: Path) -> Iterator[None]:
    """Say in a sentence that this process has no room for a clip."""
    try:
        yield
    except MemoryError as error:
        raise VideoError(
            f"Decoding {path.name} takes more memory than this machine has to spare: close other "
            "programs, or give a smaller version."
        ) from error


def read_chosen(
    timeline: Timeline,
    choose: Callable[[Timeline], npt.NDArray[np.int64]],
    *,
    longest_side_px: int = 1920,
    limits: Limits = DEFAULT_LIMITS,
) -> tuple[Timeline, npt.NDArray[np.uint8]]:
    """Choose frames and read them; if seeking gives wrong ones, decode everything and choose anew.

    Parameters
    ----------
    timeline : Timeline
        What `scan` found.
    choose : callable
        Returns the numbers of the wanted frames of a time line.
    longest_side_px, limits
        See `read_frames`.

    Returns
    -------
    Timeline
        The given one, or the true one if that was wrong.
    (n, H, W, 3) uint8, RGB
        Its chosen frames.
    """
    try:
        return timeline, read_frames(
            timeline, choose(timeline), longest_side_px=longest_side_px, limits=limits
        )
    except SeekingError:
        stored = timeline.stored_pixels
        timeline = scan(timeline.path, limits=limits, seek=False, stored_pixels=stored)
    return timeline, read_frames(
        timeline, choose(timeline), longest_side_px=longest_side_px, limits=limits
    )


def _children_read() -> bool:
    """Tell whether clips are read in child processes."""
    return (
        sys.platform == "linux"
        and bool(sys.executable)
        and not getattr(sys, "frozen", False)  # then the executable is this program, not Python
        and _children().are_possible
    )


def _children() -> Children:
    with _making:
        return _children_of(os.getpid())


_making = threading.Lock()


@cache
def _children_of(process: int) -> Children:
    """Make the children of a process once; after a fork there is another process."""
    return Children()


def _ask(
    path: Path,
    fields: Mapping[str, Any],
    limits: Limits,
    take: Callable[[Message], _Taken],
    arrays: Sequence[npt.NDArray[Any]] = (),
    files: Sequence[int] = (),
) -> _Taken:
    """Ask a child about a file, and take what is wanted from its answer.

    Raises
    ------
    NoChildError
        If there never was a child.
    """
    request = Message(
        {
            **fields,
            "path": os.path.abspath(path),  # noqa: PTH100 - the child may be in another folder
            "limits": dataclasses.asdict(limits),
        },
        arrays,
        files,
    )
    children = _children()
    try:
        with children.lend() as child:
            answer = child.ask(request, limits.decoding_s + _GRACE_S)
            failure = answer.fields.get("failure")
            if failure is None:
                return take(answer)
    except NoChildError as error:
        if children.are_possible:
            raise VideoError(
                f"{path.name} can't be read now, because this machine can't start another process "
                f"({error}): try again later."
            ) from error
        raise
    except TooSlowError:
        raise too_slow(path.name, limits) from None
    except (ChildDiedError, HungUpError) as error:
        raise _why_dead(error, path.name, limits) from error
    if failure not in _TOLD:
        raise RuntimeError(f"Reading {path.name} failed in a child process:\n{answer.fields}")
    raise _TOLD[failure](answer.fields.get("text"))


def _why_dead(error: ChildDiedError | HungUpError, name: str, limits: Limits) -> VideoError:
    if isinstance(error, ChildDiedError) and error.code == -signal.SIGXCPU:
        return too_slow(name, limits)
    return VideoError(
        f"{name} made the process that decodes it end ({error}): it is broken, or needs more "
        f"memory than the limit decoding_mb of {limits.decoding_mb} MB or than this machine has; "
        "convert it to h264 mp4, or give a smaller version."
    )
