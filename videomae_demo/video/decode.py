"""From the path of a video to a time line of its frames, and from wanted frames to pixels.

A short file is decoded twice: `scan` counts and times its frames and keeps none, `read_frames`
keeps the few that are wanted, at full resolution. Of a long file, `scan` reads the timestamps of
the packets without decoding them, and `read_frames` seeks: it decodes from the keyframe before each
wanted frame, and compares what comes out with the timestamps. Knows nothing of models, nor of which
frames are worth having.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import VideoReformatter

from videomae_demo.errors import RequestError, VideoError
from videomae_demo.limits import DEFAULT_LIMITS, Limits
from videomae_demo.video.budget import Budget
from videomae_demo.video.container import DAMAGE, still_picture
from videomae_demo.video.display import Size, to_rgb
from videomae_demo.video.index import FrameIndex
from videomae_demo.video.source import Source, open_source
from videomae_demo.video.timeline import Picture, Timeline, make_timeline

SHORT_FRAMES = 1000
"""Up to this many frames (half a minute), a file is decoded whole, which shows its true frames."""

# This many frames at the start of a long file must decode as its timestamps say.
_TRIAL_FRAMES = 32


class SeekingError(VideoError):
    """The frames of a long file are not where its timestamps say."""


def scan(
    path: str | Path,
    *,
    limits: Limits = DEFAULT_LIMITS,
    seek: bool = True,
    stored_pixels: bool = False,
) -> Timeline:
    """Tell which frames a file has.

    The name means nothing, the content is probed. Up to `SHORT_FRAMES`, everything is decoded once,
    and what decodes is trusted. The frames of a longer file are taken from the timestamps of its
    packets, if these are sound and the beginning of the file decodes accordingly; otherwise it is
    decoded whole, too. Headers are never trusted. A damaged packet is skipped; a missing or
    disordered set of timestamps is replaced by the frame counter and the frame rate. Both leave a
    warning in the result.

    Parameters
    ----------
    path : str or Path
        A video, or an animated GIF, PNG, WebP or AVIF.
    limits : Limits
    seek : bool
        False to decode everything, however long.
    stored_pixels : bool
        True to leave out the pixel aspect that the file states.

    Returns
    -------
    Timeline

    Raises
    ------
    VideoError
        If the file can't be used, or goes beyond a limit.
    """
    path = Path(path)
    budget = Budget(limits, path.name)
    with open_source(path, budget) as source:
        source.budget.check_size(Size(source.header.height, source.header.width))
        packets = list(islice(source.packet_times(), limits.clip_frames + 1))
        source.budget.check_clip(len(packets), 0.0)
    times = [packet for packet in packets if packet is not None]
    if seek and len(times) > min(SHORT_FRAMES, limits.decoded_frames):
        index = FrameIndex.of(times)
        lost = len(packets) - len(times)
        timeline = index and _scan_index(path, index, lost, budget, stored_pixels)
        if timeline:
            return timeline
    expected = sum(not packet.is_hidden for packet in times)
    return _scan_frames(path, expected, budget, stored_pixels)


def read_frames(
    timeline: Timeline,
    indices: Sequence[int] | npt.NDArray[np.int64],
    *,
    longest_side_px: int = 1920,
    limits: Limits = DEFAULT_LIMITS,
) -> npt.NDArray[np.uint8]:
    """Decode a file again and keep the pixels of the wanted frames.

    Frames are shown as a player shows them: turned or mirrored, stretched to square pixels, the
    transparent ones composited on black, all of the time line's size. Decoding stops after the last
    wanted frame.

    Parameters
    ----------
    timeline : Timeline
        What `scan` found.
    indices : sequence of int
        Wanted frames, 0 to ``timeline.count - 1``; in any order, any number of times.
    longest_side_px : int
        Larger frames are shrunk to this while they are converted, aspect kept; smaller ones stay.
    limits : Limits

    Returns
    -------
    (len(indices), H, W, 3) uint8, RGB

    Raises
    ------
    RequestError
        If an index is out of range, or nothing is wanted.
    SeekingError
        If a long file decodes to other frames than its timestamps say.
    VideoError
        If the file is no longer what was scanned, a frame can't be converted, or a limit is passed.
    """
    frames = np.empty(frames_shape(timeline, indices, longest_side_px), dtype=np.uint8)
    read_into(frames, timeline, indices, limits)
    return frames


def frames_shape(
    timeline: Timeline, indices: Sequence[int] | npt.NDArray[np.int64], longest_side_px: int
) -> tuple[int, int, int, int]:
    """Return the shape of what `read_frames` gives; same arguments, same RequestError."""
    wanted = [int(index) for index in indices]
    if not wanted or min(wanted) < 0 or max(wanted) >= timeline.count:
        raise RequestError(
            f"Frames {wanted} were asked for, {timeline.path.name} has frames 0 to "
            f"{timeline.count - 1}."
        )
    if longest_side_px < 1:
        raise RequestError(f"longest_side_px is {longest_side_px}: give 1 or more.")
    size = Size(timeline.height, timeline.width).within(longest_side_px)
    return len(wanted), size.height, size.width, 3


def read_into(
    frames: npt.NDArray[np.uint8],
    timeline: Timeline,
    indices: Sequence[int] | npt.NDArray[np.int64],
    limits: Limits,
) -> None:
    """Do as `read_frames` does, into an array of the shape that `frames_shape` tells."""
    wanted = [int(index) for index in indices]
    size = Size(*frames.shape[1:3])
    places: dict[int, list[int]] = {}
    for place, index in enumerate(wanted):
        places.setdefault(index, []).append(place)
    reformatter = VideoReformatter()
    budget = Budget(limits, timeline.path.name)
    with open_source(timeline.path, budget, stored_pixels=timeline.stored_pixels) as source:
        for number, frame in _numbered(source, timeline, wanted):
            if number in places:
                frames[places.pop(number)] = _pixels(frame, size, reformatter, timeline.path.name)
            if not places:
                break
    if places:
        raise VideoError(
            f"{timeline.path.name} changed after it was scanned: frame {max(places)} of "
            f"{timeline.count} is gone. Open it again."
        )


def _scan_index(
    path: Path, index: FrameIndex, lost: int, budget: Budget, stored_pixels: bool
) -> Timeline | None:
    """Take the frames of the index, if the first of them decode as it says; else None."""
    with open_source(path, budget, stored_pixels=stored_pixels) as source:
        pictures = [
            Picture.of(frame, source.header.aspect)
            for frame in islice(_shown(source.frames()), _TRIAL_FRAMES)
        ]
        if not pictures or pictures[0].pts is None:
            return None
        index = index.from_frame(pictures[0].pts)
        if index.pts[0] < index.keyframe_pts[0]:
            return None  # shown before the first keyframe: no keyframe leads to it
        if [picture.pts for picture in pictures] != index.pts[:_TRIAL_FRAMES].tolist():
            return None
        timeline = make_timeline(path, source.header, pictures, lost, index)
        source.budget.check_clip(timeline.count, timeline.duration_s)
    return timeline


def _scan_frames(path: Path, expected: int, budget: Budget, stored_pixels: bool) -> Timeline:
    """Decode everything, which should give the expected number of frames."""
    with open_source(path, budget, stored_pixels=stored_pixels) as source:
        source.budget.check_decoding(expected)
        header = source.header
        pictures = [
            None if frame is None else Picture.of(frame, header.aspect) for frame in source.frames()
        ]
        shown = [picture for picture in pictures if picture is not None]
        lost = len(pictures) - len(shown)
        if not shown:
            raise VideoError(
                f"No frame of {path.name} can be decoded ({lost} damaged packets): the file is "
                "incomplete or broken, or its frames have more than twice as many pixels as the "
                f"limit frame_pixels, {budget.limits.frame_pixels}. Copy or download it again."
            )
        if header.picture and len(shown) == 1:
            raise VideoError(still_picture(path.name, header.picture))
        timeline = make_timeline(path, header, shown, lost)
        source.budget.check_clip(timeline.count, timeline.duration_s)
    return timeline


def _shown(frames: Iterator[av.VideoFrame | None]) -> Iterator[av.VideoFrame]:
    return (frame for frame in frames if frame is not None)


def _numbered(
    source: Source, timeline: Timeline, wanted: Sequence[int]
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Yield frames with their numbers, the wanted ones among them."""
    if timeline.index is None:
        return enumerate(_shown(source.frames()))
    return _sought(source, timeline, timeline.index, wanted)


def _sought(
    source: Source, timeline: Timeline, index: FrameIndex, wanted: Sequence[int]
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Decode from the keyframe before each wanted frame, and check every frame on the way."""
    for run in index.runs(wanted):
        number = run.first
        for frame in _shown(source.frames_from(run.keyframe)):
            if frame.pts is not None and frame.pts < index.pts[run.first]:
                continue  # of an open group of pictures: decoded now, but shown before the keyframe
            starts_well = number > run.first or run.keyframe.is_hidden or frame.key_frame
            if frame.pts != index.pts[number] or not starts_well:
                break
            yield number, frame
            number += 1
            if number > run.wanted[-1]:
                break
        if number <= run.wanted[-1]:
            raise SeekingError(
                f"{timeline.path.name} decodes to other frames than its timestamps say, at "
                f"{timeline.timestamps_s[number]:.2f} s: convert it to h264 mp4."
            )


def _pixels(
    frame: av.VideoFrame, size: Size, reformatter: VideoReformatter, name: str
) -> npt.NDArray[np.uint8]:
    try:
        return to_rgb(frame, size, reformatter)
    except DAMAGE as error:
        raise VideoError(
            f"{name} has pixels of a format ({frame.format.name}) that can't be shown: "
            "convert it to h264 mp4."
        ) from error
