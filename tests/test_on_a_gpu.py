"""The one command for a machine with a GPU: its limits, and what it says at the end."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import gpu, on_a_gpu
from benchmarks.on_a_gpu import Step, run, steps, tell

ROOT = Path(__file__).resolve().parents[1]


def ran(tmp_path, code: str, limit_s: int = 60, left_s: float = 60):
    return run(Step("a step", ("-c", code), limit_s), tmp_path, left_s, dict(os.environ))


def test_a_step_leaves_its_last_line_and_its_status(tmp_path):
    passed = ran(tmp_path, "print('one'); print('two'); print()")
    assert (passed.status, passed.last) == (0, "two")
    assert (tmp_path / "a-step.txt").read_text().split() == ["one", "two"]
    assert ran(tmp_path, "raise SystemExit(3)").status == 3


@pytest.mark.parametrize(("limit_s", "left_s"), [(1, 60), (60, 1)])
def test_a_step_is_stopped_at_its_limit_and_at_that_of_all(tmp_path, limit_s, left_s):
    stopped = ran(tmp_path, "import time; time.sleep(50)", limit_s, left_s)
    assert stopped.status is None and 1 <= stopped.seconds < 30


def test_the_end_says_what_passed_and_which_goals_are_met(tmp_path):
    report = {"goals": {"base: fast": True, "base: small": False}}
    (tmp_path / "gpu-base-all.json").write_text(json.dumps(report))
    done = [ran(tmp_path, code) for code in ("print('fine')", "raise SystemExit(1)")]
    lines = tell(done, tmp_path).splitlines()
    assert [line[:12].strip() for line in lines] == [
        "passed",
        "FAILED (1)",
        "goal met",
        "GOAL MISSED",
    ]
    assert lines[0].endswith("a step: fine") and lines[3].endswith("base: small")


@pytest.mark.parametrize("rehearse", [True, False])
def test_every_step_is_a_command_of_ours(tmp_path, rehearse):
    found = steps(rehearse, tmp_path)
    assert sum(step.limit_s for step in found[:3]) < on_a_gpu.WHOLE_S  # the most wanted ones
    assert {step.command[1] for step in found} <= {
        "pytest", "benchmarks.gpu", "benchmarks.model_speed", "videomae_demo",
    }  # fmt: skip
    assert ("cpu" in found[1].command) is rehearse


def test_the_tests_among_the_steps_are_found(tmp_path):
    """With what they are called by: a whole half hour of a card would go without them."""
    tests = [step for step in steps(False, tmp_path) if step.command[1] == "pytest"]
    assert len(tests) == 2
    for step in tests:
        done = subprocess.run(
            [sys.executable, *step.command, "--collect-only"],
            cwd=ROOT, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_rehearsal_measures_a_tiny_model(tmp_path, monkeypatch, capsys):
    command = ["gpu", "--size", "tiny", "--device", "cpu", "--rounds", "1", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", [*command, "--parts", "recording", "page"])
    monkeypatch.setattr(gpu, "RECORDING", 0.0)
    gpu.main()
    report = json.loads((tmp_path / "gpu-tiny-recording-page.json").read_text())
    assert list(report["tables"]) == ["tiny: recording", "tiny: page"]
    head, *rows = report["tables"]["tiny: recording"]
    assert len(rows) == 12 and all(len(row) == len(head) for row in rows)
    assert rows[0][0] == "plain" and rows[0][2] == 1
    (recording, met), _ = report["goals"].items()
    assert recording.startswith("tiny: recording") and met is False
    assert "MISSED tiny: recording" in capsys.readouterr().out
