"""What the commands about a clip have in common: their options, their Explorer, and how they print.

A lens's command is a `LensCommand`; `videomae_demo.lenses.registry` says where each one is. Imports
no heavy library before a command runs: ``--help`` and usage errors do without.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from videomae_demo.errors import RequestError
from videomae_demo.lenses import registry
from videomae_demo.limits import Limits

if TYPE_CHECKING:
    from videomae_demo.engine.clips import ClipRequest
    from videomae_demo.explorer import Explorer

Parsed = argparse.Namespace


@dataclass(frozen=True, slots=True)
class LensCommand:
    """The command of one lens.

    Attributes
    ----------
    name, summary : str
    part : str
        Name of its answer in ``explore``: its key in JSON, and its folder.
    add_options : callable
        Adds the lens's own options to a parser.
    ask : callable
        Takes the Explorer, the clip and the options; returns the answer.
    lines, to_json : callable
        Take the answer and the options; return what is printed, as text or as JSON.
    save : callable
        Writes the answer's files into a folder and returns their paths.
    can_answer : callable
        Tells whether ``explore`` may ask: not every checkpoint knows labels.
    is_explored : bool
        Whether ``explore`` asks it at all: what takes dozens of passes is asked for by its name.
    """

    name: str
    summary: str
    part: str
    add_options: Callable[[argparse.ArgumentParser], None]
    ask: Callable[[Explorer, ClipRequest, Parsed], Any]
    lines: Callable[[Any, Parsed], list[str]]
    to_json: Callable[[Any, Parsed], dict[str, Any]] = lambda answer, _parsed: answer.to_json()
    save: Callable[[Any, Path, Parsed], list[Path]] = lambda answer, to, _parsed: answer.save(to)
    can_answer: Callable[[Explorer], bool] = lambda _explorer: True
    is_explored: bool = True


def lens_commands() -> list[LensCommand]:
    """Return the command of each lens."""
    return [import_module(lens.command).COMMAND for lens in registry.LENSES]


def add_command(commands: Any, lens: LensCommand) -> None:
    """Add the command of a lens to a parser's commands."""

    def run(parsed: Parsed) -> None:
        explorer, clip = make_explorer(parsed), read_clip(parsed)
        answer = lens.ask(explorer, clip, parsed)
        if parsed.out is not None:
            report_files(parsed.out, lambda: lens.save(answer, parsed.out, parsed))
        tell(parsed, lens.to_json(answer, parsed), lens.lines(answer, parsed))

    lens.add_options(add_clip_command(commands, lens.name, run, lens.summary))


def add_clip_command(
    commands: Any, name: str, run: Callable[[Parsed], None], summary: str, **options: Any
) -> argparse.ArgumentParser:
    """Add a command about a clip, with the options that all of them have.

    `options` are those of `argparse.ArgumentParser`.
    """
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=summary, description=summary, **options
    )
    command.set_defaults(run=run)
    command.add_argument("clip", metavar="CLIP", type=Path, help="a video file")
    add_weights_options(command)
    command.add_argument(
        "--start",
        type=float,
        metavar="SECONDS",
        help="where the sampled window starts (the middle)",
    )
    command.add_argument(
        "--sampling",
        metavar="SECONDS|every:N|uniform",
        help="seconds between frames, or every N-th frame by number, or 'uniform' over the clip "
        "(as the recogniser was trained; if that is not known, as most published ones were)",
    )
    command.add_argument(
        "--stored-pixels",
        action="store_true",
        help="take pixels as they are stored, though the file says that they are not square",
    )
    command.add_argument(
        "--change",
        metavar="KIND",
        help="what is done to the frames first: backwards, shuffled or shuffled:SEED (whole "
        "tokens, other moments), frozen or frozen:FRAME (one frame throughout, the middle one), "
        "mirrored, grey, left, right or crop:PERCENT (a square of a frame that is none)",
    )
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.add_argument("--out", type=Path, metavar="DIR", help="write files into this folder")
    return command


def add_weights_options(command: argparse.ArgumentParser) -> None:
    """Add the options that say which checkpoint is asked, and where it runs."""
    command.add_argument(
        "--weights",
        default="bundled",
        metavar="NAME|REPO|FOLDER|FILE",
        help="the checkpoint: a name of the catalog, a repo id of the hub, a folder, or a .pth "
        "file of the original code, here or on the hub (bundled)",
    )
    command.add_argument(
        "--heads", type=int, metavar="N", help="attention heads, for weights that do not tell"
    )
    command.add_argument("--device", default="auto", help="auto, cuda, mps or cpu (auto)")


def make_explorer(parsed: Parsed) -> Explorer:
    """Return the Explorer of the weights that were asked for."""
    if parsed.out is not None:
        _check_folder(parsed.out)
    progress("Starting ...")
    from videomae_demo.explorer import Explorer

    return Explorer(
        parsed.weights,
        getattr(parsed, "reconstructor", None),
        heads=parsed.heads,
        reconstructor_heads=getattr(parsed, "reconstructor_heads", None),
        device=parsed.device,
        limits=Limits.from_environment(os.environ),
    )


def _check_folder(folder: Path) -> None:
    """Check, before any work is done, that files can be written into a folder; create nothing."""
    try:
        there = folder
        while not there.exists():
            there = there.parent
        if not there.is_dir():
            cause = "it is a file" if there == folder else f"{there} is a file"
        elif not os.access(there, os.W_OK | os.X_OK):
            cause = f"you may not write into {there}"
        else:
            return
    except OSError as error:
        cause = str(error.strerror)
    raise RequestError(f"--out is {str(folder)!r}, and {cause}; give a folder for new files.")


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RequestError(
            f"The files can't be written into {folder}: {error.strerror or error}; give --out "
            "another folder."
        ) from error


def read_clip(parsed: Parsed) -> ClipRequest:
    """Return which frames of which clip were asked for."""
    from videomae_demo.engine.clips import ClipRequest
    from videomae_demo.video.changes import ClipChange
    from videomae_demo.video.sampling import SamplingRule

    rule = None if parsed.sampling is None else SamplingRule.parse(parsed.sampling)
    change = None if parsed.change is None else ClipChange.parse(parsed.change)
    return ClipRequest(parsed.clip, parsed.start, rule, parsed.stored_pixels, change)


def read_numbers(text: str, separator: str, count: int, option: str, form: str) -> list[int]:
    """Return `count` whole numbers that stand in an option; `form` says how it is written."""
    parts = text.split(separator)
    if len(parts) != count or not all(part.strip().isdecimal() for part in parts):
        raise RequestError(f"{option} is {text!r}; write {form}.")
    return [int(part) for part in parts]


def read_token(text: str, option: str) -> tuple[int, int, int]:
    """Return a token's place that stands in an option."""
    time, row, column = read_numbers(text, ",", 3, option, "TIME,ROW,COLUMN, for instance 3,4,4")
    return time, row, column


def add_hide_option(command: argparse.ArgumentParser) -> None:
    """Let tokens be taken away; see `read_hidden`."""
    command.add_argument(
        "--hide",
        type=Path,
        metavar="FILE.npz",
        help="take tokens away first: the array 'hidden' or 'mask', (time, height, width), "
        "true where a token goes",
    )


def read_hidden(parsed: Parsed) -> bytes | None:
    """Return which tokens are taken away, one bit per token; None for none."""
    if parsed.hide is None:
        return None
    import numpy as np

    path = parsed.hide
    try:
        with np.load(path, allow_pickle=False) as arrays:
            name = next((name for name in ("hidden", "mask") if name in arrays), None)
            mask = None if name is None else arrays[name]
    except (OSError, ValueError) as error:
        raise RequestError(f"--hide is {str(path)!r}, which is no NPZ file: {error}") from error
    if mask is None or mask.dtype != np.bool_:
        raise RequestError(
            f"--hide is {str(path)!r}, and has no array 'hidden' or 'mask' of true and false; "
            "the files that --out writes have one."
        )
    return np.packbits(mask).tobytes()


def knows_labels(explorer: Explorer) -> bool:
    """Tell whether the recogniser knows labels, so that ``explore`` may ask about them."""
    return bool(explorer.recogniser.card.label_count)


def noted(answer: Any) -> list[str]:
    """Return the notes of an answer as lines."""
    return [f"  Note: {note}" for note in answer.notes]


def tell(parsed: Parsed, result: dict[str, Any], text: list[str]) -> None:
    """Print an answer to stdout."""
    print(json.dumps(result, indent=2) if parsed.json else "\n".join(text))


def report_files(folder: Path, save: Callable[[], list[Path]]) -> None:
    """Write files and say so."""
    with _writing(folder):
        paths = save()
    for path in paths:
        progress(f"Wrote {path}")


def progress(message: str) -> None:
    """Say to stderr what is going on."""
    print(message, file=sys.stderr)
