"""The words and files of probes, from logits that were made up."""

import csv
import json

import numpy as np
import pytest
from made_views import LEFT, RIGHT, WAVING, made_labels
from made_views import made_what_if as made


def said(**found) -> str:
    return " ".join(made(**found).sentences())


def test_the_opposite_when_played_backwards_is_told_with_its_log_odds():
    assert (
        "Played backwards, moving left 96% becomes moving right 96%: the order of the frames is "
        "what it reads. The log-odds of the two go from +4.0 to -4.0."
    ) in said(backwards=RIGHT)


def test_another_label_when_played_backwards_is_no_opposite():
    assert "becomes waving 96%: the direction of time matters, though" in said(backwards=WAVING)


def test_a_label_that_stays_does_not_depend_on_the_direction():
    told = said(backwards=LEFT / 2)
    assert (
        "Played backwards, it stays moving left, 79% after 96%: the direction of time does not "
        "decide it."
    ) in told
    assert "log-odds" not in told


def test_shuffled_moments_are_told_together():
    told = said(shuffled_1=RIGHT)
    assert (
        "With its moments shuffled, 1 of 2 orders stay moving left, 49% on average: the order of "
        "the moments matters."
    ) in told
    assert "2 of 2 orders stay moving left, 96% on average: what happens inside of a token (2" in (
        said()
    )


def test_a_frame_that_gives_it_all_needs_no_motion():
    frames = {f"frozen_{at}": WAVING for at in range(len(made_labels().clip.indices))}
    assert (
        "The best single frame, the 2nd throughout, gives 96%, 100% of the whole clip's: it needs "
        "no motion."
    ) in said(**(frames | {"frozen_1": LEFT}))
    assert (
        "The best single frame, the 2nd throughout, gives 33% where the clip gives 96%: it needs "
        "motion."
    ) in said(**(frames | {"frozen_1": LEFT * 0}))


def test_other_changes_are_told_if_they_are_large():
    told = made(mirrored=RIGHT).sentences()
    assert told[-2:] == [
        "Mirrored, moving left 96% becomes moving right 96%.",
        "Changes by less than 5% of probability: grey.",
    ]
    assert "Without colour, it stays moving left, 79% after 96%." in said(grey=LEFT / 2)


def test_of_a_label_that_is_not_the_best_nothing_is_concluded():
    view = made(label=1, backwards=RIGHT)
    assert view.sentences()[0] == ("Played backwards, it stays moving right, 96% after 1.8%.")
    assert not any("it needs" in one or "orders" in one for one in view.sentences())
    assert view.opposite == 0


def test_while_it_grows_it_says_how_far_it_is():
    view = made(done=False)
    assert view.sentences() == [f"3 of {len(view.probes)} changes are tried so far."]
    assert view.to_json()["done"] == pytest.approx(3 / len(view.probes))
    assert np.isnan(view.single_frames()).all()
    assert view.picture().ndim == 3


def test_its_files_hold_the_numbers(tmp_path):
    view = made(backwards=RIGHT)
    paths = view.save(tmp_path)
    endings = ("json", "npz", "csv", "mp4", "png")
    names = [*(f"what_if.{ending}" for ending in endings), "frames.png"]
    assert [path.name for path in paths] == names
    told = json.loads((tmp_path / "what_if.json").read_text())
    assert told["as_it_is"]["probability"] == pytest.approx(np.exp(4) / (np.exp(4) + 2), rel=1e-5)
    first = told["probes"][0]
    assert (first["name"], first["rank"], first["best"]) == ("backwards", 2, "moving right")
    assert first["log_odds"] == pytest.approx(-4)
    assert first["difference"] == pytest.approx(
        first["probability"] - told["as_it_is"]["probability"]
    )
    assert told["left_out"] == {"left": view.left_out[0].why}
    with (tmp_path / "what_if.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["as it is", *(one.name for one in view.probes)]
    assert float(rows[1]["probability"]) == pytest.approx(first["probability"])
    arrays = view.arrays()
    assert arrays["probe_logits"].shape == (len(view.probes), 3)
    assert arrays["probes"][0] == "backwards"
    np.testing.assert_array_equal(arrays["probe_logits"][0], RIGHT.astype(np.float32))


def test_what_is_played_is_told_and_drawn_beside_the_clip():
    view = made(backwards=RIGHT)
    assert view.about_shown() == "Played backwards, moving left 96% becomes moving right 96%."
    left, right = view.tracks()
    assert (left.title, right.title) == ("as it is", "played backwards")
    np.testing.assert_array_equal(right.frames, left.frames[::-1])
    plain = made(backwards=RIGHT, shown="as it is")
    assert plain.about_shown() == "As it is, the clip says moving left 96%."
    assert [track.title for track in plain.tracks()] == ["as it is"]
    other = made(label=1, shown="as it is")
    said = "As it is, the clip says moving left 96%, and moving right 1.8%."
    assert other.about_shown() == said
    assert made(done=False, shown="grey").about_shown() == "Without colour was not tried yet."


def test_a_label_that_stays_as_it_was_is_told_so():
    assert (
        made(shown="grey").about_shown() == "Without colour, it stays moving left, 96% as before."
    )
    assert made(shown="frozen:2", frozen_2=RIGHT).about_shown() == (
        "With its 3rd frame throughout, moving left 96% becomes moving right 96%."
    )


def test_rank_margin_and_log_odds_are_told_before_and_after():
    assert made(backwards=RIGHT).about_figures() == (
        "moving left: rank 2 after 1, margin -4.0 after +4.0, log-odds against moving right -4.0 "
        "after +4.0."
    )
    assert made(shown="as it is").about_figures() == (
        "moving left: rank 1, margin +4.0, log-odds against moving right +4.0."
    )
    assert made(label=2, backwards=WAVING).about_figures() == (
        "waving: rank 1 after 3, margin +4.0 after -4.0."
    )
    assert made(done=False, shown="grey").about_figures().startswith("moving left: rank 1, margin")
