"""What a lens is on the page: what it brings along, and what it is given.

A lens owns its controls, what they mean, and how its answer looks in its panel and in the player.
The page owns all else: when a lens is asked, whose turn it is, and what became of older answers.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import gradio as gr

from videomae_demo.engine.clips import ClipRequest, SeenClip
from videomae_demo.errors import RequestError
from videomae_demo.lenses.answer import Answer
from videomae_demo.pool import Half
from videomae_demo.ui.controls import Sampling
from videomae_demo.ui.lenses.argument import Argument
from videomae_demo.ui.panel import panel
from videomae_demo.ui.token_player.sprites import SaveBytes
from videomae_demo.ui.token_player.value import Band, Pane, Track, View

if TYPE_CHECKING:  # torch takes seconds to import, and building the page needs none of it
    from videomae_demo.engine.engine import Pass
    from videomae_demo.engine.roles import CheckpointCard
    from videomae_demo.explorer import Explorer
    from videomae_demo.ui.session import Session


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """The components of a lens, by the names that it gives them.

    `controls` hold what is asked, and are set to what is shown; `others` are buttons and the like.
    """

    controls: Mapping[str, Any]
    others: Mapping[str, Any] = field(default_factory=dict)

    def all(self) -> list[Any]:
        """Return all components."""
        return [*self.controls.values(), *self.others.values()]


@dataclass(frozen=True, slots=True)
class Showing:
    """What a lens shows of an answer.

    Attributes
    ----------
    panel : list of panel blocks
    view : View
        What the token player shows.
    question : object, optional
        What was asked in the end, where the answer decided a part of it.
    controls : mapping
        The lens's controls that are set by this answer, by name: a value, or a ``gr.update``.
    band : Band, optional
        What is drawn along the whole clip from now on.
    """

    panel: list[panel.Block]
    view: View
    question: Any = None
    controls: Mapping[str, Any] = field(default_factory=dict)
    band: Band | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What a visitor changed.

    Attributes
    ----------
    question : object
        The new question.
    controls : mapping
        The lens's controls that must show something else.
    opens : str
        Another lens, which is opened and asked the question instead; empty for none.
    also : mapping
        Questions of other lenses that follow from it, by their names.
    """

    question: Any
    controls: Mapping[str, Any] = field(default_factory=dict)
    opens: str = ""
    also: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """How far work beside the page has come: what the panel shows, and what of it is done, 0..1.

    A `band` is drawn along the whole clip from now on.
    """

    panel: list[panel.Block]
    doing: str
    done: float
    band: Band | None = None


class TakenBackError(RequestError):
    """A change that can't be; the lens's controls go back to what is shown."""


ChangeOf = Callable[..., Change | None]
"""From the session, the Explorer, and what the inputs hold, to the change; None if there is none.

It raises a RequestError where what was given is nonsense.
"""
WorkOf = Callable[["Explorer", "Session"], Iterator[Step]]
"""From the Explorer and the session to steps."""
SamplingOf = Callable[..., Sampling]
"""From the session, the Explorer, and what the inputs hold, to how frames are chosen."""


class Wires(Protocol):
    """How a lens ties the events of its components to its questions."""

    def asks(
        self,
        event: Any,
        change: ChangeOf,
        inputs: Sequence[Any],
        source: str | None,
        *,
        quick: bool = False,
    ) -> None:
        """Ask anew when an event comes.

        The event is one of the part named `source`; without one, a letter, see `mailbox`: then
        `change` gets what the letter says. `quick` if no model has to run.
        """

    def explores(
        self,
        event: Any,
        sampling: SamplingOf,
        source: str | None,
        inputs: Sequence[Any] = (),
    ) -> None:
        """Explore other frames of the present clip when an event of the part `source` comes.

        Without a source, it is a letter, see `mailbox`: then `sampling` gets what the letter says.
        """

    def works(
        self, event: Any, work: WorkOf, source: str | None, inputs: Sequence[Any] = ()
    ) -> None:
        """Work beside the page when an event of the part named `source` comes, or a letter.

        The panel shows each step, for as long as the lens is asked the same. It waits for no turn,
        so a visitor goes on meanwhile.
        """


@dataclass(frozen=True, slots=True)
class Code:
    """The lens in a program: the names that it needs of the package, and the lines."""

    names: tuple[str, ...]
    lines: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How programs ask the lens.

    Attributes
    ----------
    name, summary : str
    parameters : sequence of Argument
        What it takes beside the clip, the weights and the frames.
    ask : callable
        From the Explorer, the clip, and the parameters by name, to the answer.
    to_json : callable
        From the answer, and the parameters by name, to JSON.
    """

    name: str
    summary: str
    parameters: Sequence[Argument]
    ask: Callable[..., Answer]
    to_json: Callable[..., dict[str, Any]] = lambda answer, **_given: answer.to_json()


@dataclass(frozen=True, slots=True)
class Repeated:
    """A pass that runs many times, at most so often."""

    runs: Pass
    times: int


class PageLens(ABC):
    """One lens on the page.

    Attributes
    ----------
    name : str
        As in `lenses.registry`.
    title : str
        What its tab is called.
    doing : str
        What the progress card says while it is asked.
    content : str
        What its files to take away hold.
    usual : object
        The question with which a page opens: a frozen dataclass.
    panel_id : str
        The ``elem_id`` of its panel.
    is_quick : bool
        Whether it is usually answered from what another lens's pass left behind.
    is_kept : bool
        Whether its answer is kept, so that its files are written without a model.
    uses : tuple of str
        Which of the two checkpoints it asks.
    runs : str
        The pass that it makes the Explorer run, see `Engine.seconds`.
    costly : tuple of str
        The ``elem_id`` of each of its buttons that runs this pass anew.
    label_name : str
        By what an address names the label that it is asked about; empty if it takes none.
    repeats : mapping of str to Repeated
        The ``elem_id`` of each button that runs a pass many times, and which one.
    is_of_whole : bool
        Whether it asks about the whole clip, wherever the window lies.
    """

    name: str
    title: str
    doing: str
    content: str
    usual: Any
    panel_id: str
    is_quick: bool = False
    is_kept: bool = False
    uses: tuple[Half, ...] = ("recogniser",)
    runs: Pass = "recognise"
    costly: tuple[str, ...] = ()
    label_name: str = ""
    repeats: ClassVar[Mapping[str, Repeated]] = {}
    is_of_whole: bool = False

    @abstractmethod
    def build(self) -> Parts:
        """Place its components into the open tab, below its panel, and name them."""

    def mailboxes(self) -> Mapping[str, Any]:
        """Return mailboxes that are needed before its tab is opened, by name; see `Parts.others`.

        What stands in a tab is not on the page before.
        """
        return {}

    @abstractmethod
    def wire(self, parts: Parts, wires: Wires) -> None:
        """Tie the events of its components to its questions."""

    @abstractmethod
    def show(self, explorer: Explorer, session: Session, save: SaveBytes) -> Showing:
        """Ask the Explorer what the session asks, and show the answer."""

    def prepare(self, explorer: Explorer, session: Session) -> Iterator[Step]:
        """Do what takes many passes and `show` then finds done; the panels of steps are ignored."""
        del explorer, session
        yield from ()

    @abstractmethod
    def write(self, explorer: Explorer, session: Session, folder: Path) -> list[Path]:
        """Write the files to take away into a folder, and return their paths."""

    @abstractmethod
    def endpoint(self) -> Endpoint:
        """Return how programs ask it."""

    def about(self, session: Session) -> ClipRequest | None:
        """Return the clip that it asks about; None before the first one."""
        if self.is_of_whole and session.clip is not None:
            return replace(session.clip, start_s=None)
        return session.clip

    def costs(self, session: Session, explorer: Explorer) -> Mapping[str, str]:
        """Return what stands on its buttons, by ``elem_id``, beside what `repeats` says."""
        del session, explorer
        return {}

    def stopped(self, session: Session, explorer: Explorer) -> Step | None:
        """Return what is shown when its work was stopped; None: what is shown by then."""
        del session, explorer
        return None

    def needs(self, session: Session) -> Sequence[tuple[str, Sequence[Half]]]:
        """Return which halves of which weights are asked, by their names."""
        return [(session.weights, self.uses)]

    def with_weights(self, session: Session, explorer: Explorer, name: str) -> Any:
        """Return the question that brings other weights in; None if it asks about one alone."""
        del session, explorer, name

    def question(self, session: Session) -> Any:
        """Return what the session asks of this lens."""
        return session.asked.get(self.name, self.usual)

    def key(self, session: Session) -> Any:
        """Return what decides on the answer, besides clip and weights: equal for equal answers."""
        return self.question(session)

    def meet(self, session: Session, changed: str, explorer: Explorer) -> Any:
        """Return the question for what comes now; `changed` is "clip", "frames" or "weights".

        "frames" stands for the same clip once more, too.
        """
        del changed, explorer
        return self.question(session)

    def address(self, session: Session) -> Mapping[str, str]:
        """Return what is asked, as far as it is not the usual, for the address of the view."""
        del session
        return {}

    def read(self, session: Session, given: Mapping[str, str]) -> Any:
        """Return the question that an address asks; what it does not say is as in the session.

        Raises
        ------
        RequestError
            When it makes no sense.
        """
        del given
        return self.question(session)

    def controls(self, session: Session) -> Mapping[str, Any]:
        """Return what all its controls hold for what is asked, by name, as in `Showing`."""
        del session
        return {}

    def met(self, session: Session, loads: bool) -> Mapping[str, Any]:
        """Return the controls that change for another clip; `loads` if the weights change, too."""
        del session, loads
        return {}

    def code(self, session: Session) -> Code:
        """Return what it computes as lines of Python; `explorer` and `clip` are defined there."""
        del session
        return Code((), "")


def setting(control: Any) -> Any:
    """Return the event of a control that was set, once per value that was meant.

    That of a field to type in comes when it is left, or after Enter: half a number is no wish.
    """
    if isinstance(control, gr.Slider):
        return control.release
    if isinstance(control, gr.Number | gr.Textbox):
        return partial(gr.on, [control.submit, control.blur])
    return control.input


def call(name: str, *arguments: str | None) -> str:
    """Write a call in Python; None stands for an argument that is left out."""
    return f"{name}({', '.join(argument for argument in arguments if argument is not None)})"


def call_with_changed(value: Any, usual: Any) -> str:
    """Write the call that makes a dataclass, without what is as `usual`."""
    names = type(value).__slots__
    changed = [name for name in names if getattr(value, name) != getattr(usual, name)]
    return call(type(value).__name__, *(f"{name}={getattr(value, name)!r}" for name in changed))


def names_in(code: str) -> tuple[str, ...]:
    """Return the classes that are called in a line of Python."""
    return tuple(sorted(set(re.findall(r"\b([A-Z]\w+)\(", code))))


def make_pane(seen: SeenClip, card: CheckpointCard, *tracks: Track, **more: Any) -> Pane:
    """Return a pane of what a checkpoint saw of a clip; `more` as in `Pane`."""
    times = tuple(round(time, 4) for time in seen.timestamps_s.tolist())
    return Pane(tracks, times, card.grid.shape, card.tubelet_size, seen.repeated, **more)
