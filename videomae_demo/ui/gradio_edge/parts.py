"""The body of an upload, cut into files as it arrives; what an upload does not need is refused.

Nothing is collected here but the headers of one part: the content of files is handed on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from gradio_client.utils import strip_invalid_filename_characters
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from videomae_demo.ui.gradio_edge.refusals import Refusal

FIELD = "files"
"""The name by which gradio knows files of an upload."""
MOST_FILES = 8
MOST_FIELDS = 16
MOST_FIELD_BYTES = 2**16
MOST_HEADER_BYTES = 2**13
"""Of one part."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A file begins; `name` is safe as the name of a file on disk."""

    name: str


@dataclass(frozen=True, slots=True)
class Content:
    """The next bytes of the file that began last."""

    data: bytes


Piece = Begun | Content


class Parts:
    """Reads one body.

    Parameters
    ----------
    content_type : str
        The request's header of that name.
    largest : int
        Bytes that a file may have.

    Raises
    ------
    Refusal
        When `content_type` is not that of an upload.
    """

    def __init__(self, content_type: str, largest: int) -> None:
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data" or not options.get(b"boundary"):
            raise Refusal(400, "An upload has the content type multipart/form-data.")
        callbacks = {
            "on_part_begin": self._begin_part,
            "on_header_field": self._read_name,
            "on_header_value": self._read_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": self._read_data,
            "on_end": self._end,
        }
        try:
            self._parser = MultipartParser(options[b"boundary"], callbacks)  # type: ignore[arg-type]
        except FormParserError as error:
            raise Refusal(400, f"The upload can't be read: {error}.") from None
        self._largest = largest
        self._pieces: list[Piece] = []
        self._name, self._value, self._disposition = b"", b"", b""
        self._header_bytes = self._files = self._fields = self._field_bytes = self._size = 0
        self._in_file = False
        self._ended = False

    def feed(self, data: bytes) -> list[Piece]:
        """Return what the next bytes of the body hold.

        Raises
        ------
        Refusal
        """
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise Refusal(400, f"The upload can't be read: {error}.") from None
        found, self._pieces = self._pieces, []
        return found

    def finish(self) -> None:
        """Refuse a body that ended too early."""
        if not self._ended:
            raise Refusal(400, "The upload ended in the middle of a file; send it again.")

    def _begin_part(self) -> None:
        self._header_bytes, self._disposition = 0, b""

    def _read_name(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._name += data[start:end]

    def _read_value(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._value += data[start:end]

    def _count_header(self, count: int) -> None:
        self._header_bytes += count
        if self._header_bytes > MOST_HEADER_BYTES:
            raise Refusal(
                413, f"A part of the upload has more than {MOST_HEADER_BYTES} bytes of headers."
            )

    def _end_header(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = self._value
        self._name, self._value = b"", b""

    def _end_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._in_file = b"filename" in options
        if not self._in_file:
            self._fields += 1
            if self._fields > MOST_FIELDS:
                raise Refusal(
                    413, f"The upload has more than {MOST_FIELDS} parts that are no files."
                )
            return
        if options.get(b"name") != FIELD.encode():
            raise Refusal(400, f"A part of the upload holds a file; its name has to be '{FIELD}'.")
        self._files += 1
        if self._files > MOST_FILES:
            raise Refusal(413, f"The upload has more than {MOST_FILES} files; send fewer at once.")
        self._size = 0
        self._pieces.append(Begun(_file_name(options[b"filename"])))

    def _read_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._size += end - start
            if self._size > self._largest:
                raise Refusal(413, too_large(self._largest))
            self._pieces.append(Content(data[start:end]))
            return
        self._field_bytes += end - start
        if self._field_bytes > MOST_FIELD_BYTES:
            raise Refusal(
                413,
                f"Parts of the upload that are no files have more than {MOST_FIELD_BYTES} bytes; "
                "give a file's part a filename.",
            )

    def _end(self) -> None:
        self._ended = True


def too_large(largest: int) -> str:
    """Say that a file is too large."""
    return (
        f"The file has more than {largest // 2**20} MB, and no larger one can be uploaded here "
        "(VIDEOMAE_MAX_UPLOAD_MB); cut the clip, or make it smaller."
    )


def _file_name(given: bytes) -> str:
    """Return a name for a file on disk that resembles the one that was sent."""
    text = given.decode("utf-8", errors="replace").replace("\\", "/")
    name: str = strip_invalid_filename_characters(PurePosixPath(text).name).lstrip(".")
    return name or "file"
