"""The named endpoints, one per lens: the command line's JSON, over the web.

They answer with `to_json` of the views, as the command line does. Each takes a clip, the weights,
what its lens takes, which frames, and whether arrays and a picture are to come, too: ``npz`` and
``png``, whole files in base64.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Sequence
from inspect import Parameter, Signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from videomae_demo.cancellation import Cancelled, cancellable
from videomae_demo.engine.clips import ClipRequest
from videomae_demo.errors import ExplorerError, RequestError
from videomae_demo.given import number
from videomae_demo.lenses.answer import write_npz
from videomae_demo.pool import ExplorerPool
from videomae_demo.rendering.frames import to_png
from videomae_demo.ui import text as said
from videomae_demo.ui.gradio_edge.clip_fields import ClipFile
from videomae_demo.ui.gradio_edge.visitors import Visitors
from videomae_demo.ui.lenses.argument import Argument, example, switch, text
from videomae_demo.ui.lenses.lens import Endpoint, PageLens
from videomae_demo.video.changes import ClipChange
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

WEIGHTS = text("weights", "Name of the checkpoint; empty for the one with which the page opens.")
FRAMES = (
    text(
        "sampling",
        "Which frames: seconds between two of them, every:N for each Nth frame, or uniform over "
        "the whole clip; empty for those with which the checkpoint was trained.",
    ),
    Argument(
        "start",
        "Where the frames begin, in seconds; null for the middle of the clip.",
        None,
        {"type": ["number", "null"], "minimum": 0},
    ),
    switch("stored_pixels", "Take the pixels as they are stored, whatever their shape."),
    text(
        "change",
        "What is done to the frames first: backwards, shuffled:SEED, frozen:FRAME, mirrored, grey, "
        "left, right or crop:PERCENT (a square of a frame that is none); empty for nothing.",
    ),
)
ARRAYS = switch("arrays", "Give all arrays, too: as `npz`, a file in base64.")
PICTURE = switch("picture", "Give the picture, too.")


def add_endpoints(
    pool: ExplorerPool,
    lenses: Sequence[PageLens],
    visitors: Visitors,
    queue_options: dict[str, Any],
) -> None:
    """Add the endpoints to the open page; their components are never shown."""
    with gr.Group(visible=False):
        clip = example(ClipFile(label="clip", type="filepath"), EXAMPLE_CLIP)
        weights = WEIGHTS.component()
        others = [argument.component() for argument in (*FRAMES, ARRAYS, PICTURE)]
        endpoints = {lens: lens.endpoint() for lens in lenses}
        own = {
            lens: [argument.component() for argument in endpoint.parameters]
            for lens, endpoint in endpoints.items()
        }
        answer = gr.JSON(label="answer")
    for lens, endpoint in endpoints.items():
        gr.Button(visible=False).click(
            _answering(pool, lens, endpoint, visitors),
            [clip, weights, *own[lens], *others],
            answer,
            api_name=endpoint.name,
            api_description=endpoint.summary,
            **queue_options,
        )


def ask(pool: ExplorerPool, lens: PageLens, endpoint: Endpoint, *given: Any, **named: Any) -> Json:
    """Answer for the endpoint of a lens; it takes what `signature_of` says."""
    asked = signature_of(endpoint).bind(*given, **named)
    asked.apply_defaults()
    values = dict(asked.arguments)
    clip, weights = values.pop("clip"), values.pop("weights")
    frames = [values.pop(name) for name in ("sampling", "start", "stored_pixels", "change")]
    arrays, picture = (values.pop(name) for name in ("arrays", "picture"))
    request = _clip(clip, *frames)
    answer = endpoint.ask(_explorer(pool, weights, lens), request, **values)
    told = endpoint.to_json(answer, **values)
    if arrays:
        file = io.BytesIO()
        write_npz(file, answer.arrays())
        told["npz"] = base64.b64encode(file.getvalue()).decode("ascii")
    if picture:
        told["png"] = base64.b64encode(to_png(answer.picture())).decode("ascii")
    return told


def signature_of(endpoint: Endpoint) -> Signature:
    """Return what an endpoint takes; gradio reads the names and defaults."""
    kind = Parameter.POSITIONAL_OR_KEYWORD
    others = (WEIGHTS, *endpoint.parameters, *FRAMES, ARRAYS, PICTURE)
    with_defaults = [Parameter(other.name, kind, default=other.default) for other in others]
    return Signature([Parameter("clip", kind), *with_defaults])


def _explorer(pool: ExplorerPool, weights: str, lens: PageLens) -> Explorer:
    name = weights or pool.usable
    pool.offer(name)
    if pool.absent(name, lens.uses):
        raise RequestError(
            f"The weights {name!r} are not on this machine, and an endpoint downloads nothing; "
            "load them on the page first."
        )
    return pool.get(name)


def _answering(
    pool: ExplorerPool, lens: PageLens, endpoint: Endpoint, visitors: Visitors
) -> Callable[..., Json]:
    def answer(*given: Any) -> Json:
        try:
            with visitors.working() as wish, cancellable(wish):
                return ask(pool, lens, endpoint, *given)
        except ExplorerError as error:
            raise gr.Error(html.escape(str(error), quote=False), print_exception=False) from None
        except Cancelled:
            raise gr.Error(said.CANCELLED, print_exception=False) from None

    answer.__signature__ = signature_of(endpoint)  # type: ignore[attr-defined]
    return answer


def _clip(
    path: str | None,
    sampling: str | None,
    start: float | str | None,
    stored_pixels: bool,
    change: str | None,
) -> ClipRequest:
    """Return the request; `sampling` and `change` as `parse` reads them, "" for the usual."""
    if not path:
        raise RequestError(said.NO_CLIP)
    rule = SamplingRule.parse(sampling) if sampling else None
    start_s = None if start in (None, "") else number(start, "start")
    changed = ClipChange.parse(change) if change else None
    return ClipRequest(Path(path), start_s, rule, stored_pixels, changed)
