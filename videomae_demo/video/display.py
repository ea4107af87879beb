"""From a decoded frame to the pixels a player shows: rotation, pixel aspect, colours, alpha.

Owns everything that happens to one frame. Knows nothing of files, of time, or of other frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

import av
import numpy as np
import numpy.typing as npt
from av.buffer import Buffer
from av.video.reformatter import VideoReformatter

# The matrices between YUV and RGB that swscale knows, as AVColorSpace numbers, and "not said".
_KNOWN_MATRICES = {0, 1, 2, 4, 5, 6, 7, 9}
_MATRIX_NOT_SAID = 2

# A pixel aspect this near to 1 counts as 1: it comes from a resize that kept the shape of the
# picture and rounded its width (640:639, 704:705).
_NO_ASPECT = Fraction(1, 100)

# No camera and no disc has pixels that are further from square.
_MOST_ASPECT = 16

# Frames are composited this many rows at a time: the intermediate numbers take several times as
# much memory as the pixels.
_ROWS = 64


@dataclass(frozen=True, slots=True)
class Orientation:
    """How the stored picture is turned and mirrored before it is shown: one of eight ways.

    Attributes
    ----------
    swap_axes : bool
        Rows become columns first.
    flip_rows, flip_columns : bool
        Then the picture is turned upside down, left to right, or both.
    """

    swap_axes: bool = False
    flip_rows: bool = False
    flip_columns: bool = False

    @classmethod
    def of(cls, frame: av.VideoFrame) -> Orientation:
        """Read the display matrix that the file attached to the frame.

        The matrix ``(a b u; c d v; x y w)`` of ISO/IEC 14496-12 sends the stored point (column,
        row) to (a column + c row, b column + d row). Angles between the quarter turns go to the
        nearest one. ``frame.rotation`` is no substitute: it calls a mirrored picture a turned one.
        """
        # PyAV's types know of a single kind of side data.
        matrix = cast("Mapping[str, Buffer]", frame.side_data).get("DISPLAYMATRIX")
        if matrix is None:
            return cls()
        a, b, _, c, d = np.frombuffer(bytes(matrix), dtype=np.int32)[:5].tolist()
        if abs(b) > abs(a):
            return cls(swap_axes=True, flip_rows=b < 0, flip_columns=c < 0)
        return cls(flip_rows=d < 0, flip_columns=a < 0)

    def apply(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Turn one picture.

        Parameters
        ----------
        pixels : (H, W, 3) uint8
            As stored.

        Returns
        -------
        uint8
            As shown: (W, H, 3) if the axes are swapped, else (H, W, 3); a view.
        """
        if self.swap_axes:
            pixels = pixels.transpose(1, 0, 2)
        return pixels[:: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1]


@dataclass(frozen=True, slots=True)
class Size:
    """Height and width of a picture in pixels."""

    height: int
    width: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    @property
    def transposed(self) -> Size:
        """The size with height and width exchanged."""
        return Size(height=self.width, width=self.height)

    @property
    def pixels(self) -> int:
        """Area."""
        return self.height * self.width

    def within(self, longest_side_px: int) -> Size:
        """Shrink, aspect kept, so that neither side is longer than the limit; never enlarge."""
        scale = min(1.0, longest_side_px / max(self.height, self.width))
        return Size(max(1, round(self.height * scale)), max(1, round(self.width * scale)))


@dataclass(frozen=True, slots=True)
class PixelAspect:
    """Width of a pixel over its height: what the file states, and what is made of it.

    Attributes
    ----------
    stated : Fraction
        1 if unknown.
    is_wanted : bool
        False if the pixels are to be shown as they are stored.
    """

    stated: Fraction = Fraction(1)
    is_wanted: bool = True

    @property
    def is_square(self) -> bool:
        """True if the file states none, or one within 1 % of 1."""
        return abs(self.stated - 1) <= _NO_ASPECT

    @property
    def is_absurd(self) -> bool:
        """True if no real picture has such pixels."""
        return not Fraction(1, _MOST_ASPECT) <= self.stated <= _MOST_ASPECT

    @property
    def applied(self) -> Fraction:
        """The aspect by which frames are stretched; 1 to leave them alone."""
        if self.is_square or self.is_absurd or not self.is_wanted:
            return Fraction(1)
        return self.stated

    def stretch(self, stored: Size) -> Size:
        """Stretch the side that grows, so that no pixel is lost."""
        if self.applied >= 1:
            return Size(stored.height, round(stored.width * self.applied))
        return Size(round(stored.height / self.applied), stored.width)

    def note(self, stored: Size) -> str:
        """Say what is done with a frame of this size; "" if the pixels are square."""
        if self.is_square:
            return ""
        ratio = f"{self.stated.numerator}:{self.stated.denominator}"
        if self.is_absurd:
            return (
                f"The file states pixels of {ratio} (width to height), which no picture has: "
                f"the frames are shown as they are stored, {stored}."
            )
        if not self.is_wanted:
            return (
                f"The file states pixels of {ratio} (width to height); as asked, the frames are "
                f"shown as they are stored, {stored}."
            )
        return (
            f"The file states pixels of {ratio} (width to height): "
            f"its frames of {stored} are stretched to {self.stretch(stored)}."
        )


def shown_size(frame: av.VideoFrame, aspect: PixelAspect) -> Size:
    """Size at which a player shows the frame: stretched to square pixels, then turned."""
    size = aspect.stretch(Size(frame.height, frame.width))
    return size.transposed if Orientation.of(frame).swap_axes else size


def to_rgb(
    frame: av.VideoFrame, size: Size, reformatter: VideoReformatter
) -> npt.NDArray[np.uint8]:
    """Pixels of one frame as a player shows them.

    Any pixel format goes to 8-bit RGB by the colour matrix and range that the file states.
    Transparent pixels are composited on black. HDR transfer functions are not tone mapped.

    Parameters
    ----------
    frame : av.VideoFrame
        As decoded.
    size : Size
        Size of the result.
    reformatter : VideoReformatter
        Kept from frame to frame, since setting it up costs more than using it.

    Returns
    -------
    (H, W, 3) uint8, RGB

    Raises
    ------
    av.FFmpegError
        If the pixel format can't be converted.
    """
    orientation = Orientation.of(frame)
    stored = size.transposed if orientation.swap_axes else size
    if frame.colorspace not in _KNOWN_MATRICES:
        frame.colorspace = _MATRIX_NOT_SAID
    if frame.format.has_palette or any(part.is_alpha for part in frame.format.components):
        frame = _over_black(frame)
    shrinks = stored.pixels < frame.height * frame.width
    rgb = reformatter.reformat(
        frame,
        width=stored.width,
        height=stored.height,
        format="rgb24",
        interpolation="AREA" if shrinks else "BICUBIC",
    )
    return orientation.apply(rgb.to_ndarray().astype(np.uint8, copy=False))


def _over_black(frame: av.VideoFrame) -> av.VideoFrame:
    rgba = frame.to_ndarray(format="rgba")
    rgb = np.empty((*rgba.shape[:2], 3), dtype=np.uint8)
    for start in range(0, len(rgba), _ROWS):
        rows = rgba[start : start + _ROWS].astype(np.uint16)
        rgb[start : start + _ROWS] = (rows[..., :3] * rows[..., 3:] + 127) // 255
    return av.VideoFrame.from_ndarray(rgb, format="rgb24")
