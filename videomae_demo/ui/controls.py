"""From what the controls hold to what the Explorer is asked: foreign values in, typed ones out.

Knows no component and no session.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

import numpy as np

from videomae_demo.errors import RequestError
from videomae_demo.ui import values
from videomae_demo.video.sampling import SamplingRule
from videomae_demo.views import MaskRequest

AS_TRAINED, EVERY, UNIFORM = "as trained", "every so many seconds", "spread over the whole clip"
SAMPLINGS = (AS_TRAINED, EVERY, UNIFORM)


def to_rule(sampling: str, interval_s: float) -> SamplingRule | None:
    """Return the sampling rule; None stands for the one the checkpoint was trained with."""
    if sampling == AS_TRAINED:
        return None
    if sampling == UNIFORM:
        return SamplingRule.uniform()
    if sampling == EVERY:
        return SamplingRule.stride(values.number(interval_s, "seconds between frames"))
    raise RequestError(f"The sampling is {sampling!r}; choose {', '.join(SAMPLINGS)}.")


def to_start(given: Any) -> float | None:
    """Return where the window starts in seconds; None stands for the middle of the clip."""
    if given in (None, ""):
        return None
    try:
        return float(given)
    except (TypeError, ValueError) as error:
        raise RequestError(f"The start is {given!r}; give seconds, or nothing.") from error


def to_mask(kind: str, ratio: Any, seed: Any) -> MaskRequest:
    """Return a mask that is drawn from a seed."""
    share, drawn = values.number(ratio, "share to hide"), values.whole(seed, "mask seed")
    return MaskRequest(kind, share, drawn)


def to_painted_mask(given: str, tokens: int) -> MaskRequest:
    """Return a mask that was painted, given in base64 as one byte per token."""
    try:
        marks = np.frombuffer(base64.b64decode(given, validate=True), np.uint8)
    except (binascii.Error, TypeError, ValueError) as error:
        raise RequestError("The painted mask can't be read; paint it again.") from error
    if len(marks) != tokens:
        raise RequestError(
            f"The painted mask has {len(marks)} tokens, the clip {tokens}; paint it again."
        )
    return MaskRequest("painted", painted=np.packbits(marks > 0).tobytes())
