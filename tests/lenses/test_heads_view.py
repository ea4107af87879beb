"""Heads, in words and files: every number is worked by hand, or comes from the engine."""

import json

import numpy as np
import pytest
from made_views import made_heads

from videomae_demo.analysis.settings import Head
from videomae_demo.cli.main import main
from videomae_demo.engine.clips import ClipRequest
from videomae_demo.engine.single_heads import head_effects
from videomae_demo.errors import CheckpointError, RequestError
from videomae_demo.explorer import Explorer
from videomae_demo.lenses.heads import HeadsRequest

OFF = (Head(2, 1),)


@pytest.fixture(scope="module")
def explorer(recogniser_folder) -> Explorer:
    return Explorer(str(recogniser_folder), device="cpu")


def test_the_head_with_the_greatest_effect_is_drawn_whatever_its_sign():
    view = made_heads()
    assert (view.head, view.rank) == (Head(2, 1), 1)
    assert view.does() == "Layer 2, head 1 gives -0.80 to jump directly: rank 1 of 6 by size."
    chosen = made_heads(HeadsRequest(Head(1, 2)))
    assert chosen.does() == "Layer 1, head 2 gives +0.60 to jump directly: rank 2 of 6 by size."
    assert chosen.effect == pytest.approx(0.6)


def test_what_it_reads_is_told_with_moment_and_place():
    assert made_heads().reads() == (
        "It reads most at 1.92 s, row 1, column 1: 18.0x uniform, starting from where it starts."
    )
    assert made_heads().peak == (2, 1, 1)


def test_all_together_give_a_part_of_the_logit():
    assert (
        made_heads()
        .all_together()
        .startswith(
            "All heads together give -0.30 of the logit -0.92 directly; the rest comes through"
        )
    )
    against = made_heads(HeadsRequest(against="run"))
    assert against.what == "jump rather than run"
    assert "-0.30 of the margin +1.20 directly" in against.all_together()


def test_without_heads_both_probabilities_and_the_new_label_are_told():
    assert made_heads().without() == []
    view = made_heads(HeadsRequest(head=Head(2, 1), off=OFF))
    assert view.without() == [
        "Off: layer 2, head 1. jump: 40.0% with all heads, 20.0% without; now it sees lie (50.0%)."
    ]
    assert view.does() == "Layer 2, head 1 is switched off."
    assert view.reads() == "A head that is off reads nothing."
    many = made_heads(
        HeadsRequest(off=[Head(2, 3), Head(1, 2), Head(1, 1), Head(1, 3), Head(1, 2)])
    )
    assert many.found.off == (Head(1, 1), Head(1, 2), Head(1, 3), Head(2, 3))
    assert many.without()[0].startswith(
        "Off: layer 1, head 1; layer 1, head 2; layer 1, head 3; and 1 more. jump"
    )


def test_json_is_plain_and_has_all_heads_in_their_order():
    told = made_heads(HeadsRequest(off=OFF, query=(1, 0, 2))).to_json()
    assert json.loads(json.dumps(told)) == {**told, "query": [1, 0, 2]}
    assert told["heads"][:2] == [
        {"head": "1.2", "effect": pytest.approx(0.6), "rank": 1},
        {"head": "1.3", "effect": pytest.approx(-0.3), "rank": 2},
    ]
    assert [entry["rank"] for entry in told["heads"]] == list(range(1, 7))
    assert told["off"] == ["2.1"]
    assert told["labels"][0] == {"label": "lie", "probability": 0.5, "with_all_heads": 0.3}
    assert told["head"] == "1.2" and told["direct"] == pytest.approx(0.5)
    assert made_heads().to_json()["peak"] == {"token": [2, 1, 1], "times_uniform": 18.0}


def test_maps_of_all_heads_share_one_scale():
    view = made_heads()
    np.testing.assert_allclose(view.drawn, view.found.reads[1, 0] * 24)
    assert view.scale.upper == max(2, np.quantile(view.found.reads * 24, 0.995))
    np.testing.assert_allclose(view.overview[1, 0, 1, 1], 18 / 3)
    assert view.overview_words() == (
        "A line for each layer. Small maps: mean over time, 0 to "
        f"{np.quantile(view.overview, 0.995):.2g}x. Bars: each head's effect on jump; orange is "
        "for it, blue against."
    )
    effect = made_heads(HeadsRequest(Head(1, 2), shows="effect"))
    np.testing.assert_allclose(effect.overview[0, 1], effect.found.effects[0, 1].sum(0))
    assert effect.scale.is_diverging and effect.scale.unit == "of the logit"
    end = np.quantile(np.abs(effect.overview), 0.995)
    assert f"sum over time, -{end:.2g} to +{end:.2g} of the logit" in effect.overview_words()
    assert effect.scale == made_heads(HeadsRequest(Head(1, 1), shows="effect")).scale


def test_files_hold_what_the_view_says(tmp_path):
    view = made_heads()
    paths = view.save(tmp_path)
    assert [path.name for path in paths] == ["heads.npz", "heads.png", "head.mp4", "filmstrip.png"]
    assert all(path.stat().st_size for path in paths)
    with np.load(tmp_path / "heads.npz") as arrays:
        np.testing.assert_array_equal(arrays["reads"], view.found.reads)
        np.testing.assert_array_equal(arrays["effects"], view.found.effects)
        np.testing.assert_array_equal(arrays["logits"], view.found.logits)
        assert arrays["timestamps_s"].tolist() == view.clip.timestamps_s.tolist()


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"head": "2.1"}, r"The head is '2.1'; give a Head"),
        ({"off": [2]}, r"The heads to switch off are \[2\]; give Heads"),
        ({"off": Head(1, 1)}, "The heads to switch off are"),
        ({"label": 3}, "The label is 3; give a label's name"),
        ({"against": 3}, "The against is 3"),
        ({"query": (1, 2)}, "give its time, row and column"),
        ({"shows": "both"}, "What a head 'both' can't be drawn; choose reads or effect"),
    ],
)
def test_a_request_of_other_types_is_refused(fields, sentence):
    with pytest.raises(RequestError, match=sentence):
        HeadsRequest(**fields)


@pytest.mark.parametrize("written", ["", "5", "5.", ".2", "a.b", "5.2.1", "-1.2", "1,2"])
def test_a_head_that_is_written_in_another_way_is_refused(written):
    with pytest.raises(RequestError, match=r"write its layer and its number, for instance 5\.2"):
        Head.parse(written)


def test_a_head_is_counted_from_one():
    assert Head.parse(" 5.12 ") == Head(5, 12) and Head(5, 12).written == "5.12"
    assert (str(Head(5, 2)), Head(5, 2).title) == ("layer 5, head 2", "Layer 5, head 2")
    for wrong in ((0, 1), (1, 0), (1.5, 1), (True, 1)):
        with pytest.raises(RequestError, match="must be a whole number from 1"):
            Head(*wrong)


def test_a_view_is_what_the_engine_measured(explorer, clip_path):
    request = HeadsRequest(Head(3, 2), (Head(1, 1),), "moving left", query=(1, 2, 3))
    view = explorer.heads(ClipRequest(clip_path), request)
    prepared = explorer.prepare(ClipRequest(clip_path), explorer.recogniser)
    found = head_effects(explorer, prepared, view.found.target, (1, 2, 3), (Head(1, 1),))
    assert view.found is found
    assert view.label.label == "moving left"
    whole = explorer.classify(ClipRequest(clip_path)).classification
    np.testing.assert_array_equal(view.whole.probabilities, whole.probabilities)
    powers = np.exp(found.logits.astype(float))
    np.testing.assert_allclose(view.classification.probabilities, powers / powers.sum(), rtol=1e-5)
    assert "starting from the token at time 1, row 2, column 3" in view.reads()
    assert (view.drawn == found.reads_times_uniform[2, 1]).all()
    on = explorer.heads(ClipRequest(clip_path))
    assert "which is what the classifier reads" in on.reads()
    assert on.classification is on.whole
    assert on.found.reads.shape[2:] == GRID_OF_TINY


GRID_OF_TINY = (2, 4, 4)


def test_what_is_not_there_is_refused(explorer, reconstructor_folder, clip_path):
    clip = ClipRequest(clip_path)
    with pytest.raises(RequestError, match="no layer 4, head 1; this checkpoint has 3 layers of 2"):
        explorer.heads(clip, HeadsRequest(Head(4, 1)))
    with pytest.raises(RequestError, match="no layer 1, head 3"):
        explorer.heads(clip, HeadsRequest(off=(Head(1, 3),)))
    with pytest.raises(RequestError, match="does not know the label 'flying'"):
        explorer.heads(clip, HeadsRequest(label="flying"))
    with pytest.raises(RequestError, match="outside the grid"):
        explorer.heads(clip, HeadsRequest(query=(0, 9, 0)))
    with pytest.raises(CheckpointError, match="pretrained without labels"):
        Explorer(str(reconstructor_folder), device="cpu").heads(clip)


def test_the_command_says_what_the_view_says(explorer, recogniser_folder, clip_path, capsys):
    arguments = ["heads", str(clip_path), "--weights", str(recogniser_folder), "--device", "cpu"]
    assert main([*arguments, "--off", "1.1,3.2", "--head", "2.2", "--json"]) == 0
    view = explorer.heads(
        ClipRequest(clip_path), HeadsRequest(Head(2, 2), (Head(1, 1), Head(3, 2)))
    )
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(view.to_json()))
    assert main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    usual = explorer.heads(ClipRequest(clip_path))
    first = usual.found.ranking[0]
    assert (
        lines[1]
        .strip()
        .startswith(f"greatest (layer.number): {first.written} {usual.effect:+.2f}, ")
    )
    assert f"  {usual.all_together()}" in lines
    for wrong in (["--off", "1.1,"], ["--head", "2"], ["--query", "1,2"]):
        assert main([*arguments, *wrong]) == 2
