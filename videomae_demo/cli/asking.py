"""How a command about clips runs: ask about each, print the answers, write their files.

One clip, given by its name, gets a plain answer: one text, or one JSON object over many lines,
and its files lie in the folder itself. Of several, each has a heading, or a line of JSON, and a
folder of its own.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from videomae_demo.cli.clips import are_several, find_clips, folder_names
from videomae_demo.cli.shared import (
    INTERRUPTED,
    USER_ERROR,
    ClipCommand,
    Parsed,
    add_clip_command,
    make_explorer,
    read_clips,
    report_files,
)
from videomae_demo.errors import ExplorerError


def add_command(commands: Any, command: ClipCommand, **options: Any) -> None:
    """Add a command about clips to a parser's commands; options as in `add_clip_command`."""

    def run(parsed: Parsed) -> int:
        if are_several(parsed.clips):
            return _answer_each(command, parsed)
        _answer_one(command, parsed)
        return 0

    command.add_options(add_clip_command(commands, command.name, run, command.summary, **options))


def _answer_one(command: ClipCommand, parsed: Parsed) -> None:
    explorer = make_explorer(parsed)
    (answer,) = command.answers(explorer, read_clips(parsed, parsed.clips), parsed)
    if isinstance(answer, ExplorerError):
        raise answer
    _save(command, answer, parsed.out, parsed)
    result, lines = command.to_json(answer, parsed), command.lines(answer, parsed)
    print(json.dumps(result, indent=2) if parsed.json else "\n".join(lines))


def _answer_each(command: ClipCommand, parsed: Parsed) -> int:
    """Answer about several clips; return the exit code. Only what all have in common ends it."""
    paths = find_clips(parsed.clips)
    explorer = make_explorer(parsed)
    done = failed = 0
    try:
        answers = command.answers(explorer, read_clips(parsed, paths), parsed)
        for path, folder, answer in zip(paths, folder_names(paths), answers, strict=True):
            if isinstance(answer, ExplorerError):
                failed += 1
                _tell_failure(path, answer, parsed)
            else:
                _tell_answer(command, path, folder, answer, parsed)
            done += 1
    except KeyboardInterrupt:
        _complain(f"interrupted; {done} of {len(paths)} clips are done.")
        return INTERRUPTED
    return _sum_up(failed, paths)


def _tell_answer(
    command: ClipCommand, path: Path, folder: str, answer: Any, parsed: Parsed
) -> None:
    about = _about(path)
    if parsed.out is not None:
        _save(command, answer, parsed.out / folder, parsed)
        about["folder"] = folder
    result, lines = command.to_json(answer, parsed), command.lines(answer, parsed)
    # Told at once, so that a program that reads the lines needs not wait for the last one.
    if parsed.json:
        print(json.dumps(about | result), flush=True)
    else:
        print("\n".join([f"== {path}", *lines, ""]), flush=True)


def _tell_failure(path: Path, error: ExplorerError, parsed: Parsed) -> None:
    _complain(f"{path}: {error}")
    if parsed.json:
        print(json.dumps(_about(path) | {"error": str(error)}), flush=True)


def _about(path: Path) -> dict[str, Any]:
    return {"clip": path.name, "path": str(path)}


def _save(command: ClipCommand, answer: Any, folder: Path | None, parsed: Parsed) -> None:
    if folder is not None:
        report_files(folder, lambda: command.save(answer, folder, parsed))


def _sum_up(failed: int, paths: Sequence[Path]) -> int:
    if not failed:
        return 0
    others = "" if failed == len(paths) else "; the others are done"
    _complain(f"{failed} of {len(paths)} clips failed{others}.")
    return USER_ERROR


def _complain(message: str) -> None:
    print(f"videomae_demo: {message}", file=sys.stderr)
