"""What the page says of the clip and of the weights, whatever lens is open.

Computes no result.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from videomae_demo.checkpoints.catalog import find_entry
from videomae_demo.engine.clips import Overview, SeenClip
from videomae_demo.errors import ExplorerError
from videomae_demo.ui import text
from videomae_demo.ui.lenses.lens import make_pane
from videomae_demo.ui.panel import panel
from videomae_demo.ui.token_player.sprites import SaveBytes, sprite
from videomae_demo.ui.token_player.value import View, Whole

if TYPE_CHECKING:
    from videomae_demo.engine.roles import CheckpointCard
    from videomae_demo.explorer import Explorer
    from videomae_demo.video.changes import ClipChange

LEAST_ROOM_S = 0.5
CLIP_TITLE = "the clip{how} cropped as the model saw it"
GIVEN_TITLE = "the clip{how} as the model gets it"
CLIP_HINT = (
    "These {count} frames are all that the model saw of the clip, and it saw them at {seen}; here "
    "they are {shown}. Choose a token, and Attend starts from it."
)


def clip_view(
    seen: SeenClip,
    given: NDArray[np.uint8],
    card: CheckpointCard,
    save: SaveBytes,
    change: ClipChange | None = None,
) -> View:
    """Show the frames alone: as people see them, and as they are `given` to the model."""
    hint = CLIP_HINT.format(
        count=len(seen.timestamps_s),
        seen=_size(card.frame_size),
        shown=_size(seen.frames.shape[1:3]),
    )
    how = "" if change is None else f" {change.title},"
    track = sprite("clip", CLIP_TITLE.format(how=how or ","), seen.frames, save)
    small = sprite("given", GIVEN_TITLE.format(how=how or ","), given, save)
    return View(
        title="The frames the model saw",
        panes=(make_pane(seen, card, track, given=small),),
        hint=hint,
        text=hint,
        chooses=True,
    )


def weights_panel(explorer: Explorer, reconstructor: str = "") -> list[panel.Block]:
    """Say which two checkpoints are at work, where, how fast, and under which licences.

    Without a name, the `reconstructor` is loaded to have one.
    """
    card = explorer.recogniser.card
    recogniser = _introduce(card)
    if not reconstructor:
        try:
            reconstructor = _introduce(explorer.reconstructor.card)
        except ExplorerError as error:
            reconstructor = f"none ({error})"
    device = f"Device: {explorer.device}"
    if "recognise" in explorer.seconds:
        device += f", where a pass takes {text.duration(explorer.seconds['recognise'])}"
    halves = f"Recogniser: {recogniser}. Reconstructor: {reconstructor}. {device}."
    entry = find_entry(card.name)
    remark = entry.partner_note if entry is not None else None
    return [panel.small(halves), *([panel.note(remark)] if remark else [])]


def clip_panel(
    seen: SeenClip, card: CheckpointCard, view: View, change: ClipChange | None = None
) -> list[panel.Block]:
    """Say which part of the clip the model sees: in time, and of its frames."""
    height, width = seen.source_size
    box = seen.crop
    first, last = seen.timestamps_s[0], seen.timestamps_s[-1]
    what, cut_off = _seen_share(seen)
    sees = f"{what}; the rest is cut off" if cut_off else what
    rows = [
        ("clip", seen.path.name),
        ("length", f"{seen.duration_s:.2f} s, {width} x {height} px"),
        ("frames", f"{len(seen.timestamps_s)}, from {first:.2f} s to {last:.2f} s"),
        ("seen", sees),
        ("model's frames", _size(card.frame_size)),
    ]
    if change is not None:
        rows.insert(1, ("changed", change.title))
    track = view.panes[0].tracks[0]
    return [
        panel.crop(seen.source_size, (box.left, box.top, box.width, box.height), track),
        panel.facts(rows),
        *(panel.note(note) for note in (*seen.remarks, *seen.notes)),
    ]


def whole_clip(seen: SeenClip, overview: Overview, save: SaveBytes, *, scans: bool) -> Whole | None:
    """Show the whole clip, and where the window lies; None where it has no room to move.

    `scans` as in `Whole`.
    """
    first, last = float(seen.timestamps_s[0]), float(seen.timestamps_s[-1])
    if len(overview.frames) < 2 or seen.duration_s - (last - first) < LEAST_ROOM_S:
        return None
    times = tuple(round(time, 4) for time in overview.timestamps_s.tolist())
    track = sprite("whole", "the whole clip", overview.frames, save)
    return Whole(track, times, (first, last), scans)


def about_clip(seen: SeenClip, change: ClipChange | None = None) -> str:
    """Say in a line which part of the clip is seen: in time, and of its frames, and how."""
    first, last = seen.timestamps_s[0], seen.timestamps_s[-1]
    count = len(seen.timestamps_s)
    changed = "" if change is None else f"{change.title}; "
    return (
        f"{changed}{seen.duration_s:.2f} s; {count} frames, from {first:.2f} to {last:.2f} s; "
        f"{_seen_share(seen)[0]}"
    )


def _seen_share(seen: SeenClip) -> tuple[str, bool]:
    """Say which part of the frames is seen, and whether some is not."""
    height, width = seen.source_size
    box = seen.crop
    inside_height = min(box.top + box.height, height) - max(box.top, 0)
    inside_width = min(box.left + box.width, width) - max(box.left, 0)
    share = inside_height * inside_width / (height * width)
    return ("the whole frame", False) if share > 0.995 else (f"the middle {share:.0%}", True)


def _introduce(card: CheckpointCard) -> str:
    title = Path(card.title).name if Path(card.title).is_absolute() else card.title
    return f"{title}, licence {card.licence}"


def _size(height_width: Sequence[int]) -> str:
    height, width = height_width
    return f"{width} x {height} px"
