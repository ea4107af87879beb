"""The last frames of a camera as one picture, as the browser sends them: checked, and cut apart.

Whoever sends it may mean no good: the picture's size is read from its head, and compared with what
it has to be, before anything is decoded.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from videomae_demo.errors import RequestError
from videomae_demo.ui.token_player.sprites import SPRITE_COLUMNS

FORMATS = ("JPEG", "PNG")
SHOWN_PX = 256
"""The shorter side of a frame that is kept for Explore: the model's own, or so many times that."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """How frames lie on a sprite: `count` of them, `SPRITE_COLUMNS` a row, each height x width."""

    count: int
    height: int
    width: int

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return -(-self.count // SPRITE_COLUMNS)

    @property
    def times(self) -> int:
        """How many times larger frames are when they are kept for Explore."""
        return max(1, SHOWN_PX // min(self.height, self.width))

    def larger(self) -> Sheet:
        """Return the sheet of frames that are kept for Explore."""
        return Sheet(self.count, self.times * self.height, self.times * self.width)


def read_sprite(body: bytes, sheet: Sheet) -> NDArray[np.uint8]:
    """Return the frames of a sprite, (T, H, W, 3) RGB.

    Raises
    ------
    RequestError
        When it is no picture, or one of another size.
    """
    width, height = SPRITE_COLUMNS * sheet.width, sheet.rows * sheet.height
    wanted = f"send {sheet.count} frames as one {' or '.join(FORMATS)} of {width}x{height} pixels"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of what a picture claims to have
            picture = Image.open(io.BytesIO(body), formats=FORMATS)
            if picture.size != (width, height):
                found = "x".join(map(str, picture.size))
                raise RequestError(f"The picture has {found} pixels; {wanted}.")
            pixels = np.asarray(picture.convert("RGB"))
    except (
        UnidentifiedImageError,
        Image.DecompressionBombError,
        Warning,
        OSError,
        SyntaxError,
        EOFError,
    ) as error:
        raise RequestError(f"The picture can't be read ({len(body)} bytes); {wanted}.") from error
    cells = pixels.reshape(sheet.rows, sheet.height, SPRITE_COLUMNS, sheet.width, 3).swapaxes(1, 2)
    frames: NDArray[np.uint8] = cells.reshape(-1, sheet.height, sheet.width, 3)[: sheet.count]
    return np.ascontiguousarray(frames)
