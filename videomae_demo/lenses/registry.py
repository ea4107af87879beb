"""Which lenses there are. A new one adds its line here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lens:
    """One question that can be asked about a clip.

    Attributes
    ----------
    name : str
        As the page and the program name it.
    command : str
        The module of its command; it has a `COMMAND`. A module's name, so that nothing is imported
        before it is needed.
    """

    name: str
    command: str


LENSES = [
    Lens("recognise", "videomae_demo.cli.recognise"),
    Lens("attend", "videomae_demo.cli.attend"),
    Lens("explain", "videomae_demo.cli.explain"),
    Lens("reconstruct", "videomae_demo.cli.reconstruct"),
    Lens("heads", "videomae_demo.cli.heads"),
    Lens("what_if", "videomae_demo.cli.what_if"),
    Lens("tokens", "videomae_demo.cli.tokens"),
    Lens("compare", "videomae_demo.cli.compare"),
    Lens("timeline", "videomae_demo.cli.timeline"),
]
