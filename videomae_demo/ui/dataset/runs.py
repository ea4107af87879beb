"""The one data set that a page judges: whether it goes on, how far it is, and what it told so far.

Owns the steps. Each judges a chunk of clips, in a thread; the device is held for a batch at a time,
and where somebody who explores a clip waits, a step is followed by as long a rest. Who closes the
page leaves it at work. Everything but the step itself happens in the server's event loop, so
nothing is locked.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import anyio
from anyio.to_thread import run_sync

from videomae_demo.cancellation import Cancelled, cancellable
from videomae_demo.errors import ExplorerError, RequestError
from videomae_demo.pool import ExplorerPool
from videomae_demo.ui import text
from videomae_demo.ui.dataset import words
from videomae_demo.ui.dataset.checking import Checked, explorer_of, judging_of
from videomae_demo.ui.dataset.columns import Columns
from videomae_demo.ui.dataset.listed import ListedClips
from videomae_demo.ui.dataset.matrix import make_matrix

if TYPE_CHECKING:
    from videomae_demo.dataset.evaluate import Evaluation

logger = logging.getLogger(__name__)

State = Literal["empty", "preparing", "running", "stopping", "stopped", "done", "failed"]
AT_WORK = ("preparing", "running", "stopping")
LONGEST_REST_S = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What a step told, ready for the page."""

    evaluation: Evaluation
    figures: Mapping[str, Any]
    matrix: Mapping[str, Any]


@dataclass(slots=True, eq=False)
class Run:
    """A data set that is judged, and what is known of it.

    Attributes
    ----------
    number : int
        Counts the runs of a page; one that goes on is another run.
    checked : Checked
    state : State
    columns : Columns
        Of the clips that are done, and of some that are about to be.
    done : int
        How many clips are judged.
    figures, matrix : mapping
        Of the clips that are done; see `Evaluation.to_json` and `make_matrix`.
    seconds_left : float or None
    why : str
        Why it does not go on; empty if it does.
    """

    number: int
    checked: Checked
    state: State = "preparing"
    columns: Columns = field(default_factory=Columns)
    done: int = 0
    figures: Mapping[str, Any] = field(default_factory=dict)
    matrix: Mapping[str, Any] = field(default_factory=dict)
    seconds_left: float | None = None
    why: str = ""
    wish: threading.Event = field(default_factory=threading.Event)
    steps: Iterator[Evaluation] | None = None
    places: Mapping[str, int] = field(default_factory=dict)


class Runs:
    """The runs of a page, one at a time.

    Parameters
    ----------
    pool : ExplorerPool
    listed : ListedClips
        Gets the clips of what is judged, so that they can be opened.
    """

    def __init__(self, pool: ExplorerPool, listed: ListedClips) -> None:
        self.run: Run | None = None
        self._pool = pool
        self._listed = listed
        self._count = 0
        self._wake = anyio.Event()
        self._one = anyio.CapacityLimiter(1)

    @property
    def is_at_work(self) -> bool:
        """Whether a data set is being judged."""
        return self.run is not None and self.run.state in AT_WORK

    def begin(self, checked: Checked) -> None:
        """Judge a data set, or go on with it.

        Raises
        ------
        RequestError
            When another one is at work.
        """
        if self.is_at_work:
            raise RequestError(words.AT_WORK)
        self._count += 1
        self.run = Run(self._count, checked)
        self._wake.set()

    def cancel(self) -> None:
        """Stop at the next layer; what is judged stays."""
        if self.run is not None and self.run.state in AT_WORK:
            self.run.state = "stopping"
            self.run.wish.set()

    # ---- the steps -------------------------------------------------------------------------------

    async def work(self) -> None:
        """Take the steps that are wanted, for ever."""
        while True:
            run = self.run
            if run is None or not self.is_at_work:
                self._wake = anyio.Event()
                await self._wake.wait()
                continue
            await anyio.sleep(await self.step(run))

    async def step(self, run: Run) -> float:
        """Take a step; return how long to rest after it."""
        began = time.monotonic()
        try:
            told, is_awaited = await run_sync(self._advance, run, limiter=self._one)
        except Cancelled:
            clips = words.count_of(run.checked.clips, "clip")
            self._end(run, "stopped", words.STOPPED.format(done=f"{run.done:,}", clips=clips))
            return 0.0
        except ExplorerError as error:
            self._end(run, "failed", words.FAILED.format(why=error))
            return 0.0
        except OSError as error:
            self._end(run, "failed", text.DISK.format(cause=error.strerror))
            return 0.0
        except Exception as error:  # the catch-all at this edge
            logger.error("A data set could not be judged", exc_info=error)
            self._end(run, "failed", words.FAILED.format(why=text.DEFECT))
            return 0.0
        if told is None:
            self._end(run, "done", "")
            return 0.0
        self._note(run, told)
        return min(time.monotonic() - began, LONGEST_REST_S) if is_awaited else 0.0

    def _advance(self, run: Run) -> tuple[Told | None, bool]:
        """Judge the next chunk, in a thread; there is None after the last."""
        from videomae_demo.dataset.evaluate import evaluate
        from videomae_demo.device import is_awaited

        settings = run.checked.settings
        with cancellable(run.wish):
            explorer = explorer_of(self._pool, settings.weights)
            if run.steps is None:
                judging = judging_of(settings)
                folder = run.checked.folder
                run.steps = evaluate(explorer, settings.source, folder, judging, resume=True)
            evaluation = next(run.steps, None)
            if evaluation is None:
                return None, False
            return self._tell(run, evaluation), is_awaited(explorer.device)

    def _tell(self, run: Run, evaluation: Evaluation) -> Told:
        """Return what a step told; first of all, what was judged before."""
        if not run.places:
            run.places = {item.name: at for at, item in enumerate(evaluation.items)}
            self._listed.add(run.checked.key, evaluation.items)
            run.columns.extend(evaluation.rows(), run.places)
        run.columns.extend(evaluation.new, run.places)
        matrix = make_matrix(evaluation.metrics, set(evaluation.naming.means.values()))
        return Told(evaluation, evaluation.to_json(), matrix)

    def _note(self, run: Run, told: Told) -> None:
        evaluation = told.evaluation
        run.figures, run.matrix, run.done = told.figures, told.matrix, evaluation.done
        run.seconds_left = evaluation.seconds_left
        if run.state == "preparing":
            run.state = "running"

    def _end(self, run: Run, state: State, why: str) -> None:
        run.state, run.why, run.steps = state, why, None
