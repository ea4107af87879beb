"""Looks inside: codes of places, wrong places, costs and layers, in numbers and in words."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from videomae_demo.engine.clips import ClipRequest
from videomae_demo.engine.lessons import Cost
from videomae_demo.explorer import Explorer
from videomae_demo.lenses.masks import MaskRequest
from videomae_demo.lessons.inside import (
    Decoding,
    codes_of,
    cost_sentences,
    decoding_of,
    hidden_words,
    misplace,
    token_words,
)
from videomae_demo.model.patches import patchify
from videomae_demo.shipped import ASSETS

CLIP = ClipRequest(ASSETS / "clips" / "orbiting.mp4")


@pytest.fixture(scope="module")
def explorer():
    return Explorer("bundled", device="cpu")


@pytest.fixture(scope="module")
def view(explorer):
    return explorer.reconstruct(CLIP, MaskRequest("tube", 0.75, 0))


@pytest.fixture(scope="module")
def prepared(explorer):
    return explorer.prepare(CLIP, explorer.reconstructor)


def code(number: int, width: int) -> np.ndarray:
    """Write the code of a place down, as Vaswani et al. 2017 do."""
    at = number / 10000 ** (2 * (np.arange(width) // 2) / width)
    return np.where(np.arange(width) % 2 == 0, np.sin(at), np.cos(at))


def test_codes_are_compared_as_they_are_defined(explorer):
    found = codes_of(explorer, (1, 2, 3))
    own = code(1 * 64 + 2 * 8 + 3, found.width)
    for place in ((1, 2, 3), (1, 2, 4), (1, 3, 3), (2, 2, 3), (7, 7, 7)):
        other = code(place[0] * 64 + place[1] * 8 + place[2], found.width)
        cosine = own @ other / np.linalg.norm(own) / np.linalg.norm(other)
        assert found.cosines[place] == pytest.approx(cosine, abs=1e-5), place
    assert np.abs(found.cosines).max() <= 1
    (told,) = found.sentences()
    near = [found.cosines[place] for place in ((1, 2, 4), (1, 3, 3), (2, 2, 3))]
    assert told == (
        "Each code has 160 numbers. Likeness (cosine) of the code at time 1, row 2, column 3 to "
        f"that of the token to the right {near[0]:.2f}, below {near[1]:.2f}, of the next moment "
        f"{near[2]:.2f}."
    )


def test_the_last_token_has_no_neighbour_to_name(explorer):
    assert codes_of(explorer, (7, 7, 7)).sentences() == ["Each code has 160 numbers."]


def test_wrong_places_keep_every_pixel_and_move_every_visible_token(
    explorer, view, prepared, monkeypatch
):
    from videomae_demo.lessons import inside

    given = []
    predict = inside.predict

    def remember(role, clip, hidden):
        given.append(torch.from_numpy(clip.copy()))
        return predict(role, clip, hidden)

    monkeypatch.setattr(inside, "predict", remember)
    other = explorer.reconstruct(CLIP, MaskRequest("tube", 0.75, 7))
    found = misplace(explorer, other, prepared)
    config = explorer.reconstructor.model.config
    before, after = (
        patchify(clip, config.tubelet_size, config.patch_size)[0].numpy()
        for clip in (prepared.pixel_values, given[0])
    )
    visible = np.flatnonzero(~other.reconstruction.mask)
    hidden = np.flatnonzero(other.reconstruction.mask)
    assert (before[hidden] == after[hidden]).all()
    assert sorted(map(tuple, before[visible])) == sorted(map(tuple, after[visible]))
    moved = (before[visible] != after[visible]).any(axis=1)
    assert moved.mean() > 0.95  # but for patches that look alike
    right = other.reconstruction.prediction.psnr_db
    first, second = found.sentences()
    assert first.endswith(f"goes from {right:.1f} to {found.wrong.prediction.psnr_db:.1f} dB.")
    assert first.startswith("The same 128 visible tokens")
    assert second.startswith("The pixels are the same")
    misplace(explorer, explorer.reconstruct(CLIP, MaskRequest("tube", 0.75, 8)), prepared)
    assert len(given) == 2  # another mask is another question
    same = replace(found, wrong=other.reconstruction)
    assert same.sentences()[1] == "On this clip it did not need the places."


def test_what_parts_cost_is_told():
    told = cost_sentences(
        Cost(visible=20, tokens=80, encoder_s=0.0042, all_s=0.021, decoder_s=0.012)
    )
    assert told == [
        "20 of 80 tokens enter the encoder: 25%.",
        "Measured here: 4.2 ms instead of 21 ms, which is 20% of the time. The decoder takes "
        "12 ms.",
    ]


def test_layers_come_nearer_and_the_last_is_the_reconstruction(explorer, view, prepared):
    found = decoding_of(explorer, view, prepared)
    result = view.reconstruction
    np.testing.assert_allclose(found.frames[-1], result.prediction.frames, atol=1e-5)
    assert found.psnr_db[-1] == pytest.approx(result.prediction.psnr_db, abs=1e-3)
    hidden = np.kron(result.mask, np.ones((2, 8, 8), bool))
    for frames, near in zip(found.frames, found.psnr_db, strict=True):
        error = np.square(frames - result.target)[hidden].mean()
        assert near == pytest.approx(-10 * math.log10(error), abs=1e-3)
    visible = ~hidden
    assert (found.frames[:, visible] == result.target[visible]).all()


def test_the_layer_that_brings_most_is_named(view):
    told = Decoding(view, np.zeros((3, 1, 1, 1, 3), np.float32), (9.0, 12.5, 14.0)).sentences()
    assert told == [
        "Before any layer: 9.0 dB. After each layer: 12.5, 14.0 dB.",
        "Layer 1 brings the most: 3.5 dB.",
    ]
    falling = Decoding(view, np.zeros((2, 1, 1, 1, 3), np.float32), (9.0, 8.0)).sentences()
    assert len(falling) == 1


def test_tokens_are_counted(explorer, view):
    role = explorer.reconstructor
    assert token_words(role.card, role.model.config) == [
        "16 frames of 64 x 64 pixels become 8 x 8 x 8 = 512 tokens.",
        "Each token holds 2 frames of 8 x 8 pixels, 384 numbers; the encoder makes 160 of them.",
    ]
    assert hidden_words(view) == "384 of 512 tokens are hidden: 75%."
