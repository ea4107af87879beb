"""Does a map matter? The words and files of what hiding tokens in its order does.

Shared by the lenses that show maps. Computes nothing, and needs no torch.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from videomae_demo.analysis.methods import METHODS
from videomae_demo.lenses.answer import share

if TYPE_CHECKING:  # for annotations alone
    from videomae_demo.analysis.dropping import LeftOut
    from videomae_demo.analysis.faithfulness import Curve, Faithfulness

BAND = "random"
_ALIKE = 0.005  # two gaps are told apart if they differ in the second decimal


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """What hiding tokens by a map does, beside hiding them by other maps and by chance.

    Attributes
    ----------
    found : Faithfulness
        The first curve is that of the map, the others are those of the references.
    labels : tuple of str
        The classifier's labels in its order.
    slices : LeftOut or None
        What becomes of the label without each slice of time.
    times_s : tuple of float
        When each slice begins, in seconds.
    """

    found: Faithfulness
    labels: tuple[str, ...]
    slices: LeftOut | None = None
    times_s: tuple[float, ...] = ()

    @property
    def own(self) -> Curve:
        """The curve of the map itself."""
        return self.found.curves[0]

    @property
    def is_done(self) -> bool:
        """Whether all was computed."""
        return self.found.done >= 1

    def __repr__(self) -> str:
        label = self.labels[self.found.target.label]
        return f"Trial({label!r}, curves: {len(self.found.curves)}, {self.found.done:.0%} done)"

    def to_json(self) -> dict[str, Any]:
        """Return the areas under all curves, ready for JSON."""
        curves = {curve.name: _figures(curve) for curve in self.found.curves}
        return {
            "label": self.labels[self.found.target.label],
            "hidden": self.own.deletion.hidden.tolist(),
            "curves": curves,
            BAND: [_figures(curve) for curve in self.found.band],
            "without_slice": None
            if self.slices is None
            else {
                "times_s": [round(time, 6) for time in self.times_s],
                "probability": self.slices.probabilities.tolist(),
                "drop": self.slices.drops.tolist(),
            },
            "verdict": self.sentences(),
        }

    def sentences(self) -> list[str]:
        """Say what hiding the strongest tokens does, and whether other maps do the same."""
        if not self.is_done:
            return [f"So far, {self.found.done:.0%} of the test is done."]
        return [self._flip(), *self._slice(), self._gaps(), self._verdict()]

    def _flip(self) -> str:
        own = self.own.deletion
        before, most = self.labels[own.tops[0]], share(float(own.hidden[-1]))
        if own.flips_at is None:
            return f"Hiding up to {most} of the tokens, strongest first, leaves {before} on top."
        at = int((own.hidden == own.flips_at).argmax())
        return (
            f"With the strongest {share(own.flips_at)} of the tokens hidden, the top label is "
            f"{self.labels[own.tops[at]]}, and no longer {before}."
        )

    def _slice(self) -> list[str]:
        """Say which slice of time matters most."""
        found = self.slices
        if found is None:
            return []
        most = self.most_needed
        if found.probabilities[most] >= self.probability:
            return ["Without any single slice of time, the label loses nothing."]
        name, whole = self.labels[found.target.label], self.probability
        return [
            f"Of {len(found.drops)} slices of time, the one at {self.times_s[most]:.2f} s matters "
            f"most: without it, {name} goes from {whole:.1%} to {found.probabilities[most]:.1%}."
        ]

    @property
    def probability(self) -> float:
        """The label's probability with all tokens."""
        return float(self.own.deletion.probabilities[0])

    @property
    def most_needed(self) -> int:
        """The slice of time without which the label is least probable."""
        assert self.slices is not None
        return int(self.slices.probabilities.argmin())

    def slice_rows(self) -> list[tuple[float, str]]:
        """Return the label's probability without each slice of time, and say it."""
        if self.slices is None:
            return []
        name = self.labels[self.found.target.label]
        return [
            (chance, f"Without {time_s:.2f} s: {name} {chance:.1%}.")
            for time_s, chance in zip(self.times_s, self.slices.probabilities.tolist(), strict=True)
        ]

    def _gaps(self) -> str:
        others = ", ".join(
            f"{title(curve.name)} {curve.gap:+.2f}" for curve in self.found.curves[1:]
        )
        low, high = self._band()
        return (
            f"Insertion less deletion: {self.own.gap:+.2f} for this map; {others}, random "
            f"{low:+.2f} to {high:+.2f}."
        )

    def _verdict(self) -> str:
        own, (_, by_chance) = self.own.gap, self._band()
        if own <= by_chance + _ALIKE:
            return "On this clip, this map is no better than chance."
        best = max(self.found.curves[1:], key=lambda curve: curve.gap, default=None)
        if best is None or own > best.gap + _ALIKE:
            return "On this clip, it finds what matters better than each of the others."
        how = "as well" if own >= best.gap - _ALIKE else "better"
        return f"On this clip, {title(best.name)} would have found what matters {how}."

    def _band(self) -> tuple[float, float]:
        gaps = [curve.gap for curve in self.found.band]
        return min(gaps), max(gaps)


def title(name: str) -> str:
    """Return what a curve is called in a sentence."""
    words = METHODS[name].title if name in METHODS else name
    return words if words.startswith("LibraGrad") else words[0].lower() + words[1:]


def save_trial(trial: Trial, folder: Path) -> list[Path]:
    """Write ``curves.png`` and ``curves.csv``, for slices ``slices.*`` too; return their paths.

    The table has a row per map, way and share: ``map``, ``way`` ("deletion" or "insertion"),
    ``hidden`` (share in 0..1), ``probability`` and ``target`` (the logit or margin); that of the
    slices a row per slice that is left out: ``time_s``, ``probability`` and ``target``.
    """
    from videomae_demo.rendering import plots

    path = folder / "curves.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["map", "way", "hidden", "probability", "target"])
        for curve in (*trial.found.curves, *trial.found.band):
            for way in ("deletion", "insertion"):
                course = getattr(curve, way)
                points = zip(course.hidden, course.probabilities, course.values, strict=True)
                rows.writerows([curve.name, way, *map(float, point)] for point in points)

    def drawn(curves: Sequence[Curve], way: str) -> list[plots.Curve]:
        courses = {title(curve.name): getattr(curve, way) for curve in curves}
        return [
            plots.Curve(name, course.hidden, course.probabilities)
            for name, course in courses.items()
        ]

    ways = {"strongest hidden first": "deletion", "weakest hidden first": "insertion"}
    figure = plots.share_curves(
        {name: drawn(trial.found.curves, way) for name, way in ways.items()},
        {name: drawn(trial.found.band, way) for name, way in ways.items()},
        value_name=f"probability of {trial.labels[trial.found.target.label]}",
    )
    paths = [plots.save_figure(figure, folder / "curves.png"), path]
    return paths if trial.slices is None else [*paths, *_save_slices(trial, trial.slices, folder)]


def _save_slices(trial: Trial, slices: LeftOut, folder: Path) -> list[Path]:
    from videomae_demo.rendering import plots

    path = folder / "slices.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["time_s", "probability", "target"])
        points = zip(trial.times_s, slices.probabilities, slices.values, strict=True)
        rows.writerows([*map(float, point)] for point in points)
    figure = plots.time_curve(
        trial.times_s,
        slices.probabilities,
        value_name=f"{trial.labels[trial.found.target.label]} without it",
        reference=trial.probability,
        reference_name="whole clip",
    )
    return [plots.save_figure(figure, folder / "slices.png"), path]


def _figures(curve: Curve) -> dict[str, Any]:
    return {
        "deletion_auc": curve.deletion.auc,
        "insertion_auc": curve.insertion.auc,
        "gap": curve.gap,
        "saco": curve.saco,
        "flips_at": curve.deletion.flips_at,
        "deletion": curve.deletion.probabilities.tolist(),
        "insertion": curve.insertion.probabilities.tolist(),
    }
