"""Views to take away: JSON, NPZ, mp4 and PNG of what the Explorer found, the same for every face.

Owns the names of files and fields. Computes nothing.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from videomae_demo.analysis.reconstruction import Picture
from videomae_demo.rendering.colour import Scale
from videomae_demo.rendering.filmstrip import filmstrip
from videomae_demo.rendering.frames import Track, to_uint8, write_png
from videomae_demo.rendering.overlay import hide, overlay
from videomae_demo.rendering.plots import label_bars, save_figure, time_curve
from videomae_demo.rendering.side_by_side import side_by_side
from videomae_demo.roles import CheckpointCard
from videomae_demo.video.encode import write_mp4
from videomae_demo.views import LabelsView, ReconstructionView, RolloutView, SeenClip

MOVIE_HEIGHT_PX = 320

LEAK = "uses the hidden patches' true mean and contrast"
PICTURE_TITLES = {
    "prediction": "reconstruction",
    "visible-mean": "visible mean",
    "distance-weighted": "distance-weighted",
    "nearest-visible": "nearest visible",
    "true-patch-mean": "true patch mean",
}


def describe_clip(clip: SeenClip) -> dict[str, Any]:
    """Return what was seen of a clip, ready for JSON."""
    height, width = clip.source_size
    crop = clip.crop
    return {
        "path": str(clip.path),
        "duration_s": round(clip.duration_s, 6),
        "source": {"height": height, "width": width},
        "crop": {
            "left": crop.left,
            "top": crop.top,
            "width": crop.width,
            "height": crop.height,
        },
        "frames": {
            "indices": clip.indices.tolist(),
            "timestamps_s": [round(t, 6) for t in clip.timestamps_s.tolist()],
            "repeated": clip.repeated,
        },
    }


def describe_labels(view: LabelsView, top_k: int, label: str | None = None) -> dict[str, Any]:
    """Return the best labels, and one that was asked for, ready for JSON."""
    found = view.classification
    result = {
        "checkpoint": view.checkpoint.name,
        "labels": [
            {"label": score.label, "probability": score.probability} for score in found.top(top_k)
        ],
        "entropy": found.entropy,
    }
    if label is not None:
        score = found.find(label)
        result["asked"] = {
            "label": score.label,
            "probability": score.probability,
            "rank": score.rank,
        }
    return result | describe_clip(view.clip) | {"notes": _notes(view.checkpoint, view.clip)}


def describe_rollout(view: RolloutView) -> dict[str, Any]:
    """Return where attention was highest, and how it spread over time, ready for JSON."""
    settings, scores = view.rollout.settings, view.rollout.times_uniform
    peak = np.unravel_index(int(scores.argmax()), scores.shape)
    return {
        "checkpoint": view.checkpoint.name,
        "start": view.start,
        "settings": {
            "fusion": settings.fusion,
            "discard": settings.discard,
            "first_layer": settings.first_layer,
            "last_layer": settings.last_layer,
            "query": settings.query,
        },
        "grid": list(scores.shape),
        "peak": {
            "token": [int(at) for at in peak],
            "times_uniform": float(scores.max()),
        },
        "over_time": view.rollout.over_time.tolist(),
        **describe_clip(view.clip),
        "notes": _notes(view.checkpoint, view.clip),
    }


def describe_reconstruction(view: ReconstructionView) -> dict[str, Any]:
    """Return the measures of the reconstruction and of its baselines, ready for JSON."""
    result = view.reconstruction
    return {
        "checkpoint": view.checkpoint.name,
        "mask": {"kind": view.mask.kind, "ratio": view.mask.ratio, "seed": view.mask.seed},
        "grid": list(result.mask.shape),
        "hidden_tokens": int(result.mask.sum()),
        "loss": result.loss,
        "psnr_db": {
            picture.name: None if math.isinf(picture.psnr_db) else picture.psnr_db
            for picture in result.pictures
        },
        "leaks": [picture.name for picture in result.pictures if picture.leaks],
        **describe_clip(view.clip),
        "notes": _notes(view.checkpoint, view.clip),
    }


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
        Track("the clip, as the model saw it", clip.frames),
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
        footnotes=[sentence, *_notes(view.checkpoint, clip)],
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
        footnotes=[sentence, *_notes(view.checkpoint, clip)],
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
    return f"{PICTURE_TITLES[picture.name]} {picture.psnr_db:.1f}\u00a0dB{leak}"


def explain_rollout(view: RolloutView) -> str:
    """Say what the rollout's picture is, and what it is not."""
    settings = view.rollout.settings
    last = settings.last_layer
    layers = f"layers {settings.first_layer} to {last}" if last else "all layers"
    if not last and settings.first_layer > 1:
        layers = f"layers {settings.first_layer} to the last"
    dropped = f", the lowest {settings.discard:.0%} discarded" if settings.discard else ""
    return (
        f"Rollout follows attention through {layers} (heads fused by {settings.fusion}{dropped}), "
        f"starting from {view.start}. It shows where information could flow, not proof of cause."
    )


def explain_reconstruction(view: ReconstructionView) -> str:
    """Say what the reconstruction's picture is, how well it did, and whether it leaks."""
    result, mask = view.reconstruction, view.mask
    hidden = result.mask.mean()
    painted = mask.kind == "painted"
    drawn = "a mask painted by hand" if painted else f"{mask.kind} mask, seed {mask.seed}"
    scores = ", ".join(
        f"{PICTURE_TITLES[p.name]} {p.psnr_db:.1f}{' (leak)' if p.leaks else ''}"
        for p in result.pictures
    )
    leak = (
        f" The reconstruction {LEAK}, since this decoder predicts normalised pixels: compare it "
        "with the true patch mean, which is that leak alone."
        if result.prediction.leaks
        else ""
    )
    return (
        f"{hidden:.0%} of the tokens were hidden ({drawn}); visible "
        "ones are kept as they are. PSNR over hidden pixels in dB (higher is nearer): "
        f"{scores}.{leak}"
    )


def frame_rate(clip: SeenClip) -> float:
    """Return the rate at which the sampled frames play in real time, in frames per second."""
    span_s = float(clip.timestamps_s[-1 - clip.repeated] - clip.timestamps_s[0])
    steps = len(clip.timestamps_s) - 1 - clip.repeated
    return steps / span_s if span_s > 0 else 8.0


def _notes(card: CheckpointCard, clip: SeenClip) -> list[str]:
    return [*card.notes, *clip.notes]


def _write_json(path: Path, content: dict[str, Any]) -> Path:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return path
