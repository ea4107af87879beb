"""Views to take away: JSON, NPZ, mp4 and PNG of what the Explorer found, the same for every face.

Owns the names of files and of the arrays in them. Computes nothing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from videomae_demo.analysis.reconstruction import Picture
from videomae_demo.describe import (
    PICTURE_TITLES,
    decibels,
    describe_labels,
    explain_reconstruction,
    explain_rollout,
    notes,
)
from videomae_demo.rendering.colour import Scale
from videomae_demo.rendering.filmstrip import filmstrip
from videomae_demo.rendering.frames import Track, to_uint8, write_png
from videomae_demo.rendering.overlay import hide, overlay
from videomae_demo.rendering.plots import label_bars, save_figure, time_curve
from videomae_demo.rendering.side_by_side import side_by_side
from videomae_demo.video.encode import write_mp4
from videomae_demo.views import LabelsView, ReconstructionView, RolloutView, SeenClip

MOVIE_HEIGHT_PX = 320


def save_labels(view: LabelsView, folder: Path, top_k: int, label: str | None = None) -> list[Path]:
    """Write ``labels.json`` and ``labels.png`` (bars) into `folder`; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    top = view.classification.top(top_k)
    figure = label_bars([score.label for score in top], [score.probability for score in top])
    return [
        _write_json(folder / "labels.json", describe_labels(view, top_k, label)),
        save_figure(figure, folder / "labels.png"),
    ]


def save_rollout(view: RolloutView, folder: Path) -> list[Path]:
    """Write ``rollout.npz``, ``heatmap.mp4``, ``filmstrip.png`` and ``attention_over_time.png``.

    The array ``rollout`` is (time, height, width) float64 and sums to 1; ``timestamps_s`` are the
    frames' times.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rollout, clip = view.rollout, view.clip
    scale = Scale(upper=rollout.scale_end, title="attention rollout", unit="x uniform")
    above = bool(rollout.times_uniform.max() > scale.upper)
    tracks = [
        Track("the clip, cropped as the model saw it", clip.frames),
        Track("attention rollout", overlay(clip.frames, rollout.times_uniform, scale)),
    ]
    sentence = explain_rollout(view)
    arrays = folder / "rollout.npz"
    np.savez_compressed(
        arrays,
        rollout=rollout.scores,
        timestamps_s=clip.timestamps_s,
        indices=clip.indices,
    )
    movie = side_by_side(
        tracks, height_px=MOVIE_HEIGHT_PX, scale=scale, values_above=above, footnote=sentence
    )
    strip = filmstrip(
        tracks,
        clip.timestamps_s.tolist(),
        heading=f"Where and when the model looked: {clip.path.name}",
        scale=scale,
        values_above=above,
        footnotes=[sentence, *notes(view)],
        cell_px=160,
    )
    times_s = clip.timestamps_s.reshape(len(rollout.over_time), -1).mean(axis=1)
    curve = time_curve(times_s.tolist(), rollout.over_time)
    return [
        arrays,
        write_mp4(folder / "heatmap.mp4", movie, frame_rate(clip)),
        write_png(folder / "filmstrip.png", strip),
        save_figure(curve, folder / "attention_over_time.png"),
    ]


def save_reconstruction(view: ReconstructionView, folder: Path) -> list[Path]:
    """Write ``reconstruction.npz``, ``reconstruction.mp4`` and ``filmstrip.png`` into `folder`.

    Arrays: ``mask`` (time, height, width) bool; ``prediction`` and ``target`` (T, H, W, 3) float32
    in 0..1, the visible patches kept; ``token_error`` (time, height, width), NaN where visible; and
    for a decoder of normalised pixels, ``normalised`` (T, H, W, 3): its raw output.
    """
    folder.mkdir(parents=True, exist_ok=True)
    result, clip = view.reconstruction, view.clip
    arrays: dict[str, Any] = {
        "mask": result.mask,
        "prediction": result.prediction.frames,
        "target": result.target,
        "token_error": result.token_error,
    }
    if result.normalised is not None:
        arrays["normalised"] = result.normalised
    path = folder / "reconstruction.npz"
    np.savez_compressed(path, **arrays)
    tracks = reconstruction_tracks(view)
    sentence = explain_reconstruction(view)
    movie = side_by_side(tracks[:3], height_px=MOVIE_HEIGHT_PX, footnote=sentence)
    strip = filmstrip(
        tracks,
        clip.timestamps_s.tolist(),
        heading=f"What the model imagines behind the mask: {clip.path.name}",
        footnotes=[sentence, *notes(view)],
        cell_px=128,
    )
    return [
        path,
        write_mp4(folder / "reconstruction.mp4", movie, frame_rate(clip)),
        write_png(folder / "filmstrip.png", strip),
    ]


def reconstruction_tracks(view: ReconstructionView) -> list[Track]:
    """Return the original, what is visible, the reconstruction, and what to compare it with."""
    result = view.reconstruction
    target = to_uint8(result.target)
    tracks = [
        Track("original", target),
        Track("visible only", hide(target, result.mask)),
        *(Track(_title(picture), to_uint8(picture.frames)) for picture in result.pictures),
    ]
    if result.normalised is not None:
        tracks.insert(3, Track("raw prediction (normalised)", to_uint8(result.normalised)))
    return tracks


def _title(picture: Picture) -> str:
    leak = " (leak)" if picture.leaks else ""
    near = decibels(picture, "dB").replace(" ", "\u00a0")
    return f"{PICTURE_TITLES[picture.name]} {near}{leak}"


def frame_rate(clip: SeenClip) -> float:
    """Return the rate at which the sampled frames play in real time, in frames per second."""
    span_s = float(clip.timestamps_s[-1 - clip.repeated] - clip.timestamps_s[0])
    steps = len(clip.timestamps_s) - 1 - clip.repeated
    return steps / span_s if span_s > 0 else 8.0


def _write_json(path: Path, content: dict[str, Any]) -> Path:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return path
