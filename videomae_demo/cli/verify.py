"""The command ``verify``: compare published checkpoints with their published values."""

from __future__ import annotations

import argparse
import json
from typing import Any

from videomae_demo.cli.shared import Parsed, progress

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
    command.add_argument("--json", action="store_true", help="print one JSON array")


def _verify(parsed: Parsed) -> int:
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
