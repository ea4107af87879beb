"""Commands about several clips: which ones are meant, what is told of each, and what fails."""

import json
import os
import shutil
from pathlib import Path

import pytest

from videomae_demo import ClipRequest, Explorer, RequestError
from videomae_demo.cli.clips import are_several, find_clips, folder_names
from videomae_demo.cli.main import main


@pytest.fixture
def folder(tmp_path, clip_path) -> Path:
    """b.mp4, a.mp4 and deep/a.mp4, a text, and a clip whose name begins with a dot."""
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for name in ("b.mp4", "a.mp4", "deep/a.mp4", ".hidden.mp4"):
        shutil.copyfile(clip_path, tmp_path / "in" / name)
    (tmp_path / "in" / "notes.txt").write_text("no clip")
    return tmp_path / "in"


@pytest.fixture
def run(capsys, recogniser_folder, reconstructor_folder):
    """Run one command with the tiny checkpoints; return (exit code, stdout, stderr)."""

    def call(command, *arguments):
        weights = ["--weights", str(recogniser_folder), "--device", "cpu"]
        if command in ("reconstruct", "explore", "lesson"):
            weights += ["--reconstructor", str(reconstructor_folder)]
        code = main([command, *map(str, arguments), *weights])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def told(out: str) -> list[dict]:
    return [json.loads(line) for line in out.splitlines()]


# Which clips are meant.


def test_a_folder_means_the_clips_in_it(folder):
    found = find_clips([folder])
    assert found == [folder / "a.mp4", folder / "b.mp4", folder / "deep" / "a.mp4"]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.mp4", ["a.mp4", "b.mp4"]),
        ("**/*.mp4", ["a.mp4", "b.mp4", "deep/a.mp4"]),
        ("[b]*", ["b.mp4"]),
        ("?.mp4", ["a.mp4", "b.mp4"]),
        ("*", ["a.mp4", "b.mp4", "notes.txt"]),
    ],
)
def test_a_pattern_is_expanded_and_sorted(folder, pattern, names):
    assert find_clips([folder / pattern]) == [folder / name for name in names]


def test_the_order_is_that_of_the_command_and_each_file_comes_once(folder, monkeypatch):
    (folder / "link.mp4").symlink_to(folder / "b.mp4")
    monkeypatch.chdir(folder)
    asked = ["b.mp4", "deep", "./b.mp4", "link.mp4", str(folder / "b.mp4"), "*.mp4", "no.mp4"]
    found = find_clips([Path(one) for one in asked])
    assert [str(one) for one in found] == ["b.mp4", "deep/a.mp4", "a.mp4", "no.mp4"]


def test_a_name_with_brackets_is_a_name_if_there_is_such_a_file(folder):
    shutil.copyfile(folder / "b.mp4", folder / "[a].mp4")
    assert find_clips([folder / "[a].mp4"]) == [folder / "[a].mp4"]
    assert not are_several([folder / "[a].mp4"])
    assert are_several([folder / "[b].mp4"])


def test_one_name_is_one_clip_and_all_else_are_several(folder):
    assert not are_several([folder / "a.mp4"])
    assert not are_several([folder / "missing.mp4"])
    assert not are_several([Path("x" * 300)])
    assert are_several([folder / "deep"])
    assert are_several([folder / "a.mp4", folder / "a.mp4"])


@pytest.mark.parametrize(
    ("name", "why"), [("*.avi", "No file matches '.*avi'"), ("empty", "holds no clips")]
)
def test_what_stands_for_no_clip_is_refused_before_any_work(run, folder, monkeypatch, name, why):
    (folder / "empty").mkdir()
    monkeypatch.setattr("videomae_demo.explorer.Explorer", None)
    with pytest.raises(RequestError, match=why):
        find_clips([folder / name])
    code, out, err = run("classify", folder / "a.mp4", folder / name)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith("videomae_demo: ")


def test_folders_have_names_of_their_own():
    paths = [
        "a.mp4",
        "b/a.mp4",
        "A.mov",
        "a-2.mp4",
        "c/a.mp4",
        "..mp4",
        "b.c.mp4",
        "D.mp4",
        "d.mp4",
    ]
    assert folder_names([Path(path) for path in paths]) == [
        "a", "a-2", "A-3", "a-2-2", "a-4", "clip", "b.c", "D", "d-2",
    ]  # fmt: skip


# What is told of each.


def test_json_lines_have_the_answers_in_the_order_asked(run, folder, recogniser_folder):
    code, out, err = run("classify", folder / "b.mp4", folder, "--json", "--start", "0.5")
    lines = told(out)
    assert code == 0
    assert [line["clip"] for line in lines] == ["b.mp4", "a.mp4", "a.mp4"]
    assert [Path(line["path"]) for line in lines] == find_clips([folder / "b.mp4", folder])
    alone = Explorer(str(recogniser_folder), device="cpu").classify(
        ClipRequest(folder / "a.mp4", 0.5)
    )
    for line in lines:
        assert line["labels"][0]["label"] == alone.classification.top(1)[0].label
        best = alone.classification.top(1)[0].probability
        assert line["labels"][0]["probability"] == pytest.approx(best, abs=1e-6)
        assert line["frames"]["timestamps_s"][0] == pytest.approx(0.5, abs=0.05)
        assert "folder" not in line
    assert err.count("Starting") == 1
    for number in (1, 2, 3):
        assert f"{number} of 3: " in err


@pytest.mark.parametrize(
    "command", ["attend", "explain", "heads", "reconstruct", "tokens", "explore", "lesson"]
)
def test_every_command_takes_several(run, folder, command):
    code, out, err = run(command, folder / "a.mp4", folder / "b.mp4", "--json")
    assert code == 0, err
    first, second = told(out)
    assert (first["clip"], second["clip"]) == ("a.mp4", "b.mp4")
    single = json.loads(run(command, folder / "a.mp4", "--json")[1])
    for answer in (first, single) if command == "lesson" else ():
        del answer["steps"]  # it tells how long passes took
    assert {"clip": "a.mp4", "path": str(folder / "a.mp4")} | single == first


def test_text_has_a_heading_for_each_clip(run, folder):
    code, out, _ = run("classify", folder / "a.mp4", folder / "b.mp4", "--top-k", 1)
    single = run("classify", folder / "a.mp4", "--top-k", 1)[1]
    assert code == 0
    assert out == f"== {folder / 'a.mp4'}\n{single}\n== {folder / 'b.mp4'}\n{single}\n"


def test_a_pattern_with_one_match_is_told_as_several(run, folder):
    code, out, _ = run("classify", folder / "b*", "--json")
    (line,) = told(out)
    assert (code, line["clip"]) == (0, "b.mp4")


def test_each_clip_has_a_folder_of_its_own(run, folder, tmp_path):
    code, out, _ = run("classify", folder, "--json", "--out", tmp_path / "out")
    assert code == 0
    assert [line["folder"] for line in told(out)] == ["a", "b", "a-2"]
    for line in told(out):
        written = json.loads((tmp_path / "out" / line["folder"] / "labels.json").read_text())
        assert {key: line[key] for key in written} == written
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a", "b", "a-2"}


def test_all_views_are_in_folders_of_their_clip(run, folder, tmp_path):
    asked = [folder / "a.mp4", folder / "b.mp4"]
    code, _, _ = run("explore", *asked, "--out", tmp_path / "out")
    assert code == 0
    for name in "ab":
        parts = {path.name for path in (tmp_path / "out" / name).iterdir()}
        assert {"labels", "rollout", "relevance", "reconstruction", "heads"} == parts


def test_weights_are_loaded_once(run, folder, monkeypatch):
    from videomae_demo.engine import engine

    loaded, load = [], engine.load_recogniser
    monkeypatch.setattr(engine, "load_recogniser", lambda *a: loaded.append(a) or load(*a))
    assert run("attend", folder, "--json")[0] == 0
    assert len(loaded) == 1


def test_labels_alone_take_no_recorded_pass(run, folder, monkeypatch):
    monkeypatch.setattr("videomae_demo.engine.engine.recognise", None)
    assert run("classify", folder / "a.mp4")[0] == 0
    assert run("classify", folder)[0] == 0


# What fails.


@pytest.mark.parametrize("command", ["classify", "attend"])
def test_one_clip_that_fails_does_not_end_the_others(run, folder, command):
    (folder / "broken.mp4").write_bytes(b"no clip at all")
    asked = [folder / "a.mp4", folder / "broken.mp4", folder / "gone.mp4", folder / "b.mp4"]
    code, out, err = run(command, *asked, "--json")
    lines = told(out)
    assert code == 2
    assert [line["clip"] for line in lines] == ["a.mp4", "broken.mp4", "gone.mp4", "b.mp4"]
    assert ["error" in line for line in lines] == [False, True, True, False]
    assert set(lines[2]) == {"clip", "path", "error"}
    assert "does not exist" in lines[2]["error"]
    said = [line for line in err.splitlines() if line.startswith("videomae_demo: ")]
    assert said == [
        f"videomae_demo: {asked[1]}: {lines[1]['error']}",
        f"videomae_demo: {asked[2]}: {lines[2]['error']}",
        "videomae_demo: 2 of 4 clips failed; the others are done.",
    ]
    code, out, err = run(command, *asked)
    assert code == 2
    assert out.count("== ") == 2 and "broken" not in out
    assert "2 of 4 clips failed" in err


@pytest.mark.parametrize("command", ["classify", "attend"])
def test_a_request_that_does_not_fit_one_clip_is_its_own(run, folder, clip_frames, command):
    from videomae_demo.video.encode import write_mp4

    write_mp4(folder / "short.mp4", clip_frames[:24], 24)
    code, out, _ = run(command, folder / "a.mp4", folder / "short.mp4", "--json", "--start", 1.5)
    assert code == 2
    assert ["error" in line for line in told(out)] == [False, True]


def test_all_that_fail_are_told_so(run, tmp_path):
    code, out, err = run("classify", tmp_path / "no.mp4", tmp_path / "none.mp4")
    assert (code, out) == (2, "")
    assert err.splitlines()[-1] == "videomae_demo: 2 of 2 clips failed."


@pytest.mark.parametrize(
    "arguments", [["--top-k", "0"], ["--label", "flying"], ["--weights", "no-such-weights"]]
)
def test_what_all_have_in_common_ends_at_once(folder, capsys, arguments, recogniser_folder):
    weights = ["--weights", str(recogniser_folder)]
    code = main(["classify", str(folder), "--json", "--device", "cpu", *weights, *arguments])
    captured = capsys.readouterr()
    assert (code, captured.out) == (2, "")
    said = [line for line in captured.err.splitlines() if line.startswith("videomae_demo: ")]
    assert len(said) == 1 and arguments[1] in said[0]


def test_a_disk_that_is_full_ends_at_once(run, folder, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("videomae_demo.lenses.recognise.LabelsView.save", full)
    code, out, err = run("classify", folder, "--out", tmp_path / "out")
    assert (code, out) == (2, "")
    assert err.count("No space left on device") == 1


@pytest.mark.parametrize("command", ["classify", "attend"])
def test_an_interrupt_leaves_what_is_done(run, folder, monkeypatch, command):
    ask = Explorer.attend
    asked = []

    def attend_once(explorer, clip, settings):
        asked.append(clip)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return ask(explorer, clip, settings)

    def classify_once(explorer, clips):
        for number, clip in enumerate(clips):
            if number:
                raise KeyboardInterrupt
            yield clip, explorer.classify(clip)

    monkeypatch.setattr(Explorer, "attend", attend_once)
    monkeypatch.setattr(Explorer, "classify_many", classify_once)
    code, out, err = run(command, folder, "--json")
    assert code == 130
    assert [line["clip"] for line in told(out)] == ["a.mp4"]
    assert err.splitlines()[-1] == "videomae_demo: interrupted; 1 of 3 clips are done."


def test_a_reader_that_has_seen_enough_ends_it(folder, recogniser_folder, monkeypatch, capsys):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as gone:
        monkeypatch.setattr("sys.stdout", gone)
        code = main(["classify", str(folder), "--json", "--weights", str(recogniser_folder)])
    assert code == 141
    assert "Traceback" not in capsys.readouterr().err


def test_help_says_what_holds_for_several(capsys):
    with pytest.raises(SystemExit):
        main(["attend", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "CLIP [CLIP ...]" in said
    assert "all options hold for every clip" in said
    assert "of several clips, one in each line (JSON Lines)" in said
    assert "of several clips, each into a folder of its own" in said


def test_a_file_that_can_not_be_looked_at_is_told_of_later():
    assert find_clips([Path("x" * 300)]) == [Path("x" * 300)]
