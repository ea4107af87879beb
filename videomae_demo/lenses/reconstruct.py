"""What does the model imagine behind a mask? The reconstruction of a clip, beside fillings.

Owns the words and files of this answer, and which mask is drawn by default. Computes nothing; needs
torch only to ask.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from videomae_demo.engine.clips import ClipRequest, SeenClip
from videomae_demo.errors import RequestError, shown
from videomae_demo.lenses.answer import (
    MOVIE_HEIGHT_PX,
    Answer,
    describe_clip,
    frame_rate,
    made_folder,
    share,
    write_npz,
)
from videomae_demo.lenses.many_masks import many_arrays, many_json, many_sentences, save_many
from videomae_demo.lenses.masks import DEFAULT_MASK, GUIDED_KINDS, UNITS, MaskRequest, mask_of
from videomae_demo.lenses.pictures import (
    PICTURE_TITLES,
    decibels,
    how_near,
    never_visible,
    title_with_psnr,
)
from videomae_demo.lenses.sweep import (
    save_sweep,
    sweep_json,
    sweep_sentences,
    told_loss,
    why_not,
)
from videomae_demo.rendering.frames import Track, to_uint8, write_png
from videomae_demo.rendering.overlay import hide

if TYPE_CHECKING:  # torch takes seconds to import: the page does not wait for it
    from videomae_demo.analysis.many_masks import ManyMasks
    from videomae_demo.analysis.reconstruction import Reconstruction
    from videomae_demo.analysis.sweeping import Sweep
    from videomae_demo.engine.engine import Engine
    from videomae_demo.engine.roles import CheckpointCard

LEAK = "uses the hidden patches' true mean and contrast"
TIMES = 4
"""How often many masks hide each token, at least."""


def ask(engine: Engine, clip: ClipRequest, mask: MaskRequest = DEFAULT_MASK) -> ReconstructionView:
    """Hide a part of the clip, and show what the reconstructor predicts there.

    Raises
    ------
    VideoError, RequestError
        When the clip can't be read, or the request does not fit it.
    CheckpointError
        When the checkpoint can't be loaded, or has no decoder.
    """
    import torch

    from videomae_demo.analysis.colours import TrueColours
    from videomae_demo.analysis.reconstruction import reconstruct

    reconstructor = engine.reconstructor
    model, grid = reconstructor.model, reconstructor.card.grid
    hidden, used = mask_of(engine, clip, mask, grid)
    prepared = engine.prepare(clip, reconstructor)
    predicted = engine.predict(prepared, hidden)
    original = model.to_pixels(prepared.pixel_values)[0]
    colours = TrueColours.behind(reconstructor.processor)
    result = reconstruct(torch.from_numpy(predicted), original, hidden, model.config, colours)
    return ReconstructionView(reconstructor.card, prepared.clip, used, result)


def sweep(
    engine: Engine, clip: ClipRequest, mask: MaskRequest = DEFAULT_MASK
) -> Iterator[ReconstructionView]:
    """Hide every share from 50 % to 95 % by several masks of this kind; yield what is known.

    Each answer holds a `Sweep`, the last one a finished one. The masks are drawn from seeds of
    their own; that of `mask` decides which predictions are kept, beside all measures. Errors as in
    `ask`; also a RequestError for a kind that can't hide every share.
    """
    from videomae_demo.engine import sweeps

    if reason := why_not(mask.kind):
        raise RequestError(reason)
    view = ask(engine, clip, mask)
    prepared = engine.prepare(clip, engine.reconstructor)
    for found in sweeps.sweep(engine, prepared, mask.kind, mask.seed):
        yield replace(view, sweep=found)


def many_masks(
    engine: Engine, clip: ClipRequest, mask: MaskRequest = DEFAULT_MASK, times: int = TIMES
) -> Iterator[ReconstructionView]:
    """Hide each token several times, by masks of this kind and share; yield what is known.

    Each answer holds `ManyMasks`, the last one all of them. The first mask is `mask`. Errors as in
    `ask`; also a RequestError for a kind that is not drawn from seeds, or where too many masks were
    needed.

    Parameters
    ----------
    times : int
        How often each token is hidden, at least; from 1.
    """
    from videomae_demo.engine import sweeps

    if not isinstance(times, int) or times < 1:
        raise RequestError(
            f"Each token is to be hidden {shown(times)} times; give a whole number from 1."
        )
    view = ask(engine, clip, mask)
    prepared = engine.prepare(clip, engine.reconstructor)
    ratio = view.mask.ratio
    assert ratio is not None
    for found in sweeps.many_masks(engine, prepared, mask.kind, ratio, times, mask.seed):
        yield replace(view, many=found)


def known_sweep(engine: Engine, clip: ClipRequest, kind: str) -> Sweep | None:
    """Return what earlier sweeps left behind of this clip and kind of mask; None if nothing."""
    from videomae_demo.engine.sweeps import what_is_known

    if why_not(kind):
        return None
    return what_is_known(engine, engine.prepare(clip, engine.reconstructor), kind)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ReconstructionView(Answer):
    """What the reconstructor imagines behind the mask; `mask.ratio` is the share asked for.

    `sweep` holds the measures for other shares, and `many` what many masks say together, if those
    were asked for.
    """

    checkpoint: CheckpointCard
    clip: SeenClip
    mask: MaskRequest
    reconstruction: Reconstruction
    sweep: Sweep | None = None
    many: ManyMasks | None = None

    @property
    def hidden_share(self) -> float:
        """The share of the tokens that is hidden: whole patches may not add up to `mask.ratio`."""
        return float(self.reconstruction.mask.mean())

    def to_json(self) -> dict[str, Any]:
        """Return the measures of the reconstruction and of its baselines, ready for JSON."""
        result = self.reconstruction
        return {
            "checkpoint": self.checkpoint.public_name,
            "stands_in_for": self.checkpoint.stands_in_for,
            "mask": {
                "kind": self.mask.kind,
                "ratio": self.hidden_share,
                "asked": self.mask.ratio,
                "seed": self.mask.seed,
            },
            "grid": list(result.mask.shape),
            "hidden_tokens": int(result.mask.sum()),
            "loss": result.loss,
            "psnr_db": {picture.name: _finite(picture.psnr_db) for picture in result.pictures},
            "compared_with": result.rival.name,
            "difference_db": _finite(result.prediction.psnr_db - result.rival.psnr_db),
            "verdict": how_near(result),
            "leaks": [picture.name for picture in result.pictures if picture.leaks],
            "sweep": None if self.sweep is None else sweep_json(self.sweep, self.mask.ratio),
            "many": None if self.many is None else many_json(self.many),
            **describe_clip(self.clip),
            "notes": self.notes,
        }

    def sentences(self) -> list[str]:
        """Say what `explanation` says, and what a sweep or many masks say, if they were tried."""
        return [self.explanation(), *self.swept(), *self.together()]

    def together(self) -> list[str]:
        """Say what many masks say together; empty if they were not tried."""
        return [] if self.many is None else many_sentences(self.many, self.clip)

    def loss(self) -> str:
        """State the training loss of this clip and mask."""
        space = "pixels normalised for each token" if self._is_normalised else "plain pixels"
        value = told_loss(self.reconstruction.loss)
        return f"Training loss here: {value} (mean squared error of {space})."

    @property
    def _is_normalised(self) -> bool:
        return self.reconstruction.normalised is not None

    def swept(self) -> list[str]:
        """Say how near the model comes for other shares; empty if they were not tried."""
        return [] if self.sweep is None else sweep_sentences(self.sweep, self.mask.ratio)

    def explanation(self) -> str:
        """Say whose picture it is, what was hidden, how near it came, and whether it leaks."""
        result = self.reconstruction
        scores = ", ".join(
            f"{PICTURE_TITLES[p.name]} {decibels(p)}{' (leak)' if p.leaks else ''}"
            for p in result.pictures
        )
        sentences = (
            f"{share(self.hidden_share)} of the tokens were hidden ({self.drawn()}); visible ones "
            "are kept as they are.",
            self.other_share(),
            f"PSNR over hidden pixels in dB (higher is nearer): {scores}.",
            how_near(result),
            self.loss(),
            f"The reconstruction {LEAK}, since this decoder predicts normalised pixels."
            if result.prediction.leaks
            else "",
            never_visible(result),
            self.made_by(),
        )
        return " ".join(sentence for sentence in sentences if sentence)

    def drawn(self) -> str:
        """Say which mask it is: how it was drawn, or what it follows."""
        kind = self.mask.kind
        if kind == "painted":
            return "painted by hand"
        return f"{kind} mask" if kind in GUIDED_KINDS else f"{kind} mask, seed {self.mask.seed}"

    def made_by(self) -> str:
        """Say whose reconstruction it is."""
        card = self.checkpoint
        absent = f", since {card.stands_in_for} has no decoder" if card.stands_in_for else ""
        return f"Reconstructed by: {card.title}{absent}."

    def other_share(self) -> str:
        """Say why another share is hidden than was asked for; empty where it is the same."""
        asked = self.mask.ratio
        if asked is None or self.mask.kind not in UNITS or share(asked) == share(self.hidden_share):
            return ""
        return f"{share(asked)} was asked for; {UNITS[self.mask.kind]} {share(self.hidden_share)}."

    def save(self, folder: Path | str) -> list[Path]:
        """Write ``reconstruction.npz``, ``reconstruction.mp4`` and ``filmstrip.png``.

        Arrays: ``mask`` (time, height, width) bool; ``prediction`` and ``target`` (T, H, W, 3)
        float32 in 0..1, the visible patches kept; ``token_error`` (time, height, width), NaN where
        visible; and for a decoder of normalised pixels, ``normalised`` (T, H, W, 3): its raw
        output. With a sweep, ``ratio.png`` and ``ratio.csv`` come too, and after many masks the
        files of `many_masks.save_many`.
        """
        from videomae_demo.rendering.side_by_side import side_by_side
        from videomae_demo.video.encode import write_mp4

        folder = made_folder(folder)
        clip = self.clip
        path = folder / "reconstruction.npz"
        write_npz(path, self.arrays())
        tracks = self.tracks()
        movie = side_by_side(tracks[:3], height_px=MOVIE_HEIGHT_PX, footnote=self.explanation())
        paths = [
            path,
            write_mp4(folder / "reconstruction.mp4", movie, frame_rate(clip)),
            write_png(folder / "filmstrip.png", self._filmstrip(tracks)),
        ]
        if self.sweep is not None:
            paths += save_sweep(self.sweep, folder)
        if self.many is not None:
            paths += save_many(self.many, clip, self.reconstruction.target, folder)
        return paths

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return ``mask``, ``prediction``, ``target``, ``token_error`` and more; see `save`."""
        result = self.reconstruction
        arrays: dict[str, NDArray[Any]] = {
            "mask": result.mask,
            "prediction": result.prediction.frames,
            "target": result.target,
            "token_error": result.token_error,
        }
        if result.normalised is not None:
            arrays["normalised"] = result.normalised
        if self.many is not None:
            arrays |= {f"many_{name}": values for name, values in many_arrays(self.many).items()}
        return arrays

    def picture(self) -> NDArray[np.uint8]:
        """Draw the original, what is visible, the reconstruction and the fillings."""
        return self._filmstrip(self.tracks())

    def _filmstrip(self, tracks: list[Track]) -> NDArray[np.uint8]:
        from videomae_demo.rendering.filmstrip import filmstrip

        return filmstrip(
            tracks,
            self.clip.timestamps_s.tolist(),
            heading=f"What the model imagines behind the mask: {self.clip.path.name}",
            footnotes=[self.explanation(), *self.notes],
            cell_px=128,
        )

    def tracks(self) -> list[Track]:
        """Return the original, what is visible, the reconstruction, and what to compare it with."""
        result = self.reconstruction
        target = to_uint8(result.target)
        tracks = [
            Track("original", target),
            Track("visible only", hide(target, result.mask)),
            *(
                Track(title_with_psnr(picture), to_uint8(picture.frames))
                for picture in result.pictures
            ),
        ]
        if result.normalised is not None:
            tracks.insert(3, Track("raw prediction (normalised)", to_uint8(result.normalised)))
        return tracks

    def __repr__(self) -> str:
        near = decibels(self.reconstruction.prediction, "dB")
        hidden = share(self.hidden_share)
        return f"ReconstructionView({self.clip.path.name!r}: {hidden} hidden, {near})"


def _finite(value: float) -> float | None:
    """Return a number that JSON can hold; None if a picture is exact."""
    return value if math.isfinite(value) else None
