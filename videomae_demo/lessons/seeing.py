"""What encoders see: three of them on one clip, and one of them on the clip changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from videomae_demo.analysis.classification import Classification
from videomae_demo.analysis.colours import TrueColours
from videomae_demo.analysis.features import PrincipalColours, principal_colours
from videomae_demo.analysis.probes import are_opposite
from videomae_demo.analysis.reconstruction import Reconstruction, reconstruct
from videomae_demo.analysis.rollout import FusedAttention, Rollout, rollout, start_from_head
from videomae_demo.analysis.settings import DEFAULT_ROLLOUT
from videomae_demo.config import TokenGrid
from videomae_demo.engine.clips import ClipRequest
from videomae_demo.engine.engine import Engine
from videomae_demo.engine.lessons import encode_three
from videomae_demo.errors import RequestError, shown
from videomae_demo.lenses.answer import share
from videomae_demo.lenses.pictures import decibels
from videomae_demo.lenses.recognise import classify_logits, probability
from videomae_demo.lenses.reconstruct import ReconstructionView
from videomae_demo.video.changes import ClipChange

ENCODERS = ("untrained", "pretrained", "fine-tuned")
CHANGES = {"backwards": "played backwards", "jumbled": "with its moments jumbled"}
"""What is done to a clip, in words."""
_AS_CHANGE = {"backwards": ClipChange("backwards"), "jumbled": ClipChange("shuffled")}


@dataclass(frozen=True, slots=True, eq=False)
class SeenBy:
    """What one encoder makes of the clip.

    Attributes
    ----------
    name : str
        One of `ENCODERS`.
    grid : TokenGrid
    colours : PrincipalColours
    rollout : Rollout
    rebuilt : Reconstruction or None
        None if no decoder fits.
    """

    name: str
    grid: TokenGrid
    colours: PrincipalColours
    rollout: Rollout
    rebuilt: Reconstruction | None


@dataclass(frozen=True, slots=True, eq=False)
class Three:
    """An untrained, a pretrained and a fine-tuned encoder on one clip, behind one mask."""

    view: ReconstructionView
    seen: tuple[SeenBy, SeenBy, SeenBy]
    named: str

    def about_codes(self) -> list[str]:
        """Say how much of the codes the colours show, and who has words for them."""
        told = _each(share(round(sum(one.colours.explained), 3)) for one in self.seen)
        words = f"Only the fine-tuned one has words: {self.named}." if self.named else ""
        return [f"The three colours show {told} of how the codes differ.", *filter(None, [words])]

    def about_attention(self) -> list[str]:
        """Say how uneven attention is."""
        told = _each(f"{one.rollout.times_uniform.max():.1f}" for one in self.seen)
        return [f"Attention peaks at {told} times an even share."]

    def about_reconstruction(self) -> list[str]:
        """Say how near each comes, and which of them is nearest."""
        rebuilt = [one for one in self.seen if one.rebuilt is not None]
        near = [one.rebuilt.prediction for one in rebuilt if one.rebuilt is not None]
        told = _each(decibels(picture) for picture in near)
        best = max(near, key=lambda picture: picture.psnr_db)
        nearest = rebuilt[near.index(best)].name
        sentences = [f"Behind the same mask: {told} dB. The nearest is the {nearest} one."]
        if self.seen[2].rebuilt is None:
            sentences.append("The fine-tuned encoder does not fit under this decoder.")
        return sentences


def _each(values: Iterable[str]) -> str:
    """Write a value for each encoder, in order."""
    return ", ".join(f"{value} ({name})" for value, name in zip(values, ENCODERS, strict=False))


def see_with_three(engine: Engine, clip: ClipRequest, view: ReconstructionView) -> Three:
    """See the clip of a reconstruction with three encoders."""
    recogniser, reconstructor = engine.recogniser, engine.reconstructor
    for_recogniser = engine.prepare(clip, recogniser)
    for_reconstructor = engine.prepare(clip, reconstructor)
    mask = view.reconstruction.mask
    encoded = encode_three(engine, for_recogniser, for_reconstructor, mask)
    original = reconstructor.model.to_pixels(for_reconstructor.pixel_values)[0]
    colours = TrueColours.behind(reconstructor.processor)
    grids = (reconstructor.card.grid, reconstructor.card.grid, recogniser.card.grid)
    seen = []
    for name, one, grid in zip(ENCODERS, encoded, grids, strict=True):
        rebuilt = None
        if one.predicted is not None:
            predicted = torch.from_numpy(one.predicted)
            config = reconstructor.model.config
            rebuilt = reconstruct(predicted, original, mask, config, colours)
        # All from the average of the tokens, so that they can be compared.
        rolled = rollout(
            FusedAttention.from_numpy(one.attention),
            start_from_head(grid, mean_pooling=True),
            grid,
            DEFAULT_ROLLOUT,
        )
        found = principal_colours(torch.from_numpy(one.features), grid)
        seen.append(SeenBy(name, grid, found, rolled, rebuilt))
    named = ""
    if recogniser.card.label_count:
        best = labels(engine, engine.recognise(for_recogniser).logits).top(1)[0]
        named = f"{best.label}, {probability(best.probability)}"
    return Three(view, (seen[0], seen[1], seen[2]), named)


@dataclass(frozen=True, slots=True, eq=False)
class Changed:
    """The labels of a clip before and after a change of its pixels.

    Attributes
    ----------
    how : str
        One of `CHANGES`.
    before, after : Classification
    frames : ndarray
        (T, H, W, 3) uint8: what the recogniser got.
    tubelet : int
        Frames per token, whose order stays when moments are jumbled.
    """

    how: str
    before: Classification
    after: Classification
    frames: NDArray[np.uint8]
    tubelet: int

    def sentences(self) -> list[str]:
        """Say what became of the best label, and what follows."""
        first, then = self.before.top(1)[0], self.after.top(1)[0]
        kept = self.after.find(first.label)
        how = CHANGES[self.how]
        if first.label == then.label:
            came = (
                f"{first.label} {probability(first.probability)} stays, {how}, at "
                f"{probability(kept.probability)}."
            )
        else:
            came = (
                f"{first.label} {probability(first.probability)} becomes {then.label} "
                f"{probability(then.probability)}, {how}; {first.label} itself falls to "
                f"{probability(kept.probability)}."
            )
        came = came[0].upper() + came[1:]
        return [came, self._what_follows(first.label, then.label)]

    def _what_follows(self, first: str, then: str) -> str:
        if self.how == "jumbled":
            return (
                f"The label did not need the order of the moments: the {self.tubelet} frames "
                "inside of each token are enough."
                if first == then
                else "The same moments in another order mean something else: their order matters."
            )
        if are_opposite(first, then):
            return "The label turned into its opposite: the model reads the order of the frames."
        if first == then:
            return (
                "The label does not depend on the direction of time: this looks the same both "
                "ways, or single frames give it away."
            )
        return "The label changed, so the order of the frames matters; it is not the opposite."


def change(engine: Engine, clip: ClipRequest, how: str) -> Changed:
    """Run the recogniser on a changed clip.

    "backwards" turns the frames around, and "jumbled" moves whole slices of time to other times, by
    a fixed seed; the frames inside of a slice keep their order.

    Raises
    ------
    RequestError
        When there is no such change.
    """
    if how not in CHANGES:
        raise RequestError(f"The change is {shown(how)}; give {', '.join(CHANGES)}.")
    changed = replace(clip, change=_AS_CHANGE[how])
    before, after = (
        labels(engine, engine.recognise(engine.prepare(asked, engine.recogniser)).logits)
        for asked in (clip, changed)
    )
    tubelet = engine.recogniser.card.tubelet_size
    return Changed(how, before, after, engine.as_given(changed), tubelet)


def labels(engine: Engine, logits: NDArray[np.float32]) -> Classification:
    """Return what the recogniser says by its logits."""
    named = engine.recogniser.model.config.id2label
    return classify_logits(logits, tuple(named[index] for index in range(len(named))))
