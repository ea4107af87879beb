"""The options of ``train finetune --data``, and what they start."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from videomae_demo.errors import RequestError
from videomae_demo.training.own.settings import OwnSettings
from videomae_demo.video.sampling import SamplingRule

if TYPE_CHECKING:
    from videomae_demo.training.own.finetune import Finetuned

OUT = Path("runs") / "own"
DEFAULTS = OwnSettings()


def add_own_options(stage: argparse.ArgumentParser) -> None:
    """Add the options for one's own clips; without ``--data``, none of them may be given."""
    own = stage.add_argument_group("one's own clips")
    own.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER|LIST",
        help="clips to learn from: a folder with a folder per label, or a list (CSV) with a path "
        "and a label per line",
    )
    own.add_argument(
        "--from",
        dest="start",
        metavar="NAME|REPO|FOLDER|FILE",
        help="the checkpoint to begin with: recogniser, pretraining checkpoint or encoder alone; "
        "what its head knows of the labels is kept (bundled)",
    )
    own.add_argument(
        "--heads", type=int, metavar="N", help="attention heads, for weights that do not tell"
    )
    own.add_argument(
        "--freeze",
        action="store_const",
        const=True,
        help="train the head alone, on features computed once: for large models without a GPU",
    )
    own.add_argument(
        "--epochs",
        type=int,
        metavar="N",
        help="how often each clip is shown "
        "(10 or more, so that there are about 120 steps; 300 with --freeze)",
    )
    own.add_argument(
        "--rate",
        type=float,
        metavar="RATE",
        help="learning rate of the head (0.16 over the model's width; 0.003 with --freeze)",
    )
    own.add_argument(
        "--layer-decay",
        type=float,
        metavar="FACTOR",
        help=f"each layer learns so much more slowly than the one above ({DEFAULTS.layer_decay:g})",
    )
    own.add_argument(
        "--mirror",
        action="store_const",
        const=True,
        help="show half of the clips mirrored; not for labels that know left and right, because "
        '"moving left" becomes "moving right" in a mirror',
    )
    own.add_argument(
        "--sampling",
        metavar="SECONDS|every:N|uniform",
        help="which frames of a clip are taken (as the checkpoint was trained)",
    )
    held_out = own.add_mutually_exclusive_group()
    held_out.add_argument(
        "--held-out",
        type=float,
        metavar="SHARE",
        help=f"of each label's clips, never trained on ({DEFAULTS.held_out:g})",
    )
    held_out.add_argument(
        "--validation",
        type=Path,
        metavar="FOLDER|LIST",
        help="other clips to hold out, instead of a share of --data",
    )


def run_own(parsed: argparse.Namespace) -> None:
    """Fine-tune on one's own clips, and print what came of it."""
    for name in ("pretrained", "optimiser", "pool", "ratio"):
        if getattr(parsed, name) is not None:
            raise RequestError(
                f"--{name} is for fine-tuning on synthetic clips, and --data was given, too; leave "
                "one of them out."
            )
    settings = OwnSettings(**_given(parsed, _SETTINGS))
    rule = None if parsed.sampling is None else SamplingRule.parse(parsed.sampling)
    from videomae_demo.training.own.finetune import finetune_folder

    done = finetune_folder(
        parsed.data,
        OUT if parsed.out is None else parsed.out,
        settings,
        **_given(parsed, ("start", "validation", "heads")),
        sampling=rule,
        device=parsed.device,
    )
    sys.stdout.write("\n".join(_lines(done)) + "\n")


def check_not_own(parsed: argparse.Namespace) -> None:
    """Refuse options that are for one's own clips, if none were given."""
    for name in _OWN:
        if getattr(parsed, name) is not None:
            option = "from" if name == "start" else name.replace("_", "-")
            raise RequestError(
                f"--{option} is for fine-tuning on clips of one's own; give --data FOLDER, too."
            )


_SETTINGS = (
    *("freeze", "epochs", "steps", "batch", "rate", "layer_decay", "mirror", "held_out", "seed"),
)
_OWN = (
    *("start", "heads", "freeze", "epochs", "rate", "layer_decay", "mirror", "sampling"),
    *("held_out", "validation"),
)


def _given(parsed: argparse.Namespace, names: tuple[str, ...]) -> dict[str, Any]:
    """Return those of the options that were given."""
    values = {name: getattr(parsed, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def _lines(done: Finetuned) -> list[str]:
    opened = f"python -m videomae_demo page --weights {done.folder}"
    files = [f"The checkpoint is in {done.folder}. Open it: {opened}"]
    if done.page is not None:
        files.insert(0, f"The report on the held-out clips: {done.page}")
    found = done.report or (
        "No clip was held out, so nothing is known of how well it names new ones.",
    )
    return [*found, *(f"Note: {note}" for note in done.notes), *files]
