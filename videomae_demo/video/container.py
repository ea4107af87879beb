"""What FFmpeg reads: choosing the stream, its header, its packets, its frames, and seeking in it.

Owns surviving damaged packets, and the sentences for containers that hold no clip. Knows nothing of
paths, of time lines, of colours, or of which frames are wanted. FFmpeg is handed a stream of bytes
with every protocol closed, so that a playlist in disguise can't make it read another file or the
network.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from fractions import Fraction
from itertools import chain
from typing import BinaryIO

import av
from av.container import InputContainer
from av.stream import Discard, Disposition
from av.video.stream import VideoStream

from videomae_demo.errors import VideoError
from videomae_demo.video.boxes import MOST_TRACKS, check_boxes
from videomae_demo.video.budget import Budget
from videomae_demo.video.display import PixelAspect, Size, shown_size
from videomae_demo.video.header import Header
from videomae_demo.video.index import Keyframe, PacketTime

# A damaged packet makes PyAV raise one of these; anything else is a defect of ours.
DAMAGE = (av.FFmpegError, IndexError)

# After this many failures to read a packet in a row, what is left of the file is given up.
_READ_ATTEMPTS = 8

# How far before a keyframe to start looking for it, if seeking straight to it leads beyond it.
_RUN_UP_S = 10

# The smallest time that FFmpeg can be told to seek to.
_EARLIEST = 1 - 2**63

# Each takes memory, and some hold a frame or two: so their number is fixed on every machine.
_THREADS = 4

# How a Matroska file states the duration of a stream: hours, minutes, seconds.
_STATED_DURATION = re.compile(r"([0-9]{1,6}):([0-9]{1,2}):([0-9]{1,2}(?:\.[0-9]{1,12})?)")

# Containers of still pictures as well as moving ones: one frame makes a picture, more make a clip.
_PICTURE_FORMATS = {"gif": "GIF", "apng": "PNG", "mjpeg": "JPEG", "image2": "picture"}
_PICTURE_BRANDS = {"avif": "AVIF", "avis": "AVIF", "heic": "HEIC", "heix": "HEIC", "mif1": "HEIF"}

_MP4_FIRST_BOXES = (b"ftyp", b"mdat", b"moov", b"wide", b"free", b"skip")


class _TimedFile:
    """A file that refuses to be read when the time is over: FFmpeg may search it without end."""

    def __init__(self, file: BinaryIO, budget: Budget) -> None:
        self._file = file
        self._budget = budget
        self.seek = file.seek
        self.tell = file.tell

    def read(self, size: int) -> bytes:
        self._budget.check_time()
        return self._file.read(size)


class Container:
    """An open video stream.

    The same file gives the same packets and frames every time and everywhere; only what a decoder
    paints over damage may differ.

    Parameters
    ----------
    file : binary file
        At its start.
    head : bytes
        Its first bytes.
    budget : Budget
    stored_pixels : bool
        True to leave out the pixel aspect that the file states.

    Raises
    ------
    VideoError
        If it is incomplete, a picture, text, sound alone, or unknown.
    """

    def __init__(
        self, file: BinaryIO, head: bytes, budget: Budget, stored_pixels: bool = False
    ) -> None:
        self.budget = budget
        # Decoders reserve no memory for pictures much larger than this. FFmpeg decodes a few frames
        # while it probes, before we know their size: so the limit is set both here and below.
        check_boxes(file, budget)
        memory = {"max_pixels": str(2 * budget.limits.frame_pixels)}
        self._container = _open(_TimedFile(file, budget), budget, head, memory)
        try:
            self._stream = _choose_stream(self._container, budget.name)
            self._stream.codec_context.options = memory
            # Threads that each decode a frame drop different frames of a damaged file depending on
            # how many of them there are; threads within a frame don't.
            self._stream.thread_type = "SLICE"
            self._stream.thread_count = _THREADS
            for other in self._container.streams:
                if other is not self._stream:
                    other.discard = Discard.all
            self.header = _header(self._container, self._stream, stored_pixels)
        except VideoError:
            self.close()
            raise

    def close(self) -> None:
        """Give back what FFmpeg holds."""
        self._container.close()

    def packet_times(self) -> Iterator[PacketTime | None]:
        """Yield the times of the packets, from the first one, without decoding them.

        None stands for a failure to read.
        """
        for packet in self._packets():
            self.budget.check_time()
            if packet is None:
                yield None
            else:
                yield PacketTime(packet.pts, packet.dts, packet.is_keyframe, packet.is_discard)

    def frames(self) -> Iterator[av.VideoFrame | None]:
        """Yield the frames in the order of decoding; None for a packet that can't be decoded."""
        return self._decode(self._packets())

    def frames_from(self, keyframe: Keyframe) -> Iterator[av.VideoFrame | None]:
        """Yield the frames that decoding gives from a keyframe on; nothing if it can't be found.

        The caller compares them with the index and notices a lost one, so threads may decode a
        frame each.
        """
        if not self._stream.codec_context.is_open:
            self._stream.thread_type = "AUTO"
        run_up = round(_RUN_UP_S / self.header.time_base)
        for target in (keyframe.dts, max(keyframe.dts - run_up, _EARLIEST)):
            try:
                self._container.seek(target, stream=self._stream)
            except DAMAGE:
                continue
            packets = self._packets()
            with closing(packets):
                first = _find(packets, keyframe)
                if first is not None:
                    yield from self._decode(chain([first], packets))
                    return

    def _decode(
        self, packets: Iterator[av.Packet[VideoStream] | None]
    ) -> Iterator[av.VideoFrame | None]:
        for packet in packets:
            if packet is None:
                yield None
            else:
                yield from self._decoded(packet)
        yield from self._decoded(None)  # frames that the decoder still holds back

    def _decoded(self, packet: av.Packet[VideoStream] | None) -> Iterator[av.VideoFrame | None]:
        try:
            for frame in self._stream.codec_context.decode(packet):
                self.budget.spend_frame(shown_size(frame, self.header.aspect))
                yield frame
        except DAMAGE:
            self._check_failure()
            yield None

    def _packets(self) -> Generator[av.Packet[VideoStream] | None]:
        return _packets(self._container, self._stream, self._check_failure)

    def _check_failure(self) -> None:
        """Raise VideoError if the failure at hand is no damage."""
        self.budget.check_failure(Size(self.header.height, self.header.width))


def _open(file: _TimedFile, budget: Budget, head: bytes, memory: dict[str, str]) -> InputContainer:
    options = {"protocol_whitelist": "", "max_streams": str(MOST_TRACKS), **memory}
    try:
        container = av.open(file, mode="r", options=options, metadata_errors="replace")
    except DAMAGE as error:
        budget.check_failure(Size(0, 0))
        raise VideoError(_why_unreadable(budget.name, head, error)) from error
    picture, suffix, _ = container.format.name.partition("_pipe")
    if suffix:
        container.close()
        raise VideoError(still_picture(budget.name, picture.upper()))
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


def _header(container: InputContainer, stream: VideoStream, stored_pixels: bool) -> Header:
    kind = container.format.name
    time_base = _ratio(stream, "time_base") or Fraction(1, 1000)
    average_rate = _ratio(stream, "average_rate")
    rates = (_ratio(stream, "guessed_rate"), average_rate, _ratio(stream, "base_rate"))
    rate_fps = next((float(rate) for rate in rates if rate and 0 < rate <= 1000), None)
    duration_s, stated = _duration(container, stream, time_base)
    frames = stream.frames
    if kind.startswith("mov") and duration_s and average_rate:
        # An edit list hides frames: they are counted, but not part of the duration.
        frames = min(frames, round(duration_s * average_rate))
    brand = container.metadata.get("major_brand", "").strip()
    return Header(
        time_base=time_base,
        width=stream.codec_context.width,
        height=stream.codec_context.height,
        aspect=PixelAspect(_ratio(stream, "sample_aspect_ratio") or Fraction(1), not stored_pixels),
        rate_fps=rate_fps,
        frames=frames,
        duration_s=duration_s,
        duration_is_stated=stated,
        picture=_PICTURE_FORMATS.get(kind) or _PICTURE_BRANDS.get(brand, ""),
    )


def _ratio(stream: VideoStream, name: str) -> Fraction | None:
    """Return a positive ratio that a stream states; None for any other, and for 1:0."""
    try:
        ratio: Fraction | None = getattr(stream, name)
    except ZeroDivisionError:
        return None
    return ratio if ratio is not None and ratio > 0 else None


def _duration(
    container: InputContainer, stream: VideoStream, time_base: Fraction
) -> tuple[float | None, bool]:
    """Duration of the video in seconds, and whether the file itself states it."""
    if container.format.name.startswith("matroska"):
        stated = _STATED_DURATION.fullmatch(stream.metadata.get("DURATION", ""))
        if stated:
            hours, minutes, seconds = stated.groups()
            return int(hours) * 3600 + int(minutes) * 60 + float(seconds), True
        # No such tag, or nonsense; the container's duration may be that of the sound.
        if len(container.streams) > 1 or container.duration is None:
            return None, False
        return container.duration / av.time_base, True
    if stream.duration is not None:
        return float(stream.duration * time_base), False
    return None, False


def _find(
    packets: Iterator[av.Packet[VideoStream] | None], keyframe: Keyframe
) -> av.Packet[VideoStream] | None:
    """Read on until the packet of a keyframe; None if it doesn't come."""
    for packet in packets:
        if packet is not None and packet.is_keyframe and packet.pts is not None:
            if packet.pts == keyframe.pts:
                return packet
            if packet.pts > keyframe.pts:
                return None
    return None


def _packets(
    container: InputContainer, stream: VideoStream, explain: Callable[[], None]
) -> Generator[av.Packet[VideoStream] | None]:
    """Yield the packets with data; None where reading failed and was taken up again.

    `explain` is called first; it may raise an error if the failure is no damage.
    """
    failures = 0
    while failures < _READ_ATTEMPTS:
        try:
            for packet in container.demux(stream):
                if packet.size:  # an empty one would tell the decoder that the file is over
                    failures = 0
                    yield packet
            return
        except DAMAGE:
            explain()
            failures += 1
            if failures == 1:
                yield None
