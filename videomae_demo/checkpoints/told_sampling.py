"""On which frames of a clip a checkpoint says that it was trained: a field of ``config.json``.

Our own trainings write it; published checkpoints do not tell. Other programs ignore the field.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from videomae_demo.errors import RequestError
from videomae_demo.video.sampling import SamplingRule

FRAME_INTERVAL = "frame_interval_s"
"""Seconds from one frame to the next, for sampling by time."""
FRAME_SAMPLING = "frame_sampling"
"""Any other rule, as `SamplingRule.parse` reads it: ``"every:4"``, ``"uniform"``."""


def told_sampling(fields: Mapping[str, Any]) -> SamplingRule | None:
    """Return the rule that a configuration tells; None if it tells none, or none that can be."""
    interval_s, rule = fields.get(FRAME_INTERVAL), fields.get(FRAME_SAMPLING)
    if isinstance(interval_s, float) and 0 < interval_s < math.inf:
        return SamplingRule.stride(interval_s)
    if not isinstance(rule, str):
        return None
    try:
        return SamplingRule.parse(rule)
    except RequestError:
        return None


def with_sampling(fields: Mapping[str, Any], rule: SamplingRule) -> dict[str, Any]:
    """Return the fields of a configuration such that `told_sampling` returns `rule`."""
    known = (FRAME_INTERVAL, FRAME_SAMPLING)
    others = {name: value for name, value in fields.items() if name not in known}
    if rule.interval_s is not None:
        return others | {FRAME_INTERVAL: float(rule.interval_s)}
    return others | {FRAME_SAMPLING: str(rule)}
