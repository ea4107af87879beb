"""What a figure was measured on, and how several ways to do one thing are timed fairly."""

from __future__ import annotations

import datetime
import os
import platform
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path


def describe_machine(*packages: str) -> str:
    """Return one line: the date, the processor, its cores, Python and the packages' versions."""
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{today}, {_processor()}, {cores} cores, Python {platform.python_version()}, {versions}."
    )


def best_times(
    ways: Mapping[str, Callable[[], object]],
    rounds: int,
    synchronise: Callable[[], object] = lambda: None,
) -> dict[str, float]:
    """Time each way once per round, in turn, so that a noisy moment hits all; return the best.

    Parameters
    ----------
    ways : mapping of str to callable
        What to time; each is called once more before, to warm up.
    rounds : int
    synchronise : callable
        Waits until a GPU has done what it was told.

    Returns
    -------
    dict of str to float
        Seconds of each way's fastest round.
    """
    for way in ways.values():
        way()
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(rounds):
        for name, way in ways.items():
            synchronise()
            started = time.perf_counter()
            way()
            synchronise()
            best[name] = min(best[name], time.perf_counter() - started)
    return best


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
