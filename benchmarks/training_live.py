"""How soon the page's training shows something: ``python -m benchmarks.training_live``.

The training of the page Train, without a page: speed, held-out loss and PSNR after so many minutes
of steps, beside the best filling that needs no model; then a fine-tuning of what was learnt, and
the same from an untrained encoder.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from benchmarks.machine import describe_machine
from videomae_demo.device import choose_device
from videomae_demo.model.videomae import VideoMAEForPreTraining
from videomae_demo.training.live.beginning import begin
from videomae_demo.training.live.progress import HeldOut, LiveRun, Step
from videomae_demo.training.live.settings import FinetuningSettings, PretrainingSettings

MINUTES = (0.0, 1.0, 3.0, 5.0)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mask", default="random", help="tube or random (random)")
    parser.add_argument("--ratio", type=float, default=0.75, help="of hidden tokens (0.75)")
    parser.add_argument("--rate", type=float, default=0.02, help="of learning (0.02)")
    parser.add_argument("--steps", type=int, default=1500, help="of each training (1500)")
    parser.add_argument(
        "--minutes", type=float, nargs="+", default=MINUTES, help="when to tell (0 1 3 5)"
    )
    given = parser.parse_args()
    print(describe_machine("torch"), flush=True)
    settings = PretrainingSettings(
        mask=given.mask, ratio=given.ratio, rate=given.rate, steps=given.steps
    )
    run = begin(settings, choose_device())
    print(f"{settings}; the best filling: {run.subject.rival_score:.2f} dB", flush=True)
    follow(run, given.minutes, "dB")
    model = run.model
    assert isinstance(model, VideoMAEForPreTraining)
    for start in ("here", "untrained"):
        fine = FinetuningSettings(start=start, rate=given.rate, steps=given.steps)
        print(fine, flush=True)
        follow(begin(fine, choose_device(), model), given.minutes, "right")


def follow(run: LiveRun, minutes: Sequence[float], unit: str) -> None:
    """Take all steps of a training; print what was measured last at these minutes and the end."""
    due, began = list(minutes), time.monotonic()
    held: HeldOut | None = None
    for told in run.steps():
        if not isinstance(told, Step):
            continue
        held = told.held_out or held
        passed = (time.monotonic() - began) / 60
        is_last = told.step == run.settings.steps
        while held is not None and due and passed >= due[0]:
            tell(due.pop(0), told.step, passed, held, unit)
        if held is not None and is_last:
            tell(passed, told.step, passed, held, unit)


def tell(minute: float, step: int, passed: float, held: HeldOut, unit: str) -> None:
    """Print a line."""
    speed = step / (60 * passed) if passed else 0.0
    print(
        f"{minute:4.1f} min: step {step}, {speed:.1f} steps/s, held-out loss {held.loss:.4f}, "
        f"{held.score:.2f} {unit}",
        flush=True,
    )


if __name__ == "__main__":
    main()
