"""The clips that are named wrongly, as pictures: where the recogniser looked, on one scale for all.

Owns the pictures, and the command that opens a clip. Knows nothing of the page they stand on.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from videomae_demo.dataset.listing import Item
from videomae_demo.dataset.rows import Row
from videomae_demo.engine.clips import ClipRequest
from videomae_demo.engine.engine import Engine
from videomae_demo.errors import ExplorerError
from videomae_demo.lenses import attend
from videomae_demo.rendering.colour import Scale
from videomae_demo.rendering.filmstrip import filmstrip
from videomae_demo.rendering.frames import Track, resize, to_webp
from videomae_demo.rendering.overlay import overlay

if TYPE_CHECKING:
    from videomae_demo.dataset.evaluate import Evaluation

MOMENTS = 8
"""So many frames are drawn, spread over the window."""
CELL_PX = 104
COMMAND = "videomae-explorer explore"


@dataclass(frozen=True, slots=True, eq=False)
class WrongClip:
    """One clip that is named wrongly.

    Attributes
    ----------
    row : Row
    command : str
        Opens it, on the machine that judged it.
    picture : bytes or None
        A filmstrip as WebP: the clip, and its attention rollout; None if it can't be read now.
    peak : float
        The highest attention, times uniform.
    error : str
        Why there is no picture.
    """

    row: Row
    command: str
    picture: bytes | None = None
    peak: float = 0.0
    error: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class _Looked:
    """Where the recogniser looked: small frames, (T, H, W, 3) uint8, and the rollout over them."""

    frames: NDArray[np.uint8]
    times_s: NDArray[np.float64]
    values: NDArray[np.float64]
    scale_end: float


def draw_wrong_clips(
    engine: Engine, evaluation: Evaluation, rows: Sequence[Row]
) -> tuple[list[WrongClip], Scale | None]:
    """Roll attention out over clips, and draw all of them on one scale; None if there is none.

    The middle window of each clip is drawn. Costs a pass per clip.

    Raises
    ------
    Cancelled
        When nobody waits any more.
    """
    items = {item.name: item for item in evaluation.items}
    looked: list[_Looked | str] = []
    for row in rows:
        try:
            looked.append(_look(engine, evaluation, items[row.name]))
        except ExplorerError as error:
            looked.append(str(error))
    ends = [one.scale_end for one in looked if not isinstance(one, str)]
    scale = Scale(max(ends), title="attention rollout", unit="x uniform") if ends else None
    drawn = []
    for row, one in zip(rows, looked, strict=True):
        command = open_command(engine, evaluation, items[row.name], row)
        if isinstance(one, str) or scale is None:
            drawn.append(WrongClip(row, command, error=str(one)))
        else:
            drawn.append(WrongClip(row, command, _draw(one, scale), float(one.values.max())))
    return drawn, scale


def open_command(engine: Engine, evaluation: Evaluation, item: Item, row: Row) -> str:
    """Return the command that explores a clip as it was judged."""
    rule = evaluation.judging.sampling
    words = [*shlex.split(COMMAND), str(item.path), "--weights", engine.weights]
    if (rule or evaluation.card.sampling).kind != "uniform" and row.start_s is not None:
        words += ["--start", f"{row.start_s:.4f}".rstrip("0").rstrip(".")]
    if rule is not None:
        words += ["--sampling", str(rule)]
    return shlex.join(words)


def _look(engine: Engine, evaluation: Evaluation, item: Item) -> _Looked:
    view = attend.ask(engine, ClipRequest(item.path, sampling=evaluation.judging.sampling))
    height, width = view.clip.frames.shape[1:3]
    small = resize(view.clip.frames, max(1, round(height * CELL_PX / width)), CELL_PX)
    return _Looked(
        small, view.clip.timestamps_s, view.rollout.times_uniform, view.rollout.scale_end
    )


def _draw(looked: _Looked, scale: Scale) -> bytes:
    count = len(looked.frames)
    moments = np.linspace(0, count - 1, min(MOMENTS, count)).round().astype(int)
    over = overlay(looked.frames, looked.values, scale)
    picture = filmstrip(
        [Track("the clip", looked.frames[moments]), Track("attention", over[moments])],
        looked.times_s[moments].tolist(),
        columns=len(moments),
        cell_px=CELL_PX,
    )
    return to_webp(picture)
