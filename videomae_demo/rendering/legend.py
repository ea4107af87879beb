"""The legend of a scale: its colours in a bar, with numbers and unit.

Knows nothing of the picture it stands under.
"""

from __future__ import annotations

import math

import numpy as np

from videomae_demo.errors import RequestError
from videomae_demo.rendering import text
from videomae_demo.rendering.colour import Scale, colourise
from videomae_demo.rendering.frames import Pixels

SMALLEST_TEXT_PX = 8
MOST_TICKS = 5
BEYOND = "and beyond"
_ZERO_LINE = (255, 255, 255)  # across the dark middle of a diverging bar


def legend(width_px: int, scale: Scale, *, text_px: int = 14, values_above: bool = False) -> Pixels:
    """Draw the scale's title, its colours from low to high, and three to five of its values below.

    Both ends always show their value; a scale in units "x ..." also shows 1x, if there is room. The
    values between are round numbers. A diverging scale shows its ends, with their signs, and zero,
    which a line across the bar marks.

    Parameters
    ----------
    width_px : int
        Width of the whole.
    scale : Scale
    text_px : int
        Size of the font, 8 or more.
    values_above : bool
        Whether some values lie above the scale; the last number then reads "6x uniform or more". On
        a diverging scale, whether some lie beyond either end; "and beyond" then stands below both.

    Returns
    -------
    (h, width_px, 3) uint8
        On white, without a margin.

    Raises
    ------
    RequestError
        When the width is too small for the numbers at both ends, and zero on a diverging scale, or
        the text is too small to read.
    """
    if text_px < SMALLEST_TEXT_PX:
        raise RequestError(
            f"Text of {text_px} px can't be read; a legend needs {SMALLEST_TEXT_PX} px or more."
        )
    numbers = [(value, _number(value, scale)) for value in _tick_values(scale)]
    more = "or more" if values_above and not scale.is_diverging else ""
    last = " ".join(filter(None, (numbers[1][1], _unit(scale), more)))
    beyond = BEYOND if values_above and scale.is_diverging else ""
    # The last number stands under the bar's end, and the words after it to the right of the bar.
    after = max(text.width_px(words, text_px) for words in (last, beyond))
    bar_width = width_px + text.width_px(numbers[1][1], text_px) // 2 - after
    placed = _place(numbers, scale, bar_width, text_px)
    (_, first_left, _), (_, last_left, _) = placed[:2]
    if beyond and first_left + text.width_px(beyond, text_px) + text_px > last_left:
        raise _no_room(bar_width)
    title = text.paragraph(scale.title, text_px, width_px)
    bar_top = len(title) + (text_px // 3 if title.size else 0)
    bar_bottom = bar_top + max(6, round(text_px * 0.85))
    labels_top = bar_bottom + max(3, text_px // 4) + 1
    beyond_top = labels_top + text.line_px(text_px)
    picture = text.sheet(beyond_top + (text.line_px(text_px) if beyond else 0), width_px)
    picture[: len(title)] = title
    bar = np.linspace(scale.lower, scale.upper, bar_width)
    picture[bar_top:bar_bottom, :bar_width] = colourise(bar, scale)
    for at, left, number in placed:
        picture[bar_bottom : labels_top - 1, at] = text.FAINT_INK
        words = last if at == bar_width - 1 else number
        text.write(picture, words, left, labels_top, text_px, text.FAINT_INK)
        if scale.is_diverging and 0 < at < bar_width - 1:
            picture[bar_top:bar_bottom, at] = _ZERO_LINE
        elif beyond:
            text.write(picture, beyond, left, beyond_top, text_px, text.FAINT_INK)
    return picture


def _tick_values(scale: Scale) -> list[float]:
    """Return the values to write as numbers, the most important first."""
    if scale.is_diverging:
        return [scale.lower, scale.upper, 0.0]
    span = scale.upper - scale.lower
    power = 10.0 ** math.floor(math.log10(span))
    step = next(s * power for s in (0.25, 0.5, 1, 2, 2.5) if span / (s * power) <= 4.001)
    first = math.ceil(scale.lower / step)
    between = [step * n for n in range(first, first + 6) if scale.lower < step * n < scale.upper]
    one = [1.0] if scale.unit.startswith("x") and scale.lower < 1 < scale.upper else []
    return [scale.lower, scale.upper, *one, *(v for v in between if v not in one)]


def _number(value: float, scale: Scale) -> str:
    """Write to about three digits of the scale's span, with the x of units such as "x uniform".

    On a diverging scale a number above zero has its sign, as one below always has.
    """
    digits = max(0, 2 - math.floor(math.log10(scale.upper - scale.lower)))
    number = f"{value:.{digits}f}"
    if "." in number:
        number = number.rstrip("0").rstrip(".")
    if number in ("0", "-0"):
        return "0"
    if scale.is_diverging and value > 0:
        number = f"+{number}"
    return number + "x" if scale.unit.startswith("x") else number


def _unit(scale: Scale) -> str:
    return scale.unit.removeprefix("x").strip()


def _place(
    numbers: list[tuple[float, str]], scale: Scale, bar_width: int, text_px: int
) -> list[tuple[int, int, str]]:
    """Return (pixel of the tick, left edge of the number, number) of those that keep apart.

    Of two that would touch, the one that comes first in `numbers` stays; there must be room for
    both ends, and for all numbers of a diverging scale.
    """
    needed = len(numbers) if scale.is_diverging else 2
    placed: list[tuple[int, int, str]] = []
    taken: list[tuple[int, int]] = []
    for rank, (value, number) in enumerate(numbers):
        at = round((value - scale.lower) / (scale.upper - scale.lower) * (bar_width - 1))
        wide = text.width_px(number, text_px)
        left = max(0, at - wide // 2)
        free = all(left > end or left + wide < start for start, end in taken)
        if bar_width < 1 or (not free and rank < needed):
            raise _no_room(bar_width)
        if free and len(placed) < MOST_TICKS:
            placed.append((at, left, number))
            taken.append((left - text_px, left + wide + text_px))
    return placed


def _no_room(bar_width: int) -> RequestError:
    return RequestError(
        f"A legend's bar of {max(0, bar_width)} px has no room for its numbers; make the legend "
        "wider or its text smaller."
    )
