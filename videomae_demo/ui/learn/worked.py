"""A step of the lesson as the browser gets it: pictures for the player, words, and where to try it.

Each function works one step out for a clip, by the settings that the page's address names, and
returns plain values. The pictures of a step are views of the token player, one per choice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from videomae_demo.errors import RequestError, shown
from videomae_demo.lenses.masks import MaskRequest, default_ratio
from videomae_demo.lenses.pictures import PICTURE_TITLES, decibels, how_near, in_decibel
from videomae_demo.lenses.recognise import probability
from videomae_demo.lenses.sweep import sweep_sentences
from videomae_demo.rendering.colour import Scale
from videomae_demo.rendering.frames import to_uint8
from videomae_demo.ui.controls import plain_number, whole
from videomae_demo.ui.learn.pictures import (
    Given,
    Pictures,
    Told,
    bars_of,
    enlarged,
    finite,
    mask_address,
    token_of,
    with_panels,
)
from videomae_demo.ui.lenses.lens import make_pane
from videomae_demo.ui.lenses.reconstruction import error_scores
from videomae_demo.ui.lenses.sweep import sweep_chart
from videomae_demo.ui.token_player.sprites import sprite
from videomae_demo.ui.token_player.value import (
    Pane,
    Shown,
    View,
    encode_mask,
    scores_on,
    signed_scores,
)

if TYPE_CHECKING:  # torch takes seconds to import: the page does not wait for it
    from videomae_demo.analysis.sweeping import Sweep


class Lesson(Pictures):
    """The lesson on one clip with one pair of checkpoints."""

    def work(self, step: str, given: Given) -> Told:
        """Work a step out; errors as the Explorer's, and for settings that are nonsense."""
        if step not in WORK:
            raise RequestError(f"The step is {shown(step)}; give {', '.join(WORK)}.")
        return with_panels(WORK[step](self, given))

    def open(self) -> Told:
        """Return the clip as the model gets it, for what the browser draws by itself."""
        explorer = self.explorer
        prepared = explorer.prepare(self.clip, explorer.reconstructor)
        card = explorer.reconstructor.card
        given = prepared.as_given(explorer.reconstructor.processor)
        pane = make_pane(prepared.clip, card, sprite("clip", "the clip", given, self.save))
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

        view = self.rebuilt(given)
        found = make_guess(view, whole(plain_number(given.get("round", "0")), "round"))
        result = view.reconstruction
        return {
            **self.pictures({"": [self.seen(view), self.predicted(view)]}),
            "place": found.place,
            "candidates": found.candidates,
            "truth": found.truth,
            "psnr": [finite(value) for value in found.psnr_db],
            "model": finite(found.model_db),
            "mask": encode_mask(result.mask),
            "said": [hidden_words(view)],
            "address": mask_address(view),
        }

    def tokens(self, given: Given) -> Told:
        """Say what the clip is cut into; the browser draws the block."""
        from videomae_demo.lessons.inside import token_words

        role = self.explorer.reconstructor
        said = token_words(role.card, role.model.config)
        return {"said": said, "address": {"lens": "attend"}}

    def place(self, given: Given) -> Told:
        """Compare the codes of places, and give the tokens wrong ones."""
        from videomae_demo.lessons.inside import codes_of, misplace

        explorer = self.explorer
        view = self.rebuilt(given)
        prepared = explorer.prepare(self.clip, explorer.reconstructor)
        card = explorer.recogniser.card
        codes = codes_of(explorer, token_of(given, card.grid))
        seen = explorer.see(self.clip)
        scale = Scale.diverging(1.0, "likeness of the codes of places", "cosine")
        track = sprite("clip", "the clip", self.given_frames(), self.save)
        alike = make_pane(
            seen, card, track, scores=signed_scores(codes.cosines, scale, smooth=False)
        )
        wrong = misplace(explorer, view, prepared)
        panes = [
            self.seen(view),
            self.predicted(view),
            self.pane(
                view,
                "misplaced",
                f"from wrong places, {decibels(wrong.wrong.prediction, 'dB')}",
                to_uint8(wrong.wrong.prediction.frames),
            ),
        ]
        views = {"codes": [alike], "misplaced": panes}
        return {
            **self.pictures(views, chooses={"codes"}, chosen=codes.place),
            "choices": [["codes", "Codes of places"], ["misplaced", "Wrong places"]],
            "said": {"codes": codes.sentences(), "misplaced": wrong.sentences()},
            "address": mask_address(view),
        }

    def tubes(self, given: Given) -> Told:
        """Hide the same share in tubes, and anywhere."""
        from videomae_demo.lessons.hiding import Tubes

        mask = self.mask_of(given)
        tube = self.explorer.reconstruct(self.clip, MaskRequest("tube", mask.ratio, mask.seed))
        anywhere = self.explorer.reconstruct(
            self.clip, MaskRequest("random", mask.ratio, mask.seed)
        )
        both = Tubes(tube, anywhere)
        copied = both.copied()
        filled = anywhere.reconstruction.best_filling if copied is None else copied
        fill = tube.reconstruction.best_filling
        panes = [
            self.seen(anywhere, "hidden anywhere"),
            self.pane(
                anywhere,
                "copied",
                f"{PICTURE_TITLES[filled.name]}: {decibels(filled, 'dB')}",
                to_uint8(filled.frames),
            ),
            self.seen(tube, "hidden in tubes"),
            self.pane(
                tube,
                "filled",
                f"best filling: {decibels(fill, 'dB')}",
                to_uint8(fill.frames),
            ),
        ]
        return {
            **self.pictures({"": panes}),
            "said": both.sentences(),
            "address": mask_address(anywhere),
        }

    def encoder(self, given: Given) -> Told:
        """Count the tokens that enter the encoder, and measure what that costs."""
        from videomae_demo.engine.lessons import cost_of
        from videomae_demo.lessons.inside import cost_sentences

        explorer = self.explorer
        view = self.rebuilt(given)
        prepared = explorer.prepare(self.clip, explorer.reconstructor)
        cost = cost_of(explorer, prepared, view.reconstruction.mask)
        return {
            **self.pictures({"": [self.seen(view), self.predicted(view)]}),
            "mask": encode_mask(view.reconstruction.mask),
            "visible": cost.visible,
            "total": cost.tokens,
            "visible_ms": 1000 * cost.encoder_s,
            "all_ms": 1000 * cost.all_s,
            "decoder_ms": 1000 * cost.decoder_s,
            "said": cost_sentences(cost),
            "address": mask_address(view),
        }

    def decoder(self, given: Given) -> Told:
        """Show the decoder's picture after each layer."""
        from videomae_demo.lessons.inside import decoding_of

        explorer = self.explorer
        view = self.rebuilt(given)
        prepared = explorer.prepare(self.clip, explorer.reconstructor)
        decoding = decoding_of(explorer, view, prepared)
        seen, original = self.seen(view), self.original(view)
        views, choices = {}, []
        for layer, (frames, near) in enumerate(zip(decoding.frames, decoding.psnr_db, strict=True)):
            title = f"after layer {layer}" if layer else "before any layer"
            name = f"layer-{layer}"
            picture = self.pane(view, name, f"{title}, {in_decibel(near, 'dB')}", to_uint8(frames))
            views[name] = [seen, picture, original]
            choices.append([name, title])
        return {
            **self.pictures(views),
            "choices": choices,
            "slides": True,
            "first": choices[-1][0],
            "said": decoding.sentences(),
            "address": mask_address(view),
        }

    def loss(self, given: Given) -> Told:
        """Grade the picture."""
        from videomae_demo.lessons.hiding import Graded

        view = self.rebuilt(given)
        result = view.reconstruction
        scores = error_scores(result)
        graded = self.pane(
            view, "graded", "error behind the mask", to_uint8(result.target), scores=scores
        )
        panes = [self.seen(view), self.predicted(view), graded]
        return {
            **self.pictures({"": panes}),
            "said": Graded(view).sentences(),
            "address": mask_address(view),
        }

    def target(self, given: Given) -> Told:
        """Show pixels, normalised pixels, and the leak."""
        from videomae_demo.lessons.hiding import make_targets

        view = self.rebuilt(given)
        targets = make_targets(view, self.explorer.reconstructor.model.config)
        leak = targets.leak
        panes = [
            self.original(view),
            self.pane(view, "pattern", "patterns alone", to_uint8(targets.pattern)),
            self.pane(view, "leak", f"leak alone, {decibels(leak, 'dB')}", to_uint8(leak.frames)),
            self.predicted(view),
        ]
        return {
            **self.pictures({"": panes}),
            "said": targets.sentences(),
            "address": mask_address(view),
        }

    def ratio(self, given: Given) -> Told:
        """Hide this share; `sweep` tries all."""
        from videomae_demo.lessons.inside import hidden_words

        view = self.rebuilt(given)
        known = self.explorer.known_sweep(self.clip, "tube")
        told = {
            **self.pictures({"": [self.seen(view), self.predicted(view)]}),
            "said": [hidden_words(view), how_near(view.reconstruction)],
            "address": mask_address(view),
        }
        if known is not None and known.done == 1:
            told |= self.swept(known, view.mask.ratio)
        return told

    def handout(self, given: Given) -> str:
        """Return the lesson as a page to print."""
        from videomae_demo.lessons.handout import make_handout

        return make_handout(self.explorer, self.clip, self.mask_of(given)).to_html()

    def sweep(self, given: Given) -> Iterator[Told]:
        """Yield the chart of `ratio` as it grows, a dictionary a share."""
        mask = self.mask_of(given)
        for view in self.explorer.sweep(self.clip, MaskRequest("tube", mask.ratio, mask.seed)):
            assert view.sweep is not None
            yield with_panels(self.swept(view.sweep, mask.ratio) | {"done": view.sweep.done})

    def swept(self, sweep: Sweep, ratio: float | None) -> Told:
        """Return the chart over all shares, and what it says."""
        chart = {**sweep_chart(sweep, ratio), "said": []}  # that stands beside it
        return {"chart": [chart], "said": sweep_sentences(sweep, ratio)[:2]}

    def fine_tune(self, given: Given) -> Told:
        """See the clip with three encoders."""
        from videomae_demo.lessons.seeing import see_with_three

        explorer = self.explorer
        view = self.rebuilt(given)
        three = see_with_three(explorer, self.clip, view)
        frames = self.given_frames()
        ends = [one.rollout.scale_end for one in three.seen]
        scale = Scale(max(ends), title="attention rollout", unit="x an even share")
        views: dict[str, list[Pane]] = {"codes": [], "attention": [], "reconstruction": []}
        for one in three.seen:
            colours = to_uint8(one.colours.colours)
            picture = enlarged(colours, frames.shape, view.checkpoint.tubelet_size)
            views["codes"].append(
                self.pane(view, f"codes-{one.name}", f"{one.name}: its codes", picture)
            )
            views["attention"].append(
                self.pane(
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
                    self.pane(
                        view,
                        f"rebuilt-{one.name}",
                        f"{one.name}: {near}",
                        to_uint8(one.rebuilt.prediction.frames),
                    )
                )
        return {
            **self.pictures(views),
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

        explorer = self.explorer
        prepared = explorer.prepare(self.clip, explorer.recogniser)
        seen, card = prepared.clip, explorer.recogniser.card
        pane = make_pane(seen, card, sprite("clip", "as it is", self.given_frames(), self.save))
        views, bars, said = {"forwards": [pane]}, {}, {}
        for how in ("backwards", "jumbled"):
            found = change(explorer, self.clip, how)
            track = sprite(how, how, found.frames, self.save)
            views[how] = [make_pane(seen, card, track)]
            bars["forwards"] = bars_of(found.before)
            bars[how] = bars_of(found.after)
            said[how] = found.sentences()
        best = found.before.top(1)[0]
        said["forwards"] = [f"As it is: {best.label} {probability(best.probability)}."]
        return {
            **self.pictures(views),
            "choices": [
                ["forwards", "As it is"],
                ["backwards", "Backwards"],
                ["jumbled", "Moments jumbled"],
            ],
            "bars": bars,
            "said": said,
            "address": {},
        }


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
