"""The Explorer, the project's public interface: one clip in, an answer per question out.

Typed requests in, frozen answers out. Knows nothing of pages or command lines.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import is_dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from videomae_demo.analysis.settings import DEFAULT_ROLLOUT, RolloutSettings
from videomae_demo.engine.clips import ClipRequest
from videomae_demo.engine.engine import Engine
from videomae_demo.errors import ExplorerError
from videomae_demo.given import instance
from videomae_demo.lenses import (
    attend,
    compare,
    explain,
    heads,
    many_clips,
    recognise,
    reconstruct,
    timeline,
    tokens,
    what_if,
)
from videomae_demo.lenses.attend import RolloutView
from videomae_demo.lenses.compare import DEFAULT_COMPARISON, CompareRequest, CompareView
from videomae_demo.lenses.explain import DEFAULT_QUESTION, ExplainRequest, RelevanceView
from videomae_demo.lenses.heads import DEFAULT_HEADS, HeadsRequest, HeadsView
from videomae_demo.lenses.masks import DEFAULT_MASK, MaskRequest
from videomae_demo.lenses.plan import Plan
from videomae_demo.lenses.recognise import LabelsView
from videomae_demo.lenses.reconstruct import TIMES, ReconstructionView
from videomae_demo.lenses.timeline import (
    DEFAULT_TIMELINE,
    TimelineRequest,
    TimelineView,
)
from videomae_demo.lenses.tokens import DEFAULT_TOKENS, TokensRequest, TokensView
from videomae_demo.lenses.what_if import DEFAULT_WHAT_IF, WhatIfRequest, WhatIfView
from videomae_demo.video.views import Views

if TYPE_CHECKING:
    from videomae_demo.analysis.sweeping import Sweep
    from videomae_demo.lenses.trial import Trial

Answered = TypeVar("Answered")


def _checking(method: Callable[..., Answered]) -> Callable[..., Answered]:
    """Let a method refuse, in one sentence, what is no clip or request of the kind it takes."""
    signature = inspect.signature(method)
    kinds = {name: type(one.default) for name, one in signature.parameters.items()}
    kinds = {name: kind for name, kind in kinds.items() if is_dataclass(kind)}
    kinds |= {"clip": ClipRequest, "views": Views}

    @wraps(method)
    def checked(*args: Any, **named: Any) -> Answered:
        for name, given in signature.bind(*args, **named).arguments.items():
            if name in kinds:
                instance(given, kinds[name], name)
        return method(*args, **named)

    return checked


def _check_requests(explorer: type[Explorer]) -> type[Explorer]:
    for name, method in list(vars(explorer).items()):
        if not name.startswith("_"):
            setattr(explorer, name, _checking(method))
    return explorer


@_check_requests
class Explorer(Engine):
    """Answers questions about clips, with a method for each; its arguments are those of `Engine`.

    What is asked by something else than the request that a method takes is a RequestError.

    Examples
    --------
    >>> explorer = Explorer()
    >>> explorer.classify(ClipRequest("clip.mp4")).show()
    """

    def classify(self, clip: ClipRequest, hidden: bytes | None = None) -> LabelsView:
        """Name what is in the clip, or in what is left of it; see `recognise.ask`."""
        return recognise.ask(self, clip, hidden)

    def classify_many(
        self, clips: Iterable[ClipRequest]
    ) -> Iterator[tuple[ClipRequest, LabelsView | ExplorerError]]:
        """Name what is in each of many clips, however many; yield each request and its answer.

        A clip that fails is an error in its place. Faster than `classify` for each, for clips run
        together and no attention is recorded; see `many_clips.ask_many`.
        """
        return many_clips.ask_many(self, clips)

    def classify_views(self, clip: ClipRequest, views: Views) -> Iterator[LabelsView]:
        """Name what is in several windows and crops; yield their mean as they come.

        See `recognise.ask_views`.
        """
        return recognise.ask_views(self, clip, views)

    def plan_views(self, clip: ClipRequest, views: Views) -> Plan:
        """Say how many views there are to run, and what that costs; see `recognise.plan_views`."""
        return recognise.plan_views(self, clip, views)

    def known_views(self, clip: ClipRequest, views: Views) -> LabelsView | None:
        """Return the mean of the views that are known, without a pass; see `recognise.known_views`.

        None if none is.
        """
        return recognise.known_views(self, clip, views)

    def attend(self, clip: ClipRequest, settings: RolloutSettings = DEFAULT_ROLLOUT) -> RolloutView:
        """Show where and when the recogniser looked; see `attend.ask`."""
        return attend.ask(self, clip, settings)

    def test_attention(
        self, clip: ClipRequest, settings: RolloutSettings = DEFAULT_ROLLOUT
    ) -> Iterator[Trial]:
        """Hide tokens in the order of the rollout; yield curves that grow; see `attend.test`."""
        return attend.test(self, clip, settings)

    def explain(
        self, clip: ClipRequest, request: ExplainRequest = DEFAULT_QUESTION
    ) -> RelevanceView:
        """Say what each token did for a label; see `explain.ask`."""
        return explain.ask(self, clip, request)

    def test_explanation(
        self, clip: ClipRequest, request: ExplainRequest = DEFAULT_QUESTION
    ) -> Iterator[RelevanceView]:
        """Hide tokens in the order of the map; yield the answer with curves that grow.

        See `explain.test`.
        """
        return explain.test(self, clip, request)

    def heads(self, clip: ClipRequest, request: HeadsRequest = DEFAULT_HEADS) -> HeadsView:
        """Say what each attention head reads and does, with some switched off; see `heads.ask`."""
        return heads.ask(self, clip, request)

    def probe(
        self, clip: ClipRequest, request: WhatIfRequest = DEFAULT_WHAT_IF
    ) -> Iterator[WhatIfView]:
        """Change the clip in many ways, and follow a label; yield the answer as it grows.

        See `what_if.ask`.
        """
        return what_if.ask(self, clip, request)

    def probe_one(self, clip: ClipRequest, request: WhatIfRequest = DEFAULT_WHAT_IF) -> WhatIfView:
        """Change the clip in one way; see `what_if.ask_one`."""
        return what_if.ask_one(self, clip, request)

    def timeline_of(
        self, clip: ClipRequest, request: TimelineRequest = DEFAULT_TIMELINE
    ) -> Iterator[TimelineView]:
        """Say what happens when, window by window; yield the answer as it grows.

        See `timeline.ask`.
        """
        return timeline.ask(self, clip, request)

    def plan_timeline(self, clip: ClipRequest, request: TimelineRequest = DEFAULT_TIMELINE) -> Plan:
        """Say how many windows there are to scan, and what that costs; see `timeline.plan`."""
        return timeline.plan(self, clip, request)

    def known_timeline(
        self, clip: ClipRequest, request: TimelineRequest = DEFAULT_TIMELINE
    ) -> TimelineView | None:
        """Return what earlier scans left behind, without a pass; see `timeline.known`."""
        return timeline.known(self, clip, request)

    def tokens(self, clip: ClipRequest, request: TokensRequest = DEFAULT_TOKENS) -> TokensView:
        """Say which tokens are alike; see `tokens.ask`."""
        return tokens.ask(self, clip, request)

    def compare(
        self, clip: ClipRequest, other: str, request: CompareRequest = DEFAULT_COMPARISON
    ) -> Iterator[CompareView]:
        """Ask these weights and others the same; yield the answer, the last one counts.

        `other` names a checkpoint as for a new Explorer; see `compare.ask`.
        """
        second = self.beside(other, with_decoder=request.what == "reconstruction")
        return compare.ask(self, second, clip, request)

    def reconstruct(
        self, clip: ClipRequest, mask: MaskRequest = DEFAULT_MASK
    ) -> ReconstructionView:
        """Hide a part of the clip, and show what the reconstructor predicts there.

        See `reconstruct.ask`.
        """
        return reconstruct.ask(self, clip, mask)

    def sweep(
        self, clip: ClipRequest, mask: MaskRequest = DEFAULT_MASK
    ) -> Iterator[ReconstructionView]:
        """Hide every share by masks of one kind; yield the answer with curves that grow.

        See `reconstruct.sweep`.
        """
        return reconstruct.sweep(self, clip, mask)

    def many_masks(
        self, clip: ClipRequest, mask: MaskRequest = DEFAULT_MASK, times: int = TIMES
    ) -> Iterator[ReconstructionView]:
        """Hide each token several times; yield the answer with maps that grow.

        See `reconstruct.many_masks`.
        """
        return reconstruct.many_masks(self, clip, mask, times)

    def known_sweep(self, clip: ClipRequest, kind: str) -> Sweep | None:
        """Return what earlier sweeps left behind, without a pass; see `reconstruct.known_sweep`."""
        return reconstruct.known_sweep(self, clip, kind)

    def __repr__(self) -> str:
        return f"<Explorer with {self.weights}>"
