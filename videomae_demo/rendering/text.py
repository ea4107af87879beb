"""Words on pictures: measured, wrapped, and drawn.

Owns the font, the colours of the page, and the breaking of lines. Nothing is ever clipped: what
does not fit on a line is wrapped. Knows nothing of what the words say.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from videomae_demo.rendering.frames import Pixels

PAPER = (255, 255, 255)
INK = (32, 33, 36)
FAINT_INK = (102, 106, 112)
LINE_SPACING = 1.32  # height of a line, in sizes of the font
NO_BREAK = "\u00a0"
# Letters are drawn this many times larger and then averaged: small text then keeps its spacing.
FINER = 4


@functools.cache
def _font(size_px: int, ascii_only: bool) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return Pillow's own font, which has few letters beyond ASCII, or else that of matplotlib."""
    if ascii_only:
        return ImageFont.load_default(size=size_px)
    return ImageFont.truetype(
        str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"),
        # DejaVu's letters are larger than others of the same size.
        round(size_px * 0.9),
    )


def line_px(size_px: int) -> int:
    """Height of a line of text in pixels."""
    return round(size_px * LINE_SPACING)


def width_px(text: str, size_px: int) -> int:
    """Width of one line of text in pixels, rounded up."""
    return math.ceil(_font(size_px * FINER, text.isascii()).getlength(text) / FINER)


def words(text: str) -> list[str]:
    """Split text where lines may break: at spaces, but not at a no-break space."""
    return [word.replace(NO_BREAK, " ") for word in re.split(r"[ \t\r\n]+", text) if word]


def longest_word_px(text: str, size_px: int) -> int:
    """Width of the longest word in pixels, 0 without words; a narrower line would break it."""
    return max((width_px(word, size_px) for word in words(text)), default=0)


def wrap(text: str, size_px: int, limit_px: int) -> list[str]:
    """Break text into lines of at most `limit_px`, between words, or within a word that is longer.

    Line breaks in the text are kept as spaces. An empty text has no lines.
    """
    lines: list[str] = []
    line = ""
    for word in words(text):
        joined = f"{line} {word}" if line else word
        if width_px(joined, size_px) <= limit_px:
            line = joined
            continue
        if line:
            lines.append(line)
        *whole, line = _break_word(word, size_px, limit_px)
        lines += whole
    return [*lines, line] if line else lines


def _break_word(word: str, size_px: int, limit_px: int) -> list[str]:
    parts = [""]
    for letter in word:
        if parts[-1] and width_px(parts[-1] + letter, size_px) > limit_px:
            parts.append("")
        parts[-1] += letter
    return parts


def write(
    canvas: Pixels,
    line: str,
    left: int,
    top: int,
    size_px: int,
    colour: tuple[int, int, int] = INK,
) -> None:
    """Draw one line of text into `canvas` (H, W, 3) uint8, its box at (`left`, `top`) in pixels."""
    box = canvas[top : top + line_px(size_px)]
    ink = Image.new("L", (box.shape[1] * FINER, box.shape[0] * FINER))
    # "ls" fixes the baseline, so that lines with and without descenders stand alike.
    ImageDraw.Draw(ink).text(
        (left * FINER, round(size_px * 1.02 * FINER)),
        line,
        fill=255,
        font=_font(size_px * FINER, line.isascii()),
        anchor="ls",
    )
    cover = np.asarray(ink.reduce(FINER), dtype=np.float32)[..., None] / 255
    box[:] = np.rint(box + cover * (np.array(colour, dtype=np.float32) - box))


def paragraph(
    words: str, size_px: int, width_px: int, colour: tuple[int, int, int] = INK
) -> Pixels:
    """Return the text, wrapped, as a picture (lines * line_px, width_px, 3) uint8."""
    lines = wrap(words, size_px, width_px)
    picture = sheet(len(lines) * line_px(size_px), width_px)
    for number, line in enumerate(lines):
        write(picture, line, 0, number * line_px(size_px), size_px, colour)
    return picture


def sheet(height: int, width: int) -> Pixels:
    """Return blank paper, (height, width, 3) uint8."""
    return np.full((height, width, 3), PAPER, dtype=np.uint8)


def stack(pictures: Sequence[Pixels], gap: int) -> Pixels:
    """Put pictures under each other, `gap` pixels apart; empty ones are left out."""
    shown = [picture for picture in pictures if picture.size]
    width = max((picture.shape[1] for picture in shown), default=0)
    height = sum(len(picture) for picture in shown) + gap * max(0, len(shown) - 1)
    whole = sheet(height, width)
    top = 0
    for picture in shown:
        whole[top : top + len(picture), : picture.shape[1]] = picture
        top += len(picture) + gap
    return whole
