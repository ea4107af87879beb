"""A filmstrip: all frames of a clip on one sheet, tracks under each other, column by column.

Owns the layout of the sheet. Knows nothing of how the frames were made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from videomae_demo.errors import RequestError
from videomae_demo.rendering import text
from videomae_demo.rendering.colour import Scale
from videomae_demo.rendering.frames import Pixels, Track, check_tracks, resize
from videomae_demo.rendering.legend import legend

# Small frames are enlarged by a whole number of times up to about this width.
COMFORTABLE_CELL_PX = 144
# In sizes of the font:
LEGEND_WIDTH = 24
NARROWEST_TEXT = 30
WIDEST_TITLE = 9


@dataclass(frozen=True, slots=True)
class _Layout:
    """Sizes on the sheet, in pixels."""

    columns: int
    cell_height: int
    cell_width: int
    text_px: int
    gutter: int  # room for the tracks' titles, left of the frames
    gap: int  # between neighbouring frames; never so small that their times touch

    @property
    def strip_width(self) -> int:
        """Of a full line of frames."""
        return self.columns * (self.cell_width + self.gap) - self.gap

    @property
    def room(self) -> int:
        """For heading, legend and footnotes: as wide as the frames, or more where these are few."""
        return max(self.strip_width, NARROWEST_TEXT * self.text_px)


def filmstrip(
    tracks: Sequence[Track],
    timestamps_s: ArrayLike,
    *,
    heading: str = "",
    scale: Scale | None = None,
    values_above: bool = False,
    footnotes: Sequence[str] = (),
    columns: int = 8,
    cell_px: int | None = None,
) -> Pixels:
    """Lay all frames out on one white sheet.

    The frames run in lines of `columns`. In each line the tracks stand under each other, so that
    the frames of one moment share a column; their time stands above it. Titles stand at the left,
    legend and footnotes below.

    Parameters
    ----------
    tracks : sequence of Track
        All with T frames of the same height and width.
    timestamps_s : (T,) float
        When each frame was taken, in seconds.
    heading : str
        At the top; wrapped if long.
    scale : Scale, optional
        Draws a legend, for tracks that show an overlay or other values.
    values_above : bool
        See `legend`.
    footnotes : sequence of str
        Sentences below, each on lines of its own.
    columns : int
        Frames per line, 1 or more.
    cell_px : int, optional
        Width of one frame on the sheet, 16 or more. By default the frames' own width, and small
        frames enlarged by a whole number of times.

    Returns
    -------
    (H, W, 3) uint8

    Raises
    ------
    RequestError
        When tracks and times don't match one another, or a size is out of range.
    """
    times_s = np.asarray(timestamps_s, dtype=np.float64)
    count = _check(tracks, times_s, columns, cell_px)
    layout = _lay_out(tracks, times_s, min(columns, count), cell_px)
    titles = [text.paragraph(t.title, layout.text_px, layout.gutter) for t in tracks]
    pictures = [resize(t.frames, layout.cell_height, layout.cell_width) for t in tracks]
    lines = []
    for start in range(0, count, layout.columns):
        moment = slice(start, start + layout.columns)
        rows = [
            _row(title, frames[moment], layout)
            for title, frames in zip(titles, pictures, strict=True)
        ]
        lines.append(text.stack([_times(times_s[moment], layout), *rows], layout.gap))
    parts = [
        _beside(text.paragraph(heading, round(layout.text_px * 1.4), layout.room), layout),
        text.stack(lines, layout.text_px),
        _foot(scale, values_above, footnotes, layout),
    ]
    margin = 2 * layout.text_px
    return np.pad(
        text.stack(parts, round(1.5 * layout.text_px)),
        ((margin, margin), (margin, margin), (0, 0)),
        constant_values=255,
    )


def _check(
    tracks: Sequence[Track], times_s: NDArray[np.float64], columns: int, cell_px: int | None
) -> int:
    count = check_tracks(tracks)
    sizes = {track.frames.shape[1:3] for track in tracks}
    if len(sizes) > 1:
        raise RequestError(
            f"All tracks of a filmstrip must have frames of one size; these have {sizes}."
        )
    if times_s.shape != (count,):
        raise RequestError(
            f"Timestamps of the shape {times_s.shape} don't fit {count} frames; give one each."
        )
    if columns < 1:
        raise RequestError(f"A filmstrip can't have {columns} columns; it needs 1 or more.")
    if cell_px is not None and cell_px < 16:
        raise RequestError(f"Frames {cell_px} px wide can't be seen; choose 16 px or more.")
    return count


def _lay_out(
    tracks: Sequence[Track], times_s: NDArray[np.float64], columns: int, cell_px: int | None
) -> _Layout:
    height, width = tracks[0].frames.shape[1:3]
    cell_width = cell_px or width * max(1, round(COMFORTABLE_CELL_PX / width))
    text_px = min(22, max(14, round(cell_width * 0.1)))
    titles = [track.title for track in tracks]
    longest_word = max(text.longest_word_px(title, text_px) for title in titles)
    one_line = max(text.width_px(title, text_px) for title in titles)
    wrapped = max(WIDEST_TITLE * text_px, min(longest_word, 2 * WIDEST_TITLE * text_px))
    gutter = min(one_line, wrapped)
    widest_time = max(text.width_px(_time(time_s), text_px) for time_s in times_s)
    return _Layout(
        columns=columns,
        cell_height=max(1, round(height * cell_width / width)),
        cell_width=cell_width,
        text_px=text_px,
        gutter=gutter,
        gap=max(4, text_px // 3, widest_time + text_px // 2 - cell_width),
    )


def _times(times_s: NDArray[np.float64], layout: _Layout) -> Pixels:
    """One line of times, each at the left edge of its frame."""
    picture = text.sheet(text.line_px(layout.text_px), layout.strip_width)
    for column, time_s in enumerate(times_s):
        left = column * (layout.cell_width + layout.gap)
        text.write(picture, _time(time_s), left, 0, layout.text_px, text.FAINT_INK)
    return _beside(picture, layout)


def _time(time_s: float) -> str:
    return f"{time_s:.2f} s"


def _row(title: Pixels, frames: Pixels, layout: _Layout) -> Pixels:
    """Frames next to each other, their title at the left."""
    height = max(len(title), layout.cell_height)
    picture = text.sheet(height, layout.strip_width)
    for column, frame in enumerate(frames):
        left = column * (layout.cell_width + layout.gap)
        picture[: layout.cell_height, left : left + layout.cell_width] = frame
    picture = _beside(picture, layout)
    picture[: len(title), : layout.gutter] = title
    return picture


def _beside(picture: Pixels, layout: _Layout) -> Pixels:
    """Leave the gutter free, so that all but the titles shares the first frame's left edge."""
    if not layout.gutter:
        return picture
    space = layout.gutter + layout.text_px
    return np.pad(picture, ((0, 0), (space, 0), (0, 0)), constant_values=255)


def _foot(
    scale: Scale | None, values_above: bool, footnotes: Sequence[str], layout: _Layout
) -> Pixels:
    parts = []
    if scale is not None:
        width = min(layout.room, LEGEND_WIDTH * layout.text_px)
        parts.append(legend(width, scale, text_px=layout.text_px, values_above=values_above))
    notes = [
        text.paragraph(note, layout.text_px, layout.room, text.FAINT_INK) for note in footnotes
    ]
    parts.append(text.stack(notes, layout.gap))
    return _beside(text.stack(parts, layout.text_px), layout)
