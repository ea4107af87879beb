"""A whole evaluation: its files, and how it goes on after it was killed."""

import json
import os
import signal
import subprocess
import sys

import pytest

from videomae_demo import Explorer, RequestError, Views
from videomae_demo.cli.main import main
from videomae_demo.dataset import evaluate as evaluating
from videomae_demo.dataset.evaluate import evaluate
from videomae_demo.dataset.judging import Judging, judge
from videomae_demo.dataset.table import FILE

ENDS = ("predictions.csv", "metrics.json")


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(evaluating, "chunk_size", lambda _engine, _judging: 4)


@pytest.fixture
def whole(explorer, data_set, tmp_path) -> dict[str, str]:
    """What an evaluation that was never stopped leaves behind."""
    folder = tmp_path / "whole"
    for _ in evaluate(explorer, data_set, folder):
        pass
    return {name: (folder / name).read_text("utf-8") for name in ENDS}


def finish(explorer, data_set, folder, **options):
    *_, found = evaluate(explorer, data_set, folder, **options)
    return found, {name: (folder / name).read_text("utf-8") for name in ENDS}


def test_it_grows_chunk_by_chunk(explorer, data_set, tmp_path):
    growing = list(evaluate(explorer, data_set, tmp_path / "new"))
    assert [len(one.new) for one in growing] == [0, 4, 4, 2, 0]
    assert (
        growing[0].seconds_left is None
        and growing[-1].seconds_left == 0.0 == growing[-2].seconds_left
    )
    assert growing[1].seconds_left > 0
    last = growing[-1]
    assert last.done == 10 and last.metrics.failed == 1
    rows = list(last.rows())
    right = sum(row.rank == 1 for row in rows if row.error is None)
    assert (last.metrics.top_1.count, last.metrics.top_1.of) == (right, 9)
    told = json.loads((tmp_path / "new" / "metrics.json").read_text())
    assert told["top_1"]["count"] == right and told["clips"] == 10 and told["failed"] == 1
    assert told["views"] == "1x1" and told["sampling_is_known"] is False
    assert any("'Staying_still' is 'staying still'" in said for said in told["verdict"])


@pytest.mark.parametrize("cut", [0, 1, 37], ids=["whole", "one byte", "half a line"])
def test_a_killed_run_goes_on_and_ends_the_same(explorer, data_set, tmp_path, whole, cut):
    folder = tmp_path / "killed"
    growing = evaluate(explorer, data_set, folder)
    while next(growing).done < 8:
        pass
    growing.close()
    os.truncate(folder / FILE, (folder / FILE).stat().st_size - cut)
    judged = []

    def counting(engine, items, *others):
        judged.extend(item.name for item in items)
        return judge(engine, items, *others)

    _, files = finish(explorer, data_set, folder, resume=True, runner=counting)
    assert files == whole
    assert len(judged) == (6 if cut else 2)  # a chunk that was cut off is judged again, whole


def test_rows_may_come_in_any_order(explorer, data_set, tmp_path, whole):
    def backwards(*about):
        return reversed(list(judge(*about)))

    _, files = finish(explorer, data_set, tmp_path / "backwards", runner=backwards)
    assert files == whole


def test_a_finished_run_has_nothing_left(explorer, data_set, tmp_path):
    folder = tmp_path / "done"
    finish(explorer, data_set, folder)

    def never(*_about):
        raise AssertionError("Nothing was left to judge.")

    found, _ = finish(explorer, data_set, folder, resume=True, runner=never)
    assert found.done == 10


def test_rows_of_something_else_are_not_gone_on_with(explorer, data_set, tmp_path):
    folder = tmp_path / "done"
    finish(explorer, data_set, folder)
    with pytest.raises(RequestError, match="holds an evaluation; go on with it"):
        next(evaluate(explorer, data_set, folder))
    with pytest.raises(RequestError, match=r"another evaluation \(changes differ\)"):
        next(evaluate(explorer, data_set, folder, Judging(changes=False), resume=True))
    other = Explorer("bundled", device="cpu")
    with pytest.raises(RequestError, match=r"another evaluation \(weights differ\)"):
        next(evaluate(other, data_set, folder, resume=True))


def test_other_views_or_labels_are_another_evaluation(explorer, data_set, tmp_path):
    listing, folder = tmp_path / "list.csv", tmp_path / "out"
    clip = data_set / "moving left" / "0.mp4"
    listing.write_text(f"{clip},moving left\n")
    finish(explorer, listing, folder)
    with pytest.raises(RequestError, match=r"\(views differ\)"):
        next(evaluate(explorer, listing, folder, Judging(Views(2, 1)), resume=True))
    listing.write_text(f"{clip},moving right\n")
    with pytest.raises(RequestError, match=r"\(list differ\)"):
        next(evaluate(explorer, listing, folder, resume=True))


def test_lines_that_are_no_rows_are_named(explorer, data_set, tmp_path):
    (tmp_path / FILE).write_text("what\n")
    with pytest.raises(RequestError, match=r"line that is no JSON \('what"):
        next(evaluate(explorer, data_set, tmp_path, resume=True))


def test_a_folder_that_is_a_file_is_refused(explorer, data_set, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RequestError, match="can't be written into"):
        next(evaluate(explorer, data_set, tmp_path / "file"))


def test_the_command(recogniser_folder, data_set, tmp_path, capsys):
    out = tmp_path / "out"
    words = ["evaluate", str(data_set), "--weights", str(recogniser_folder), "--out", str(out)]
    assert main([*words, "--views", "2x1", "--device", "cpu"]) == 0
    shown = capsys.readouterr()
    assert "Top-1 " in shown.out and "1 of 10 clips could not be read." in shown.out
    assert "moving left/broken.mp4: " in shown.err
    assert main([*words, "--views", "2x1", "--resume", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads((out / "metrics.json").read_text())
    assert told["views"] == "2x1"
    assert main(words) == 2
    assert "--resume" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--workers", "--address", "--gpus-per-worker"])
def test_options_of_ray_are_for_ray(data_set, option, capsys):
    assert main(["evaluate", str(data_set), option, "1"]) == 2
    assert f"{option} is for --engine ray alone" in capsys.readouterr().err


def test_ray_gets_what_was_asked(recogniser_folder, data_set, tmp_path, monkeypatch):
    asked = {}

    def ray_runner(workers, address, gpus_per_worker, *, device):
        asked.update(workers=workers, address=address, gpus=gpus_per_worker, device=device)
        return judge

    monkeypatch.setattr("videomae_demo.dataset.ray_engine.ray_runner", ray_runner)
    words = ["evaluate", str(data_set), "--weights", str(recogniser_folder), "--engine", "ray"]
    out = ["--out", str(tmp_path / "out"), "--device", "cpu"]
    assert main([*words, *out, "--workers", "3", "--address", "here:1", "--no-changes"]) == 0
    assert asked == {"workers": 3, "address": "here:1", "gpus": 0, "device": "cpu"}


@pytest.mark.slow
def test_a_process_that_is_killed_loses_nothing(recogniser_folder, data_set, tmp_path):
    """Without small chunks: every clip alone, by a process of its own that gets SIGKILL."""
    words = ["evaluate", str(data_set), "--weights", str(recogniser_folder), "--device", "cpu"]
    command = [sys.executable, "-c", RUN, *words]
    done = subprocess.run([*command, "--out", str(tmp_path / "whole")], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    folder = tmp_path / "killed"
    with subprocess.Popen([*command, "--out", str(folder)], stderr=subprocess.DEVNULL) as running:
        rows = folder / FILE
        while running.poll() is None and (
            not rows.exists() or len(rows.read_bytes().splitlines()) < 4
        ):
            pass
        running.send_signal(signal.SIGKILL)
    assert not (folder / "metrics.json").exists()
    done = subprocess.run([*command, "--out", str(folder), "--resume"], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    for name in ENDS:
        assert (folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


RUN = """
import sys
from videomae_demo.cli.main import main
from videomae_demo.dataset import evaluate, judging
evaluate.chunk_size = lambda _engine, _judging: 1
sys.exit(main(sys.argv[1:]))
"""
