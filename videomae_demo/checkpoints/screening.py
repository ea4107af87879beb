"""Check a file of weights for bombs before a library opens it.

Owns how much memory a file may make its reader use: nothing is unpacked, and nothing is made that
is larger than the file. Knows neither tensors nor their names.
"""

from __future__ import annotations

import pickletools
import struct
import zipfile
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from videomae_demo.errors import CheckpointError

LARGEST_HEADER_MB = 4
"""Of a safetensors file, in units of 2**20 bytes; a giant model's header is a hundredth of it."""
LARGEST_PICKLE_MB = 8
"""Of all but the tensors in a file of `torch.save`: names, shapes, an optimizer's settings."""
MOST_INSTRUCTIONS = 1_000_000
MOST_TUPLES = 40_000
"""A giant model in training has 10 000. Python crashes on a key of very many nested tuples."""

_LEGACY_PICKLES = 5  # one after the other at the start of what torch.save wrote before 1.6
_DAMAGED = (EOFError, LookupError, NotImplementedError, RuntimeError, ValueError, struct.error)


def screen_safetensors(path: Path) -> None:
    """Refuse a safetensors file whose header is too long to be one of a VideoMAE.

    Raises
    ------
    CheckpointError
        Also when the file can't be read; the same holds for `screen_pickle`.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
    except OSError as error:
        raise unreadable(path, error) from error
    if length > LARGEST_HEADER_MB * 2**20:
        raise _refusal(path, f"begin with a header of {length} bytes")


def screen_pickle(path: Path) -> None:
    """Refuse a file of `torch.save` that is packed, or makes more than it holds.

    Raises
    ------
    CheckpointError
    """
    try:
        if zipfile.is_zipfile(path):
            _screen_archive(path)
        else:
            with path.open("rb") as file:
                for _ in range(_LEGACY_PICKLES):
                    _screen_instructions(path, file)
    except CheckpointError:
        raise
    except (OSError, zipfile.BadZipFile, *_DAMAGED) as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: Exception) -> CheckpointError:
    """Return an error that says why a file of weights can't be read."""
    reason = str(error).partition("\n")[0].rstrip(".")[:200] or type(error).__name__
    return CheckpointError(
        f"The weights {path} can't be read ({reason}); the file is damaged or incomplete, so fetch "
        "it again."
    )


def _screen_archive(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise _refusal(path, "are packed, which torch.save never does")
        claimed, held = sum(entry.file_size for entry in entries), path.stat().st_size
        if claimed > held:
            raise _refusal(path, f"claim {claimed} bytes in a file of {held}")
        for entry in entries:
            if not entry.filename.lower().endswith("data.pkl"):
                continue
            if entry.file_size > LARGEST_PICKLE_MB * 2**20:
                raise _refusal(path, f"describe their tensors in {entry.file_size} bytes")
            _screen_instructions(path, BytesIO(archive.read(entry)))


def _screen_instructions(path: Path, pickle: BinaryIO) -> None:
    """Read one pickle's instructions, without following them."""
    tuples = 0
    for count, (instruction, argument, _) in enumerate(pickletools.genops(pickle)):
        tuples += instruction.name.startswith("TUPLE")
        if count > MOST_INSTRUCTIONS or tuples > MOST_TUPLES:
            raise _refusal(path, "describe their tensors at a length that no model needs")
        if instruction.name == "GLOBAL" and str(argument).endswith(" bytearray"):
            raise _refusal(path, "ask for memory (bytearray)")


def _refusal(path: Path, what: str) -> CheckpointError:
    return CheckpointError(
        f"The weights {path} {what}; they are no checkpoint of a VideoMAE, so check where the file "
        "came from."
    )
