"""What the index of an mp4 or mov claims, counted before FFmpeg believes it.

A dozen bytes can claim millions of frames, and FFmpeg makes an entry of 40 bytes for each of them
while it opens the file. Owns walking the boxes of ISO/IEC 14496-12 and adding up what they claim.
Nothing that is read here is trusted, and files of other kinds are not checked.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from videomae_demo.video.budget import Budget

MOST_TRACKS = 64
"""Tracks of a file, of whatever kind."""

MOST_PICTURE_TRACKS = 8
"""Tracks of pictures: FFmpeg decodes one of each while it opens the file."""

# All tracks together may have this many times the limit `clip_frames`: there is sound, too.
_WITH_SOUND = 4

_PICTURES = (b"vide", b"auxv")

# Boxes that FFmpeg looks into.
_NESTS = frozenset(
    b"cmov dinf edts mdia minf moof moov mvex sinf stbl tmcd traf trak tref udta".split()
)
_NOTED = frozenset(b"mvhd mdhd hdlr stsz stz2 stts stsc stco co64 elst trun".split())

# In a file with more boxes than this, the rest is bounded by memory and time alone: a long file in
# fragments has that many.
_MOST_BOXES = 50_000
_DEEPEST = 10

# This many bytes of a table are read at most, and this many of a packed index are unpacked.
_MOST_BYTES = 2**25

# FFmpeg cuts a chunk of sound into parts of this many samples.
_SAMPLES_OF_SOUND = 1024


@dataclass(slots=True)
class _Track:
    """What a track claims, as it is found.

    `samples` are its frames, or pieces of sound. Times are in `units` per second. A row of `times`
    says how many samples last how long; `edits` are the lengths of what is shown, on the movie's
    clock.
    """

    handler: bytes = b""
    units: int = 0
    samples: int = 0
    chunks: int = 0
    samples_in_chunk: int = 0
    times: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), dtype=np.int64))
    edits: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    @property
    def is_raw_sound(self) -> bool:
        """True for sound whose index is by chunks, since a sample of it is a number or two."""
        return self.handler == b"soun" and self.times.tolist()[:2] == [[self.samples, 1]]

    def entries(self, movie_units: int) -> float:
        """How many entries FFmpeg makes of it, at least."""
        if self.is_raw_sound:
            in_chunks = self.chunks * self.samples_in_chunk
            return max(self.chunks, in_chunks / _SAMPLES_OF_SOUND)
        # Each edit has its own entry of every frame that it shows.
        counts, steps = self.times.astype(np.float64).T
        length = float(counts @ steps)
        shown = self.edits * (self.units / movie_units) if movie_units else self.edits
        shares = np.minimum(shown / length, 1.0) if length > 0 else np.ones(len(shown))
        return self.samples * max(1.0, float(shares.sum()))


@dataclass(slots=True)
class _Index:
    """What all boxes claim: `in_fragments` are samples outside the tracks' own tables."""

    tracks: list[_Track] = field(default_factory=list)
    in_fragments: int = 0
    units: int = 0
    boxes: int = 0
    is_packed: bool = False

    def note(self, kind: bytes, content: bytes) -> None:
        """Note what the content of a box claims."""
        track = self.tracks[-1] if self.tracks else _Track()
        match kind:
            case b"mvhd":
                self.units = _units(content)
            case b"mdhd":
                track.units = _units(content)
            case b"hdlr" if content[8:12] in (*_PICTURES, b"soun"):
                track.handler = content[8:12]
            case b"stsz" | b"stz2":
                track.samples = max(track.samples, _number(content, 8))
            case b"stts":
                track.times = _table(content, 2)
            case b"stsc":
                track.samples_in_chunk = int(_table(content, 3)[:, 1].max(initial=0))
            case b"stco" | b"co64":
                track.chunks = max(track.chunks, len(_table(content, 1)))
            case b"elst":
                track.edits = _edits(content)
            case b"trun":
                self.in_fragments += _number(content, 4)


def check_boxes(file: BinaryIO, budget: Budget) -> None:
    """Refuse a file whose index claims more than a clip may have; leave it at its start.

    Parameters
    ----------
    file : binary file
        Of any kind.
    budget : Budget

    Raises
    ------
    VideoError
        If it claims too many frames, or too many tracks.
    """
    index = _Index()
    _walk(file, file.seek(0, io.SEEK_END), index, budget)
    file.seek(0)
    budget.check_tracks(len(index.tracks), MOST_TRACKS, "tracks")
    pictures = [track for track in index.tracks if track.handler in _PICTURES]
    budget.check_tracks(len(pictures), MOST_PICTURE_TRACKS, "tracks of pictures")
    for track in pictures:
        budget.check_claims(track.entries(index.units))
    every = index.in_fragments + sum(track.entries(index.units) for track in index.tracks)
    budget.check_claims(every, _WITH_SOUND)


def _walk(file: BinaryIO, end: int, index: _Index, budget: Budget) -> None:
    """Look at all boxes from the start of a file."""
    pending = [(0, end, 0)]
    while pending:
        start, end, depth = pending.pop()
        for kind, first, last in _boxes(file, start, end, index, budget):
            if kind in _NESTS and depth < _DEEPEST:
                if kind == b"trak":
                    index.tracks.append(_Track())
                pending.append((last, end, depth))
                pending.append((first, last, depth + 1))
                break
            if kind in _NOTED:
                file.seek(first)
                index.note(kind, file.read(min(last - first, _MOST_BYTES)))
            elif kind == b"cmvd" and not index.is_packed:
                index.is_packed = True  # no index is packed twice
                file.seek(first + 4)
                packed = _unpack(file.read(min(last - first, _MOST_BYTES)))
                _walk(io.BytesIO(packed), len(packed), index, budget)


def _unpack(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, _MOST_BYTES)
    except zlib.error:
        return b""


def _boxes(
    file: BinaryIO, start: int, end: int, index: _Index, budget: Budget
) -> Iterator[tuple[bytes, int, int]]:
    """Yield the kind of each box, and where its content starts and ends."""
    while end - start >= 8 and index.boxes < _MOST_BOXES:
        index.boxes += 1
        budget.check_time()
        file.seek(start)
        head = file.read(16)
        size, kind = struct.unpack(">I4s", head[:8].ljust(8, b"\0"))
        first = start + 8
        if size == 1 and len(head) == 16:
            (size,) = struct.unpack(">Q", head[8:])
            first += 8
        last = end if size == 0 else start + size
        if last < first:
            return
        yield kind, first, min(last, end)
        start = last


def _number(content: bytes, at: int) -> int:
    return int.from_bytes(content[at : at + 4], "big")


def _table(content: bytes, columns: int) -> npt.NDArray[np.int64]:
    """Read the rows of 32-bit numbers of a box, as many as it claims and holds."""
    count = min(_number(content, 4), (len(content) - 8) // (4 * columns))
    if count <= 0:
        return np.zeros((0, columns), dtype=np.int64)
    numbers = np.frombuffer(content, ">u4", count * columns, 8)
    return numbers.reshape(count, columns).astype(np.int64)


def _units(content: bytes) -> int:
    """Units of time per second, of a movie or a track."""
    return _number(content, 20 if content[:1] == b"\1" else 12)


def _edits(content: bytes) -> npt.NDArray[np.float64]:
    """Return the lengths of the edits that show something."""
    if content[:1] == b"\1":
        rows = _table(content, 5)
        lengths = rows[:, 0].astype(np.float64) * 2.0**32 + rows[:, 1].astype(np.float64)
        starts = rows[:, 2]
    else:
        rows = _table(content, 3)
        lengths = rows[:, 0].astype(np.float64)
        starts = rows[:, 1]
    return np.where(starts == 2**32 - 1, 0.0, lengths)  # -1 is a pause
