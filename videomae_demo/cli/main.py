"""The commands, one per lens and a few beside them.

Results go to stdout, progress to stderr. A person's mistake ends with one line on stderr and exit
code 2; a checkpoint that does not compute what it should, with exit code 1.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from videomae_demo.cli.asking import add_command
from videomae_demo.cli.evaluate import add_evaluate
from videomae_demo.cli.explore import add_explore
from videomae_demo.cli.lesson import COMMAND as LESSON
from videomae_demo.cli.page import add_page
from videomae_demo.cli.shared import HUNG_UP, INTERRUPTED, USER_ERROR, lens_commands
from videomae_demo.cli.sweep import add_sweep
from videomae_demo.cli.verify import add_verify
from videomae_demo.errors import ExplorerError
from videomae_demo.training.command import add_train

COMMAND = "videomae-explorer"
"""As it is called where the package is installed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    parsed = build_parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr, force=True)
    for library in ("httpx", "httpx2"):  # the hub library is built on one or the other
        logging.getLogger(library).setLevel(logging.WARNING)
    logging.getLogger("huggingface_hub").propagate = False  # it writes to stderr by itself
    try:
        code: int | None = parsed.run(parsed)
    except ExplorerError as error:
        print(f"videomae_demo: {error}", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        print("videomae_demo: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # whoever read the answers has gone, as ``| head -1`` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is still to go
        return HUNG_UP
    return code or 0


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog=COMMAND if Path(sys.argv[0]).stem == COMMAND else "python -m videomae_demo",
        description="See what VideoMAE sees in a clip: labels, attention, why, reconstruction.",
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in lens_commands():
        add_command(commands, command)
    add_sweep(commands)
    add_explore(commands)
    add_evaluate(commands)
    add_command(commands, LESSON)
    add_page(commands)
    add_verify(commands)
    add_train(commands)
    return parser
