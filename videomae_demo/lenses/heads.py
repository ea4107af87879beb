"""Which attention heads matter? What each one reads and hands over, and the labels without some.

Owns the words and files of this answer. Computes nothing; needs torch only to ask.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from videomae_demo.analysis.settings import Head, as_token
from videomae_demo.engine.clips import ClipRequest, SeenClip
from videomae_demo.errors import RequestError, shown
from videomae_demo.lenses.answer import Answer, describe_clip, made_folder, write_npz
from videomae_demo.lenses.attend import describe_start
from videomae_demo.lenses.clip_map import ClipMap
from videomae_demo.lenses.explain import check_label, find_target
from videomae_demo.rendering.colour import Scale
from videomae_demo.rendering.frames import Pixels, write_png

if TYPE_CHECKING:  # torch takes seconds to import: the page does not wait for it
    from videomae_demo.analysis.classification import Classification, LabelScore
    from videomae_demo.analysis.heads import HeadEffects
    from videomae_demo.engine.engine import Engine
    from videomae_demo.engine.roles import CheckpointCard

Shows: TypeAlias = Literal["reads", "effect"]
SHOWS: tuple[Shows, ...] = get_args(Shows)
MOST_NAMED = 3
"""How many heads that are off are named in a sentence."""
_SCALE_END = 0.995  # of the values of all heads, so that one token does not darken all others


@dataclass(frozen=True, slots=True)
class HeadsRequest:
    """Which heads are looked at, and how.

    Attributes
    ----------
    head : Head, optional
        The head whose map is drawn; default: the one with the greatest effect, whatever its sign.
    off : tuple of Head
        The heads that are switched off; any order is taken, and becomes ascending.
    label : str, optional
        On which label effects are measured; default: the most probable one of the whole model.
    against : str, optional
        Another label: then effects are on the margin of `label` over it.
    query : (int, int, int), optional
        Token (time, row, column) whose reading is drawn; default: what the classifier reads.
    shows : str
        "reads" for the attention of a head, "effect" for what each token gives through it.

    Raises
    ------
    RequestError
        When a value is of another type, or no such map is known.
    """

    head: Head | None = None
    off: tuple[Head, ...] = ()
    label: str | None = None
    against: str | None = None
    query: tuple[int, int, int] | None = None
    shows: Shows = "reads"

    def __post_init__(self) -> None:
        for name in ("label", "against"):
            check_label(name, getattr(self, name))
        if not isinstance(self.head, Head | None):
            raise RequestError(f"The head is {shown(self.head)}; give a Head(layer, number).")
        if not isinstance(self.off, tuple | list | set | frozenset) or not all(
            isinstance(head, Head) for head in self.off
        ):
            raise RequestError(f"The heads to switch off are {shown(self.off)}; give Heads.")
        object.__setattr__(self, "off", tuple(sorted(set(self.off))))
        if self.query is not None:
            object.__setattr__(self, "query", as_token(self.query))
        if self.shows not in SHOWS:
            raise RequestError(
                f"What a head {shown(self.shows)} can't be drawn; choose {' or '.join(SHOWS)}."
            )


DEFAULT_HEADS = HeadsRequest()


def ask(engine: Engine, clip: ClipRequest, request: HeadsRequest = DEFAULT_HEADS) -> HeadsView:
    """Say what each head reads and does. Errors as in `recognise.ask`.

    Raises
    ------
    RequestError
        Also when the recogniser does not know a label, a token or a head.
    """
    from videomae_demo.analysis.heads import heads_on
    from videomae_demo.engine.single_heads import head_effects
    from videomae_demo.lenses import recognise

    whole = recognise.ask(engine, clip).classification
    recogniser = engine.recogniser
    config = recogniser.model.config
    if request.head is not None:
        heads_on((request.head,), config.num_hidden_layers, config.num_attention_heads)
    prepared = engine.prepare(clip, recogniser)
    target = find_target(whole, request.label, request.against)
    found = head_effects(engine, prepared, target, request.query, request.off)
    now = recognise.classify_logits(found.logits, whole.labels) if request.off else whole
    start = describe_start(recogniser, request.query)
    return HeadsView(recogniser.card, prepared.clip, request, found, now, whole, start)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class HeadsView(Answer):
    """What every head reads and hands over, one of them in detail, and the labels without some.

    Attributes
    ----------
    request : HeadsRequest
    found : HeadEffects
    classification : Classification
        What the recogniser says with the heads off that are.
    whole : Classification
        What it says with all heads on.
    start : str
        Whose reading is drawn, in words.
    """

    checkpoint: CheckpointCard
    clip: SeenClip
    request: HeadsRequest
    found: HeadEffects
    classification: Classification
    whole: Classification
    start: str

    @property
    def head(self) -> Head:
        """The head that is drawn."""
        return self.request.head or self.found.ranking[0]

    @property
    def is_off(self) -> bool:
        """Whether the head that is drawn is switched off."""
        return self.head in self.found.off

    @property
    def label(self) -> LabelScore:
        """The label on which effects are measured, as it stands now."""
        return self.classification.find(self.classification.labels[self.found.target.label])

    @property
    def what(self) -> str:
        """On what effects are measured: a label, or one rather than another."""
        other = self.found.target.against
        return self.label.label + (
            "" if other is None else f" rather than {self.classification.labels[other]}"
        )

    @property
    def effect(self) -> float:
        """The direct effect of the head that is drawn, in units of the logit."""
        return self.effect_of(self.head)

    def effect_of(self, head: Head) -> float:
        """Return a head's direct effect, in units of the logit."""
        return float(self.found.totals[head.layer - 1, head.number - 1])

    @property
    def rank(self) -> int:
        """The rank of the head that is drawn, 1 = the greatest effect, whatever its sign."""
        return self.found.ranking.index(self.head) + 1

    @property
    def effects(self) -> dict[Head, float]:
        """The direct effect of each head, in units of the logit, layer by layer."""
        return {
            Head(layer, number): effect
            for layer, line in enumerate(self.found.totals.tolist(), start=1)
            for number, effect in enumerate(line, start=1)
        }

    @property
    def signed(self) -> bool:
        """Whether what is drawn has a sign."""
        return self.request.shows == "effect"

    @property
    def drawn(self) -> NDArray[np.float32]:
        """The map of the head that is drawn, (time, height, width): times uniform, or signed."""
        of_head: NDArray[np.float32] = self._all[self.head.layer - 1, self.head.number - 1]
        return of_head

    @property
    def overview(self) -> NDArray[np.float32]:
        """A small map of each head, (layers, heads, height, width): the mean or sum over time."""
        drawn = self._all
        small: NDArray[np.float32] = drawn.sum(2) if self.signed else drawn.mean(2)
        return small

    @property
    def _all(self) -> NDArray[np.float32]:
        return self.found.effects if self.signed else self.found.reads_times_uniform

    @property
    def scale(self) -> Scale:
        """The scale of `drawn`, the same for each head."""
        return self._scale_of(self._all)

    @property
    def overview_scale(self) -> Scale:
        """The scale of `overview`."""
        return self._scale_of(self.overview)

    def overview_words(self) -> str:
        """Say on which scale the small maps are, and what the bars below them are."""
        end = self.overview_scale.upper
        scale = f"-{end:.2g} to +{end:.2g} of the logit" if self.signed else f"0 to {end:.2g}x"
        over = "sum" if self.signed else "mean"
        return (
            f"A line for each layer. Small maps: {over} over time, {scale}. Bars: each head's "
            f"effect on {self.what}; orange is for it, blue against."
        )

    def _scale_of(self, values: NDArray[np.float32]) -> Scale:
        reach = float(np.quantile(np.abs(values), _SCALE_END)) or float(np.abs(values).max()) or 1.0
        if self.signed:
            return Scale.diverging(reach, f"direct effect on {self.what}", "of the logit")
        return Scale(max(reach, 2.0), title="what a head reads", unit="x uniform")

    @property
    def map(self) -> ClipMap:
        """The head that is drawn, over the clip."""
        title = f"{self.head.title}: " + (
            f"effect on {self.what}" if self.signed else "what it reads"
        )
        return ClipMap(self.clip, title, self.drawn, self.scale)

    @property
    def peak(self) -> tuple[int, int, int]:
        """The token that the head reads most: time, row, column."""
        reads = self.found.reads[self.head.layer - 1, self.head.number - 1]
        time, row, column = np.unravel_index(int(reads.argmax()), reads.shape)
        return int(time), int(row), int(column)

    def to_json(self) -> dict[str, Any]:
        """Return all heads with their effects, the one that is drawn, and the labels, for JSON."""
        effects = self.effects
        return {
            "checkpoint": self.checkpoint.public_name,
            "label": self.label.label,
            "against": None
            if self.found.target.against is None
            else self.classification.labels[self.found.target.against],
            "head": self.head.written,
            "off": [head.written for head in self.found.off],
            "query": self.found.query,
            "heads": [
                {"head": head.written, "effect": effects[head], "rank": rank}
                for rank, head in enumerate(self.found.ranking, start=1)
            ],
            "direct": float(self.found.totals.sum()),
            "target": self._target,
            "peak": {"token": list(self.peak), "times_uniform": self._at_peak},
            "labels": [
                {
                    "label": score.label,
                    "probability": score.probability,
                    "with_all_heads": self.whole.find(score.label).probability,
                }
                for score in self.classification.top(5)
            ],
            "grid": list(self.drawn.shape),
            "verdict": self.sentences(),
            **describe_clip(self.clip),
            "notes": self.notes,
        }

    @property
    def _target(self) -> float:
        return float(self.found.target.value(self.classification.logits))

    @property
    def _at_peak(self) -> float:
        reads = self.found.reads_times_uniform[self.head.layer - 1, self.head.number - 1]
        return float(reads.max())

    def sentences(self) -> list[str]:
        """Say what the head does and reads, what all do, and what became of the label."""
        return [self.does(), self.reads(), *self.without(), self.all_together()]

    def does(self) -> str:
        """Say what the head hands to the label directly."""
        if self.is_off:
            return f"{self.head.title} is switched off."
        return (
            f"{self.head.title} gives {self.effect:+.2f} to {self.what} directly: rank "
            f"{self.rank} of {len(self.found.ranking)} by size."
        )

    def reads(self) -> str:
        """Say where the head reads most, and from where."""
        if self.is_off:
            return "A head that is off reads nothing."
        time, row, column = self.peak
        time_s = float(self.clip.timestamps_s[time * self.checkpoint.tubelet_size])
        return (
            f"It reads most at {time_s:.2f} s, row {row}, column {column}: {self._at_peak:.1f}x "
            f"uniform, starting from {self.start}."
        )

    def without(self) -> list[str]:
        """Say what became of the label without the heads that are off."""
        off = self.found.off
        if not off:
            return []
        named = "; ".join(str(head) for head in off[:MOST_NAMED])
        if len(off) > MOST_NAMED:
            named += f"; and {len(off) - MOST_NAMED} more"
        before = self.whole.find(self.label.label).probability
        now, top = self.label, self.classification.top(1)[0]
        other = (
            "" if top.index == now.index else f"; now it sees {top.label} ({top.probability:.1%})"
        )
        return [
            f"Off: {named}. {now.label}: {before:.1%} with all heads, {now.probability:.1%} "
            f"without{other}."
        ]

    def all_together(self) -> str:
        """Say how much of the logit all heads hand over directly."""
        name = "logit" if self.found.target.against is None else "margin"
        return (
            f"All heads together give {self.found.totals.sum():+.2f} of the {name} "
            f"{self._target:+.2f} directly; the rest comes through perceptrons, the embedded "
            "patches and biases. What a head does by way of later layers is not in its number: "
            "switch it off to see that."
        )

    def save(self, folder: Path | str) -> list[Path]:
        """Write ``heads.npz``, ``heads.png`` (all), ``head.mp4`` and ``filmstrip.png`` (one).

        The arrays ``reads`` and ``effects`` are (layers, heads, time, height, width) float32.
        """
        folder = made_folder(folder)
        arrays = folder / "heads.npz"
        write_npz(arrays, self.arrays())
        footnotes = [*self.sentences(), *self.notes]
        heading = f"{self.head.title}: {self.clip.path.name}"
        return [
            arrays,
            write_png(folder / "heads.png", self.picture()),
            self.map.write_movie(folder / "head.mp4", self.does()),
            write_png(folder / "filmstrip.png", self.map.filmstrip(heading, footnotes)),
        ]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return ``reads``, ``effects``, ``logits``, ``timestamps_s`` and ``indices``."""
        return {
            "reads": self.found.reads,
            "effects": self.found.effects,
            "logits": self.found.logits,
            "timestamps_s": self.clip.timestamps_s,
            "indices": self.clip.indices,
        }

    def picture(self) -> Pixels:
        """Draw the gallery of all heads, each with its direct effect."""
        from videomae_demo.rendering.gallery import gallery

        layers, heads = self.overview.shape[:2]
        totals = self.found.totals
        return gallery(
            self.overview,
            [[f"{totals[layer, head]:+.2f}" for head in range(heads)] for layer in range(layers)],
            [f"layer {layer + 1}" for layer in range(layers)],
            heading=f"Heads, and their direct effect on {self.what}: {self.clip.path.name}",
            scale=self.overview_scale,
            values_above=bool(np.abs(self.overview).max() > self.overview_scale.upper),
            footnotes=[*self.sentences(), *self.notes],
        )

    def __repr__(self) -> str:
        return f"HeadsView({self.clip.path.name!r}: {self.head} gives {self.effect:+.2f})"
