"""The command ``sweep``: how much may be hidden; ``reconstruct --sweep`` by a name of its own."""

from __future__ import annotations

import argparse
from dataclasses import replace

from videomae_demo.cli import reconstruct
from videomae_demo.cli.asking import add_command


def add_sweep(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    command = replace(
        reconstruct.COMMAND,
        name="sweep",
        summary="Hide more and more of the clip, with several masks each, and measure.",
        add_options=_add_options,
    )
    add_command(commands, command)


def _add_options(command: argparse.ArgumentParser) -> None:
    """Add the options for the reconstructor and the mask; the share is swept."""
    reconstruct.add_mask_options(command)
    command.set_defaults(sweep=True, many=None)
