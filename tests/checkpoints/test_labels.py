from __future__ import annotations

import pytest

from videomae_demo.checkpoints.labels import find_labels


@pytest.mark.parametrize(
    ("count", "title", "spots"),
    [
        (400, "Kinetics-400", {0: "abseiling", 88: "deadlifting", 116: "eating spaghetti"}),
        (
            174,
            "Something-Something v2",
            {
                0: "Approaching [something] with your camera",
                173: "Wiping [something] off of [something]",
            },
        ),
    ],
)
def test_the_labels_of_published_classifiers(count: int, title: str, spots: dict[int, str]) -> None:
    labels = find_labels(count)
    assert labels is not None
    assert labels.title == title
    assert len(labels.names) == len(set(labels.names)) == count
    assert {index: labels.names[index] for index in spots} == spots
    assert all(name == name.strip() != "" for name in labels.names)


def test_other_numbers_of_labels_are_of_no_known_set() -> None:
    assert find_labels(710) is None
