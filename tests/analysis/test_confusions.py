"""Which labels a matrix shows, and in which order."""

import numpy as np

from videomae_demo.analysis.confusions import most_confused


def test_all_that_have_clips_or_are_named_fit():
    confusion = np.zeros((5, 5), np.int64)
    confusion[0, 3] = 2
    confusion[1, 1] = 1
    assert most_confused(confusion, 4).tolist() == [0, 1, 3]


def test_of_many_those_with_most_mistakes_stand_by_what_they_are_taken_for():
    confusion = np.diag(np.full(40, 50))
    # Three groups of two, mixed among one another; all others are right but for one clip.
    for one, other in ((0, 30), (5, 20), (10, 25)):
        confusion[one, other] = confusion[other, one] = 9
    confusion[1, 2] = 1
    shown = most_confused(confusion, 6).tolist()
    assert sorted(shown) == [0, 5, 10, 20, 25, 30]
    for one, other in ((0, 30), (5, 20), (10, 25)):
        assert abs(shown.index(one) - shown.index(other)) == 1


def test_mistakes_count_by_row_and_by_column():
    confusion = np.diag(np.full(6, 9))
    confusion[0, 1] = confusion[2, 1] = confusion[3, 1] = 4
    assert 1 in most_confused(confusion, 2)
