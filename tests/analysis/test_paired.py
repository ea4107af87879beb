"""The sign test against adding up a binomial by hand, and against simulated luck."""

import numpy as np
import pytest

from videomae_demo.analysis import paired
from videomae_demo.analysis.paired import Paired


def test_eight_of_eight_is_one_in_256():
    assert Paired(64, 53, 61, 0, 8).chance == pytest.approx(1 / 256)
    assert Paired(64, 53, 61, 0, 8).gain == pytest.approx(1 / 8)


def test_seven_of_ten_by_hand():
    # 10 over 7, 8, 9, 10: 120 + 45 + 10 + 1 of 1024.
    assert Paired(20, 5, 9, 3, 7).chance == pytest.approx(176 / 1024)


def test_no_difference_is_no_sign():
    assert Paired(5, 2, 2, 0, 0).chance == 1
    assert Paired(0, 0, 0, 0, 0).gain == 0


def test_many_clips_go_by_the_normal_distribution(monkeypatch):
    exact = Paired(9000, 1000, 1060, 470, 530).chance
    monkeypatch.setattr(paired, "MOST_EXACT", 10)
    assert Paired(9000, 1000, 1060, 470, 530).chance == pytest.approx(exact, rel=0.02)


def test_it_is_as_often_wrong_as_it_says():
    random = np.random.default_rng(0)
    then = random.binomial(40, 0.5, 4000)
    fires = [Paired(100, 0, 100, 40 - n, n).is_better(0.05, chance=0.05) for n in then.tolist()]
    assert 0.01 < np.mean(fires) < 0.06


def test_a_gain_must_be_large_too_and_is_weighed_by_how_many_were_tried():
    compared = Paired(1000, 500, 540, 10, 50)
    assert compared.chance < 1e-6
    assert compared.is_better(0.04) and not compared.is_better(0.05)
    luckier = Paired(64, 53, 61, 0, 8)
    assert luckier.is_better(0.05, chance=0.01)
    assert not luckier.is_better(0.05, tried=3, chance=0.01)
