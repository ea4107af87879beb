"""What a clip, a visitor and a page may cost: every limit of the project, in one place.

Owns the numbers, and how a machine's owner changes them: by environment variables. Knows nothing of
videos, queues or weights; the code that enforces a limit says in one sentence which limit it is and
what it found.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from videomae_demo.errors import RequestError

PREFIX = "VIDEOMAE_MAX_"
PUBLIC_KEPT_HOURS = 2
PUBLIC_TRAINING_MINUTES = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits; the environment variable ``VIDEOMAE_MAX_UPLOAD_MB`` sets `upload_mb`, and so on.

    Attributes
    ----------
    upload_mb : int
        Size of a file that a visitor uploads, in units of 2**20 bytes.
    uploads_mb : int
        Size of all files together that a page keeps: uploads, and what was made of them.
    clip_s : float
        Duration of a clip.
    clip_frames : int
        Frames of a clip, whether or not they are decoded (six hours have 648 000 at 30 frames per
        second).
    frame_pixels : int
        Width times height of a frame, stored or shown.
    decoded_frames : int
        Frames really decoded in one pass over a clip (36 000 are 20 minutes at 30 frames per
        second).
    decoding_s : float
        Time for finding out which frames a clip has; reading some of them may take as long again.
    decoding_mb : int
        Memory for reading a clip, in units of 2**20 bytes, where a child process reads (on Linux).
    queue_length : int
        Visitors' requests that may wait for their turn on a page.
    live_visitors : int
        Visitors whose cameras are looked at at the same time.
    cache_mb : int
        Memory for passes, inputs and attention kept for the next question about a clip.
    weights_mb : int
        Size of the weights, recogniser and reconstructor, that visitors of a public page may load.
    kept_hours : int
        How long a page keeps uploads and what it made of them; `PUBLIC_KEPT_HOURS` on a public one.
    training_minutes : int
        How long one training on the page may take, pauses aside. 0, the default of a public page:
        nothing is trained there. A person can't set 0, since a private page needs no such limit.
    """

    upload_mb: int = 200
    uploads_mb: int = 4096
    clip_s: float = 6 * 3600.0
    clip_frames: int = 1_000_000
    frame_pixels: int = 8192 * 4608
    decoded_frames: int = 36_000
    decoding_s: float = 120.0
    decoding_mb: int = 2048
    queue_length: int = 64
    live_visitors: int = 4
    cache_mb: int = 1024
    weights_mb: int = 1500
    kept_hours: int = 24
    training_minutes: int = 30

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


DEFAULT_LIMITS = Limits()


def _number(name: str, text: str) -> int:
    """Return a positive whole number, which every limit can be."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number <= 0:
        raise RequestError(f"{name} is {text!r}; it must be a whole number from 1.")
    return number
