"""What if the clip were another? What becomes of a label when order, pace, window or look change.

Owns the words and files of this answer. Computes nothing; needs torch only to ask.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from videomae_demo.analysis.probes import ReadOut, opposite_of, read_out
from videomae_demo.engine.clips import ClipRequest, SeenClip
from videomae_demo.errors import RequestError, shown
from videomae_demo.lenses.answer import (
    MOVIE_HEIGHT_PX,
    Answer,
    describe_clip,
    frame_rate,
    made_folder,
    write_json,
    write_npz,
)
from videomae_demo.lenses.explain import check_label
from videomae_demo.lenses.recognise import probability
from videomae_demo.lenses.what_became import (
    AS_IT_IS,
    about_figures,
    about_shown,
    all_sentences,
)
from videomae_demo.rendering.frames import Track

if TYPE_CHECKING:  # torch and matplotlib take seconds to import: the page does not wait for them
    from matplotlib.figure import Figure

    from videomae_demo.engine.engine import Engine
    from videomae_demo.engine.probing import LeftOutProbe, Probe
    from videomae_demo.engine.roles import CheckpointCard


@dataclass(frozen=True, slots=True)
class WhatIfRequest:
    """What is asked of the changes of a clip.

    Attributes
    ----------
    label : str, optional
        Whose probability is followed; default: the most probable one of the clip as it is.
    shown : str
        The change that is played, by its name (see `probing.Probe`), or `AS_IT_IS`.
    """

    label: str | None = None
    shown: str = "backwards"

    def __post_init__(self) -> None:
        check_label("label", self.label)
        if not isinstance(self.shown, str):
            raise RequestError(
                f"The change to play is {shown(self.shown)}; give its name, for instance "
                "backwards or frozen:3."
            )


DEFAULT_WHAT_IF = WhatIfRequest()


def ask(
    engine: Engine, clip: ClipRequest, request: WhatIfRequest = DEFAULT_WHAT_IF
) -> Iterator[WhatIfView]:
    """Try all changes of a clip; yield the answer as it grows. Errors as in `recognise.ask`.

    Raises
    ------
    RequestError
        Also when the recogniser does not know the label, when there is no such change to play, or
        when the clip is changed already.
    """
    from videomae_demo.engine.probing import probe

    view = _begin(engine, clip, request)
    for known in probe(engine, clip, view.probes):
        yield replace(view, found=known)


def ask_one(
    engine: Engine, clip: ClipRequest, request: WhatIfRequest = DEFAULT_WHAT_IF
) -> WhatIfView:
    """Try the change alone that is played; of others, tell what is known. Errors as in `ask`."""
    from videomae_demo.engine.probing import known_probes, probe

    view = _begin(engine, clip, request)
    found = known_probes(engine, clip, view.probes)
    one = [probe for probe in view.probes if probe.name == request.shown]
    for now in probe(engine, clip, one):
        found |= now
    return replace(view, found=found)


def _begin(engine: Engine, clip: ClipRequest, request: WhatIfRequest) -> WhatIfView:
    """Return the answer for the clip as it is, before any change is tried."""
    from videomae_demo.engine.probing import probes_of
    from videomae_demo.lenses import recognise

    probes, left_out = probes_of(engine, clip)
    seen = engine.prepare(clip, engine.recogniser).clip
    changes = {AS_IT_IS: clip} | {one.name: one.request for one in probes}
    if request.shown not in changes:
        why = [one.why for one in left_out if one.name == request.shown]
        raise RequestError(
            f"The change {shown(request.shown)} can't be played: {why[0]}"
            if why
            else f"There is no change {shown(request.shown)} of this clip; give one of "
            f"{', '.join(name for name in changes if not name.startswith('frozen:'))}, or "
            f"frozen:0 to frozen:{len(seen.indices) - 1}."
        )
    whole = recognise.ask(engine, clip).classification
    followed = whole.top(1)[0] if request.label is None else whole.find(request.label)
    prepared = engine.prepare(clip, engine.recogniser)
    return WhatIfView(
        checkpoint=engine.recogniser.card,
        clip=prepared.clip,
        labels=whole.labels,
        label=followed.index,
        logits=engine.recognise(prepared).logits,
        probes=probes,
        left_out=left_out,
        found={},
        shown=request.shown,
        changed=engine.prepare(changes[request.shown], engine.recogniser).clip,
    )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class WhatIfView(Answer):
    """What the recogniser says of the clip, and of each change of it.

    Attributes
    ----------
    labels : tuple of str
    label : int
        The index of the label that is followed.
    logits : ndarray
        (labels,) float32, of the clip as it is.
    probes : tuple of Probe
        All changes that are tried.
    left_out : tuple of LeftOutProbe
        Those that this clip does not have.
    found : dict of str to ndarray
        The logits, (labels,) float32, of those that are done, by name.
    shown : str
        The name of the change that is played, or `AS_IT_IS`.
    changed : SeenClip
        What the model got of it.
    """

    checkpoint: CheckpointCard
    clip: SeenClip
    labels: tuple[str, ...]
    label: int
    logits: NDArray[np.float32]
    probes: tuple[Probe, ...]
    left_out: tuple[LeftOutProbe, ...]
    found: dict[str, NDArray[np.float32]]
    shown: str
    changed: SeenClip

    @property
    def is_done(self) -> bool:
        """Whether all probes are done."""
        return len(self.found) == len(self.probes)

    @property
    def opposite(self) -> int | None:
        """The index of the label that is the opposite, if there is one."""
        return opposite_of(self.label, self.labels)

    @property
    def whole(self) -> ReadOut:
        """What is read out of the clip as it is."""
        return read_out(self.logits, self.label, self.opposite)

    def read(self, name: str) -> ReadOut | None:
        """Return what is read out of a probe; None if it is not done, or not there."""
        logits = self.logits if name == AS_IT_IS else self.found.get(name)
        return None if logits is None else read_out(logits, self.label, self.opposite)

    def of_group(self, group: str) -> list[tuple[Probe, ReadOut]]:
        """Return the probes of a group that are done."""
        found = [(one, self.read(one.name)) for one in self.probes if one.group == group]
        return [(one, read) for one, read in found if read is not None]

    def single_frames(self) -> NDArray[np.float64]:
        """Return the label's probability with each frame throughout, (frames,); NaN: not done."""
        names = [one.name for one in self.probes if one.group == "frame"]
        reads = [self.read(name) for name in names]
        return np.array([np.nan if read is None else read.probability for read in reads])

    def to_json(self) -> dict[str, Any]:
        """Return all read-outs, ready for JSON."""
        opposite = self.opposite
        return {
            "checkpoint": self.checkpoint.public_name,
            "label": self.labels[self.label],
            "opposite": None if opposite is None else self.labels[opposite],
            "done": len(self.found) / len(self.probes),
            "as_it_is": self._figures(self.whole),
            "shown": self.shown,
            "probes": [
                {
                    "name": one.name,
                    "group": one.group,
                    "title": one.title,
                    **self._figures(read),
                    "difference": read.probability - self.whole.probability,
                }
                for one in self.probes
                if (read := self.read(one.name)) is not None
            ],
            "left_out": {one.name: one.why for one in self.left_out},
            "verdict": self.sentences(),
            **describe_clip(self.clip),
            "notes": self.notes,
        }

    def _figures(self, read: ReadOut) -> dict[str, Any]:
        return {
            "probability": read.probability,
            "rank": read.rank,
            "best": self.labels[read.best],
            "best_probability": read.best_probability,
            "margin": read.margin if np.isfinite(read.margin) else None,
            "log_odds": read.log_odds,
        }

    # ---- words -----------------------------------------------------------------------------------

    def title_of(self, name: str) -> str:
        """Return a change in words, for instance "played backwards"."""
        return next((one.title for one in self.probes if one.name == name), name)

    def sentences(self) -> list[str]:
        """Say what order, single frames, and the other changes do to the label."""
        return all_sentences(self)

    def about_figures(self) -> str:
        """Tell rank, margin and log-odds, as it is and after the change that is played."""
        return about_figures(self)

    def about_shown(self) -> str:
        """Say what the change that is played does to the label."""
        return about_shown(self)

    # ---- files -----------------------------------------------------------------------------------

    def save(self, folder: Path | str) -> list[Path]:
        """Write ``what_if.json``, ``.npz``, ``.csv``, ``.png`` and ``.mp4``, and ``frames.png``.

        The movie plays the clip as it is beside the change that is shown. The table has a row for
        the clip as it is, and one per change: ``name``, ``group``, ``probability``, ``rank``,
        ``best``, ``best_probability``, ``margin``, ``log_odds``.
        """
        from videomae_demo.rendering.plots import save_figure, time_curve
        from videomae_demo.rendering.side_by_side import side_by_side
        from videomae_demo.video.encode import write_mp4

        folder = made_folder(folder)
        path = folder / "what_if.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["name", "group", *self._figures(self.whole)])
            rows.writerow([AS_IT_IS, "", *self._figures(self.whole).values()])
            for one in self.probes:
                if (read := self.read(one.name)) is not None:
                    rows.writerow([one.name, one.group, *self._figures(read).values()])
        frames = time_curve(
            self.clip.timestamps_s,
            self.single_frames(),
            value_name=f"{self.labels[self.label]}, one frame",
            reference=self.whole.probability,
            reference_name="whole clip",
        )
        movie = side_by_side(self.tracks(), height_px=MOVIE_HEIGHT_PX, footnote=self.about_shown())
        arrays = folder / "what_if.npz"
        write_npz(arrays, self.arrays())
        return [
            write_json(folder / "what_if.json", self.to_json()),
            arrays,
            path,
            write_mp4(folder / "what_if.mp4", movie, frame_rate(self.clip)),
            save_figure(self._bars(), folder / "what_if.png"),
            save_figure(frames, folder / "frames.png"),
        ]

    def tracks(self) -> list[Track]:
        """Return the frames as they are and, if a change is played, as the model got them then."""
        tracks = [Track(AS_IT_IS, self.clip.frames)]
        if self.shown != AS_IT_IS:
            tracks.append(Track(self.title_of(self.shown), self.changed.frames))
        return tracks

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return ``logits`` (labels,), ``probe_logits`` (probes, labels), and their names."""
        done = [one.name for one in self.probes if one.name in self.found]
        rows = [self.found[name] for name in done]
        return {
            "labels": np.array(self.labels),
            "logits": self.logits,
            "probes": np.array(done, dtype=str),
            "probe_logits": np.array(rows, np.float32).reshape(len(done), len(self.labels)),
        }

    def picture(self) -> NDArray[np.uint8]:
        """Draw the label's probability after each change as bars; single frames left aside."""
        from videomae_demo.rendering.plots import to_pixels

        return to_pixels(self._bars())

    def _bars(self) -> Figure:
        from videomae_demo.rendering.plots import label_bars

        groups = ("order", "look", "pace", "window")
        pairs = [pair for group in groups for pair in self.of_group(group)]
        return label_bars(
            [AS_IT_IS, *(one.title for one, _ in pairs)],
            [self.whole.probability, *(read.probability for _, read in pairs)],
            title=f"Probability of {self.labels[self.label]}",
        )

    def __repr__(self) -> str:
        name, whole = self.labels[self.label], probability(self.whole.probability)
        done = f"{len(self.found)} of {len(self.probes)} changes"
        return f"WhatIfView({self.clip.path.name!r}: {name} {whole}, {done})"
