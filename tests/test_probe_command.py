"""The command ``probe``, and the option ``--change`` that every command about a clip has."""

import json

import numpy as np
import pytest

from videomae_demo import ClipChange, ClipRequest, Explorer, RequestError, WhatIfRequest
from videomae_demo.cli.main import main


@pytest.fixture
def weights(recogniser_folder) -> list[str]:
    return ["--weights", str(recogniser_folder), "--device", "cpu"]


def test_probes_are_printed_and_written(capsys, clip_path, weights, tmp_path):
    assert main(["probe", str(clip_path), *weights, "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    *_, view = Explorer(weights[1], device="cpu").probe(ClipRequest(clip_path))
    lines = out.splitlines()
    assert lines[0].startswith(f"{view.labels[view.label]} when the clip is changed")
    assert [line.split()[0] for line in lines[2 : 2 + 8]] == [one.name for one in view.probes[:8]]
    assert all(sentence in out for sentence in view.sentences())
    assert json.loads((tmp_path / "what_if.json").read_text())["verdict"] == view.sentences()


def test_a_label_is_followed(capsys, clip_path, weights):
    labels = Explorer(weights[1], device="cpu").classify(ClipRequest(clip_path)).classification
    last = labels.top(len(labels.labels))[-1].label
    assert main(["probe", str(clip_path), *weights, "--label", last, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["label"] == last
    assert told["as_it_is"]["rank"] == len(labels.labels)


def test_any_question_is_asked_of_a_changed_clip(capsys, clip_path, weights):
    assert main(["classify", str(clip_path), *weights, "--change", "backwards", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    changed = ClipRequest(clip_path, change=ClipChange("backwards"))
    ((_, view),) = Explorer(weights[1], device="cpu").classify_many([changed])
    expected = view.to_json()
    assert told == expected
    assert told["frames"]["indices"] == sorted(told["frames"]["indices"], reverse=True)


def test_a_change_that_is_none_is_one_sentence(capsys, clip_path, weights):
    assert main(["attend", str(clip_path), *weights, "--change", "sideways"]) != 0
    assert "The change is 'sideways'; give backwards" in capsys.readouterr().err


def test_all_views_at_once_leave_the_probes_out(capsys, clip_path, weights):
    assert main(["explore", str(clip_path), *weights, "--change", "grey", "--json"]) == 0
    assert "what_if" not in json.loads(capsys.readouterr().out)


def test_what_is_played_is_what_the_model_got(clip_path, weights):
    explorer, clip = Explorer(weights[1], device="cpu"), ClipRequest(clip_path)
    for shown in ("backwards", "grey", "frozen:1"):
        view = explorer.probe_one(clip, WhatIfRequest(shown=shown))
        expected = explorer.see(ClipRequest(clip_path, change=ClipChange.parse(shown)))
        np.testing.assert_array_equal(view.changed.frames, expected.frames)
        assert set(view.found) >= {shown}
    plain = explorer.probe_one(clip, WhatIfRequest(shown="as it is"))
    np.testing.assert_array_equal(plain.changed.frames, plain.clip.frames)
    with pytest.raises(RequestError, match="There is no change 'sideways' of this clip; give one"):
        explorer.probe_one(clip, WhatIfRequest(shown="sideways"))
