"""Why a label, in words and files: every number is worked by hand, or comes from the engine."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from made_views import (
    GRID,
    made_curve,
    made_relevance,
    made_scores,
    made_slices,
    made_trial,
)

from videomae_demo.analysis.methods import Target
from videomae_demo.cli.main import main
from videomae_demo.engine.clips import ClipRequest
from videomae_demo.errors import CheckpointError, RequestError
from videomae_demo.explorer import Explorer
from videomae_demo.lenses.explain import ExplainRequest
from videomae_demo.lenses.trial import Trial


def some_hidden() -> np.ndarray:
    hidden = np.zeros(GRID.shape, np.bool_)
    hidden[:, 0] = True
    return hidden


def test_the_verdict_says_what_few_tokens_carry_and_what_is_against_it():
    assert made_relevance().verdict() == (
        "The strongest 8.3% of the tokens carry 88.9% of what speaks for jump; 10% of all "
        "relevance speaks against it."
    )
    unsigned = made_relevance(method="chefer")
    assert unsigned.verdict() == "The strongest 8.3% of the tokens hold 80% of this map."


def test_a_margin_is_told_as_one():
    view = made_relevance(against=4)
    assert view.what == "jump rather than run"
    assert view.to_json()["against"] == "run"
    assert view.adds_up() == [
        "The margin of jump rather than run is +1.20: the tokens carry +4.00, the biases -2.80."
    ]
    assert made_relevance(method="chefer").adds_up() == []


def test_without_some_tokens_both_probabilities_and_the_new_label_are_told():
    view = made_relevance(hidden=some_hidden())
    assert view.without() == [
        "12 tokens (50%) are taken away. jump: 40.0% with all tokens, 20.0% without these; now it "
        "sees lie (50.0%)."
    ]
    assert view.to_json()["taken_away"] == 12
    assert view.to_json()["probability"] == pytest.approx(0.2)
    assert made_relevance().without() == []


def test_the_strongest_tokens_come_highest_first():
    assert made_relevance().strongest(3) == [((1, 1, 3), 3), ((0, 0, 0), 1), ((2, 0, 1), 0.5)]
    told = made_relevance().to_json()
    assert told["strongest"][0] == {"token": [1, 1, 3], "relevance": 3.0}
    assert len(told["strongest"]) == 10
    assert told["over_time"] == [1.0, 3.0, 0.0]
    assert told["strongest_tenth"] == pytest.approx(4 / 4.5)
    assert told["against_share"] == pytest.approx(0.1)
    assert told["sum"]["tokens"] == pytest.approx(4)
    assert told["sum"]["missing"] == pytest.approx(0, abs=1e-6)


def test_scores_without_a_sign_are_drawn_as_times_an_even_share():
    view = made_relevance(method="chefer")
    np.testing.assert_allclose(view.drawn, np.abs(made_scores()) * 24 / 5, rtol=1e-6)
    assert view.told((1, 1, 3)) == "14.4x uniform" and made_relevance().told((2, 1, 2)) == "-0.50"
    assert view.over_time.tolist() == pytest.approx([0.6, 1.8, 0.6])
    assert (view.scale.lower, view.scale.unit) == (0, "x uniform")
    assert made_relevance().scale.is_diverging and made_relevance().scale.unit == "of the logit"


def test_a_scale_ends_where_almost_all_scores_lie_and_says_so():
    view = made_relevance()
    assert view.scale.upper == pytest.approx(np.quantile(np.abs(made_scores()), 0.995))
    assert view.is_beyond_scale
    nothing = replace(view, relevance=replace(view.relevance, scores=0 * made_scores()))
    assert nothing.scale.upper == 1 and not nothing.is_beyond_scale
    assert nothing.strongest_share == 0


def test_files_hold_what_the_view_says(tmp_path):
    view = replace(made_relevance(hidden=some_hidden()), trial=made_trial())
    paths = view.save(tmp_path)
    assert [path.name for path in paths] == [
        "relevance.npz", "relevance.mp4", "filmstrip.png", "curves.png", "curves.csv",
    ]  # fmt: skip
    with np.load(tmp_path / "relevance.npz") as arrays:
        np.testing.assert_array_equal(arrays["relevance"], made_scores())
        assert arrays["relevance"].dtype == np.float32
        np.testing.assert_array_equal(arrays["hidden"], some_hidden())
        assert arrays["timestamps_s"].tolist() == view.clip.timestamps_s.tolist()
    with (tmp_path / "curves.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5 * 2 * 3
    row = next(r for r in rows if (r["map"], r["way"]) == ("frame-difference", "deletion"))
    assert (row["hidden"], row["probability"]) == ("0.0", "0.4")
    assert float(row["target"]) == pytest.approx(np.log(0.4))
    assert len(made_relevance().save(tmp_path)) == 3


def test_json_is_plain():
    told = replace(made_relevance(), trial=made_trial()).to_json()
    assert json.loads(json.dumps(told)) == told
    assert told["trial"]["curves"]["libragrad"]["deletion"] == [0.4, 0.2, 0.1]
    assert told["trial"]["curves"]["libragrad"]["saco"] == 0.25
    assert told["method"]["source"].startswith("Mehri")


# ---- the trial -----------------------------------------------------------------------------------


def area(a: float, b: float, c: float) -> float:
    return ((a + b) / 2 * 0.5 + (b + c) / 2 * 0.45) / 0.95


def test_the_gaps_are_insertion_less_deletion():
    gaps = made_trial().sentences()[1]
    own, moves, middle = area(0.4, 0.2, 0.1), area(0.4, 0.3, 0.1), area(0.4, 0.4, 0.2)
    low, high = 0.4 - area(0.4, 0.41, 0.35), 0.4 - area(0.4, 0.38, 0.3)
    assert gaps == (
        f"Insertion less deletion: {0.4 - own:+.2f} for this map; frame difference "
        f"{0.4 - moves:+.2f}, centre of the frame {0.4 - middle:+.2f}, random {low:+.2f} to "
        f"{high:+.2f}."
    )


@pytest.mark.parametrize(
    ("own", "verdict"),
    [
        ((0.4, 0.2, 0.1), "On this clip, it finds what matters better than each of the others."),
        ((0.4, 0.3, 0.1), "On this clip, frame difference would have found what matters as well."),
        ((0.4, 0.35, 0.1), "On this clip, frame difference would have found what matters better."),
        ((0.4, 0.38, 0.31), "On this clip, this map is no better than chance."),
        ((0.4, 0.5, 0.5), "On this clip, this map is no better than chance."),
    ],
)
def test_the_verdict_compares_the_map_with_the_others(own, verdict):
    assert made_trial(own).sentences()[2] == verdict


def test_it_is_said_when_the_top_label_changes():
    assert made_trial().sentences()[0] == (
        "With the strongest 95% of the tokens hidden, the top label is lie, and no longer jump."
    )
    assert made_trial(tops=(2, 4, 2)).sentences()[0] == (
        "With the strongest 50% of the tokens hidden, the top label is run, and no longer jump."
    )
    assert made_trial(tops=(2, 2, 2)).sentences()[0] == (
        "Hiding up to 95% of the tokens, strongest first, leaves jump on top."
    )


def test_the_slice_without_which_the_label_loses_most_is_named():
    trial = made_trial(slices=made_slices())
    assert trial.sentences()[1] == (
        "Of 3 slices of time, the one at 1.40 s matters most: without it, jump goes from 40.0% to "
        "8.2%."
    )
    told = trial.to_json()["without_slice"]
    assert told["times_s"] == [1.0, 1.4, 1.923456]
    assert told["drop"] == pytest.approx([-0.016, 1.584, -0.116])
    assert told["probability"][1] == pytest.approx(np.exp(-2.5))
    other = made_slices()  # the target may fall most where the probability does not
    values = np.array([-0.9, -2.5, -9.0])
    assert made_trial(slices=replace(other, values=values)).most_needed == 1
    none_needed = made_trial(slices=made_slices((-0.9, -0.85, -0.8)))
    assert none_needed.sentences()[1] == (
        "Without any single slice of time, the label loses nothing."
    )
    assert made_trial().to_json()["without_slice"] is None


def test_a_trial_that_is_not_done_judges_nothing():
    assert made_trial(done=0.4).sentences() == ["So far, 40% of the test is done."]


def test_a_map_alone_is_compared_with_chance():
    found = made_trial().found
    alone = Trial(
        replace(found, curves=(made_curve("chefer", (0.4, 0.2, 0.1), (0.4,) * 3),)), ("a",) * 7
    )
    assert alone.sentences()[2].endswith("better than each of the others.")


# ---- asking --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def explorer(recogniser_folder):
    return Explorer(str(recogniser_folder), device="cpu")


@pytest.fixture
def clip(clip_path) -> ClipRequest:
    return ClipRequest(clip_path)


def bits(grid: tuple, *places: tuple) -> bytes:
    hidden = np.zeros(grid, np.bool_)
    for place in places:
        hidden[place] = True
    return np.packbits(hidden).tobytes()


def test_the_most_probable_label_is_explained_by_the_engines_scores(explorer, clip):
    view, best = explorer.explain(clip), explorer.classify(clip).classification.top(1)[0]
    assert view.label == best and view.against is None
    prepared = explorer.prepare(clip, explorer.recogniser)
    wanted = explorer.relevance(prepared, Target(best.index)).scores
    np.testing.assert_array_equal(view.relevance.scores, wanted)
    assert view.relevance.missing == pytest.approx(0, abs=1e-4)


def test_a_margin_is_the_difference_of_two_logits(explorer, clip):
    view = explorer.explain(clip, ExplainRequest("MOVING left", "staying still"))
    left, still = (explorer.explain(clip, ExplainRequest(name)) for name in view.whole.labels[::2])
    np.testing.assert_allclose(
        view.relevance.scores, left.relevance.scores - still.relevance.scores, atol=1e-5
    )
    assert (view.label.label, view.against.label) == ("moving left", "staying still")


def test_tokens_that_are_taken_away_leave_the_labels_and_the_scores(explorer, clip):
    grid = explorer.recogniser.card.grid.shape
    request = ExplainRequest(hidden=bits(grid, (0,), (1, 2)))
    view = explorer.explain(clip, request)
    assert view.hidden[0].all() and view.hidden[1].sum() == 4
    assert not view.relevance.scores[view.hidden].any()
    prepared = explorer.prepare(clip, explorer.recogniser)
    np.testing.assert_allclose(
        view.classification.logits, explorer.labels_without(prepared, view.hidden), atol=1e-5
    )
    assert view.whole.logits.tolist() == explorer.classify(clip).classification.logits.tolist()
    all_of_it = explorer.explain(clip, ExplainRequest(hidden=bits(grid)))
    assert all_of_it.hidden is None


def test_a_test_grows_and_ends(explorer, clip):
    views = list(explorer.test_explanation(clip))
    shares = [view.trial.found.done for view in views]
    assert shares == sorted(shares) and shares[-1] == 1
    names = [curve.name for curve in views[-1].trial.found.curves]
    assert names == ["libragrad", "rollout", "frame-difference", "centre"]
    slices = views[-1].trial.slices
    assert len(slices.drops) == len(views[-1].trial.times_s) == 2
    alone = bits(slices.groups.shape[1:], (1,))
    without = explorer.explain(clip, ExplainRequest(hidden=alone)).label.probability
    assert slices.probabilities[1] == pytest.approx(without, abs=1e-6)


def test_a_rollout_is_tested_as_it_is_shown(explorer, clip):
    from videomae_demo.analysis.settings import RolloutSettings

    def order(settings: RolloutSettings) -> list:
        *_, last = explorer.test_attention(clip, settings)
        assert last.labels == explorer.classify(clip).classification.labels
        return last.own.deletion.probabilities.tolist()

    usual = RolloutSettings()
    *_, as_method = explorer.test_explanation(clip, ExplainRequest(method="rollout"))
    assert order(usual) == as_method.trial.own.deletion.probabilities.tolist()
    assert order(RolloutSettings(query=(1, 3, 3), fusion="max")) != order(usual)


@pytest.mark.parametrize(
    ("request_of", "sentence"),
    [
        (lambda: ExplainRequest(label=3), "The label is 3; give a label's name."),
        (lambda: ExplainRequest(method="guess"), "There is no method 'guess'"),
        (lambda: ExplainRequest(hidden=[1]), "give bytes, one bit per token"),
    ],
)
def test_nonsense_is_no_request(request_of, sentence):
    with pytest.raises(RequestError, match=sentence):
        request_of()


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (ExplainRequest("flying"), "does not know the label 'flying'"),
        (ExplainRequest("moving left", "moving left"), "no margin over itself"),
        (ExplainRequest(hidden=b"\0"), "one bit for each of 32 tokens makes 4"),
        (ExplainRequest(hidden=b"\xff" * 4), "All 32 tokens are taken away"),
    ],
)
def test_what_can_not_be_explained_is_refused(explorer, clip, request_, sentence):
    with pytest.raises(RequestError, match=sentence):
        explorer.explain(clip, request_)


def test_a_test_wants_all_tokens(explorer, clip):
    hidden = bits(explorer.recogniser.card.grid.shape, (0, 0, 0))
    with pytest.raises(RequestError, match="give all of them back first"):
        next(explorer.test_explanation(clip, ExplainRequest(hidden=hidden)))


def test_without_labels_there_is_nothing_to_explain(reconstructor_folder, clip):
    with pytest.raises(CheckpointError, match="pretrained without labels"):
        Explorer(str(reconstructor_folder), device="cpu").explain(clip)


# ---- the command ---------------------------------------------------------------------------------


def test_a_mask_of_a_file_is_taken_away(tmp_path, capsys, clip_path, recogniser_folder):
    arguments = ["explain", str(clip_path), "--weights", str(recogniser_folder), "--json"]
    assert main([*arguments, "--out", str(tmp_path)]) == 0
    capsys.readouterr()
    with np.load(tmp_path / "relevance.npz") as arrays:
        hidden = arrays["relevance"] > np.median(arrays["relevance"])
    np.savez(tmp_path / "mask.npz", mask=hidden)
    assert main([*arguments, "--hide", str(tmp_path / "mask.npz")]) == 0
    assert json.loads(capsys.readouterr().out)["taken_away"] == hidden.sum()
    for name, content in (("none.npz", {"other": hidden}), ("ints.npz", {"mask": hidden * 1})):
        np.savez(tmp_path / name, **content)
        assert main([*arguments, "--hide", str(tmp_path / name)]) == 2
        assert "no array 'hidden' or 'mask' of true and false" in capsys.readouterr().err
    (tmp_path / "text.npz").write_text("no arrays")
    assert main([*arguments, "--hide", str(tmp_path / "text.npz")]) == 2
    assert "which is no NPZ file" in capsys.readouterr().err


def test_slices_are_told_one_by_one_and_written_down(tmp_path):
    trial = made_trial(slices=made_slices())
    assert trial.most_needed == 1 and trial.probability == pytest.approx(0.4)
    assert trial.slice_rows() == [
        (pytest.approx(np.exp(-0.9)), "Without 1.00 s: jump 40.7%."),
        (pytest.approx(np.exp(-2.5)), "Without 1.40 s: jump 8.2%."),
        (pytest.approx(np.exp(-0.8)), "Without 1.92 s: jump 44.9%."),
    ]
    assert made_trial().slice_rows() == []
    names = [path.name for path in replace(made_relevance(), trial=trial).save(tmp_path)]
    assert names[-4:] == ["curves.png", "curves.csv", "slices.png", "slices.csv"]
    with (tmp_path / "slices.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["time_s"]) for row in rows] == pytest.approx([1.0, 1.4, 1.923456])
    assert [float(row["probability"]) for row in rows] == pytest.approx(np.exp([-0.9, -2.5, -0.8]))
    assert [float(row["target"]) for row in rows] == [-0.9, -2.5, -0.8]
