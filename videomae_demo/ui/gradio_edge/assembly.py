"""Pages become a web app once, when they are launched.

Gradio describes every component, and makes a web app with all of its routes, each time that a page
of the blocks is finished and once more for their queue. It serves none of these: launching makes
its own. With five pages, they are most of what building takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import gradio as gr
from gradio import blocks


class _NoApp:
    """Takes the place of gradio's web app."""

    @staticmethod
    def create_app(*_: object, **__: object) -> None:
        """Make nothing."""


def _nothing(_: gr.Blocks) -> dict[str, object]:
    return {}


INSTEAD = ((blocks, "App", _NoApp), (gr.Blocks, "get_config_file", _nothing))


@contextmanager
def assembling() -> Iterator[None]:
    """Within, pages are built and queued, but can't be launched: nothing describes them yet."""
    theirs = [(owner, name, getattr(owner, name)) for owner, name, _ in INSTEAD]
    for owner, name, ours in INSTEAD:
        setattr(owner, name, ours)
    try:
        yield
    finally:
        for owner, name, its_own in theirs:
            setattr(owner, name, its_own)
