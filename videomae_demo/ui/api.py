"""The named endpoints /classify, /attend and /reconstruct: the command line's JSON, over the web.

They answer with `to_json` of the views, as the command line does.
"""

from __future__ import annotations

import functools
import html
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from videomae_demo.analysis.settings import HEAD_FUSIONS, RolloutSettings
from videomae_demo.cancellation import Cancelled, cancellable
from videomae_demo.engine.clips import ClipRequest
from videomae_demo.errors import ExplorerError, RequestError
from videomae_demo.given import number
from videomae_demo.lenses.reconstruct import MaskRequest
from videomae_demo.masking import MASK_KINDS
from videomae_demo.pool import ExplorerPool
from videomae_demo.ui import text
from videomae_demo.ui.gradio_edge.clip_fields import ClipFile
from videomae_demo.ui.gradio_edge.visitors import Visitors
from videomae_demo.ui.values import token, whole
from videomae_demo.video.sampling import SamplingRule

if TYPE_CHECKING:
    from videomae_demo.explorer import Explorer

Json = dict[str, Any]

_CLIP_PATH = "assets/clips/orbiting.mp4"
EXAMPLE_CLIP = {
    "path": _CLIP_PATH,
    "url": _CLIP_PATH,  # what the page writes into ``handle_file(...)``
    "meta": {"_type": "gradio.FileData"},
}
"""The clip in the examples of "Use via API": a file of the project, since no URL is taken."""


class Endpoints:
    """What the endpoints do; `pool` tells which weights they may use."""

    def __init__(self, pool: ExplorerPool) -> None:
        self.pool = pool

    def classify(
        self,
        clip: str,
        weights: str,
        top_k: float,
        label: str,
        sampling: str = "",
        start: float | None = None,
        stored_pixels: bool = False,
    ) -> Json:
        """Name what happens in a clip."""
        count, request = whole(top_k, "top_k"), _clip(clip, sampling, start, stored_pixels)
        return self._explorer(weights).classify(request).to_json(count, label or None)

    def attend(
        self,
        clip: str,
        weights: str,
        fusion: Any,
        discard: float,
        first_layer: float,
        last_layer: float,
        query: Any = None,
        sampling: str = "",
        start: float | None = None,
        stored_pixels: bool = False,
    ) -> Json:
        """Show where and when the recogniser looked; `last_layer` 0 stands for the last one."""
        settings = RolloutSettings(
            fusion,
            number(discard, "discard"),
            whole(first_layer, "first_layer"),
            whole(last_layer, "last_layer") or None,
            token(query or None),
        )
        request = _clip(clip, sampling, start, stored_pixels)
        return self._explorer(weights).attend(request, settings).to_json()

    def reconstruct(
        self,
        clip: str,
        weights: str,
        kind: str,
        ratio: float,
        seed: float,
        sampling: str = "",
        start: float | None = None,
        stored_pixels: bool = False,
    ) -> Json:
        """Hide a part of a clip and measure the reconstruction; `ratio` 0 takes the default."""
        mask = MaskRequest(kind, number(ratio, "ratio") or None, whole(seed, "seed"))
        request = _clip(clip, sampling, start, stored_pixels)
        return self._explorer(weights).reconstruct(request, mask).to_json()

    def _explorer(self, weights: str) -> Explorer:
        name = weights or self.pool.default
        if not self.pool.offer(name).is_here:
            raise RequestError(
                f"The weights {name!r} are not on this machine, and an endpoint downloads nothing; "
                "load them on the page first."
            )
        return self.pool.get(name)


def add_endpoints(pool: ExplorerPool, visitors: Visitors, queue_options: dict[str, Any]) -> None:
    """Add the endpoints to the open page; their components are never shown."""
    endpoints = Endpoints(pool)
    with gr.Group(visible=False):
        clip = _shown_as(ClipFile(label="clip", type="filepath"), EXAMPLE_CLIP)
        weights = _shown_as(gr.Textbox("", label="weights"), "")
        top_k = _shown_as(gr.Number(5, label="top_k"), 5)
        label = _shown_as(gr.Textbox("", label="label"), "")
        fusion = gr.Radio(list(HEAD_FUSIONS), value="mean", label="fusion")
        discard = _shown_as(gr.Number(0, label="discard"), 0)
        first_layer = _shown_as(gr.Number(1, label="first_layer"), 1)
        last_layer = _shown_as(gr.Number(0, label="last_layer"), 0)
        query = _shown_as(gr.JSON(None, label="query"), [0, 0, 0])
        kind = gr.Radio(list(MASK_KINDS), value="tube", label="kind")
        ratio = _shown_as(gr.Number(0, label="ratio"), 0)
        seed = _shown_as(gr.Number(0, label="seed"), 0)
        sampling = _shown_as(gr.Textbox("", label="sampling"), "")
        start = _shown_as(gr.Number(None, label="start"), None)
        stored_pixels = _shown_as(gr.Checkbox(False, label="stored_pixels"), False)
        answer = gr.JSON(label="answer")
    frames = [sampling, start, stored_pixels]
    inputs: dict[str, list[Any]] = {
        "classify": [clip, weights, top_k, label, *frames],
        "attend": [clip, weights, fusion, discard, first_layer, last_layer, query, *frames],
        "reconstruct": [clip, weights, kind, ratio, seed, *frames],
    }
    for name, given in inputs.items():
        button = gr.Button(visible=False)
        button.click(
            _answering(getattr(endpoints, name), visitors),
            given,
            answer,
            api_name=name,
            api_description=getattr(Endpoints, name).__doc__,
            **queue_options,
        )


def _answering(method: Callable[..., Json], visitors: Visitors) -> Callable[..., Json]:
    @functools.wraps(method)  # gradio reads the parameters' names
    def answer(*given: Any) -> Json:
        try:
            with visitors.working() as wish, cancellable(wish):
                return method(*given)
        except ExplorerError as error:
            raise gr.Error(html.escape(str(error), quote=False), print_exception=False) from None
        except Cancelled:
            raise gr.Error(text.CANCELLED, print_exception=False) from None

    return answer


def _shown_as(component: Any, example: Any) -> Any:
    """Let "Use via API" show a value that works; gradio proposes what the type alone suggests."""
    component.example_payload = lambda: example
    return component


def _clip(
    path: str | None, sampling: str | None, start: float | str | None, stored_pixels: bool
) -> ClipRequest:
    """Return the request; `sampling` as `SamplingRule.parse` reads it, "" for the usual one."""
    if not path:
        raise RequestError(text.NO_CLIP)
    rule = SamplingRule.parse(sampling) if sampling else None
    start_s = None if start in (None, "") else number(start, "start")
    return ClipRequest(Path(path), start_s, rule, stored_pixels=stored_pixels)
