"""What one visitor is looking at: small, typed, and enough to make the whole view again.

Arrays stay in the Explorer's caches. The player's value is kept beside the requests, since gradio
sends a component's value as a whole and the player must not be an input.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from videomae_demo.analysis.settings import DEFAULT_ROLLOUT, RolloutSettings
from videomae_demo.views import DEFAULT_MASK, ClipRequest, MaskRequest


@dataclass(frozen=True, slots=True)
class Session:
    """The state of one page.

    Attributes
    ----------
    weights : str
        Name of the checkpoint, as the `ExplorerPool` knows it.
    clip : ClipRequest or None
        None before the first clip.
    settings : RolloutSettings
    mask : MaskRequest
    label : str or None
        The label that is looked up.
    preview : Path or None
        What the browser plays in the place of a clip that it can't.
    player : dict
        What the token player shows.
    """

    weights: str
    clip: ClipRequest | None = None
    settings: RolloutSettings = DEFAULT_ROLLOUT
    mask: MaskRequest = DEFAULT_MASK
    label: str | None = None
    preview: Path | None = None
    player: dict[str, Any] = field(default_factory=dict)
