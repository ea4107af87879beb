"""The lens Reconstruct: which tokens are hidden, and how near the reconstruction comes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np

from videomae_demo.errors import RequestError
from videomae_demo.given import number
from videomae_demo.lenses.answer import share as percentage
from videomae_demo.lenses.pictures import PICTURE_TITLES, decibels, how_near, never_visible
from videomae_demo.lenses.reconstruct import (
    DEFAULT_MASK,
    MaskRequest,
    ReconstructionView,
    default_ratio,
)
from videomae_demo.masking import MASK_KINDS
from videomae_demo.rendering.frames import to_uint8
from videomae_demo.ui.controls import LABELS, field_name, plain_number, read_fields, whole
from videomae_demo.ui.gradio_edge.mailbox.mailbox import make_mailbox
from videomae_demo.ui.lenses.argument import choice, fraction, token_marks, whole_number
from videomae_demo.ui.lenses.lens import (
    Change,
    Code,
    Endpoint,
    PageLens,
    Parts,
    Showing,
    TakenBackError,
    Wires,
    call_with_changed,
    make_pane,
    setting,
)
from videomae_demo.ui.lenses.painted import (
    bits_of_address,
    bits_of_lists,
    bits_of_page,
    fits,
    to_address,
)
from videomae_demo.ui.panel import panel
from videomae_demo.ui.token_player.sprites import SaveBytes, sprite
from videomae_demo.ui.token_player.value import Mask, Scores, View, encode_mask, encode_scores

if TYPE_CHECKING:
    from videomae_demo.config import TokenGrid
    from videomae_demo.engine.clips import ClipRequest
    from videomae_demo.explorer import Explorer
    from videomae_demo.ui.session import Session

PAINT = "videomae-paint"
PRESETS = (0.75, 0.9, 0.95)
HINT = "All pictures play in step. Grey is what was hidden from the model."
MASK_ADVICE = (
    "VideoMAE learnt by filling in 90% of the tokens, hidden in tubes: the same places in every "
    "frame, so that nothing behind them can be copied from another moment. The other masks leave "
    "places that are visible at another time; what copying alone makes of those is shown as "
    "'copied in time'. Which mask is the harder one depends on the clip and on the model: try 75%, "
    "90% and 95%, and compare with the best filling."
)
WHY_MASK = {
    "tube": "The same places are hidden at every time, so none can be copied from another moment.",
    "random": "Tokens are hidden anywhere, so a hidden place may be visible at another moment.",
    "frame": "Whole moments are hidden, and all places are visible at the others.",
    "cell": "A part of each unit of 2 x 2 patches is hidden, in steps of a quarter, and moves on "
    "from moment to moment.",
    "painted": "Hide what matters, and see what the model puts there.",
}
PSNR = (
    "PSNR over the hidden pixels, higher is nearer to the original; beside the reconstruction, "
    "fillings that need no model at all."
)
LEAK = (
    "This decoder predicts pixels normalised per token. To show them, the hidden tokens' true mean "
    "and contrast are put back, which leaks them: compare with the true patch mean, which is that "
    "leak alone."
)


@dataclass(frozen=True, slots=True)
class MaskQuestion:
    """Which tokens are hidden.

    Attributes
    ----------
    mask : MaskRequest
    drawn : int
        How many masks were drawn so far, a new clip's among them: the number of the one that is
        shown, or that was painted on.
    painting : int
        The number of the last painting that was reconstructed, as the page counts them.
    usual : float, optional
        The share that is hidden if nobody chooses one; None before the first clip.
    """

    mask: MaskRequest = DEFAULT_MASK
    drawn: int = 0
    painting: int = 0
    usual: float | None = None


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

    def build(self) -> Parts:
        """Place the mask's settings."""
        with gr.Row(elem_classes="tight"):
            presets = {
                f"preset-{share * 100:.0f}": gr.Button(
                    f"{share:.0%}", size="sm", min_width=48, elem_id=f"preset-{share * 100:.0f}"
                )
                for share in PRESETS
            }
        ratio = gr.Slider(0.05, 0.95, 0.75, step=0.05, label=LABELS["ratio"], elem_id="ratio")
        kind = gr.Radio([*MASK_KINDS, "painted"], value="tube", label="Mask", elem_id="mask-kind")
        with gr.Row(elem_classes="tight"):
            seed = gr.Number(0, label=LABELS["seed"], min_width=80, elem_id="seed")
            another = gr.Button("Another mask", size="sm", min_width=110, elem_id="another")
        with gr.Accordion("Why hide so much, and why tubes?", open=False):
            gr.Markdown(MASK_ADVICE)
        paint = make_mailbox(PAINT)
        return Parts(
            {"kind": kind, "ratio": ratio, "seed": seed},
            {**presets, "another": another, "paint": paint},
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
        question = replace(asked, mask=mask, drawn=asked.drawn + 1)
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
        mask = _painted(bits_of_page(said.get("mask"), tokens))
        return Change(replace(asked, mask=mask, painting=count))

    def meet(self, session: Session, changed: str, explorer: Explorer) -> MaskQuestion:
        """Draw the mask anew; other weights may have another grid, so a painted one goes then.

        The share is decided here, and not by the first answer: that may come when a visitor has
        chosen another one.
        """
        asked: MaskQuestion = self.question(session)
        usual = default_ratio(explorer.recogniser.card.grid)
        mask = asked.mask
        if changed == "weights" or mask == DEFAULT_MASK:
            mask = MaskRequest(_drawn_kind(mask.kind), usual, mask.seed)
        return replace(asked, mask=mask, drawn=asked.drawn + 1, usual=usual)

    def met(self, session: Session, loads: bool) -> Mapping[str, Any]:
        """Show the usual share of other weights."""
        return self.controls(session) if loads else {}

    def address(self, session: Session) -> Mapping[str, str]:
        """Write the mask down, a painted one too, unless it is the usual one."""
        asked: MaskQuestion = self.question(session)
        mask = asked.mask
        if mask.painted is not None:
            return {"painted": to_address(mask.painted)}
        if mask == MaskRequest(ratio=asked.usual):
            return {}
        return {"mask": mask.kind, "ratio": f"{mask.ratio:g}", "seed": str(mask.seed)}

    def read(self, session: Session, given: Mapping[str, str]) -> MaskQuestion:
        """Take a mask that was drawn or painted."""
        asked: MaskQuestion = self.question(session)
        if "painted" in given:
            return replace(asked, mask=_painted(bits_of_address(given["painted"])))
        if given.get("mask") not in MASK_KINDS:
            return asked
        said: dict[str, Any] = {"kind": given["mask"]}
        said |= {name: plain_number(given[name]) for name in ("ratio", "seed") if name in given}
        return replace(asked, mask=read_mask(asked.mask, said)[0])

    def controls(self, session: Session) -> Mapping[str, Any]:
        """Return the mask's settings."""
        return _held(self.question(session).mask)

    def show(self, explorer: Explorer, session: Session, save: SaveBytes) -> Showing:
        """Show what the reconstructor makes of the mask."""
        assert session.clip is not None
        asked: MaskQuestion = self.question(session)
        is_fit = fits(asked.mask.painted, explorer.reconstructor.card.grid)
        if not is_fit:
            asked = replace(asked, mask=MaskRequest(ratio=asked.usual))
        view = explorer.reconstruct(session.clip, asked.mask)
        # What a visitor set is not set again, since they may have gone on by now.
        decided_here = {} if is_fit and asked.mask.ratio is not None else _held(view.mask)
        grid = explorer.recogniser.card.grid
        return Showing(
            reconstruction_panel(view),
            reconstruction_view(view, grid, asked, save),
            replace(asked, mask=view.mask),
            decided_here,
        )

    def write(self, explorer: Explorer, session: Session, folder: Path) -> list[Path]:
        """Write the reconstruction."""
        assert session.clip is not None
        return explorer.reconstruct(session.clip, self.question(session).mask).save(folder)

    def code(self, session: Session) -> Code:
        """Print how near the pictures come."""
        mask = call_with_changed(self.question(session).mask, DEFAULT_MASK)
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
        ) -> ReconstructionView:
            if painted:
                grid = explorer.reconstructor.card.grid
                mask = _painted(bits_of_lists(painted, grid, "The painted mask"))
            else:
                mask = MaskRequest(kind, number(ratio, "ratio") or None, whole(seed, "seed"))
            return explorer.reconstruct(clip, mask)

        parameters = [
            choice("kind", "How the hidden tokens are drawn.", tuple(MASK_KINDS)),
            fraction("ratio", "The share of tokens to hide; 0 for the kind's default.", 0),
            whole_number("seed", "The seed of the drawing.", 0),
            token_marks(
                "painted",
                "A mask of one's own, which takes the place of kind, ratio and seed: lists of 0 "
                "and 1 by time, row and column of the tokens; 1 is hidden.",
            ),
        ]
        summary = (
            "Hide a part of a clip and measure the reconstruction; `ratio` 0 takes the default, "
            "and `painted`, lists of 0 and 1 by time, row and column, takes the place of all three."
        )
        return Endpoint("reconstruct", summary, parameters, reconstruct)


def reconstruction_view(
    view: ReconstructionView, recogniser_grid: TokenGrid, asked: MaskQuestion, save: SaveBytes
) -> View:
    """Show the original, what is visible, the reconstruction, and one filling beside it.

    A token can be chosen where the recogniser has the same tokens.
    """
    result, card = view.reconstruction, view.checkpoint
    target = sprite("target", "original", to_uint8(result.target), save)
    tracks = {}
    for picture in result.pictures:
        leak = ", leaks" if picture.leaks else ""
        title = f"{PICTURE_TITLES[picture.name]} ({decibels(picture, 'dB')}{leak})"
        tracks[picture.name] = sprite(picture.name, title, to_uint8(picture.frames), save)
    rival = result.rival
    best_first = sorted(
        result.baselines, key=lambda picture: (picture is not rival, -picture.psnr_db)
    )
    beside = [tracks[picture.name] for picture in best_first]
    if result.normalised is not None:
        raw = to_uint8(result.normalised)
        beside.append(sprite("normalised", "raw prediction, normalised", raw, save))
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
    mask = Mask(encode_mask(result.mask), asked.drawn, asked.painting)
    prediction = tracks["prediction"]
    show, seen = "show the error", view.clip
    return View(
        title="What the model imagines",
        panes=(
            make_pane(seen, card, target),
            make_pane(seen, card, target, title="visible only", mask=mask),
            make_pane(seen, card, prediction, scores=scores, switch=show, of_mask=True),
            make_pane(seen, card, *beside, choice="beside it", of_mask=True),
        ),
        hint=HINT,
        text=view.explanation(),
        chooses=card.grid == recogniser_grid,
        paints=PAINT,
    )


def reconstruction_panel(view: ReconstructionView) -> list[panel.Block]:
    """Show how near the reconstruction came, beside baselines that need no model."""
    result, mask = view.reconstruction, view.mask
    hidden = int(result.mask.sum())
    rows: list[tuple[str, float | None]] = []
    for picture in result.pictures:
        name = PICTURE_TITLES[picture.name] + (" (leaks)" if picture.leaks else "")
        rows.append((name, None if np.isinf(picture.psnr_db) else picture.psnr_db))
    kind = "painted by hand" if mask.kind == "painted" else f"{mask.kind} mask, seed {mask.seed}"
    reasons = (view.other_share(), WHY_MASK.get(mask.kind, ""))
    explained = " ".join(reason for reason in reasons if reason)
    blocks = [
        panel.lead(
            f"{percentage(view.hidden_share)} hidden: {hidden} of {result.mask.size} tokens"
        ),
        panel.sentence(f"Mask: {kind}. {explained}"),
        panel.sentence(how_near(result)),
        panel.measures(rows, "dB", rows[0][0]),
        panel.small(PSNR),
        panel.small(view.made_by()),
    ]
    if never := never_visible(result):
        blocks.append(panel.sentence(never))
    if result.prediction.leaks:
        blocks.append(panel.note(LEAK))
    return blocks + [panel.note(note) for note in (*view.checkpoint.notes, *view.clip.remarks)]


def read_mask(
    before: MaskRequest, given: Mapping[str, Any]
) -> tuple[MaskRequest, dict[str, RequestError]]:
    """Return a mask that is drawn from a seed; invalid fields as in `controls.read_fields`.

    In the place of a painted one, tubes are drawn.
    """
    return read_fields(
        MaskRequest(_drawn_kind(before.kind), before.ratio, before.seed),
        given,
        {
            "kind": _drawn_kind,
            "ratio": lambda value: number(value, field_name("ratio")),
            "seed": lambda value: whole(value, field_name("seed")),
        },
    )


def _painted(bits: bytes) -> MaskRequest:
    return MaskRequest("painted", painted=bits)


def _drawn_kind(given: Any) -> str:
    return "tube" if given == "painted" else str(given)


def _held(mask: MaskRequest) -> dict[str, Any]:
    """Return what the controls hold for a mask; before a share was decided on, the share stays."""
    ratio = {} if mask.ratio is None else {"ratio": mask.ratio}
    return {"kind": mask.kind, **ratio, "seed": mask.seed}
