"""The Explorer, the project's public interface: one clip in, an answer per question out.

Typed requests in, frozen answers out. Knows nothing of pages or command lines.
"""

from __future__ import annotations

from videomae_demo.analysis.settings import DEFAULT_ROLLOUT, RolloutSettings
from videomae_demo.engine.clips import ClipRequest
from videomae_demo.engine.engine import Engine
from videomae_demo.lenses import attend, recognise, reconstruct
from videomae_demo.lenses.attend import RolloutView
from videomae_demo.lenses.recognise import LabelsView
from videomae_demo.lenses.reconstruct import DEFAULT_MASK, MaskRequest, ReconstructionView


class Explorer(Engine):
    """Answers questions about clips, with a method for each; its arguments are those of `Engine`.

    Examples
    --------
    >>> explorer = Explorer()
    >>> explorer.classify(ClipRequest("clip.mp4")).show()
    """

    def classify(self, clip: ClipRequest) -> LabelsView:
        """Name what is in the clip; see `recognise.ask`."""
        return recognise.ask(self, clip)

    def attend(self, clip: ClipRequest, settings: RolloutSettings = DEFAULT_ROLLOUT) -> RolloutView:
        """Show where and when the recogniser looked; see `attend.ask`."""
        return attend.ask(self, clip, settings)

    def reconstruct(
        self, clip: ClipRequest, mask: MaskRequest = DEFAULT_MASK
    ) -> ReconstructionView:
        """Hide a part of the clip, and show what the reconstructor predicts there.

        See `reconstruct.ask`.
        """
        return reconstruct.ask(self, clip, mask)
