"""From frames to an mp4. Knows nothing of where the frames come from."""

from __future__ import annotations

import io
import uuid
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange, Colorspace

from videomae_demo.errors import RequestError

# x264's constant rate factor: 18 is hard to tell from the original.
_QUALITY = {"crf": "18", "preset": "veryfast"}

# BT.709 in the tables of ITU-T H.273: matrix, primaries and transfer have the same number.
_BT709 = 1

_MIN_FPS, _MAX_FPS = 0.01, 1000.0


_LOSSLESS = {"qp": "0", "preset": "veryfast"}


def write_mp4(path: str | Path, frames: npt.NDArray[np.uint8], fps: float) -> Path:
    """Write frames as h264 mp4: yuv420p, BT.709 colours, playable while it loads.

    The file appears under its name when it is complete, never before. An odd height or width is
    made even by repeating the last row or column.

    Parameters
    ----------
    path : str or Path
        Replaced if it exists; its folder must exist.
    frames : (T, H, W, 3) uint8, RGB
    fps : float
        Frames per second.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    RequestError
        If the frames are not of this shape and type, `fps` is not positive or is absurd, the folder
        is missing, or the file can't be written.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise RequestError(f"{path.name} can't be written, its folder is missing: make it first.")
    _check(frames, fps)
    height, width = frames.shape[1:3]
    frames = np.pad(frames, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    unfinished = path.with_name(f".{path.stem}-{uuid.uuid4().hex}.mp4")
    try:
        _encode(unfinished, frames, fps)
        unfinished.replace(path)
    except (OSError, av.FFmpegError) as error:
        raise RequestError(
            f"{path.name} can't be written with {len(frames)} frames of {width}x{height} "
            f"({error.strerror}): check the permissions, the free space and the size."
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def encode_lossless(frames: npt.NDArray[np.uint8], fps: float) -> bytes:
    """Return frames as an mp4 from which exactly these pixels are read again.

    It is h264 in RGB, which not every browser plays. Arguments and errors as in `write_mp4`.
    """
    _check(frames, fps)
    written = io.BytesIO()
    rate = Fraction(fps).limit_denominator(1001)
    with av.open(written, "w", format="mp4") as container:
        stream = container.add_stream("libx264rgb", rate=rate, options=_LOSSLESS)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "rgb24"
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return written.getvalue()


def _check(frames: npt.NDArray[np.uint8], fps: float) -> None:
    if frames.ndim != 4 or frames.shape[3] != 3 or 0 in frames.shape:
        raise RequestError(
            f"The frames have the shape {frames.shape}: give (T, H, W, 3) with nothing empty."
        )
    if frames.dtype != np.uint8:
        raise RequestError(f"The frames are {frames.dtype}: give uint8, 0 to 255.")
    if not _MIN_FPS <= fps <= _MAX_FPS:
        raise RequestError(
            f"The frame rate is {fps}: give {_MIN_FPS:g} to {_MAX_FPS:g} frames per second."
        )


def _encode(path: Path, frames: npt.NDArray[np.uint8], fps: float) -> None:
    rate = Fraction(fps).limit_denominator(1001)
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=rate, options=_QUALITY)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = ColorRange.MPEG
        for pixels in frames:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            yuv = frame.reformat(
                format="yuv420p",
                dst_colorspace=Colorspace.ITU709,
                dst_color_range=ColorRange.MPEG,
            )
            container.mux(stream.encode(yuv))
        container.mux(stream.encode())
