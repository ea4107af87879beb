"""Looks inside: codes of places, what the parts cost, and the decoder layer by layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from videomae_demo.analysis.colours import TrueColours
from videomae_demo.analysis.features import likeness
from videomae_demo.analysis.reconstruction import Reconstruction, reconstruct
from videomae_demo.config import VideoMAEConfig
from videomae_demo.engine.clips import PreparedClip
from videomae_demo.engine.engine import Engine
from videomae_demo.engine.lessons import Cost, decoded_in_layers
from videomae_demo.engine.passes import predict
from videomae_demo.engine.roles import CheckpointCard
from videomae_demo.lenses.answer import share
from videomae_demo.lenses.pictures import decibels, in_decibel
from videomae_demo.lenses.reconstruct import ReconstructionView
from videomae_demo.lessons.hiding import Place
from videomae_demo.masking import Mask
from videomae_demo.model.patches import patchify, unpatchify

MISPLACED_SEED = 0


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """How alike the codes of all places are to that of one token.

    Attributes
    ----------
    place : Place
    cosines : ndarray
        (time, height, width) float64 in -1..1.
    width : int
        How many numbers a code has.
    """

    place: Place
    cosines: NDArray[np.float64]
    width: int

    def sentences(self) -> list[str]:
        """Say how like the neighbours' codes are."""
        time, row, column = self.place
        found = []
        names = {"to the right": (0, 0, 1), "below": (0, 1, 0), "of the next moment": (1, 0, 0)}
        for name, steps in names.items():
            place = tuple(np.add(self.place, steps).tolist())
            if all(at < size for at, size in zip(place, self.cosines.shape, strict=True)):
                found.append(f"{name} {self.cosines[place]:.2f}")
        if not found:
            return [f"Each code has {self.width} numbers."]
        return [
            f"Each code has {self.width} numbers. Likeness (cosine) of the code at time "
            f"{time}, row {row}, column {column} to that of the token "
            f"{', '.join(found)}."
        ]


def codes_of(engine: Engine, place: Place) -> Codes:
    """Compare the codes of places that the recogniser's encoder adds to its tokens."""
    model, grid = engine.recogniser.model, engine.recogniser.card.grid
    codes = model.videomae.embeddings.position_embeddings[0].cpu()  # (N, D)
    number = int(np.ravel_multi_index(place, grid.shape))
    cosines = likeness(codes, number).numpy().reshape(grid.shape)
    return Codes(place, cosines, codes.shape[1])


def token_words(card: CheckpointCard, config: VideoMAEConfig) -> list[str]:
    """Say how many tokens a clip makes, and how many numbers each of them has."""
    frames, (height, width), grid = card.frame_count, card.frame_size, card.grid
    down, across = height // grid.height, width // grid.width
    return [
        f"{frames} frames of {width} x {height} pixels become {grid.time} x {grid.height} x "
        f"{grid.width} = {grid.tokens} tokens.",
        f"Each token holds {card.tubelet_size} frames of {across} x {down} pixels, "
        f"{config.token_values} numbers; the encoder makes {config.hidden_size} of them.",
    ]


def hidden_words(view: ReconstructionView) -> str:
    """Say how many tokens are hidden."""
    mask = view.reconstruction.mask
    hidden = int(mask.sum())
    return f"{hidden} of {mask.size} tokens are hidden: {share(hidden / mask.size)}."


def milliseconds(seconds: float) -> str:
    """Write a measured duration down."""
    value = 1000 * seconds
    return f"{value:.1f} ms" if value < 9.95 else f"{value:.0f} ms"


def cost_sentences(cost: Cost) -> list[str]:
    """Say what the encoder costs on the visible tokens, and on all, and what the decoder does."""
    part = cost.encoder_s / cost.all_s
    return [
        f"{cost.visible} of {cost.tokens} tokens enter the encoder: "
        f"{share(cost.visible / cost.tokens)}.",
        f"Measured here: {milliseconds(cost.encoder_s)} instead of {milliseconds(cost.all_s)}, "
        f"which is {part:.0%} of the time. The decoder takes {milliseconds(cost.decoder_s)}.",
    ]


@dataclass(frozen=True, slots=True, eq=False)
class Decoding:
    """What the decoder would show after each layer.

    Attributes
    ----------
    frames : ndarray
        (layers + 1, T, H, W, 3) float32 in 0..1; the last is the reconstruction.
    psnr_db : tuple of float
        Over the hidden pixels.
    """

    view: ReconstructionView
    frames: NDArray[np.float32]
    psnr_db: tuple[float, ...]

    def sentences(self) -> list[str]:
        """Say how near each layer comes."""
        near = [in_decibel(value) for value in self.psnr_db]
        gains = np.diff(self.psnr_db)
        most = int(gains.argmax()) + 1 if np.isfinite(gains).all() else 0
        told = f"Before any layer: {near[0]} dB. After each layer: {', '.join(near[1:])} dB."
        if not most or gains[most - 1] <= 0:
            return [told]
        return [told, f"Layer {most} brings the most: {gains[most - 1]:.1f} dB."]


def decoding_of(engine: Engine, view: ReconstructionView, prepared: PreparedClip) -> Decoding:
    """Stop the decoder after each layer, and show what it has so far.

    `prepared` is the view's clip, made ready for the reconstructor.
    """
    role, mask = engine.reconstructor, view.reconstruction.mask
    original = role.model.to_pixels(prepared.pixel_values)[0]
    colours = TrueColours.behind(role.processor)
    results = [
        reconstruct(torch.from_numpy(layer), original, mask, role.model.config, colours)
        for layer in decoded_in_layers(engine, prepared, mask)
    ]
    return Decoding(
        view,
        np.stack([result.prediction.frames for result in results]),
        tuple(result.prediction.psnr_db for result in results),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Misplaced:
    """A reconstruction from visible tokens at their places, and at wrong ones."""

    view: ReconstructionView
    wrong: Reconstruction

    def sentences(self) -> list[str]:
        """Say what wrong places cost."""
        right = self.view.reconstruction.prediction
        lost = round(right.psnr_db, 1) - round(self.wrong.prediction.psnr_db, 1)
        came = f"from {decibels(right)} to {decibels(self.wrong.prediction, 'dB')}"
        visible = int((~self.view.reconstruction.mask).sum())
        told = f"The same {visible} visible tokens, each at a wrong place: the model goes {came}."
        if not lost > 0:
            return [told, "On this clip it did not need the places."]
        return [told, "The pixels are the same; only their places told it what belongs where."]


def misplace(engine: Engine, view: ReconstructionView, prepared: PreparedClip) -> Misplaced:
    """Reconstruct from visible tokens whose pixels were handed round among them, by a fixed seed.

    `prepared` as in `decoding_of`.
    """
    role, mask = engine.reconstructor, view.reconstruction.mask
    config = role.model.config
    tokens = patchify(prepared.pixel_values, config.tubelet_size, config.patch_size).clone()
    visible = np.flatnonzero(~mask)
    # A random ring: every token goes to the next one's place, and so none stays.
    ring = np.random.default_rng(MISPLACED_SEED).permutation(visible)
    tokens[:, ring] = tokens[:, np.roll(ring, 1)]
    clip = unpatchify(tokens, config.grid, config.tubelet_size, config.patch_size)
    predicted = engine.keep(
        ("misplaced", prepared.key, np.packbits(mask).tobytes()),
        lambda: _predict(engine, clip.numpy(), mask),
    )
    original = role.model.to_pixels(prepared.pixel_values)[0]
    colours = TrueColours.behind(role.processor)
    return Misplaced(
        view, reconstruct(torch.from_numpy(predicted), original, mask, config, colours)
    )


def _predict(engine: Engine, clip: NDArray[np.float32], mask: Mask) -> NDArray[np.float32]:
    with engine.at_work():
        return predict(engine.reconstructor, clip, mask.reshape(-1))
