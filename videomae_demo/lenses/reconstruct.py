"""What does the model imagine behind a mask? The reconstruction of a clip, beside fillings.

Owns the words and files of this answer, and which mask is drawn by default. Computes nothing; needs
torch only to ask.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from videomae_demo.config import TokenGrid
from videomae_demo.engine.clips import ClipRequest, SeenClip
from videomae_demo.errors import RequestError, shown
from videomae_demo.given import number, whole
from videomae_demo.lenses.answer import (
    MOVIE_HEIGHT_PX,
    Answer,
    describe_clip,
    frame_rate,
    share,
    write_npz,
)
from videomae_demo.masking import make_mask, painted
from videomae_demo.rendering.frames import Track, to_uint8, write_png
from videomae_demo.rendering.overlay import hide

if TYPE_CHECKING:  # torch takes seconds to import: the page does not wait for it
    from videomae_demo.analysis.reconstruction import Picture, Reconstruction
    from videomae_demo.engine.engine import Engine
    from videomae_demo.engine.roles import CheckpointCard

COARSE_GRID_PATCHES = 144
"""With fewer patches a slice, a mask of 90 % leaves too few to say anything; 75 % is then used."""
LEAK = "uses the hidden patches' true mean and contrast"
PICTURE_TITLES = {
    "prediction": "reconstruction",
    "visible-mean": "visible mean",
    "distance-weighted": "distance-weighted",
    "nearest-visible": "nearest visible",
    "copied-in-time": "copied in time",
    "true-patch-mean": "true patch mean",
}
UNITS = {
    "tube": "whole patches make it",
    "random": "whole tokens make it",
    "frame": "whole moments make it",
    "cell": "this mask goes in steps of a quarter, which makes it",
}
"""Why a mask hides another share than was asked for, by its kind."""


@dataclass(frozen=True, slots=True)
class MaskRequest:
    """Which tokens to hide.

    Attributes
    ----------
    kind : str
        One of `masking.MASK_KINDS`, or "painted".
    ratio : float, optional
        Share to hide, in 0..1; default: `default_ratio` of the reconstructor's grid. The share of a
        painted mask follows from the mask.
    seed : int
    painted : bytes, optional
        For the kind "painted": one bit per token, in order, 1 = hidden, as `numpy.packbits` of the
        mask gives it.

    Raises
    ------
    RequestError
        When a value is of another type, the ratio is not a finite number, the seed is not a whole
        number from 0, or a painted mask comes with another kind, or is missing for the kind
        "painted".
    """

    kind: str = "tube"
    ratio: float | None = None
    seed: int = 0
    painted: bytes | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.kind, str):
            raise RequestError(f"The mask kind is {shown(self.kind)}; give its name.")
        if self.ratio is not None:
            object.__setattr__(self, "ratio", number(self.ratio, "mask ratio"))
        object.__setattr__(self, "seed", whole(self.seed, "mask seed"))
        if not isinstance(self.painted, bytes | None):
            raise RequestError(
                f"The painted mask is {shown(self.painted)}; give bytes, one bit per token."
            )
        if (self.painted is None) == (self.kind == "painted"):
            raise RequestError(
                "The mask kind is 'painted', and no mask was painted; give one."
                if self.painted is None
                else f"A mask was painted, and its kind is {self.kind!r}; give 'painted'."
            )


DEFAULT_MASK = MaskRequest()


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
    hidden, used = _make_mask(mask, grid)
    prepared = engine.prepare(clip, reconstructor)
    predicted = engine.predict(prepared, hidden)
    original = model.to_pixels(prepared.pixel_values)[0]
    colours = TrueColours.behind(reconstructor.processor)
    result = reconstruct(torch.from_numpy(predicted), original, hidden, model.config, colours)
    return ReconstructionView(reconstructor.card, prepared.clip, used, result)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ReconstructionView(Answer):
    """What the reconstructor imagines behind the mask; `mask.ratio` is the share asked for."""

    checkpoint: CheckpointCard
    clip: SeenClip
    mask: MaskRequest
    reconstruction: Reconstruction

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
            **describe_clip(self.clip),
            "notes": self.notes,
        }

    def sentences(self) -> list[str]:
        """Say whose picture it is, what was hidden, how near it came, and whether it leaks."""
        return [self.explanation()]

    def explanation(self) -> str:
        """Say whose picture it is, what was hidden, how near it came, and whether it leaks."""
        result, mask = self.reconstruction, self.mask
        painted = mask.kind == "painted"
        drawn = "a mask painted by hand" if painted else f"{mask.kind} mask, seed {mask.seed}"
        scores = ", ".join(
            f"{PICTURE_TITLES[p.name]} {decibels(p)}{' (leak)' if p.leaks else ''}"
            for p in result.pictures
        )
        sentences = (
            f"{share(self.hidden_share)} of the tokens were hidden ({drawn}); visible ones are "
            "kept as they are.",
            self.other_share(),
            f"PSNR over hidden pixels in dB (higher is nearer): {scores}.",
            how_near(result),
            f"The reconstruction {LEAK}, since this decoder predicts normalised pixels."
            if result.prediction.leaks
            else "",
            never_visible(result),
            self.made_by(),
        )
        return " ".join(sentence for sentence in sentences if sentence)

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

    def save(self, folder: Path) -> list[Path]:
        """Write ``reconstruction.npz``, ``reconstruction.mp4`` and ``filmstrip.png``.

        Arrays: ``mask`` (time, height, width) bool; ``prediction`` and ``target`` (T, H, W, 3)
        float32 in 0..1, the visible patches kept; ``token_error`` (time, height, width), NaN where
        visible; and for a decoder of normalised pixels, ``normalised`` (T, H, W, 3): its raw
        output.
        """
        from videomae_demo.rendering.side_by_side import side_by_side
        from videomae_demo.video.encode import write_mp4

        folder.mkdir(parents=True, exist_ok=True)
        clip = self.clip
        path = folder / "reconstruction.npz"
        write_npz(path, self.arrays())
        tracks = self.tracks()
        movie = side_by_side(tracks[:3], height_px=MOVIE_HEIGHT_PX, footnote=self.explanation())
        return [
            path,
            write_mp4(folder / "reconstruction.mp4", movie, frame_rate(clip)),
            write_png(folder / "filmstrip.png", self._filmstrip(tracks)),
        ]

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
            *(Track(_title(picture), to_uint8(picture.frames)) for picture in result.pictures),
        ]
        if result.normalised is not None:
            tracks.insert(3, Track("raw prediction (normalised)", to_uint8(result.normalised)))
        return tracks

    def __repr__(self) -> str:
        near = decibels(self.reconstruction.prediction, "dB")
        hidden = share(self.hidden_share)
        return f"ReconstructionView({self.clip.path.name!r}: {hidden} hidden, {near})"


def how_near(result: Reconstruction) -> str:
    """Say by how much the reconstruction is better or worse than its rival."""
    ours, rival = result.prediction, result.rival
    title = PICTURE_TITLES[rival.name]
    title = f"the {title}, which is its leak alone" if rival.leaks else f"the best filling, {title}"
    verdict = _compared(ours, rival, title)
    best = result.best_filling
    if rival.leaks and _shown_db(best) >= _shown_db(ours):
        verdict += (
            f" Even {PICTURE_TITLES[best.name]}, which leaks nothing, has {decibels(best, 'dB')}."
        )
    return verdict


def _compared(ours: Picture, other: Picture, title: str) -> str:
    gain_db = _shown_db(ours) - _shown_db(other)
    numbers = f"({decibels(ours)} against {decibels(other)})"
    if math.isnan(gain_db) or abs(gain_db) < 0.05:  # both are exact, or the same number is shown
        return f"The reconstruction is as near to the original as {title} {numbers}."
    word = "better" if gain_db > 0 else "worse"
    amount = word if math.isinf(gain_db) else f"{abs(gain_db):.1f} dB {word}"
    return f"The reconstruction is {amount} than {title} {numbers}."


def never_visible(result: Reconstruction) -> str:
    """Say how many hidden tokens could not be copied in time; empty if all could be copied."""
    count = result.never_visible
    if not count or not any(picture.name == "copied-in-time" for picture in result.baselines):
        return ""
    return (
        f"Of {int(result.mask.sum())} hidden tokens, {count} have a place that is never visible: "
        "those can't be copied in time, and are distance-weighted there too."
    )


def _shown_db(picture: Picture) -> float:
    return round(picture.psnr_db, 1)


def decibels(picture: Picture, unit: str = "") -> str:
    """Write a picture's PSNR in decibel; "exact" if nothing differs."""
    if math.isinf(picture.psnr_db):
        return "exact"
    return f"{picture.psnr_db:.1f} {unit}".rstrip()


def _finite(value: float) -> float | None:
    """Return a number that JSON can hold; None if a picture is exact."""
    return value if math.isfinite(value) else None


def _title(picture: Picture) -> str:
    leak = " (leak)" if picture.leaks else ""
    near = decibels(picture, "dB").replace(" ", "\u00a0")
    return f"{PICTURE_TITLES[picture.name]} {near}{leak}"


def default_ratio(grid: TokenGrid) -> float:
    """Return the share to hide by default: 0.9 as in the paper, 0.75 on a coarse grid."""
    return 0.9 if grid.patches >= COARSE_GRID_PATCHES else 0.75


def _make_mask(mask: MaskRequest, grid: TokenGrid) -> tuple[NDArray[np.bool_], MaskRequest]:
    """Return the hidden tokens, (time, height, width), and the request with the share it hid."""
    if mask.kind != "painted":
        ratio = default_ratio(grid) if mask.ratio is None else mask.ratio
        return make_mask(mask.kind, grid, ratio, mask.seed), replace(mask, ratio=ratio)
    given = mask.painted or b""
    if len(given) != math.ceil(grid.tokens / 8):
        raise RequestError(
            f"The painted mask has {len(given)} bytes; one bit for each of {grid.tokens} tokens "
            f"makes {math.ceil(grid.tokens / 8)}."
        )
    bits = np.unpackbits(np.frombuffer(given, np.uint8), count=grid.tokens)
    hidden = painted(bits.astype(np.bool_).reshape(grid.shape), grid)
    return hidden, replace(mask, ratio=float(hidden.mean()))
