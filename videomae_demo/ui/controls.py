"""What the controls and scripts of a page hold: foreign values in, typed ones out.

Knows no component and no session. Anybody may send anything, so all is checked. A field that holds
nonsense spoils nothing but itself: whoever reads several gets the last valid value of it, and a
sentence that names it by its label.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from videomae_demo.engine.clips import ClipRequest
from videomae_demo.errors import RequestError, shown
from videomae_demo.given import number
from videomae_demo.video.changes import KINDS, ClipChange
from videomae_demo.video.sampling import SamplingRule

LARGEST_WHOLE = 2**53 - 1
"""JSON and JavaScript keep whole numbers exactly up to here."""

OWN, SECONDS, FRAMES, UNIFORM = (
    "the usual of these weights",
    "every so many seconds",
    "every so many frames",
    "spread over the whole clip",
)
SAMPLINGS = (OWN, SECONDS, FRAMES, UNIFORM)
SAMPLING_NAMES = {"own": OWN, "seconds": SECONDS, "frames": FRAMES, "uniform": UNIFORM}
"""What an address calls them."""
CHANGES = [("none", ""), *((title, kind) for kind, title in KINDS.items())]
"""What the choice of a change offers: a title, and the change; others may be written."""
LABELS = {
    "kind": "Frames",
    "interval_s": "Seconds between frames",
    "step": "Frames from one to the next",
    "start_s": "Start in seconds",
    "stored_pixels": "Stored pixels",
    "change": "Change",
    "ratio": "Share to hide",
    "seed": "Seed",
    "discard": "Discard the lowest share of each map",
    "first_layer": "From layer",
    "last_layer": "To layer",
}
"""What the controls are called on the page, by the names of what they set."""


def field_name(name: str) -> str:
    """Name a control in a sentence."""
    return f"field {LABELS[name]!r}"


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which frames of a clip are explored: the last valid value of each control.

    Attributes
    ----------
    kind : str
        One of `SAMPLINGS`.
    interval_s : float
        Seconds between frames, for `SECONDS`.
    step : int
        Every how many frames one is taken, for `FRAMES`.
    start_s : float or None
        Where the window starts; None stands for the middle of the clip.
    stored_pixels : bool
        Whether a pixel aspect that the file tells is left alone.
    change : str
        What is done to the frames, as `ClipChange.parse` reads it; empty for nothing.
    """

    kind: str = OWN
    interval_s: float = 0.125
    step: int = 4
    start_s: float | None = None
    stored_pixels: bool = False
    change: str = ""

    def rule(self) -> SamplingRule | None:
        """Return the sampling rule; None stands for the checkpoint's own."""
        if self.kind == SECONDS:
            return SamplingRule.stride(self.interval_s)
        if self.kind == FRAMES:
            return SamplingRule.every(self.step)
        return SamplingRule.uniform() if self.kind == UNIFORM else None

    def request(self, path: Path | str, own: SamplingRule) -> ClipRequest:
        """Ask for these frames of a clip; `own` is the checkpoint's own rule.

        Frames spread over the whole clip have no start.
        """
        rule = self.rule()
        start_s = None if (rule or own).kind == "uniform" else self.start_s
        change = ClipChange.parse(self.change) if self.change else None
        return ClipRequest(path, start_s, rule, self.stored_pixels, change)

    def of(self, request: ClipRequest) -> Sampling:
        """Return the sampling that makes a request."""
        rule, change = request.sampling, request.change
        sampling = replace(
            self,
            kind=OWN,
            start_s=request.start_s,
            stored_pixels=request.stored_pixels,
            change="" if change is None else str(change),
        )
        if rule is None:
            return sampling
        if rule.interval_s is not None:
            return replace(sampling, kind=SECONDS, interval_s=rule.interval_s)
        if rule.step is not None:
            return replace(sampling, kind=FRAMES, step=rule.step)
        return replace(sampling, kind=UNIFORM)

    def to_query(self) -> dict[str, str]:
        """Return what an address says of it; nothing of what is usual."""
        query = {}
        if self.kind != OWN:
            query["frames"] = next(
                name for name, kind in SAMPLING_NAMES.items() if kind == self.kind
            )
        if self.kind == SECONDS:
            query["interval"] = f"{self.interval_s:g}"
        if self.kind == FRAMES:
            query["step"] = str(self.step)
        if self.start_s is not None:
            query["start"] = f"{self.start_s:g}"
        if self.stored_pixels:
            query["stored_pixels"] = "1"
        if self.change:
            query["change"] = self.change
        return query


def read_sampling(
    before: Sampling, given: Mapping[str, Any]
) -> tuple[Sampling, dict[str, RequestError]]:
    """Return what the fields hold, by name; an invalid one keeps its value of `before`.

    The errors of the invalid ones come by the same names.
    """
    return read_fields(
        before,
        given,
        {
            "kind": _kind,
            "interval_s": _interval,
            "step": _step,
            "start_s": _start,
            "stored_pixels": bool,
            "change": _change,
        },
    )


def read_fields(
    before: Any, given: Mapping[str, Any], readers: Mapping[str, Callable[[Any], Any]]
) -> tuple[Any, dict[str, RequestError]]:
    """Return a dataclass with what the fields hold, and the errors of the invalid ones, by name.

    Those keep their value of `before`. There is a reader for each field.
    """
    read, wrong = {}, {}
    for name, value in given.items():
        try:
            read[name] = readers[name](value)
        except RequestError as error:
            wrong[name] = error
    return replace(before, **read), wrong


def _kind(given: Any) -> str:
    if given not in SAMPLINGS:
        raise RequestError(f"The sampling is {shown(given)}; choose {', '.join(SAMPLINGS)}.")
    return str(given)


def _interval(given: Any) -> float:
    interval_s = number(given, field_name("interval_s"))
    if interval_s <= 0:
        raise RequestError(f"The {field_name('interval_s')} is {given}; give a number above 0.")
    return interval_s


def _step(given: Any) -> int:
    step = whole(given, field_name("step"))
    if step < 1:
        raise RequestError(f"The {field_name('step')} is {given}; give a whole number from 1.")
    return step


def _start(given: Any) -> float | None:
    if given in (None, ""):
        return None
    try:
        start_s = float(given)
    except (TypeError, ValueError):
        start_s = -1.0
    if not 0 <= start_s < math.inf:
        raise RequestError(
            f"The {field_name('start_s')} is {shown(given)}; give seconds from 0, or "
            "nothing for the middle of the clip."
        )
    return start_s


def _change(given: Any) -> str:
    if given in (None, ""):
        return ""
    return str(ClipChange.parse(given if isinstance(given, str) else repr(given)))


def whole(given: Any, name: str) -> int:
    """Return a whole number; 3.0 is one, since JavaScript knows no other.

    Raises
    ------
    RequestError
        When it is anything else; so for the other functions here.
    """
    if not 0 <= number(given, name) <= LARGEST_WHOLE or given != int(given):
        raise RequestError(f"The {name} is {shown(given)}; it must be a whole number from 0.")
    return int(given)


def plain_number(given: str) -> float | str:
    """Return the number that a text of an address says; the text itself if it says none."""
    try:
        return float(given)
    except ValueError:
        return given


def said(given: Any) -> Any:
    """Return what a script of the page said; see `mailbox`."""
    try:
        return json.loads(given)["said"]
    except (TypeError, ValueError, LookupError, RecursionError):
        raise RequestError("What the page sent can't be read; reload it.") from None


def moment(given: Any, name: str) -> float | None:
    """Return a moment by the browser's clock that stands under `name` in JSON; None if none does.

    See `mailbox`: a letter's own is ``at``, a clock has one for each part of the page.
    """
    try:
        return number(json.loads(given)[name], name)
    except (TypeError, ValueError, LookupError, RecursionError, RequestError):
        return None


def token(given: Any) -> tuple[int, int, int] | None:
    """Return a token's place, [time, row, column]; None for none."""
    if given is None:
        return None
    if not isinstance(given, list | tuple) or len(given) != 3:
        raise RequestError(f"The token is {shown(given)}; give [time, row, column].")
    time, row, column = (whole(at, "token's place") for at in given)
    return time, row, column
