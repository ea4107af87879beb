"""Opens a file and yields its pictures one by one, in the order of decoding, whatever it is.

Owns: probing the content (never the name), choosing the stream, surviving damaged packets, and the
sentences for files that are no clip. Knows nothing of time lines, of colours, or of which frames
are wanted. The file is opened by us and handed to FFmpeg as a stream of bytes with every protocol
closed, so that a playlist in disguise can't make it read another file or the network.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream
from PIL import Image

from videomae_demo.errors import VideoError

# A damaged packet makes PyAV raise one of these; anything else is a defect of ours.
DAMAGE = (av.FFmpegError, IndexError)

# After this many failures to read a packet in a row, what is left of the file is given up.
_READ_ATTEMPTS = 8

# Containers of still pictures as well as moving ones: one frame makes a picture, more make a clip.
_PICTURE_FORMATS = {"gif": "GIF", "apng": "PNG", "mjpeg": "JPEG", "image2": "picture"}
_PICTURE_BRANDS = {"avif": "AVIF", "avis": "AVIF", "heic": "HEIC", "heix": "HEIC", "mif1": "HEIF"}

_MP4_FIRST_BOXES = (b"ftyp", b"mdat", b"moov", b"wide", b"free", b"skip")


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of its video before anything is decoded; it may be wrong.

    Attributes
    ----------
    time_base : Fraction
        Seconds per unit of a frame's pts.
    width, height : int
        Stored size in pixels, before rotation and pixel aspect; 0 if unknown.
    pixel_aspect : Fraction
        Width of a pixel over its height; 1 if unknown.
    rate_fps : float or None
        Frames per second.
    frames : int
        Number of frames, edit list considered; 0 if unknown.
    duration_s : float or None
        Time at which the video ends.
    duration_is_stated : bool
        True if the duration was written by the file's author, False if it was worked out from the
        file's end.
    picture : str
        Name of the picture format if such a file with a single frame is a still picture, else "".
    """

    time_base: Fraction
    width: int
    height: int
    pixel_aspect: Fraction
    rate_fps: float | None
    frames: int
    duration_s: float | None
    duration_is_stated: bool
    picture: str


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """An open file.

    Attributes
    ----------
    header : Header
    frames : iterator of av.VideoFrame or None
        One entry per picture, in the order of decoding; None stands for a packet that couldn't be
        decoded. The same file gives the same entries every time and everywhere; only what a decoder
        paints over damage may differ.
    """

    header: Header
    frames: Iterator[av.VideoFrame | None]


@contextmanager
def open_source(path: Path, max_pixels: int | None = None) -> Iterator[Source]:
    """Open the file for one pass over its pictures.

    Parameters
    ----------
    path : Path
    max_pixels : int, optional
        Decoders refuse to reserve memory for pictures much larger than this.

    Raises
    ------
    VideoError
        If the file is missing, empty, incomplete, a picture, text, sound alone, or unknown.
    """
    try:
        if path.is_dir():
            raise VideoError(f"{path.name} is a folder: give the path of a video file.")
        file = path.open("rb")
    except FileNotFoundError:
        raise VideoError(f"{path.name} does not exist: check the path.") from None
    except OSError as error:
        raise VideoError(f"{path.name} can't be opened ({error.strerror}).") from error
    with file:
        head = file.read(512)
        file.seek(0)
        if not head:
            raise VideoError(f"{path.name} is empty (0 bytes): copy or download it again.")
        if _is_animated_webp(head):
            with _open_webp(file, path.name) as image:
                yield Source(_webp_header(image), _webp_frames(image))
            return
        memory = {} if max_pixels is None else {"max_pixels": str(2 * max_pixels)}
        with _open_container(file, path.name, head, memory) as container:
            stream = _choose_stream(container, path.name)
            stream.codec_context.options = memory
            # Threads that each decode a frame drop different frames of a damaged file depending on
            # how many of them there are; threads within a frame don't.
            stream.thread_type = "SLICE"
            yield Source(_container_header(container, stream), _stream_frames(container, stream))


def _open_container(
    file: BinaryIO, name: str, head: bytes, memory: dict[str, str]
) -> InputContainer:
    # FFmpeg decodes a few frames while it probes, before we know their size: hence the limit here.
    options = {"protocol_whitelist": "", **memory}
    try:
        container = av.open(file, mode="r", options=options, metadata_errors="replace")
    except DAMAGE as error:
        raise VideoError(_why_unreadable(name, head, error)) from error
    picture, suffix, _ = container.format.name.partition("_pipe")
    if suffix:
        container.close()
        raise VideoError(still_picture(name, picture.upper()))
    return container


def _why_unreadable(name: str, head: bytes, error: Exception) -> str:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return f"{name} is a web page, not a video: download the clip itself."
    if not any(byte < 9 or 13 < byte < 32 for byte in head):
        return f"{name} is text, not a video: give a video file."
    if head[4:8] in _MP4_FIRST_BOXES:
        return (
            f"{name} is incomplete: its index (the moov box) is missing, as when a recording or a "
            "download was cut short. Copy or download it again."
        )
    cause = getattr(error, "strerror", None) or type(error).__name__
    return f"{name} is not a video that can be read ({cause}): convert it to mp4 or webm."


def still_picture(name: str, picture: str) -> str:
    """Say that the file is a picture of the given format."""
    return f"{name} is a still {picture} picture, whatever its name says: give a video."


def _choose_stream(container: InputContainer, name: str) -> VideoStream:
    videos = [
        stream
        for stream in container.streams.video
        if not stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails)
    ]
    if not videos:
        sound = "sound" if container.streams.audio else "no sound"
        cover = "a cover picture" if container.streams.video else "no picture"
        raise VideoError(f"{name} has no video in it ({sound}, {cover}): give a video.")
    decodable = [stream for stream in videos if stream.codec_context is not None]
    if not decodable:
        raise VideoError(
            f"{name} holds {container.format.long_name} video in a codec that can't be decoded: "
            "convert it to h264 mp4."
        )
    # An animated AVIF keeps its title picture in a stream of one frame; 0 frames means unknown.
    return max(
        decodable,
        key=lambda s: (s.frames != 1, s.codec_context.width * s.codec_context.height, s.frames),
    )


def _container_header(container: InputContainer, stream: VideoStream) -> Header:
    kind = container.format.name
    time_base = stream.time_base or Fraction(1, 1000)
    rates = (stream.guessed_rate, stream.average_rate, stream.base_rate)
    rate_fps = next((float(rate) for rate in rates if rate and 0 < rate <= 1000), None)
    duration_s, stated = _duration(container, stream, time_base)
    frames = stream.frames
    if kind.startswith("mov") and duration_s and stream.average_rate:
        # An edit list hides frames: they are counted, but not part of the duration.
        frames = min(frames, round(duration_s * stream.average_rate))
    brand = container.metadata.get("major_brand", "").strip()
    return Header(
        time_base=time_base,
        width=stream.codec_context.width,
        height=stream.codec_context.height,
        pixel_aspect=stream.sample_aspect_ratio or Fraction(1),
        rate_fps=rate_fps,
        frames=frames,
        duration_s=duration_s,
        duration_is_stated=stated,
        picture=_PICTURE_FORMATS.get(kind) or _PICTURE_BRANDS.get(brand, ""),
    )


def _duration(
    container: InputContainer, stream: VideoStream, time_base: Fraction
) -> tuple[float | None, bool]:
    """Duration of the video in seconds, and whether the file itself states it."""
    if container.format.name.startswith("matroska"):
        hours, _, rest = stream.metadata.get("DURATION", "").partition(":")
        minutes, _, seconds = rest.partition(":")
        try:
            return int(hours) * 3600 + int(minutes) * 60 + float(seconds), True
        except ValueError:  # no such tag; the container's duration may be that of the sound
            if len(container.streams) > 1 or container.duration is None:
                return None, False
            return container.duration / av.time_base, True
    if stream.duration is not None:
        return float(stream.duration * time_base), False
    return None, False


def _stream_frames(
    container: InputContainer, stream: VideoStream
) -> Iterator[av.VideoFrame | None]:
    for packet in _packets(container, stream):
        if packet is None:
            yield None
            continue
        try:
            yield from stream.codec_context.decode(packet)
        except DAMAGE:
            yield None
    try:
        yield from stream.codec_context.decode(None)  # frames that the decoder still holds back
    except DAMAGE:
        yield None


def _packets(
    container: InputContainer, stream: VideoStream
) -> Iterator[av.Packet[VideoStream] | None]:
    """Yield the packets with data; None where reading failed and was taken up again."""
    failures = 0
    while failures < _READ_ATTEMPTS:
        try:
            for packet in container.demux(stream):
                if packet.size:  # an empty one would tell the decoder that the file is over
                    failures = 0
                    yield packet
            return
        except DAMAGE:
            failures += 1
            if failures == 1:
                yield None


def _is_animated_webp(head: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and bool(head[20:21] and head[20] & 2)


def _open_webp(file: BinaryIO, name: str) -> Image.Image:
    """FFmpeg can't decode an animated WebP, Pillow can."""
    try:
        return Image.open(file, formats=["WEBP"])
    except (OSError, Image.DecompressionBombError) as error:
        raise VideoError(
            f"{name} is an animated WebP that can't be read ({error}): convert it to mp4."
        ) from error


def _webp_header(image: Image.Image) -> Header:
    return Header(
        time_base=Fraction(1, 1000),
        width=image.width,
        height=image.height,
        pixel_aspect=Fraction(1),
        rate_fps=None,
        frames=getattr(image, "n_frames", 1),
        duration_s=None,
        duration_is_stated=False,
        picture="WebP",
    )


def _webp_frames(image: Image.Image) -> Iterator[av.VideoFrame | None]:
    start_ms = 0
    for index in range(getattr(image, "n_frames", 1)):
        try:
            image.seek(index)
            frame = av.VideoFrame.from_ndarray(np.asarray(image.convert("RGBA")), format="rgba")
        except (OSError, EOFError):
            yield None
            return  # each frame of a WebP is drawn over the one before
        frame.pts = start_ms
        start_ms += int(image.info.get("duration", 0))
        yield frame
