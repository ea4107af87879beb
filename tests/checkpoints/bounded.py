"""Loads a checkpoint with little memory and time, in a process of its own, which may die of it."""

from __future__ import annotations

import multiprocessing
import sys
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

MEMORY_BYTES = 512 * 2**20
PATIENCE_S = 60  # of a machine that has much else to do

_CONTEXT = multiprocessing.get_context("spawn" if sys.platform == "win32" else "forkserver")
if sys.platform != "win32":
    _CONTEXT.set_forkserver_preload(["videomae_demo.engine.roles"])


@dataclass(frozen=True)
class Outcome:
    """How loading ended: "loaded", the words of an error of ours, or anything else."""

    text: str
    processor_s: float


def load(path: Path, role: str, memory_bytes: int = MEMORY_BYTES) -> Outcome:
    """Load a "recogniser" or a "reconstructor" with no more than this memory on top of torch's."""
    mine, theirs = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=_load, args=(str(path), role, memory_bytes, theirs))
    process.start()
    theirs.close()
    with mine:
        if not mine.poll(PATIENCE_S):
            process.kill()
            found = Outcome(f"no end within {PATIENCE_S} s", PATIENCE_S)
        else:
            try:
                found = Outcome(*mine.recv())
            except EOFError:
                process.join()
                found = Outcome(f"died with exit code {process.exitcode}", 0)
    process.join()
    process.close()
    return found


def _load(path: str, role: str, memory_bytes: int, answer: Connection) -> None:
    import torch

    from videomae_demo.engine.roles import find_reconstructor, load_recogniser
    from videomae_demo.errors import ExplorerError

    torch.set_num_threads(1)
    take = {"recogniser": load_recogniser, "reconstructor": find_reconstructor}[role]
    _limit_memory(memory_bytes)
    started = time.process_time()
    try:
        take(path, torch.device("cpu"))
        text = "loaded"
    except ExplorerError as error:
        text = f"{type(error).__name__}: {error}"
    except BaseException as error:  # noqa: BLE001  # whatever it is, it is what the test is to show
        text = f"not ours: {type(error).__name__}: {error}"
    answer.send((text, time.process_time() - started))


def _limit_memory(memory_bytes: int) -> None:
    if sys.platform != "linux":
        return  # elsewhere time alone is limited
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
