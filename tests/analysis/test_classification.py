import math

import numpy as np
import pytest
import torch

from videomae_demo.analysis.classification import classify
from videomae_demo.errors import RequestError

LABELS = {0: "moving left", 1: "moving right", 2: "staying still"}


def test_probabilities_are_the_softmax():
    result = classify(torch.tensor([math.log(1), math.log(2), math.log(5)]), LABELS)
    np.testing.assert_allclose(result.probabilities, [1 / 8, 2 / 8, 5 / 8], rtol=1e-6)


def test_huge_logits_do_not_overflow():
    result = classify(torch.tensor([1000.0, 1001.0, -1000.0]), LABELS)
    np.testing.assert_allclose(result.probabilities, [1 / (1 + math.e), math.e / (1 + math.e), 0])


def test_top_is_ordered_and_ranked():
    result = classify(torch.tensor([0.0, 2.0, 1.0]), LABELS)
    best = result.top(2)
    assert [(score.label, score.index, score.rank) for score in best] == [
        ("moving right", 1, 1),
        ("staying still", 2, 2),
    ]
    assert len(result.top(99)) == 3
    assert sum(score.probability for score in result.top(3)) == pytest.approx(1)


def test_top_of_none_is_refused():
    with pytest.raises(RequestError, match="0 labels"):
        classify(torch.zeros(3), LABELS).top(0)


def test_any_label_can_be_found():
    result = classify(torch.tensor([0.0, 2.0, 1.0]), LABELS)
    found = result.find(" Moving LEFT ")
    assert (found.index, found.rank) == (0, 3)
    assert found.probability == pytest.approx(1 / (1 + math.e**2 + math.e))


def test_an_unknown_label_is_refused_with_a_hint():
    result = classify(torch.zeros(3), LABELS)
    with pytest.raises(RequestError, match="moving left, moving right"):
        result.find("moving")
    with pytest.raises(RequestError, match="'deadlifting'"):
        result.find("deadlifting")


@pytest.mark.parametrize(("logits", "entropy"), [([0.0, 0.0, 0.0], 1.0), ([0.0, 500.0, 0.0], 0.0)])
def test_entropy_spans_zero_to_one(logits, entropy):
    assert classify(torch.tensor(logits), LABELS).entropy == pytest.approx(entropy)


def test_entropy_is_told_in_shares_of_the_largest_there_is():
    """1/2, 1/4 and 1/4 have 1.5 bits, of log2(3) among three labels, and of 2 among four."""
    logits = [math.log(2), 0.0, 0.0]
    assert classify(torch.tensor(logits), LABELS).entropy == pytest.approx(1.5 / math.log2(3))
    four = classify(torch.tensor([*logits, -1e4]), LABELS | {3: "never"})
    assert four.probabilities[3] == 0
    assert four.entropy == pytest.approx(1.5 / 2)


def test_entropy_of_one_label_is_zero():
    assert classify(torch.tensor([3.0]), {0: "only"}).entropy == 0


@pytest.mark.parametrize(
    ("shares", "tied"),
    [
        ([0.5, 0.451, 0.049], ["a", "b"]),
        ([0.5, 0.449, 0.051], ["a"]),
        ([0.3, 0.4, 0.3], ["b"]),
        ([1 / 3, 1 / 3, 1 / 3], ["a", "b", "c"]),
        ([1.0], ["a"]),
    ],
)
def test_labels_within_a_tenth_of_the_best_are_tied(shares, tied):
    names = dict(enumerate("abc"[: len(shares)]))
    found = classify(torch.tensor(shares, dtype=torch.float64).log(), names)
    assert [score.label for score in found.tied] == tied
