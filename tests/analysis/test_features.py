"""Main directions as colours against numpy's SVD, and likeness by hand."""

import numpy as np
import pytest
import torch

from videomae_demo.analysis.features import SPANNED, likeness, principal_colours
from videomae_demo.config import TokenGrid
from videomae_demo.errors import RequestError

GRID = TokenGrid(2, 3, 4)


@pytest.fixture
def features():
    random = np.random.default_rng(0)
    spread = np.array([9.0, 5.0, 3.0, 1.0, 0.5])
    turned = np.linalg.qr(random.normal(size=(5, 5)))[0]
    return torch.from_numpy(random.normal(size=(GRID.tokens, 5)) * spread @ turned + 7).float()


def test_colours_are_the_main_directions(features):
    found = principal_colours(features, GRID)
    values = features.double().numpy()
    centred = values - values.mean(axis=0)
    _, singular, rows = np.linalg.svd(centred, full_matrices=False)
    shares = singular**2 / (singular**2).sum()
    assert found.explained == pytest.approx(shares[:3], abs=1e-9)
    for channel in range(3):
        direction = rows[channel]
        direction = direction * np.sign(direction[np.abs(direction).argmax()])
        along = centred @ direction
        low, high = np.quantile(along, [(1 - SPANNED) / 2, (1 + SPANNED) / 2])
        expected = ((along - low) / (high - low)).clip(0, 1).reshape(GRID.shape)
        np.testing.assert_allclose(found.colours[..., channel], expected, atol=1e-5)


def test_a_turned_sign_changes_no_colour(features):
    """Directions are found up to their sign; the rule makes it the same one each time."""
    first = principal_colours(features, GRID).colours
    order = torch.randperm(GRID.tokens, generator=torch.Generator().manual_seed(0))
    shuffled = principal_colours(features[order], GRID).colours.reshape(-1, 3)
    np.testing.assert_allclose(shuffled, first.reshape(-1, 3)[order.numpy()], atol=1e-5)


def test_tokens_that_do_not_differ_are_grey():
    found = principal_colours(torch.ones(GRID.tokens, 5), GRID)
    assert (found.colours == 0.5).all()
    assert found.explained == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("shape", [(GRID.tokens - 1, 5), (GRID.tokens, 2)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(RequestError, match="give 24 of 3 or more"):
        principal_colours(torch.zeros(shape), GRID)


def test_likeness_is_the_cosine():
    tokens = torch.tensor([[1.0, 0.0], [2.0, 2.0], [0.0, -3.0], [-5.0, 0.0]])
    root = 0.5**0.5
    assert likeness(tokens, 0).tolist() == pytest.approx([1, root, 0, -1])
    assert likeness(tokens, 1).tolist() == pytest.approx([root, 1, -root, -root])
    with pytest.raises(RequestError, match="no token 4; there are 4"):
        likeness(tokens, 4)
