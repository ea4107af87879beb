"""A gallery of small maps, in lines and columns, on one scale.

Owns the layout of the sheet, and of the bare tiles that a page cuts apart. Knows nothing of what
the maps are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from videomae_demo.errors import RequestError
from videomae_demo.rendering import text
from videomae_demo.rendering.colour import Scale, colourise
from videomae_demo.rendering.frames import Pixels, resize
from videomae_demo.rendering.legend import legend

TEXT_PX = 15
TILE_PX = 72  # of a map's longer side, about
GAP_PX = 6
MARGIN_PX = 24
# In sizes of the font:
LEGEND_WIDTH = 24
NARROWEST = 30


def tiles(maps: NDArray[np.floating], scale: Scale) -> Pixels:
    """Draw maps next to each other without gaps, a pixel for each value.

    Parameters
    ----------
    maps : (lines, columns, height, width) float
    scale : Scale

    Returns
    -------
    (lines * height, columns * width, 3) uint8
    """
    lines, columns, height, width = maps.shape
    laid = maps.transpose(0, 2, 1, 3).reshape(lines * height, columns * width)
    return colourise(laid, scale)


def gallery(
    maps: NDArray[np.floating],
    captions: Sequence[Sequence[str]],
    lines: Sequence[str],
    *,
    heading: str,
    scale: Scale,
    values_above: bool = False,
    footnotes: Sequence[str] = (),
) -> Pixels:
    """Lay small maps out on one white sheet, a caption below each, a legend below all.

    Parameters
    ----------
    maps : (lines, columns, height, width) float
        All on `scale`.
    captions : sequence of sequences of str
        One for each map; a short word or number.
    lines : sequence of str
        The title of each line, at its left.
    heading : str
        Wrapped if long.
    scale : Scale
    values_above : bool
        See `legend`.
    footnotes : sequence of str
        Sentences below, each on lines of its own.

    Returns
    -------
    (H, W, 3) uint8

    Raises
    ------
    RequestError
        When there is not one title per line, or not one caption per map.
    """
    if len(lines) != len(maps) or [len(line) for line in captions] != [maps.shape[1]] * len(maps):
        raise RequestError(
            f"{maps.shape[0]} x {maps.shape[1]} maps need a title per line and a caption each; "
            f"{len(lines)} titles and {[len(line) for line in captions]} captions were given."
        )
    larger = max(1, round(TILE_PX / max(maps.shape[2:])))  # whole, so that borders stay sharp
    height, wide = larger * maps.shape[2], larger * maps.shape[3]
    widest = max(text.width_px(one, TEXT_PX) for line in captions for one in line)
    step = max(wide, widest) + GAP_PX
    gutter = max(text.width_px(line, TEXT_PX) for line in lines) + TEXT_PX
    room = max(maps.shape[1] * step - GAP_PX, NARROWEST * TEXT_PX)
    rows = []
    for title, line, said in zip(lines, maps, captions, strict=True):
        sheet = text.sheet(height + text.line_px(TEXT_PX), gutter + room)
        text.write(sheet, title, 0, height // 2 - TEXT_PX // 2, TEXT_PX)
        for column, (tile, caption) in enumerate(zip(line, said, strict=True)):
            left = gutter + column * step
            drawn = resize(colourise(tile, scale)[None], height, wide)
            sheet[:height, left : left + wide] = drawn[0]
            text.write(sheet, caption, left, height, TEXT_PX, text.FAINT_INK)
        rows.append(sheet)
    width = min(room, LEGEND_WIDTH * TEXT_PX)
    below = [
        legend(width, scale, text_px=TEXT_PX, values_above=values_above),
        *(text.paragraph(note, TEXT_PX, gutter + room, text.FAINT_INK) for note in footnotes),
    ]
    whole = text.stack(
        [
            text.paragraph(heading, round(1.4 * TEXT_PX), gutter + room),
            text.stack(rows, GAP_PX),
            text.stack(below, GAP_PX),
        ],
        TEXT_PX,
    )
    margin = (MARGIN_PX, MARGIN_PX)
    return np.pad(whole, (margin, margin, (0, 0)), constant_values=255)
