"""The edge between handlers and gradio: a `Page` becomes outputs, a failure becomes a toast.

Outputs go by component: what a page does not name stays as it is.
"""

from __future__ import annotations

import html
import logging
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

import gradio as gr

from videomae_demo.errors import ExplorerError
from videomae_demo.ui import text
from videomae_demo.ui.controls import Sampling
from videomae_demo.ui.gradio_edge.sealed import seal
from videomae_demo.ui.page import Page, Pages, Unchanged
from videomae_demo.ui.pages.layout import Layout
from videomae_demo.ui.panel import panel

logger = logging.getLogger(__name__)

Outputs = dict[Any, Any]
"""By component, what it shows from now on."""
Write = Callable[[Page], Outputs]


SEEN_AFTER_S = 3.0
"""By then, a browser has seen a change, however busy it is; and few have touched it yet."""


def components_of(layout: Layout) -> list[Any]:
    """Return the components that a `Page` may change."""
    components = [
        layout.player,
        layout.band,
        layout.status,
        layout.head.here,
        layout.clip.seen,
        layout.stale,
        layout.notice,
        layout.bar,
        layout.tabs,
        layout.banner,
        layout.clip.picker,
        layout.clip.picker_note,
        layout.code,
        layout.clip.video,
        layout.head.weights,
        *layout.clip.controls.values(),
    ]
    for lens in layout.lenses.values():
        components += [lens.panel, lens.take_away.files, *lens.parts.controls.values()]
    return components


def no_last_word(_why: str) -> Page:
    """Say nothing more of work that failed than its toast does."""
    return Page()


def deliver(
    pages: Pages, write: Write, last_word: Callable[[str], Page] = no_last_word
) -> Generator[Outputs, None, None]:
    """Turn pages into outputs, by `write`, and what goes wrong into a toast of one sentence.

    Before the toast comes the last page, `last_word` of that sentence. What a page changes of a
    component beyond its value is repeated in all that follow: gradio makes the next outputs by
    editing the last ones in the browser, and a change that is edited away may be lost before it was
    seen. A value that comes with such a change is repeated for `SEEN_AFTER_S`: later, it might put
    back what the visitor has set since.
    """
    held: dict[Any, tuple[Outputs, float]] = {}
    changed = False

    def repeating(page: Page) -> Outputs:
        now = time.monotonic()
        outputs = write(page)
        for part, value in outputs.items():
            held.pop(part, None)
            if _is_update(value):
                held[part] = value, now
        return outputs | {
            part: _again(update, now - since) for part, (update, since) in held.items()
        }

    try:
        for page in pages:
            yield repeating(page)
            changed = True
        if not changed:  # gradio empties all outputs of a generator that yields nothing
            yield write(Page())
    except gr.Error as error:  # a sentence already: ZeroGPU's when a visitor's quota is used up
        yield repeating(last_word(str(error.message)))
        raise
    except Exception as error:  # the one catch-all, at the edge to the visitor
        toast = to_toast(error)  # before the yield: it is logged for a visitor who left, too
        said = str(error) if isinstance(error, ExplorerError) else str(toast.message)
        yield repeating(last_word(said))
        raise toast from error


def to_toast(error: Exception) -> gr.Error:
    """Say in one sentence what went wrong; what is no visitor's doing is logged as well."""
    if isinstance(error, ExplorerError):
        # The message is rendered as HTML, and may hold a file's name.
        return gr.Error(html.escape(str(error)), title="Not possible", print_exception=False)
    if isinstance(error, OSError):  # a full disk, or one that can't be written
        logger.error("A file can't be read or written", exc_info=error)
        said = text.DISK.format(cause=error.strerror)
        return gr.Error(said, title="Not possible", print_exception=False)
    logger.error("A handler failed", exc_info=error)
    return gr.Error(text.DEFECT, title="Our fault", print_exception=False)


def _again(update: Outputs, age_s: float) -> Outputs:
    """Return a change once more, as a copy: gradio takes it apart."""
    kept = dict(update)
    if age_s > SEEN_AFTER_S:
        kept.pop("value", None)
    return kept


def _is_update(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() > gr.skip().keys()


def to_outputs(page: Page, layout: Layout) -> Outputs:
    """Return what a page changes, by component."""
    changed: Outputs = {
        layout.player: _known(page.player, lambda shown: seal(shown.to_json())),
        layout.band: _known(page.band, lambda band: seal(band and band.to_json())),
        layout.status: _known(page.status, seal),
        layout.head.here: _known(page.weights, seal),
        layout.clip.seen: _known(page.clip, seal),
        layout.stale: _known(page.stale, _in_a_panel(panel.sentence)),
        layout.notice: _known(page.notice, _in_a_panel(panel.note)),
        layout.code: page.code,
        layout.clip.video: page.video,
        layout.bar: _known(page.bar, lambda bar: seal(bar.to_json())),
        layout.tabs: _known(page.lens, lambda lens: gr.update(selected=lens)),
        layout.banner: _known(page.banner, _in_a_panel(panel.note)),
        layout.clip.picker: _known(page.examples, lambda now: seal(list(now.items))),
        layout.clip.picker_note: _known(
            page.examples, lambda now: seal([panel.small(now.note)] if now.note else [])
        ),
        layout.head.weights: _known(
            page.weights_list, lambda now: gr.update(choices=list(now.choices), value=now.chosen)
        ),
        layout.clip.controls["start_s"]: page.start,
        layout.clip.controls["change"]: page.change,
    }
    if not isinstance(page.sampling, Unchanged):
        changed |= {layout.clip.controls[name]: value for name, value in _held(page.sampling)}
    for lens, blocks in page.panels.items():
        changed[layout.lenses[lens].panel] = seal(blocks)
        # The files were of what is shown no more.
        changed[layout.lenses[lens].take_away.files] = gr.update(value=None, visible=False)
    for lens, controls in page.controls.items():
        changed |= {
            layout.lenses[lens].parts.controls[name]: value for name, value in controls.items()
        }
    for lens, paths in page.files.items():
        files = layout.lenses[lens].take_away.files
        changed[files] = gr.update(value=list(paths), visible=True)
    changed = {part: value for part, value in changed.items() if not isinstance(value, Unchanged)}
    # Gradio knows by its keys that a mapping holds outputs, so it may not be empty.
    return changed or {layout.status: gr.skip()}


def _known(value: Any, write: Callable[[Any], Any]) -> Any:
    return value if isinstance(value, Unchanged) else write(value)


def _in_a_panel(block: Callable[[str], panel.Block]) -> Callable[[str], str]:
    return lambda said: seal([block(said)] if said else [])


def _held(sampling: Sampling) -> Iterator[tuple[str, Any]]:
    """Go through the controls of sampling, and what each of them holds."""
    for name in Sampling.__slots__:
        value = getattr(sampling, name)
        yield name, ("" if value is None else f"{value:g}") if name == "start_s" else value
