"""The edge between handlers and gradio: a `Page` becomes outputs, a failure becomes a toast."""

from __future__ import annotations

import html
import logging
from collections.abc import Iterator
from typing import Any

import gradio as gr

from videomae_demo.errors import ExplorerError
from videomae_demo.ui import text
from videomae_demo.ui.layout import Layout
from videomae_demo.ui.page import UNCHANGED, Page, Pages, Unchanged
from videomae_demo.ui.sealed import seal
from videomae_demo.ui.session import Session

logger = logging.getLogger(__name__)


def components_of(layout: Layout) -> list[Any]:
    """Return the components that a `Page` changes, in the order of `to_outputs`."""
    lenses = layout.lenses
    return [
        layout.session,
        layout.player,
        layout.status,
        layout.head.here,
        layout.clip.seen,
        lenses.recognise.panel,
        lenses.attend.panel,
        lenses.reconstruct.panel,
        lenses.code,
        layout.clip.video,
        lenses.recognise.label,
        lenses.attend.first_layer,
        lenses.attend.last_layer,
        lenses.reconstruct.kind,
        lenses.reconstruct.ratio,
        lenses.reconstruct.seed,
        *(tab.take_away.files for tab in (lenses.recognise, lenses.attend, lenses.reconstruct)),
    ]


def deliver(pages: Pages) -> Iterator[list[Any]]:
    """Turn pages into outputs, and what goes wrong into a toast of one sentence."""
    for _, outputs in deliver_with_page(pages):
        yield outputs


def deliver_with_page(pages: Pages) -> Iterator[tuple[Page | None, list[Any]]]:
    """See `deliver`; each page comes with its outputs, None stands for one that clears the status.

    What a page changes of a component beyond its value is repeated in all that follow: gradio makes
    the next outputs by editing the last ones in the browser, and a change that is edited away may
    be lost before it was seen.
    """
    held: dict[int, Any] = {}
    changed = False
    try:
        for page in pages:
            outputs = _with(held, page)
            held = {place: value for place, value in enumerate(outputs) if _is_update(value)}
            yield page, outputs
            changed = True
        if not changed:  # gradio empties all outputs of a generator that yields nothing
            yield Page(), to_outputs(Page())
    except gr.Error:  # a sentence already: ZeroGPU says so when a visitor's quota is used up
        yield None, _with(held, Page(status=[]))
        raise
    except Exception as error:  # the one catch-all, at the edge to the visitor
        toast = _toast(error)  # before the yield, so that it is logged for a visitor who left, too
        yield None, _with(held, Page(status=[]))
        raise toast from error


def _toast(error: Exception) -> gr.Error:
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
    ]
    outputs = [_or_skip(page.session)]
    outputs += [gr.skip() if value is UNCHANGED else seal(value) for value in sealed]
    outputs += [_or_skip(page.code), _or_skip(page.video)]
    outputs += [*_label_updates(page), *_layer_updates(page), *_mask_updates(page)]
    return outputs + _file_updates(page)


def _or_skip(value: Any) -> Any:
    return gr.skip() if value is UNCHANGED else value


def _label_updates(page: Page) -> list[Any]:
    if isinstance(page.label_names, Unchanged):
        return [_or_skip(page.label)]
    return [gr.update(choices=list(page.label_names))]


def _layer_updates(page: Page) -> list[Any]:
    if not isinstance(page.layers, int):
        return [gr.skip(), gr.skip()]
    settings = page.session.settings if isinstance(page.session, Session) else None
    last = page.layers if settings is None else settings.last_layer or page.layers
    first = 1 if settings is None else settings.first_layer
    return [
        gr.update(maximum=page.layers, value=first),
        gr.update(maximum=page.layers, value=last),
    ]


def _mask_updates(page: Page) -> list[Any]:
    mask = page.mask
    if isinstance(mask, Unchanged):
        return [_or_skip(page.mask_kind), gr.skip(), gr.skip()]
    return [mask.kind, mask.ratio, mask.seed]


def _file_updates(page: Page) -> list[Any]:
    """Take away the files of what is shown no more."""
    return [
        gr.skip() if isinstance(shown, Unchanged) else gr.update(value=None, visible=False)
        for shown in (page.labels, page.attention, page.reconstruction)
    ]
