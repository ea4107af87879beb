"""From what the controls hold to what the Explorer is asked: foreign values in, typed ones out.

Knows no component and no session.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import numpy as np

from videomae_demo.errors import RequestError
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
        return SamplingRule.stride(float(interval_s or 0))
    raise RequestError(f"The sampling is {sampling!r}; choose {', '.join(SAMPLINGS)}.")


def to_start(given: Any) -> float | None:
    """Return where the window starts in seconds; None stands for the middle of the clip."""
    if given in (None, ""):
        return None
    try:
        return float(given)
    except (TypeError, ValueError) as error:
        raise RequestError(f"The start is {given!r}; give seconds, or nothing.") from error


def to_token(given: Sequence[int] | None) -> tuple[int, int, int] | None:
    """Return a token as (time, row, column); None stands for what the head reads."""
    if given is None:
        return None
    time, row, column = (int(at) for at in given)
    return time, row, column


def to_mask(kind: str, ratio: float, seed: Any) -> MaskRequest:
    """Return a mask that is drawn from a seed."""
    if seed is None or float(seed) != int(seed):
        raise RequestError(f"The mask seed is {seed!r}; it must be a whole number from 0.")
    return MaskRequest(kind, float(ratio), int(seed))


def to_painted_mask(given: str, tokens: int) -> MaskRequest:
    """Return a mask that was painted, given in base64 as one byte per token."""
    try:
        values = np.frombuffer(base64.b64decode(given, validate=True), np.uint8)
    except (binascii.Error, TypeError, ValueError) as error:
        raise RequestError("The painted mask can't be read; paint it again.") from error
    if len(values) != tokens:
        raise RequestError(
            f"The painted mask has {len(values)} tokens, the clip {tokens}; paint it again."
        )
    return MaskRequest("painted", painted=np.packbits(values > 0).tobytes())
