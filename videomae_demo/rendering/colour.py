"""Values to colours: the scale that a picture and its legend share.

Owns the colour maps and the rule that a scale is fixed before anything is drawn, so that all frames
of a clip can be compared. Knows nothing of frames or text.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from videomae_demo.errors import RequestError
from videomae_demo.rendering.frames import Pixels

# Perceptually even, and readable by the colour-blind.
_CV2_MAPS = MappingProxyType(
    {
        "inferno": cv2.COLORMAP_INFERNO,
        "magma": cv2.COLORMAP_MAGMA,
        "viridis": cv2.COLORMAP_VIRIDIS,
        "cividis": cv2.COLORMAP_CIVIDIS,
    }
)
COLOUR_MAPS = tuple(_CV2_MAPS)

# Stands for "no value": none of the maps passes through grey at this lightness.
NO_VALUE = (128, 128, 128)


@dataclass(frozen=True, slots=True)
class Scale:
    """Which colour stands for which value; one for all frames, shared by picture and legend.

    Parameters
    ----------
    upper : float
        Value of the last colour; what lies above is drawn in that colour too.
    lower : float
        Value of the first colour; what lies below is drawn in that colour too.
    title : str
        What the values are, for the legend: "attention rollout".
    unit : str
        Written after the legend's last number: "x uniform" (then every number gets the x), "dB", or
        "".
    colour_map : str
        One of `COLOUR_MAPS`.

    Raises
    ------
    RequestError
        When `lower` is not below `upper`, one of them is not finite, or the colour map is unknown.
    """

    upper: float
    lower: float = 0.0
    title: str = ""
    unit: str = ""
    colour_map: str = "inferno"

    def __post_init__(self) -> None:
        if not (
            math.isfinite(self.lower) and math.isfinite(self.upper) and self.lower < self.upper
        ):
            raise RequestError(
                f"A scale must rise between two finite values; this one goes from {self.lower} to "
                f"{self.upper}."
            )
        if self.colour_map not in COLOUR_MAPS:
            raise RequestError(
                f"There is no colour map {self.colour_map!r}; the known ones are "
                f"{', '.join(COLOUR_MAPS)}."
            )

    def place(self, values: ArrayLike) -> NDArray[np.float32]:
        """Return where values stand: 0 at `lower`, 1 at `upper`, clipped between; NaN stays NaN."""
        array = np.asarray(values, dtype=np.float64)
        placed = (array - self.lower) / (self.upper - self.lower)
        return np.clip(placed, 0.0, 1.0).astype(np.float32)


def colourise(values: ArrayLike, scale: Scale) -> Pixels:
    """Draw each value in its colour.

    Parameters
    ----------
    values : (...) float
        Clipped to the scale. NaN, which stands for "no value", becomes the grey `NO_VALUE`.
    scale : Scale

    Returns
    -------
    (..., 3) uint8
        RGB, from the colour map's 256 colours.
    """
    placed = scale.place(values)
    missing = np.isnan(placed)
    index = np.rint(np.where(missing, 0.0, placed) * 255).astype(np.uint8)
    colours: Pixels = np.take(_table(scale.colour_map), index, axis=0)
    colours[missing] = NO_VALUE
    return colours


@functools.cache
def _table(colour_map: str) -> Pixels:
    """(256, 3) uint8 RGB, from low to high."""
    ramp = np.arange(256, dtype=np.uint8)[:, None]
    table = np.ascontiguousarray(cv2.applyColorMap(ramp, _CV2_MAPS[colour_map])[:, 0, ::-1])
    table.flags.writeable = False
    return table
