"""The lesson on one clip as one HTML page to print: the same texts, its pictures, its numbers."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from videomae_demo.engine.clips import ClipRequest
from videomae_demo.engine.lessons import cost_of
from videomae_demo.lenses.masks import DEFAULT_MASK, MaskRequest
from videomae_demo.lenses.pictures import PICTURE_TITLES, decibels, how_near, in_decibel
from videomae_demo.lenses.recognise import probability
from videomae_demo.lenses.reconstruct import ReconstructionView
from videomae_demo.lenses.sweep import sweep_sentences
from videomae_demo.lessons.hiding import Graded, Place, Tubes, make_guess, make_targets
from videomae_demo.lessons.inside import (
    codes_of,
    cost_sentences,
    decoding_of,
    hidden_words,
    misplace,
    token_words,
)
from videomae_demo.lessons.seeing import CHANGES, ENCODERS, change, see_with_three
from videomae_demo.lessons.steps import STEPS, Step
from videomae_demo.rendering.colour import Scale
from videomae_demo.rendering.filmstrip import filmstrip
from videomae_demo.rendering.frames import Track, resize, to_png, to_uint8
from videomae_demo.rendering.overlay import hide, overlay

if TYPE_CHECKING:
    from videomae_demo.explorer import Explorer

MOMENTS = 4
"""So many frames are printed, spread over the clip."""
CELL_PX = 104
ASKED_COLOUR = (255, 140, 0)

_STYLE = """
body { font: 11pt/1.45 system-ui, sans-serif; color: #1a1a1a; max-width: 178mm; }
body { margin: 0 auto; padding: 8mm 0; }
h1 { font-size: 22pt; margin: 0 0 2mm; } h2 { font-size: 15pt; margin: 0 0 1.5mm; }
section { break-inside: avoid; border-top: 1px solid #999; padding: 4mm 0 3mm; }
p { margin: 0 0 1.5mm; } li { font-size: 9.5pt; }
.doing { font-weight: 600; border-left: 3px solid #c2410c; padding-left: 3mm; }
img { max-width: 100%; display: block; margin: 2mm 0; }
.write { border-bottom: 1px dotted #777; height: 8mm; }
@page { size: A4; margin: 14mm; }
"""


@dataclass(frozen=True, slots=True, eq=False)
class Printed:
    """What a step shows on this clip.

    Attributes
    ----------
    tracks : sequence of Track
        Pictures of the clip's moments; none where words alone are printed.
    said : sequence of str
    scale : Scale, optional
        Of what is drawn over the tracks.
    answer : str
        Printed on the last page.
    times_s : sequence of float, optional
        When the tracks' frames were taken, if they are not the clip's moments.
    """

    tracks: Sequence[Track]
    said: Sequence[str]
    scale: Scale | None = None
    answer: str = ""
    times_s: Sequence[float] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Handout:
    """The lesson on one clip, step by step."""

    view: ReconstructionView
    recogniser: str
    times_s: Sequence[float]
    printed: tuple[Printed, ...]

    def to_json(self) -> dict[str, Any]:
        """Return what each step says, ready for JSON."""
        return {
            "clip": self.view.clip.path.name,
            "recogniser": self.recogniser,
            "reconstructor": self.view.checkpoint.public_name,
            "steps": [
                {"name": step.name, "title": step.title, "said": list(found.said)}
                for step, found in zip(STEPS, self.printed, strict=True)
            ],
        }

    def lines(self) -> list[str]:
        """Return the same as lines of text."""
        lines = []
        for number, (step, found) in enumerate(zip(STEPS, self.printed, strict=True), start=1):
            lines += [f"{number}. {step.title}", *(f"  {said}" for said in found.said)]
        return lines

    def to_html(self) -> str:
        """Return the lesson as one HTML page, pictures inside; it loads nothing from anywhere."""
        name = self.view.clip.path.name
        about = f"On the clip {name}, by {self.recogniser} and {self.view.checkpoint.title}."
        body = ["<h1>Masked autoencoding, in twelve steps</h1>", _paragraph(about)]
        answers, notes = [], []
        for number, (step, found) in enumerate(zip(STEPS, self.printed, strict=True), start=1):
            body.append(_section(number, step, found, self.times_s))
            if found.answer:
                answers.append(f"Step {number}: {found.answer}")
            notes += [f"Step {number}: {note}" for note in step.notes]
        body += [_list("Answers", answers), _list("For the teacher", notes)]
        return (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            f"<title>Masked autoencoding on {html.escape(name)}</title><style>{_STYLE}</style>"
            f"</head><body>{''.join(body)}</body></html>"
        )

    def save(self, folder: Path) -> list[Path]:
        """Write ``lesson.html`` into a folder; return its path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "lesson.html"
        path.write_text(self.to_html(), encoding="utf-8")
        return [path]


def make_handout(
    explorer: Explorer, clip: ClipRequest, mask: MaskRequest = DEFAULT_MASK
) -> Handout:
    """Work the whole lesson out on a clip.

    Parameters
    ----------
    explorer : Explorer
    clip : ClipRequest
    mask : MaskRequest
        What is hidden in the steps with a mask.

    Raises
    ------
    ExplorerError
        As in `Explorer.reconstruct`; also where the recogniser knows no labels, or no patch can be
        guessed, see `make_guess`.
    """
    view = explorer.reconstruct(clip, mask)
    sheet = _Sheet(explorer, clip, view)
    title = explorer.recogniser.card.title
    return Handout(view, title, sheet.times_s, tuple(sheet.steps()))


def _list(title: str, items: Sequence[str]) -> str:
    listed = "".join(f"<li>{html.escape(item)}</li>" for item in items)
    return f"<section><h2>{title}</h2><ul>{listed}</ul></section>"


def _section(number: int, step: Step, found: Printed, times_s: Sequence[float]) -> str:
    parts = [
        f"<h2>{number}. {html.escape(step.title)}</h2>",
        _paragraph(step.text),
        f'<p class="doing">{html.escape(step.doing)}</p>',
    ]
    if found.tracks:
        times_s = times_s if found.times_s is None else found.times_s
        picture = filmstrip(
            found.tracks, times_s, scale=found.scale, columns=len(times_s), cell_px=CELL_PX
        )
        data = base64.b64encode(to_png(picture)).decode("ascii")
        titles = html.escape(", ".join(track.title for track in found.tracks), quote=True)
        parts.append(f'<img alt="{titles}" src="data:image/png;base64,{data}">')
    parts += [_paragraph(said) for said in found.said]
    parts += ['<p class="write"></p>']
    return f"<section>{''.join(parts)}</section>"


def _paragraph(text: str) -> str:
    return f"<p>{html.escape(text)}</p>"


class _Sheet:
    """Prints each step of the lesson on one clip."""

    def __init__(self, explorer: Explorer, clip: ClipRequest, view: ReconstructionView) -> None:
        self._explorer = explorer
        self._clip = clip
        self._view = view
        self._prepared = explorer.prepare(clip, explorer.reconstructor)
        count = len(view.clip.timestamps_s)
        self._moments = np.linspace(0, count - 1, min(MOMENTS, count)).round().astype(int)

    @property
    def times_s(self) -> list[float]:
        """When the printed frames were taken."""
        times: list[float] = self._view.clip.timestamps_s[self._moments].tolist()
        return times

    def steps(self) -> Iterator[Printed]:
        """Print all steps in order."""
        yield self._guess()
        card, config = self._view.checkpoint, self._explorer.reconstructor.model.config
        yield Printed([self._track("the clip", self._target)], token_words(card, config))
        yield self._place()
        yield self._tubes()
        yield self._encoder()
        yield Printed([], [f"Into the decoder: {self._counts()}"])
        yield self._decoder()
        yield self._loss()
        yield self._targets()
        yield self._ratio()
        yield self._three()
        yield self._backwards()

    # ---- one by one ------------------------------------------------------------------------------

    def _guess(self) -> Printed:
        found = make_guess(self._view, 0)
        time, row, column = found.place
        first = time * self._tubelet
        at_s = float(self._view.clip.timestamps_s[first])
        mask = self._view.reconstruction.mask
        asked = np.zeros_like(mask)
        asked[found.place] = True
        visible = hide(hide(self._target, mask), asked, ASKED_COLOUR)
        around = Track("what you see", visible[[first] * len(found.candidates)])
        patches = np.stack([self._patch(place) for place in found.candidates])
        numbers = ", ".join(map(str, range(1, len(patches) + 1)))
        place = f"row {row + 1} from the top, column {column + 1} from the left"
        return Printed(
            [around, Track(f"patches {numbers}", patches)],
            [f"Which patch, {numbers}, belongs to the marked place: {place}?"],
            times_s=[at_s] * len(patches),
            answer=f"patch {found.truth + 1}; the model came to "
            f"{in_decibel(found.model_db, 'dB')} there.",
        )

    def _patch(self, place: Place) -> NDArray[np.uint8]:
        """Return a token's first frame, as large as a frame of the clip."""
        time, row, column = place
        _, rows, columns = self._view.reconstruction.mask.shape
        height, width = self._target.shape[1] // rows, self._target.shape[2] // columns
        down, across = row * height, column * width
        cut = self._target[time * self._tubelet, down : down + height, across : across + width]
        patch: NDArray[np.uint8] = resize(cut[None], *self._target.shape[1:3])[0]
        return patch

    def _place(self) -> Printed:
        grid = self._explorer.recogniser.card.grid
        codes = codes_of(self._explorer, (0, grid.height // 2, grid.width // 2))
        wrong = misplace(self._explorer, self._view, self._prepared)
        tracks = [
            self._seen("what it sees", self._view),
            self._predicted(self._view),
            self._track(
                f"from wrong places, {decibels(wrong.wrong.prediction, 'dB')}",
                to_uint8(wrong.wrong.prediction.frames),
            ),
        ]
        return Printed(tracks, [*codes.sentences(), *wrong.sentences()])

    def _tubes(self) -> Printed:
        mask = self._view.mask
        tube, anywhere = (
            self._explorer.reconstruct(self._clip, MaskRequest(kind, mask.ratio, mask.seed))
            for kind in ("tube", "random")
        )
        both = Tubes(tube, anywhere)
        filled = both.copied() or anywhere.reconstruction.best_filling
        fill = tube.reconstruction.best_filling
        tracks = [
            self._seen("hidden anywhere", anywhere),
            self._track(
                f"{PICTURE_TITLES[filled.name]}: {decibels(filled, 'dB')}", to_uint8(filled.frames)
            ),
            self._seen("hidden in tubes", tube),
            self._track(f"best filling: {decibels(fill, 'dB')}", to_uint8(fill.frames)),
        ]
        return Printed(tracks, both.sentences())

    def _encoder(self) -> Printed:
        cost = cost_of(self._explorer, self._prepared, self._view.reconstruction.mask)
        return Printed([self._seen("what it sees", self._view)], cost_sentences(cost))

    def _counts(self) -> str:
        mask = self._view.reconstruction.mask
        hidden = int(mask.sum())
        return f"{mask.size - hidden} codes and {hidden} mask tokens, {mask.size} in all."

    def _decoder(self) -> Printed:
        decoding = decoding_of(self._explorer, self._view, self._prepared)
        tracks = [
            self._track(
                f"{f'layer {layer}' if layer else 'before any'}, {in_decibel(near, 'dB')}",
                to_uint8(frames),
            )
            for layer, (frames, near) in enumerate(
                zip(decoding.frames, decoding.psnr_db, strict=True)
            )
        ]
        return Printed([*tracks, self._track("the truth", self._target)], decoding.sentences())

    def _loss(self) -> Printed:
        graded = Graded(self._view)
        error = np.sqrt(self._view.reconstruction.token_error)
        upper = max(float(np.nanmax(error)), 1e-6)
        scale = Scale(upper, title="error per hidden token, RMS (of 1)")
        over = overlay(self._target, error, scale, smooth=False)
        tracks = [
            self._seen("what it sees", self._view),
            self._predicted(self._view),
            self._track("error", over),
        ]
        return Printed(tracks, graded.sentences(), scale)

    def _targets(self) -> Printed:
        targets = make_targets(self._view, self._explorer.reconstructor.model.config)
        leak = f"leak alone, {decibels(targets.leak, 'dB')}"
        tracks = [
            self._track("the truth", self._target),
            self._track("patterns alone", to_uint8(targets.pattern)),
            self._track(leak, to_uint8(targets.leak.frames)),
            self._predicted(self._view),
        ]
        return Printed(tracks, targets.sentences())

    def _ratio(self) -> Printed:
        known = self._explorer.known_sweep(self._clip, "tube")
        said = [hidden_words(self._view), how_near(self._view.reconstruction)]
        if known is not None and known.done == 1:
            said += sweep_sentences(known, self._view.mask.ratio)
        tracks = [self._seen("what it sees", self._view), self._predicted(self._view)]
        return Printed(tracks, said)

    def _three(self) -> Printed:
        three = see_with_three(self._explorer, self._clip, self._view)
        scale = Scale(
            max(one.rollout.scale_end for one in three.seen),
            title="attention rollout",
            unit="x an even share",
        )
        tracks = []
        for name, one in zip(ENCODERS, three.seen, strict=True):
            colours = np.repeat(to_uint8(one.colours.colours), self._tubelet, axis=0)
            tracks.append(self._track(f"{name}: codes", resize(colours, *self._target.shape[1:3])))
        for name, one in zip(ENCODERS, three.seen, strict=True):
            if one.grid == self._view.checkpoint.grid:
                over = overlay(self._target, one.rollout.times_uniform, scale)
                tracks.append(self._track(f"{name}: attention", over))
        said = [*three.about_codes(), *three.about_attention(), *three.about_reconstruction()]
        return Printed(tracks, said, scale)

    def _backwards(self) -> Printed:
        said, tracks = [], [self._track("as it is", self._target)]
        for how in CHANGES:
            found = change(self._explorer, self._clip, how)
            said += found.sentences()
            if len(found.frames) == len(self._target):
                tracks.append(self._track(how, resize(found.frames, *self._target.shape[1:3])))
        best = found.before.top(1)[0]
        return Printed(tracks, [f"As it is: {best.label} {probability(best.probability)}.", *said])

    # ---- what they share -------------------------------------------------------------------------

    @property
    def _target(self) -> NDArray[np.uint8]:
        return to_uint8(self._view.reconstruction.target)

    @property
    def _tubelet(self) -> int:
        return self._view.checkpoint.tubelet_size

    def _track(self, title: str, frames: NDArray[np.uint8]) -> Track:
        return Track(title, frames[self._moments])

    def _seen(self, title: str, view: ReconstructionView) -> Track:
        result = view.reconstruction
        return self._track(title, hide(to_uint8(result.target), result.mask))

    def _predicted(self, view: ReconstructionView) -> Track:
        picture = view.reconstruction.prediction
        leak = ", with its leak" if picture.leaks else ""
        return self._track(
            f"its picture, {decibels(picture, 'dB')}{leak}", to_uint8(picture.frames)
        )
