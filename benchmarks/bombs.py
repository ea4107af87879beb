"""Small files that claim a lot or unfold to a lot, to try a reader of clips with.

Each function says what its file does to a careless reader. It writes the file to a path, and
returns the path.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

LARGEST = (4608, 8192)
"""Height and width of the largest frame that is read by default."""

DATA_AT = 28
"""Where in the file the data of `movie` starts."""


def box(kind: bytes, *content: bytes) -> bytes:
    """Return a box of ISO/IEC 14496-12."""
    body = b"".join(content)
    return struct.pack(">I", 8 + len(body)) + kind + body


def full_box(kind: bytes, *content: bytes, flags: int = 0) -> bytes:
    """Return a box with flags, of version 0."""
    return box(kind, numbers(flags), *content)


def numbers(*values: int) -> bytes:
    """Return numbers of 32 bits."""
    return struct.pack(f">{len(values)}I", *values)


def png(height: int, width: int, *, depth: int = 8, alpha: bool = False) -> bytes:
    """Return a black PNG; it takes a thousandth of the space of its pixels, or less."""
    samples = (4 if alpha else 3) * depth // 8
    packer = zlib.compressobj(1)
    rows = bytes(1 + width * samples)
    data = b"".join(packer.compress(rows) for _ in range(height)) + packer.flush()
    header = struct.pack(">2I5B", width, height, depth, 6 if alpha else 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def track(
    number: int,
    *,
    codec: bytes,
    size: tuple[int, int],
    samples: int,
    sample_bytes: int,
    chunks: tuple[int, ...],
    handler: bytes = b"vide",
    edits: int = 0,
) -> bytes:
    """Return a track whose samples all have one size; each edit shows all of them.

    Every one of `chunks` is a place in the file where all samples are said to lie.
    """
    height, width = size
    matrix = numbers(65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    entry = box(
        codec,
        bytes(6) + struct.pack(">H", 1) + bytes(16),
        struct.pack(">HH", width & 0xFFFF, height & 0xFFFF),
        numbers(72 << 16, 72 << 16, 0),
        struct.pack(">H", 1) + bytes(32) + struct.pack(">Hh", 24, -1),
    )
    table = box(
        b"stbl",
        full_box(b"stsd", numbers(1), entry),
        full_box(b"stts", numbers(1, samples, 1)),
        full_box(b"stsc", numbers(1, 1, samples, 1)),
        full_box(b"stsz", numbers(sample_bytes, samples)),
        full_box(b"stco", numbers(len(chunks), *chunks)),
    )
    media = box(
        b"mdia",
        full_box(b"mdhd", numbers(0, 0, 30, samples), bytes(4)),
        full_box(b"hdlr", bytes(4) + handler + bytes(13)),
        box(
            b"minf",
            full_box(b"vmhd", bytes(8), flags=1),
            box(b"dinf", full_box(b"dref", numbers(1), full_box(b"url ", flags=1))),
            table,
        ),
    )
    header = (
        numbers(0, 0, number, 0, samples) + bytes(16) + matrix + numbers(width << 16, height << 16)
    )
    shown = [numbers(samples, 0, 0x00010000) for _ in range(edits)]
    edit_list = [box(b"edts", full_box(b"elst", numbers(edits), *shown))] if edits else []
    return box(b"trak", full_box(b"tkhd", header, flags=3), *edit_list, media)


def movie(path: Path, tracks: list[bytes], data: bytes) -> Path:
    """Write a file of `data`, which starts at byte `DATA_AT`, and these tracks."""
    header = numbers(0, 0, 30, 1, 0x00010000) + struct.pack(">H", 0x0100) + bytes(10)
    header += numbers(65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30) + bytes(24) + numbers(2**31)
    path.write_bytes(
        box(b"ftyp", b"qt  ", numbers(0), b"qt  ")
        + box(b"mdat", data)
        + box(b"moov", full_box(b"mvhd", header), *tracks)
    )
    return path


def sample_table_bomb(path: Path, tracks: int = 1, samples: int = 20_000_000) -> Path:
    """Write tables of sizes that claim 20 million samples in a dozen bytes.

    FFmpeg makes an entry of 40 bytes for each while it opens the file.
    """
    picture = png(64, 64)
    claims = [
        track(
            number,
            codec=b"png ",
            size=(64, 64),
            samples=samples,
            sample_bytes=len(picture),
            chunks=(DATA_AT,),
        )
        for number in range(1, tracks + 1)
    ]
    return movie(path, claims, picture)


def picture_stream_bomb(path: Path, streams: int = 40, *, deep: bool = False) -> Path:
    """Write streams of one picture each, all of the largest size; `deep` has alpha and 16 bits.

    FFmpeg decodes one of each while it opens the file, and keeps it.
    """
    picture = png(*LARGEST, depth=16 if deep else 8, alpha=deep)
    tracks = [
        track(
            number,
            codec=b"png ",
            size=LARGEST,
            samples=1,
            sample_bytes=len(picture),
            chunks=(DATA_AT,),
        )
        for number in range(1, streams + 1)
    ]
    return movie(path, tracks, picture)


def edit_list_bomb(path: Path, edits: int = 5000, samples: int = 100_000) -> Path:
    """Write an edit list that shows the same frames thousands of times.

    FFmpeg makes new entries of all frames for each edit.
    """
    picture = png(64, 64)
    claim = track(
        1,
        codec=b"png ",
        size=(64, 64),
        samples=samples,
        sample_bytes=1,
        chunks=(DATA_AT,),
        edits=edits,
    )
    return movie(path, [claim], picture)


def sound_chunk_bomb(path: Path, chunks: int = 1000, samples: int = 2**31 - 1) -> Path:
    """Write sound in which each chunk claims two thousand million samples, beside a picture.

    FFmpeg makes an entry for every 1024 of them.
    """
    picture = png(64, 64)
    seen = track(
        1, codec=b"png ", size=(64, 64), samples=1, sample_bytes=len(picture), chunks=(DATA_AT,)
    )
    heard = track(
        2,
        codec=b"sowt",
        size=(0, 0),
        samples=samples,
        sample_bytes=1,
        chunks=(DATA_AT,) * chunks,
        handler=b"soun",
    )
    return movie(path, [seen, heard], picture)


def fragment_bomb(path: Path, samples: int = 20_000_000, runs: int = 1) -> Path:
    """Write a fragment whose runs claim samples without a byte for each."""
    picture = png(64, 64)
    first = track(1, codec=b"png ", size=(64, 64), samples=0, sample_bytes=0, chunks=())
    movie(path, [first, box(b"mvex", full_box(b"trex", numbers(1, 1, 1, len(picture), 0)))], b"")
    run = full_box(b"trun", numbers(samples))
    fragment = box(
        b"moof",
        full_box(b"mfhd", numbers(1)),
        box(b"traf", full_box(b"tfhd", numbers(1), flags=0x20000), *[run] * runs),
    )
    with path.open("ab") as file:
        file.write(fragment + box(b"mdat", picture))
    return path


def packed_index_bomb(path: Path, samples: int = 20_000_000) -> Path:
    """Write the bomb of the sample table with its index packed, as old QuickTime did."""
    sample_table_bomb(path, samples=samples)
    data = path.read_bytes()
    start = data.index(b"moov") - 4
    index = data[start:]
    packed = box(b"cmvd", numbers(len(index)), zlib.compress(index))
    cmov = box(b"cmov", box(b"dcom", b"zlib"), packed)
    path.write_bytes(data[:start] + box(b"moov", cmov))
    return path


def many_pictures_bomb(path: Path, streams: int = 40) -> Path:
    """Write the streams of the largest pictures into a Matroska file, whose index claims little."""
    picture = png(*LARGEST)
    header = _element(
        0x1A45DFA3,
        _element(0x4282, b"matroska"),
        _element(0x4287, b"\4"),
        _element(0x4285, b"\2"),
    )
    height, width = (side.to_bytes(2, "big") for side in LARGEST)
    codec = struct.pack("<IiiHH4s5I", 40, LARGEST[1], LARGEST[0], 1, 24, b"MPNG", 0, 0, 0, 0, 0)
    tracks = [
        _element(
            0xAE,
            _element(0xD7, bytes([number])),
            _element(0x73C5, bytes([number])),
            _element(0x83, b"\1"),
            _element(0x86, b"V_MS/VFW/FOURCC"),
            _element(0x63A2, codec),
            _element(0xE0, _element(0xB0, width), _element(0xBA, height)),
        )
        for number in range(1, streams + 1)
    ]
    blocks = [
        _element(0xA3, bytes([0x80 | number]), b"\0\0\x80", picture)
        for number in range(1, streams + 1)
    ]
    segment = _element(
        0x18538067,
        _element(0x1549A966, _element(0x2AD7B1, b"\x0f\x42\x40")),
        _element(0x1654AE6B, *tracks),
        _element(0x1F43B675, _element(0xE7, b"\0"), *blocks),
    )
    path.write_bytes(header + segment)
    return path


def _element(number: int, *content: bytes) -> bytes:
    """Return an element of EBML (RFC 8794), its length in eight bytes."""
    body = b"".join(content)
    name = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return name + (1 << 56 | len(body)).to_bytes(8, "big") + body
