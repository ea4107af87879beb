"""Views in words: what the Explorer found as sentences and as plain values for JSON.

Owns the names of fields and the wording, the same for every face. Computes nothing, draws nothing.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from videomae_demo.video.sampling import SamplingRule
from videomae_demo.views import LabelsView, ReconstructionView, RolloutView, SeenClip

LEAK = "uses the hidden patches' true mean and contrast"
PICTURE_TITLES = {
    "prediction": "reconstruction",
    "visible-mean": "visible mean",
    "distance-weighted": "distance-weighted",
    "nearest-visible": "nearest visible",
    "copied-in-time": "copied in time",
    "true-patch-mean": "true patch mean",
}


def choice_of_frames(rule: SamplingRule, count: int) -> str:
    """Say how `count` frames are chosen; no whole sentence."""
    if rule.interval_s is not None:
        return f"{count} frames, one every {1000 * rule.interval_s:.0f} ms"
    if rule.step is not None:
        return f"{count} frames, one of every {rule.step} by number"
    return f"{count} frames spread over the whole clip"


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
    return result | describe_clip(view.clip) | {"notes": notes(view)}


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
        "notes": notes(view),
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
        "notes": notes(view),
    }


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


def notes(view: LabelsView | RolloutView | ReconstructionView) -> list[str]:
    """Return the sentences that a person must see: of the checkpoint, its frames, and the clip."""
    return [*view.checkpoint.notes, *view.clip.remarks, *view.clip.notes]
