"""Labels of a data set and those of a checkpoint."""

from videomae_demo.dataset.naming import name_labels

KNOWN = ("moving left", "moving right", "staying still")


def test_the_same_names_mean_one_another():
    naming = name_labels(["moving right", "moving left", None, "staying still"], KNOWN)
    assert naming.means == {name: name for name in KNOWN}
    assert (naming.unknown, naming.absent, naming.rewritten) == ((), (), ())
    assert naming.sentences() == []


def test_case_spaces_and_signs_do_not_count_and_are_said():
    naming = name_labels(["Moving_Left", "moving-right"], KNOWN)
    assert naming.means == {"Moving_Left": "moving left", "moving-right": "moving right"}
    written, absent = naming.sentences()
    assert "'Moving_Left' is 'moving left'" in written
    assert "knows 1 label of which the data set has no clips: 'staying still'" in absent


def test_unknown_and_absent_labels_are_said():
    naming = name_labels(["dancing", "moving left", "singing"], KNOWN)
    assert naming.unknown == ("dancing", "singing")
    assert naming.absent == ("moving right", "staying still")
    unknown, absent = naming.sentences()
    assert "does not know 2 labels of the data set" in unknown
    assert "'dancing', 'singing'" in unknown
    assert "knows 2 labels of which" in absent


def test_numbers_are_places_and_it_is_said():
    naming = name_labels(["0", "2", "7"], KNOWN)
    assert naming.means == {"0": "moving left", "2": "staying still"}
    assert naming.unknown == ("7",) and naming.by_number
    assert naming.sentences()[0].startswith("The data set gives its labels as numbers")


def test_numbers_that_are_names_are_names():
    naming = name_labels(["1", "2"], ("2", "1"))
    assert naming.means == {"1": "1", "2": "2"} and not naming.by_number


def test_of_two_that_look_alike_none_is_meant():
    naming = name_labels(["a b"], ("a_b", "a-b"))
    assert naming.means == {} and naming.unknown == ("a b",)


def test_many_names_are_counted_not_listed():
    naming = name_labels([f"label {number}" for number in range(9)], KNOWN)
    assert naming.sentences()[0].endswith("'label 4' and 4 more.")
