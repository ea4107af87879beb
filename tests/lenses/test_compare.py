"""Two checkpoints on one clip: nothing differs from itself, and the words say what differs."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from made_views import (
    LEFT,
    RIGHT,
    made_card,
    made_labels,
    made_reconstruction,
    made_relevance,
    made_rollout,
    made_what_if,
)

from videomae_demo import ClipRequest, CompareRequest, Explorer, MaskRequest, RequestError
from videomae_demo.analysis.settings import DEFAULT_ROLLOUT
from videomae_demo.cli.main import main
from videomae_demo.config import TokenGrid
from videomae_demo.lenses.compare import CompareView
from videomae_demo.lenses.paired import BEST_FRAME, KINDS, pair, told


@pytest.fixture
def explorer(recogniser_folder, reconstructor_folder) -> Explorer:
    return Explorer(str(recogniser_folder), str(reconstructor_folder), device="cpu")


@pytest.fixture
def clip(clip_path) -> ClipRequest:
    return ClipRequest(clip_path)


def made_pair(what: str, first, second) -> CompareView:
    request = CompareRequest(what)
    return CompareView(first.checkpoint, first.clip, second.checkpoint, request, first, second)


@pytest.mark.parametrize("what", KINDS)
def test_a_checkpoint_does_not_differ_from_itself(explorer, clip, what):
    *_, view = explorer.compare(clip, explorer.weights, CompareRequest(what))
    pairing = view.pairing
    assert pairing.rows
    assert all(row.difference in (None, 0) for row in pairing.rows)
    if pairing.maps is not None:
        assert not np.nan_to_num(pairing.difference).any()
        assert pairing.agreement == pytest.approx(1)
    else:
        assert pairing.agreement == 1
    assert view.same_frames
    assert not [note for note in view.notes if note.startswith(("A: ", "B: "))]
    json.dumps(view.to_json())


@pytest.mark.parametrize("what", KINDS)
def test_each_answer_is_that_of_its_own_explorer(
    clip, recogniser_folder, reconstructor_folder, other_recogniser, what
):
    first = Explorer(str(recogniser_folder), str(reconstructor_folder), device="cpu")
    *_, view = first.compare(clip, str(other_recogniser), CompareRequest(what))
    second = Explorer(str(other_recogniser), device="cpu")
    rule = first.recogniser.card.sampling
    same = replace(clip, sampling=rule)
    ask = {
        "labels": lambda one: one.classify(same).to_json(),
        "attention": lambda one: one.attend(same).to_json(),
        "relevance": lambda one: one.explain(same).to_json(),
        "reconstruction": lambda one: one.reconstruct(same, MaskRequest(ratio=0.75)).to_json(),
        "what_if": lambda one: list(one.probe(same))[-1].to_json(),
    }[what]
    told_by_both = view.to_json()
    if what != "relevance":  # which asks both about A's label
        assert plain(told_by_both["b"]) == pytest.approx(plain(ask(second)), rel=1e-4, abs=1e-5)
    assert plain(told_by_both["a"]) == pytest.approx(plain(ask(first)), rel=1e-4, abs=1e-5)
    assert view.other.name == second.recogniser.card.name or what == "reconstruction"


def plain(told: dict) -> dict:
    return {name: value for name, value in told.items() if isinstance(value, int | float)}


def test_the_same_weights_on_both_sides_are_told():
    one = made_labels()
    assert made_pair("labels", one, one).who() == (
        "A and B are the same weights here: Made by hand."
    )
    other = replace(one, checkpoint=made_card(name="b", title="Another"))
    assert made_pair("labels", one, other).sentences()[0] == "A: Made by hand. B: Another."


def test_labels_agree_or_not():
    one, other = made_labels(), made_labels()
    found = other.classification
    turned = replace(found, probabilities=found.probabilities[::-1], logits=found.logits[::-1])
    view = made_pair("labels", one, replace(other, classification=turned))
    assert view.pairing.said[0] == "A says jump 40%, B says run 40%: they disagree."
    apart = 0.5 * np.abs(found.probabilities - found.probabilities[::-1]).sum()
    assert f"differ by {apart:.1%}".replace(".0%", "%") in view.pairing.said[1]
    rows = {row.name: (row.first, row.second) for row in view.pairing.rows}
    assert rows["jump"] == pytest.approx((0.4, 0.12))
    fewer = replace(found, labels=(*(f"{label}!" for label in found.labels[:5]), "Jump", "run"))
    said = made_pair("labels", one, replace(other, classification=fewer)).pairing.said
    assert said[1] == (
        "A knows 7 labels and B 7; 2 have the same name, and only those can be paired."
    )
    assert len(said) == 2


def test_maps_say_where_they_differ_most():
    one, other = made_rollout(DEFAULT_ROLLOUT), made_rollout(DEFAULT_ROLLOUT)
    scores = other.rollout.scores.copy()
    scores[2, 1, 0] += 0.5
    scores /= scores.sum()
    view = made_pair(
        "attention", one, replace(other, rollout=replace(other.rollout, scores=scores))
    )
    pairing = view.pairing
    apart = pairing.difference[2, 1, 0]
    assert apart == np.abs(pairing.difference).max()
    assert pairing.said[1] == (
        f"They differ most at 1.92 s, row 1, column 0: B's is {apart:.1f}x uniform higher."
    )
    expected = np.corrcoef(one.rollout.scores.ravel(), scores.ravel())[0, 1]
    assert pairing.agreement == pytest.approx(expected)
    assert pairing.said[0].startswith(f"Where they look agrees to r = {expected:.2f} ")
    assert pairing.scale.upper == max(one.rollout.scale_end, pairing_end(view))
    assert pairing.difference_scale.upper == pairing.scale.upper


def pairing_end(view) -> float:
    return view.second.rollout.scale_end


def test_relevance_is_compared_by_its_shape():
    one = made_relevance()
    twice = replace(one, relevance=replace(one.relevance, scores=2 * one.relevance.scores))
    pairing = made_pair("relevance", one, twice).pairing
    np.testing.assert_allclose(pairing.difference, 0, atol=1e-12)
    assert np.abs(pairing.maps[0]).mean() == pytest.approx(1)
    assert "What speaks for the label is the same, token for token." in pairing.said


def test_other_grids_have_no_difference():
    one, other = made_rollout(DEFAULT_ROLLOUT), made_rollout(DEFAULT_ROLLOUT)
    scores = np.full((3, 2, 2), 1 / 13)
    scores[1, 0, 1] *= 2
    small = replace(
        other,
        checkpoint=made_card(grid=TokenGrid(3, 2, 2)),
        rollout=replace(other.rollout, scores=scores),
    )
    view = made_pair("attention", one, small)
    assert view.pairing.difference is None and view.pairing.agreement is None
    (said,) = view.pairing.said
    assert said.startswith("Where they look is strongest at ")
    assert said.endswith(" by A, and at 1.40 s, 75% from the left, 25% from the top by B.")
    assert (
        "Their token grids differ ((3, 2, 4) and (3, 2, 2)), so there is no map of the difference."
    ) in view.notes
    assert "difference" not in view.arrays()


def test_other_frames_are_told():
    one, other = made_labels(), made_labels()
    fewer = replace(other.clip, indices=other.clip.indices[:4])
    view = made_pair("labels", one, replace(other, clip=fewer))
    assert not view.same_frames
    assert "another number of frames (6 and 4)" in view.notes[0]
    assert view.to_json()["same_frames"] is False


def test_reconstructions_behind_one_mask_are_compared():
    one, other = made_reconstruction(), made_reconstruction()
    result = other.reconstruction
    near = replace(result.prediction, psnr_db=result.prediction.psnr_db + 1.5, leaks=True)
    view = made_pair(
        "reconstruction", one, replace(other, reconstruction=replace(result, prediction=near))
    )
    first, second, leak = view.pairing.said
    assert first == "B comes 1.5 dB nearer to the original (20.3 and 21.8 dB)."
    assert second.startswith("Behind the same mask: random mask, seed 7")
    assert leak.startswith("Mind that B predicts normalised pixels")
    (row,) = [row for row in view.pairing.rows if row.name == "reconstruction"]
    assert row.difference == pytest.approx(1.5)
    exact = [row for row in view.pairing.rows if row.first == float("inf")]
    assert exact and exact[0].difference is None and told(exact[0].first, "dB") == "exact"
    told_rows = made_pair("reconstruction", one, other).to_json()["rows"]
    assert {row["name"]: row["a"] for row in told_rows}[exact[0].name] is None
    moved = replace(result, mask=result.mask[:, ::-1], token_error=result.token_error[:, ::-1])
    apart = made_pair("reconstruction", one, replace(other, reconstruction=moved)).pairing
    assert apart.difference is None
    assert any("Behind masks of their own grids" in said for said in apart.said)


def test_changes_are_paired_and_the_furthest_is_told():
    one = made_what_if(backwards=RIGHT, frozen_3=LEFT / 4)
    other = made_what_if(backwards=LEFT, grey=LEFT / 2)
    pairing = pair("what_if", one, other)
    rows = {row.name: row for row in pairing.rows}
    assert rows["backwards"].first == pytest.approx(one.read("backwards").probability)
    assert rows["backwards"].second == pytest.approx(other.read("backwards").probability)
    assert rows[BEST_FRAME].first == pytest.approx(one.single_frames().max())
    assert pairing.said == [
        "Both follow moving left.",
        "After 10 of 11 changes both say the same label.",
        "They are furthest apart after backwards: A 1.8%, B 96%.",
    ]
    half = pair("what_if", one, made_what_if(done=False))
    assert half.said[-1] == "14 changes are tried so far."


def test_files_hold_both(tmp_path):
    view = made_pair("attention", made_rollout(DEFAULT_ROLLOUT), made_rollout(DEFAULT_ROLLOUT))
    names = [path.name for path in view.save(tmp_path)]
    endings = ("json", "csv", "npz", "png", "mp4")
    assert names == [*(f"compare.{ending}" for ending in endings), "difference.png"]
    with (tmp_path / "compare.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == [row.name for row in view.pairing.rows]
    with np.load(tmp_path / "compare.npz") as arrays:
        np.testing.assert_array_equal(arrays["difference"], 0)
        np.testing.assert_array_equal(arrays["a_map"], view.pairing.maps[0])


def test_two_explorers_share_what_one_may_keep(recogniser_folder, other_recogniser):
    explorer = Explorer(str(recogniser_folder), device="cpu")
    before = explorer._cache.limit_bytes
    other = explorer.beside(str(other_recogniser))
    assert explorer.beside(str(other_recogniser)) is other
    assert explorer.beside(explorer.weights) is explorer
    assert explorer._cache.limit_bytes + other._cache.limit_bytes == before
    assert other._clips is explorer._clips


def test_the_command_pairs_and_says(capsys, clip_path, recogniser_folder, other_recogniser):
    command = ["compare", str(clip_path), "--weights", str(recogniser_folder), "--device", "cpu"]
    other = ["--with", str(other_recogniser)]
    assert main([*command, *other, "--what", "attention"]) == 0
    out = capsys.readouterr().out
    explorer = Explorer(str(recogniser_folder), device="cpu")
    *_, view = explorer.compare(
        ClipRequest(clip_path), str(other_recogniser), CompareRequest("attention")
    )
    assert out.startswith(view.who())
    assert all(said in out for said in view.pairing.said)
    for row in view.pairing.rows:
        (line,) = [line for line in out.splitlines() if line.strip().startswith(row.name)]
        assert line.split()[-2:] == [told(row.first, "x uniform"), told(row.second, "x uniform")]
    assert main([*command, *other, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["what"] == "labels"
    assert main(command) == 2
    assert "No other checkpoint is named; give it as --with NAME." in capsys.readouterr().err


def test_what_can_not_be_compared_is_said():
    with pytest.raises(RequestError, match="What is compared is 'taste'; give labels, attention"):
        CompareRequest("taste")


def test_another_comparison_takes_the_place_of_the_last_one(recogniser_folder, other_recogniser):
    explorer = Explorer(str(recogniser_folder), device="cpu", cache_bytes=4000)
    first = explorer.beside(str(other_recogniser))
    second = explorer.beside("bundled")
    assert second is not first and explorer.beside("bundled") is second
    assert (explorer._cache.limit_bytes, second._cache.limit_bytes) == (2000, 2000)
    assert ("bundled" in dict(map(reversed, explorer.other_weights()))) is True


def test_the_second_one_gets_the_first_ones_frames(clip, recogniser_folder):
    """The bundled weights take a frame each 0.125 s; tiny ones, left alone, one each 0.133 s."""
    first = Explorer("bundled", device="cpu")
    *_, view = first.compare(clip, str(recogniser_folder))
    apart = np.diff(view.second.clip.timestamps_s)
    np.testing.assert_allclose(apart, 0.125, atol=1e-6)
