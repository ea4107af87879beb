"""The named endpoints /classify, /attend and /reconstruct: the command line's JSON, over the web.

They answer with `describe`, so the numbers are those of the command line.
"""

from __future__ import annotations

import functools
import html
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from videomae_demo import describe
from videomae_demo.analysis.settings import HEAD_FUSIONS, RolloutSettings
from videomae_demo.cancellation import Cancelled, cancellable
from videomae_demo.errors import ExplorerError, RequestError
from videomae_demo.masking import MASK_KINDS
from videomae_demo.ui import text
from videomae_demo.ui.values import number, token, whole
from videomae_demo.ui.visitors import Visitors
from videomae_demo.ui.weights import ExplorerPool
from videomae_demo.views import ClipRequest, MaskRequest

if TYPE_CHECKING:
    from videomae_demo.explorer import Explorer

Json = dict[str, Any]


class Endpoints:
    """What the endpoints do; `pool` tells which weights they may use."""

    def __init__(self, pool: ExplorerPool) -> None:
        self.pool = pool

    def classify(self, clip: str, weights: str, top_k: float, label: str) -> Json:
        """Name what happens in a clip."""
        view = self._explorer(weights).classify(_clip(clip))
        return _without_folder(describe.describe_labels(view, whole(top_k, "top_k"), label or None))

    def attend(
        self,
        clip: str,
        weights: str,
        fusion: Any,
        discard: float,
        first_layer: float,
        last_layer: float,
        query: Any,
    ) -> Json:
        """Show where and when the recogniser looked; `last_layer` 0 stands for the last one."""
        settings = RolloutSettings(
            fusion,
            number(discard, "discard"),
            whole(first_layer, "first_layer"),
            whole(last_layer, "last_layer") or None,
            token(query or None),
        )
        view = self._explorer(weights).attend(_clip(clip), settings)
        return _without_folder(describe.describe_rollout(view))

    def reconstruct(self, clip: str, weights: str, kind: str, ratio: float, seed: float) -> Json:
        """Hide a part of a clip and measure the reconstruction; `ratio` 0 takes the default."""
        mask = MaskRequest(kind, number(ratio, "ratio") or None, whole(seed, "seed"))
        view = self._explorer(weights).reconstruct(_clip(clip), mask)
        return _without_folder(describe.describe_reconstruction(view))

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
        clip = gr.File(label="clip", type="filepath")
        weights = gr.Textbox("", label="weights")
        top_k = gr.Number(5, label="top_k", precision=0)
        label = gr.Textbox("", label="label")
        fusion = gr.Radio(list(HEAD_FUSIONS), value="mean", label="fusion")
        discard = gr.Number(0, label="discard")
        first_layer = gr.Number(1, label="first_layer", precision=0)
        last_layer = gr.Number(0, label="last_layer", precision=0)
        query = gr.JSON(None, label="query")
        kind = gr.Radio(list(MASK_KINDS), value="tube", label="kind")
        ratio = gr.Number(0, label="ratio")
        seed = gr.Number(0, label="seed", precision=0)
        answer = gr.JSON(label="answer")
    inputs: dict[str, list[Any]] = {
        "classify": [clip, weights, top_k, label],
        "attend": [clip, weights, fusion, discard, first_layer, last_layer, query],
        "reconstruct": [clip, weights, kind, ratio, seed],
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


def _clip(path: str | None) -> ClipRequest:
    if not path:
        raise RequestError(text.NO_CLIP)
    return ClipRequest(Path(path))


def _without_folder(description: Json) -> Json:
    """Give the clip's name for its path: where the server keeps it concerns nobody.

    Besides, clients of gradio take any object that has a ``path`` for a file to download.
    """
    return {
        "clip": Path(description["path"]).name,
        **{name: value for name, value in description.items() if name != "path"},
    }
