"""What the token player shows. The names of the fields are those that its scripts read.

A view is one arrangement of pictures; each of its panes brings its own moments, token grid, scores
and mask, so that two panes may come from different checkpoints. Knows no lens and no checkpoint.
"""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from videomae_demo.rendering.colour import COLOUR_MAPS, DIVERGING_MAPS, Scale

Place = tuple[int, int, int]
"""A token: time, row, column."""


@dataclass(frozen=True, slots=True)
class Track:
    """The frames of one picture, laid out on a sprite row by row.

    `name` tells it from the other tracks of its pane, `file` is the sprite's path, `columns` and
    `rows` count its frames, `width` and `height` are a frame's in pixels.
    """

    name: str
    title: str
    file: str
    columns: int
    rows: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Scores:
    """A number per token, and the scale on which it is drawn.

    `signed_scores` makes those of signed values.

    Attributes
    ----------
    title, unit : str
        What the legend says. A unit that begins with "x" stands behind each of its numbers.
    data : str
        See `encode_scores`.
    lower, upper : float
        The ends of the scale.
    ticks : tuple of float
        The numbers that the legend writes down, the ends among them.
    above : bool
        Whether values lie above the scale; of signed values, whether some lie beyond either end.
    smooth : bool
        Whether a visitor may have them drawn as a smooth field.
    colours : tuple of str
        The colour maps to choose from; the first is the usual one. All are of `COLOUR_MAPS`, or all
        of `DIVERGING_MAPS`: the values are signed then, and `lower` is -`upper`.
    """

    title: str
    unit: str
    data: str
    lower: float
    upper: float
    ticks: tuple[float, ...]
    above: bool = False
    smooth: bool = False
    colours: tuple[str, ...] = COLOUR_MAPS


@dataclass(frozen=True, slots=True)
class Mask:
    """Which tokens are hidden.

    `data` is as `encode_mask` gives it. `drawn` and `painting` count the masks that were drawn and
    the paintings that were answered, see ``painting.js``.
    """

    data: str
    drawn: int = 0
    painting: int = 0


@dataclass(frozen=True, slots=True)
class Pane:
    """One picture of a view.

    Attributes
    ----------
    tracks : tuple of Track
        Of several, a visitor chooses one; `choice` is the label of that choice.
    times : tuple of float
        When each frame was taken, in seconds of the clip.
    grid : tuple of int
        Tokens: time, height, width.
    tubelet : int
        Frames per token.
    repeated : int
        How many of the last frames repeat the one before.
    title : str
        What stands below it; by default, the track's title.
    scores : Scores, optional
        Drawn over the picture; with a `switch`, the label of one, only while it is on.
    mask : Mask, optional
        Drawn over the picture, hidden tokens in grey.
    of_mask : bool
        Whether the picture depends on the mask of its view; it is dimmed until a painted one is
        answered.
    given : Track, optional
        The same picture as the model gets it, for whoever wants to see that.
    """

    tracks: tuple[Track, ...]
    times: tuple[float, ...]
    grid: tuple[int, int, int]
    tubelet: int
    repeated: int = 0
    title: str = ""
    choice: str = ""
    scores: Scores | None = None
    switch: str = ""
    mask: Mask | None = None
    of_mask: bool = False
    given: Track | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """A number per slice of time; `even` is the value that a dashed line marks.

    Values below zero hang from a line that marks zero. A unit that begins with "x" stands right
    behind a number, any other one after a space.
    """

    title: str
    values: tuple[float, ...]
    even: float
    unit: str


@dataclass(frozen=True, slots=True)
class View:
    """What the player shows for one lens.

    The first pane leads: its frames are counted, and its grid is the one that is pointed at.

    Attributes
    ----------
    title, hint : str
        What is shown, and what stands below the pictures.
    text : str
        The same for whoever can't see them.
    panes : tuple of Pane
    chooses : bool
        Whether a click chooses a token.
    starts : bool
        Whether what is shown starts from the chosen token, so that it can start from the head
        again.
    curve : Curve, optional
        Over the leading pane's slices of time.
    paints : str
        The mailbox that is told of a painted mask; without one, nothing can be painted.
    paint : str
        What the button says with which painting begins.
    may_show_all : bool
        Whether a painted mask may hide nothing.
    """

    title: str
    panes: tuple[Pane, ...]
    hint: str = ""
    text: str = ""
    chooses: bool = False
    starts: bool = False
    curve: Curve | None = None
    paints: str = ""
    paint: str = "Paint the mask"
    may_show_all: bool = False


@dataclass(frozen=True, slots=True)
class Whole:
    """The whole clip: frames at `times`, and the window of it that is seen, in seconds.

    `scans` tells whether it can be scanned for labels, window by window.
    """

    track: Track
    times: tuple[float, ...]
    window: tuple[float, float]
    scans: bool = False


@dataclass(frozen=True, slots=True)
class BandLabel:
    """A label with a colour of its own, and a letter, since colour alone is no sign."""

    name: str
    letter: str
    colour: str


@dataclass(frozen=True, slots=True)
class BandPart:
    """A stretch of a clip with one label.

    Attributes
    ----------
    begin, end : float
        In seconds.
    label : str
    said : str
        What is said of it.
    start : float
        Where the window begins that stands for it, in seconds.
    letter, colour : str
        Of its label; empty if that has none of its own.
    """

    begin: float
    end: float
    label: str
    said: str
    start: float
    letter: str = ""
    colour: str = ""


@dataclass(frozen=True, slots=True)
class Band:
    """What a scan found along the whole clip.

    Attributes
    ----------
    labels : tuple of BandLabel
    parts : tuple of BandPart
    length, hop : float
        Of a window, and from window to window, in seconds; a hop of 0 for one window alone.
    done : int
        How many windows are done.
    left : str
        What the others cost; empty for none.
    running : bool
        Whether they are being done.
    """

    labels: tuple[BandLabel, ...]
    parts: tuple[BandPart, ...]
    length: float
    hop: float
    done: int
    left: str = ""
    running: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the value as the player's script reads it."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, slots=True)
class Shown:
    """The player's value.

    Attributes
    ----------
    clip : View, optional
        The clip's frames alone: stands in for the view of a lens that has none yet.
    lenses : mapping of str to View
    whole : Whole, optional
        Where the window can be moved.
    chosen : Place, optional
        The token that a visitor chose.
    empty : str
        What the player says while it has no clip.
    """

    clip: View | None = None
    lenses: Mapping[str, View] = field(default_factory=dict)
    whole: Whole | None = None
    chosen: Place | None = None
    empty: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the value as the player's scripts read it."""
        return dataclasses.asdict(self)

    def files(self) -> set[str]:
        """Return the paths of all sprites."""
        views = [*self.lenses.values(), *([self.clip] if self.clip else [])]
        panes = [pane for view in views for pane in view.panes]
        given = [pane.given for pane in panes if pane.given is not None]
        whole = [] if self.whole is None else [self.whole.track]
        return {track.file for pane in panes for track in pane.tracks} | {
            track.file for track in [*given, *whole]
        }


def scores_on(values: NDArray[np.floating[Any]], scale: Scale) -> Scores:
    """Return values from zero up, (time, height, width), as the player draws them on a scale."""
    return Scores(
        title=", ".join(filter(None, (scale.title, scale.unit))),
        unit=scale.unit,
        data=encode_scores(values),
        lower=scale.lower,
        upper=scale.upper,
        ticks=_ticks(scale),
        above=bool((values > scale.upper).any()),
        smooth=True,
    )


def _ticks(scale: Scale) -> tuple[float, ...]:
    """Mark the ends and, of what is told in even shares, one where there is room for it."""
    has_one = scale.unit.startswith("x") and 0.12 < 1 / scale.upper < 0.75
    return (scale.lower, 1.0, scale.upper) if has_one else (scale.lower, scale.upper)


def signed_scores(
    values: NDArray[np.floating[Any]], scale: Scale, *, smooth: bool = True
) -> Scores:
    """Return signed values as the player draws them: in the colours of a diverging scale.

    Parameters
    ----------
    values : (time, height, width) float
        NaN stands for "no value"; `smooth` must be False then.
    scale : Scale
        A diverging one, which the files to take away may share. Its colour map is the usual one,
        and a visitor may choose any of `DIVERGING_MAPS`.
    smooth : bool
        See `Scores`.
    """
    assert scale.is_diverging, "Signed values need a diverging scale."
    others = tuple(name for name in DIVERGING_MAPS if name != scale.colour_map)
    return Scores(
        title=", ".join(filter(None, (scale.title, scale.unit))),
        unit=scale.unit,
        data=encode_scores(values),
        lower=scale.lower,
        upper=scale.upper,
        ticks=(scale.lower, 0.0, scale.upper),
        above=bool((np.abs(values) > scale.upper).any()),
        smooth=smooth,
        colours=(scale.colour_map, *others),
    )


def encode_scores(scores: NDArray[np.floating[Any]]) -> str:
    """Return scores (time, height, width) as base64 of float32, the lowest byte first."""
    return _base64(scores.astype("<f4"))


def encode_mask(mask: NDArray[np.bool_]) -> str:
    """Return a mask (time, height, width) as base64 of one byte per token, 1 = hidden."""
    return _base64(mask.astype(np.uint8))


def _base64(array: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
