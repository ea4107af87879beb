"""The numbers that a person reads on the page, worked out by hand; see `made_views`."""

import base64
import re
from dataclasses import replace
from types import SimpleNamespace
from typing import ClassVar

import cv2
import numpy as np
import pytest
from made_views import (
    GRID,
    TIMES_S,
    made_card,
    made_clip,
    made_labels,
    made_many,
    made_reconstruction,
    made_rollout,
)

from videomae_demo.analysis.rollout import Rollout
from videomae_demo.analysis.settings import RolloutSettings
from videomae_demo.config import TokenGrid
from videomae_demo.errors import CheckpointError
from videomae_demo.model.processor import CropBox
from videomae_demo.ui import present, text
from videomae_demo.ui.lenses.attend import rollout_panel, rollout_view
from videomae_demo.ui.lenses.mask_fields import MaskQuestion
from videomae_demo.ui.lenses.recognise import labels_panel, verdict
from videomae_demo.ui.lenses.reconstruction import (
    LEAK,
    many_view,
    reconstruction_panel,
    reconstruction_view,
)
from videomae_demo.ui.token_player.sprites import sprite
from videomae_demo.ui.token_player.value import Track, View


@pytest.fixture
def saved() -> dict[str, np.ndarray]:
    """The pictures that were saved, RGB, by the path that they were given."""
    return {}


@pytest.fixture
def save(saved):
    def save(content: bytes, name: str) -> str:
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        path = f"{len(saved)}-{name}"
        saved[path] = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
        return path

    return save


@pytest.fixture
def base(save) -> View:
    return present.clip_view(made_clip(), made_clip().frames, made_card(), save)


@pytest.fixture
def picture(base) -> Track:
    """The one picture of the clip."""
    (pane,) = base.panes
    (track,) = pane.tracks
    return track


def tracks_of(view: View) -> dict[str, Track]:
    return {track.name: track for pane in view.panes for track in pane.tracks}


def values_of(data: str, kind: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(data), kind).reshape(GRID.shape)


def blocks_of(panel: list[dict], kind: str) -> list[dict]:
    inner = [block for one in panel for block in one.get("blocks", [one])]
    return [block for block in inner if block["kind"] == kind]


def facts_of(panel: list[dict]) -> dict[str, str]:
    (facts,) = blocks_of(panel, "facts")
    return dict(facts["rows"])


def said_in(panel: list[dict]) -> str:
    return " ".join(block["text"] for block in panel if "text" in block)


# ---- frames --------------------------------------------------------------------------------------


def test_a_sprite_holds_the_frames_row_by_row(picture, saved):
    assert (picture.columns, picture.rows) == (4, 2)
    assert (picture.width, picture.height) == (64, 32)
    sheet = saved[picture.file]
    assert sheet.shape == (64, 256, 3)
    for number in range(6):
        top, left = number // 4 * 32, number % 4 * 64
        assert (sheet[top : top + 32, left : left + 64] == 10 * number).all()
    assert (sheet[32:, 128:] == 0).all()


def test_pictures_keep_their_colours_small_and_large(save, saved):
    for size, suffix in ((16, ".png"), (520, ".jpg")):
        frames = np.zeros((1, size, size, 3), np.uint8)
        frames[:] = (200, 100, 30)
        path = sprite("", "", frames, save).file
        assert path.endswith(suffix)
        np.testing.assert_allclose(saved[path][4, 4], (200, 100, 30), atol=3)


def test_the_frames_tell_their_times_and_which_repeat(base):
    (pane,) = base.panes
    assert pane.times == (1.0, 1.1, 1.4, 1.5, 1.9235, 1.9235)
    assert pane.repeated == 1
    assert (pane.grid, pane.tubelet) == ((3, 2, 4), 2)
    for said in (base.hint, base.text):
        assert re.findall(r"(\d+) frames", said) == ["6"]


# ---- the clip ------------------------------------------------------------------------------------


def test_the_clips_panel_tells_what_was_seen_of_it(base, picture):
    panel = present.clip_panel(made_clip(), made_card(), base)
    facts = facts_of(panel)
    assert facts["clip"] == "made.mp4"
    assert facts["length"] == "3.25 s, 320 x 240 px"
    assert facts["frames"] == "6, from 1.00 s to 1.92 s"
    assert facts["model's frames"] == "64 x 32 px"
    assert "26%" in facts["seen"]  # 200 x 100 of 320 x 240 px
    (crop,) = blocks_of(panel, "crop")
    assert crop["source"] == [240, 320]
    assert crop["box"] == [60, 70, 200, 100]
    assert crop["sprite"] == {"file": picture.file, "columns": 4, "rows": 2}
    assert "A note of the clip." in said_in(panel)


@pytest.mark.parametrize(
    ("box", "seen"),
    [
        (CropBox(0, 0, 320, 240), "whole frame"),
        (CropBox(0.5, 0, 319, 240), "whole frame"),  # 99.7 %
        (CropBox(1, 0, 318, 240), "99%"),  # 99.4 %
        (CropBox(40, 0, 240, 240), "75%"),
        (CropBox(0, 60, 320, 120), "50%"),
        (CropBox(-40, -30, 400, 300), "whole frame"),  # padded on all sides
        (CropBox(-40, 60, 400, 120), "50%"),
        (CropBox(80, -30, 160, 300), "50%"),
    ],
)
def test_the_share_of_the_frame_that_is_seen(base, box, seen):
    panel = present.clip_panel(made_clip(crop=box), made_card(), base)
    assert seen in facts_of(panel)["seen"]


# ---- labels --------------------------------------------------------------------------------------


def test_the_labels_panel_shows_five_shares_and_marks_the_best():
    panel = labels_panel(made_labels(), None)
    (bars,) = blocks_of(panel, "bars")
    assert [(row["name"], row["share"]) for row in bars["rows"]] == [
        ("jump", 0.4),
        ("lie", 0.3),
        ("run", 0.12),
        ("skip", 0.08),
        ("walk", 0.06),
    ]
    assert [row["marked"] for row in bars["rows"]] == [True, False, False, False, False]
    assert "A note of the checkpoint." in said_in(panel)


@pytest.mark.parametrize(
    ("label", "figures", "right", "wrong"),
    [
        ("jump", "40.00%, rank 1 of 7", ["model is right"], ["wrong"]),
        ("lie", "30.00%, rank 2 of 7", ["wrong at top-1", "right at top-5"], []),
        ("walk", "6.00%, rank 5 of 7", ["wrong at top-1", "right at top-5"], []),
        ("hop", "3.00%, rank 6 of 7", ["wrong, at top-1 and at top-5"], ["right"]),
        ("sit", "1.00%, rank 7 of 7", ["wrong, at top-1 and at top-5"], ["right"]),
    ],
)
def test_a_label_that_was_asked_for_is_judged_by_its_rank(label, figures, right, wrong):
    said = said_in(labels_panel(made_labels(), label))
    start = said.index(f"{label}: {figures}")
    judged = said[start:].split("A note of")[0]
    assert all(words in judged for words in right)
    assert not any(words in judged for words in wrong)


@pytest.mark.parametrize(("labels", "tells"), [(4, False), (5, False), (6, True)])
def test_top_5_of_five_labels_or_fewer_is_nothing_to_tell(labels, tells):
    assert ("top-5" in verdict(2, labels, 5)) == tells
    assert "wrong" in verdict(2, labels, 5)


# ---- attention -----------------------------------------------------------------------------------


def test_the_lens_of_attention_tells_the_peak_and_when_it_is(base):
    view = rollout_view(made_rollout(), base.panes[0])
    scores = view.panes[0].scores
    assert "6.0x uniform" in view.text
    assert "1.40 s" in view.text  # of the third frame, with which the second slice begins
    assert "row 1, column 3" in view.text
    assert view.curve.values == pytest.approx([0.25, 0.96875, 1.78125])
    assert (view.curve.even, view.curve.unit) == (1, "x")
    assert scores.upper == pytest.approx(1.78125 + 0.77 * (6 - 1.78125))
    assert scores.above is True
    assert scores.ticks == (0, 1, scores.upper)
    values = values_of(scores.data, "<f4")
    assert values[1, 1, 3] == pytest.approx(6) and values[0, 0, 0] == pytest.approx(0.25)


def test_even_attention_has_nothing_above_its_scale(base):
    scores = rollout_view(made_rollout(even=True), base.panes[0]).panes[0].scores
    assert (scores.upper, scores.above, scores.ticks) == (2, False, (0, 1, 2))


@pytest.mark.parametrize(("upper", "ticks"), [(7, 3), (9, 2)])
def test_an_even_share_is_marked_where_there_is_room(base, upper, ticks):
    scores = np.full(GRID.shape, (24 - 2 * upper) / 22)
    scores[0, 0, :2] = upper
    view = replace(made_rollout(), rollout=Rollout(scores / 24, RolloutSettings()))
    shown = rollout_view(view, base.panes[0]).panes[0].scores
    assert shown.upper == pytest.approx(upper)
    assert len(shown.ticks) == ticks
    assert (1.0 in shown.ticks) == (ticks == 3)


def test_the_panel_of_attention_tells_the_busiest_moment():
    facts = facts_of(rollout_panel(made_rollout()))
    assert facts["highest token"] == "6.0x uniform"
    assert facts["busiest moment"] == "1.92 s, 1.78x uniform"
    assert facts["tokens"].startswith("3 x 2 x 4")


# ---- reconstruction ------------------------------------------------------------------------------


def shown(view, save, grid: TokenGrid = GRID) -> View:
    return reconstruction_view(view, grid, MaskQuestion(drawn=3, painting=5), save)


def test_the_error_of_a_token_is_its_root_mean_square(save):
    _, visible, prediction, _ = shown(made_reconstruction(), save).panes
    error = prediction.scores
    assert "RMS" in error.unit
    values = values_of(error.data, "<f4")
    hidden = np.zeros(GRID.shape, dtype=bool)
    hidden[:, 1, 2:] = True
    np.testing.assert_allclose(values[hidden], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], rtol=1e-6)
    assert np.isnan(values[~hidden]).all()
    assert (error.lower, error.upper) == (0, pytest.approx(0.6))
    np.testing.assert_array_equal(values_of(visible.mask.data, np.uint8), hidden)
    assert (visible.mask.drawn, visible.mask.painting) == (3, 5)


def test_pictures_are_titled_by_how_near_they_came(save):
    tracks = tracks_of(shown(made_reconstruction(), save))
    assert tracks["prediction"].title == "reconstruction (20.3 dB)"
    assert tracks["visible-mean"].title == "visible mean (12.3 dB)"
    assert tracks["distance-weighted"].title == "distance-weighted (14.6 dB)"
    assert tracks["nearest-visible"].title == "nearest visible (exact)"
    leaky = tracks_of(shown(made_reconstruction(leaks=True), save))
    assert {name for name, track in leaky.items() if "leak" in track.title} == {
        "prediction",
        "true-patch-mean",
    }


def test_the_best_filling_stands_beside_the_reconstruction(save):
    beside = shown(made_reconstruction(exact=False), save).panes[3]
    names = [track.name for track in beside.tracks]
    assert names == ["nearest-visible", "distance-weighted", "visible-mean"]
    assert beside.choice == "beside it"


def test_what_depends_on_the_mask_is_known(save):
    panes = shown(made_reconstruction(), save).panes
    assert [pane.of_mask for pane in panes] == [False, False, True, True]
    assert [bool(pane.mask) for pane in panes] == [False, True, False, False]
    assert [bool(pane.switch) for pane in panes] == [False, False, True, False]


@pytest.mark.parametrize(("grid", "chooses"), [(GRID, True), (TokenGrid(3, 4, 4), False)])
def test_a_token_is_chosen_where_both_checkpoints_have_the_same_tokens(save, grid, chooses):
    assert shown(made_reconstruction(), save, grid).chooses is chooses
    together = replace(made_reconstruction(), many=made_many())
    assert many_view(together, grid, MaskQuestion(), save).chooses is chooses


def test_the_panel_of_the_reconstruction_counts_tokens_and_decibels():
    panel = reconstruction_panel(made_reconstruction())
    said = said_in(panel)
    assert "25% hidden" in said and "6 of 24 tokens" in said
    assert "random mask, seed 7" in said
    (measures,) = blocks_of(panel, "measures")
    assert measures["unit"] == "dB"
    assert {row["name"]: row["value"] for row in measures["rows"]} == {
        "reconstruction": 20.26,
        "visible mean": 12.34,
        "distance-weighted": 14.56,
        "nearest visible": None,
    }
    assert [row["name"] for row in measures["rows"] if row["marked"]] == ["reconstruction"]
    assert LEAK not in said


def test_the_panel_of_the_reconstruction_marks_what_leaks():
    panel = reconstruction_panel(made_reconstruction(leaks=True))
    (measures,) = blocks_of(panel, "measures")
    marked = [row["name"] for row in measures["rows"] if "leak" in row["name"]]
    assert marked == ["reconstruction (leaks)", "true patch mean (leaks)"]
    assert LEAK in said_in(panel)


# ---- weights and sentences -----------------------------------------------------------------------


def made_explorer(name: str):
    return SimpleNamespace(
        recogniser=SimpleNamespace(card=made_card(name=name, licence="CC BY-NC 4.0")),
        reconstructor=SimpleNamespace(card=made_card(title="The other half", licence="MIT")),
        device="cpu",
        seconds={"recognise": 2.34},
    )


def test_the_weights_panel_names_both_halves_with_their_licences():
    said = said_in(present.weights_panel(made_explorer("huge-finetuned-kinetics")))
    assert "Made by hand, licence CC BY-NC 4.0" in said
    assert "The other half, licence MIT" in said
    assert "Device: cpu, where a pass takes about 2.3 s." in said
    assert "the other half is a different model" in said
    said = said_in(present.weights_panel(made_explorer("large-finetuned-kinetics")))
    assert "different model" not in said


def test_the_weights_panel_says_why_a_half_is_missing():
    class WithoutDecoder:
        recogniser = SimpleNamespace(card=made_card(title="/somewhere/on/the/server/mine"))
        device = "cpu"
        seconds: ClassVar[dict] = {}

        @property
        def reconstructor(self):
            raise CheckpointError("There is no decoder.")

    said = said_in(present.weights_panel(WithoutDecoder()))
    assert "There is no decoder." in said
    assert "mine, licence MIT" in said and "server" not in said


@pytest.mark.parametrize(("hours", "words"), [(1, "1 hour"), (2, "2 hours"), (24, "24 hours")])
def test_hours_are_told_as_they_are_counted(hours, words):
    for sentence in (text.cleared(hours), text.keeps_uploads(hours)):
        assert words in sentence
        assert (words + "s" in sentence) is False


def test_times_are_those_of_the_clip():
    """The other tests stand on this: the slices begin with the first, third and fifth frame."""
    assert [TIMES_S[2 * time] for time in range(3)] == [1.0, 1.4, 1.923456789]
