"""Stands in for Hugging Face's `spaces` on ZeroGPU: functions run in forked, reused workers.

As there, a function's worker is forked at its first call and lives on; arguments and results are
pickled; what the worker remembers never comes back. Each call is noted in ``STAND_IN_NOTES``.
"""

import functools
import json
import multiprocessing
import os
import pickle
from pathlib import Path

_fork = multiprocessing.get_context("fork")


def GPU(*, duration):  # noqa: N802  # its name
    def decorate(task):
        workers = []

        @functools.wraps(task)
        def call(*args, **kwargs):
            if not workers:
                ours, theirs = _fork.Pipe()
                _fork.Process(target=_work, args=(task, theirs), daemon=True).start()
                workers.append(ours)
            asked = pickle.dumps((args, kwargs))
            workers[0].send_bytes(asked)
            answered = workers[0].recv_bytes()
            note = {
                "task": task.__name__,
                "duration_s": duration,
                "asked_bytes": len(asked),
                "answered_bytes": len(answered),
            }
            with Path(os.environ["STAND_IN_NOTES"]).open("a") as notes:
                notes.write(json.dumps(note) + "\n")
            return pickle.loads(answered)

        return call

    return decorate


def _work(task, connection):
    while True:
        args, kwargs = pickle.loads(connection.recv_bytes())
        connection.send_bytes(pickle.dumps(task(*args, **kwargs)))
