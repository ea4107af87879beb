"""Frames as sprites: the pictures of the token player, as files for the browser."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from videomae_demo.ui.token_player.value import Track

SaveBytes = Callable[[bytes, str], str]
"""Puts bytes under a file name into the page's cache and returns the path."""

SPRITE_COLUMNS = 4
LOSSLESS_PIXELS = 512 * 512
"""Sprites up to this size travel as PNG, larger ones as JPEG without colour subsampling."""
JPEG_QUALITY = 92


def sprite(name: str, title: str, frames: NDArray[np.uint8], save: SaveBytes) -> Track:
    """Lay (T, H, W, 3) frames out on one picture, row by row, and save it; names as in `Track`."""
    count, height, width, _ = frames.shape
    rows = -(-count // SPRITE_COLUMNS)
    file = save_picture(lay_out(frames), save)
    return Track(name, title, file, SPRITE_COLUMNS, rows, width, height)


def lay_out(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay (T, H, W, 3) frames out on one picture, `SPRITE_COLUMNS` a row."""
    count, height, width, _ = frames.shape
    rows = -(-count // SPRITE_COLUMNS)
    sheet = np.zeros((rows * SPRITE_COLUMNS, height, width, 3), np.uint8)
    sheet[:count] = frames
    sheet = sheet.reshape(rows, SPRITE_COLUMNS, height, width, 3).swapaxes(1, 2)
    picture: NDArray[np.uint8] = sheet.reshape(rows * height, SPRITE_COLUMNS * width, 3)
    return picture


def save_picture(picture: NDArray[np.uint8], save: SaveBytes) -> str:
    """Save a picture (H, W, 3) for the browser and return its path."""
    suffix, options = ".png", []
    if picture.shape[0] * picture.shape[1] > LOSSLESS_PIXELS:
        suffix = ".jpg"
        options = [
            cv2.IMWRITE_JPEG_QUALITY,
            JPEG_QUALITY,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
        ]
    _, encoded = cv2.imencode(suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)
    return save(encoded.tobytes(), f"picture{suffix}")
