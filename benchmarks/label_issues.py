"""Which ranking finds wrong labels first: ``python -m benchmarks.label_issues --clips 800``.

Gives a share of held-out synthetic clips a wrong label, at random, and ranks all clips by how
likely each label is wrong: by the columns of a data set's table, and, where cleanlab is installed,
by its scores. Average precision is the mean, over the wrong labels, of the share of wrong ones
among all that stand as high; precision at k is that share among the first k, where k is how many
labels are wrong. Each figure is the mean over several draws of the wrong labels, with the standard
deviation. ``--accuracy 0.8 0.6`` does the same for worse recognisers: with noise on the logits.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.machine import describe_machine
from videomae_demo.analysis.classification import Classification
from videomae_demo.analysis.dropping import probabilities
from videomae_demo.checkpoints.catalog import BUNDLED_RECOGNISER
from videomae_demo.dataset.judging import mistakenness
from videomae_demo.model.videomae import VideoMAEForVideoClassification
from videomae_demo.training.data import normalise
from videomae_demo.training.evaluate import held_out
from videomae_demo.training.synthetic import LABELS

DRAWS = 20
WRONG = 0.05
CLEANLAB_SCORES = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")
Scores = NDArray[np.float64]


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=800)
    parser.add_argument("--accuracy", type=float, nargs="*", default=[], help="top-1 of others")
    arguments = parser.parse_args()
    torch.set_grad_enabled(False)
    logits, true = recognise(arguments.clips)
    has_cleanlab = importlib.util.find_spec("cleanlab") is not None
    print(describe_machine("torch", *(["cleanlab"] if has_cleanlab else [])))
    measure(logits, true, has_cleanlab)
    for accuracy in arguments.accuracy:
        measure(spoil(logits, true, accuracy), true, has_cleanlab)


def measure(logits: NDArray[np.float64], true: NDArray[np.int64], has_cleanlab: bool) -> None:
    """Print what each ranking finds, the best one first."""
    right = float((logits.argmax(1) == true).mean())
    wrong = round(WRONG * len(true))
    print(f"\n{len(true)} clips, top-1 {right:.1%}; {wrong} labels wrong, {DRAWS} draws.\n")
    figures: dict[str, list[tuple[float, float]]] = {}
    for seed in range(DRAWS):
        given, is_wrong = swap(true, wrong, seed)
        rankings = ours(logits, given)
        if has_cleanlab:
            rankings |= cleanlabs(probabilities(logits), given)
        for name, scores in rankings.items():
            figures.setdefault(name, []).append(judge(scores, is_wrong))
    print("| ranking | average precision | precision at k |\n|---|---|---|")
    means = {name: np.mean(each, axis=0)[0] for name, each in figures.items()}
    for name in sorted(figures, key=lambda name: -means[name]):
        mean, spread = np.mean(figures[name], axis=0), np.std(figures[name], axis=0)
        cells = [f"{m:.3f} ± {s:.3f}" for m, s in zip(mean, spread, strict=True)]
        print(f"| {name} | {' | '.join(cells)} |")


def recognise(clips: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the bundled recogniser's logits, (clips, labels), and the true labels."""
    model = VideoMAEForVideoClassification.from_pretrained(BUNDLED_RECOGNISER).eval()
    logits, labels = [], []
    for batch in held_out(clips, model.config.frame_size[0]):
        logits.append(model(normalise(batch.frames)).logits.double().numpy())
        labels.append(batch.labels.numpy())
    return np.concatenate(logits), np.concatenate(labels)


def spoil(
    logits: NDArray[np.float64], true: NDArray[np.int64], accuracy: float
) -> NDArray[np.float64]:
    """Add noise to logits, (clips, labels), as much as brings top-1 down to `accuracy`."""
    noise = np.random.default_rng(0).normal(size=logits.shape)
    low, high = 0.0, 100.0
    for _ in range(40):
        middle = (low + high) / 2
        right = ((logits + middle * noise).argmax(1) == true).mean()
        low, high = (middle, high) if right > accuracy else (low, middle)
    return logits + low * noise


def swap(
    true: NDArray[np.int64], wrong: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Give some clips another label; return all labels, and which are wrong."""
    random = np.random.default_rng(seed)
    chosen = random.choice(len(true), wrong, replace=False)
    given = true.copy()
    given[chosen] = (true[chosen] + random.integers(1, len(LABELS), wrong)) % len(LABELS)
    return given, given != true


def ours(logits: NDArray[np.float64], given: NDArray[np.int64]) -> dict[str, Scores]:
    """Rank by what a row of the table has."""
    chances = probabilities(logits)
    at = (np.arange(len(given)), given)
    others = logits.copy()
    others[at] = -np.inf
    found = [
        Classification(LABELS, one, chance) for one, chance in zip(logits, chances, strict=True)
    ]
    is_right = logits.argmax(1) == given
    entropy = np.array([one.entropy for one in found])
    least = 1e-10  # as cleanlab has it
    return {
        "mistakenness": np.array(
            [mistakenness(one, bool(right)) for one, right in zip(found, is_right, strict=True)]
        ),
        "1 - probability": 1 - chances[at],
        "-margin": others.max(1) - logits[at],
        "rank": (logits > logits[at][:, None]).sum(1).astype(np.float64),
        "-log probability / entropy": -np.log(chances[at].clip(least)) / entropy.clip(least),
    }


def cleanlabs(chances: NDArray[np.float64], given: NDArray[np.int64]) -> Mapping[str, Scores]:
    """Rank by cleanlab's scores, and by what its filter takes out, most suspicious first."""
    rank: Any = importlib.import_module("cleanlab.rank")
    filters: Any = importlib.import_module("cleanlab.filter")
    scores = {}
    for method in CLEANLAB_SCORES:
        for adjusted in (False, True):
            if adjusted and method == "confidence_weighted_entropy":
                continue  # cleanlab refuses it
            quality = rank.get_label_quality_scores(
                given, chances, method=method, adjust_pred_probs=adjusted
            )
            scores[f"cleanlab {method}{', adjusted' if adjusted else ''}"] = -quality
    for method in ("self_confidence", "normalized_margin"):
        issues = filters.find_label_issues(
            given, chances, return_indices_ranked_by=method, n_jobs=1
        )
        ranked = -rank.get_label_quality_scores(given, chances, method=method)
        ranked[issues] += 10  # what it takes out stands before all else
        scores[f"cleanlab find_label_issues, {method}"] = ranked
    return scores


def judge(scores: Scores, is_wrong: NDArray[np.bool_]) -> tuple[float, float]:
    """Return average precision, and precision at as many as are wrong; ties keep their order."""
    hits = is_wrong[np.argsort(-scores, kind="stable")]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(precision[hits].mean()), float(precision[hits.sum() - 1])


if __name__ == "__main__":
    main()
