"""What do many masks say together? The words, maps and files of a reconstruction behind many.

Computes nothing, and needs no torch.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from videomae_demo.engine.clips import SeenClip
from videomae_demo.lenses.answer import share
from videomae_demo.rendering.colour import Scale
from videomae_demo.rendering.frames import Track, to_uint8, write_png
from videomae_demo.rendering.overlay import overlay

if TYPE_CHECKING:  # for annotations alone
    from videomae_demo.analysis.many_masks import ManyMasks

RMS = "RMS (of 1)"
LEAK = (
    "This decoder predicts normalised pixels, so the hidden tokens' true mean and contrast are put "
    "back: error and surprise are smaller than they would be without that leak."
)
NO_ALARM = (
    "Surprise is no alarm: it tells where the model is further from the clip than a blend of what "
    "is near, and models of this kind rebuild odd things well, too."
)


def rms(values: NDArray[np.float32]) -> float:
    """Return the root of the mean square of a map, over all tokens."""
    return math.sqrt(float(np.square(values, dtype=np.float64).mean()))


def ahead(many: ManyMasks) -> float:
    """Return on which share of the tokens the model is nearer than the filling."""
    return float((many.surprise < 0).mean())


def most_surprising(many: ManyMasks) -> tuple[int, int, int]:
    """Return the place (time, row, column) of the token with the largest surprise."""
    time, row, column = np.unravel_index(int(many.surprise.argmax()), many.surprise.shape)
    return int(time), int(row), int(column)


def many_sentences(many: ManyMasks, clip: SeenClip) -> list[str]:
    """Say how many masks there were, how far predictions lie, and what surprises."""
    if many.done < 1:
        return [f"{many.masks} of {many.planned} masks are tried so far."]
    place = most_surprising(many)
    value = float(many.surprise[place])
    time_s = clip.timestamps_s[place[0] * (len(clip.timestamps_s) // len(many.times))]
    where = f"time {time_s:.2f} s, row {place[1]}, column {place[2]}"
    said = [
        f"{many.masks} masks hid each token {many.times.min()} to {many.times.max()} times.",
        f"Predictions lie {rms(many.error):.3f} {RMS} from the original and "
        f"{rms(many.spread):.3f} from their own mean; the distance-weighted filling lies "
        f"{rms(many.filling_error):.3f} from the original.",
        f"The model is nearer than that filling on {share(ahead(many))} of the tokens. "
        + (
            f"The most surprising one is at {where}: {value:+.3f}."
            if value > 0
            else f"It loses nowhere; it gains least at {where}: {value:+.3f}."
        ),
        NO_ALARM,
    ]
    return [*said, LEAK] if many.leaks else said


def many_json(many: ManyMasks) -> dict[str, Any]:
    """Return the figures, ready for JSON."""
    place = most_surprising(many)
    return {
        "masks": many.masks,
        "planned": many.planned,
        "hidden_times": [int(many.times.min()), int(many.times.max())],
        "error_rms": rms(many.error),
        "spread_rms": rms(many.spread),
        "filling_error_rms": rms(many.filling_error),
        "share_ahead_of_filling": ahead(many),
        "most_surprising": {"token": list(place), "surprise": float(many.surprise[place])},
        "leaks": many.leaks,
    }


def many_scales(many: ManyMasks) -> tuple[Scale, Scale]:
    """Return the scale that error and spread share, and that of the surprise."""
    known = np.concatenate([many.error, many.spread])
    upper = max(float(np.nanmax(known)), 1e-6)
    size = max(float(np.nanmax(np.abs(many.surprise))), 1e-6)
    return (
        Scale(upper, title="error and spread", unit=RMS),
        Scale.diverging(size, title="surprise: error less the filling's", unit=RMS),
    )


def save_many(many: ManyMasks, clip: SeenClip, target: NDArray[np.float32], to: Path) -> list[Path]:
    """Write ``many.npz``, ``many.png`` and ``surprise.png`` into a folder; return their paths.

    Arrays: ``times`` (time, height, width) int64; ``mean`` (T, H, W, 3) float32 in 0..1; and
    ``spread``, ``error``, ``filling_error``, ``surprise`` (time, height, width) float32.
    """
    from videomae_demo.lenses.answer import write_npz
    from videomae_demo.rendering.filmstrip import filmstrip

    def sheet(tracks: list[Track], scale: Scale) -> NDArray[np.uint8]:
        return filmstrip(
            tracks,
            clip.timestamps_s.tolist(),
            heading=f"Behind {many.masks} masks: {clip.path.name}",
            scale=scale,
            footnotes=many_sentences(many, clip),
            cell_px=128,
        )

    frames, (plain, signed) = to_uint8(target), many_scales(many)
    original = Track("original", frames)
    path = to / "many.npz"
    write_npz(path, many_arrays(many))
    maps = [
        original,
        Track("mean prediction", to_uint8(many.mean)),
        Track("error", overlay(frames, many.error, plain, smooth=False)),
        Track("spread", overlay(frames, many.spread, plain, smooth=False)),
    ]
    surprise = Track("surprise", overlay(frames, many.surprise, signed, smooth=False))
    return [
        path,
        write_png(to / "many.png", sheet(maps, plain)),
        write_png(to / "surprise.png", sheet([original, surprise], signed)),
    ]


def many_arrays(many: ManyMasks) -> dict[str, NDArray[Any]]:
    """Return the arrays that `save_many` describes."""
    return {
        "times": many.times,
        "mean": many.mean,
        "spread": many.spread,
        "error": many.error,
        "filling_error": many.filling_error,
        "surprise": many.surprise,
    }
