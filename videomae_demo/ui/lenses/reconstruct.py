"""The lens Reconstruct: which tokens are hidden, and how near the reconstruction comes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import gradio as gr

from videomae_demo.analysis.sweeping import RATIOS, SEEDS
from videomae_demo.given import number
from videomae_demo.lenses.masks import DEFAULT_MASK, KINDS, MaskRequest, default_ratio
from videomae_demo.lenses.reconstruct import ReconstructionView
from videomae_demo.masking import MASK_KINDS
from videomae_demo.ui.controls import LABELS, plain_number, whole
from videomae_demo.ui.gradio_edge.mailbox.mailbox import make_mailbox
from videomae_demo.ui.gradio_edge.slider import Slider
from videomae_demo.ui.lenses.argument import choice, fraction, switch, token_marks, whole_number
from videomae_demo.ui.lenses.lens import (
    Change,
    Code,
    Endpoint,
    PageLens,
    Parts,
    Repeated,
    Showing,
    Step,
    TakenBackError,
    Wires,
    call_with_changed,
    setting,
)
from videomae_demo.ui.lenses.mask_fields import (
    MaskQuestion,
    drawn_kind,
    held_mask,
    painted_mask,
    read_mask,
)
from videomae_demo.ui.lenses.painted import (
    bits_of_address,
    bits_of_lists,
    bits_of_page,
    fits,
    to_address,
)
from videomae_demo.ui.lenses.reconstruction import (
    PAINT,
    many_view,
    reconstruction_panel,
    reconstruction_view,
)
from videomae_demo.ui.lenses.sweep import EVERY, SHARE, TRY_ALL, TRYING
from videomae_demo.ui.token_player.sprites import SaveBytes

if TYPE_CHECKING:
    from videomae_demo.engine.clips import ClipRequest
    from videomae_demo.explorer import Explorer
    from videomae_demo.ui.session import Session

MANY = "many-masks"
USUAL_MASKS = 12
"""About as many masks hide each token often enough."""
PRESETS = (0.75, 0.9, 0.95)
MASK_ADVICE = (
    "VideoMAE learnt by filling in 90% of the tokens, hidden in tubes: the same places in every "
    "frame, so that nothing behind them can be copied from another moment. The other masks leave "
    "places that are visible at another time; what copying alone makes of those is shown as "
    "'copied in time'. Which mask is the harder one depends on the clip and on the model: try 75%, "
    "90% and 95%, and compare with the best filling."
)


class Reconstruct(PageLens):
    """What the model imagines behind a mask."""

    name = "reconstruct"
    title = "Reconstruct"
    doing = "Reconstructing what was hidden"
    content = "arrays as NPZ, pictures as mp4, filmstrip as PNG"
    usual = MaskQuestion()
    panel_id = "reconstruction"
    uses = ("reconstructor",)
    runs = "predict"
    costly = ("another",)
    repeats: ClassVar = {
        EVERY: Repeated("sweep", len(RATIOS) * len(SEEDS)),
        MANY: Repeated("sweep", USUAL_MASKS),
    }

    def build(self) -> Parts:
        """Place the mask's settings."""
        # Right below the panel, whose chart has the same axis.
        ratio = Slider(0.05, 0.95, 0.75, step=0.05, label=LABELS["ratio"], elem_id="ratio")
        with gr.Row(elem_classes="tight"):
            presets = {
                f"preset-{share * 100:.0f}": gr.Button(
                    f"{share:.0%}",
                    size="sm",
                    scale=1,
                    min_width=48,
                    elem_id=f"preset-{share * 100:.0f}",
                )
                for share in PRESETS
            }
            # With room for what it costs.
            every = gr.Button(TRY_ALL, size="sm", scale=3, min_width=200, elem_id=EVERY)
        kind = gr.Radio([*KINDS, "painted"], value="tube", label="Mask", elem_id="mask-kind")
        with gr.Row(elem_classes="tight"):
            seed = gr.Number(0, label=LABELS["seed"], min_width=80, elem_id="seed")
            another = gr.Button("Another mask", size="sm", min_width=110, elem_id="another")
            many = gr.Button("Many masks, or one", size="sm", min_width=180, elem_id=MANY)
        with gr.Accordion("Why hide so much, and why tubes?", open=False):
            gr.Markdown(MASK_ADVICE)
        paint, share = make_mailbox(PAINT), make_mailbox(SHARE)
        return Parts(
            {"kind": kind, "ratio": ratio, "seed": seed},
            {
                **presets,
                "every": every,
                "another": another,
                "many": many,
                "paint": paint,
                "share": share,
            },
        )

    def wire(self, parts: Parts, wires: Wires) -> None:
        """Draw another mask for each setting, and take a painted one."""
        controls = list(parts.controls.values())

        def redraw(event: Any, name: str, source: str) -> None:
            wires.asks(event, partial(self.set_mask, name), controls, source)

        for name, control in parts.controls.items():
            redraw(setting(control), name, control.elem_id)
        # In the browser alone, so that of several clicks the last one counts.
        for share in PRESETS:
            button = parts.others[f"preset-{share * 100:.0f}"]
            chosen = button.click(None, None, parts.controls["ratio"], js=f"() => {share}")
            redraw(chosen.then, "preset", button.elem_id)
        another, seed = parts.others["another"], parts.controls["seed"]
        drawn = another.click(None, seed, seed, js="seed => Math.trunc(seed || 0) + 1")
        redraw(drawn.then, "seed", another.elem_id)
        paint = parts.others["paint"]
        wires.asks(paint.input, self.paint, [paint], None)
        share, every = parts.others["share"], parts.others["every"]
        wires.asks(share.input, self.choose_share, [share], None)
        wires.works(every.click, self.try_all, EVERY)
        wires.asks(parts.others["many"].click, self.show_many, [], MANY)

    def set_mask(
        self, changed: str, session: Session, explorer: Explorer, kind: str, ratio: Any, seed: Any
    ) -> Change | None:
        """Draw another mask; `changed` is the control that a visitor set.

        That is "kind", "ratio", "seed" or "preset". Another control that holds nonsense keeps its
        last valid value. Another share or seed takes the place of a painted mask, in tubes.
        """
        del explorer
        asked: MaskQuestion = self.question(session)
        if kind == "painted" and changed == "kind":
            if asked.mask.kind != "painted":
                raise TakenBackError(
                    "No mask is painted yet: press 'Paint the mask' below the pictures and drag "
                    "over the tokens."
                )
            return None
        given = {"kind": kind, "ratio": ratio, "seed": seed}
        mask, wrong = read_mask(asked.mask, given)
        if changed in wrong:
            raise wrong[changed]
        if changed in ("ratio", "seed") and given[changed] == getattr(asked.mask, changed):
            return None  # the field was left as it is, and so is what was painted
        question = replace(asked, mask=mask, drawn=asked.drawn + 1, many=False)
        return Change(question, {"kind": mask.kind} if kind == "painted" else {})

    def paint(self, session: Session, explorer: Explorer, said: Any) -> Change | None:
        """Take a painted mask.

        The page says ``{"drawn": int, "painting": int, "mask": str}``: which mask it was painted
        on, as `MaskQuestion.drawn` counts them, its own number, and one byte per token in base64.
        If another mask was drawn in the meantime, that one stays.
        """
        asked: MaskQuestion = self.question(session)
        if not isinstance(said, dict) or said.get("drawn") != asked.drawn:
            return None
        count = whole(said.get("painting"), "painting's number")
        tokens = explorer.reconstructor.card.grid.tokens
        mask = painted_mask(bits_of_page(said.get("mask"), tokens))
        return Change(replace(asked, mask=mask, painting=count, many=False))

    def choose_share(self, session: Session, explorer: Explorer, said: Any) -> Change | None:
        """Hide the share that was chosen on the curve."""
        del explorer
        asked: MaskQuestion = self.question(session)
        mask = MaskRequest(drawn_kind(asked.mask.kind), number(said, "share"), asked.mask.seed)
        if mask == asked.mask:
            return None
        question = replace(asked, mask=mask, drawn=asked.drawn + 1, many=False)
        return Change(question, {"ratio": mask.ratio})

    def show_many(self, session: Session, explorer: Explorer) -> Change:
        """Show what many masks like this one say together, or that one alone again."""
        del explorer
        asked: MaskQuestion = self.question(session)
        if not asked.many and asked.mask.kind not in MASK_KINDS:
            raise TakenBackError(
                f"Of the kind {asked.mask.kind!r} there is one mask for each share; choose "
                f"{', '.join(MASK_KINDS)} to try many."
            )
        return Change(replace(asked, many=not asked.many))

    def try_all(self, explorer: Explorer, session: Session) -> Iterator[Step]:
        """Hide every share by masks of the present kind."""
        assert session.clip is not None
        for view in explorer.sweep(session.clip, self.question(session).mask):
            assert view.sweep is not None
            yield Step(reconstruction_panel(view), TRYING, view.sweep.done)

    def meet(self, session: Session, changed: str, explorer: Explorer) -> MaskQuestion:
        """Draw the mask anew; other weights may have another grid, so a painted one goes then.

        The share is decided here, and not by the first answer: that may come when a visitor has
        chosen another one.
        """
        asked: MaskQuestion = self.question(session)
        usual = default_ratio(explorer.recogniser.card.grid)
        mask = asked.mask
        if changed == "weights" or mask == DEFAULT_MASK:
            mask = MaskRequest(drawn_kind(mask.kind), usual, mask.seed)
        return replace(asked, mask=mask, drawn=asked.drawn + 1, usual=usual, many=False)

    def met(self, session: Session, loads: bool) -> Mapping[str, Any]:
        """Show the usual share of other weights."""
        return self.controls(session) if loads else {}

    def address(self, session: Session) -> Mapping[str, str]:
        """Write the mask down, a painted one too, unless it is the usual one."""
        asked: MaskQuestion = self.question(session)
        mask = asked.mask
        if mask.painted is not None:
            return {"painted": to_address(mask.painted)}
        many = {"many": "1"} if asked.many else {}
        if mask == MaskRequest(ratio=asked.usual):
            return many
        return {"mask": mask.kind, "ratio": f"{mask.ratio:g}", "seed": str(mask.seed), **many}

    def read(self, session: Session, given: Mapping[str, str]) -> MaskQuestion:
        """Take a mask that was drawn or painted."""
        asked: MaskQuestion = self.question(session)
        if "painted" in given:
            return replace(asked, mask=painted_mask(bits_of_address(given["painted"])))
        asked = replace(asked, many="many" in given and given.get("mask", "tube") in MASK_KINDS)
        if given.get("mask") not in KINDS:
            return asked
        said: dict[str, Any] = {"kind": given["mask"]}
        said |= {name: plain_number(given[name]) for name in ("ratio", "seed") if name in given}
        return replace(asked, mask=read_mask(asked.mask, said)[0])

    def controls(self, session: Session) -> Mapping[str, Any]:
        """Return the mask's settings."""
        return held_mask(self.question(session).mask)

    def show(self, explorer: Explorer, session: Session, save: SaveBytes) -> Showing:
        """Show what the reconstructor makes of the mask."""
        assert session.clip is not None
        asked: MaskQuestion = self.question(session)
        is_fit = fits(asked.mask.painted, explorer.reconstructor.card.grid)
        if not is_fit:
            asked = replace(asked, mask=MaskRequest(ratio=asked.usual))
        if asked.many:
            *_, view = explorer.many_masks(session.clip, asked.mask)
        else:
            view = explorer.reconstruct(session.clip, asked.mask)
            view = replace(view, sweep=explorer.known_sweep(session.clip, asked.mask.kind))
        # What a visitor set is not set again, since they may have gone on by now.
        decided_here = {} if is_fit and asked.mask.ratio is not None else held_mask(view.mask)
        grid = explorer.recogniser.card.grid
        draw = many_view if asked.many else reconstruction_view
        return Showing(
            reconstruction_panel(view),
            draw(view, grid, asked, save),
            replace(asked, mask=view.mask),
            decided_here,
        )

    def prepare(self, explorer: Explorer, session: Session) -> Iterator[Step]:
        """Try many masks, if they are asked for."""
        asked: MaskQuestion = self.question(session)
        if asked.many and session.clip is not None:
            for view in explorer.many_masks(session.clip, asked.mask):
                assert view.many is not None
                yield Step([], "Trying many masks", view.many.done)

    def write(self, explorer: Explorer, session: Session, folder: Path) -> list[Path]:
        """Write the reconstruction, and the curve if all shares were tried."""
        assert session.clip is not None
        asked: MaskQuestion = self.question(session)
        mask = asked.mask
        if asked.many:
            *_, view = explorer.many_masks(session.clip, mask)
        else:
            view = explorer.reconstruct(session.clip, mask)
        known = explorer.known_sweep(session.clip, mask.kind)
        if known is not None and known.done == 1:
            view = replace(view, sweep=known)
        return view.save(folder)

    def code(self, session: Session) -> Code:
        """Print how near the pictures come."""
        asked: MaskQuestion = self.question(session)
        mask = call_with_changed(asked.mask, DEFAULT_MASK)
        if asked.many:
            return Code(
                ("MaskRequest",),
                f"""\
*_, together = explorer.many_masks(clip, {mask})
print(*together.together(), sep="\\n")
""",
            )
        return Code(
            ("MaskRequest",),
            f"""\
mask = {mask}
for picture in explorer.reconstruct(clip, mask).reconstruction.pictures:
    print(f"{{picture.psnr_db:6.2f}} dB  {{picture.name}}")
""",
        )

    def endpoint(self) -> Endpoint:
        """Offer ``/reconstruct``."""

        def reconstruct(
            explorer: Explorer,
            clip: ClipRequest,
            kind: str,
            ratio: float,
            seed: float,
            painted: Any,
            sweep: bool,
            many: float,
        ) -> ReconstructionView:
            if painted:
                grid = explorer.reconstructor.card.grid
                mask = painted_mask(bits_of_lists(painted, grid, "The painted mask"))
            else:
                mask = MaskRequest(kind, number(ratio, "ratio") or None, whole(seed, "seed"))
            view = explorer.reconstruct(clip, mask)
            if sweep:
                *_, swept = explorer.sweep(clip, mask)
                view = replace(view, sweep=swept.sweep)
            if times := whole(many, "many"):
                *_, tried = explorer.many_masks(clip, mask, times)
                view = replace(view, many=tried.many)
            return view

        parameters = [
            choice("kind", "How the hidden tokens are drawn, or what they follow.", KINDS),
            fraction("ratio", "The share of tokens to hide; 0 for the kind's default.", 0),
            whole_number("seed", "The seed of the drawing.", 0),
            token_marks(
                "painted",
                "A mask of one's own, which takes the place of kind, ratio and seed: lists of 0 "
                "and 1 by time, row and column of the tokens; 1 is hidden.",
            ),
            switch(
                "sweep",
                "Try all shares from 0.5 to 0.95 with several masks of this kind each, too: many "
                "passes.",
            ),
            whole_number(
                "many",
                "Hide each token so many times, by many masks, for mean, spread, error and "
                "surprise; 0 for one mask.",
                0,
            ),
        ]
        summary = (
            "Hide a part of a clip and measure the reconstruction; `ratio` 0 takes the default, "
            "and `painted`, lists of 0 and 1 by time, row and column, takes the place of all "
            "three. With `sweep`, PSNR and loss for every share, of the model and of the fillings; "
            "with `many`, what many masks say together."
        )
        return Endpoint("reconstruct", summary, parameters, reconstruct)
