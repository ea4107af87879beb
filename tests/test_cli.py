import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from original_network import OriginalEncoder, OriginalPretraining

from videomae_demo.cli.main import main
from videomae_demo.engine import clips
from videomae_demo.video.reader import scan


@pytest.fixture
def run(capsys, recogniser_folder, reconstructor_folder):
    """Run one command with the tiny checkpoints; return (exit code, stdout, stderr)."""

    def call(command, *arguments):
        weights = ["--weights", str(recogniser_folder)]
        if command in ("reconstruct", "explore"):
            weights += ["--reconstructor", str(reconstructor_folder)]
        code = main([command, *map(str, arguments), *weights, "--device", "cpu"])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_classify_prints_labels(run, clip_path):
    code, out, err = run("classify", clip_path, "--top-k", 2)
    assert code == 0
    lines = [line for line in out.splitlines() if line.endswith("%")]
    assert len(lines) == 2
    assert any(line.startswith("  It ") for line in out.splitlines())
    assert "4 frames between" in out
    assert "Starting" in err


def test_classify_json_has_the_promised_fields(run, clip_path, recogniser_folder):
    code, out, _ = run("classify", clip_path, "--json", "--label", "staying still")
    result = json.loads(out)
    assert code == 0
    assert result["checkpoint"] == recogniser_folder.name
    assert result["clip"] == clip_path.name
    assert str(clip_path.parent) not in out and str(recogniser_folder.parent) not in out
    assert result["verdict"].startswith("It ")
    assert [set(label) for label in result["labels"]] == [{"label", "probability"}] * 3
    assert sum(label["probability"] for label in result["labels"]) == pytest.approx(1)
    assert len(result["frames"]["indices"]) == len(result["frames"]["timestamps_s"]) == 4
    assert 1 <= result["asked"]["rank"] <= 3
    assert result["crop"] == {"left": 16.0, "top": 0.0, "width": 64.0, "height": 64.0}


def test_heads_are_told_where_the_weights_do_not(tmp_path, clip_path, capsys):
    network = OriginalEncoder(patch=56, tubelet=8, labels=400)
    torch.save({"module": network.state_dict()}, tmp_path / "a.pth")
    arguments = ["classify", str(clip_path), "--weights", str(tmp_path / "a.pth")]
    assert main([*arguments, "--device", "cpu"]) == 2
    assert "num_attention_heads" in capsys.readouterr().err
    assert main([*arguments, "--device", "cpu", "--heads", "3", "--label", "deadlifting"]) == 0
    printed = capsys.readouterr().out
    assert "deadlifting: " in printed
    assert "Note: The file does not tell all of its model" in printed


def test_heads_are_told_for_either_checkpoint(recogniser_folder, clip_path, tmp_path, capsys):
    torch.save(
        {"model": OriginalPretraining(decoder_width=192, patch=56).state_dict()}, tmp_path / "a.pth"
    )
    arguments = ["reconstruct", str(clip_path), "--weights", str(recogniser_folder)]
    arguments += ["--reconstructor", str(tmp_path / "a.pth"), "--device", "cpu"]
    assert main([*arguments, "--heads", "2"]) == 2
    assert "--reconstructor-heads for the encoder of --reconstructor" in capsys.readouterr().err
    assert main([*arguments, "--heads", "2", "--reconstructor-heads", "3"]) == 0
    assert "taken for granted" in capsys.readouterr().out


def test_classify_writes_bars(run, clip_path, tmp_path):
    code, out, err = run("classify", clip_path, "--out", tmp_path / "new")
    assert code == 0
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"labels.json", "labels.png"}
    assert "labels.png" in err and "labels.png" not in out
    written = (tmp_path / "new" / "labels.json").read_text()
    assert json.loads(written)["clip"] == clip_path.name
    assert str(clip_path.parent) not in written


def test_attend_writes_the_promised_files(run, clip_path, tmp_path):
    code, out, _ = run("attend", clip_path, "--out", tmp_path, "--json", "--layers", "1-2")
    assert code == 0
    with np.load(tmp_path / "rollout.npz") as arrays:
        rollout = arrays["rollout"]
        assert arrays["timestamps_s"].shape == (4,)
    assert rollout.shape == (2, 4, 4)
    assert rollout.sum() == pytest.approx(1)
    result = json.loads(out)
    peak = tuple(result["peak"]["token"])
    assert rollout[peak] * rollout.size == pytest.approx(result["peak"]["times_uniform"])
    assert rollout.max() == rollout[peak]
    movie = scan(tmp_path / "heatmap.mp4")
    assert movie.count == 4
    assert movie.frame_interval_s == pytest.approx(2 / 15, rel=0.1)
    assert (tmp_path / "filmstrip.png").stat().st_size > 1000


def test_reconstruct_writes_the_promised_files(run, clip_path, tmp_path):
    code, out, _ = run(
        "reconstruct", clip_path, "--mask", "tube", "--ratio", 0.75, "--seed", 0,
        "--out", tmp_path,
    )  # fmt: skip
    assert code == 0
    assert "prediction" in out and "nearest-visible" in out and "dB" in out
    with np.load(tmp_path / "reconstruction.npz") as arrays:
        mask, prediction, target = (arrays[n] for n in ("mask", "prediction", "target"))
    assert mask.shape == (2, 4, 4) and mask.dtype == np.bool_
    assert mask[0].sum() == 12
    for frames in (prediction, target):
        assert frames.shape == (4, 32, 32, 3)
        assert frames.min() >= 0 and frames.max() <= 1
    hidden = mask.repeat(2, 0).repeat(8, 1).repeat(8, 2)
    np.testing.assert_array_equal(prediction[~hidden], target[~hidden])
    assert not np.array_equal(prediction[hidden], target[hidden])
    assert scan(tmp_path / "reconstruction.mp4").count == 4
    assert (tmp_path / "filmstrip.png").exists()


def test_explore_asks_all_lenses(run, clip_path, tmp_path):
    code, out, _ = run("explore", clip_path, "--json", "--out", tmp_path)
    result = json.loads(out)
    assert code == 0
    assert list(result) == ["labels", "rollout", "relevance", "reconstruction", "heads"]
    assert result["reconstruction"]["psnr_db"].keys() >= {"prediction", "visible-mean"}
    assert {path.name for path in tmp_path.iterdir()} == set(result)


def test_explore_does_what_a_checkpoint_without_labels_can(
    capsys, clip_path, reconstructor_folder, tmp_path
):
    arguments = ["explore", clip_path, "--weights", reconstructor_folder, "--out", tmp_path]
    assert main([*map(str, arguments), "--device", "cpu"]) == 0
    captured = capsys.readouterr().out
    assert "What the model sees" not in captured
    assert "pretrained without labels" in captured
    assert "PSNR over hidden pixels" in captured
    assert {path.name for path in tmp_path.iterdir()} == {"rollout", "reconstruction"}


def test_the_same_question_has_the_same_answer(run, clip_path):
    first = run("reconstruct", clip_path, "--json", "--mask", "random", "--seed", 5)
    second = run("reconstruct", clip_path, "--json", "--mask", "random", "--seed", 5)
    other = run("reconstruct", clip_path, "--json", "--mask", "random", "--seed", 6)
    assert first[1] == second[1] != other[1]


@pytest.mark.parametrize(
    "command", ["classify", "attend", "explain", "heads", "reconstruct", "explore"]
)
@pytest.mark.parametrize(
    ("out", "cause"),
    [("file", "it is a file"), ("file/deeper/still", "file is a file"), ("x" * 300, "too long")],
)
def test_a_place_that_takes_no_files_is_refused_before_any_work(
    run, clip_path, tmp_path, monkeypatch, command, out, cause
):
    (tmp_path / "file").write_bytes(b"mine")
    monkeypatch.setattr("videomae_demo.explorer.Explorer", None)
    code, printed, err = run(command, clip_path, "--out", tmp_path / out)
    assert (code, printed) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith("videomae_demo: --out is ") and cause in line
    assert (tmp_path / "file").read_bytes() == b"mine"


def test_a_folder_that_may_not_be_written_is_refused(run, clip_path, tmp_path, monkeypatch):
    monkeypatch.setattr("videomae_demo.cli.shared.os.access", lambda *_: False)
    code, _, err = run("classify", clip_path, "--out", tmp_path / "new")
    assert code == 2
    assert f"you may not write into {tmp_path}" in err
    assert not (tmp_path / "new").exists()


def test_a_disk_that_is_full_ends_in_a_sentence(run, clip_path, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("videomae_demo.lenses.recognise.LabelsView.save", full)
    code, out, err = run("classify", clip_path, "--out", tmp_path)
    assert (code, out) == (2, "")
    assert "can't be written" in err and "No space left on device" in err


def test_no_folder_is_made_for_a_clip_that_is_not_there(run, tmp_path):
    assert run("classify", tmp_path / "missing.mp4", "--out", tmp_path / "new")[0] == 2
    assert not (tmp_path / "new").exists()


def test_a_reconstruction_is_told_to_be_anothers(capsys, clip_path, recogniser_folder):
    arguments = ["explore", clip_path, "--weights", recogniser_folder, "--device", "cpu"]
    assert main([*map(str, arguments)]) == 0
    told = capsys.readouterr()
    name = recogniser_folder.name
    assert f"since {name} has no decoder." in told.out
    assert "Train them" not in told.err and "decoder." not in told.err
    assert len(told.err) < 200


@pytest.mark.parametrize(
    ("sampling", "indices"), [("every:2", [20, 22, 24, 26]), ("uniform", [6, 18, 30, 42])]
)
def test_frames_are_chosen_by_number_or_over_the_clip(run, clip_path, sampling, indices):
    code, out, _ = run("classify", clip_path, "--json", "--sampling", sampling)
    assert code == 0
    assert json.loads(out)["frames"]["indices"] == indices


def test_stored_pixels_reach_the_reader(run, clip_path, monkeypatch):
    asked = []
    scan_clip = clips.scan
    monkeypatch.setattr(
        clips, "scan", lambda *a, **k: asked.append(k["stored_pixels"]) or scan_clip(*a, **k)
    )
    run("classify", clip_path, "--stored-pixels")
    run("classify", clip_path)
    assert asked == [True, False]


@pytest.mark.parametrize("kind", ["tube", "random", "frame", "cell"])
def test_reconstruct_says_how_near_it_came_and_what_was_hidden(run, clip_path, kind):
    arguments = ("reconstruct", clip_path, "--mask", kind, "--ratio", 0.9)
    result = json.loads(run(*arguments, "--json")[1])
    text = run(*arguments)[1]
    assert f"  {result['verdict']}\n" in text
    assert f"ratio {result['mask']['ratio']:.4g}, seed 0" in text
    assert "90% was asked for; " in text and f"{100 * result['mask']['ratio']:g}%.\n" in text
    assert ("copied-in-time" in text) is (kind != "tube")
    assert result["mask"]["ratio"] == result["hidden_tokens"] / 32


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["classify", "missing.mp4"], "missing.mp4"),
        (["classify", "CLIP", "--top-k", "0"], "0 labels"),
        (["classify", "CLIP", "--label", "flying"], "'flying'"),
        (["classify", "CLIP", "--start", "99"], "99"),
        (["classify", "CLIP", "--sampling", "often"], "'often'"),
        (["classify", "CLIP", "--sampling", "-1"], "-1"),
        (["classify", "CLIP", "--sampling", "every:0"], "0"),
        (["classify", "CLIP", "--sampling", "every:x"], "'every:x'"),
        (["classify", "CLIP", "--start", "nan"], "nan"),
        (["classify", "CLIP", "--top-k", "-1"], "-1 labels"),
        (["classify", "CLIP", "--heads", "0"], "0"),
        (["attend", "CLIP", "--discard", "nan"], "nan"),
        (["attend", "CLIP", "--layers", "0-2"], "Layers 0 to 2"),
        (["attend", "CLIP", "--query", "0,0,99999999999999999999"], "outside the grid"),
        (["reconstruct", "CLIP", "--mask", "painted"], "painted"),
        (["reconstruct", "CLIP", "--ratio", "nan"], "nan"),
        (["attend", "CLIP", "--fusion", "sum"], "'sum'"),
        (["attend", "CLIP", "--discard", "1"], "1.0"),
        (["attend", "CLIP", "--layers", "2"], "'2'; write FROM-TO"),
        (["attend", "CLIP", "--layers", "2-9"], "layers 1 to 3"),
        (["attend", "CLIP", "--query", "0,0"], "'0,0'; write TIME,ROW,COLUMN"),
        (["attend", "CLIP", "--query", "0,0,9"], "outside the grid"),
        (["reconstruct", "CLIP", "--ratio", "1.5"], "1.5"),
        (["reconstruct", "CLIP", "--mask", "spiral"], "'spiral'"),
        (["reconstruct", "CLIP", "--seed", "-1"], "-1"),
    ],
)
def test_a_users_error_is_one_line_and_exit_code_2(run, clip_path, arguments, sentence):
    code, out, err = run(*(clip_path if word == "CLIP" else word for word in arguments))
    assert code == 2
    assert out == ""
    last = err.strip().splitlines()[-1]
    assert last.startswith("videomae_demo: ") and sentence in last
    assert "Traceback" not in err


def test_unknown_weights_and_devices_are_refused(clip_path, capsys):
    assert main(["classify", str(clip_path), "--weights", "no-such-weights"]) == 2
    assert "no-such-weights" in capsys.readouterr().err
    assert main(["classify", str(clip_path), "--device", "abacus"]) == 2
    assert "abacus" in capsys.readouterr().err


def test_it_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "videomae_demo", "classify"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "CLIP" in done.stderr


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("DECODED_FRAMES", "3", "limit decoded_frames is 3"),
        ("UPLOAD_MB", "lots", "VIDEOMAE_MAX_UPLOAD_MB is 'lots'"),
    ],
)
def test_limits_come_from_the_environment(run, clip_path, monkeypatch, name, value, sentence):
    monkeypatch.setenv(f"VIDEOMAE_MAX_{name}", value)
    code, out, err = run("classify", clip_path)
    assert (code, out) == (2, "")
    assert sentence in err
