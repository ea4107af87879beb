"""Which clip the clip field holds, beside the one that the rest of the page shows.

The page speaks of one clip, by these rules:

1. All parts of the page show the last clip that was read.
2. While another clip stands in the field, or none, the other parts are dimmed, and a sentence says
   of which clip they are, until the new one has been read.
3. A clip that can't be read leaves the field again, and so does one whose reading was cancelled:
   the clip that is shown comes back, and a sentence below the field says why.
4. Parts of a clip that were not computed when the work ended say so.

Owns the first three, as values: knows no component. Paths are those that gradio serves.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from videomae_demo.ui import text


@dataclass(slots=True)
class ChosenClip:
    """What became of the clips that stood in the field.

    Attributes
    ----------
    shown : str or None
        What the field plays when it holds the clip that the page shows: the clip itself, a copy,
        or a preview.
    asked : str or None
        The clip that was last asked for.
    restored : str or None
        The clip that was last put back.
    reading : bool
        Whether `asked` is being read.
    """

    shown: str | None = None
    asked: str | None = None
    restored: str | None = None
    reading: bool = False

    def ask(self, path: str | None) -> None:
        """Begin to read a clip."""
        self.asked, self.reading = path, True

    def show(self) -> None:
        """Remember that the clip asked for has been read: the page shows it from now on."""
        self.shown = self.asked

    def end(self) -> None:
        """No clip is being read any more."""
        self.reading = False

    def settle(self, held: str | None) -> str | None:
        """Return what must come back into the field; None if it is to stay as it is.

        What a visitor put there in the meantime stays, and so does an empty field.
        """
        is_ours = held is not None and held in (self.asked, self.restored)
        if self.reading or not is_ours or held == self.shown:
            return None
        if self.shown is None or not Path(self.shown).is_file():
            return None
        self.restored = self.shown
        return self.shown

    def explain(self, held: str | None, name: str) -> str:
        """Say why all but the field is dimmed; `name` is the shown clip's. Empty if it is not."""
        if self.shown is None or held == self.shown:
            return ""
        if held is None:
            return text.TAKEN_OUT.format(shown=name)
        return text.NOT_READ_YET.format(asked=Path(held).name, shown=name)
