"""Two answers of a kind, paired: rows of figures, maps on one scale, their difference, and words.

Computes nothing but differences of what the lenses found.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from videomae_demo.analysis.pairing import (
    common_labels,
    correlation,
    pair_labels,
    total_variation,
)
from videomae_demo.lenses.answer import Answer, share
from videomae_demo.lenses.pictures import PICTURE_TITLES, in_decibel
from videomae_demo.lenses.recognise import probability
from videomae_demo.rendering.colour import Scale
from videomae_demo.rendering.frames import to_uint8

if TYPE_CHECKING:  # torch takes seconds to import: the page does not wait for it
    from videomae_demo.analysis.classification import Classification
    from videomae_demo.lenses.attend import RolloutView
    from videomae_demo.lenses.explain import RelevanceView
    from videomae_demo.lenses.recognise import LabelsView
    from videomae_demo.lenses.reconstruct import ReconstructionView
    from videomae_demo.lenses.what_if import WhatIfView

KINDS = ("labels", "attention", "relevance", "reconstruction", "what_if")
CLIP = "the clip, cropped as A saw it"
TOP = 5
TIMES_UNIFORM = "x uniform"
RMS = "RMS (of 1)"
DRAWN = 0.995
"""The share of a signed map's values that its scale spans; the others lie beyond its ends."""
BEST_FRAME = "best single frame"

Map = NDArray[np.floating[Any]]
Both = tuple[Map, Map]


@dataclass(frozen=True, slots=True)
class Row:
    """A figure by A and by B; None where one does not have it, infinite where it is exact."""

    name: str
    first: float | None
    second: float | None

    @property
    def difference(self) -> float | None:
        """B's less A's; None where one has none, or is exact."""
        first, second = finite(self.first), finite(self.second)
        return None if first is None or second is None else second - first


@dataclass(frozen=True, slots=True, eq=False)
class Pairing:
    """Two answers, paired.

    Attributes
    ----------
    rows : list of Row
    unit : str
        Of the rows: "" for probabilities in 0..1, "dB", or `TIMES_UNIFORM`.
    said : list of str
        What is to be said of both.
    maps : (ndarray, ndarray), optional
        (time, height, width) float of A and of B, drawn on `scale`.
    upper : float
        Where that scale ends; 0 for the largest value.
    is_comparable : bool
        Whether a token of one map stands for the same as that of the other.
    agreement : float, optional
        Of maps, Pearson's correlation; of labels, 1 less the total variation.
    """

    rows: list[Row]
    unit: str
    said: list[str]
    maps: Both | None = None
    title: str = ""
    map_unit: str = ""
    signed: bool = False
    upper: float = 0.0
    agreement: float | None = None
    is_comparable: bool = True

    @property
    def difference(self) -> Map | None:
        """B's map less A's; None where their tokens are not the same."""
        if self.maps is None or not self.is_comparable:
            return None
        first, second = self.maps
        return second - first if first.shape == second.shape else None

    @property
    def scale(self) -> Scale | None:
        """The scale that both maps share."""
        if self.maps is None:
            return None
        largest = max(float(np.nanmax(np.abs(values))) for values in self.maps)
        upper = self.upper or largest or 1.0
        if self.signed:
            return Scale.diverging(upper, self.title, self.map_unit)
        return Scale(upper, title=self.title, unit=self.map_unit)

    @property
    def is_beyond_scale(self) -> bool:
        """Whether a value of either map lies beyond their scale."""
        scale = self.scale
        if self.maps is None or scale is None:
            return False
        return any(bool(np.nanmax(np.abs(values)) > scale.upper) for values in self.maps)

    @property
    def difference_scale(self) -> Scale | None:
        """The scale of the difference: it ends where that of the maps does."""
        scale = self.scale
        if scale is None or self.difference is None:
            return None
        return Scale.diverging(scale.upper, f"B less A: {self.title}", self.map_unit)


def told(value: float | None, unit: str) -> str:
    """Write a figure of a row down."""
    if value is None:
        return "-"
    if unit == "dB":
        return in_decibel(value, "dB")
    return probability(value) if not unit else f"{value:.1f}x"


def pair(what: str, first: Any, second: Any) -> Pairing:
    """Pair two answers of one of `KINDS`."""
    makers: dict[str, Callable[[Any, Any], Pairing]] = {
        "labels": _labels,
        "attention": _attention,
        "relevance": _relevance,
        "reconstruction": _reconstruction,
        "what_if": _what_if,
    }
    return makers[what](first, second)


def frames_of(what: str, answer: Any) -> NDArray[np.uint8]:
    """Return what is played of an answer that has no map: (T, H, W, 3) uint8."""
    if what == "reconstruction":
        return to_uint8(answer.reconstruction.prediction.frames)
    frames: NDArray[np.uint8] = (answer.changed if what == "what_if" else answer.clip).frames
    return frames


# ---- labels --------------------------------------------------------------------------------------


def _labels(first: LabelsView, second: LabelsView) -> Pairing:
    one, other = first.classification, second.classification
    rows = [Row(pair.label, pair.first, pair.second) for pair in pair_labels(one, other, TOP)]
    apart = total_variation(one, other)
    said = [_best(one, other), *_known(one.labels, other.labels)]
    if apart is not None:
        said.append(
            f"Their probabilities differ by {share(apart)} in all (total variation: 0% if all are "
            "the same, 100% if nothing is)."
        )
    return Pairing(rows, "", said, agreement=None if apart is None else 1 - apart)


def _best(one: Classification, other: Classification) -> str:
    first, second = one.top(1)[0], other.top(1)[0]
    agree = first.label.casefold() == second.label.casefold()
    return (
        f"A says {first.label} {probability(first.probability)}, B says {second.label} "
        f"{probability(second.probability)}: they {'agree' if agree else 'disagree'}."
    )


def _known(one: tuple[str, ...], other: tuple[str, ...]) -> list[str]:
    common = common_labels(one, other)
    if common == len(one) == len(other):
        return []
    return [
        f"A knows {len(one)} labels and B {len(other)}; {common} have the same name, and only "
        "those can be paired."
    ]


# ---- maps ----------------------------------------------------------------------------------------


def _attention(first: RolloutView, second: RolloutView) -> Pairing:
    maps = first.rollout.times_uniform, second.rollout.times_uniform
    rows = [
        Row("highest token", *(float(values.max()) for values in maps)),
        Row("busiest moment", *(float(v.rollout.over_time.max()) for v in (first, second))),
    ]
    alike, said = _agreement(maps, "Where they look", first, second)
    return Pairing(
        rows,
        TIMES_UNIFORM,
        said,
        maps,
        "attention rollout",
        TIMES_UNIFORM,
        upper=max(first.rollout.scale_end, second.rollout.scale_end),
        agreement=alike,
    )


def _relevance(first: RelevanceView, second: RelevanceView) -> Pairing:
    maps = _even(first.relevance.scores), _even(second.relevance.scores)
    rows = [
        Row("probability", first.label.probability, second.label.probability),
        Row("share of the strongest tenth", first.strongest_share, second.strongest_share),
    ]
    alike, said = _agreement(maps, "What speaks for the label", first, second)
    one, other = first.label.label, second.label.label
    if one.casefold() != other.casefold():
        said.append(f"A is asked about {one}, which B does not know: B is asked about {other}.")
    else:
        said.append(f"Both are asked about {one}.")
    return Pairing(
        rows,
        "",
        said,
        maps,
        "relevance, in shares of its whole",
        TIMES_UNIFORM,
        signed=True,
        upper=max(float(np.quantile(np.abs(values), DRAWN)) for values in maps),
        agreement=alike,
    )


def _even(scores: NDArray[np.float32]) -> Map:
    """Scale a map so that its sizes are 1 on average: logits of two models can't be compared."""
    total = float(np.abs(scores).sum(dtype=np.float64))
    return scores.astype(np.float64) * (scores.size / total if total else 0.0)


def _agreement(
    maps: Both, what: str, first: Answer, second: Answer
) -> tuple[float | None, list[str]]:
    """Say how far two maps agree, and where they differ most."""
    one, other = maps
    if one.shape != other.shape:
        ours, theirs = _peak(first, one), _peak(second, other)
        return None, [f"{what} is strongest at {ours} by A, and at {theirs} by B."]
    alike = correlation(one, other)
    apart = other - one
    if not np.abs(apart).max() > 0:
        return alike, [f"{what} is the same, token for token."]
    time, row, column = np.unravel_index(int(np.abs(apart).argmax()), apart.shape)
    seconds = first.clip.timestamps_s[time * (len(first.clip.timestamps_s) // len(one))]
    most = float(apart[time, row, column])
    said = (
        f"They differ most at {seconds:.2f} s, row {row}, column {column}: B's is {abs(most):.1f}"
        f"{TIMES_UNIFORM} {'higher' if most > 0 else 'lower'}."
    )
    if alike is None:
        return None, [said]
    return alike, [f"{what} agrees to r = {alike:.2f} (correlation over {one.size} tokens).", said]


def _peak(answer: Answer, values: Map) -> str:
    """Say where a map is highest, in shares of the frame, which fit any grid."""
    time, row, column = np.unravel_index(int(values.argmax()), values.shape)
    seconds = answer.clip.timestamps_s[time * (len(answer.clip.timestamps_s) // len(values))]
    right, down = (column + 0.5) / values.shape[2], (row + 0.5) / values.shape[1]
    return f"{seconds:.2f} s, {share(right)} from the left, {share(down)} from the top"


# ---- reconstruction ------------------------------------------------------------------------------


def _reconstruction(first: ReconstructionView, second: ReconstructionView) -> Pairing:
    one, other = first.reconstruction, second.reconstruction
    ours, theirs = ({p.name: p.psnr_db for p in result.pictures} for result in (one, other))
    rows = [
        Row(PICTURE_TITLES[name], ours.get(name), theirs.get(name))
        for name in dict.fromkeys([*ours, *theirs])
    ]
    near, far = one.prediction.psnr_db, other.prediction.psnr_db
    gain = round(far, 1) - round(near, 1)
    numbers = f"({in_decibel(near)} and {in_decibel(far)} dB)"
    said = [
        f"Both come as near to the original {numbers}."
        if np.isnan(gain) or gain == 0
        else f"{'B' if gain > 0 else 'A'} comes {abs(gain):.1f} dB nearer to the original "
        f"{numbers}."
    ]
    same = one.mask.shape == other.mask.shape and bool((one.mask == other.mask).all())
    if same:
        said.append(f"Behind the same mask: {first.drawn()}, {share(first.hidden_share)} hidden.")
    else:
        hidden = f"{share(first.hidden_share)} and {share(second.hidden_share)}"
        said.append(f"Behind masks of their own grids, {hidden} hidden.")
    if one.prediction.leaks != other.prediction.leaks:
        leaks = "A" if one.prediction.leaks else "B"
        said.append(
            f"Mind that {leaks} predicts normalised pixels: its picture is made with the hidden "
            "patches' true mean and contrast, and so is nearer than it should be."
        )
    maps = np.sqrt(one.token_error), np.sqrt(other.token_error)
    return Pairing(
        rows,
        "dB",
        said,
        maps,
        "error per hidden token",
        RMS,
        agreement=correlation(*maps) if same else None,
        is_comparable=same,
    )


def finite(value: float | None) -> float | None:
    """Return a number that JSON can hold; None if it is exact, or there is none."""
    return None if value is None or np.isinf(value) else value


# ---- what if -------------------------------------------------------------------------------------


def _what_if(first: WhatIfView, second: WhatIfView) -> Pairing:
    probes = {one.name: one for one in (*first.probes, *second.probes)}
    # Single frames are many, and come last.
    names = sorted(probes, key=lambda name: probes[name].group == "frame")
    rows = [Row("as it is", first.whole.probability, second.whole.probability)]
    rows.append(Row(BEST_FRAME, *(_best_frame(view) for view in (first, second))))
    agree = tried = 0
    for name in names:
        one, other = first.read(name), second.read(name)
        values = [None if read is None else read.probability for read in (one, other)]
        rows.append(Row(name, *values))
        if one is not None and other is not None:
            tried += 1
            names_now = first.labels[one.best], second.labels[other.best]
            agree += names_now[0].casefold() == names_now[1].casefold()
    said = _known(first.labels, second.labels)
    label, theirs = first.labels[first.label], second.labels[second.label]
    if label.casefold() == theirs.casefold():
        said.insert(0, f"Both follow {label}.")
    else:
        said.insert(0, f"A follows {label}, which B does not know: B follows {theirs}.")
    if not (first.is_done and second.is_done):
        count = len(first.found) + len(second.found)
        return Pairing(rows, "", [*said, f"{count} changes are tried so far."])
    said.append(f"After {agree} of {tried} changes both say the same label.")
    apart = [row for row in rows if row.difference is not None and row.name != BEST_FRAME]
    most = max(apart, key=lambda row: abs(row.difference or 0.0))
    if most.difference and most.first is not None and most.second is not None:
        said.append(
            f"They are furthest apart after {most.name}: A {probability(most.first)}, "
            f"B {probability(most.second)}."
        )
    else:
        said.append("Their probabilities are the same after every change.")
    return Pairing(rows, "", said, agreement=agree / tried if tried else None)


def _best_frame(view: WhatIfView) -> float | None:
    """Return the label's probability with the best frame throughout; None until all are tried."""
    each = view.single_frames()
    return None if not each.size or np.isnan(each).any() else float(each.max())
