"""Why this label? What each token did for it, and whether the map matters.

Owns the words and files of this answer. Computes nothing; needs torch only to ask.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from videomae_demo.analysis.methods import DEFAULT_METHOD, METHODS, Target, find_method
from videomae_demo.engine.clips import ClipRequest, PreparedClip, SeenClip
from videomae_demo.errors import RequestError, shown
from videomae_demo.lenses.answer import Answer, describe_clip, made_folder, share, write_npz
from videomae_demo.lenses.clip_map import ClipMap
from videomae_demo.lenses.taken import check_bits, without_words
from videomae_demo.lenses.trial import Trial, save_trial
from videomae_demo.rendering.colour import Scale
from videomae_demo.rendering.frames import write_png

if TYPE_CHECKING:  # torch takes seconds to import: the page does not wait for it
    from videomae_demo.analysis.classification import Classification, LabelScore
    from videomae_demo.analysis.relevance import Relevance
    from videomae_demo.engine.engine import Engine
    from videomae_demo.engine.roles import CheckpointCard

STRONGEST = 0.1
"""The share of tokens, highest scores first, whose part of the whole is told."""
TOP_TOKENS = 10
"""How many of the strongest tokens are listed."""
_SCALE_END = 0.995  # of the scores, so that one token does not leave all others without colour


def check_label(name: str, given: Any) -> None:
    """Refuse what is no label's name; `name` says in a message what it is."""
    if not isinstance(given, str | None):
        raise RequestError(f"The {name} is {shown(given)}; give a label's name.")


@dataclass(frozen=True, slots=True)
class ExplainRequest:
    """What is to be explained, and how.

    Attributes
    ----------
    label : str, optional
        By its name, whatever its case; default: the most probable one.
    against : str, optional
        Another label: then the margin of `label` over it is explained, and not its logit.
    method : str
        A name in `analysis.methods.METHODS`.
    hidden : bytes, optional
        Tokens that are taken away from the recogniser: one bit each, in order, 1 = taken away, as
        `numpy.packbits` of a mask (time, height, width) gives it.

    Raises
    ------
    RequestError
        When a value is of another type, or there is no such method.
    """

    label: str | None = None
    against: str | None = None
    method: str = DEFAULT_METHOD
    hidden: bytes | None = None

    def __post_init__(self) -> None:
        for name in ("label", "against"):
            check_label(name, getattr(self, name))
        find_method(self.method)
        check_bits(self.hidden)


DEFAULT_QUESTION = ExplainRequest()


def ask(
    engine: Engine, clip: ClipRequest, request: ExplainRequest = DEFAULT_QUESTION
) -> RelevanceView:
    """Say what each token did for a label. Errors as in `recognise.ask`.

    Raises
    ------
    RequestError
        Also when the recogniser does not know a label, the two labels are the same, or the tokens
        to take away do not fit the grid, or are all of them.
    """
    return _ask(engine, clip, request)[1]


def test(
    engine: Engine, clip: ClipRequest, request: ExplainRequest = DEFAULT_QUESTION
) -> Iterator[RelevanceView]:
    """Hide tokens in the order of the map; yield the answer with curves that grow.

    Each answer holds a `Trial` of the whole clip, the last one a finished one. Errors as in `ask`;
    also a RequestError if tokens are taken away already.
    """
    from videomae_demo.engine.trials import leave_out, try_map

    if request.hidden is not None:
        raise RequestError("The test hides tokens by itself; give all of them back first.")
    prepared, view = _ask(engine, clip, request)
    target, names = view.relevance.target, view.classification.labels
    slices = None
    if view.checkpoint.grid.time > 1:
        *_, slices = leave_out(engine, prepared, target)
    times_s = tuple(view.clip.timestamps_s[:: view.checkpoint.tubelet_size].tolist())
    for found in try_map(engine, prepared, target, request.method):
        yield replace(view, trial=Trial(found, names, slices, times_s))


def _ask(
    engine: Engine, clip: ClipRequest, request: ExplainRequest
) -> tuple[PreparedClip, RelevanceView]:
    from videomae_demo.lenses import recognise

    recogniser = engine.recogniser
    seen = recognise.ask(engine, clip, request.hidden)
    found, whole, hidden = seen.classification, seen.whole or seen.classification, seen.hidden
    prepared = engine.prepare(clip, recogniser)
    target = find_target(whole, request.label, request.against)
    relevance = engine.relevance(prepared, target, request.method, hidden)
    view = RelevanceView(recogniser.card, prepared.clip, request, relevance, found, whole, hidden)
    return prepared, view


def find_target(found: Classification, label: str | None, against: str | None) -> Target:
    """Return what is explained: a label, by default the most probable one, or its margin.

    Raises
    ------
    RequestError
        When the recogniser does not know a label, or both are the same.
    """
    first = found.top(1)[0] if label is None else found.find(label)
    other = None if against is None else found.find(against)
    return Target(first.index, None if other is None else other.index)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RelevanceView(Answer):
    """What each token did for a label, or for its margin over another one.

    Attributes
    ----------
    request : ExplainRequest
    relevance : Relevance
    classification : Classification
        What the recogniser says of the tokens that are left.
    whole : Classification
        What it says of the whole clip; the same if no token was taken away.
    hidden : ndarray or None
        (time, height, width) bool, True = taken away.
    trial : Trial or None
        Whether the map matters, if that was tested.
    """

    checkpoint: CheckpointCard
    clip: SeenClip
    request: ExplainRequest
    relevance: Relevance
    classification: Classification
    whole: Classification
    hidden: NDArray[np.bool_] | None = None
    trial: Trial | None = None

    @property
    def label(self) -> LabelScore:
        """The label that is explained, as the recogniser sees it in what is left."""
        target = self.relevance.target
        return self.classification.find(self.classification.labels[target.label])

    @property
    def against(self) -> LabelScore | None:
        """The label over which the margin is explained."""
        other = self.relevance.target.against
        labels = self.classification.labels
        return None if other is None else self.classification.find(labels[other])

    @property
    def what(self) -> str:
        """What is explained: a label, or one rather than another."""
        other = self.against
        return self.label.label + (f" rather than {other.label}" if other is not None else "")

    @property
    def signed(self) -> bool:
        """Whether scores below zero speak against the label."""
        return METHODS[self.relevance.method].signed

    @property
    def drawn(self) -> NDArray[np.float32]:
        """The scores as they are drawn: signed as they are, others times an even share."""
        scores = self.relevance.scores
        total = float(scores.sum(dtype=np.float64))
        if self.signed or total <= 0:
            return scores
        times: NDArray[np.float32] = (scores * (scores.size / total)).astype(np.float32)
        return times

    @property
    def strongest_share(self) -> float:
        """The part of what speaks for the label that the strongest tenth of the tokens carries."""
        positive = np.sort(np.maximum(self.relevance.scores.reshape(-1), 0).astype(np.float64))
        total = positive.sum()
        return float(positive[-self._strongest_count :].sum() / total) if total else 0.0

    @property
    def _strongest_count(self) -> int:
        return max(1, round(STRONGEST * self.relevance.scores.size))

    @property
    def over_time(self) -> NDArray[np.float64]:
        """The sum of the drawn scores of each slice, or their mean if they are not signed."""
        drawn = self.drawn.astype(np.float64)
        summed: NDArray[np.float64] = drawn.sum((1, 2)) if self.signed else drawn.mean((1, 2))
        return summed

    def strongest(self, count: int = TOP_TOKENS) -> list[tuple[tuple[int, int, int], float]]:
        """Return the places (time, row, column) and scores of the highest tokens, highest first."""
        scores = self.relevance.scores
        order = np.argsort(-scores.reshape(-1), kind="stable")[:count]
        places = zip(
            *(axis.tolist() for axis in np.unravel_index(order, scores.shape)), strict=True
        )
        return [((t, r, c), float(scores[t, r, c])) for t, r, c in places]

    def told(self, token: tuple[int, int, int]) -> str:
        """Write a token's score down as the pictures draw it."""
        score = float(self.drawn[token])
        return f"{score:+.2f}" if self.signed else f"{score:.1f}x uniform"

    def to_json(self) -> dict[str, Any]:
        """Return the strongest tokens, the sum check and the trial, ready for JSON."""
        found, method = self.relevance, METHODS[self.relevance.method]
        return {
            "checkpoint": self.checkpoint.public_name,
            "label": self.label.label,
            "against": None if self.against is None else self.against.label,
            "method": {"name": method.name, "source": method.source, "signed": method.signed},
            "probability": self.label.probability,
            "target": self._value,
            "labels": [
                {"label": score.label, "probability": score.probability}
                for score in self.classification.top(5)
            ],
            "taken_away": 0 if self.hidden is None else int(self.hidden.sum()),
            "grid": list(found.scores.shape),
            "strongest": [
                {"token": list(token), "relevance": score} for token, score in self.strongest()
            ],
            "strongest_tenth": self.strongest_share,
            "against_share": found.negative_share if method.signed else None,
            "sum": {
                "tokens": found.carried,
                "biases": found.biases,
                "missing": found.missing,
            },
            "over_time": self.over_time.tolist(),
            "verdict": self.sentences(),
            "trial": None if self.trial is None else self.trial.to_json(),
            **describe_clip(self.clip),
            "notes": self.notes,
        }

    @property
    def _value(self) -> float:
        return float(self.relevance.target.value(self.classification.logits))

    def sentences(self) -> list[str]:
        """Say how much of the label comes from few tokens, and whether hiding them matters."""
        tried = [] if self.trial is None else self.trial.sentences()
        return [self.verdict(), *self.without(), *self.adds_up(), *tried]

    def verdict(self) -> str:
        """Say how much of what speaks for the label comes from few tokens, and what is against."""
        few = f"The strongest {share(self._strongest_count / self.drawn.size)} of the tokens"
        if not self.signed:
            return f"{few} hold {share(self.strongest_share)} of this map."
        against = self.relevance.negative_share
        return (
            f"{few} carry {share(self.strongest_share)} of what speaks for {self.what}; "
            f"{share(against)} of all relevance speaks against it."
        )

    def without(self) -> list[str]:
        """Say what became of the label without the tokens that were taken away."""
        return without_words(self.label.label, self.classification, self.whole, self.hidden)

    def adds_up(self) -> list[str]:
        """Say of what the logit or margin consists, for a method whose scores add up to it."""
        found = self.relevance
        if found.biases is None:
            return []
        name = "logit" if self.against is None else "margin"
        return [
            f"The {name} of {self.what} is {self._value:+.2f}: the tokens carry "
            f"{found.carried:+.2f}, the biases {found.biases:+.2f}."
        ]

    def method_words(self) -> str:
        """Say how the scores were made, and where that was published."""
        method = METHODS[self.relevance.method]
        return f"{method.title} ({method.source}). {method.meaning}"

    def save(self, folder: Path | str) -> list[Path]:
        """Write ``relevance.npz``, ``relevance.mp4`` and ``filmstrip.png``.

        The array ``relevance`` is (time, height, width) float32, signed, in units of the logit
        where the method is; ``hidden`` is bool, True = taken away; ``timestamps_s`` are the frames'
        times. With a trial, ``curves.png`` and ``curves.csv`` come too.
        """
        folder = made_folder(folder)
        arrays = folder / "relevance.npz"
        write_npz(arrays, self.arrays())
        paths = [
            arrays,
            self._map.write_movie(folder / "relevance.mp4", self.verdict()),
            write_png(folder / "filmstrip.png", self.picture()),
        ]
        return paths if self.trial is None else paths + save_trial(self.trial, folder)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return ``relevance``, ``hidden``, ``timestamps_s`` and ``indices``; see `save`."""
        scores = self.relevance.scores
        return {
            "relevance": scores,
            "hidden": np.zeros(scores.shape, np.bool_) if self.hidden is None else self.hidden,
            "timestamps_s": self.clip.timestamps_s,
            "indices": self.clip.indices,
        }

    def picture(self) -> NDArray[np.uint8]:
        """Draw the frames, and the relevance over them, as a filmstrip."""
        heading = f"Why {self.what}: {self.clip.path.name}"
        notes = [*self.sentences(), self.method_words(), *self.notes]
        return self._map.filmstrip(heading, notes)

    @property
    def _map(self) -> ClipMap:
        title = f"relevance for {self.what}"
        return ClipMap(self.clip, title, self.drawn, self.scale, self.hidden)

    @property
    def scale(self) -> Scale:
        """The scale of the drawn scores: zero in the middle if they are signed."""
        sizes = np.abs(self.drawn)
        reach = float(np.quantile(sizes, _SCALE_END)) or float(sizes.max()) or 1.0
        if self.signed:
            return Scale.diverging(reach, f"relevance for {self.what}", "of the logit")
        return Scale(max(reach, 2.0), title=METHODS[self.relevance.method].title, unit="x uniform")

    @property
    def is_beyond_scale(self) -> bool:
        """Whether a score lies beyond the scale."""
        return self._map.is_beyond_scale

    def __repr__(self) -> str:
        return (
            f"RelevanceView({self.clip.path.name!r}: why {self.what}, "
            f"{self.strongest_share:.0%} from the strongest tenth)"
        )
