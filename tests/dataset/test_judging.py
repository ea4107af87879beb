"""Rows of a table, beside what the Explorer says of each clip alone."""

import threading

import numpy as np
import pytest

from videomae_demo import CheckpointError, ClipChange, ClipRequest, Explorer, Views
from videomae_demo.analysis.classification import Classification
from videomae_demo.cancellation import Cancelled, cancellable
from videomae_demo.dataset.judging import Judging, chunk_size, judge, mistakenness, motion
from videomae_demo.dataset.listing import read_items
from videomae_demo.dataset.naming import name_labels
from videomae_demo.dataset.rows import COLUMNS, Row, write_table
from videomae_demo.engine import many

KNOWN = ("moving left", "moving right", "staying still")


def rows_of(explorer, data_set, asked=None, chunk=4) -> list[Row]:
    items = read_items(data_set)
    naming = name_labels([item.label for item in items], KNOWN)
    chunks = list(judge(explorer, items, naming, asked or Judging(), chunk))
    assert [len(rows) for rows in chunks] == [4, 4, 2] or chunk != 4
    return [row for rows in chunks for row in rows]


def test_a_row_says_what_the_explorer_says(explorer, data_set):
    rows = rows_of(explorer, data_set)
    assert [row.name for row in rows] == [item.name for item in read_items(data_set)]
    for row in rows:
        if row.error is not None:
            continue
        clip = ClipRequest(data_set / row.name)
        alone = explorer.classify(clip)
        found = alone.classification
        assert [name for name, _ in row.top] == [one.label for one in found.top(5)]
        assert [chance for _, chance in row.top] == pytest.approx(
            [one.probability for one in found.top(5)], abs=1e-6
        )
        assert row.entropy == pytest.approx(found.entropy, abs=1e-6)
        true = found.find(row.true)
        assert (row.rank, row.probability) == (true.rank, pytest.approx(true.probability, abs=1e-6))
        others = [value for at, value in enumerate(found.logits) if at != true.index]
        assert row.margin == pytest.approx(found.logits[true.index] - max(others), abs=1e-4)
        best = found.top(1)[0]
        for change, lost in (("backwards", row.lost_backwards), ("frozen", row.lost_frozen)):
            changed = explorer.classify(ClipRequest(clip.path, change=ClipChange(change)))
            left = changed.classification.probabilities[best.index]
            assert lost == pytest.approx(best.probability - left, abs=1e-6)
        assert row.start_s == alone.clip.timestamps_s[0]
        assert row.duration_s == pytest.approx(2.0)


def test_labels_that_are_written_otherwise_are_the_same(explorer, data_set):
    still = [row for row in rows_of(explorer, data_set) if row.label == "Staying_still"]
    assert len(still) == 3 and {row.true for row in still} == {"staying still"}


def test_a_clip_that_cannot_be_read_is_a_row(explorer, data_set):
    (broken,) = [row for row in rows_of(explorer, data_set) if row.error is not None]
    assert broken.name == "moving left/broken.mp4" and "broken.mp4" in broken.error
    assert broken.true == "moving left" and broken.top == () and broken.is_right is None


def test_the_same_chunks_give_the_same_rows(recogniser_folder, data_set):
    first, second = (
        rows_of(Explorer(str(recogniser_folder), device="cpu"), data_set) for _ in range(2)
    )
    assert first == second


def test_views_are_averaged_and_the_changes_are_of_the_middle_window(explorer, data_set):
    views = Views(3, 2)
    rows = rows_of(explorer, data_set, Judging(views))
    for row in rows:
        if row.error is not None:
            continue
        clip = ClipRequest(data_set / row.name)
        *_, view = explorer.classify_views(clip, views)
        assert dict(row.top) == pytest.approx(
            {one.label: one.probability for one in view.classification.top(3)}, abs=1e-6
        )
        starts = sorted({one.request.start_s for one, _ in view.views.each})
        assert row.start_s == pytest.approx(starts[1], abs=0.11)
        middle = ClipRequest(clip.path, starts[1])
        whole = explorer.classify(middle).classification
        best = whole.top(1)[0]
        frozen = explorer.classify(
            ClipRequest(clip.path, starts[1], change=ClipChange("frozen"))
        ).classification
        lost = best.probability - frozen.probabilities[best.index]
        assert row.lost_frozen == pytest.approx(lost, abs=1e-6)


def test_without_changes_nothing_is_said_of_them(explorer, data_set):
    for row in rows_of(explorer, data_set, Judging(changes=False)):
        assert row.lost_backwards is None and row.lost_frozen is None
        assert row.error is not None or row.start_s is not None


def test_passes_are_counted_and_a_chunk_fills_a_batch(explorer, monkeypatch):
    assert Judging().most_passes == 3
    assert Judging(changes=False).most_passes == 1
    assert Judging(Views(5, 3)).most_passes == 15 + 3
    monkeypatch.setattr(many, "fill_batch", lambda _engine: 20)
    assert chunk_size(explorer, Judging()) == 6
    assert chunk_size(explorer, Judging(Views(5, 5))) == 1
    monkeypatch.setattr(many, "fill_batch", lambda _engine: 2000)
    assert chunk_size(explorer, Judging()) == many.MOST_IN_CHUNK


def test_motion_by_hand():
    frames = np.zeros((3, 2, 2, 3), np.uint8)
    frames[1] = 51
    frames[2] = 102
    assert motion(frames) == pytest.approx(0.2)
    assert motion(frames[:1]) == 0.0


def test_mistakenness_by_hand():
    even = Classification(("a", "b"), np.zeros(2), np.full(2, 0.5))
    assert mistakenness(even, True) == pytest.approx(0.25)  # exp(-ln 2) = 1/2
    assert mistakenness(even, False) == pytest.approx(0.75)
    sure = Classification(("a", "b"), np.array([50.0, 0.0]), np.array([1.0, 0.0]))
    assert (mistakenness(sure, True), mistakenness(sure, False)) == (0.0, 1.0)


def test_a_cancel_ends_it(explorer, data_set):
    wish = threading.Event()
    items = read_items(data_set)
    with pytest.raises(Cancelled), cancellable(wish):
        for _ in judge(explorer, items, name_labels([], KNOWN), Judging(), 2):
            wish.set()


def test_weights_without_labels_are_refused(reconstructor_folder, data_set):
    explorer = Explorer(str(reconstructor_folder), device="cpu")
    with pytest.raises(CheckpointError):
        next(judge(explorer, read_items(data_set), name_labels([], KNOWN), Judging(), 2))


def test_the_table_has_every_column(tmp_path, explorer, data_set):
    rows = rows_of(explorer, data_set)
    lines = write_table(rows, tmp_path / "table.csv").read_text("utf-8").splitlines()
    assert lines[0] == ",".join(COLUMNS) and len(lines) == 11
    good = next(row for row in rows if row.error is None)
    cells = dict(zip(COLUMNS, lines[1 + rows.index(good)].split(","), strict=True))
    assert cells["name"] == good.name and cells["named"] == good.top[0][0] == cells["label_1"]
    assert float(cells["probability_2"]) == good.top[1][1]
    assert cells["is_right"] == str(good.rank == 1) and cells["error"] == ""
    assert (cells["label_4"], cells["probability_4"]) == ("", "")  # of three labels
    assert Row.from_json(good.to_json()) == good
