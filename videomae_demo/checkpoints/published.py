"""What the published checkpoints compute for one reference clip, as their publisher checked it.

The values stand in transformers' script ``convert_videomae_to_pytorch.py``, with which these
checkpoints were made: the same in release 4.37.2 and later. They were computed with the published
configurations (which the catalog corrects in places) and with frames normalised by 0.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

CLIP_REPO, CLIP_FILE = "hf-internal-testing/spaghetti-video", "eating_spaghetti.npy"
"""A data set with 16 frames of somebody eating spaghetti, (T, H, W, 3) uint8."""
MASK_REPO, MASK_FILE = "hf-internal-testing/bool-masked-pos", "bool_masked_pos.pt"
"""The tokens that are hidden from a pretraining checkpoint, (1, N) bool."""
MEAN = STD = (0.5, 0.5, 0.5)
TOLERANCE = 1e-4


@dataclass(frozen=True, slots=True)
class PublishedValues:
    """What is known of one checkpoint's output.

    Parameters
    ----------
    logits : tuple of tuple of float
        A recogniser's first three logits, in one row; or, for a reconstructor, the first three
        predicted values of each of the first three hidden tokens.
    normalised_loss, pixel_loss : float, optional
        A reconstructor's loss with ``norm_pix_loss`` and without.
    """

    logits: tuple[tuple[float, ...], ...]
    normalised_loss: float | None = None
    pixel_loss: float | None = None


def _recogniser(*logits: float) -> PublishedValues:
    return PublishedValues((logits,))


PUBLISHED: Mapping[str, PublishedValues] = {
    "small-finetuned-kinetics": _recogniser(-0.9291, -0.4061, -0.9307),
    "base-finetuned-kinetics": _recogniser(0.3669, -0.0688, -0.2421),
    "base-short-finetuned-kinetics": _recogniser(0.6588, 0.0990, -0.2493),
    "large-finetuned-kinetics": _recogniser(0.0771, 0.0011, -0.3625),
    "huge-finetuned-kinetics": _recogniser(0.2433, 0.1632, -0.4894),
    "small-finetuned-ssv2": _recogniser(0.2671, -0.4689, -0.8235),
    "base-finetuned-ssv2": _recogniser(0.1961, -0.8337, -0.6389),
    "base-short-finetuned-ssv2": _recogniser(-0.0537, -0.1539, -0.3266),
    "base": PublishedValues(
        ((0.7739, 0.7968, 0.7089), (0.6701, 0.7487, 0.6209), (0.4287, 0.5158, 0.4773))
    ),
    "base-short": PublishedValues(
        ((0.7994, 0.9612, 0.8508), (0.7401, 0.8958, 0.8302), (0.5862, 0.7468, 0.7325)),
        normalised_loss=0.5142,
        pixel_loss=0.6469,
    ),
    "large": PublishedValues(
        ((0.7149, 0.7997, 0.6966), (0.6768, 0.7869, 0.6948), (0.5139, 0.6221, 0.5605))
    ),
    "base-ssv2": PublishedValues(
        ((0.8131, 0.8727, 0.8546), (0.7366, 0.9377, 0.8870), (0.5935, 0.8874, 0.8564))
    ),
    "base-short-ssv2": PublishedValues(
        ((0.4712, 0.5296, 0.5786), (0.2278, 0.2729, 0.4026), (0.0352, 0.0730, 0.2506))
    ),
}
"""By the catalog's names."""
