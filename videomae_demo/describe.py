"""Views in words: what the Explorer found as sentences and as plain values for JSON.

Owns the names of fields and the wording, the same for every face. Every verdict is made from the
numbers that stand beside it, as they are shown. Computes nothing, draws nothing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from videomae_demo.video.sampling import SamplingRule
from videomae_demo.views import LabelsView, ReconstructionView, RolloutView, SeenClip

if TYPE_CHECKING:  # they need torch, and words do not
    from videomae_demo.analysis.classification import Classification, LabelScore
    from videomae_demo.analysis.reconstruction import Picture, Reconstruction

LEAK = "uses the hidden patches' true mean and contrast"
PICTURE_TITLES = {
    "prediction": "reconstruction",
    "visible-mean": "visible mean",
    "distance-weighted": "distance-weighted",
    "nearest-visible": "nearest visible",
    "copied-in-time": "copied in time",
    "true-patch-mean": "true patch mean",
}


MOTIONS_ONLY = "These weights know motions, not actions"

SURE, LIKELY = 0.8, 0.5
"""From these probabilities of the best label on, the recogniser is sure, or at least likely so."""
MOST_NAMED = 5
"""How many labels of a tie are named."""
UNITS = {
    "tube": "whole patches make it",
    "random": "whole tokens make it",
    "frame": "whole moments make it",
    "cell": "this mask goes in steps of a quarter, which makes it",
}
"""Why a mask hides another share than was asked for, by its kind."""


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
        "clip": clip.path.name,
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
        "checkpoint": view.checkpoint.public_name,
        "labels": [
            {"label": score.label, "probability": score.probability} for score in found.top(top_k)
        ],
        "verdict": how_sure(found, view.is_foreign),
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
        "checkpoint": view.checkpoint.public_name,
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
        "checkpoint": view.checkpoint.public_name,
        "stands_in_for": view.checkpoint.stands_in_for,
        "mask": {
            "kind": view.mask.kind,
            "ratio": view.hidden_share,
            "asked": view.mask.ratio,
            "seed": view.mask.seed,
        },
        "grid": list(result.mask.shape),
        "hidden_tokens": int(result.mask.sum()),
        "loss": result.loss,
        "psnr_db": {picture.name: _finite(picture.psnr_db) for picture in result.pictures},
        "compared_with": result.rival.name,
        "difference_db": _finite(result.prediction.psnr_db - result.rival.psnr_db),
        "verdict": how_near(result),
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
    """Say whose picture it is, what was hidden, how near it came, and whether it leaks."""
    result, mask = view.reconstruction, view.mask
    painted = mask.kind == "painted"
    drawn = "a mask painted by hand" if painted else f"{mask.kind} mask, seed {mask.seed}"
    scores = ", ".join(
        f"{PICTURE_TITLES[p.name]} {decibels(p)}{' (leak)' if p.leaks else ''}"
        for p in result.pictures
    )
    sentences = (
        f"{share(view.hidden_share)} of the tokens were hidden ({drawn}); visible ones are kept as "
        "they are.",
        other_share(view),
        f"PSNR over hidden pixels in dB (higher is nearer): {scores}.",
        how_near(result),
        f"The reconstruction {LEAK}, since this decoder predicts normalised pixels."
        if result.prediction.leaks
        else "",
        never_visible(result),
        made_by(view),
    )
    return " ".join(sentence for sentence in sentences if sentence)


def how_sure(found: Classification, is_foreign: bool = False) -> str:
    """Say how far the best label is ahead of the others; `is_foreign` as in `LabelsView`."""
    tied, (best, *others) = found.tied, found.top(2)
    if is_foreign:
        return f"{MOTIONS_ONLY}. {nearest_motion(found)}"
    if not others:
        return f"{best.label} is the only label that it knows."
    if len(tied) > MOST_NAMED:
        return (
            f"It can't tell: {len(tied)} of {len(found.labels)} labels are about equally probable, "
            f"the first of them {_named(best)}."
        )
    if len(tied) > 1:
        *first, last = map(_named, tied)
        return f"It is a tie between {', '.join(first)} and {last}."
    verdict = "It is sure" if best.probability >= SURE else "It hesitates"
    if best.probability < LIKELY:
        verdict = "It is unsure"
    return (
        f"{verdict}: {_named(best)}, and next {_named(others[0])}. A clip that shows none of these "
        "labels still gets one of them."
    )


def nearest_motion(found: Classification) -> str:
    """Name the best label without calling it right."""
    return f"The nearest motion: {_named(found.top(1)[0])}."


def how_near(result: Reconstruction) -> str:
    """Say by how much the reconstruction beats, or loses to, what it is to be compared with."""
    ours, rival = result.prediction, result.rival
    title = PICTURE_TITLES[rival.name]
    title = f"the {title}, which is its leak alone" if rival.leaks else f"the best filling, {title}"
    verdict = _compared(ours, rival, title)
    best = result.best_filling
    if rival.leaks and _shown_db(best) >= _shown_db(ours):
        verdict += (
            f" Even {PICTURE_TITLES[best.name]}, which leaks nothing, has {decibels(best, 'dB')}."
        )
    return verdict


def _compared(ours: Picture, other: Picture, title: str) -> str:
    gain_db = _shown_db(ours) - _shown_db(other)
    numbers = f"({decibels(ours)} against {decibels(other)})"
    if math.isnan(gain_db) or abs(gain_db) < 0.05:  # both are exact, or the same number is shown
        return f"The reconstruction is as near to the original as {title} {numbers}."
    word = "better" if gain_db > 0 else "worse"
    amount = word if math.isinf(gain_db) else f"{abs(gain_db):.1f} dB {word}"
    return f"The reconstruction is {amount} than {title} {numbers}."


def never_visible(result: Reconstruction) -> str:
    """Say how much of what is copied in time could not be; empty where nothing is missing."""
    count = result.never_visible
    if not count or not any(picture.name == "copied-in-time" for picture in result.baselines):
        return ""
    return (
        f"Of {int(result.mask.sum())} hidden tokens, {count} have a place that is never visible: "
        "those can't be copied in time, and are distance-weighted there too."
    )


def made_by(view: ReconstructionView) -> str:
    """Say whose reconstruction it is."""
    card = view.checkpoint
    absent = f", since {card.stands_in_for} has no decoder" if card.stands_in_for else ""
    return f"Reconstructed by: {card.title}{absent}."


def other_share(view: ReconstructionView) -> str:
    """Say why another share is hidden than was asked for; empty where it is the same."""
    asked = view.mask.ratio
    if asked is None or view.mask.kind not in UNITS or share(asked) == share(view.hidden_share):
        return ""
    return f"{share(asked)} was asked for; {UNITS[view.mask.kind]} {share(view.hidden_share)}."


def share(value: float) -> str:
    """Write a share in 0..1 down as a percentage with one decimal, none if that is 0."""
    return f"{value:.1%}".replace(".0%", "%")


def probability(value: float) -> str:
    """Write a probability in 0..1 down as the bars of labels do: nothing below 100% reads as it."""
    percent = 100 * value
    if 99.95 <= percent < 100:
        return "> 99.9%"
    if 0 < percent < 0.1:
        return "< 0.1%"
    return f"{percent:.0f}%" if percent == 100 or 10 <= percent < 99 else f"{percent:.1f}%"


def _named(score: LabelScore) -> str:
    return f"{score.label} {probability(score.probability)}"


def _shown_db(picture: Picture) -> float:
    return round(picture.psnr_db, 1)


def decibels(picture: Picture, unit: str = "") -> str:
    """Write down how near a picture came; "exact" where nothing differs."""
    if math.isinf(picture.psnr_db):
        return "exact"
    return f"{picture.psnr_db:.1f} {unit}".rstrip()


def _finite(value: float) -> float | None:
    """Return a number that JSON has; None where a picture is exact."""
    return value if math.isfinite(value) else None


def notes(view: LabelsView | RolloutView | ReconstructionView) -> list[str]:
    """Return the sentences that a person must see: of the checkpoint, its frames, and the clip."""
    return [*view.checkpoint.notes, *view.clip.remarks, *view.clip.notes]
