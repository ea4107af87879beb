"""What may be wrong with a fine-tuned checkpoint or its folder, said from the figures of the clips.

Owns which signs there are, and which of them explains another: a cause is told instead of what
follows from it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from videomae_demo.dataset.metrics import Metrics, Share
from videomae_demo.dataset.preparations import Tried, try_preparations
from videomae_demo.dataset.relabelling import find_relabelling, is_alphabetical
from videomae_demo.engine.engine import Engine
from videomae_demo.lenses.answer import share

if TYPE_CHECKING:
    from videomae_demo.dataset.evaluate import Evaluation
    from videomae_demo.model.videomae import VideoMAEForVideoClassification

NOTHING = "nothing found"
LEAST_CLIPS = 20
"""Fewer clips can't tell a checkpoint from guessing."""
MOST_NAMED = 0.8
"""If one label is named for this share of the clips, the answers have collapsed."""
LOW_TOP_1 = 0.75
"""Other preparations of the pixels are tried below it."""
LEAST_GAIN = 0.1
"""Of another preparation, as a share of the clips."""
STANDARD_ERRORS = 4.0
"""How far random weights may lie from what they were drawn from."""
FEW_PAIRS = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """A sign that something is wrong, or that nothing is.

    Attributes
    ----------
    kind : str
        "head random", "labels permuted", "wrong normalisation", "collapsed", "at chance", or
        "nothing found".
    sentence : str
        What was found and from which numbers, and what to do.
    evidence : mapping of str to float
        The numbers: shares in 0..1, counts.
    pairs : tuple of (str, str)
        For permuted labels: a label, and the name under which its clips come out.
    """

    kind: str
    sentence: str
    evidence: Mapping[str, float]
    pairs: tuple[tuple[str, str], ...] = ()

    @property
    def is_trouble(self) -> bool:
        """Whether something is wrong."""
        return self.kind != NOTHING

    def to_json(self) -> dict[str, Any]:
        """Return the finding ready for JSON."""
        return {
            "kind": self.kind,
            "sentence": self.sentence,
            "evidence": dict(self.evidence),
            "pairs": [list(pair) for pair in self.pairs],
        }


def check(engine: Engine, evaluation: Evaluation) -> tuple[Finding, ...]:
    """Look for what goes wrong most often with checkpoints and folders of one's own.

    Where top-1 is low, and nothing else explains it, up to 64 clips are named again with their
    pixels prepared in other ways; see `preparations`.

    Parameters
    ----------
    engine : Engine
        Of the weights that were evaluated.
    evaluation : Evaluation
        With all its clips judged.

    Returns
    -------
    tuple of Finding
        The most specific sign, which explains the others; if nothing is wrong, a finding that says
        so.

    Raises
    ------
    Cancelled
        When nobody waits any more.
    """
    metrics = evaluation.metrics
    chance = guessing(metrics)
    tried = None
    found = random_head(engine.recogniser.model, metrics, chance)
    found = found or permuted(metrics, evaluation.naming.by_number)
    if found is None and metrics.judged and metrics.top_1.value < LOW_TOP_1:
        tried = try_preparations(engine, evaluation)
        found = badly_prepared(tried, metrics.top_1)
    found = found or collapsed(metrics) or at_chance(metrics, chance)
    return (found or nothing(metrics, chance, tried),)


def guessing(metrics: Metrics) -> float:
    """Return the share of clips that guessing names rightly, 0..1.

    Guessing takes each label equally often, or as often as it was named here, whichever is better.
    """
    judged = metrics.judged
    true, named = metrics.confusion.sum(axis=1), metrics.confusion.sum(axis=0)
    alike = float((true / judged * (named / judged)).sum()) if judged else 0.0
    return max(1 / len(metrics.labels), alike)


def effective(counts: NDArray[np.int64]) -> float:
    """Return how many labels counts are spread over: exp of their entropy; 0 of none."""
    shares = counts[counts > 0] / max(1, counts.sum())
    return float(np.exp(-(shares * np.log(shares)).sum())) if len(shares) else 0.0


def random_head(
    model: VideoMAEForVideoClassification, metrics: Metrics, chance: float
) -> Finding | None:
    """Tell whether the classifier's weights are as they were drawn before any training.

    Such a head is not quite at chance: clips that are alike get the same label, which may be the
    right one by luck.
    """
    head = model.classifier
    assert isinstance(head, nn.Linear)  # the checkpoint knows labels
    weights = head.weight.detach().float().cpu().numpy().astype(np.float64)
    largest_bias = float(head.bias.detach().abs().max())
    drawn = float(model.config.initializer_range)
    error = STANDARD_ERRORS * drawn / math.sqrt(weights.size)
    mean, spread = float(weights.mean()), float(weights.std())
    # The error of a standard deviation is that of a mean by the square root of 2; half-precision
    # rounds each weight far less.
    as_drawn = abs(mean) < error and abs(spread - drawn) < max(error / math.sqrt(2), drawn / 1000)
    if not as_drawn or largest_bias or metrics.top_1.low > _halfway(chance):
        return None
    return Finding(
        "head random",
        "The classifier looks as if it was never trained: its weights have the mean "
        f"{mean:.1g} and the standard deviation {spread:.4f}, as they are drawn ({drawn:g}), and "
        f"every bias is zero; the answers are undecided to {share(_or_zero(metrics.mean_entropy))} "
        f"{_top_1_words(metrics.top_1)}. Pretrained weights may have been taken for fine-tuned "
        "ones: give the checkpoint that the fine-tuning wrote.",
        {
            "weights_mean": mean,
            "weights_deviation": spread,
            "initializer_range": drawn,
            "largest_bias": largest_bias,
            "mean_entropy": _or_zero(metrics.mean_entropy),
            **_top_1(metrics.top_1, chance),
        },
    )


def permuted(metrics: Metrics, by_number: bool) -> Finding | None:
    """Tell whether other names for the outputs would be right far more often."""
    found = find_relabelling(metrics.confusion, metrics.labels)
    if found is None:
        return None
    compared = found.compared
    then = Share(compared.then, compared.of)
    order = "" if found.order is None else f" The outputs stand in another order: {found.order}."
    if found.order is None and is_alphabetical(metrics.labels):
        order = " The names stand in alphabetical order, and the outputs do not."
    pairs = [f"those of {true} come out as {named}" for true, named in found.pairs[:FEW_PAIRS]]
    pairs += [f"and {len(found.pairs) - FEW_PAIRS} more"] if len(found.pairs) > FEW_PAIRS else []
    told = f" Of the clips, {', '.join(pairs)}." if pairs else ""
    cure = (
        "Check the numbers in the list, and from which number they count"
        if by_number
        else "Check id2label in config.json against the order of labels in the training"
    )
    return Finding(
        "labels permuted",
        f"The labels look permuted: with other names for the outputs, {share(then.value)} of "
        f"{compared.of} clips would be right, and now {share(compared.now / compared.of)} are."
        f"{order}{told} {cure}.",
        {
            "share_right_now": compared.now / compared.of,
            "share_right_then": then.value,
            "share_right_then_low": then.low,
            "share_right_then_high": then.high,
            "right_only_now": compared.only_now,
            "right_only_then": compared.only_then,
            "clips": compared.of,
            "labels": found.labels,
            "labels_moved": len(found.pairs),
            "chance_of_such_a_gain": compared.chance,
        },
        found.pairs,
    )


def badly_prepared(tried: Tried, top_1: Share) -> Finding | None:
    """Tell whether pixels that are prepared in another way are named rightly much more often."""
    best = tried.best
    if best is None or not tried.ways[best].is_better(LEAST_GAIN, len(tried.ways)):
        return None
    compared = tried.ways[best]
    now, then = Share(compared.now, compared.of), Share(compared.then, compared.of)
    return Finding(
        "wrong normalisation",
        f"The pixels seem to be prepared otherwise than in the training: with {best}, {_of(then)} "
        f"are right, and with the folder's preprocessor_config.json {_of(now)}; top-1 of all is "
        f"{share(top_1.value)}. Correct that file. (Tried with {tried.passes} passes.)",
        {
            "share_right_now": now.value,
            "share_right_now_low": now.low,
            "share_right_now_high": now.high,
            "share_right_then": then.value,
            "share_right_then_low": then.low,
            "share_right_then_high": then.high,
            "right_only_now": compared.only_now,
            "right_only_then": compared.only_then,
            "clips": compared.of,
            "chance_of_such_a_gain": compared.chance,
            "passes": tried.passes,
        },
    )


def collapsed(metrics: Metrics) -> Finding | None:
    """Tell whether nearly all clips get one label, though they show several."""
    true, named = metrics.confusion.sum(axis=1), metrics.confusion.sum(axis=0)
    if metrics.judged < LEAST_CLIPS:
        return None
    most = int(named.argmax())
    given, real = Share(int(named[most]), metrics.judged), Share(int(true[most]), metrics.judged)
    if given.value < MOST_NAMED or given.low <= real.high:
        return None
    label = metrics.labels[most]
    return Finding(
        "collapsed",
        f"The answers have collapsed: {_of(given)} are named {label}, and {_of(real)} are of that "
        f"label. {effective(named):.1f} labels are named in effect, where the clips show "
        f"{effective(true):.1f}; top-1 is {share(metrics.top_1.value)}. Such a training often "
        "had too high a learning rate, or clips of one label alone.",
        {
            "share_named": given.value,
            "share_true": real.value,
            "effective_named": effective(named),
            "effective_true": effective(true),
            "clips": metrics.judged,
            "top_1": metrics.top_1.value,
        },
    )


def at_chance(metrics: Metrics, chance: float) -> Finding | None:
    """Tell whether guessing would be right as often, if there are enough clips to tell."""
    top_1, frequent = metrics.top_1, most_frequent(metrics)
    if not _can_tell(metrics, chance) or top_1.low > chance:
        return None
    return Finding(
        "at chance",
        f"Top-1 is at chance: {_of(top_1)} are right (95% interval {share(top_1.low)} to "
        f"{share(top_1.high)}); guessing among {len(metrics.labels)} labels gives "
        f"{share(1 / len(metrics.labels))}, guessing each as often as it was named here "
        f"{share(chance)}, and always naming the most frequent label {share(frequent)}. "
        "Are these the weights that the fine-tuning wrote, and is its own accuracy higher?",
        {**_top_1(top_1, chance), "most_frequent": frequent, "guess": 1 / len(metrics.labels)},
    )


def most_frequent(metrics: Metrics) -> float:
    """Return the share of the most frequent true label, 0..1; 0 of no clips."""
    return float(metrics.confusion.sum(axis=1).max() / metrics.judged) if metrics.judged else 0.0


def nothing(metrics: Metrics, chance: float, tried: Tried | None) -> Finding:
    """Say that there is no sign of anything, or that this can't be told."""
    labels = "1 label" if _labels(metrics) == 1 else f"{_labels(metrics)} labels"
    evidence = {**_top_1(metrics.top_1, chance), "labels": float(_labels(metrics))}
    if not metrics.judged:
        said = "Nothing can be checked: no clip has a label that the checkpoint knows."
        return Finding(NOTHING, said, evidence)
    if metrics.top_1.low <= chance:
        said = (
            f"Too few clips, or too few labels, to check the checkpoint: {metrics.judged} clips of "
            f"{labels}; top-1 {share(metrics.top_1.value)}, where guessing gives "
            f"{share(chance)}."
        )
        return Finding(NOTHING, said, evidence)
    signs = "collapsed answers, permuted labels or a random classifier"
    said = f"No sign of {signs}: top-1 {share(metrics.top_1.value)} over {labels}."
    return Finding(NOTHING, f"{said} {_tried_words(tried, metrics.top_1)}", evidence)


def _tried_words(tried: Tried | None, top_1: Share) -> str:
    if tried is None:
        return (
            "Other preparations of the pixels were not tried, since top-1 is not below "
            f"{share(LOW_TOP_1)}."
        )
    best = tried.best
    if best is None:
        return "Other preparations of the pixels could not be tried: no clip could be read again."
    compared = tried.ways[best]
    return (
        f"Other preparations of the pixels help no more than luck ({tried.passes} passes): the "
        f"best, {best}, is right on {compared.then} of {compared.of} clips, and the checkpoint's "
        f"own on {compared.now}."
    )


def _labels(metrics: Metrics) -> int:
    """Return how many labels the judged clips have."""
    return int(np.count_nonzero(metrics.confusion.sum(axis=1)))


def _can_tell(metrics: Metrics, chance: float) -> bool:
    """Tell whether there are clips enough to know guessing from a checkpoint that half works."""
    enough = _labels(metrics) > 1 and metrics.judged >= LEAST_CLIPS
    return enough and metrics.top_1.high < _halfway(chance)


def _halfway(chance: float) -> float:
    """Return the share right of a checkpoint that half works: between guessing and perfect."""
    return (1 + chance) / 2


def _top_1(top_1: Share, chance: float) -> dict[str, float]:
    return {
        "top_1": _or_zero(top_1.value),
        "top_1_low": top_1.low,
        "top_1_high": top_1.high,
        "clips": float(top_1.of),
        "chance": chance,
    }


def _top_1_words(top_1: Share) -> str:
    return f"and top-1 is {share(top_1.value)} of {top_1.of} clips" if top_1.of else "on average"


def _of(part: Share) -> str:
    return f"{share(part.value)} of {part.of} clips"


def _or_zero(value: float) -> float:
    return 0.0 if math.isnan(value) else value
