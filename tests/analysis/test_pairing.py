"""Labels of two checkpoints paired by name, and how far two maps agree."""

import numpy as np
import pytest

from videomae_demo.analysis.classification import Classification
from videomae_demo.analysis.pairing import (
    LabelPair,
    common_labels,
    correlation,
    pair_labels,
    total_variation,
)


def found(**shares: float) -> Classification:
    values = np.array(list(shares.values()))
    return Classification(tuple(shares), np.log(values), values)


def test_labels_are_paired_by_name_whatever_their_case():
    pairs = pair_labels(found(run=0.6, hop=0.3, sit=0.1), found(HOP=0.7, lie=0.2, Run=0.1), 2)
    assert pairs == [
        LabelPair("run", 0.6, pytest.approx(0.1)),
        LabelPair("hop", 0.3, 0.7),
        LabelPair("lie", None, 0.2),
    ]
    assert common_labels(("run", "hop"), ("HOP", "lie")) == 1


def test_variation_is_half_the_sum_of_differences_of_the_same_labels():
    one = found(run=0.6, hop=0.3, sit=0.1)
    assert total_variation(one, found(hop=0.7, SIT=0.2, run=0.1)) == pytest.approx(0.5)
    assert total_variation(one, one) == 0
    assert total_variation(one, found(run=0.6, hop=0.4)) is None


def test_correlation_is_pearsons_where_both_have_a_value():
    one = np.array([[[1.0, 2.0, 4.0, np.nan, 9.0]]])
    other = np.array([[[2.0, 4.5, 7.0, 3.0, np.nan]]])
    x, y = np.array([1.0, 2.0, 4.0]), np.array([2.0, 4.5, 7.0])
    expected = ((x - x.mean()) * (y - y.mean())).sum() / np.sqrt(
        ((x - x.mean()) ** 2).sum() * ((y - y.mean()) ** 2).sum()
    )
    assert correlation(one, other) == pytest.approx(expected)
    assert correlation(one, -3 * one + 1) == pytest.approx(-1)
    assert correlation(one, other[..., :4]) is None
    assert correlation(one, np.ones_like(one)) is None
