"""Pages in processes that have the heavy libraries from the start: each is a fork of one process.

A page that begins by itself spends most of its first seconds with imports.
"""

import functools
import multiprocessing
import os
import runpy
import sys
from pathlib import Path

from hub import constants_for
from huggingface_hub import constants

LIBRARIES = ["torch", "gradio", "videomae_demo.ui.app", "videomae_demo.explorer"]


class ForkedPage:
    """A script that runs in a fork, with the methods of `subprocess.Popen` that tests use."""

    def __init__(self, command: list[str], folder: Path, variables: dict[str, str], log: Path):
        given = (command, folder, variables, log)
        self._process = _forks().Process(target=_run, args=given)
        self._process.start()

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self._process.terminate()

    def kill(self) -> None:
        """End it."""
        self._process.kill()

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Wait until it has ended; return its exit code, None if it still runs."""
        self._process.join(timeout_s)
        return self._process.exitcode


@functools.cache
def _forks():
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LIBRARIES)
    return context


def _run(command: list[str], folder: Path, variables: dict[str, str], log: Path) -> None:
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(output, stream)
    os.environ.clear()
    os.environ.update(variables)
    _read_again(variables)
    os.chdir(folder)
    sys.argv = command
    sys.path.insert(0, str(Path(command[0]).parent))
    runpy.run_path(command[0], run_name="__main__")


def _read_again(variables: dict[str, str]) -> None:
    """Do what the hub library does with its variables when it is imported: here, it was before."""
    if "HF_HOME" not in variables:
        return
    address = variables.get("HF_ENDPOINT", constants.ENDPOINT)
    cache = Path(variables["HF_HOME"], "hub")
    offline = variables.get("HF_HUB_OFFLINE") == "1"
    for name, value in constants_for(address, cache, offline=offline).items():
        setattr(constants, name, value)
