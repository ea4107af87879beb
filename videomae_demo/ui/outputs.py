"""The edge between handlers and gradio: a `Page` becomes outputs, a failure becomes a toast."""

from __future__ import annotations

import html
import logging
from collections.abc import Callable, Generator
from typing import Any

import gradio as gr

from videomae_demo.analysis.settings import RolloutSettings
from videomae_demo.errors import ExplorerError
from videomae_demo.ui import text
from videomae_demo.ui.gradio_edge.sealed import seal
from videomae_demo.ui.layout import Layout
from videomae_demo.ui.page import UNCHANGED, Page, Pages, Unchanged, WeightsList
from videomae_demo.ui.panel import panel
from videomae_demo.ui.session import Session
from videomae_demo.ui.token_player.player import LENSES

logger = logging.getLogger(__name__)


def components_of(layout: Layout) -> list[Any]:
    """Return the components that a `Page` changes, in the order of `to_outputs`."""
    lenses = layout.lenses
    return [
        layout.player,
        layout.status,
        layout.head.here,
        layout.clip.seen,
        lenses.recognise.panel,
        lenses.attend.panel,
        lenses.reconstruct.panel,
        layout.stale,
        layout.clip.notice,
        lenses.code,
        layout.clip.video,
        layout.head.weights,
        lenses.recognise.label,
        *lenses.attend.controls,
        *lenses.reconstruct.controls,
        *layout.clip.controls,
        *(tab.take_away.files for tab in (lenses.recognise, lenses.attend, lenses.reconstruct)),
    ]


def no_last_word(_why: str) -> Page:
    """Say nothing more of work that failed than its toast does."""
    return Page()


def deliver(
    pages: Pages, last_word: Callable[[str], Page] = no_last_word
) -> Generator[list[Any], None, None]:
    """Turn pages into outputs, and what goes wrong into a toast of one sentence.

    Before the toast comes the last page, `last_word` of that sentence. What a page changes of a
    component beyond its value is repeated in all that follow: gradio makes the next outputs by
    editing the last ones in the browser, and a change that is edited away may be lost before it was
    seen.
    """
    held: dict[int, Any] = {}
    changed = False
    try:
        for page in pages:
            outputs = _with(held, page)
            held = {place: value for place, value in enumerate(outputs) if _is_update(value)}
            yield outputs
            changed = True
        if not changed:  # gradio empties all outputs of a generator that yields nothing
            yield to_outputs(Page())
    except gr.Error as error:  # a sentence already: ZeroGPU's when a visitor's quota is used up
        yield _with(held, last_word(str(error.message)))
        raise
    except Exception as error:  # the one catch-all, at the edge to the visitor
        toast = to_toast(
            error
        )  # before the yield, so that it is logged for a visitor who left, too
        said = str(error) if isinstance(error, ExplorerError) else str(toast.message)
        yield _with(held, last_word(said))
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


def _is_update(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() > gr.skip().keys()


def _with(held: dict[int, Any], page: Page) -> list[Any]:
    """Return a page's outputs; what it leaves unchanged is repeated."""
    return [
        held.get(place, value) if value == gr.skip() else value
        for place, value in enumerate(to_outputs(page))
    ]


def to_outputs(page: Page) -> list[Any]:
    """Return a page's changes in the order of `components_of`."""
    sealed = [
        page.player,
        page.status,
        page.weights,
        page.clip,
        page.labels,
        page.attention,
        page.reconstruction,
        _in_a_panel(page.stale, panel.sentence),
        _in_a_panel(page.notice, panel.note),
    ]
    outputs = [gr.skip() if value is UNCHANGED else seal(value) for value in sealed]
    outputs += [_or_skip(page.code), _or_skip(page.video)]
    outputs += [*_weights_updates(page), *_label_updates(page)]
    outputs += [*_rollout_updates(page), *_mask_updates(page), *_sampling_updates(page)]
    return outputs + _file_updates(page)


def _or_skip(value: Any) -> Any:
    return gr.skip() if value is UNCHANGED else value


def _in_a_panel(said: str | Unchanged, block: Callable[[str], panel.Block]) -> Any:
    if isinstance(said, Unchanged):
        return said
    return [block(said)] if said else []


def _weights_updates(page: Page) -> list[Any]:
    shown = page.weights_list
    if not isinstance(shown, WeightsList):
        return [gr.skip()]
    return [gr.update(choices=list(shown.choices), value=shown.chosen)]


def _label_updates(page: Page) -> list[Any]:
    if isinstance(page.controls, Session):
        return [page.controls.label]
    if isinstance(page.label_names, Unchanged):
        return [_or_skip(page.label)]
    return [gr.update(choices=list(page.label_names))]


def _rollout_updates(page: Page) -> list[Any]:
    back = page.controls if isinstance(page.controls, Session) else None
    if back is None and not isinstance(page.layers, int):
        return [gr.skip()] * 4
    now = back or (page.session if isinstance(page.session, Session) else None)
    settings = RolloutSettings() if now is None else now.settings
    count = page.layers if isinstance(page.layers, int) else back.layers if back else 0
    if not count:  # no clip was explored, so nothing was set
        return [gr.skip()] * 4
    layers = [
        gr.update(maximum=count, value=settings.first_layer),
        gr.update(maximum=count, value=settings.last_layer or count),
    ]
    others = [gr.skip(), gr.skip()] if back is None else [settings.fusion, settings.discard]
    return [*others, *layers]


def _mask_updates(page: Page) -> list[Any]:
    mask = page.controls.mask if isinstance(page.controls, Session) else page.mask
    if isinstance(mask, Unchanged):
        return [_or_skip(page.mask_kind), gr.skip(), gr.skip()]
    return [mask.kind, gr.skip() if mask.ratio is None else mask.ratio, mask.seed]


def _sampling_updates(page: Page) -> list[Any]:
    now = page.controls.sampling if isinstance(page.controls, Session) else page.sampling
    if isinstance(now, Unchanged):
        return [gr.skip(), gr.skip(), gr.skip(), _or_skip(page.start), gr.skip()]
    start = "" if now.start_s is None else f"{now.start_s:g}"
    return [now.kind, now.interval_s, now.step, start, now.stored_pixels]


def _file_updates(page: Page) -> list[Any]:
    """Show the files that were just written, and take away those of what is shown no more."""
    written = {} if isinstance(page.files, Unchanged) else page.files
    shown = dict(zip(LENSES, (page.labels, page.attention, page.reconstruction), strict=True))
    updates = []
    for lens, panel_now in shown.items():
        if lens in written:
            updates.append(gr.update(value=list(written[lens]), visible=True))
        elif isinstance(panel_now, Unchanged):
            updates.append(gr.skip())
        else:
            updates.append(gr.update(value=None, visible=False))
    return updates
