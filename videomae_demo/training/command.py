"""The ``train`` command: render, pretrain, fine-tune, bundle, evaluate."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from videomae_demo.shipped import ASSETS

RUNS = Path("runs")


def add_train(commands: Any) -> None:
    """Add ``train`` and its own commands to the command line."""
    summary = "Train the bundled weights again: pretrain, finetune, bundle, evaluate, examples."
    command: argparse.ArgumentParser = commands.add_parser(
        "train", help=summary, description=summary
    )
    stages = command.add_subparsers(title="stages", required=True, metavar="STAGE")
    pretrain = _add_stage(stages, "pretrain", _pretrain, "Masked pretraining on synthetic clips.")
    _add_run_options(pretrain, RUNS / "pretrain", steps=2300)
    finetune = _add_stage(stages, "finetune", _finetune, "Teach a pretrained encoder the labels.")
    _add_run_options(finetune, RUNS / "finetune", steps=1500)
    finetune.add_argument(
        "--pretrained", type=Path, default=RUNS / "pretrain", help="folder of the pretraining run"
    )
    bundle = _add_stage(stages, "bundle", _bundle, "Write finished runs to the folder that ships.")
    bundle.add_argument("--pretrained", type=Path, default=RUNS / "pretrain")
    bundle.add_argument("--finetuned", type=Path, default=RUNS / "finetune")
    bundle.add_argument("--out", type=Path, default=ASSETS / "checkpoints")
    evaluate = _add_stage(stages, "evaluate", _evaluate, "Measure the card's figures.")
    evaluate.add_argument("--folder", type=Path, default=ASSETS / "checkpoints")
    evaluate.add_argument(
        "--clips", type=int, nargs=3, metavar=("LABELS", "PIXELS", "FRAMES"),
        default=(1000, 200, 2000),
        help="held-out clips for the two tables; clips to train the single-frame classifier on",
    )  # fmt: skip
    evaluate.add_argument(
        "--textures", type=Path, metavar="FOLDER",
        help="measure only whether the recogniser (LABELS clips) names motions rightly if grounds "
        "and things are cut from the pictures in FOLDER",
    )  # fmt: skip
    examples = _add_stage(stages, "examples", _examples, "Render the example clips.")
    examples.add_argument("--out", type=Path, default=ASSETS / "clips")
    examples.add_argument(
        "--sheet", type=Path, default=ASSETS / "checkpoints" / "examples.png",
        help="where a few moments of each are drawn, for the card",
    )  # fmt: skip


def _add_stage(stages: Any, name: str, run: Any, summary: str) -> argparse.ArgumentParser:
    stage: argparse.ArgumentParser = stages.add_parser(name, help=summary, description=summary)
    stage.set_defaults(run=run)
    return stage


def _add_run_options(stage: argparse.ArgumentParser, out: Path, steps: int) -> None:
    stage.add_argument("--out", type=Path, default=out, help=f"folder of the run ({out})")
    stage.add_argument("--steps", type=int, default=steps, help=f"how many steps ({steps})")
    stage.add_argument("--batch", type=int, default=24, help="clips per step (24)")
    stage.add_argument("--optimiser", default="muon", choices=("muon", "adamw"))
    stage.add_argument("--pool", type=int, default=4096, help="clips rendered at once (4096)")
    stage.add_argument("--seed", type=int, default=0, help="of weights, clips and masks (0)")
    stage.add_argument("--device", default="auto", help="auto, cuda, mps or cpu (auto)")


def _shared(parsed: argparse.Namespace) -> dict[str, Any]:
    return {
        "steps": parsed.steps,
        "batch_size": parsed.batch,
        "pool_clips": parsed.pool,
        "seed": parsed.seed,
        "optimiser": parsed.optimiser,
    }


def _pretrain(parsed: argparse.Namespace) -> None:
    from videomae_demo.device import choose_device
    from videomae_demo.training.pretrain import PretrainSettings, pretrain, small_config

    settings = PretrainSettings(**_shared(parsed))
    pretrain(small_config(), settings, parsed.out, choose_device(parsed.device))
    _say(f"The weights, the log and pictures are in {parsed.out}.")


def _finetune(parsed: argparse.Namespace) -> None:
    from videomae_demo.device import choose_device
    from videomae_demo.training.finetune import FinetuneSettings, finetune

    settings = FinetuneSettings(**_shared(parsed))
    finetune(parsed.pretrained, settings, parsed.out, choose_device(parsed.device))
    _say(f"The weights, the log and pictures are in {parsed.out}.")


def _bundle(parsed: argparse.Namespace) -> None:
    from videomae_demo.training.bundle import bundle

    bundle(parsed.finetuned, parsed.pretrained, parsed.out)
    _say(f"Both checkpoints are in {parsed.out}; now measure them: train evaluate.")


def _evaluate(parsed: argparse.Namespace) -> None:
    from videomae_demo.training.bundle import evaluate, evaluate_on_pictures

    if parsed.textures is not None:
        told = evaluate_on_pictures(parsed.folder, parsed.textures, parsed.clips[0])
    else:
        told = evaluate(parsed.folder, tuple(parsed.clips))
    sys.stdout.write(told)


def _examples(parsed: argparse.Namespace) -> None:
    from videomae_demo.training.examples import write_contact_sheet, write_examples

    parsed.out.mkdir(parents=True, exist_ok=True)
    for path in (*write_examples(parsed.out), write_contact_sheet(parsed.sheet)):
        _say(f"Wrote {path}")


def _say(message: str) -> None:
    sys.stderr.write(message + "\n")
