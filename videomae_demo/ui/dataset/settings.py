"""What is to be judged, and how: foreign values in, typed ones out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from videomae_demo.errors import RequestError, shown
from videomae_demo.video.sampling import SamplingRule
from videomae_demo.video.views import Views

LONGEST = 4096
"""So many characters a path may have."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a visitor chose.

    Attributes
    ----------
    source : Path
        The folder or the list, as an absolute path.
    weights : str
        As the `ExplorerPool` knows them.
    views : Views
    sampling : SamplingRule or None
        Which frames are taken; None: as the checkpoint was trained.
    changes : bool
        Whether each clip is also played backwards and frozen.
    folder : Path or None
        Where the files go; None: where the page puts them by itself.
    """

    source: Path
    weights: str
    views: Views
    sampling: SamplingRule | None
    changes: bool
    folder: Path | None

    def to_json(self) -> dict[str, Any]:
        """Return them as the page's fields hold them."""
        return {
            "source": str(self.source),
            "weights": self.weights,
            "views": str(self.views),
            "sampling": "" if self.sampling is None else str(self.sampling),
            "changes": self.changes,
            "folder": "" if self.folder is None else str(self.folder),
        }


def read_settings(told: Mapping[str, Any]) -> Settings:
    """Return what a page sends.

    Raises
    ------
    RequestError
        When a field holds nonsense.
    """
    source = _path(told.get("source"), "data set")
    if source is None:
        raise RequestError("No data set is given; give the path of a folder or a list of clips.")
    sampling = _text(told.get("sampling", ""), "sampling").strip()
    return Settings(
        source=source,
        weights=_text(told.get("weights"), "weights"),
        views=Views.parse(_text(told.get("views"), "views")),
        sampling=SamplingRule.parse(sampling) if sampling else None,
        changes=told.get("changes") is True,
        folder=_path(told.get("folder"), "folder for the files"),
    )


def _text(given: object, name: str) -> str:
    if not isinstance(given, str) or len(given) > LONGEST:
        raise RequestError(f"The {name} is {shown(given)}; give text.")
    return given


def _path(given: object, name: str) -> Path | None:
    """Return an absolute path; None for an empty field. Quotes of a pasted path are left out."""
    text = _text(given if given is not None else "", f"path of the {name}").strip()
    text = text.strip("\"'")
    if not text:
        return None
    if "\0" in text:
        raise RequestError(f"The path of the {name} is {shown(text)}, and no path can be so.")
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError as error:  # there is no such user
        raise RequestError(
            f"The path of the {name} is {shown(text)}: {error}; write it out."
        ) from error
