"""What does the model see? The best labels of a clip, and how sure the recogniser is.

Owns the words and files of this answer. Computes nothing; needs torch only to ask.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from videomae_demo.checkpoints.catalog import BUNDLED_RECOGNISER
from videomae_demo.engine.clips import ClipRequest, PreparedClip, SeenClip, is_example
from videomae_demo.errors import CheckpointError
from videomae_demo.lenses.answer import Answer, describe_clip, made_folder, write_json
from videomae_demo.lenses.named_views import (
    mean_of,
    save_views,
    views_json,
    views_sentences,
)
from videomae_demo.lenses.plan import Plan, plan_of
from videomae_demo.lenses.taken import check_bits, taken_away, without_words

if TYPE_CHECKING:  # torch and matplotlib take seconds to import: the page does not wait for them
    from matplotlib.figure import Figure

    from videomae_demo.analysis.classification import Classification, LabelScore
    from videomae_demo.engine.engine import Engine
    from videomae_demo.engine.roles import CheckpointCard
    from videomae_demo.engine.viewing import View
    from videomae_demo.video.views import Views

MOTIONS_ONLY = "These weights know motions, not actions"
ONE_VIEW = "Tokens are taken away from one view alone: leave the views or the tokens out."
SURE, LIKELY = 0.8, 0.5
"""If the best label has at least the first probability, the recogniser is sure; if at least the
second, it hesitates; otherwise it is unsure."""
MOST_NAMED = 5
"""How many labels of a tie are named."""


def ask(engine: Engine, clip: ClipRequest, hidden: bytes | None = None) -> LabelsView:
    """Name what is in the clip.

    Parameters
    ----------
    hidden : bytes, optional
        Tokens that are taken away from the recogniser: one bit each, in order, 1 = taken away, as
        `numpy.packbits` of a mask (time, height, width) gives it.

    Raises
    ------
    VideoError, RequestError
        When the clip can't be read, or the request does not fit it; also when the tokens to take
        away do not fit the grid, or are all of them.
    CheckpointError
        When the checkpoint can't be loaded, knows no labels, or gives values that are not finite.
    """
    check_bits(hidden)
    names = label_names(engine)
    prepared = engine.prepare(clip, engine.recogniser)
    view = name_clip(engine, prepared, engine.recognise(prepared).logits, names)
    mask = taken_away(hidden, engine.recogniser.card.grid)
    if mask is None:
        return view
    left = classify_logits(engine.labels_without(prepared, mask), names)
    return replace(view, classification=left, hidden=mask, whole=view.classification)


def label_names(engine: Engine) -> tuple[str, ...]:
    """Return the names of the recogniser's labels, in the order of its logits.

    Raises
    ------
    CheckpointError
        When the checkpoint can't be loaded, or knows no labels.
    """
    if not engine.recogniser.card.label_count:
        raise CheckpointError(
            f"The checkpoint {engine.weights} was pretrained without labels, so it can't name "
            f"what it sees; choose a fine-tuned one, for instance {BUNDLED_RECOGNISER!r}."
        )
    named = engine.recogniser.model.config.id2label
    return tuple(named[index] for index in range(len(named)))


def name_clip(
    engine: Engine, prepared: PreparedClip, logits: NDArray[np.float32], names: tuple[str, ...]
) -> LabelsView:
    """Return what the recogniser calls a clip by its logits, (labels,)."""
    card, seen = engine.recogniser.card, prepared.clip
    is_foreign = card.is_bundled and not is_example(seen.path)
    return LabelsView(card, seen, classify_logits(logits, names), is_foreign)


def ask_views(engine: Engine, clip: ClipRequest, views: Views) -> Iterator[LabelsView]:
    """Name what is in several views of the clip; yield their mean as they come, the last of all.

    Probabilities are averaged, as in the test of the original code. Errors as in `ask`; also a
    RequestError for a clip with a start or a change of its own.
    """
    from videomae_demo.engine.viewing import view_logits, views_of

    whole = ask(engine, clip)
    asked = views_of(engine, clip, views)
    for logits in view_logits(engine, clip, asked):
        yield _mean(whole, views, asked, logits)


def plan_views(engine: Engine, clip: ClipRequest, views: Views) -> Plan:
    """Say how many views there are to run, and what that costs. Errors as in `ask_views`."""
    from videomae_demo.engine.viewing import known_logits, views_of

    asked = views_of(engine, clip, views)
    return plan_of(
        engine, len(asked), len(known_logits(engine, clip, asked)), ("probe", "recognise")
    )


def known_views(engine: Engine, clip: ClipRequest, views: Views) -> LabelsView | None:
    """Return the mean of the first views, as far as they are known; None if none is.

    No view is run for it. Errors as in `ask_views`.
    """
    from videomae_demo.engine.viewing import known_logits, views_of

    asked = views_of(engine, clip, views)
    logits = known_logits(engine, clip, asked)
    return _mean(ask(engine, clip), views, asked, logits) if len(logits) else None


def _mean(
    whole: LabelsView, views: Views, asked: list[View], logits: NDArray[np.float32]
) -> LabelsView:
    """Average the views that are done, (views so far, labels)."""
    each = [classify_logits(row, whole.classification.labels) for row in logits]
    found = ViewsFound(views, len(asked), tuple(zip(asked, each, strict=False)))
    return replace(whole, classification=mean_of(each), views=found)


def classify_logits(logits: NDArray[np.float32], labels: tuple[str, ...]) -> Classification:
    """Return what a classifier says by its logits, (labels,)."""
    import torch

    from videomae_demo.analysis.classification import classify

    return classify(torch.from_numpy(logits), dict(enumerate(labels)))


@dataclass(frozen=True, slots=True, eq=False)
class ViewsFound:
    """What is said of each view.

    Attributes
    ----------
    asked : Views
    planned : int
        How many there are to be; fewer than asked for where the frames are square.
    each : tuple of (View, Classification)
        Those that are done.
    """

    asked: Views
    planned: int
    each: tuple[tuple[View, Classification], ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LabelsView(Answer):
    """What the recogniser calls the clip.

    Attributes
    ----------
    classification : Classification
        What it says of the tokens that are left.
    is_foreign : bool
        Whether the recogniser knows only synthetic motions, and the clip is not one of the examples
        that it was made for.
    hidden : ndarray or None
        (time, height, width) bool, True = taken away; None for none.
    whole : Classification or None
        What it says of the whole clip, if tokens are taken away.
    views : ViewsFound or None
        What it says of each view, if `classification` is the mean of several.
    """

    checkpoint: CheckpointCard
    clip: SeenClip
    classification: Classification
    is_foreign: bool = False
    hidden: NDArray[np.bool_] | None = None
    whole: Classification | None = None
    views: ViewsFound | None = None

    def to_json(self, top_k: int = 5, label: str | None = None) -> dict[str, Any]:
        """Return the best labels, and one that was asked for, ready for JSON."""
        found = self.classification
        result = {
            "checkpoint": self.checkpoint.public_name,
            "labels": [
                {"label": score.label, "probability": score.probability}
                for score in found.top(top_k)
            ],
            "verdict": how_sure(found, self.is_foreign),
            "entropy": found.entropy,
            "taken_away": 0 if self.hidden is None else int(self.hidden.sum()),
            "without": self.without(),
            "views": None if self.views is None else views_json(self.views),
        }
        if label is not None:
            score = found.find(label)
            result["asked"] = {
                "label": score.label,
                "probability": score.probability,
                "rank": score.rank,
            }
        return result | describe_clip(self.clip) | {"notes": self.notes}

    def sentences(self) -> list[str]:
        """Say how sure the recogniser is, and what became of its best label."""
        said = [how_sure(self.classification, self.is_foreign), *self.without()]
        if self.views is not None:
            said += views_sentences(self.views, self.classification)
        return said

    def without(self) -> list[str]:
        """Say what became of the whole clip's best label without the tokens taken away."""
        if self.whole is None:
            return []
        best = self.whole.top(1)[0].label
        return without_words(best, self.classification, self.whole, self.hidden)

    def save(self, folder: Path | str, top_k: int = 5, label: str | None = None) -> list[Path]:
        """Write ``labels.json`` and ``labels.png`` (bars) into `folder`; return their paths.

        Of several views, ``views.csv`` has a row each: ``window``, ``crop``, ``start_s``, ``best``,
        ``probability``, and the probability of the ``mean_best`` label.
        """
        from videomae_demo.rendering.plots import save_figure

        folder = made_folder(folder)
        views = [] if self.views is None else [save_views(self.views, self.classification, folder)]
        return [
            *views,
            write_json(folder / "labels.json", self.to_json(top_k, label)),
            save_figure(self._bars(top_k), folder / "labels.png"),
        ]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return ``logits`` and ``probabilities`` (labels,), and the ``labels``, in one order."""
        found = self.classification
        arrays: dict[str, NDArray[Any]] = {
            "labels": np.array(found.labels),
            "logits": np.asarray(found.logits),
            "probabilities": np.asarray(found.probabilities),
        }
        if self.views is not None:
            each = [one.probabilities for _, one in self.views.each]
            arrays["view_probabilities"] = np.stack(each)
        return arrays

    def picture(self) -> NDArray[np.uint8]:
        """Draw the five best labels as bars."""
        from videomae_demo.rendering.plots import to_pixels

        return to_pixels(self._bars(5))

    def _bars(self, top_k: int) -> Figure:
        from videomae_demo.rendering.plots import label_bars

        top = self.classification.top(top_k)
        return label_bars([score.label for score in top], [score.probability for score in top])

    def __repr__(self) -> str:
        named = ", ".join(_named(score) for score in self.classification.top(3))
        return f"LabelsView({self.clip.path.name!r}: {named})"


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
    """Name the best label without claiming that it is right."""
    return f"The nearest motion: {_named(found.top(1)[0])}."


def probability(value: float) -> str:
    """Write a probability in 0..1 as the bars of labels do: only 100% itself is written as 100%."""
    percent = 100 * value
    if 99.95 <= percent < 100:
        return "> 99.9%"
    if 0 < percent < 0.1:
        return "< 0.1%"
    return f"{percent:.0f}%" if percent == 100 or 10 <= percent < 99 else f"{percent:.1f}%"


def _named(score: LabelScore) -> str:
    return f"{score.label} {probability(score.probability)}"
