"""A value per token, drawn over the frames of a clip: as a movie and as a filmstrip.

Owns how the pictures of all lenses that show such a map are laid out. Computes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from videomae_demo.engine.clips import SeenClip
from videomae_demo.lenses.answer import MOVIE_HEIGHT_PX, frame_rate
from videomae_demo.rendering.colour import Scale
from videomae_demo.rendering.frames import Pixels, Track
from videomae_demo.rendering.overlay import hide, overlay

_CELL_PX = 160


@dataclass(frozen=True, slots=True, eq=False)
class ClipMap:
    """What is drawn over a clip.

    Attributes
    ----------
    clip : SeenClip
    title : str
        What the map is called.
    values : ndarray
        (time, height, width) float, on `scale`.
    scale : Scale
    hidden : ndarray or None
        (time, height, width) bool, True = greyed in the clip's own picture.
    """

    clip: SeenClip
    title: str
    values: NDArray[np.floating]
    scale: Scale
    hidden: NDArray[np.bool_] | None = None

    @property
    def is_beyond_scale(self) -> bool:
        """Whether a value lies beyond the scale."""
        sizes = np.abs(self.values) if self.scale.is_diverging else self.values
        return bool(sizes.max() > self.scale.upper)

    def write_movie(self, path: Path, footnote: str) -> Path:
        """Write an mp4 of the clip and the map side by side; return its path."""
        from videomae_demo.rendering.side_by_side import side_by_side
        from videomae_demo.video.encode import write_mp4

        movie = side_by_side(
            self._tracks(),
            height_px=MOVIE_HEIGHT_PX,
            scale=self.scale,
            values_above=self.is_beyond_scale,
            footnote=footnote,
        )
        return write_mp4(path, movie, frame_rate(self.clip))

    def filmstrip(self, heading: str, footnotes: Sequence[str]) -> Pixels:
        """Draw all frames and the map over them on one sheet."""
        from videomae_demo.rendering.filmstrip import filmstrip

        return filmstrip(
            self._tracks(),
            self.clip.timestamps_s.tolist(),
            heading=heading,
            scale=self.scale,
            values_above=self.is_beyond_scale,
            footnotes=footnotes,
            cell_px=_CELL_PX,
        )

    def _tracks(self) -> list[Track]:
        frames = self.clip.frames
        shown = frames if self.hidden is None else hide(frames, self.hidden)
        return [
            Track("the clip, cropped as the model saw it", shown),
            Track(self.title, overlay(shown, self.values, self.scale)),
        ]
