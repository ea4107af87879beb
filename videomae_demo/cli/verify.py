"""The command ``verify``: compare published checkpoints with what is published of them."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from videomae_demo.cli.evaluate import OUT, add_judging_options, follow, read_judging
from videomae_demo.cli.shared import Parsed, progress
from videomae_demo.errors import RequestError
from videomae_demo.limits import Limits

DIFFERS = 1


def add_verify(commands: Any) -> None:
    """Add the command."""
    summary = "Compare published checkpoints with their published values on a reference clip."
    command: argparse.ArgumentParser = commands.add_parser(
        "verify", help=summary, description=f"{summary} Exit code 1 if one differs."
    )
    command.set_defaults(run=_verify)
    command.add_argument(
        "checkpoint",
        nargs="?",
        metavar="CHECKPOINT",
        help="a name of the catalog, downloaded if need be (all that are on this machine)",
    )
    command.add_argument(
        "--accuracy",
        type=Path,
        metavar="FOLDER|LIST",
        help="instead, measure the published accuracy on these labelled clips, as 'evaluate' reads "
        "them, with the published views",
    )
    add_judging_options(command)
    command.add_argument(
        "--out", type=Path, default=OUT, metavar="DIR", help=f"of --accuracy: its files ({OUT})"
    )
    command.add_argument("--resume", action="store_true", help="of --accuracy: go on with --out")
    command.add_argument("--device", default="auto", help="of --accuracy: auto, cuda, mps or cpu")
    command.add_argument("--json", action="store_true", help="print one JSON array")


def _verify(parsed: Parsed) -> int:
    if parsed.accuracy is not None:
        return _verify_accuracy(parsed)
    progress("Starting ...")
    from videomae_demo.verify import describe, explain, names_on_this_machine, verify

    results = []
    for name in (parsed.checkpoint,) if parsed.checkpoint else names_on_this_machine():
        progress(f"Verifying {name} ...")
        result = verify(name)
        results.append(result)
        if not parsed.json:
            print("\n".join(explain(result)))
    if parsed.json:
        print(json.dumps([describe(result) for result in results], indent=2))
    return 0 if all(result.agrees for result in results) else DIFFERS


def _verify_accuracy(parsed: Parsed) -> int:
    if parsed.checkpoint is None:
        raise RequestError("--accuracy is measured of one checkpoint; name it.")
    progress("Starting ...")
    from videomae_demo.dataset.accuracy import compare_accuracy, published_accuracy
    from videomae_demo.dataset.evaluate import evaluate
    from videomae_demo.explorer import Explorer

    entry, published = published_accuracy(parsed.checkpoint)
    explorer = Explorer(
        entry.name, device=parsed.device, limits=Limits.from_environment(os.environ)
    )
    judging = read_judging(parsed, changes=False, usual=str(published.views))
    found = follow(evaluate(explorer, parsed.accuracy, parsed.out, judging, resume=parsed.resume))
    figures = compare_accuracy(found, published)
    told = {
        "checkpoint": entry.name,
        "data_set": published.data_set,
        "published_views": str(published.views),
        "views": str(judging.views),
        "agrees": all(figure.agrees for figure in figures),
        "figures": [figure.to_json() for figure in figures],
        "verdict": found.sentences(),
    }
    lines = [
        f"{entry.name}, {judging.views} views; published: {published}.",
        *(f"  {figure.sentence()}" for figure in figures),
        *(f"  {said}" for said in found.sentences()),
    ]
    print(json.dumps([told], indent=2) if parsed.json else "\n".join(lines))
    return 0 if told["agrees"] else DIFFERS
