"""A step of the lesson as the browser gets it: pictures for the player, words, and where to try it.

Each function works one step out for a clip, by the settings that the page's address names, and
returns plain values. The pictures of a step are views of the token player, one per choice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from videomae_demo.config import TokenGrid
from videomae_demo.errors import RequestError, shown
from videomae_demo.given import number
from videomae_demo.lenses.pictures import PICTURE_TITLES, decibels, how_near, in_decibel
from videomae_demo.lenses.recognise import probability
from videomae_demo.lenses.reconstruct import MaskRequest, ReconstructionView, default_ratio
from videomae_demo.lenses.sweep import sweep_sentences
from videomae_demo.masking import MASK_KINDS
from videomae_demo.rendering.colour import Scale
from videomae_demo.rendering.frames import to_uint8
from videomae_demo.ui.controls import plain_number, whole
from videomae_demo.ui.lenses.lens import make_pane
from videomae_demo.ui.lenses.sweep import sweep_chart
from videomae_demo.ui.panel import panel
from videomae_demo.ui.token_player.sprites import SaveBytes, sprite
from videomae_demo.ui.token_player.value import (
    Mask,
    Pane,
    Scores,
    Shown,
    View,
    encode_mask,
    encode_scores,
    scores_on,
    signed_scores,
)

if TYPE_CHECKING:  # torch takes seconds to import: the page does not wait for it
    from videomae_demo.analysis.classification import Classification
    from videomae_demo.analysis.sweeping import Sweep
    from videomae_demo.engine.clips import ClipRequest
    from videomae_demo.explorer import Explorer
    from videomae_demo.lessons.hiding import Place

Told = dict[str, Any]
Given = Mapping[str, str]
LABELS = 5


class Lesson:
    """The lesson on one clip with one pair of checkpoints.

    Parameters
    ----------
    explorer : Explorer
    clip : ClipRequest
    save : callable
        See `sprites.SaveBytes`.
    """

    def __init__(self, explorer: Explorer, clip: ClipRequest, save: SaveBytes) -> None:
        self._explorer = explorer
        self._clip = clip
        self._save = save

    def work(self, step: str, given: Given) -> Told:
        """Work a step out; errors as the Explorer's, and for settings that are nonsense."""
        if step not in WORK:
            raise RequestError(f"The step is {shown(step)}; give {', '.join(WORK)}.")
        return _with_panels(WORK[step](self, given))

    def open(self) -> Told:
        """Return the clip as the model gets it, for what the browser draws by itself."""
        explorer = self._explorer
        prepared = explorer.prepare(self._clip, explorer.reconstructor)
        card = explorer.reconstructor.card
        given = prepared.as_given(explorer.reconstructor.processor)
        pane = make_pane(prepared.clip, card, sprite("clip", "the clip", given, self._save))
        view = View(title="The clip", panes=(pane,))
        return {
            "name": prepared.clip.path.name,
            "shown": Shown(lenses={"clip": view}).to_json(),
            "notes": [*prepared.clip.remarks, *prepared.clip.notes, *card.notes],
            "usual": default_ratio(card.grid),
        }

    # ---- the steps -------------------------------------------------------------------------------

    def guess(self, given: Given) -> Told:
        """Draw a hidden patch to guess among four."""
        from videomae_demo.lessons.hiding import make_guess
        from videomae_demo.lessons.inside import hidden_words

        view = self._rebuilt(given)
        found = make_guess(view, whole(plain_number(given.get("round", "0")), "round"))
        result = view.reconstruction
        return {
            **self._pictures({"": [self._seen(view), self._predicted(view)]}),
            "place": found.place,
            "candidates": found.candidates,
            "truth": found.truth,
            "psnr": [_finite(value) for value in found.psnr_db],
            "model": _finite(found.model_db),
            "mask": encode_mask(result.mask),
            "said": [hidden_words(view)],
            "address": _mask_address(view),
        }

    def tokens(self, given: Given) -> Told:
        """Say what the clip is cut into; the browser draws the block."""
        from videomae_demo.lessons.inside import token_words

        role = self._explorer.reconstructor
        said = token_words(role.card, role.model.config)
        return {"said": said, "address": {"lens": "attend"}}

    def place(self, given: Given) -> Told:
        """Compare the codes of places, and give the tokens wrong ones."""
        from videomae_demo.lessons.inside import codes_of, misplace

        explorer = self._explorer
        view = self._rebuilt(given)
        prepared = explorer.prepare(self._clip, explorer.reconstructor)
        card = explorer.recogniser.card
        codes = codes_of(explorer, _token(given, card.grid))
        seen = explorer.see(self._clip)
        scale = Scale.diverging(1.0, "likeness of the codes of places", "cosine")
        track = sprite("clip", "the clip", self._given_frames(), self._save)
        alike = make_pane(
            seen, card, track, scores=signed_scores(codes.cosines, scale, smooth=False)
        )
        wrong = misplace(explorer, view, prepared)
        panes = [
            self._seen(view),
            self._predicted(view),
            self._track(
                view,
                "misplaced",
                f"from wrong places, {decibels(wrong.wrong.prediction, 'dB')}",
                to_uint8(wrong.wrong.prediction.frames),
            ),
        ]
        views = {"codes": [alike], "misplaced": panes}
        return {
            **self._pictures(views, chooses={"codes"}, chosen=codes.place),
            "choices": [["codes", "Codes of places"], ["misplaced", "Wrong places"]],
            "said": {"codes": codes.sentences(), "misplaced": wrong.sentences()},
            "address": _mask_address(view),
        }

    def tubes(self, given: Given) -> Told:
        """Hide the same share in tubes, and anywhere."""
        from videomae_demo.lessons.hiding import Tubes

        mask = self._mask(given)
        tube = self._explorer.reconstruct(self._clip, MaskRequest("tube", mask.ratio, mask.seed))
        anywhere = self._explorer.reconstruct(
            self._clip, MaskRequest("random", mask.ratio, mask.seed)
        )
        both = Tubes(tube, anywhere)
        copied = both.copied()
        filled = anywhere.reconstruction.best_filling if copied is None else copied
        fill = tube.reconstruction.best_filling
        panes = [
            self._seen(anywhere, "hidden anywhere"),
            self._track(
                anywhere,
                "copied",
                f"{PICTURE_TITLES[filled.name]}: {decibels(filled, 'dB')}",
                to_uint8(filled.frames),
            ),
            self._seen(tube, "hidden in tubes"),
            self._track(
                tube,
                "filled",
                f"best filling: {decibels(fill, 'dB')}",
                to_uint8(fill.frames),
            ),
        ]
        return {
            **self._pictures({"": panes}),
            "said": both.sentences(),
            "address": _mask_address(anywhere),
        }

    def encoder(self, given: Given) -> Told:
        """Count the tokens that enter the encoder, and measure what that costs."""
        from videomae_demo.engine.lessons import cost_of
        from videomae_demo.lessons.inside import cost_sentences

        explorer = self._explorer
        view = self._rebuilt(given)
        prepared = explorer.prepare(self._clip, explorer.reconstructor)
        cost = cost_of(explorer, prepared, view.reconstruction.mask)
        return {
            **self._pictures({"": [self._seen(view), self._predicted(view)]}),
            "mask": encode_mask(view.reconstruction.mask),
            "visible": cost.visible,
            "total": cost.tokens,
            "visible_ms": 1000 * cost.encoder_s,
            "all_ms": 1000 * cost.all_s,
            "decoder_ms": 1000 * cost.decoder_s,
            "said": cost_sentences(cost),
            "address": _mask_address(view),
        }

    def decoder(self, given: Given) -> Told:
        """Show the decoder's picture after each layer."""
        from videomae_demo.lessons.inside import decoding_of

        explorer = self._explorer
        view = self._rebuilt(given)
        prepared = explorer.prepare(self._clip, explorer.reconstructor)
        decoding = decoding_of(explorer, view, prepared)
        seen, original = self._seen(view), self._original(view)
        views, choices = {}, []
        for layer, (frames, near) in enumerate(zip(decoding.frames, decoding.psnr_db, strict=True)):
            title = f"after layer {layer}" if layer else "before any layer"
            name = f"layer-{layer}"
            picture = self._track(
                view, name, f"{title}, {in_decibel(near, 'dB')}", to_uint8(frames)
            )
            views[name] = [seen, picture, original]
            choices.append([name, title])
        return {
            **self._pictures(views),
            "choices": choices,
            "slides": True,
            "first": choices[-1][0],
            "said": decoding.sentences(),
            "address": _mask_address(view),
        }

    def loss(self, given: Given) -> Told:
        """Grade the picture."""
        from videomae_demo.lessons.hiding import Graded

        view = self._rebuilt(given)
        result = view.reconstruction
        error = np.sqrt(result.token_error)
        upper = max(float(np.nanmax(error)), 1e-6)
        scores = Scores(
            title="error per hidden token, RMS (of 1)",
            unit="RMS (of 1)",
            data=encode_scores(error),
            lower=0.0,
            upper=upper,
            ticks=(0.0, upper),
        )
        graded = self._track(
            view, "graded", "error behind the mask", to_uint8(result.target), scores=scores
        )
        panes = [self._seen(view), self._predicted(view), graded]
        return {
            **self._pictures({"": panes}),
            "said": Graded(view).sentences(),
            "address": _mask_address(view),
        }

    def target(self, given: Given) -> Told:
        """Show pixels, normalised pixels, and the leak."""
        from videomae_demo.lessons.hiding import make_targets

        view = self._rebuilt(given)
        targets = make_targets(view, self._explorer.reconstructor.model.config)
        leak = targets.leak
        panes = [
            self._original(view),
            self._track(view, "pattern", "patterns alone", to_uint8(targets.pattern)),
            self._track(view, "leak", f"leak alone, {decibels(leak, 'dB')}", to_uint8(leak.frames)),
            self._predicted(view),
        ]
        return {
            **self._pictures({"": panes}),
            "said": targets.sentences(),
            "address": _mask_address(view),
        }

    def ratio(self, given: Given) -> Told:
        """Hide this share; `sweep` tries all."""
        from videomae_demo.lessons.inside import hidden_words

        view = self._rebuilt(given)
        known = self._explorer.known_sweep(self._clip, "tube")
        told = {
            **self._pictures({"": [self._seen(view), self._predicted(view)]}),
            "said": [hidden_words(view), how_near(view.reconstruction)],
            "address": _mask_address(view),
        }
        if known is not None and known.done == 1:
            told |= self.swept(known, view.mask.ratio)
        return told

    def handout(self, given: Given) -> str:
        """Return the lesson as a page to print."""
        from videomae_demo.lessons.handout import make_handout

        return make_handout(self._explorer, self._clip, self._mask(given)).to_html()

    def sweep(self, given: Given) -> Iterator[Told]:
        """Yield the chart of `ratio` as it grows, a dictionary a share."""
        mask = self._mask(given)
        for view in self._explorer.sweep(self._clip, MaskRequest("tube", mask.ratio, mask.seed)):
            assert view.sweep is not None
            yield _with_panels(self.swept(view.sweep, mask.ratio) | {"done": view.sweep.done})

    def swept(self, sweep: Sweep, ratio: float | None) -> Told:
        """Return the chart over all shares, and what it says."""
        chart = {**sweep_chart(sweep, ratio), "said": []}  # that stands beside it
        return {"chart": [chart], "said": sweep_sentences(sweep, ratio)[:2]}

    def fine_tune(self, given: Given) -> Told:
        """See the clip with three encoders."""
        from videomae_demo.lessons.seeing import see_with_three

        explorer = self._explorer
        view = self._rebuilt(given)
        three = see_with_three(explorer, self._clip, view)
        frames = self._given_frames()
        ends = [one.rollout.scale_end for one in three.seen]
        scale = Scale(max(ends), title="attention rollout", unit="x an even share")
        views: dict[str, list[Pane]] = {"codes": [], "attention": [], "reconstruction": []}
        for one in three.seen:
            colours = to_uint8(one.colours.colours)
            picture = _enlarged(colours, frames.shape, view.checkpoint.tubelet_size)
            views["codes"].append(
                self._track(view, f"codes-{one.name}", f"{one.name}: its codes", picture)
            )
            views["attention"].append(
                self._track(
                    view,
                    "clip",
                    f"{one.name}: attention",
                    frames,
                    scores=scores_on(one.rollout.times_uniform, scale),
                    grid=one.grid,
                )
            )
            if one.rebuilt is not None:
                near = decibels(one.rebuilt.prediction, "dB")
                views["reconstruction"].append(
                    self._track(
                        view,
                        f"rebuilt-{one.name}",
                        f"{one.name}: {near}",
                        to_uint8(one.rebuilt.prediction.frames),
                    )
                )
        return {
            **self._pictures(views),
            "choices": [
                ["codes", "Their codes"],
                ["attention", "Their attention"],
                ["reconstruction", "Their reconstruction"],
            ],
            "said": {
                "codes": three.about_codes(),
                "attention": three.about_attention(),
                "reconstruction": three.about_reconstruction(),
            },
            "address": {"lens": "attend"},
        }

    def backwards(self, given: Given) -> Told:
        """Turn the clip around, or jumble it, and name it."""
        from videomae_demo.lessons.seeing import change

        explorer = self._explorer
        prepared = explorer.prepare(self._clip, explorer.recogniser)
        seen, card = prepared.clip, explorer.recogniser.card
        pane = make_pane(seen, card, sprite("clip", "as it is", self._given_frames(), self._save))
        views, bars, said = {"forwards": [pane]}, {}, {}
        for how in ("backwards", "jumbled"):
            found = change(explorer, prepared, how)
            track = sprite(how, how, found.frames, self._save)
            views[how] = [make_pane(seen, card, track)]
            bars["forwards"] = _bars(found.before)
            bars[how] = _bars(found.after)
            said[how] = found.sentences()
        best = found.before.top(1)[0]
        said["forwards"] = [f"As it is: {best.label} {probability(best.probability)}."]
        return {
            **self._pictures(views),
            "choices": [
                ["forwards", "As it is"],
                ["backwards", "Backwards"],
                ["jumbled", "Moments jumbled"],
            ],
            "bars": bars,
            "said": said,
            "address": {},
        }

    # ---- what steps share ------------------------------------------------------------------------

    def _mask(self, given: Given) -> MaskRequest:
        kind = given.get("mask", "tube")
        if kind not in MASK_KINDS:
            raise RequestError(f"The mask is {shown(kind)}; give {', '.join(MASK_KINDS)}.")
        usual = default_ratio(self._explorer.reconstructor.card.grid)
        ratio = number(plain_number(given["ratio"]), "ratio") if "ratio" in given else usual
        return MaskRequest(kind, ratio, whole(plain_number(given.get("seed", "0")), "seed"))

    def _rebuilt(self, given: Given) -> ReconstructionView:
        return self._explorer.reconstruct(self._clip, self._mask(given))

    def _given_frames(self) -> NDArray[np.uint8]:
        return self._explorer.as_given(self._clip)

    def _track(
        self,
        view: ReconstructionView,
        name: str,
        title: str,
        frames: NDArray[np.uint8],
        *,
        grid: TokenGrid | None = None,
        **more: Any,
    ) -> Pane:
        """Return a pane with a picture of its own."""
        card = view.checkpoint
        track = sprite(name, title, frames, self._save)
        pane = make_pane(view.clip, card, track, title=title, **more)
        if grid is None or grid == card.grid:
            return pane
        return replace(pane, grid=grid.shape)

    def _seen(self, view: ReconstructionView, title: str = "what it sees") -> Pane:
        result = view.reconstruction
        mask = Mask(encode_mask(result.mask))
        return self._track(view, "target", title, to_uint8(result.target), mask=mask)

    def _predicted(self, view: ReconstructionView) -> Pane:
        picture = view.reconstruction.prediction
        leak = ", with its leak" if picture.leaks else ""
        title = f"its picture, {decibels(picture, 'dB')}{leak}"
        return self._track(view, "prediction", title, to_uint8(picture.frames))

    def _original(self, view: ReconstructionView) -> Pane:
        return self._track(view, "target", "the truth", to_uint8(view.reconstruction.target))

    def _pictures(
        self,
        views: Mapping[str, list[Pane]],
        *,
        chooses: set[str] | frozenset[str] = frozenset(),
        chosen: Place | None = None,
    ) -> Told:
        made = {
            name or "only": View(title=panes[0].title, panes=tuple(panes), chooses=name in chooses)
            for name, panes in views.items()
            if panes
        }
        return {"shown": Shown(lenses=made, chosen=chosen).to_json()}


WORK: Mapping[str, Callable[[Lesson, Given], Told]] = {
    "guess": Lesson.guess,
    "tokens": Lesson.tokens,
    "place": Lesson.place,
    "tubes": Lesson.tubes,
    "encoder": Lesson.encoder,
    "mask-tokens": Lesson.encoder,
    "decoder": Lesson.decoder,
    "loss": Lesson.loss,
    "target": Lesson.target,
    "ratio": Lesson.ratio,
    "fine-tune": Lesson.fine_tune,
    "backwards": Lesson.backwards,
}
"""How each step is worked out, by its name."""


def _token(given: Given, grid: TokenGrid) -> Place:
    """Return the token that an address names; default: the middle of the first moment."""
    if "token" not in given:
        return 0, grid.height // 2, grid.width // 2
    parts = [whole(plain_number(part), "token's place") for part in given["token"].split(",")]
    if len(parts) != len(grid.shape) or any(
        at >= size for at, size in zip(parts, grid.shape, strict=True)
    ):
        raise RequestError(
            f"The token is {shown(given['token'])}; give time, row and column, below "
            f"{', '.join(map(str, grid.shape))}."
        )
    time, row, column = parts
    return time, row, column


def _enlarged(
    colours: NDArray[np.uint8], frames: tuple[int, ...], tubelet: int
) -> NDArray[np.uint8]:
    """Draw a colour per token, (time, height, width, 3), as frames of this shape."""
    _, rows, columns, _ = colours.shape
    down = np.arange(frames[1]) * rows // frames[1]
    across = np.arange(frames[2]) * columns // frames[2]
    return colours.repeat(tubelet, axis=0)[:, down][:, :, across]


def _bars(found: Classification) -> panel.Block:
    top = found.top(min(LABELS, len(found.labels)))
    return panel.bars([(one.label, one.probability) for one in top], top[0].label)


def _with_panels(told: Told) -> Told:
    """Put what is said and its bars into a panel for each choice; "only" is for all of them."""
    said, bars = told.pop("said", []), told.pop("bars", {})
    by_choice = said if isinstance(said, dict) else {"only": said}
    told["panels"] = {
        name: [
            *([bars[name]] if name in bars else []),
            *map(panel.sentence, sentences),
        ]
        for name, sentences in by_choice.items()
    }
    return told


def _mask_address(view: ReconstructionView) -> dict[str, str]:
    mask = view.mask
    return {
        "lens": "reconstruct",
        "mask": mask.kind,
        "ratio": f"{mask.ratio:g}",
        "seed": str(mask.seed),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
