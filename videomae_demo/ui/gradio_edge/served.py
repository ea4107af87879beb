"""The files that a page makes for its visitors: written whole or not at all, and where.

Gradio serves what lies in its upload folder; the page has a folder of its own in there. `kept`
decides how long and how much is kept there.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

import gradio as gr
from gradio.context import LocalContext
from gradio.processing_utils import hash_bytes, hash_file
from gradio.utils import get_upload_folder

from videomae_demo.errors import RequestError
from videomae_demo.limits import DEFAULT_LIMITS, Limits
from videomae_demo.ui.gradio_edge.kept import KeptFiles

Write = Callable[[IO[bytes]], object]


class ServedFiles:
    """The files of one page; safe to share between threads.

    Parameters
    ----------
    limits : Limits
    kept_s : float, optional
        See `KeptFiles`.

    Raises
    ------
    RequestError
        When nothing can be written there: the page could show no picture.
    """

    def __init__(self, limits: Limits = DEFAULT_LIMITS, *, kept_s: float | None = None) -> None:
        folder = Path(get_upload_folder())
        try:
            self.kept = KeptFiles(folder, limits, kept_s=kept_s)
            tempfile.TemporaryFile(dir=self.kept.folder).close()
        except OSError as error:
            raise RequestError(
                f"The page can't write to {folder} ({error.strerror}): set GRADIO_TEMP_DIR to a "
                "folder that can be written."
            ) from error

    def save(self, content: bytes, name: str) -> str:
        """Put bytes where gradio serves files from, and return the path.

        Raises
        ------
        NoRoomError
            When the page's folder is full.
        OSError
            When the disk is full; then no part of the file is left.
        """
        path = self._write(
            hash_bytes(content), name, len(content), lambda file: file.write(content)
        )
        request = LocalContext.request.get(None)
        if request is not None and request.session_hash:
            self.kept.made(request.session_hash, path)
        return path

    def keep(self, content: bytes, name: str) -> str:
        """Do as `save` does; the file is part of the page itself, and is never deleted."""
        path = self._write(
            hash_bytes(content), name, len(content), lambda file: file.write(content)
        )
        self.kept.is_permanent(path)
        return path

    def copy(self, path: Path | str) -> str:
        """Put a copy of a file there, and return its path; errors as in `save`."""
        with Path(path).open("rb") as original:
            size = os.fstat(original.fileno()).st_size
            return self._write(
                hash_file(path),
                Path(path).name,
                size,
                lambda file: shutil.copyfileobj(original, file),
            )

    def hand_to(self, page: gr.Blocks) -> None:
        """Let gradio put what it writes itself into the same folder."""
        for block in (page, *page.blocks.values()):
            block.GRADIO_CACHE = str(self.kept.folder)

    def _write(self, place: str, name: str, size: int, write: Write) -> str:
        path = self.kept.folder / place / name
        if path.exists():
            os.utime(path)  # it counts as new, since it is shown now
            return str(path)
        with self.kept.room(size):
            incoming = self.kept.incoming()
            try:
                with incoming.open("wb") as file:
                    write(file)
                self.kept.put(incoming, path)
            finally:
                incoming.unlink(missing_ok=True)
        return str(path)
