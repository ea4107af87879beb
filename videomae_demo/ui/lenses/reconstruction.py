"""How a reconstruction looks: its pictures in the player, and what the panel says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from videomae_demo.lenses.answer import share as percentage
from videomae_demo.lenses.many_masks import many_scales
from videomae_demo.lenses.masks import GUIDED_KINDS
from videomae_demo.lenses.pictures import PICTURE_TITLES, decibels, how_near, never_visible
from videomae_demo.lenses.reconstruct import ReconstructionView
from videomae_demo.rendering.frames import to_uint8
from videomae_demo.ui.lenses.lens import make_pane
from videomae_demo.ui.lenses.sweep import sweep_chart, why_no_chart
from videomae_demo.ui.panel import panel
from videomae_demo.ui.token_player.sprites import SaveBytes, sprite
from videomae_demo.ui.token_player.value import (
    Mask,
    Scores,
    View,
    encode_mask,
    encode_scores,
    scores_on,
    signed_scores,
)

if TYPE_CHECKING:
    from videomae_demo.analysis.reconstruction import Reconstruction
    from videomae_demo.config import TokenGrid
    from videomae_demo.ui.lenses.mask_fields import MaskQuestion

PAINT = "videomae-paint"
MANY_HINT = (
    "Mean of all predictions, then the original under three maps: error, spread, and surprise "
    "(orange: further from the clip than a blend of what is near). The same button again: one mask."
)
HINT = "All pictures play in step. Grey is what was hidden from the model."
WHY_MASK = {
    "tube": "The same places are hidden at every time, so none can be copied from another moment.",
    "random": "Tokens are hidden anywhere, so a hidden place may be visible at another moment.",
    "frame": "Whole moments are hidden, and all places are visible at the others.",
    "cell": "A part of each unit of 2 x 2 patches is hidden, in steps of a quarter, and moves on "
    "from moment to moment.",
    "painted": "Hide what matters, and see what the model puts there.",
    **GUIDED_KINDS,
}
PSNR = "PSNR over the hidden pixels, higher is nearer; the others need no model."
LEAK = (
    "This decoder predicts pixels normalised per token. To show them, the hidden tokens' true mean "
    "and contrast are put back, which leaks them: compare with the true patch mean, which is that "
    "leak alone."
)


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
    scores = error_scores(result)
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


def many_view(
    view: ReconstructionView, recogniser_grid: TokenGrid, asked: MaskQuestion, save: SaveBytes
) -> View:
    """Show the mean prediction of many masks, and over the original, error, spread and surprise."""
    del asked
    many, card, seen = view.many, view.checkpoint, view.clip
    assert many is not None
    target = sprite("target", "original", to_uint8(view.reconstruction.target), save)
    mean = sprite("mean", "mean prediction", to_uint8(many.mean), save)
    plain, signed = many_scales(many)
    surprise = signed_scores(many.surprise, signed, smooth=False)
    return View(
        title="What many masks say together",
        panes=(
            make_pane(seen, card, mean),
            make_pane(seen, card, target, title="error", scores=scores_on(many.error, plain)),
            make_pane(seen, card, target, title="spread", scores=scores_on(many.spread, plain)),
            make_pane(seen, card, target, title="surprise", scores=surprise),
        ),
        hint=MANY_HINT,
        text=" ".join(view.together()),
        chooses=card.grid == recogniser_grid,
    )


def error_scores(result: Reconstruction) -> Scores:
    """Return the error of each hidden token as the player draws it."""
    error = np.sqrt(result.token_error)
    upper = max(float(np.nanmax(error)), 1e-6)
    return Scores(
        title="error per hidden token, RMS (of 1)",
        unit="RMS (of 1)",
        data=encode_scores(error),
        lower=0.0,
        upper=upper,
        ticks=(0.0, upper),
    )


def reconstruction_panel(view: ReconstructionView) -> list[panel.Block]:
    """Show how near the reconstruction came, beside baselines that need no model."""
    result, mask = view.reconstruction, view.mask
    hidden = int(result.mask.sum())
    rows: list[tuple[str, float | None]] = []
    for picture in result.pictures:
        name = PICTURE_TITLES[picture.name] + (" (leaks)" if picture.leaks else "")
        rows.append((name, None if np.isinf(picture.psnr_db) else picture.psnr_db))
    reasons = (view.other_share(), WHY_MASK.get(mask.kind, ""))
    explained = " ".join(reason for reason in reasons if reason)
    blocks = [
        panel.lead(
            f"{percentage(view.hidden_share)} hidden: {hidden} of {result.mask.size} tokens"
        ),
        panel.sentence(f"Mask: {view.drawn()}. {explained}"),
        panel.sentence(how_near(result)),
    ]
    if never := never_visible(result):
        blocks.append(panel.sentence(never))
    if result.prediction.leaks:
        blocks.append(panel.note(LEAK))
    notes = [panel.note(note) for note in (*view.checkpoint.notes, *view.clip.remarks)]
    last = [*notes, panel.small(view.made_by())]
    if view.many is not None:
        said = [panel.sentence(sentence) for sentence in view.together()]
        return [blocks[0], blocks[1], *said, *last]
    if view.sweep is not None:
        return [*blocks, panel.box([sweep_chart(view.sweep, mask.ratio)], len(rows)), *last]
    below = [panel.small(said) for said in (PSNR, view.loss(), *why_no_chart(mask.kind))]
    measures = panel.measures(rows, "dB", rows[0][0])
    return [*blocks, panel.box([measures, *below], len(rows)), *last]
