"""The words and files of what happens when, from logits made up by hand."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from made_views import LEFT, RIGHT, WAVING
from made_views import made_timeline as made

from videomae_demo import ClipRequest, Explorer, RequestError, TimelineRequest
from videomae_demo.cli.main import main
from videomae_demo.lenses.recognise import MOTIONS_ONLY
from videomae_demo.lenses.timeline import MOST_TOLD, NEAREST


def test_stretches_are_told_with_their_seconds():
    view = made(LEFT, LEFT, RIGHT / 4, RIGHT / 4, followed=2)
    assert view.spans() == [(0.0, 2.0, "moving left"), (2.0, 4.0, "moving right")]
    assert view.sentences() == [
        "0.0 to 2.0 s: moving left (96% on average).",
        "2.0 to 4.0 s: moving right (58% on average).",
        "waving is most probable from 2.0 to 3.0 s: 21%; on average 11%.",
    ]
    unsure = made(LEFT / 20, LEFT / 20)
    assert unsure.sentences() == [
        "0.0 to 2.0 s: moving left (38% on average, unsure).",
        "All 2 windows say the same, or nearly so.",
    ]


def test_the_headline_names_a_few_stretches_and_counts_more():
    assert made(LEFT, LEFT).headline() == "moving left throughout"
    assert made(LEFT, LEFT, WAVING, WAVING).headline() == "moving left, then waving"
    assert made(*[LEFT, LEFT, RIGHT, RIGHT] * 2).headline() == (
        "moving left, then moving right, then moving left, then moving right"
    )
    many = made(*[LEFT, LEFT, RIGHT, RIGHT] * 3)
    assert many.headline() == "6 stretches of 2 labels"


def test_of_a_clip_that_the_weights_were_not_made_for_no_label_is_a_headline():
    view = replace(made(LEFT, LEFT), is_foreign=True)
    assert view.headline() == MOTIONS_ONLY
    assert view.sentences()[0] == f"{MOTIONS_ONLY}. {NEAREST}"
    assert view.sentences()[1:] == view.about_stretches() == made(LEFT, LEFT).sentences()


def test_of_many_stretches_the_first_are_told():
    rows = [LEFT, LEFT, RIGHT, RIGHT] * 10
    said = made(*rows).sentences()
    assert len(said) == MOST_TOLD + 1 and said[-1] == "And 8 stretches more."


def test_while_it_grows_it_says_how_far_it_is():
    view = made(LEFT, RIGHT, planned=8)
    assert view.done == 0.25
    assert view.sentences() == ["2 of 8 windows are done so far."]
    assert view.spans()[-1][1] == 2.0


def test_files_hold_each_window(tmp_path):
    view = made(LEFT, RIGHT, WAVING, followed=1)
    names = [path.name for path in view.save(tmp_path)]
    assert names == ["timeline.json", "timeline.csv", "timeline.npz", "timeline.png"]
    with (tmp_path / "timeline.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["best"] for row in rows] == ["moving left", "moving right", "waving"]
    assert float(rows[1]["moving right"]) == pytest.approx(view.probabilities[1, 1])
    assert (float(rows[2]["start_s"]), float(rows[2]["end_s"])) == (2, 3)
    told = json.loads((tmp_path / "timeline.json").read_text())
    assert told["windows"][1]["followed"] == pytest.approx(view.probabilities[1, 1])
    assert [one["label"] for one in told["stretches"]] == [row["best"] for row in rows]
    with np.load(tmp_path / "timeline.npz") as arrays:
        np.testing.assert_array_equal(arrays["logits"], view.logits)
    assert view.picture().ndim == 3


def test_the_command_tells_and_writes(capsys, clip_path, recogniser_folder, tmp_path):
    command = ["timeline", str(clip_path), "--weights", str(recogniser_folder), "--device", "cpu"]
    assert main([*command, "--windows", "5", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    explorer = Explorer(str(recogniser_folder), device="cpu")
    *_, view = explorer.timeline_of(ClipRequest(clip_path), TimelineRequest(windows=5))
    assert all(said in out for said in view.sentences())
    assert "in 5 windows of 0.40 s" in out
    assert main([*command, "--hop", "-1"]) == 2
    assert main([*command, "--label", "nothing"]) == 2
    assert "does not know the label 'nothing'" in capsys.readouterr().err


def test_what_is_no_number_is_refused():
    with pytest.raises(RequestError, match="The hop in seconds is 'x'"):
        TimelineRequest(hop_s="x")
    with pytest.raises(RequestError, match="The number of windows is 1"):
        TimelineRequest(windows=1.5)
