"""Tracks next to each other in one stack of frames, to be encoded as a video.

Owns the layout of such a picture. Knows nothing of how the frames were made, nor of encoding.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from videomae_demo.errors import RequestError
from videomae_demo.rendering import text
from videomae_demo.rendering.colour import Scale
from videomae_demo.rendering.frames import Pixels, Track, check_tracks, resize
from videomae_demo.rendering.legend import legend

SMALLEST_HEIGHT_PX = 64
# In sizes of the font:
LEGEND_WIDTH = 24
NARROWEST_TEXT = 18


def side_by_side(
    tracks: Sequence[Track],
    *,
    height_px: int,
    scale: Scale | None = None,
    values_above: bool = False,
    footnote: str = "",
) -> Pixels:
    """Put the frames of several tracks next to each other, titles above, legend and footnote below.

    Parameters
    ----------
    tracks : sequence of Track
        All with T frames; each keeps its own proportions.
    height_px : int
        Height of the frames in the picture, 64 or more.
    scale : Scale, optional
        Draws a legend.
    values_above : bool
        See `legend`.
    footnote : str
        Wrapped if long.

    Returns
    -------
    (T, H', W', 3) uint8
        On white; H' and W' are even, as video encoders want them.

    Raises
    ------
    RequestError
        When the tracks don't match one another, or the height is out of range.
    """
    count = check_tracks(tracks)
    if height_px < SMALLEST_HEIGHT_PX:
        raise RequestError(
            f"A picture {height_px} px high can't be read; choose {SMALLEST_HEIGHT_PX} px or more."
        )
    text_px = min(24, max(14, round(height_px * 0.06)))
    widths = [max(1, round(t.frames.shape[2] * height_px / t.frames.shape[1])) for t in tracks]
    head, lefts = _head([track.title for track in tracks], widths, text_px)
    room = max(head.shape[1], NARROWEST_TEXT * text_px)
    foot = _foot(room, text_px, scale, values_above, footnote)
    top = text_px + len(head)
    foot_top = top + height_px + (text_px if foot.size else 0)
    page = text.sheet(_even(foot_top + len(foot) + text_px), _even(room + 2 * text_px))
    page[text_px:top, text_px : text_px + head.shape[1]] = head
    page[foot_top : foot_top + len(foot), text_px : text_px + foot.shape[1]] = foot
    pages = np.repeat(page[None], count, axis=0)
    for track, left, width in zip(tracks, lefts, widths, strict=True):
        frames = resize(track.frames, height_px, width)
        pages[:, top : top + height_px, text_px + left : text_px + left + width] = frames
    return pages


def _head(titles: Sequence[str], widths: Sequence[int], text_px: int) -> tuple[Pixels, list[int]]:
    """Return the line of titles, and where each track begins below it, in pixels."""
    columns = [
        max(width, text.longest_word_px(title, text_px))
        for title, width in zip(titles, widths, strict=True)
    ]
    lefts = [sum(columns[:index]) + text_px * index for index in range(len(columns))]
    words = [
        text.paragraph(title, text_px, column)
        for title, column in zip(titles, columns, strict=True)
    ]
    height = max(len(title) for title in words)
    head = text.sheet(height + (text_px // 3 if height else 0), lefts[-1] + columns[-1])
    for title, left in zip(words, lefts, strict=True):
        # Titles of one line and of two lines are equally near to their frames.
        head[height - len(title) : height, left : left + title.shape[1]] = title
    return head, lefts


def _foot(
    room: int, text_px: int, scale: Scale | None, values_above: bool, footnote: str
) -> Pixels:
    parts = []
    if scale is not None:
        width = min(room, LEGEND_WIDTH * text_px)
        parts.append(legend(width, scale, text_px=text_px, values_above=values_above))
    parts.append(text.paragraph(footnote, text_px, room, text.FAINT_INK))
    return text.stack(parts, text_px // 2)


def _even(size: int) -> int:
    return size + size % 2
