"""The ``train`` command: pretrain, fine-tune (also on one's own clips), bundle, evaluate."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from videomae_demo.shipped import ASSETS
from videomae_demo.training.own.command import (
    DEFAULTS,
    add_own_options,
    check_not_own,
    run_own,
)
from videomae_demo.training.own.command import OUT as OWN_OUT

RUNS = Path("runs")
PRETRAINED, FINETUNED = RUNS / "pretrain", RUNS / "finetune"
SHIPPED_CHECKPOINTS, SHIPPED_CLIPS = Path("assets/checkpoints"), Path("assets/clips")
"""In the project's own folder; where the package is installed, nothing is written into it."""
OPTIMISERS = ("muon", "adamw")
FINETUNE_STEPS, BATCH, POOL = 1500, 24, 4096


def add_train(commands: Any) -> None:
    """Add ``train`` and its own commands to the command line."""
    summary = "Fine-tune on your own clips (finetune --data), or train the bundled weights again."
    command: argparse.ArgumentParser = commands.add_parser(
        "train", help=summary, description=summary
    )
    stages = command.add_subparsers(title="stages", required=True, metavar="STAGE")
    pretrain = _add_stage(stages, "pretrain", _pretrain, "Masked pretraining on synthetic clips.")
    _add_run_options(pretrain, PRETRAINED, steps=2300)
    _add_architecture(pretrain)
    pretrain.add_argument(
        "--from", dest="begin", type=Path, metavar="FOLDER",
        help="begin with these weights of the same patch, width and depth, whatever their size",
    )  # fmt: skip
    _add_finetune(stages)
    bundle = _add_stage(stages, "bundle", _bundle, "Write finished runs to the folder that ships.")
    bundle.add_argument("--pretrained", type=Path, default=PRETRAINED)
    bundle.add_argument("--finetuned", type=Path, default=FINETUNED)
    bundle.add_argument(
        "--out", type=Path, default=SHIPPED_CHECKPOINTS, help=f"({SHIPPED_CHECKPOINTS})"
    )
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
    examples.add_argument("--out", type=Path, default=SHIPPED_CLIPS, help=f"({SHIPPED_CLIPS})")
    examples.add_argument(
        "--sheet", type=Path, default=SHIPPED_CHECKPOINTS / "examples.png",
        help="where a few moments of each are drawn, for the card "
        f"({SHIPPED_CHECKPOINTS / 'examples.png'})",
    )  # fmt: skip


def _add_finetune(stages: Any) -> None:
    summary = "Teach a checkpoint labels: your own (--data), or those of the bundled weights."
    stage = _add_stage(stages, "finetune", _finetune, summary)
    add_own_options(stage)
    stage.add_argument(
        "--out", type=Path, help=f"folder of the run ({OWN_OUT} with --data, or {FINETUNED})"
    )
    stage.add_argument(
        "--steps", type=int, help=f"how many steps (with --data: by --epochs; or {FINETUNE_STEPS})"
    )
    stage.add_argument(
        "--batch", type=int,
        help=f"clips per step ({DEFAULTS.batch} with --data, or {BATCH})",
    )  # fmt: skip
    stage.add_argument(
        "--seed",
        type=int,
        help="of new weights, and of which clips are held out and when shown (0)",
    )
    stage.add_argument("--device", default="auto", help="auto, cuda, mps or cpu (auto)")
    bundled = stage.add_argument_group("the bundled weights, on synthetic clips")
    bundled.add_argument(
        "--pretrained", type=Path, help=f"folder of the pretraining run ({PRETRAINED})"
    )
    bundled.add_argument("--optimiser", choices=OPTIMISERS, help=f"({OPTIMISERS[0]})")
    bundled.add_argument("--pool", type=int, help=f"clips rendered at once ({POOL})")
    bundled.add_argument(
        "--ratio", type=float, help="share of the tokens that each step drops (0.3 to 0.7)"
    )


def _add_stage(stages: Any, name: str, run: Any, summary: str) -> argparse.ArgumentParser:
    stage: argparse.ArgumentParser = stages.add_parser(name, help=summary, description=summary)
    stage.set_defaults(run=run)
    return stage


def _add_run_options(stage: argparse.ArgumentParser, out: Path, steps: int) -> None:
    stage.add_argument("--out", type=Path, default=out, help=f"folder of the run ({out})")
    stage.add_argument("--steps", type=int, default=steps, help=f"how many steps ({steps})")
    stage.add_argument("--batch", type=int, default=BATCH, help=f"clips per step ({BATCH})")
    stage.add_argument("--optimiser", default=OPTIMISERS[0], choices=OPTIMISERS)
    stage.add_argument("--pool", type=int, default=POOL, help=f"clips rendered at once ({POOL})")
    stage.add_argument("--seed", type=int, default=0, help="of weights, clips and masks (0)")
    stage.add_argument("--device", default="auto", help="auto, cuda, mps or cpu (auto)")


def _add_architecture(stage: argparse.ArgumentParser) -> None:
    """Add what the model that is pretrained is like; a fine-tuning takes it from there."""
    stage.add_argument("--size-px", type=int, default=64, help="height and width of frames (64)")
    stage.add_argument("--patch", type=int, default=8, help="those of a token (8)")
    stage.add_argument("--width", type=int, default=160, help="of the encoder (160)")
    stage.add_argument("--depth", type=int, default=6, help="layers of the encoder (6)")
    stage.add_argument(
        "--ratio", type=float, help="share of the tokens that each step hides (0.5 to 0.9)"
    )


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
    from videomae_demo.training.architecture import architecture, describe, hidden_shares
    from videomae_demo.training.pretrain import PretrainSettings, pretrain

    hidden = hidden_shares(parsed.ratio, "ratio_low", "ratio_high")
    settings = PretrainSettings(**_shared(parsed), **hidden)
    config = architecture(parsed.size_px, parsed.patch, parsed.width, parsed.depth)
    _say(describe(config))
    pretrain(config, settings, parsed.out, choose_device(parsed.device), parsed.begin)
    _say(f"The weights, the log and pictures are in {parsed.out}.")


def _finetune(parsed: argparse.Namespace) -> None:
    if parsed.data is not None:
        run_own(parsed)
        return
    check_not_own(parsed)
    from videomae_demo.device import choose_device
    from videomae_demo.training.architecture import hidden_shares
    from videomae_demo.training.finetune import FinetuneSettings, finetune

    defaults = {
        "pretrained": PRETRAINED, "out": FINETUNED, "steps": FINETUNE_STEPS, "batch": BATCH,
        "optimiser": OPTIMISERS[0], "pool": POOL, "seed": 0,
    }  # fmt: skip
    for name, value in defaults.items():
        if getattr(parsed, name) is None:
            setattr(parsed, name, value)
    hidden = hidden_shares(parsed.ratio, "dropped_low", "dropped_high")
    settings = FinetuneSettings(**_shared(parsed), **hidden)
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
