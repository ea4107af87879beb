"""What the commands about a clip have in common: their options, their Explorer, and how they print.

A lens's command is a `LensCommand`; `videomae_demo.lenses.registry` says where each one is. How one
runs is in `asking`. Imports no heavy library before a command runs: ``--help`` and usage errors do
without.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from videomae_demo.errors import RequestError, VideoError
from videomae_demo.lenses import registry
from videomae_demo.limits import Limits

if TYPE_CHECKING:
    from videomae_demo.engine.clips import ClipRequest
    from videomae_demo.explorer import Explorer

Parsed = argparse.Namespace
OF_SEVERAL = (
    "Several clips are asked one after the other, each the same: all options hold for every clip. "
    "Exit code 2 if one of them fails; the others are done."
)


USER_ERROR, INTERRUPTED, HUNG_UP = 2, 130, 141
"""Exit codes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipCommand:
    """A command about a clip, or about several, one after the other.

    Attributes
    ----------
    name, summary : str
    add_options : callable
        Adds the command's own options to a parser.
    ask : callable
        Takes the Explorer, the clip and the options; returns the answer.
    lines, to_json : callable
        Take the answer and the options; return what is printed, as text or as JSON.
    save : callable
        Writes the answer's files into a folder and returns their paths.
    ask_many : callable, optional
        Takes the Explorer, the clips and the options; yields what `ask` returns of each, or its
        error, and says which one it is at; see `one_by_one`, which is the default.
    """

    name: str
    summary: str
    add_options: Callable[[argparse.ArgumentParser], None]
    ask: Callable[[Explorer, ClipRequest, Parsed], Any]
    lines: Callable[[Any, Parsed], list[str]]
    to_json: Callable[[Any, Parsed], dict[str, Any]] = lambda answer, _parsed: answer.to_json()
    save: Callable[[Any, Path, Parsed], list[Path]] = lambda answer, to, _parsed: answer.save(to)
    ask_many: Callable[[Explorer, Sequence[ClipRequest], Parsed], Iterator[Any]] | None = None

    def answers(
        self, explorer: Explorer, clips: Sequence[ClipRequest], parsed: Parsed
    ) -> Iterator[Any]:
        """Yield the answer to each clip, in order; of one that fails, the error."""
        if self.ask_many is not None:
            return self.ask_many(explorer, clips, parsed)
        return one_by_one(self.ask, explorer, clips, parsed)


@dataclass(frozen=True, slots=True, kw_only=True)
class LensCommand(ClipCommand):
    """The command of one lens.

    Attributes
    ----------
    part : str
        Name of its answer in ``explore``: its key in JSON, and its folder.
    can_answer : callable
        Tells whether ``explore`` may ask: not every checkpoint knows labels.
    is_explored : bool
        Whether ``explore`` asks it at all: what takes dozens of passes is asked for by its name.
    """

    part: str
    can_answer: Callable[[Explorer], bool] = lambda _explorer: True
    is_explored: bool = True


def lens_commands() -> list[LensCommand]:
    """Return the command of each lens."""
    return [import_module(lens.command).COMMAND for lens in registry.LENSES]


def one_by_one(
    ask: Callable[[Explorer, ClipRequest, Parsed], Any],
    explorer: Explorer,
    clips: Sequence[ClipRequest],
    parsed: Parsed,
) -> Iterator[Any]:
    """Ask about one clip after the other; yield the answers, and the error of a clip that fails.

    Raises
    ------
    CheckpointError
        The others would fail alike.
    """
    for number, clip in enumerate(clips, start=1):
        count_clip(number, clips)
        try:
            answer = ask(explorer, clip, parsed)
        except (VideoError, RequestError) as error:
            answer = error
        yield answer


def count_clip(number: int, clips: Sequence[ClipRequest]) -> None:
    """Say to stderr which of several clips is at work, counted from 1."""
    if len(clips) > 1:
        progress(f"{number} of {len(clips)}: {clips[number - 1].path} ...")


def add_clip_command(
    commands: Any, name: str, run: Callable[[Parsed], int], summary: str, **options: Any
) -> argparse.ArgumentParser:
    """Add a command about clips, with the options that all of them have.

    `options` are those of `argparse.ArgumentParser`.
    """
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=summary, description=f"{summary} {OF_SEVERAL}", **options
    )
    command.set_defaults(run=run)
    command.add_argument(
        "clips",
        metavar="CLIP",
        nargs="+",
        type=Path,
        help="a video file; a folder: the clips in it, and in folders in it; or a pattern such as "
        "'clips/**/*.mp4'",
    )
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
    command.add_argument(
        "--json",
        action="store_true",
        help="print one JSON object; of several clips, one in each line (JSON Lines)",
    )
    command.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="write files into this folder; of several clips, each into a folder of its own in it",
    )
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


def read_clips(parsed: Parsed, paths: Sequence[Path]) -> list[ClipRequest]:
    """Return which frames of some clips were asked for: the same of each."""
    from videomae_demo.engine.clips import ClipRequest
    from videomae_demo.video.changes import ClipChange
    from videomae_demo.video.sampling import SamplingRule

    rule = None if parsed.sampling is None else SamplingRule.parse(parsed.sampling)
    change = None if parsed.change is None else ClipChange.parse(parsed.change)
    return [ClipRequest(path, parsed.start, rule, parsed.stored_pixels, change) for path in paths]


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


def report_files(folder: Path, save: Callable[[], list[Path]]) -> None:
    """Write files and say so."""
    with _writing(folder):
        paths = save()
    for path in paths:
        progress(f"Wrote {path}")


def progress(message: str) -> None:
    """Say to stderr what is going on."""
    print(message, file=sys.stderr)
