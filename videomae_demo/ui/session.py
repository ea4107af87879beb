"""What one visitor is looking at: small, typed, and enough to make the whole view again.

Arrays stay in the Explorer's caches. The player's value is kept beside the requests, since gradio
sends a component's value as a whole and the player must not be an input.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from videomae_demo.analysis.settings import DEFAULT_ROLLOUT, RolloutSettings
from videomae_demo.engine.clips import ClipRequest
from videomae_demo.lenses.reconstruct import DEFAULT_MASK, MaskRequest
from videomae_demo.ui.chosen_clip import ChosenClip
from videomae_demo.ui.controls import Sampling

MOST_WAITING = 16
"""How much a visitor may ask for at once; a page alone asks for less."""


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
    settings : RolloutSettings
    mask : MaskRequest
    drawn : int
        How many masks were drawn so far, a new clip's among them: the number of the one that is
        shown, or that was painted on.
    painting : int
        The number of the last painting that was reconstructed, as the page counts them.
    label : str or None
        The label that is looked up.
    layers : int
        How many layers the recogniser has; 0 before the first clip.
    missing : tuple of str
        The lenses that were not computed yet for this clip.
    player : dict
        What the token player shows.
    """

    weights: str
    clip: ClipRequest | None = None
    sampling: Sampling = field(default_factory=Sampling)
    settings: RolloutSettings = DEFAULT_ROLLOUT
    mask: MaskRequest = DEFAULT_MASK
    drawn: int = 0
    painting: int = 0
    label: str | None = None
    layers: int = 0
    missing: tuple[str, ...] = ()
    player: dict[str, Any] = field(default_factory=dict)

    @property
    def clip_name(self) -> str:
        """The name of the file that is shown; empty before the first one."""
        return "" if self.clip is None else Path(self.clip.path).name

    def shows_in(self, lens: str) -> tuple[Any, ...]:
        """Return what decides on the pictures of a lens: alike for two that show the same."""
        part = {"recognise": self.label, "attend": self.settings, "reconstruct": self.mask}[lens]
        return self.weights, self.clip, part


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
