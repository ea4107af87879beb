"""Which model is trained: from the four numbers that a person chooses to a whole configuration.

The others follow in the proportions of the bundled weights: heads of 32 values, perceptrons four
times as wide, a decoder of about four fifths of the width and half of the depth.
"""

from __future__ import annotations

from typing import Any

from videomae_demo.config import VideoMAEConfig
from videomae_demo.errors import RequestError
from videomae_demo.model.videomae import VideoMAEForPreTraining

HEAD_WIDTH = 32
SIZE_PX, PATCH, WIDTH, DEPTH = 64, 8, 160, 6
"""Of the bundled weights."""


def architecture(
    size_px: int = SIZE_PX, patch: int = PATCH, width: int = WIDTH, depth: int = DEPTH
) -> VideoMAEConfig:
    """Return the configuration of a masked autoencoder.

    Parameters
    ----------
    size_px, patch : int
        Height and width of the frames, and of a token.
    width, depth : int
        Of the encoder: values per token, a multiple of `HEAD_WIDTH`, and layers.

    Raises
    ------
    RequestError
        When the numbers make no model.
    """
    if min(size_px, patch, width, depth) < 1:
        raise RequestError(
            f"A model of {size_px} px, patches of {patch} px, width {width} and depth {depth} "
            "can't be; give whole numbers from 1."
        )
    if size_px % patch:
        raise RequestError(
            f"Frames of {size_px} px can't be cut into patches of {patch} px; give a multiple of "
            f"{patch}, for instance {size_px // patch * patch or patch}."
        )
    nearest = width // HEAD_WIDTH * HEAD_WIDTH or HEAD_WIDTH
    if width % HEAD_WIDTH:
        raise RequestError(
            f"A width of {width} can't be shared among heads of {HEAD_WIDTH} values; give a "
            f"multiple of {HEAD_WIDTH}, for instance {nearest}."
        )
    heads = width // HEAD_WIDTH
    decoder_heads = max(1, round(0.8 * heads))
    return VideoMAEConfig(
        image_size=size_px,
        patch_size=patch,
        hidden_size=width,
        num_hidden_layers=depth,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        decoder_hidden_size=decoder_heads * HEAD_WIDTH,
        decoder_num_hidden_layers=max(1, depth // 2),
        decoder_num_attention_heads=decoder_heads,
        decoder_intermediate_size=4 * decoder_heads * HEAD_WIDTH,
        use_mean_pooling=False,
        norm_pix_loss=False,
        layer_norm_eps=1e-6,
        id2label={},
    )


def describe(config: VideoMAEConfig) -> str:
    """Say in a sentence how large a pretrained model is, and its file in half precision."""
    weights = sum(weight.numel() for weight in VideoMAEForPreTraining(config).parameters())
    return (
        f"The model has {weights / 1e6:.1f} million weights, {2 * weights / 1e6:.1f} MB in half "
        f"precision, and sees {config.grid.tokens} tokens of a clip."
    )


def hidden_shares(ratio: float | None, low: str, high: str) -> dict[str, Any]:
    """Return the settings, by their two names, that hide always the same share; none for None.

    Raises
    ------
    RequestError
        When it is not a share above 0 and below 1.
    """
    if ratio is None:
        return {}
    if not 0 < ratio < 1:
        raise RequestError(f"The ratio is {ratio}; give a share above 0 and below 1, as 0.9.")
    return {low: ratio, high: ratio}
