"""What one visitor is looking at: small, typed, and enough to make the whole view again.

Arrays stay in the Explorer's caches. What the player shows is kept beside the questions, since
gradio sends a component's value as a whole and the player must not be an input.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from videomae_demo.engine.clips import ClipRequest
from videomae_demo.ui.chosen_clip import ChosenClip
from videomae_demo.ui.controls import Sampling
from videomae_demo.ui.token_player.value import Place, Shown, View, Whole

MOST_WAITING = 16
"""How much a visitor may ask for at once; a page alone asks for less."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What a lens was asked when it was answered last, and what the player shows of it."""

    key: Any
    view: View


@dataclass(frozen=True, slots=True)
class Session:
    """What one page shows.

    Attributes
    ----------
    weights : str
        Name of the checkpoint, as the `ExplorerPool` knows it.
    clip : ClipRequest or None
        None before the first clip.
    sampling : Sampling
        What the controls of sampling hold.
    lens : str
        The lens that is open; empty stands for the first one.
    asked : mapping
        What is asked of each lens; of one that is not in here, its usual question.
    answered : mapping
        By lens, what is shown of this clip.
    token : Place or None
        The token that a visitor chose.
    about : str
        Which part of the clip is seen, in a line.
    whole : Whole or None
        The whole clip, where the window can be moved.
    base : View or None
        What the player shows of the clip alone; None before the first clip.
    """

    weights: str
    clip: ClipRequest | None = None
    sampling: Sampling = field(default_factory=Sampling)
    lens: str = ""
    asked: Mapping[str, Any] = field(default_factory=dict)
    answered: Mapping[str, Answered] = field(default_factory=dict)
    token: Place | None = None
    about: str = ""
    whole: Whole | None = None
    base: View | None = None

    @property
    def clip_name(self) -> str:
        """The name of the file that is shown; empty before the first one."""
        return "" if self.clip is None else Path(self.clip.path).name

    @property
    def player(self) -> Shown:
        """What the token player shows."""
        views = {lens: answered.view for lens, answered in self.answered.items()}
        return Shown(self.base, views, self.whole, self.token)

    def asking(self, lens: str, question: Any) -> Session:
        """Return the session with another question to a lens."""
        return replace(self, asked={**self.asked, lens: question})

    def knowing(self, lens: str, answered: Answered) -> Session:
        """Return the session with another answer of a lens."""
        return replace(self, answered={**self.answered, lens: answered})


class Visit:
    """One open page: its newest session, and whose turn it is to change it.

    Several events of a page may be at work at the same time. Each takes the session when its turn
    has come, and leaves the new one here, so that none loses what another changed. Who waits holds
    no thread. Gradio keeps the visit in a `gr.State`, a copy per page, and forgets it with the
    page.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.chosen = ChosenClip()
        self.cancelled_at = -math.inf
        """When Cancel was pressed last, by the browser's clock."""
        self._waiting = 0
        self._lock = asyncio.Lock()
        self._taken: dict[frozenset[Any], float] = {}

    def __deepcopy__(self, _memo: dict[int, Any]) -> Visit:
        return Visit(self.session)

    @property
    def is_crowded(self) -> bool:
        """Whether too many wait for their turn already."""
        return self._waiting >= MOST_WAITING

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for one's turn, first come, first served."""
        self._waiting += 1
        try:
            await self._lock.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._lock.release()

    def was_cancelled(self, asked_at: float | None) -> bool:
        """Tell whether Cancel was pressed after something was asked for."""
        return asked_at is not None and asked_at <= self.cancelled_at

    def takes(self, asked_at: float | None, says: frozenset[Any]) -> bool:
        """Tell whether something still is to be done, when its turn has come.

        It is not where what was asked for later came first: the network may turn two requests
        round, and the value of a field that was left would put back what was chosen since.

        Parameters
        ----------
        asked_at : float, optional
            When it was asked for, by the browser's clock; None if nobody knows.
        says : frozenset
            The components whose values it sets. Empty for what sets no value: that is always to be
            done.
        """
        if asked_at is None or not says:
            return True
        if any(at > asked_at for others, at in self._taken.items() if others >= says):
            return False
        self._taken[says] = asked_at
        return True
