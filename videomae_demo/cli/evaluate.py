"""The command ``evaluate``: judge a folder of labelled clips."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from videomae_demo.cli.shared import Parsed, add_weights_options, make_explorer, progress
from videomae_demo.errors import RequestError
from videomae_demo.video.sampling import SamplingRule
from videomae_demo.video.views import Views

if TYPE_CHECKING:
    from videomae_demo.dataset.evaluate import Evaluation, Runner
    from videomae_demo.dataset.judging import Judging

ENGINES = ("local", "ray")
OUT = Path("evaluated")
WORKERS = 1
RAY_OPTIONS = ("--workers", "--address", "--gpus-per-worker")


def add_evaluate(commands: Any) -> None:
    """Add the command."""
    summary = "Judge many labelled clips: accuracy, confusion, a table, a report of the worst ones."
    command: argparse.ArgumentParser = commands.add_parser(
        "evaluate",
        help=summary,
        description=f"{summary} Clips that can't be read are rows of the table with their error.",
    )
    command.set_defaults(run=_evaluate)
    command.add_argument(
        "source",
        metavar="FOLDER|LIST",
        type=Path,
        help="a folder with a folder per label, or a list (CSV, or as the original code writes "
        "it) with a path and a label, or its number, per line",
    )
    add_weights_options(command)
    add_judging_options(command)
    command.add_argument(
        "--no-changes",
        dest="changes",
        action="store_false",
        help="do not play clips backwards and frozen as well: two passes less per clip",
    )
    command.add_argument(
        "--out", type=Path, default=OUT, metavar="DIR", help=f"where the files go ({OUT})"
    )
    command.add_argument(
        "--resume", action="store_true", help="go on with what is in --out, as if never stopped"
    )
    command.add_argument(
        "--engine",
        choices=ENGINES,
        default="local",
        help="who judges: this process, or workers of Ray, on this machine or a cluster (local)",
    )
    command.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help=f"of Ray: how many processes judge, each with weights of its own ({WORKERS})",
    )
    command.add_argument(
        "--address",
        metavar="ADDRESS",
        help="of Ray's cluster, as 10.0.0.5:6379 (RAY_ADDRESS; without it, this machine alone)",
    )
    command.add_argument(
        "--gpus-per-worker",
        type=float,
        metavar="SHARE",
        help="of Ray: GPUs of each worker; a fraction lets several share one (none)",
    )
    command.add_argument("--json", action="store_true", help="print the figures as JSON")


def add_judging_options(command: argparse.ArgumentParser) -> None:
    """Add the options that say which frames of each clip count."""
    command.add_argument(
        "--views",
        metavar="WINDOWSxCROPS",
        help="average over several windows and square crops, for instance 5x3 as the published "
        "figures of Kinetics-400, or 2x3 as those of Something-Something V2 (one)",
    )
    command.add_argument(
        "--sampling",
        metavar="SECONDS|every:N|uniform",
        help="which frames are taken (as the checkpoint was trained)",
    )


def read_judging(parsed: Parsed, changes: bool, usual: str = "1x1") -> Judging:
    """Return what is asked of each clip."""
    from videomae_demo.dataset.judging import Judging

    rule = None if parsed.sampling is None else SamplingRule.parse(parsed.sampling)
    return Judging(Views.parse(parsed.views or usual), rule, changes)


def _evaluate(parsed: Parsed) -> None:
    runner = _runner(parsed)
    explorer = make_explorer(parsed)
    from videomae_demo.dataset.evaluate import evaluate

    judging = read_judging(parsed, parsed.changes)
    found = follow(
        evaluate(
            explorer,
            parsed.source,
            parsed.out,
            judging,
            resume=parsed.resume,
            runner=runner,
        )
    )
    progress(f"The table and the figures are in {parsed.out}.")
    print(json.dumps(found.to_json(), indent=2) if parsed.json else "\n".join(found.sentences()))


def _runner(parsed: Parsed) -> Runner:
    if parsed.engine == "local":
        for option in RAY_OPTIONS:
            if getattr(parsed, option.strip("-").replace("-", "_")) is not None:
                raise RequestError(f"{option} is for --engine ray alone; leave it out.")
        from videomae_demo.dataset.judging import judge

        return judge
    from videomae_demo.dataset.ray_engine import ray_runner

    device = None if parsed.device == "auto" else parsed.device
    workers = WORKERS if parsed.workers is None else parsed.workers
    return ray_runner(workers, parsed.address, parsed.gpus_per_worker or 0, device=device)


def follow(growing: Any) -> Evaluation:
    """Take an evaluation to its end with a progress bar; return it.

    Each clip that can't be read is told at once.
    """
    from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]  # public

    bar: Any = None
    for found in growing:  # the last one has all files
        if bar is None:
            bar = tqdm(  # type: ignore[no-untyped-call]
                total=len(found.items),
                initial=found.done,
                unit="clip",
                mininterval=1,
                dynamic_ncols=True,
                disable=False,
                file=sys.stderr,
            )
        bar.update(len(found.new))
        top_1 = found.metrics.top_1
        if top_1.of:
            bar.set_postfix({"top-1": f"{top_1.value:.1%}"}, refresh=False)
        for row in found.new:
            if row.error is not None:
                bar.write(f"{row.name}: {row.error}", file=sys.stderr)
    bar.close()
    return found  # type: ignore[no-any-return]
