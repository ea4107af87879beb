"""Token scores and masks on top of the frames they belong to.

Owns the way from the token grid to pixels, and how a colour is blended into a picture. Knows
nothing of what the scores mean, nor of page layout.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from videomae_demo.errors import RequestError
from videomae_demo.rendering.colour import Scale, colourise
from videomae_demo.rendering.frames import Pixels, check_frames, tubelet_size_of

# A hidden patch: flat, neutral, and lighter than most pictures, so that it reads as "nothing here".
HIDDEN_COLOUR = (188, 190, 194)

# Of the grey picture under an overlay: the top of every colour map is brighter than its white.
_BACKDROP_BRIGHTNESS = 0.6
# Rec. 601 luma, as cv2's RGB2GRAY.
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def spread(
    scores: ArrayLike, tubelet_size: int, height: int, width: int, smooth: bool
) -> NDArray[np.float32]:
    """Give every pixel the score of its token.

    Each slice of time is repeated `tubelet_size` times. Within a slice, blocky means that a pixel
    has the score of the cell that its centre lies in; smooth means a Catmull-Rom spline through the
    centres of the cells, kept between the lowest and the highest of the four cells around, so that
    no value goes beyond its neighbours.

    Parameters
    ----------
    scores : (time, height, width) float
        NaN stands for "no score", over the whole cell; blocky only.
    tubelet_size : int
        Frames per slice of time.
    height, width : int
        Size of the frames in pixels.
    smooth : bool

    Returns
    -------
    (time * tubelet_size, height, width) float32

    Raises
    ------
    RequestError
        When the scores are not such an array, are infinite, are NaN with `smooth`, or a size is
        below 1.
    """
    grid = np.asarray(scores)
    if grid.ndim != 3 or not grid.size or not np.issubdtype(grid.dtype, np.floating):
        raise RequestError(
            "Scores must be floats of the shape (time, height, width); these are "
            f"{grid.dtype} of the shape {grid.shape}."
        )
    if np.isinf(grid).any():
        raise RequestError("The scores hold infinite values; a scale can't show them.")
    if min(tubelet_size, height, width) < 1:
        raise RequestError(
            f"Scores can't be spread over {tubelet_size} frames of {height} x {width} px per slice "
            "of time; all three must be 1 or more."
        )
    grid = grid.astype(np.float32)
    if smooth:
        if np.isnan(grid).any():
            raise RequestError("Some tokens have no score (NaN); draw them blocky, not smooth.")
        field = _interpolate(grid, height, width)
    else:
        rows, columns = _cells(height, grid.shape[1]), _cells(width, grid.shape[2])
        field = grid[:, rows[:, None], columns]
    return np.repeat(field, tubelet_size, axis=0)


def overlay(
    frames: Pixels, scores: ArrayLike, scale: Scale, *, opacity: float = 0.8, smooth: bool = True
) -> Pixels:
    """Lay the scores over the frames, in the colours of one scale for all frames.

    Under the overlay the picture is made darker and less colourful, so that bright colour means a
    score. A pixel is ``(1 - opacity * p) * backdrop + opacity * p * colour``, where ``p`` is the
    score's place on the scale, 0 to 1, and ``backdrop`` is ``(1 - opacity) * frame + opacity * 0.6
    * grey frame``. On a diverging scale ``p`` is ``|2 * place - 1|``: nothing is drawn at zero, and
    more the further a score is from it, on either side. So the picture shows through where the
    score is low, or near zero, and fades where it is high, or far from zero; at opacity 0 the
    frames stay as they are, and at opacity 1 the top of the scale is the pure colour, as both ends
    of a diverging one are. Mixed colours differ from those of the legend, since the picture shows
    through: the overlay shows places, and the scores hold the numbers. Small frames should be
    resized first, so that a smooth overlay is finer than their pixels.

    Parameters
    ----------
    frames : (T, H, W, 3) uint8
        RGB; T is a whole multiple of `time`.
    scores : (time, height, width) float
        NaN, unless smooth, shows the backdrop alone, as the lowest score does, or zero on a
        diverging scale.
    scale : Scale
    opacity : float
        0 to 1.
    smooth : bool
        See `spread`.

    Returns
    -------
    (T, H, W, 3) uint8

    Raises
    ------
    RequestError
        When shapes don't fit one another, the opacity is out of range, or `spread` raises it.
    """
    check_frames(frames)
    if not 0 <= opacity <= 1:
        raise RequestError(f"The overlay's opacity is {opacity}; it must lie between 0 and 1.")
    grid = np.asarray(scores)
    if grid.ndim != 3:
        raise RequestError(f"Scores must have the shape (time, height, width), not {grid.shape}.")
    tubelet_size = tubelet_size_of(frames, len(grid))
    height, width = frames.shape[1:3]
    fields = spread(grid, 1, height, width, smooth)
    pictures = np.empty_like(frames)
    for index, frame in enumerate(frames):
        pictures[index] = _blend(frame, fields[index // tubelet_size], scale, opacity)
    return pictures


def hide(
    frames: Pixels, mask: NDArray[np.bool_], colour: tuple[int, int, int] = HIDDEN_COLOUR
) -> Pixels:
    """Paint the hidden tokens in one flat colour, exactly to the borders of their cells.

    Parameters
    ----------
    frames : (T, H, W, 3) uint8
        T, H and W are whole multiples of the mask's time, height and width.
    mask : (time, height, width) bool
        True = hidden.
    colour : (int, int, int)
        RGB, 0 to 255.

    Returns
    -------
    (T, H, W, 3) uint8
        What is visible, untouched.

    Raises
    ------
    RequestError
        When the mask is no such array or does not divide the frames.
    """
    check_frames(frames)
    if mask.dtype != np.bool_ or mask.ndim != 3 or not mask.size:
        raise RequestError(
            "A mask must be bool of the shape (time, height, width); this one is "
            f"{mask.dtype} of the shape {mask.shape}."
        )
    if any(size % cells for size, cells in zip(frames.shape[:3], mask.shape, strict=True)):
        raise RequestError(
            f"A mask of the shape {mask.shape} does not divide frames of the shape "
            f"{frames.shape[:3]} into whole tokens."
        )
    hidden = mask
    for axis in range(3):
        hidden = np.repeat(hidden, frames.shape[axis] // mask.shape[axis], axis=axis)
    pictures = frames.copy()
    pictures[hidden] = colour
    return pictures


def _blend(picture: Pixels, values: NDArray[np.float32], scale: Scale, opacity: float) -> Pixels:
    """Blend a picture (H, W, 3) with values (H, W), NaN for none, by the rule of `overlay`."""
    strength = np.nan_to_num(scale.strength(values), nan=0.0)[..., None]
    base = picture.astype(np.float32)
    grey = (base @ _LUMA)[..., None] * _BACKDROP_BRIGHTNESS
    backdrop = (1 - opacity) * base + opacity * grey
    mixed = (1 - opacity * strength) * backdrop + opacity * strength * colourise(values, scale)
    return np.rint(mixed).astype(np.uint8)


def _cells(size: int, cells: int) -> NDArray[np.intp]:
    """(size,) the cell that each pixel's centre lies in."""
    return (2 * np.arange(size) + 1) * cells // (2 * size)


def _interpolate(grid: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Return (time, height, width) pixels between the centres of (time, height, width) cells."""
    down, rows = _catmull_rom(height, grid.shape[1])
    across, columns = _catmull_rom(width, grid.shape[2])
    corners = np.stack([grid[:, r[:, None], c] for r in rows for c in columns])
    field: NDArray[np.float32] = np.clip(
        down @ grid @ across.T, corners.min(axis=0), corners.max(axis=0)
    )
    return field


def _catmull_rom(size: int, cells: int) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Return how each pixel's value follows from the cells along one axis.

    Returns
    -------
    (size, cells) float32
        Weights of the Catmull-Rom spline (Keys 1981, a = -1/2); beyond the border the outermost
        cell is repeated.
    (2, size) int
        The two cells whose centres lie around each pixel's centre.
    """
    # In cells, counted from the first one's centre.
    place = (np.arange(size) + 0.5) * cells / size - 0.5
    before = np.floor(place).astype(np.intp)
    t = place - before
    spline = (
        (-t + 2 * t**2 - t**3) / 2,
        (2 - 5 * t**2 + 3 * t**3) / 2,
        (t + 4 * t**2 - 3 * t**3) / 2,
        (-(t**2) + t**3) / 2,
    )
    weights = np.zeros((size, cells), dtype=np.float32)
    for offset, values in enumerate(spline, start=-1):
        np.add.at(weights, (np.arange(size), np.clip(before + offset, 0, cells - 1)), values)
    return weights, np.clip(np.stack([before, before + 1]), 0, cells - 1)
