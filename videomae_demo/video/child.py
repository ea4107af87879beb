"""The child process that reads clips: bounded in memory and time, whatever a file makes it do.

Owns the bounds that a process sets for itself, and answering one request after the other until the
other side hangs up. Knows nothing of who asks. Linux alone.
"""

from __future__ import annotations

import ctypes
import gc
import mmap
import os
import resource
import signal
import socket
import traceback
from pathlib import Path

import numpy as np

from videomae_demo.errors import RequestError, VideoError
from videomae_demo.limits import Limits
from videomae_demo.video import decode
from videomae_demo.video.budget import too_large
from videomae_demo.video.memory import ProcessSize
from videomae_demo.video.wire import HungUpError, Line, Message, pack_timeline, unpack_timeline

_PR_SET_PDEATHSIG = 1

# What an address space holds besides data: shared frames, and what threads reserve and don't use.
_RESERVED = 2**30


def main(descriptor: int, parent: int) -> None:
    """Answer what comes over a socket, until the other side closes it.

    Parameters
    ----------
    descriptor : int
        Of the socket.
    parent : int
        The process whose child this is.
    """
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != parent:
        return  # it had ended before
    for kind in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(kind, (0, 0))
    gc.freeze()  # what is loaded by now stays: no need to look through it after each answer
    idle = ProcessSize.of()
    line = Line(socket.socket(fileno=descriptor))
    line.send(Message({"ready": True}))
    while True:
        try:
            asked = line.receive(files=1)
        except HungUpError:
            return
        try:
            limits = Limits(**asked.fields["limits"])
            _bound(idle, limits)
            line.send(_answer(asked, limits))
        except HungUpError:  # nobody waits for this answer any more
            return
        finally:
            for file in asked.files:
                os.close(file)
        gc.collect()  # PyAV's objects refer to each other, and to frames
        libc.malloc_trim(0)


def _bound(idle: ProcessSize, limits: Limits) -> None:
    """Set what the next answer may cost: memory beyond that of an idle process, processor time."""
    memory = limits.decoding_mb * 2**20
    spent = resource.getrusage(resource.RUSAGE_SELF)
    seconds = spent.ru_utime + spent.ru_stime + (os.cpu_count() or 1) * limits.decoding_s
    for kind, most in (
        (resource.RLIMIT_DATA, idle.data + memory),
        (resource.RLIMIT_AS, idle.space + memory + _RESERVED),
        (resource.RLIMIT_CPU, int(seconds) + 1),
    ):
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(
            kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard)
        )


def _answer(asked: Message, limits: Limits) -> Message:
    name = Path(asked.fields["path"]).name
    try:
        if asked.fields["do"] == "scan":
            return pack_timeline(
                decode.scan(
                    asked.fields["path"],
                    limits=limits,
                    seek=asked.fields["seek"],
                    stored_pixels=asked.fields["stored_pixels"],
                )
            )
        return _read(asked, limits)
    except (VideoError, RequestError) as error:
        return Message({"failure": type(error).__name__, "text": str(error)})
    except MemoryError:
        return Message({"failure": "VideoError", "text": str(too_large(name, limits))})
    except Exception:  # noqa: BLE001 - a defect of ours, raised again where somebody sees it
        return Message({"failure": "defect", "text": traceback.format_exc()})


def _read(asked: Message, limits: Limits) -> Message:
    """Read frames into the file that came with the request."""
    *arrays, indices = asked.arrays
    timeline = unpack_timeline(Message(asked.fields, arrays))
    shape = decode.frames_shape(timeline, indices, asked.fields["longest_side_px"])
    shared = mmap.mmap(asked.files[0], int(np.prod(shape)))
    frames = np.frombuffer(shared, dtype=np.uint8).reshape(shape)
    decode.read_into(frames, timeline, indices, limits)
    return Message({"read": True})
