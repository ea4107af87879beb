"""Tokens that are alike: against worked-out codes, an own PCA, and a blank clip's positions."""

import json

import numpy as np
import pytest
import torch
from made_views import GRID, made_tokens

from videomae_demo import ClipRequest, Explorer, RequestError, TokensRequest
from videomae_demo.analysis.features import (
    linear_cka,
    nearest_by_slice,
    neighbourhood,
    principal_colours,
)
from videomae_demo.config import TokenGrid
from videomae_demo.engine.token_features import blank_features, token_features
from videomae_demo.lenses.tokens import ALL_VISIBLE, WEAK, blocky
from videomae_demo.model.patches import sincos_positions


@pytest.fixture
def explorer(recogniser_folder, reconstructor_folder) -> Explorer:
    return Explorer(str(recogniser_folder), str(reconstructor_folder), device="cpu")


@pytest.fixture
def clip(clip_path) -> ClipRequest:
    return ClipRequest(clip_path)


@pytest.mark.parametrize("half", ["recogniser", "reconstructor"])
@pytest.mark.parametrize("layer", [0, 1, None])
def test_codes_are_those_of_the_encoder(explorer, clip, half, layer):
    view = explorer.tokens(clip, TokensRequest((1, 0, 2), layer, half))
    role = getattr(explorer, half)
    at = role.model.config.num_hidden_layers if layer is None else layer
    values = explorer.prepare(clip, role).pixel_values
    with torch.inference_mode():
        states = role.model.videomae(values, output_hidden_states=True).hidden_states
    codes = states[at][0]
    grid = role.card.grid
    chosen = codes.reshape(*grid.shape, -1)[1, 0, 2]
    expected = (codes @ chosen) / (codes.norm(dim=1) * chosen.norm())
    np.testing.assert_allclose(view.cosines, expected.reshape(grid.shape).numpy(), atol=1e-5)
    assert view.cosines[1, 0, 2] == pytest.approx(1)
    colours = principal_colours(codes, grid).colours
    np.testing.assert_allclose(view.groups.colours, colours, atol=1e-4)
    assert (view.layer, view.layers) == (at, role.model.config.num_hidden_layers)


def test_a_blank_clips_groups_are_position_alone(explorer):
    """As embedded, a blank clip's tokens are the positions, and one vector for all."""
    role = explorer.recogniser
    blank = torch.from_numpy(blank_features(explorer, role, 0))
    config = role.model.config
    positions = sincos_positions(config.grid.tokens, config.hidden_size)[0]
    apart = blank - positions
    torch.testing.assert_close(apart, apart[:1].expand_as(apart), atol=1e-5, rtol=0)
    found, expected = (principal_colours(codes, config.grid) for codes in (blank, positions))
    np.testing.assert_allclose(found.colours, expected.colours, atol=1e-3)
    assert linear_cka(blank, positions) == pytest.approx(1, abs=1e-6)


def test_features_are_kept_by_layer_and_encoder(explorer, clip, monkeypatch):
    role = explorer.reconstructor
    prepared = explorer.prepare(clip, role)
    first = token_features(explorer, prepared, role, 1)
    assert token_features(explorer, prepared, role, 1) is first
    assert (token_features(explorer, prepared, role, 2) != first).any()
    blank = blank_features(explorer, role, 1)
    assert blank_features(explorer, role, 1) is blank
    assert (blank_features(explorer, explorer.recogniser, 1) != blank).any()
    assert (blank_features(explorer, role, 2) != blank).any()


def test_alignment_is_that_of_the_definition():
    draws = np.random.default_rng(0)
    one, other = draws.normal(size=(12, 5)), draws.normal(size=(12, 7))
    centre = np.eye(12) - 1 / 12

    def hsic(a, b):  # equation 1 of the paper, with linear kernels
        return np.trace(a @ a.T @ centre @ b @ b.T @ centre)

    expected = hsic(one, other) / np.sqrt(hsic(one, one) * hsic(other, other))
    assert linear_cka(torch.tensor(one), torch.tensor(other)) == pytest.approx(expected)
    turn, _ = np.linalg.qr(draws.normal(size=(5, 5)))
    turned = torch.tensor(3 * one @ turn + 2)
    assert linear_cka(torch.tensor(one), turned) == pytest.approx(1)
    assert linear_cka(torch.ones(4, 3), torch.ones(4, 3)) == 0


def test_the_neighbourhood_is_what_touches_the_token():
    near = neighbourhood(TokenGrid(4, 4, 5), (0, 3, 2))
    assert near.sum() == 2 * 2 * 3
    assert near[:2, 2:, 1:4].all()


def test_the_nearest_are_marked_in_each_slice():
    cosines = np.array([[[0.1, 0.5], [0.9, 0.5]], [[np.nan, 0.2], [0.3, np.nan]]])
    marked = nearest_by_slice(cosines, 2)
    assert marked.tolist() == [[[False, True], [True, False]], [[False, True], [True, False]]]
    assert nearest_by_slice(cosines, 3)[1].sum() == 2


def test_what_is_near_is_left_out_by_choice(explorer, clip):
    view = explorer.tokens(clip, TokensRequest((1, 1, 1), skip_near=True))
    near = neighbourhood(explorer.recogniser.card.grid, (1, 1, 1))
    np.testing.assert_array_equal(np.isnan(view.cosines), near)
    assert not near[view.most_alike] and not (view.nearest & near).any()
    assert "is the one that does not touch it at" in view.about_query()


def test_words_are_made_of_the_numbers():
    view = made_tokens()
    assert view.about_query() == (
        "Most like the token at 1.40 s, row 0, column 1 is the one at 1.92 s, row 1, column 3: "
        "cosine 0.75, where the mean of all is 0.14."
    )
    assert view.about_groups().endswith(
        "The three colours hold 87.5% of what tells tokens apart (50%, 25%, 12.5%)."
    )
    assert view.about_blank().endswith(
        "the three colours hold 90%. How alike both patterns are (linear CKA): 0.42 of 1."
    )
    assert view.about_track() == (
        f"The nearest token of each moment goes from row 1, column 0 to row 1, column 3. {WEAK}"
    )
    assert view.where() == "Tokens of the recogniser, after layer 4 of 6"
    told = view.to_json()
    assert told["most_alike"] == {"token": [2, 1, 3], "cosine": 0.75}
    assert told["track"] == [[1, 0], [0, 1], [1, 3]]
    assert told["verdict"] == view.sentences()


def test_files_hold_the_maps(tmp_path):
    view = made_tokens()
    assert [path.name for path in view.save(tmp_path)] == ["tokens.npz", "tokens.mp4", "tokens.png"]
    with np.load(tmp_path / "tokens.npz") as arrays:
        np.testing.assert_array_equal(arrays["cosines"], view.cosines)
        assert arrays["colours"].shape == (*GRID.shape, 3)
    assert json.loads(json.dumps(view.to_json()))["query"] == [1, 0, 1]


def test_colours_become_blocks():
    picture = np.arange(4, dtype=np.uint8).reshape(1, 2, 2, 1).repeat(3, -1)
    assert (
        blocky(picture, 4, 6)[0, :, :, 0].tolist()
        == [[0, 0, 0, 1, 1, 1]] * 2 + [[2, 2, 2, 3, 3, 3]] * 2
    )


def test_the_reconstructor_is_not_used_to_whole_clips(explorer, clip):
    view = explorer.tokens(clip, TokensRequest(half="reconstructor"))
    assert ALL_VISIBLE in view.notes
    assert ALL_VISIBLE not in explorer.tokens(clip).notes


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"layer": 99}, "There is no layer 99; this encoder has"),
        ({"query": (0, 0, 99)}, r"The token \(0, 0, 99\) lies outside the grid"),
        ({"half": "decoder"}, "The encoder is 'decoder'; give recogniser or reconstructor"),
        ({"query": 3}, "The token is 3; give its time, row and column"),
        ({"skip_near": 1}, "skip_near is 1; give True or False"),
        ({"layer": -1}, "layer"),
    ],
)
def test_what_can_not_be_asked_is_said(explorer, clip, asked, why):
    with pytest.raises(RequestError, match=why):
        explorer.tokens(clip, TokensRequest(**asked))
