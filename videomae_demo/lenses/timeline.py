"""What happens when? The labels of windows from the beginning of a clip to its end.

Owns the words and files of this answer. Computes nothing; needs torch only to ask.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from videomae_demo.analysis.dropping import probabilities
from videomae_demo.analysis.stretches import Stretch, entropies, stretches
from videomae_demo.engine.clips import ClipRequest, SeenClip
from videomae_demo.given import number, whole
from videomae_demo.lenses.answer import Answer, describe_clip, made_folder, write_json, write_npz
from videomae_demo.lenses.explain import check_label
from videomae_demo.lenses.plan import Plan, plan_of
from videomae_demo.lenses.recognise import LIKELY, MOTIONS_ONLY, probability

if TYPE_CHECKING:  # torch and matplotlib take seconds to import: the page does not wait for them
    from matplotlib.figure import Figure

    from videomae_demo.engine.engine import Engine
    from videomae_demo.engine.roles import CheckpointCard

DRAWN = 5
"""How many labels are drawn; one that is followed comes on top."""
MOST_IN_A_ROW = 4
"""So many stretches are named one after the other."""
NEAREST = "What is named here are the nearest motions."
MOST_TOLD = 12
"""So many stretches are told one by one."""


@dataclass(frozen=True, slots=True)
class TimelineRequest:
    """Which windows are asked for.

    Attributes
    ----------
    hop_s : float, optional
        Seconds from the beginning of one window to that of the next; default: half a window.
    windows : int, optional
        How many windows, from the first to the last possible one; instead of a hop.
    label : str, optional
        A label whose curve is drawn and written, whatever its rank.

    Raises
    ------
    RequestError
        When a value is of another type.
    """

    hop_s: float | None = None
    windows: int | None = None
    label: str | None = None

    def __post_init__(self) -> None:
        if self.hop_s is not None:
            object.__setattr__(self, "hop_s", number(self.hop_s, "hop in seconds"))
        if self.windows is not None:
            object.__setattr__(self, "windows", whole(self.windows, "number of windows"))
        check_label("label", self.label)


DEFAULT_TIMELINE = TimelineRequest()


def ask(
    engine: Engine, clip: ClipRequest, request: TimelineRequest = DEFAULT_TIMELINE
) -> Iterator[TimelineView]:
    """Name what is in each window; yield the answer as it grows.

    Raises
    ------
    VideoError, CheckpointError
        As in `recognise.ask`.
    RequestError
        Also when the clip has no windows, or they are too many; see `scanning.window_starts`.
    """
    from videomae_demo.engine.scanning import known_windows, scan_windows, window_starts

    starts_s = window_starts(engine, clip, request.hop_s, request.windows)
    nothing = _begun(engine, clip, request, starts_s)
    done = len(known_windows(engine, clip, starts_s))
    began = time.monotonic()
    for logits in scan_windows(engine, clip, starts_s):
        if len(logits) > done:
            engine.seconds["scan"] = (time.monotonic() - began) / (len(logits) - done)
        yield replace(nothing, logits=logits)
        done, began = max(done, len(logits)), time.monotonic()


def plan(engine: Engine, clip: ClipRequest, request: TimelineRequest) -> Plan:
    """Say how many windows there are to scan, and what that costs; no model runs.

    Errors as in `ask`.
    """
    from videomae_demo.engine.scanning import known_windows, window_starts

    starts_s = window_starts(engine, clip, request.hop_s, request.windows)
    found = known_windows(engine, clip, starts_s)
    return plan_of(engine, len(starts_s), len(found), ("scan", "probe", "recognise"))


def known(engine: Engine, clip: ClipRequest, request: TimelineRequest) -> TimelineView | None:
    """Return the answer as far as earlier scans went; None if there were none.

    Errors as in `ask`.
    """
    from videomae_demo.engine.scanning import known_windows, window_starts

    starts_s = window_starts(engine, clip, request.hop_s, request.windows)
    logits = known_windows(engine, clip, starts_s)
    return replace(_begun(engine, clip, request, starts_s), logits=logits) if len(logits) else None


def _begun(
    engine: Engine, clip: ClipRequest, request: TimelineRequest, starts_s: NDArray[np.float64]
) -> TimelineView:
    """Return the answer before the first window is done."""
    from videomae_demo.engine.scanning import window_length_s
    from videomae_demo.lenses import recognise

    whole = recognise.ask(engine, clip)
    found = whole.classification
    return TimelineView(
        whole.checkpoint,
        whole.clip,
        found.labels,
        starts_s,
        window_length_s(engine, clip),
        np.empty((0, len(found.labels)), np.float32),
        None if request.label is None else found.find(request.label).index,
        whole.is_foreign,
    )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TimelineView(Answer):
    """What is in each window.

    Attributes
    ----------
    clip : SeenClip
        Its window in the middle.
    labels : tuple of str
    starts_s : ndarray
        (windows,) float64: where each begins; more than are done, while the answer grows.
    length_s : float
        From the first frame of a window to its last.
    logits : ndarray
        (windows done, labels) float32.
    followed : int or None
        The index of the label whose curve was asked for.
    is_foreign : bool
        As in `recognise.LabelsView`.
    """

    checkpoint: CheckpointCard
    clip: SeenClip
    labels: tuple[str, ...]
    starts_s: NDArray[np.float64]
    length_s: float
    logits: NDArray[np.float32]
    followed: int | None = None
    is_foreign: bool = False

    @property
    def done(self) -> float:
        """How many of the windows are done, 0..1."""
        return len(self.logits) / len(self.starts_s)

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """The softmax of the logits, (windows done, labels)."""
        return probabilities(self.logits)

    @property
    def stretches(self) -> list[Stretch]:
        """Neighbouring windows that say the same."""
        return stretches(self.probabilities)

    @property
    def middles_s(self) -> NDArray[np.float64]:
        """The middle of each window that is done, in seconds."""
        middles: NDArray[np.float64] = self.starts_s[: len(self.logits)] + self.length_s / 2
        return middles

    def spans(self) -> list[tuple[float, float, str]]:
        """Return from when to when each stretch goes, and its label.

        Between two stretches, the border lies half way between the middles of their windows.
        """
        middles, found = self.middles_s, self.stretches
        borders = [(middles[one.last] + middles[other.first]) / 2 for one, other in pairwise(found)]
        end_s = float(self.starts_s[len(self.logits) - 1] + self.length_s)
        edges = [0.0, *map(float, borders), end_s]
        return [
            (begin, end, self.labels[one.label])
            for one, (begin, end) in zip(found, pairwise(edges), strict=True)
        ]

    def drawn(self) -> list[int]:
        """Return the labels that are drawn: the most probable ones on average, and the followed."""
        mean = self.probabilities.mean(axis=0)
        top = np.argsort(-mean, kind="stable")[:DRAWN].tolist()
        extra = [] if self.followed is None or self.followed in top else [self.followed]
        return [*top, *extra]

    def to_json(self) -> dict[str, Any]:
        """Return what each window and each stretch says, ready for JSON."""
        chances, uncertain = self.probabilities, entropies(self.probabilities)
        rows = []
        for at, row in enumerate(chances):
            best = int(row.argmax())
            told = {
                "start_s": float(self.starts_s[at]),
                "end_s": float(self.starts_s[at] + self.length_s),
                "best": self.labels[best],
                "probability": float(row[best]),
                "entropy": float(uncertain[at]),
            }
            if self.followed is not None:
                told["followed"] = float(row[self.followed])
            rows.append(told)
        return {
            "checkpoint": self.checkpoint.public_name,
            "label": None if self.followed is None else self.labels[self.followed],
            "done": self.done,
            "window_s": self.length_s,
            "windows": rows,
            "stretches": [
                {"begin_s": begin, "end_s": end, "label": label, "probability": one.probability}
                for one, (begin, end, label) in zip(self.stretches, self.spans(), strict=True)
            ],
            "verdict": self.sentences(),
            **describe_clip(self.clip),
            "notes": self.notes,
        }

    def headline(self) -> str:
        """Say in a few words what happens."""
        if self.is_foreign:
            return MOTIONS_ONLY
        named = [self.labels[one.label] for one in self.stretches]
        if len(named) == 1:
            return f"{named[0]} throughout"
        if len(named) <= MOST_IN_A_ROW:
            return ", then ".join(named)
        return f"{len(named)} stretches of {len(set(named))} labels"

    def sentences(self) -> list[str]:
        """Say what happens when."""
        if self.done < 1:
            return [f"{len(self.logits)} of {len(self.starts_s)} windows are done so far."]
        foreign = [f"{MOTIONS_ONLY}. {NEAREST}"] if self.is_foreign else []
        return [*foreign, *self.about_stretches()]

    def about_stretches(self) -> list[str]:
        """Say what each stretch of the windows that are done shows, and what the label followed."""
        found = list(zip(self.stretches, self.spans(), strict=True))
        said = [_told(one, *span) for one, span in found[:MOST_TOLD]]
        if len(found) > MOST_TOLD:
            said.append(f"And {len(found) - MOST_TOLD} stretches more.")
        if len(found) == 1:
            said.append(f"All {len(self.starts_s)} windows say the same, or nearly so.")
        return [*said, *self._about_followed()]

    def _about_followed(self) -> list[str]:
        if self.followed is None:
            return []
        curve = self.probabilities[:, self.followed]
        at = int(curve.argmax())
        begin, end = self.starts_s[at], self.starts_s[at] + self.length_s
        return [
            f"{self.labels[self.followed]} is most probable from {begin:.1f} to {end:.1f} s: "
            f"{probability(float(curve[at]))}; on average {probability(float(curve.mean()))}."
        ]

    def save(self, folder: Path | str) -> list[Path]:
        """Write ``timeline.json``, ``.csv``, ``.npz`` and ``.png``.

        The table has a row for each window: ``start_s``, ``end_s``, ``best``, ``probability``,
        ``entropy``, and the probability of each label that is drawn.
        """
        from videomae_demo.rendering.plots import save_figure

        folder = made_folder(folder)
        told, drawn, chances = self.to_json(), self.drawn(), self.probabilities
        table, arrays = folder / "timeline.csv", folder / "timeline.npz"
        with table.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            head = ["start_s", "end_s", "best", "probability", "entropy"]
            rows.writerow([*head, *(self.labels[label] for label in drawn)])
            for row, own in zip(told["windows"], chances, strict=True):
                rows.writerow([*(row[name] for name in head), *own[drawn].tolist()])
        write_npz(arrays, self.arrays())
        return [
            write_json(folder / "timeline.json", told),
            table,
            arrays,
            save_figure(self._figure(), folder / "timeline.png"),
        ]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return ``starts_s`` (windows,), ``logits`` (windows, labels), and the ``labels``."""
        return {
            "starts_s": self.starts_s[: len(self.logits)],
            "logits": self.logits,
            "labels": np.array(self.labels),
        }

    def picture(self) -> NDArray[np.uint8]:
        """Draw the labels over time."""
        from videomae_demo.rendering.plots import to_pixels

        return to_pixels(self._figure())

    def _figure(self) -> Figure:
        from videomae_demo.rendering.label_curves import label_curves

        chances = self.probabilities
        curves = {self.labels[label]: chances[:, label] for label in self.drawn()}
        title = f"What happens when: {self.clip.path.name}"
        return label_curves(self.middles_s, curves, self.spans(), title=title)

    def __repr__(self) -> str:
        return f"TimelineView({self.clip.path.name!r}, windows: {len(self.logits)})"


def _told(one: Stretch, begin_s: float, end_s: float, label: str) -> str:
    """Say what a stretch shows, and how sure that is."""
    mean = probability(one.probability)
    sure = "" if one.probability >= LIKELY else ", unsure"
    return f"{begin_s:.1f} to {end_s:.1f} s: {label} ({mean} on average{sure})."
