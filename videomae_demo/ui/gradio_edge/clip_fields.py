"""The page's fields that take a clip: gradio's own, without what gradio does to files by itself.

`gr.Video` hands what it shows to the ffmpeg on PATH, outside of every limit, and ffmpeg follows a
playlist to other files of the machine. `gr.File` and `gr.UploadButton` leave an empty temporary
file behind for each file that they are given. These do neither: a path comes in, and the same path
goes out.
"""

from __future__ import annotations

import html
from abc import ABCMeta
from pathlib import Path
from typing import Any, Self

import gradio as gr
from gradio.component_meta import ComponentMeta
from gradio.data_classes import FileData
from pydantic import ConfigDict

from videomae_demo.errors import shown


class Plain(ComponentMeta):
    """Makes the class and nothing else: gradio's own way writes a stub file beside the source."""

    def __new__(cls, name: str, bases: tuple[type, ...], attributes: dict[str, Any]) -> Any:
        """Make the class."""
        return ABCMeta.__new__(cls, name, bases, attributes)


NO_TRIMMING = """<script>{
  const fetched = window.fetch;
  window.fetch = (given, ...more) =>
    String(given?.url ?? given).includes("/static/ffmpeg/")
      ? new Promise(() => {})
      : fetched(given, ...more);
}</script>"""
"""For the head of the page. Beside a clip gradio loads an ffmpeg of 32 MB, so that its browser can
trim it; the page has a window for that. What is loaded waits for ever: a refusal would be an error.
"""


class ClipVideo(gr.Video, metaclass=Plain):
    """Shows a clip as it is; the browser decides whether it can play it.

    The page needs `NO_TRIMMING`, and hides the button.
    """

    is_template = True  # in the browser it is a gr.Video

    def preprocess(self, payload: FileData | None) -> str | None:
        """Return the path of the clip in the field."""
        return _path(payload)

    def postprocess(self, value: str | Path | None) -> FileData | None:
        """Show the file at a path."""
        if value is None:
            return None
        return FileData(path=str(value), orig_name=Path(value).name)


class ClipButton(gr.UploadButton, metaclass=Plain):
    """A button that uploads one clip."""

    is_template = True

    def preprocess(self, payload: Any) -> Any:
        """Return the path of the clip that was uploaded."""
        return _path(payload)


class Given(FileData):  # noqa: D101 - programs are told its docstring and name: gradio's own
    # What a program gives as a clip; what is no file gets a sentence.
    __doc__ = FileData.__doc__
    model_config = ConfigDict(title=FileData.__name__)

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """Take what the page was sent."""
        if not isinstance(obj, dict | FileData):
            raise gr.Error(
                f"The clip is {html.escape(shown(obj))}, which is no uploaded file; with "
                "gradio_client, give handle_file(path).",
                title="Not possible",
                print_exception=False,
            )
        return super().model_validate(obj, **options)


class ClipFile(gr.File, metaclass=Plain):
    """A clip given to an endpoint."""

    is_template = True

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.data_model = Given

    def preprocess(self, payload: Any) -> Any:
        """Return the path of the clip that was uploaded."""
        return _path(payload)


def _path(payload: Any) -> str | None:
    if payload is None:
        return None
    path: str = payload.path
    return path
