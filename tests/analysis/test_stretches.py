"""Windows put together to stretches, and how undecided they are: worked out by hand."""

import numpy as np
import pytest

from videomae_demo.analysis.stretches import Stretch, entropies, stretches


def says(*labels: int, sure: float = 0.8) -> np.ndarray:
    rows = np.full((len(labels), 3), (1 - sure) / 2)
    rows[np.arange(len(labels)), labels] = sure
    return rows


def test_neighbours_that_say_the_same_are_one_stretch():
    assert stretches(says(0, 0, 1, 1, 1, 2)) == [
        Stretch(0, 0, 1, pytest.approx(0.8)),
        Stretch(1, 2, 4, pytest.approx(0.8)),
        Stretch(2, 5, 5, pytest.approx(0.8)),
    ]
    assert stretches(says(1)) == [Stretch(1, 0, 0, pytest.approx(0.8))]


def test_one_window_between_two_that_agree_belongs_to_them():
    (one,) = stretches(says(0, 0, 1, 0, 0))
    assert (one.label, one.first, one.last) == (0, 0, 4)
    assert one.probability == pytest.approx((4 * 0.8 + 0.1) / 5)
    assert [one.label for one in stretches(says(0, 1, 1, 0, 0))] == [0, 1, 0]


def test_the_windows_themselves_stay_as_they_are():
    rows = says(0, 1, 0)
    before = rows.copy()
    stretches(rows)
    np.testing.assert_array_equal(rows, before)


def test_entropy_goes_from_one_label_alone_to_all_alike():
    rows = np.array([[1.0, 0, 0], [1 / 3] * 3, [0.5, 0.5, 0]])
    np.testing.assert_allclose(entropies(rows), [0, 1, np.log(2) / np.log(3)])
    assert entropies(np.ones((2, 1))).tolist() == [0, 0]
