"""Two checkpoints are asked the same: the same frames, the same mask, the same label by its name.

Computes nothing; needs torch only to ask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from videomae_demo.engine.clips import ClipRequest
from videomae_demo.lenses.answer import Answer

if TYPE_CHECKING:  # torch takes seconds to import: the page does not wait for it
    from videomae_demo.engine.engine import Engine
    from videomae_demo.lenses.compare import CompareRequest


def ask_both(
    first: Engine, second: Engine, clip: ClipRequest, request: CompareRequest
) -> Iterator[tuple[Answer, Answer]]:
    """Ask both engines what is compared."""
    if request.what == "what_if":
        yield from _ask_what_if(first, second, clip, request)
        return
    yield _ASK[request.what](first, clip, request), _ask_second(first, second, clip, request)


def _ask_second(
    first: Engine, second: Engine, clip: ClipRequest, request: CompareRequest
) -> Answer:
    if request.what == "relevance":
        label = _label_for(first, second, clip, request.label)
        return _ASK["relevance"](second, clip, replace(request, label=label))
    if request.what == "reconstruction" and request.mask.ratio is None:
        from videomae_demo.lenses.masks import default_ratio

        ratio = default_ratio(first.reconstructor.card.grid)
        request = replace(request, mask=replace(request.mask, ratio=ratio))
    return _ASK[request.what](second, clip, request)


def _label_for(first: Engine, second: Engine, clip: ClipRequest, label: str | None) -> str | None:
    """Return what the second one calls the label that is followed; None if it does not know it."""
    from videomae_demo.lenses import recognise

    if label is None:
        label = recognise.ask(first, clip).classification.top(1)[0].label
    known = second.recogniser.model.config.id2label.values()
    return next((name for name in known if name.casefold() == label.strip().casefold()), None)


def _ask_what_if(
    first: Engine, second: Engine, clip: ClipRequest, request: CompareRequest
) -> Iterator[tuple[Answer, Answer]]:
    from videomae_demo.lenses import what_if
    from videomae_demo.lenses.what_if import WhatIfRequest

    asked = WhatIfRequest(request.label, request.shown)
    others = WhatIfRequest(_label_for(first, second, clip, request.label), request.shown)
    begun = what_if.ask_one(second, clip, others)
    for one in what_if.ask(first, clip, asked):
        yield one, begun
    for other in what_if.ask(second, clip, others):
        yield one, other


def _ask_labels(engine: Engine, clip: ClipRequest, _request: CompareRequest) -> Answer:
    from videomae_demo.lenses import recognise

    return recognise.ask(engine, clip)


def _ask_attention(engine: Engine, clip: ClipRequest, _request: CompareRequest) -> Answer:
    from videomae_demo.lenses import attend

    return attend.ask(engine, clip)


def _ask_relevance(engine: Engine, clip: ClipRequest, request: CompareRequest) -> Answer:
    from videomae_demo.lenses import explain
    from videomae_demo.lenses.explain import ExplainRequest

    return explain.ask(engine, clip, ExplainRequest(label=request.label))


def _ask_reconstruction(engine: Engine, clip: ClipRequest, request: CompareRequest) -> Answer:
    from videomae_demo.lenses import reconstruct

    return reconstruct.ask(engine, clip, request.mask)


_ASK: dict[str, Callable[[Engine, ClipRequest, CompareRequest], Answer]] = {
    "labels": _ask_labels,
    "attention": _ask_attention,
    "relevance": _ask_relevance,
    "reconstruction": _ask_reconstruction,
}
