"""The assignment against trying all of them."""

from itertools import permutations

import numpy as np
import pytest

from videomae_demo.analysis.assignment import best_assignment


@pytest.mark.parametrize("seed", range(60))
def test_it_is_the_best_of_all(seed):
    random = np.random.default_rng(seed)
    count = int(random.integers(1, 7))
    gains = (
        random.integers(0, 6, (count, count)) if seed % 2 else random.normal(size=(count, count))
    )
    found = best_assignment(gains)
    assert sorted(found) == list(range(count))
    rows = np.arange(count)
    best = max(gains[rows, list(each)].sum() for each in permutations(range(count)))
    assert gains[rows, found].sum() == pytest.approx(best)


def test_a_worked_case():
    # Greedily the first row takes 9, and 9 + 1 + 3 = 13; the best is 8 + 7 + 6 = 21.
    gains = [[9, 8, 1], [7, 1, 2], [5, 4, 6]]
    assert best_assignment(gains).tolist() == [1, 0, 2]


def test_a_hidden_permutation_of_400_is_found_again():
    random = np.random.default_rng(0)
    hidden = random.permutation(400)
    gains = random.integers(0, 5, (400, 400)).astype(float)
    gains[np.arange(400), hidden] += 5
    assert best_assignment(gains).tolist() == hidden.tolist()
    assert len(best_assignment(np.zeros((0, 0)))) == 0
