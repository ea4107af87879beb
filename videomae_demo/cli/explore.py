"""The command ``explore``: all lenses, one after the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from videomae_demo.cli.shared import (
    LensCommand,
    Parsed,
    add_clip_command,
    lens_commands,
    make_explorer,
    read_clip,
    report_files,
    tell,
)


def add_explore(commands: Any) -> None:
    """Add the command."""
    summary = "All views of the clip at once."
    # An option of two lenses is one, for both.
    command = add_clip_command(commands, "explore", _explore, summary, conflict_handler="resolve")
    for lens in _explored():
        lens.add_options(command)


def _explored() -> list[LensCommand]:
    return [lens for lens in lens_commands() if lens.is_explored]


def _explore(parsed: Parsed) -> None:
    explorer, clip = make_explorer(parsed), read_clip(parsed)
    answers = {
        lens: lens.ask(explorer, clip, parsed) for lens in _explored() if lens.can_answer(explorer)
    }
    if parsed.out is not None:
        report_files(parsed.out, lambda: _save(answers, parsed))
    result = {
        lens.part: lens.to_json(answers[lens], parsed) if lens in answers else None
        for lens in _explored()
    }
    parts = ["\n".join(lens.lines(answer, parsed)) for lens, answer in answers.items()]
    tell(parsed, result, ["\n\n".join(parts)])


def _save(answers: dict[LensCommand, Any], parsed: Parsed) -> list[Path]:
    paths = []
    for lens, answer in answers.items():
        paths += lens.save(answer, parsed.out / lens.part, parsed)
    return paths
