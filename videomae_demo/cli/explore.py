"""The command ``explore``: all lenses, one after the other."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from videomae_demo.cli.asking import add_command
from videomae_demo.cli.shared import ClipCommand, LensCommand, Parsed, lens_commands

if TYPE_CHECKING:
    from videomae_demo.engine.clips import ClipRequest
    from videomae_demo.explorer import Explorer

Answers = dict[LensCommand, Any]


def add_explore(commands: Any) -> None:
    """Add the command."""
    # An option of two lenses is one, for both.
    add_command(commands, COMMAND, conflict_handler="resolve")


def _explored() -> list[LensCommand]:
    return [lens for lens in lens_commands() if lens.is_explored]


def _add_options(command: argparse.ArgumentParser) -> None:
    for lens in _explored():
        lens.add_options(command)


def _ask(explorer: Explorer, clip: ClipRequest, parsed: Parsed) -> Answers:
    return {
        lens: lens.ask(explorer, clip, parsed) for lens in _explored() if lens.can_answer(explorer)
    }


def _to_json(answers: Answers, parsed: Parsed) -> dict[str, Any]:
    return {
        lens.part: lens.to_json(answers[lens], parsed) if lens in answers else None
        for lens in _explored()
    }


def _lines(answers: Answers, parsed: Parsed) -> list[str]:
    parts = ["\n".join(lens.lines(answer, parsed)) for lens, answer in answers.items()]
    return ["\n\n".join(parts)]


def _save(answers: Answers, folder: Path, parsed: Parsed) -> list[Path]:
    paths = []
    for lens, answer in answers.items():
        paths += lens.save(answer, folder / lens.part, parsed)
    return paths


COMMAND = ClipCommand(
    name="explore",
    summary="All views of the clip at once.",
    add_options=_add_options,
    ask=_ask,
    lines=_lines,
    to_json=_to_json,
    save=_save,
)
