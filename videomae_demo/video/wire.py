"""Messages between the process that wants a clip and the child process that reads it.

A message is a JSON object, some numpy arrays, and, on the way to the child, an open file. Nothing
is pickled: a child handles untrusted files, so what it sends is only ever treated as data. Owns how
a time line is sent. Knows nothing of processes or of reading clips.
"""

from __future__ import annotations

import json
import math
import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from videomae_demo.video.index import FrameIndex
from videomae_demo.video.timeline import Timeline

# The length of the JSON object, which comes first.
_LENGTH = struct.Struct(">I")

# The most that a child may send: a larger message is not an answer of our code.
_LONGEST_JSON = 2**24
_LARGEST_ARRAYS = 2**30

_DTYPES = ("float64", "int64", "bool")


class HungUpError(Exception):
    """The other side is gone, or talks nonsense."""


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """What goes over a line.

    Attributes
    ----------
    fields : mapping
        Whatever JSON can hold.
    arrays : sequence of ndarray
        float64, int64 or bool.
    files : sequence of int
        File descriptors: given to `Line.send` they stay the sender's; the receiver has to close
        those from `Line.receive`.
    """

    fields: Mapping[str, Any]
    arrays: Sequence[npt.NDArray[Any]] = ()
    files: Sequence[int] = ()


class Line:
    """One end of a pair of connected sockets.

    Parameters
    ----------
    end : socket
        Its timeout, if it has one, is how often `while_waiting` is called.
    while_waiting : callable, optional
        May raise, which breaks off what is under way.
    """

    def __init__(self, end: socket.socket, while_waiting: Callable[[], None] | None = None) -> None:
        self.end = end
        self.while_waiting = while_waiting or (lambda: None)

    def close(self) -> None:
        """Hang up."""
        self.end.close()

    def send(self, message: Message) -> None:
        """Send a message.

        Raises
        ------
        HungUpError
            If the other side is gone.
        """
        described = [[str(array.dtype), list(array.shape)] for array in message.arrays]
        text = json.dumps({"fields": dict(message.fields), "arrays": described}).encode("ascii")
        parts = [_LENGTH.pack(len(text)) + text]
        parts += [np.ascontiguousarray(array).tobytes() for array in message.arrays]
        files = list(message.files)
        for part in parts:
            rest = memoryview(part)
            while rest:
                try:
                    sent = (
                        socket.send_fds(self.end, [rest], files) if files else self.end.send(rest)
                    )
                except TimeoutError:
                    self.while_waiting()
                    continue
                except OSError as error:
                    raise HungUpError(str(error)) from error
                files.clear()
                rest = rest[sent:]

    def receive(self, files: int = 0) -> Message:
        """Wait for a message, with up to this many files.

        Raises
        ------
        HungUpError
            If the other side is gone, or what it sends is no message.
        """
        head, descriptors = self._receive_head(files)
        try:
            (length,) = _LENGTH.unpack(head)
            if length > _LONGEST_JSON:
                raise HungUpError(f"{length} bytes of JSON")
            told = json.loads(self._exactly(length))
            return Message(told["fields"], self._arrays(told["arrays"]), descriptors)
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise HungUpError(f"no message: {error}") from error

    def _receive_head(self, files: int) -> tuple[bytes, list[int]]:
        head, descriptors = b"", list[int]()
        while len(head) < _LENGTH.size:
            try:
                data, given, _, _ = socket.recv_fds(self.end, _LENGTH.size - len(head), files)
            except TimeoutError:
                self.while_waiting()
                continue
            except OSError as error:
                raise HungUpError(str(error)) from error
            if not data:
                raise HungUpError("end of file")
            head += data
            descriptors += given
        return head, descriptors

    def _arrays(self, described: Sequence[tuple[str, Sequence[int]]]) -> list[npt.NDArray[Any]]:
        arrays = []
        left = _LARGEST_ARRAYS
        for name, shape in described:
            if name not in _DTYPES or any(type(side) is not int or side < 0 for side in shape):
                raise HungUpError(f"an array of {name} {shape}")
            size = math.prod(shape) * np.dtype(name).itemsize
            left -= size
            if left < 0:
                raise HungUpError(f"an array of {name} {shape}")
            arrays.append(np.frombuffer(self._exactly(size), dtype=name).reshape(shape))
        return arrays

    def _exactly(self, size: int) -> bytearray:
        data = bytearray(size)
        rest = memoryview(data)
        while rest:
            try:
                got = self.end.recv_into(rest)
            except TimeoutError:
                self.while_waiting()
                continue
            except OSError as error:
                raise HungUpError(str(error)) from error
            if not got:
                raise HungUpError("end of file")
            rest = rest[got:]
        return data


def pack_timeline(timeline: Timeline) -> Message:
    """Put a time line into a message."""
    arrays: list[npt.NDArray[Any]] = [timeline.timestamps_s]
    if timeline.index is not None:
        index = timeline.index
        arrays += [index.pts, index.keyframe_pts, index.keyframe_dts, index.keyframe_hidden]
    fields = {
        "path": str(timeline.path),
        "frame_interval_s": timeline.frame_interval_s,
        "height": timeline.height,
        "width": timeline.width,
        "warnings": list(timeline.warnings),
        "stored_pixels": timeline.stored_pixels,
    }
    return Message(fields, arrays)


def unpack_timeline(message: Message) -> Timeline:
    """Take a time line out of a message.

    Raises
    ------
    HungUpError
        If there is none in it.
    """
    try:
        timestamps_s, *index = message.arrays
        return Timeline(
            path=Path(message.fields["path"]),
            timestamps_s=timestamps_s,
            frame_interval_s=float(message.fields["frame_interval_s"]),
            height=int(message.fields["height"]),
            width=int(message.fields["width"]),
            warnings=tuple(str(warning) for warning in message.fields["warnings"]),
            index=FrameIndex(*index) if index else None,
            stored_pixels=bool(message.fields["stored_pixels"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise HungUpError(f"no time line: {error}") from error
