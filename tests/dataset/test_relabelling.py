"""Names that are mixed up on purpose are found; matrices of luck alone are not taken for it."""

import numpy as np
import pytest

from videomae_demo.dataset import relabelling
from videomae_demo.dataset.relabelling import find_relabelling, is_alphabetical, known_orders

NAMES = [f"{letter}{number}" for number in range(4) for letter in "dBac"]


def named_by(outputs: np.ndarray, clips: int, right: float, seed: int = 0) -> np.ndarray:
    """A matrix: clips of each label come out at an output, with this probability; else anywhere."""
    random = np.random.default_rng(seed)
    count = len(outputs)
    chances = np.full((count, count), (1 - right) / count)
    chances[np.arange(count), outputs] += right
    return np.stack([random.multinomial(clips, row) for row in chances])


@pytest.mark.parametrize("clips", [1, 2, 4, 8, 30])
def test_luck_is_no_permutation(clips):
    for seed in range(40):
        random = np.random.default_rng(seed)
        right = random.uniform(0, 1) if seed % 2 else 0
        confusion = named_by(np.arange(16), clips, right, seed)
        assert find_relabelling(confusion, NAMES) is None


def test_one_label_that_all_are_named_is_no_permutation():
    confusion = np.zeros((16, 16), np.int64)
    confusion[:, 3] = 10
    assert find_relabelling(confusion, NAMES) is None


def test_any_assignment_is_found_and_its_share_is_honest():
    outputs = np.random.default_rng(5).permutation(16)
    confusion = named_by(outputs, 20, 0.8)
    found = find_relabelling(confusion, NAMES)
    assert found.order is None
    assert found.labels == 16
    assert found.compared.of == confusion.sum()
    assert found.compared.now == np.trace(confusion)
    # All outputs are found in both halves, so the share is that of the hidden assignment.
    assert found.compared.then == confusion[np.arange(16), outputs].sum()
    expected = {(NAMES[i], NAMES[o]) for i, o in enumerate(outputs) if i != o}
    assert set(found.pairs) == expected
    counts = [confusion[NAMES.index(true), NAMES.index(named)] for true, named in found.pairs]
    assert counts == sorted(counts, reverse=True)


def test_two_exchanged_names_are_enough():
    outputs = np.arange(16)
    outputs[[2, 9]] = 9, 2
    found = find_relabelling(named_by(outputs, 8, 1), NAMES)
    assert sorted(found.pairs) == sorted([(NAMES[2], NAMES[9]), (NAMES[9], NAMES[2])])
    assert (found.compared.only_now, found.compared.only_then) == (0, 16)


def test_labels_with_few_clips_take_no_part():
    outputs = np.roll(np.random.default_rng(1).permutation(16), 3)
    confusion = named_by(outputs, 12, 0.9)
    confusion[:6] = 0
    confusion[0, 1] = 3
    found = find_relabelling(confusion, NAMES)
    assert found.labels == 10
    assert found.compared.of == 120
    assert not {true for true, _ in found.pairs} & set(NAMES[:6])


ORDERS = {
    "alphabetical order of the names, capitals first": sorted(NAMES),
    "alphabetical order of the names, whatever their case": sorted(NAMES, key=str.casefold),
    "sorted as text (0, 1, 10, 11, 2)": [NAMES[at] for at in sorted(range(16), key=str)],
    "one place further": NAMES[-1:] + NAMES[:-1],
    "one place earlier": NAMES[1:] + NAMES[:1],
    "from the last to the first": NAMES[::-1],
}


@pytest.mark.parametrize("words", ORDERS)
def test_a_known_order_is_told_from_two_clips_a_label(words):
    real = ORDERS[words]  # what the outputs are, one after the other
    outputs = np.array([real.index(name) for name in NAMES])
    found = find_relabelling(named_by(outputs, 2, 0.9), NAMES)
    assert words in found.order
    assert found.labels == 16
    assert found.compared.then / found.compared.of > 0.75


def test_names_with_numbers_that_were_sorted_as_text():
    given = sorted((f"class {number}" for number in range(12)), key=str)
    real = [f"class {number}" for number in range(12)]
    outputs = np.array([real.index(name) for name in given])
    found = find_relabelling(named_by(outputs, 3, 0.95), given)
    assert found.order == "the names by their numbers"


def test_orders_are_orders_and_none_comes_twice():
    orders = list(known_orders(NAMES))
    assert all(sorted(order.tolist()) == list(range(16)) for _, order in orders)
    assert len({order.tobytes() for _, order in orders}) == len(orders)
    assert not any((order == np.arange(16)).all() for _, order in orders)
    assert list(known_orders(["alone"])) == []


def test_a_known_order_that_explains_half_of_it_is_not_told():
    # Exchanged halves are no known order, though "one place further" would be right on a few.
    outputs = np.roll(np.arange(16), 8)
    found = find_relabelling(named_by(outputs, 10, 0.9), NAMES)
    assert found.order is None


def test_alphabetical():
    assert is_alphabetical(["B", "a"]) and is_alphabetical(["a", "B"])
    assert not is_alphabetical(["b", "a"])


def test_where_all_assignments_are_as_good_the_names_stay():
    random = np.random.default_rng(0)
    for _ in range(20):
        rows, columns = random.integers(0, 9, (2, 7))
        confusion = rows[:, None] + columns[None]
        enough = np.ones(7, bool)
        assert relabelling._assign(confusion, enough).tolist() == list(range(7))
