"""What the page Data set asks for: how far a run is, rows of its table, its files, and its start.

Owns the route, and that this machine alone is answered: a path that is named here is read.
"""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from anyio.to_thread import run_sync
from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from videomae_demo.cancellation import cancellable
from videomae_demo.engine.clips import ClipRequest
from videomae_demo.errors import RequestError, shown
from videomae_demo.pool import ExplorerPool
from videomae_demo.ui.controls import Sampling
from videomae_demo.ui.dataset import words
from videomae_demo.ui.dataset.checking import Checked, check, recent
from videomae_demo.ui.dataset.columns import PAGE_ROWS, Query
from videomae_demo.ui.dataset.runs import Run, Runs
from videomae_demo.ui.dataset.settings import Settings, read_settings
from videomae_demo.ui.gradio_edge.exposure import is_from_here
from videomae_demo.ui.gradio_edge.gate import API
from videomae_demo.ui.route import Route
from videomae_demo.video.sampling import SamplingRule

KINDS = (".csv", ".json", ".html", ".md", ".txt", ".png", ".svg")
"""What of a run's folder may be taken away."""


class DataSet(Route):
    """Answers for the page Data set; see `Route`.

    On GET, ``?do=facts`` tells which weights there are and what was judged before, ``do=state`` how
    far the run is, ``do=rows`` a page of its table, see `Query.read`, and ``do=file&name=`` gives a
    file of its folder. On POST, ``do=check`` looks at a data set, ``do=begin`` judges it, both with
    settings as JSON, and ``do=cancel`` stops.

    Parameters
    ----------
    pool : ExplorerPool
    runs : Runs
    folder : Path
        Where the folders of runs are made.
    """

    route = f"{API}dataset"
    largest_body = 2**14
    subject = "A data set"

    def __init__(self, pool: ExplorerPool, runs: Runs, folder: Path) -> None:
        self._pool = pool
        self._runs = runs
        self._folder = folder
        self._looking = anyio.CapacityLimiter(1)
        self._searching = anyio.CapacityLimiter(2)
        self._wish = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request of this machine, and refuse all others."""
        if not is_from_here(scope):
            await self.refusal(RequestError(words.ELSEWHERE))(scope, receive, send)
            return
        await super().__call__(scope, receive, send)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Judge while the scope is open."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._runs.work)
            yield
            self._runs.cancel()  # the step at work ends soon, and then the group can
            self._wish.set()
            group.cancel_scope.cancel()

    async def read(self, query: Mapping[str, str]) -> dict[str, Any] | Response:
        """Tell the facts, the state, rows, or give a file."""
        what = query.get("do", "")
        if what == "facts":
            return await run_sync(self._facts)
        if what == "state":
            return self._state(query)
        if what == "rows":
            found = await run_sync(
                self._columns().select, Query.read(query), limiter=self._searching
            )
            return {
                "count": found.count,
                "page": found.page + 1,
                "size": PAGE_ROWS,
                "rows": found.rows,
            }
        if what == "file":
            return self._file(query.get("name", ""))
        raise RequestError(f"do is {shown(what)}; give facts, state, rows or file.")

    async def do(self, query: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """Check, begin or cancel."""
        what = query.get("do", "")
        if what == "cancel":
            self._wish.set()
            self._runs.cancel()
            return self._state({})
        if what not in ("check", "begin"):
            raise RequestError(f"do is {shown(what)}; give check, begin or cancel.")
        if what == "begin" and self._runs.is_at_work:
            raise RequestError(words.AT_WORK)
        settings = read_settings(_read_body(body))
        self._wish.set()  # the last one counts
        self._wish = wish = threading.Event()
        measures = what == "check" and not self._runs.is_at_work
        checked = await run_sync(self._check, settings, wish, measures, limiter=self._looking)
        if what == "begin":
            self._runs.begin(checked)
            return self._state({})
        return checked.to_json()

    def _check(self, settings: Settings, wish: threading.Event, measures: bool) -> Checked:
        with cancellable(wish):
            return check(self._pool, settings, self._folder, measures=measures)

    def _facts(self) -> dict[str, Any]:
        offers = [
            offer
            for offer in self._pool.offers()
            if not self._pool.absent(offer.name, ("recogniser",))
        ]
        names = [offer.name for offer in offers]
        return {
            "weights": [{"name": offer.name, "title": offer.title} for offer in offers],
            "usual": self._pool.usable,
            "recent": recent(self._folder, names),
        }

    # ---- the run ---------------------------------------------------------------------------------

    def _state(self, query: Mapping[str, str]) -> dict[str, Any]:
        """Tell how far the run is; the figures only if the page does not have them."""
        run = self._runs.run
        if run is None:
            return {"run": 0, "state": "empty", "why": words.NOTHING}
        clips = run.checked.clips
        told: dict[str, Any] = {
            "run": run.number,
            "set": run.checked.key,
            "state": run.state,
            "settings": run.checked.settings.to_json(),
            "frames": _address_of(run.checked.settings.sampling),
            "clips": clips,
            "done": run.done,
            "pace": words.tell_progress(run.done, clips, run.seconds_left),
            "why": _why(run),
            "folder": str(run.checked.folder),
            "files": [file.name for file in files_of(run)],
        }
        if query.get("run") == str(run.number) and query.get("seen") == str(run.done):
            return told
        named = run.columns.named()
        return told | {"figures": run.figures, "matrix": run.matrix, "named": named}

    def _columns(self) -> Any:
        if self._runs.run is None:
            raise RequestError(words.NOTHING)
        return self._runs.run.columns

    def _file(self, name: str) -> Response:
        run = self._runs.run
        files = {} if run is None else {file.name: file for file in files_of(run)}
        if name not in files:
            raise RequestError(
                f"There is no file {shown(name)} to take away; there are {', '.join(files)}."
            )
        return FileResponse(files[name], filename=name)


def _address_of(rule: SamplingRule | None) -> dict[str, str]:
    """Return how Explore's address asks for the frames that were judged."""
    return Sampling().of(ClipRequest("", sampling=rule)).to_query()


def files_of(run: Run) -> list[Path]:
    """Return the files of a run that can be taken away, by name; none before it is done."""
    folder = run.checked.folder
    if run.state != "done" or not folder.is_dir():
        return []
    return sorted(file for file in folder.iterdir() if file.is_file() and file.suffix in KINDS)


def _why(run: Run) -> str:
    if run.state == "preparing":
        return words.READING
    return words.STOPPING if run.state == "stopping" else run.why


def _read_body(body: bytes) -> Mapping[str, Any]:
    """Return the settings that a page sends."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise RequestError("Send settings as JSON.")
    return told
