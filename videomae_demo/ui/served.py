"""The files that a page makes for its visitors, so that they are deleted in time.

Gradio serves what lies in its cache, and deletes what it knows to be there when it is old. It loses
sight of what a component is given after a `gr.skip()`, since it goes on with another copy of that
component: so the page itself remembers each file that it made.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache, save_file_to_cache
from gradio.utils import get_upload_folder

from videomae_demo.errors import RequestError


class _Paths(set[str]):
    """A set that may grow while gradio, in another thread, looks for what is old in it."""

    def __iter__(self) -> Iterator[str]:
        return iter(self.copy())


class ServedFiles:
    """The files of one page, in gradio's cache; their paths hold their content's hash.

    Raises
    ------
    RequestError
        When nothing can be written there: the page could show no picture.
    """

    def __init__(self) -> None:
        self._paths = _Paths()
        folder = Path(get_upload_folder())
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        except OSError as error:
            raise RequestError(
                f"The page can't write to {folder} ({error.strerror}): set GRADIO_TEMP_DIR to a "
                "folder that can be written."
            ) from error

    def save(self, content: bytes, name: str) -> str:
        """Put bytes where gradio serves files from, and return the path."""
        path = self.keep(content, name)
        self._paths.add(path)
        return path

    def keep(self, content: bytes, name: str) -> str:
        """Do as `save` does; the file is part of the page itself, and is never deleted."""
        path: str = save_bytes_to_cache(content, name, get_upload_folder())
        return path

    def copy(self, path: Path | str) -> str:
        """Put a copy of a file there, and return its path."""
        copy: str = save_file_to_cache(path, get_upload_folder())
        self._paths.add(copy)
        return copy

    def expire_with(self, page: gr.Blocks) -> None:
        """Let `page` delete them when they are as old as its ``delete_cache`` says."""
        page.temp_file_sets.append(self._paths)
