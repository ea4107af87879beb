"""What a clip, a visitor and a page may cost: every limit of the project, in one place.

Owns the numbers, and how a machine's owner changes them: by environment variables. Knows nothing of
videos, queues or weights; the code that enforces a limit says in one sentence which limit it is and
what it found.
"""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from videomae_demo.errors import RequestError, shown
from videomae_demo.given import number

PREFIX = "VIDEOMAE_MAX_"
LARGEST = 2**31 - 1
"""The largest value of any limit: beyond it, none limits anything."""
PUBLIC_KEPT_HOURS = 2
PUBLIC_TRAINING_MINUTES = 0


def _limit(default: float, what: str) -> Any:
    return field(default=default, metadata={"what": what})


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits; the environment variable ``VIDEOMAE_MAX_UPLOAD_MB`` sets `upload_mb`, and so on.

    A limit that is no number, below zero, or above `LARGEST`, is a RequestError.
    """

    upload_mb: int = _limit(200, "size of a file that a visitor uploads, in units of 2**20 bytes")
    uploads_mb: int = _limit(
        4096,
        "size of all files together that a page keeps, uploads and what was made of them, in units "
        "of 2**20 bytes; the oldest that nobody uses make room",
    )
    clip_s: float = _limit(21_600.0, "duration of a clip, in seconds")
    clip_frames: int = _limit(
        1_000_000,
        "frames of a clip, whether or not they are decoded; six hours have 648 000 at 30 frames "
        "per second",
    )
    frame_pixels: int = _limit(8192 * 4608, "width times height of a frame, stored or shown")
    decoded_frames: int = _limit(
        36_000,
        "frames really decoded in one pass over a clip: 20 minutes at 30 frames per second",
    )
    decoding_s: float = _limit(
        120.0,
        "seconds for finding out which frames a clip has; reading some may take as long again",
    )
    decoding_mb: int = _limit(
        2048, "memory for reading a clip, in units of 2**20 bytes, on Linux; enough for 8192x4608"
    )
    queue_length: int = _limit(64, "visitors' requests that may wait for their turn on a page")
    live_visitors: int = _limit(4, "visitors whose cameras are looked at at the same time")
    cache_mb: int = _limit(
        1024,
        "memory for what is kept for the next question about a clip, in units of 2**20 bytes",
    )
    weights_mb: int = _limit(
        1500,
        "size of a recogniser and its reconstructor together that visitors of a public page may "
        "load, in units of 2**20 bytes",
    )
    kept_hours: int = _limit(
        24,
        "hours for which a page keeps uploads and what it made of them; on a public page "
        f"{PUBLIC_KEPT_HOURS}, unless it is set",
    )
    training_minutes: int = _limit(
        30,
        "minutes of one training on the page, pauses aside; on a public page nothing is trained, "
        "unless it is set",
    )

    def __post_init__(self) -> None:
        for one in dataclasses.fields(self):
            value = getattr(self, one.name)
            if not 0 <= number(value, f"limit {one.name}") <= LARGEST:
                raise RequestError(
                    f"The limit {one.name} is {shown(value)}; it must lie between 0 and {LARGEST}."
                )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], *, public: bool = False) -> Limits:
        """Return the defaults, changed by what `environment` (for instance `os.environ`) sets.

        The defaults of a public page differ from those of a private one.

        Raises
        ------
        RequestError
            When a variable with our prefix names no limit, or its value is not a positive number.
        """
        fields = {PREFIX + field.name.upper(): field for field in dataclasses.fields(cls)}
        given = {name: text for name, text in environment.items() if name.startswith(PREFIX)}
        unknown = sorted(given.keys() - fields.keys())
        if unknown:
            raise RequestError(
                f"{unknown[0]} sets no limit that exists; the limits are {', '.join(fields)}."
            )
        changed = {fields[name].name: _number(name, text) for name, text in given.items()}
        public_defaults = {
            "kept_hours": PUBLIC_KEPT_HOURS,
            "training_minutes": PUBLIC_TRAINING_MINUTES,
        }
        return cls(**(public_defaults if public else {}) | changed)


def _told(limit: dataclasses.Field[Any], indent: int, width: int) -> str:
    """Say in indented lines what a limit limits, and its default."""
    text = f"{limit.metadata['what']} ({limit.default:.0f})"
    return textwrap.indent(textwrap.fill(text, width), " " * indent)


def _attributes() -> str:
    """Return the part of the docstring that has all limits."""
    fields = dataclasses.fields(Limits)
    told = [f"    {one.name} : {one.type}\n{_told(one, 8, 88)}\n" for one in fields]
    return "\n    Attributes\n    ----------\n" + "".join(told)


Limits.__doc__ = f"{Limits.__doc__}{_attributes()}"
DEFAULT_LIMITS = Limits()


def describe() -> str:
    """Return every limit's variable with its default and what it limits, a paragraph each."""
    fields = dataclasses.fields(Limits)
    told = [f"  {PREFIX}{one.name.upper()}\n{_told(one, 6, 72)}" for one in fields]
    return "\n".join(told)


def _number(name: str, text: str) -> int:
    """Return a positive whole number, which every limit can be."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value <= 0:
        raise RequestError(f"{name} is {text!r}; it must be a whole number from 1.")
    return value
