"""The command line: the same Explorer as the page, without gradio.

Results go to stdout, progress to stderr. A person's mistake ends with one line on stderr and exit
code 2; a checkpoint that does not compute what it should, with exit code 1.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from videomae_demo.errors import ExplorerError, RequestError
from videomae_demo.limits import Limits
from videomae_demo.training.command import add_train

if TYPE_CHECKING:  # torch and cv2 take seconds to import: --help and usage errors do without
    from videomae_demo.analysis.settings import RolloutSettings
    from videomae_demo.explorer import Explorer
    from videomae_demo.views import ClipRequest, ReconstructionView

DIFFERS, USER_ERROR = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    parsed = _parser().parse_args(arguments)
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
        return 130
    return code or 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m videomae_demo",
        description="See what VideoMAE sees in a clip: labels, attention rollout, reconstruction.",
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_classify(commands)
    _add_attend(commands)
    _add_reconstruct(commands)
    _add_explore(commands)
    _add_verify(commands)
    add_train(commands)
    return parser


def _add_command(commands: Any, name: str, run: Any, summary: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=summary)
    command.set_defaults(run=run)
    command.add_argument("clip", metavar="CLIP", type=Path, help="a video file")
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
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.add_argument("--out", type=Path, metavar="DIR", help="write files into this folder")
    return command


def _add_classify(commands: Any) -> None:
    command = _add_command(commands, "classify", _classify, "Name what happens in the clip.")
    _add_label_options(command)


def _add_label_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--top-k", type=int, default=5, metavar="K", help="how many labels (5)")
    command.add_argument("--label", metavar="NAME", help="also look up this label")


def _add_attend(commands: Any) -> None:
    command = _add_command(commands, "attend", _attend, "Show where and when the model looked.")
    command.add_argument(
        "--fusion", default="mean", metavar="KIND", help="heads fused by mean, max or min (mean)"
    )
    command.add_argument(
        "--discard", type=float, default=0.0, metavar="FRACTION", help="lowest part set to zero (0)"
    )
    command.add_argument(
        "--layers", metavar="FROM-TO", help="chain these layers only, counted from 1 (all)"
    )
    command.add_argument(
        "--query", metavar="TIME,ROW,COLUMN", help="start from this token (what the head reads)"
    )


def _add_reconstruct(commands: Any) -> None:
    command = _add_command(
        commands, "reconstruct", _reconstruct, "Show what the model imagines behind a mask."
    )
    _add_mask_options(command)


def _add_mask_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--reconstructor",
        metavar="NAME|REPO|FOLDER|FILE",
        help="checkpoint with a decoder (the partner)",
    )
    command.add_argument(
        "--reconstructor-heads",
        type=int,
        metavar="N",
        help="attention heads of its encoder, where it does not tell (as --heads)",
    )
    command.add_argument(
        "--mask", default="tube", metavar="KIND", help="tube, random, frame or cell (tube)"
    )
    command.add_argument(
        "--ratio", type=float, help="share to hide (0.9; 0.75 where patches are few)"
    )
    command.add_argument("--seed", type=int, default=0, help="which tokens (0)")


def _add_explore(commands: Any) -> None:
    command = _add_command(commands, "explore", _explore, "All three views of the clip at once.")
    _add_label_options(command)
    _add_mask_options(command)


def _add_verify(commands: Any) -> None:
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


def _classify(parsed: argparse.Namespace) -> None:
    from videomae_demo import describe, export

    view = _explorer(parsed).classify(_clip_request(parsed))
    result = describe.describe_labels(view, parsed.top_k, parsed.label)
    if parsed.out is not None:
        with _writing(parsed.out):
            files = export.save_labels(view, parsed.out, parsed.top_k, parsed.label)
        _report_files(files)
    _print(parsed, result, _labels_text(result))


def _attend(parsed: argparse.Namespace) -> None:
    from videomae_demo import describe, export

    settings = _rollout_settings(parsed)
    view = _explorer(parsed).attend(_clip_request(parsed), settings)
    if parsed.out is not None:
        with _writing(parsed.out):
            files = export.save_rollout(view, parsed.out)
        _report_files(files)
    result = describe.describe_rollout(view)
    _print(parsed, result, [*_rollout_text(result), describe.explain_rollout(view)])


def _reconstruct(parsed: argparse.Namespace) -> None:
    from videomae_demo import describe, export
    from videomae_demo.views import MaskRequest

    mask = MaskRequest(parsed.mask, parsed.ratio, parsed.seed)
    view = _explorer(parsed).reconstruct(_clip_request(parsed), mask)
    if parsed.out is not None:
        with _writing(parsed.out):
            files = export.save_reconstruction(view, parsed.out)
        _report_files(files)
    result = describe.describe_reconstruction(view)
    _print(parsed, result, _reconstruction_text(view, result))


def _explore(parsed: argparse.Namespace) -> None:
    from videomae_demo import describe, export
    from videomae_demo.views import MaskRequest

    explorer, request = _explorer(parsed), _clip_request(parsed)
    mask = MaskRequest(parsed.mask, parsed.ratio, parsed.seed)
    labels = explorer.classify(request) if explorer.recogniser.card.label_count else None
    rollout = explorer.attend(request)
    reconstruction = explorer.reconstruct(request, mask)
    if parsed.out is not None:
        with _writing(parsed.out):
            files = export.save_rollout(rollout, parsed.out / "rollout")
            files += export.save_reconstruction(reconstruction, parsed.out / "reconstruction")
            if labels is not None:
                folder = parsed.out / "labels"
                files = export.save_labels(labels, folder, parsed.top_k, parsed.label) + files
        _report_files(files)
    named = None
    if labels is not None:
        named = describe.describe_labels(labels, parsed.top_k, parsed.label)
    result: dict[str, Any] = {
        "labels": named,
        "rollout": describe.describe_rollout(rollout),
        "reconstruction": describe.describe_reconstruction(reconstruction),
    }
    text = [
        *([*_labels_text(named), ""] if named else []),
        *_rollout_text(result["rollout"]),
        "",
        *_reconstruction_text(reconstruction, result["reconstruction"]),
    ]
    _print(parsed, result, text)


def _verify(parsed: argparse.Namespace) -> int:
    _progress("Starting ...")
    from videomae_demo.verify import describe, explain, names_on_this_machine, verify

    results = []
    for name in (parsed.checkpoint,) if parsed.checkpoint else names_on_this_machine():
        _progress(f"Verifying {name} ...")
        result = verify(name)
        results.append(result)
        if not parsed.json:
            print("\n".join(explain(result)))
    if parsed.json:
        print(json.dumps([describe(result) for result in results], indent=2))
    return 0 if all(result.agrees for result in results) else DIFFERS


def _explorer(parsed: argparse.Namespace) -> Explorer:
    if parsed.out is not None:
        _check_folder(parsed.out)
    _progress("Starting ...")
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
    """See that files can be written into a folder before any work is done; make nothing."""
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


def _clip_request(parsed: argparse.Namespace) -> ClipRequest:
    from videomae_demo.video.sampling import SamplingRule
    from videomae_demo.views import ClipRequest

    rule = None if parsed.sampling is None else SamplingRule.parse(parsed.sampling)
    return ClipRequest(parsed.clip, parsed.start, rule, stored_pixels=parsed.stored_pixels)


def _rollout_settings(parsed: argparse.Namespace) -> RolloutSettings:
    from videomae_demo.analysis.settings import RolloutSettings

    first, last, query = 1, None, None
    if parsed.layers is not None:
        first, last = _numbers(parsed.layers, "-", 2, "--layers", "FROM-TO, for instance 1-6")
    if parsed.query is not None:
        time, row, column = _numbers(
            parsed.query, ",", 3, "--query", "TIME,ROW,COLUMN, for instance 3,4,4"
        )
        query = (time, row, column)
    return RolloutSettings(parsed.fusion, parsed.discard, first, last, query)


def _numbers(text: str, separator: str, count: int, option: str, form: str) -> list[int]:
    parts = text.split(separator)
    if len(parts) != count or not all(part.strip().isdecimal() for part in parts):
        raise RequestError(f"{option} is {text!r}; write {form}.")
    return [int(part) for part in parts]


def _labels_text(result: dict[str, Any]) -> list[str]:
    width = max(len(score["label"]) for score in result["labels"])
    lines = [f"What the model sees ({result['checkpoint']}):"]
    lines += [
        f"  {score['label']:<{width}}  {score['probability']:7.2%}" for score in result["labels"]
    ]
    if "asked" in result:
        asked = result["asked"]
        lines.append(f"  {asked['label']}: {asked['probability']:.2%}, rank {asked['rank']}")
    frames = result["frames"]
    first, last = frames["timestamps_s"][0], frames["timestamps_s"][-1]
    lines.append(f"  {result['verdict']}")
    lines.append(f"  from {len(frames['indices'])} frames between {first:.2f} s and {last:.2f} s")
    return lines + [f"  Note: {note}" for note in result["notes"]]


def _rollout_text(result: dict[str, Any]) -> list[str]:
    time, row, column = result["peak"]["token"]
    slices = result["over_time"]
    busiest = max(range(len(slices)), key=slices.__getitem__)
    return [
        f"Where and when it looked ({result['checkpoint']}), of {result['grid']} tokens:",
        f"  most at time {time}, row {row}, column {column}: "
        f"{result['peak']['times_uniform']:.1f}x uniform",
        f"  busiest slice of time: {busiest}, {slices[busiest]:.2f}x uniform",
        *(f"  Note: {note}" for note in result["notes"]),
    ]


def _reconstruction_text(view: ReconstructionView, result: dict[str, Any]) -> list[str]:
    from videomae_demo import describe

    mask = result["mask"]
    lines = [
        f"What it imagines behind the mask ({result['checkpoint']}): {mask['kind']}, "
        f"ratio {mask['ratio']:.4g}, seed {mask['seed']}, {result['hidden_tokens']} tokens hidden",
        f"  {describe.made_by(view)}",
        f"  {describe.other_share(view)}",
        "  PSNR over hidden pixels:",
    ]
    for name, psnr_db in result["psnr_db"].items():
        value = "exact" if psnr_db is None else f"{psnr_db:.2f} dB"
        leak = "  (uses the hidden patches' statistics)" if name in result["leaks"] else ""
        lines.append(f"    {name:<18} {value}{leak}")
    lines += [f"  {result['verdict']}", f"  {describe.never_visible(view.reconstruction)}"]
    lines.append(f"  loss: {result['loss']:.4f}")
    lines += [f"  Note: {note}" for note in result["notes"]]
    return [line for line in lines if line.strip()]


def _print(parsed: argparse.Namespace, result: dict[str, Any], text: list[str]) -> None:
    print(json.dumps(result, indent=2) if parsed.json else "\n".join(text))


def _report_files(paths: list[Path]) -> None:
    for path in paths:
        _progress(f"Wrote {path}")


def _progress(message: str) -> None:
    print(message, file=sys.stderr)
