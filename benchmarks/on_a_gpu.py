"""All that a machine with a GPU is needed for, in one command: ``python -m benchmarks.on_a_gpu``.

Runs the tests that need CUDA and the measurements, most wanted first, each under a limit and all of
them within `WHOLE_S`. What each writes lies in the folder ``--out``; at the end it says what passed
and which goals are met. ``--rehearse`` runs the same on the processor with a tiny model.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

WHOLE_S = 25 * 60
"""No step begins, or goes on, after this."""


@dataclass(frozen=True, slots=True)
class Step:
    """One command, without the interpreter, and how long it may take."""

    name: str
    command: tuple[str, ...]
    limit_s: int


@dataclass(frozen=True, slots=True)
class Done:
    """How a step ended: its status (None: it was stopped), seconds, and its last line."""

    name: str
    status: int | None
    seconds: float
    last: str


def steps(rehearse: bool, out: Path) -> list[Step]:
    """Return what is to be run, in order."""
    device, rounds = ("cpu", "1") if rehearse else ("cuda", "10")
    sizes = ("tiny",) if rehearse else ("base", "small", "large")
    pytest = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0")
    gpu = ("-m", "benchmarks.gpu", "--device", device, "--rounds", rounds, "--out", str(out))
    run = out / "pretrain"
    finer = ("--size-px", "96", "--patch", "8", "--width", "192", "--depth", "8", "--ratio", "0.9")
    few = ("--steps", "2" if rehearse else "50", "--pool", "64" if rehearse else "1024")
    batch = ("--batch", "2" if rehearse else "24")
    train = ("-m", "videomae_demo", "train")
    trained = ("--device", device, *few, *batch)
    found = [Step("tests on the device", (*pytest, "tests/gpu"), 480)]
    found += [Step(f"measurements, {size}", (*gpu, "--size", size), 200) for size in sizes]
    found += [
        Step(
            "passes in forked processes",
            (*pytest, "tests/test_spaces.py", "-k", "never_touches_cuda"),
            240,
        ),
        Step(
            "pretraining at 96 px",
            (*train, "pretrain", *finer, *trained, "--out", str(run)),
            150,
        ),
        Step(
            "fine-tuning at 96 px",
            (*train, "finetune", "--pretrained", str(run), *trained, "--out", f"{out}/finetune"),
            150,
        ),
    ]
    if not rehearse:
        speed = ("-m", "benchmarks.model_speed", "--device", device, "--size", "base")
        found.append(Step("against transformers, base", speed, 120))
        found.append(Step("compiled, base", (*gpu, "--size", "base", "--parts", "compiled"), 150))
    return found


def run(step: Step, out: Path, left_s: float, environment: dict[str, str]) -> Done:
    """Run one step; what it writes goes to a file of its own."""
    began = time.monotonic()
    path = out / f"{step.name.replace(' ', '-').replace(',', '')}.txt"
    with path.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            [sys.executable, *step.command],
            stdout=file, stderr=subprocess.STDOUT, env=environment, start_new_session=True,
        )  # fmt: skip
        try:
            status: int | None = process.wait(min(step.limit_s, left_s))
        except subprocess.TimeoutExpired:
            status = None
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    last = next((line for line in reversed(lines) if line.strip()), "")
    return Done(step.name, status, time.monotonic() - began, last.strip()[-150:])


def tell(done: list[Done], out: Path) -> str:
    """Write how each step ended, and which goals are met."""
    lines = []
    for one in done:
        ended = {0: "passed", None: "STOPPED"}.get(one.status, f"FAILED ({one.status})")
        lines.append(f"{ended:12} {one.seconds:5.0f} s  {one.name}: {one.last}")
    for path in sorted(out.glob("gpu-*.json")):
        goals = json.loads(path.read_text(encoding="utf-8"))["goals"]
        lines += [
            f"{'goal met' if met else 'GOAL MISSED':12} {goal}" for goal, met in goals.items()
        ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run all steps, and say how they ended."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("runs") / "on_a_gpu")
    parser.add_argument("--rehearse", action="store_true", help="on the processor, tiny")
    parser.add_argument("--whole-s", type=float, default=WHOLE_S, help="limit of all together")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    environment = dict(os.environ) | ({"EXPLORER_GPU_TESTS": "cpu"} if chosen.rehearse else {})
    ends, done = time.monotonic() + chosen.whole_s, []
    for step in steps(chosen.rehearse, chosen.out):
        left_s = ends - time.monotonic()
        if left_s < 1:
            done.append(Done(step.name, None, 0.0, "no time was left"))
            continue
        print(f"{step.name}, at most {min(step.limit_s, left_s):.0f} s", flush=True)
        done.append(run(step, chosen.out, left_s, environment))
        told = tell(done, chosen.out)
        (chosen.out / "summary.txt").write_text(told, encoding="utf-8")  # also if we are stopped
        (chosen.out / "summary.json").write_text(
            json.dumps([asdict(one) for one in done], indent=2) + "\n", encoding="utf-8"
        )
    print("\n" + tell(done, chosen.out))
    sys.exit(0 if all(one.status == 0 for one in done) else 1)


if __name__ == "__main__":
    main()
