"""Makes the clips of these tests: every frame carries its number in the picture, so a test can read
which frame it got, whatever happened to size, colours and compression on the way."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

BITS = 7

# Display matrices (a b c d) in the words of the QuickTime format: x' = a x + c y, y' = b x + d y.
IDENTITY = (1, 0, 0, 1)
CLOCKWISE = (0, 1, -1, 0)
ANTICLOCKWISE = (0, -1, 1, 0)
HALF_TURN = (-1, 0, 0, -1)
MIRROR = (-1, 0, 0, 1)
UPSIDE_DOWN = (1, 0, 0, -1)
TRANSPOSE = (0, 1, 1, 0)
ANTITRANSPOSE = (0, -1, -1, 0)


def numbered(number: int, height: int = 48, width: int = 64) -> np.ndarray:
    """A picture whose columns spell the number in binary, black and white, least bit leftmost."""
    bits = np.array([number >> place & 1 for place in range(BITS)], dtype=np.uint8) * 255
    columns = bits[np.arange(width) * BITS // width]
    return np.broadcast_to(columns[None, :, None], (height, width, 3)).copy()


def number_of(picture: np.ndarray) -> int:
    """Read the number of a picture back."""
    height, width = picture.shape[:2]
    centres = (np.arange(BITS) * 2 + 1) * width // (2 * BITS)
    return int(sum(1 << i for i, x in enumerate(centres) if picture[height // 2, x].mean() > 127))


def numbers_of(pictures: np.ndarray) -> list[int]:
    return [number_of(picture) for picture in pictures]


def count_up(count: int, height: int = 48, width: int = 64) -> list[np.ndarray]:
    return [numbered(number, height, width) for number in range(count)]


def quarters(height: int = 48, width: int = 64) -> np.ndarray:
    """Red, green, blue and white, in reading order: no turn and no mirror leaves it as it is."""
    picture = np.full((height, width, 3), 255, np.uint8)
    picture[: height // 2, : width // 2] = (200, 30, 40)
    picture[: height // 2, width // 2 :] = (30, 180, 50)
    picture[height // 2 :, : width // 2] = (40, 50, 190)
    return picture


def write_clip(
    path: Path,
    pictures: Iterable[np.ndarray],
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    fps: int = 30,
    pts_ms: Sequence[int] | None = None,
    container: dict[str, str] | None = None,
    context: dict[str, Any] | None = None,
    **options: str,
) -> Path:
    """Write pictures (H, W, 3) or (H, W, 4) uint8 as a video.

    `container` are options of the format, `context` attributes of the encoder and `options` its
    options.
    """
    if codec == "libx264":
        options = {"preset": "ultrafast", "crf": "12", **options}
    pictures = list(pictures)
    with av.open(str(path), "w", options=container or {}) as output:
        stream = add_video(output, pictures[0].shape, codec, pixel_format, fps, options)
        for name, value in (context or {}).items():
            setattr(stream.codec_context, name, value)
        if pts_ms is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for index, picture in enumerate(pictures):
            frame = picture_frame(picture, stream)
            frame.pts = index if pts_ms is None else pts_ms[index]
            frame.time_base = Fraction(1, fps if pts_ms is None else 1000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


def add_video(
    output: Any,
    shape: tuple[int, ...],
    codec: str,
    pixel_format: str,
    fps: int,
    options: Any = None,
) -> Any:
    stream = output.add_stream(codec, rate=fps, options=options or {})
    stream.height, stream.width = shape[:2]
    stream.pix_fmt = pixel_format
    return stream


def picture_frame(picture: np.ndarray, stream: Any) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(picture, format="rgba" if picture.shape[2] == 4 else "rgb24")
    matrix = stream.codec_context.colorspace
    return frame.reformat(
        format=stream.pix_fmt, dst_colorspace=matrix if matrix in (1, 5, 9) else None
    )


def silence(output: Any, seconds: float, codec: str = "aac") -> Iterator[av.Packet]:
    """Add a stream of silence at once; give its packets when they are asked for."""
    stream = output.add_stream(codec, rate=44100)
    return _silence(stream, seconds, frame_size=1024 if codec == "aac" else 1152)


def _silence(stream: Any, seconds: float, frame_size: int) -> Iterator[av.Packet]:
    for index in range(int(seconds * 44100) // frame_size):
        samples = np.zeros((2, frame_size), np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = 44100, index * frame_size
        yield from stream.encode(frame)
    yield from stream.encode()


def keep_share(path: Path, share: float) -> Path:
    """Cut the end of a file off."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def turn(path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """Write a display matrix into the track header of an mp4."""
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 4 + 40  # version 0: the matrix follows 40 bytes of other fields
    a, b, c, d = (65536 * value for value in matrix)
    data[start : start + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def break_packets(path: Path, numbers: Iterable[int]) -> Path:
    """Make packets of an h264 mp4 undecodable: a length field that reaches beyond the packet."""
    with av.open(str(path)) as container:
        positions = [packet.pos for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    for number in numbers:
        data[positions[number] : positions[number] + 4] = b"\x7f\xff\xff\xff"
    path.write_bytes(data)
    return path
