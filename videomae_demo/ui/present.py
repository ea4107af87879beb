"""From the Explorer's results to what the page shows: the player's value, and panels.

Owns which picture stands in which lens, and the scales. Computes no result.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from videomae_demo.checkpoints.catalog import find_entry
from videomae_demo.engine.clips import SeenClip
from videomae_demo.errors import ExplorerError
from videomae_demo.lenses.answer import share as percentage
from videomae_demo.lenses.attend import RolloutView
from videomae_demo.lenses.recognise import MOTIONS_ONLY, LabelsView, how_sure, nearest_motion
from videomae_demo.lenses.reconstruct import (
    PICTURE_TITLES,
    ReconstructionView,
    decibels,
    how_near,
    never_visible,
)
from videomae_demo.rendering.frames import to_uint8
from videomae_demo.ui import text
from videomae_demo.ui.panel import panel

if TYPE_CHECKING:
    from videomae_demo.engine.roles import CheckpointCard
    from videomae_demo.explorer import Explorer

Value = dict[str, Any]
SaveBytes = Callable[[bytes, str], str]
"""Puts bytes under a file name into the page's cache and returns the path."""

CLIP_TITLE = "the clip, cropped as the model saw it"
SPRITE_COLUMNS = 4
LOSSLESS_PIXELS = 512 * 512
"""Sprites up to this size travel as PNG, larger ones as JPEG without colour subsampling."""
JPEG_QUALITY = 92
TOP_K = 5


def sprite(title: str, frames: NDArray[np.uint8], save: SaveBytes) -> Value:
    """Lay (T, H, W, 3) frames out on one picture, row by row, and save it."""
    count, height, width, _ = frames.shape
    rows = -(-count // SPRITE_COLUMNS)
    sheet = np.zeros((rows * SPRITE_COLUMNS, height, width, 3), np.uint8)
    sheet[:count] = frames
    sheet = sheet.reshape(rows, SPRITE_COLUMNS, height, width, 3).swapaxes(1, 2)
    picture = sheet.reshape(rows * height, SPRITE_COLUMNS * width, 3)
    return {
        "title": title,
        "file": save_picture(picture, save),
        "columns": SPRITE_COLUMNS,
        "rows": rows,
        "width": width,
        "height": height,
    }


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


def show_clip(seen: SeenClip, card: CheckpointCard, save: SaveBytes) -> Value:
    """Return a player's value that shows the frames alone."""
    hint = text.RECOGNISE_HINT.format(
        count=len(seen.timestamps_s),
        seen=_size(card.frame_size),
        shown=_size(seen.frames.shape[1:3]),
    )
    recognise = _lens(seen, card) | {
        "title": "The frames the model saw",
        "panes": [{"track": "clip"}],
        "chooses": True,
        "keys": text.STAGE_KEYS,
        "hint": hint,
        "text": hint,
    }
    return {
        "lenses": {"recognise": recognise},
        "tracks": {"clip": sprite(CLIP_TITLE, seen.frames, save)},
        "scores": {},
        "mask": None,
        "chosen": None,
    }


def show_rollout(player: Value, view: RolloutView) -> Value:
    """Add the lens of attention."""
    scores, query = view.rollout.times_uniform, view.rollout.settings.query
    upper = view.rollout.scale_end
    time, row, column = view.peak
    time_s = float(view.clip.timestamps_s[time * view.checkpoint.tubelet_size])
    attend = _lens(view.clip, view.checkpoint) | {
        "title": "Where and when the model looked",
        "panes": [{"track": "clip", "overlay": True}],
        "scores": "rollout",
        "chooses": True,
        "curve": view.rollout.over_time.tolist(),
        "keys": text.STAGE_KEYS,
        "hint": text.ATTEND_HINT,
        "text": f"Attention rollout. Highest: {scores.max():.1f}x uniform, at {time_s:.2f} s, "
        f"row {row}, column {column}.",
    }
    rollout = _scores("attention rollout", "x uniform", scores, upper, smooth=True)
    rollout |= {"above": bool(scores.max() > upper), "ticks": _ticks(upper)}
    return player | {
        "lenses": player["lenses"] | {"attend": attend},
        "scores": player["scores"] | {"rollout": rollout},
        "chosen": None if query is None else list(query),
    }


def show_reconstruction(
    player: Value, view: ReconstructionView, recogniser: CheckpointCard, save: SaveBytes
) -> Value:
    """Add the lens of reconstruction: original, visible, reconstruction, and one beside it."""
    result, tracks = view.reconstruction, {}
    tracks["target"] = sprite("original", to_uint8(result.target), save)
    for picture in result.pictures:
        leak = ", leaks" if picture.leaks else ""
        title = f"{PICTURE_TITLES[picture.name]} ({decibels(picture, 'dB')}{leak})"
        tracks[picture.name] = sprite(title, to_uint8(picture.frames), save)
    rival = result.rival
    best_first = sorted(
        result.baselines, key=lambda picture: (picture is not rival, -picture.psnr_db)
    )
    compare = [picture.name for picture in best_first]
    if result.normalised is not None:
        tracks["normalised"] = sprite(
            "raw prediction, normalised", to_uint8(result.normalised), save
        )
        compare.append("normalised")
    lens = _lens(view.clip, view.checkpoint) | {
        "title": "What the model imagines",
        "panes": [
            {"track": "target"},
            {"track": "target", "masked": True, "title": "visible only"},
            {"track": "prediction", "overlay": True},
            {"track": compare[0], "compare": True},
        ],
        "error": "error",
        "readout": "error",
        "masked": True,
        "compare": compare,
        "chooses": view.checkpoint.grid == recogniser.grid,
        "keys": text.STAGE_KEYS,
        "hint": text.RECONSTRUCT_HINT,
        "text": view.explanation(),
    }
    error = np.sqrt(result.token_error)
    upper = max(float(np.nanmax(error)), 1e-6)
    return player | {
        "lenses": player["lenses"] | {"reconstruct": lens},
        "tracks": player["tracks"] | tracks,
        "scores": player["scores"]
        | {"error": _scores("error per hidden token", "RMS (of 1)", error, upper, smooth=False)},
        "mask": {"data": _base64(result.mask.astype(np.uint8))},
    }


def weights_panel(explorer: Explorer) -> list[panel.Block]:
    """Say which two checkpoints are at work, where, and under which licences."""
    card = explorer.recogniser.card
    recogniser = _introduce(card)
    try:
        reconstructor = _introduce(explorer.reconstructor.card)
    except ExplorerError as error:
        reconstructor = f"none ({error})"
    halves = f"Recogniser: {recogniser}. Reconstructor: {reconstructor}. Device: {explorer.device}."
    entry = find_entry(card.name)
    remark = entry.partner_note if entry is not None else None
    return [panel.small(halves), *([panel.note(remark)] if remark else [])]


def clip_panel(seen: SeenClip, card: CheckpointCard, sprite_value: Value) -> list[panel.Block]:
    """Say which part of the clip the model sees: in time, and of its frames."""
    height, width = seen.source_size
    box = seen.crop
    inside_height = min(box.top + box.height, height) - max(box.top, 0)
    inside_width = min(box.left + box.width, width) - max(box.left, 0)
    share = inside_height * inside_width / (height * width)
    first, last = seen.timestamps_s[0], seen.timestamps_s[-1]
    sees = "the whole frame" if share > 0.995 else f"the middle {share:.0%}; the rest is cut off"
    rows = [
        ("clip", seen.path.name),
        ("length", f"{seen.duration_s:.2f} s, {width} x {height} px"),
        ("frames", f"{len(seen.timestamps_s)}, from {first:.2f} s to {last:.2f} s"),
        ("seen", sees),
        ("model's frames", _size(card.frame_size)),
    ]
    return [
        panel.crop(seen.source_size, (box.left, box.top, box.width, box.height), sprite_value),
        panel.facts(rows),
        *(panel.note(note) for note in (*seen.remarks, *seen.notes)),
    ]


def labels_panel(view: LabelsView, label: str | None, remark: str | None) -> list[panel.Block]:
    """Show the best labels, one that was asked for, and how sure the recogniser is.

    A `remark` says that these weights were not made for such a clip; then no label is a headline.
    """
    found = view.classification
    top = found.top(TOP_K)
    if remark is None:
        blocks = [panel.lead(top[0].label), panel.sentence(how_sure(found))]
    else:
        blocks = [panel.lead(MOTIONS_ONLY), panel.sentence(nearest_motion(found))]
    blocks.append(panel.bars([(s.label, s.probability) for s in top], marked=top[0].label))
    if label:
        asked = found.find(label)
        count = len(found.labels)
        blocks.append(
            panel.sentence(
                f"{asked.label}: {asked.probability:.2%}, rank {asked.rank} of {count}. "
                + text.verdict(asked.rank, count, TOP_K)
            )
        )
    if remark:
        blocks.append(panel.note(remark))
    return blocks + [panel.note(note) for note in view.checkpoint.notes]


def rollout_panel(view: RolloutView) -> list[panel.Block]:
    """Say what the picture of attention is, and what it is not."""
    scores = view.rollout.times_uniform
    over_time = view.rollout.over_time
    busiest = int(over_time.argmax())
    time_s = view.clip.timestamps_s[busiest * view.checkpoint.tubelet_size]
    return [
        panel.sentence(view.explanation()),
        panel.facts(
            [
                ("highest token", f"{scores.max():.1f}x uniform"),
                ("busiest moment", f"{time_s:.2f} s, {over_time[busiest]:.2f}x uniform"),
                ("tokens", " x ".join(str(size) for size in scores.shape) + " (time, row, column)"),
            ]
        ),
        *(panel.note(note) for note in view.checkpoint.notes),
    ]


def reconstruction_panel(view: ReconstructionView) -> list[panel.Block]:
    """Show how near the reconstruction came, beside baselines that need no model."""
    result, mask = view.reconstruction, view.mask
    hidden = int(result.mask.sum())
    rows: list[tuple[str, float | None]] = []
    for picture in result.pictures:
        name = PICTURE_TITLES[picture.name] + (" (leaks)" if picture.leaks else "")
        rows.append((name, None if np.isinf(picture.psnr_db) else picture.psnr_db))
    kind = "painted by hand" if mask.kind == "painted" else f"{mask.kind} mask, seed {mask.seed}"
    reasons = (view.other_share(), text.WHY_MASK.get(mask.kind, ""))
    explained = " ".join(reason for reason in reasons if reason)
    blocks = [
        panel.lead(
            f"{percentage(view.hidden_share)} hidden: {hidden} of {result.mask.size} tokens"
        ),
        panel.sentence(f"Mask: {kind}. {explained}"),
        panel.sentence(how_near(result)),
        panel.sentence(text.PSNR),
        panel.measures(rows, "dB", rows[0][0]),
        panel.sentence(view.made_by()),
    ]
    if never := never_visible(result):
        blocks.append(panel.sentence(never))
    if result.prediction.leaks:
        blocks.append(panel.note(text.LEAK))
    return blocks + [panel.note(note) for note in (*view.checkpoint.notes, *view.clip.remarks)]


def _introduce(card: CheckpointCard) -> str:
    title = Path(card.title).name if Path(card.title).is_absolute() else card.title
    return f"{title}, licence {card.licence}"


def _size(height_width: Sequence[int]) -> str:
    height, width = height_width
    return f"{width} x {height} px"


def _lens(seen: SeenClip, card: CheckpointCard) -> Value:
    return {
        "times": [round(time, 4) for time in seen.timestamps_s.tolist()],
        "grid": list(card.grid.shape),
        "tubelet": card.tubelet_size,
        "repeated": seen.repeated,
    }


def _scores(
    title: str, unit: str, values: NDArray[np.floating[Any]], upper: float, *, smooth: bool
) -> Value:
    return {
        "title": f"{title}, {unit}",
        "unit": unit,
        "data": _base64(values.astype("<f4")),
        "lower": 0.0,
        "upper": upper,
        "ticks": [0.0, upper],
        "above": False,
        "smooth": smooth,
    }


def _ticks(upper: float) -> list[float]:
    """Mark 0, the top, and an even share where there is room for it between them."""
    return [0.0, 1.0, upper] if 0.12 < 1 / upper < 0.75 else [0.0, upper]


def _base64(array: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
