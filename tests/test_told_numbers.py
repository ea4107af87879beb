"""The numbers in JSON, in sentences and on the command line, worked by hand."""

import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from made_views import (
    INDICES,
    made_card,
    made_clip,
    made_heads,
    made_labels,
    made_reconstruction,
    made_relevance,
    made_rollout,
    made_trial,
)

from videomae_demo import explorer
from videomae_demo.analysis.settings import RolloutSettings
from videomae_demo.cli.main import main
from videomae_demo.lenses.answer import describe_clip
from videomae_demo.lenses.explain import ExplainRequest
from videomae_demo.lenses.masks import MaskRequest
from videomae_demo.video.sampling import SamplingRule

NOTES = ["A note of the checkpoint.", "A note of the clip."]


def number_after(words: str, text: str) -> float:
    """The first number that follows some words."""
    return float(re.search(re.escape(words) + r"\D*?(-?\d+(?:\.\d+)?)", text)[1])


# ---- as JSON -------------------------------------------------------------------------------------


def test_a_clip_is_described_in_full():
    described = describe_clip(made_clip())
    assert described["clip"] == "made.mp4"
    assert described["duration_s"] == 3.251235
    assert described["source"] == {"height": 240, "width": 320}
    assert described["crop"] == {"left": 60, "top": 70, "width": 200, "height": 100}
    assert described["frames"] == {
        "indices": [24, 26, 34, 36, 46, 46],
        "timestamps_s": [1.0, 1.1, 1.4, 1.5, 1.923457, 1.923457],
        "repeated": 1,
    }


def test_labels_are_described_best_first_and_the_one_that_was_asked_for():
    described = made_labels().to_json(3, "SKIP")
    assert [(score["label"], score["probability"]) for score in described["labels"]] == [
        ("jump", 0.4),
        ("lie", 0.3),
        ("run", 0.12),
    ]
    assert described["asked"] == {"label": "skip", "probability": 0.08, "rank": 4}
    shares = [0.03, 0.08, 0.4, 0.06, 0.12, 0.01, 0.3]
    assert described["entropy"] == pytest.approx(-sum(p * math.log(p, 7) for p in shares))
    assert described["notes"] == NOTES
    assert described["frames"]["indices"] == list(INDICES)


def test_a_rollout_is_described_by_its_peak_and_its_slices():
    settings = RolloutSettings("max", 0.25, 2, 5, (0, 1, 2))
    described = made_rollout(settings).to_json()
    assert described["peak"]["token"] == [1, 1, 3]
    assert described["peak"]["times_uniform"] == pytest.approx(6)
    assert described["over_time"] == pytest.approx([2 / 8, 7.75 / 8, 14.25 / 8])
    assert described["grid"] == [3, 2, 4]
    told = described["settings"]
    assert (told["fusion"], told["discard"], list(told["query"])) == ("max", 0.25, [0, 1, 2])
    assert (told["first_layer"], told["last_layer"]) == (2, 5)
    assert described["start"] == "where it starts"
    assert described["notes"] == NOTES


def test_a_reconstruction_is_described_and_what_is_exact_has_no_number():
    described = json.loads(json.dumps(made_reconstruction().to_json()))
    assert (described["mask"]["kind"], described["mask"]["seed"]) == ("random", 7)
    assert described["mask"]["ratio"] == 0.25
    assert described["hidden_tokens"] == 6
    assert described["grid"] == [3, 2, 4]
    assert described["loss"] == 0.123456
    told = described["psnr_db"]
    assert told["nearest-visible"] is None
    assert [told[n] for n in ("prediction", "visible-mean", "distance-weighted")] == [
        20.26,
        12.34,
        14.56,
    ]
    assert described["leaks"] == []
    leaky = made_reconstruction(leaks=True, exact=False).to_json()
    assert leaky["leaks"] == ["prediction", "true-patch-mean"]
    assert leaky["psnr_db"]["nearest-visible"] == 25.49
    assert described["notes"] == NOTES


# ---- in sentences --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "layers"),
    [
        (RolloutSettings(), "all layers"),
        (RolloutSettings(first_layer=2), "layers 2 to the last"),
        (RolloutSettings(first_layer=3, last_layer=5), "layers 3 to 5"),
        (RolloutSettings(last_layer=5), "layers 1 to 5"),
    ],
)
def test_the_rollouts_sentence_tells_its_layers(settings, layers):
    told = made_rollout(settings).explanation()
    assert layers in told
    assert "where it starts" in told
    assert "discarded" not in told


def test_the_rollouts_sentence_tells_what_was_discarded():
    told = made_rollout(RolloutSettings("min", 0.9)).explanation()
    assert number_after("lowest", told) == 90
    assert "min" in told


def test_the_reconstructions_sentence_tells_the_share_and_every_measure():
    told = made_reconstruction(exact=False).explanation()
    assert told.startswith("25%")
    assert "random mask, seed 7" in told
    assert number_after("reconstruction ", told) == 20.3
    assert number_after("visible mean", told) == 12.3
    assert number_after("distance-weighted", told) == 14.6
    assert number_after("nearest visible", told) == 25.5
    assert "leak" not in told


def test_the_reconstructions_sentence_marks_what_leaks():
    told = made_reconstruction(leaks=True, exact=False).explanation()
    assert "20.3 (leak)" in told and "30.6 (leak)" in told
    assert told.count("(leak)") == 2


# ---- on the command line -------------------------------------------------------------------------


class MadeExplorer:
    """Gives the views that were made by hand, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list = []
        self.recogniser = type("Recogniser", (), {"card": made_card()})
        self.leaks = False

    def __call__(self, *_, **__):
        return self

    def classify(self, request, hidden=None):
        self.asked.append(request)
        return made_labels()

    def classify_many(self, requests):
        return ((request, self.classify(request)) for request in requests)

    def attend(self, request, settings=None):
        self.asked.append(settings)
        return made_rollout(settings)

    def explain(self, request, asked):
        self.asked.append(asked)
        return made_relevance()

    def heads(self, request, asked):
        self.asked.append(asked)
        return made_heads(asked)

    def test_explanation(self, request, asked):
        self.asked.append(asked)
        yield replace(made_relevance(), trial=made_trial(done=0.5))
        yield replace(made_relevance(), trial=made_trial())

    def reconstruct(self, request, mask):
        self.asked.append(mask)
        return made_reconstruction(leaks=self.leaks)


@pytest.fixture
def made(monkeypatch) -> MadeExplorer:
    fake = MadeExplorer()
    monkeypatch.setattr(explorer, "Explorer", fake)
    return fake


def printed(capsys, *arguments: str) -> list[str]:
    assert main([*arguments]) == 0
    return capsys.readouterr().out.splitlines()


def line_with(lines: list[str], words: str) -> str:
    (line,) = (line for line in lines if words in line)
    return line


def test_classify_prints_the_probabilities_and_the_frames(made, capsys):
    lines = printed(capsys, "classify", "made.mp4", "--top-k", "2", "--label", "skip")
    assert line_with(lines, "  jump ").split() == ["jump", "40.00%"]
    assert line_with(lines, "  lie ").split() == ["lie", "30.00%"]
    asked = line_with(lines, "skip")
    assert number_after("skip", asked) == 8 and "8.00%" in asked
    assert number_after("rank", asked) == 4
    assert "6 frames between 1.00 s and 1.92 s" in line_with(lines, "frames between")
    for note in NOTES:
        assert line_with(lines, note)


def test_attend_prints_the_peak_and_the_busiest_slice(made, capsys):
    lines = printed(capsys, "attend", "made.mp4")
    peak = line_with(lines, "most at")
    assert [number_after(axis, peak) for axis in ("time", "row", "column")] == [1, 1, 3]
    assert "6.0x uniform" in peak
    busiest = line_with(lines, "busiest")
    assert number_after("busiest", busiest) == 2
    assert "1.78x uniform" in busiest
    assert line_with(lines, NOTES[0]) and line_with(lines, NOTES[1])


def test_reconstruct_prints_the_mask_and_every_measure(made, capsys):
    lines = printed(capsys, "reconstruct", "made.mp4")
    head = line_with(lines, "tokens hidden")
    assert number_after("ratio", head) == 0.25
    assert number_after("seed", head) == 7
    assert number_after("seed 7,", head) == 6
    measured = {line.split()[0]: line.split()[1:] for line in lines if line.startswith("    ")}
    assert measured["prediction"] == ["20.26", "dB"]
    assert measured["visible-mean"] == ["12.34", "dB"]
    assert measured["distance-weighted"] == ["14.56", "dB"]
    assert measured["nearest-visible"] == ["exact"]
    assert number_after("loss here:", line_with(lines, "loss")) == 0.123


def test_reconstruct_marks_what_leaks(made, capsys):
    made.leaks = True
    lines = printed(capsys, "reconstruct", "made.mp4")
    measured = {line.split()[0]: line for line in lines if line.startswith("    ")}
    marked = [name for name, line in measured.items() if "statistics" in line]
    assert marked == ["prediction", "true-patch-mean"]


def test_explain_prints_the_strongest_tokens_and_the_sum(made, capsys):
    lines = printed(capsys, "explain", "made.mp4")
    strongest = line_with(lines, "strongest (time")
    assert "[1, 1, 3] +3.00, [0, 0, 0] +1.00, [2, 0, 1] +0.50, " in strongest
    assert "The logit of jump is -0.92: the tokens carry +4.00, the biases -4.92." in "".join(lines)
    assert line_with(lines, "LibraGrad x input (Mehri")
    for note in NOTES:
        assert line_with(lines, note)


def test_explain_tests_the_map_when_asked_to(made, capsys):
    assert "So far" not in "".join(printed(capsys, "explain", "made.mp4"))
    lines = printed(capsys, "explain", "made.mp4", "--test", "--against", "run", "--label", "sit")
    assert line_with(lines, "better than each of the others")
    assert made.asked[-1] == ExplainRequest("sit", "run")


def test_explore_prints_all_lenses(made, capsys):
    text = "\n".join(printed(capsys, "explore", "made.mp4"))
    assert "40.00%" in text and "6.0x uniform" in text and "20.26 dB" in text
    assert "Why jump" in text and "2.1 -0.80, 1.2 +0.60, 1.3 -0.30" in text


def test_options_reach_the_explorer_in_their_order(made, capsys):
    printed(capsys, "classify", "made.mp4", "--start", "0.5", "--sampling", "0.25")
    (request,) = made.asked
    assert (request.start_s, request.sampling) == (0.5, SamplingRule.stride(0.25))
    made.asked.clear()
    printed(
        capsys, "attend", "made.mp4", "--query", "2,0,3", "--layers", "2-5", "--discard", "0.5",
        "--fusion", "min",
    )  # fmt: skip
    assert made.asked == [RolloutSettings("min", 0.5, 2, 5, (2, 0, 3))]
    made.asked.clear()
    printed(capsys, "reconstruct", "made.mp4", "--mask", "cell", "--ratio", "0.6", "--seed", "3")
    assert made.asked == [MaskRequest("cell", 0.6, 3)]


def test_views_that_were_made_by_hand_are_what_they_say():
    """The other tests stand on this."""
    rollout = made_rollout().rollout
    assert rollout.times_uniform.sum() == pytest.approx(24)
    assert rollout.over_time.mean() == pytest.approx(1)
    clip = made_clip()
    assert len(clip.frames) == len(clip.indices) == len(clip.timestamps_s) == 6
    assert np.isclose(sum(made_labels().classification.probabilities), 1)
    assert replace(made_reconstruction().mask, seed=0) == MaskRequest("random", 0.25, 0)
