"""Values to colours: the scale that a picture and its legend share.

Owns the colour maps and the rule that a scale is fixed before anything is drawn, so that all frames
of a clip can be compared. Sequential maps are for values that grow from a lowest one; diverging
maps are for signed values and have their middle at zero. Knows nothing of frames or text.
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
"""The sequential maps; the first is the usual one."""

# The hues of a diverging map's lowest and highest colour, in degrees of Oklab, and the chroma of
# both. Their difference stays for those who see no red or no green.
_ENDS = MappingProxyType({"blue-orange": (248, 62, 0.13), "purple-green": (318, 145, 0.16)})
DIVERGING_MAPS = tuple(_ENDS)
"""The diverging maps, for signed values; the first is the usual one."""

# Of Oklab, 0 to 1. The ends of a diverging map are as light as one another. The middle is dark, as
# the low end of the sequential maps is: bright colour means a score.
_END_LIGHTNESS = 0.75
_MIDDLE_LIGHTNESS = 0.25
# An odd number, so that zero has a colour of its own.
_DIVERGING_COLOURS = 255

# From Oklab to linear sRGB: https://bottosson.github.io/posts/oklab (Ottosson 2020).
_LMS_OF_OKLAB = np.array(
    [
        [1.0, 0.3963377774, 0.2158037573],
        [1.0, -0.1055613458, -0.0638541728],
        [1.0, -0.0894841775, -1.2914855480],
    ]
)
_RGB_OF_LMS = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)

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
        One of `COLOUR_MAPS`, or of `DIVERGING_MAPS` on a diverging scale.
    is_diverging : bool
        Whether the scale is for signed values: from -`upper` to `upper`, with zero in the middle.
        `Scale.diverging` makes one.

    Raises
    ------
    RequestError
        When `lower` is not below `upper`, one of them is not finite, a diverging scale has not zero
        in the middle, or the colour map is unknown or of the other kind.
    """

    upper: float
    lower: float = 0.0
    title: str = ""
    unit: str = ""
    colour_map: str = COLOUR_MAPS[0]
    is_diverging: bool = False

    @classmethod
    def diverging(
        cls, upper: float, title: str = "", unit: str = "", colour_map: str = DIVERGING_MAPS[0]
    ) -> Scale:
        """Return the scale for signed values from -`upper` to `upper`, with zero in the middle.

        Parameters
        ----------
        upper : float
            Above 0; the size of the values that take the last and the first colour.
        title, unit : str
            See `Scale`.
        colour_map : str
            One of `DIVERGING_MAPS`.

        Raises
        ------
        RequestError
            When `upper` is not finite or not above 0, or the colour map is not a diverging one.
        """
        return cls(upper, -upper, title, unit, colour_map, is_diverging=True)

    def __post_init__(self) -> None:
        if not (
            math.isfinite(self.lower) and math.isfinite(self.upper) and self.lower < self.upper
        ):
            raise RequestError(
                f"A scale must rise between two finite values; this one goes from {self.lower} to "
                f"{self.upper}."
            )
        if self.is_diverging and self.lower != -self.upper:
            raise RequestError(
                "A diverging scale must have zero in its middle; this one goes from "
                f"{self.lower} to {self.upper}."
            )
        maps, others = COLOUR_MAPS, DIVERGING_MAPS
        if self.is_diverging:
            maps, others = others, maps
        if self.colour_map in others:
            kind = "signed values" if self.is_diverging else "values without a middle"
            raise RequestError(
                f"The colour map {self.colour_map!r} is not made for {kind}; choose one of "
                f"{', '.join(maps)}."
            )
        if self.colour_map not in maps:
            raise RequestError(
                f"There is no colour map {self.colour_map!r}; the known ones are {', '.join(maps)}."
            )

    def place(self, values: ArrayLike) -> NDArray[np.float32]:
        """Return where values stand: 0 at `lower`, 1 at `upper`, clipped between; NaN stays NaN."""
        array = np.asarray(values, dtype=np.float64)
        placed = (array - self.lower) / (self.upper - self.lower)
        return np.clip(placed, 0.0, 1.0).astype(np.float32)

    def strength(self, values: ArrayLike) -> NDArray[np.float32]:
        """Return how much values stand out, 0 to 1: their place, or how far it is from zero's.

        On a diverging scale with the place p that is ``|2 p - 1|``: 0 at zero and 1 at both ends.
        NaN stays NaN.
        """
        placed = self.place(values)
        return np.abs(2 * placed - 1) if self.is_diverging else placed


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
        RGB, the nearest of `colour_table`.
    """
    table = colour_table(scale.colour_map)
    placed = scale.place(values)
    missing = np.isnan(placed)
    index = np.rint(np.where(missing, 0.0, placed) * (len(table) - 1)).astype(np.uint8)
    colours: Pixels = np.take(table, index, axis=0)
    colours[missing] = NO_VALUE
    return colours


@functools.cache
def colour_table(colour_map: str) -> Pixels:
    """Return the colours of a map, one of `COLOUR_MAPS` or `DIVERGING_MAPS`, in equal steps.

    Returns
    -------
    (256, 3) uint8
        RGB, from low to high, read-only. A diverging map has 255 colours: zero's is the middle one.
    """
    if colour_map in _ENDS:
        table = _diverging_table(*_ENDS[colour_map])
    else:
        ramp = np.arange(256, dtype=np.uint8)[:, None]
        table = np.ascontiguousarray(cv2.applyColorMap(ramp, _CV2_MAPS[colour_map])[:, 0, ::-1])
    table.flags.writeable = False
    return table


def _diverging_table(first_hue: float, last_hue: float, chroma: float) -> Pixels:
    """Return (255, 3) uint8 RGB: two straight lines of Oklab that meet in a neutral, dark middle.

    So both halves are perceptually even, and equally far from the middle at equal distance from it.
    """
    signed = np.linspace(-1, 1, _DIVERGING_COLOURS)
    far = np.abs(signed)
    hue = np.radians(np.where(signed < 0, first_hue, last_hue))
    lightness = _MIDDLE_LIGHTNESS + (_END_LIGHTNESS - _MIDDLE_LIGHTNESS) * far
    oklab = np.stack([lightness, chroma * far * np.cos(hue), chroma * far * np.sin(hue)], axis=-1)
    linear = (oklab @ _LMS_OF_OKLAB.T) ** 3 @ _RGB_OF_LMS.T
    # The transfer function of sRGB (IEC 61966-2-1); no colour here is beyond its gamut.
    rgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.abs(linear) ** (1 / 2.4) - 0.055)
    table: Pixels = np.rint(255 * rgb).astype(np.uint8)
    return table
