"""The lens What if: which change of the clip is played, and which label is followed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import gradio as gr

from videomae_demo.errors import RequestError
from videomae_demo.lenses.recognise import probability
from videomae_demo.lenses.what_became import AS_IT_IS
from videomae_demo.lenses.what_if import DEFAULT_WHAT_IF, WhatIfRequest, WhatIfView
from videomae_demo.ui.controls import Sampling
from videomae_demo.ui.gradio_edge.mailbox.mailbox import make_mailbox
from videomae_demo.ui.lenses.argument import text
from videomae_demo.ui.lenses.explain import known_label, label_fields, recogniser_labels
from videomae_demo.ui.lenses.lens import (
    Change,
    Code,
    Endpoint,
    PageLens,
    Parts,
    Repeated,
    Showing,
    Step,
    Wires,
    call_with_changed,
    make_pane,
    names_in,
)
from videomae_demo.ui.panel import panel
from videomae_demo.ui.text import NO_LABELS
from videomae_demo.ui.token_player.sprites import SaveBytes, sprite
from videomae_demo.ui.token_player.value import View
from videomae_demo.video.changes import ordinal

if TYPE_CHECKING:
    from videomae_demo.engine.clips import ClipRequest
    from videomae_demo.explorer import Explorer
    from videomae_demo.ui.session import Session

PLAY = "videomae-what-if"
TRY, OPEN = "what-if-all", "what-if-open"
TRY_ALL = "Try all changes"
OPEN_EVERYWHERE = "Open in every lens"
TRYING = "Changing the clip"
AT_ONCE_S = 3.0
"""If all changes take no longer, nobody has to ask for them."""
MOST = 32
"""So many changes has a clip at most, of the usual 16 frames."""
HINT = (
    "Left: the clip as it is; right: what the model got instead. Choose a change in the list to "
    "play it, or a single frame below it."
)


@dataclass(frozen=True, slots=True)
class WhatIfQuestion:
    """What is asked of the changes; `labels` are those that the recogniser knows."""

    request: WhatIfRequest = DEFAULT_WHAT_IF
    labels: tuple[str, ...] = ()


class WhatIf(PageLens):
    """What becomes of a label when the clip is another."""

    name = "what_if"
    title = "What if"
    doing = "Changing the clip"
    content = "all figures as CSV, JSON and NPZ, charts as PNG, the change that is played as mp4"
    usual = WhatIfQuestion()
    panel_id = "what-if"
    label_name = "follow"
    repeats: ClassVar = {TRY: Repeated("probe", MOST)}

    def build(self) -> Parts:
        """Place the label, and what is done with the changes."""
        with gr.Row(elem_classes="tight"):
            every = gr.Button(TRY_ALL, size="sm", min_width=210, elem_id=TRY)
            opens = gr.Button(OPEN_EVERYWHERE, size="sm", min_width=140, elem_id=OPEN)
        label = gr.Dropdown(
            [], value=None, label="Follow a label, or the most probable", elem_id="what-if-label"
        )
        return Parts({"label": label}, {"play": make_mailbox(PLAY), "every": every, "opens": opens})

    def wire(self, parts: Parts, wires: Wires) -> None:
        """Play another change, follow another label, try all, and open one in every lens."""
        label, play = parts.controls["label"], parts.others["play"]
        wires.asks(label.input, self.follow, [label], label.elem_id)
        wires.asks(play.input, self.play, [play], None)
        wires.works(parts.others["every"].click, self.try_all, TRY)
        opens = parts.others["opens"].click
        wires.explores(opens, self.sampling, OPEN)
        opens(None, js="() => window.scrollTo({ top: 0 })")  # where the page says what is shown

    def follow(self, session: Session, explorer: Explorer, label: str | None) -> Change:
        """Follow another label."""
        del explorer
        asked: WhatIfQuestion = self.question(session)
        return Change(replace(asked, request=replace(asked.request, label=label or None)))

    def play(self, session: Session, explorer: Explorer, said: Any) -> Change:
        """Play another change, by its name."""
        del explorer
        asked: WhatIfQuestion = self.question(session)
        return Change(replace(asked, request=replace(asked.request, shown=said)))

    def try_all(self, explorer: Explorer, session: Session) -> Iterator[Step]:
        """Try every change."""
        for view in explorer.probe(_as_it_is(session), self.request(session)):
            yield Step(what_if_panel(view, session), TRYING, len(view.found) / len(view.probes))

    def sampling(self, session: Session, explorer: Explorer) -> Sampling:
        """Return how the frames are chosen and changed for what is played."""
        view = _tried(explorer, _as_it_is(session), self.request(session))
        requests = {one.name: one.request for one in view.probes}
        return session.sampling.of(requests.get(view.shown, _as_it_is(session)))

    def request(self, session: Session) -> WhatIfRequest:
        """Return what is asked."""
        asked: WhatIfQuestion = self.question(session)
        return asked.request

    def key(self, session: Session) -> Any:
        """Return what is asked."""
        return self.request(session)

    def meet(self, session: Session, changed: str, explorer: Explorer) -> WhatIfQuestion:
        """Forget the label with its clip or weights, and with the clip what is played."""
        request = self.request(session)
        if changed != "frames":
            request = replace(request, label=None)
        if changed == "clip":
            request = DEFAULT_WHAT_IF
        return WhatIfQuestion(request, recogniser_labels(explorer))

    def met(self, session: Session, loads: bool) -> Mapping[str, Any]:
        """Empty the label's field if it is forgotten; other weights know other labels."""
        asked: WhatIfQuestion = self.question(session)
        return label_fields(asked.labels, {"label": asked.request.label}, loads)

    def address(self, session: Session) -> Mapping[str, str]:
        """Write down what is not the usual."""
        asked = self.request(session)
        query = {self.label_name: asked.label} if asked.label else {}
        if asked.shown != DEFAULT_WHAT_IF.shown:
            query["played"] = asked.shown
        return query

    def read(self, session: Session, given: Mapping[str, str]) -> WhatIfQuestion:
        """Take the label, and what is played."""
        asked: WhatIfQuestion = self.question(session)
        label = known_label(asked.labels, given.get(self.label_name))
        return replace(
            asked, request=WhatIfRequest(label, given.get("played", DEFAULT_WHAT_IF.shown))
        )

    def controls(self, session: Session) -> Mapping[str, Any]:
        """Return the label."""
        return {"label": self.request(session).label}

    def show(self, explorer: Explorer, session: Session, save: SaveBytes) -> Showing:
        """Try the change that is played, and all others if that is soon done."""
        assert session.base is not None
        if not explorer.recogniser.card.label_count:
            return Showing([panel.note(NO_LABELS)], session.base)
        asked: WhatIfQuestion = self.question(session)
        clip, request = _as_it_is(session), asked.request
        view = _tried(explorer, clip, request)
        took_s = explorer.seconds.get("probe", explorer.seconds.get("recognise", AT_ONCE_S))
        if took_s * (len(view.probes) - len(view.found)) <= AT_ONCE_S:
            *_, view = explorer.probe(clip, replace(request, shown=view.shown))
        decided = replace(asked, request=replace(request, shown=view.shown))
        return Showing(what_if_panel(view, session), what_if_view(view, save), decided)

    def write(self, explorer: Explorer, session: Session, folder: Path) -> list[Path]:
        """Try every change, and write what became of the label."""
        *_, view = explorer.probe(_as_it_is(session), self.request(session))
        return view.save(folder)

    def code(self, session: Session) -> Code:
        """Print what became of the label."""
        given = [] if self.request(session) == DEFAULT_WHAT_IF else [self._written(session)]
        changed = session.clip is not None and session.clip.change is not None
        clip = "replace(clip, change=None)" if changed else "clip"
        lines = f"""\
if explorer.recogniser.card.label_count:
    *_, probed = explorer.probe({", ".join([clip, *given])})
    print(*probed.sentences(), sep="\\n")
"""
        if changed:
            lines = f"from dataclasses import replace\n\n{lines}"
        return Code(names_in(lines), lines)

    def _written(self, session: Session) -> str:
        return call_with_changed(self.request(session), DEFAULT_WHAT_IF)

    def endpoint(self) -> Endpoint:
        """Offer ``/probe``."""

        def probe(explorer: Explorer, clip: ClipRequest, label: str, shown: str) -> WhatIfView:
            *_, view = explorer.probe(clip, WhatIfRequest(label or None, shown))
            return view

        parameters = [
            text("label", "The label that is followed; empty: the most probable one."),
            text(
                "shown",
                "The change that is drawn beside the clip, by its name in the answer.",
                DEFAULT_WHAT_IF.shown,
            ),
        ]
        summary = (
            "Change a clip (order, single frames, pace, window, look), and say what becomes of a "
            "label each time: many passes."
        )
        return Endpoint("probe", summary, parameters, probe)


def what_if_panel(view: WhatIfView, session: Session) -> list[panel.Block]:
    """Say what the played change does, list all, and say what they tell."""
    groups = ("order", "look", "pace", "window")
    rows = [_row(view, AS_IT_IS)]
    rows += [_row(view, one.name) for group in groups for one in view.probes if one.group == group]
    name = view.labels[view.label]
    blocks = [
        panel.lead(view.about_shown()),
        panel.small(view.about_figures()),
        panel.changes(f"Probability of {name}", rows, view.shown, PLAY),
    ]
    frames = [one.name for one in view.probes if one.group == "frame"]
    if frames and all(name in view.found for name in frames):
        blocks.append(_frames(view, frames))
    blocks += [panel.sentence(said) for said in view.sentences()]
    if session.clip is not None and session.clip.change is not None:
        title = session.clip.change.title
        back = (
            f"All lenses show the clip changed: {title}. To go back, choose '{AS_IT_IS}' and press "
            f"'{OPEN_EVERYWHERE}'."
        )
        blocks.insert(0, panel.note(back))
    blocks += [panel.small(one.why) for one in view.left_out]
    return [*blocks, *map(panel.note, view.checkpoint.notes)]


def _row(view: WhatIfView, name: str) -> panel.ChangeRow:
    read, title = view.read(name), name.replace(":", " ")  # there is no room for a sentence
    if read is None:
        return panel.ChangeRow(name, title)
    points = 100 * (read.probability - view.whole.probability)
    return panel.ChangeRow(
        name,
        title,
        read.probability,
        f"{100 * read.probability:.1f}%",
        "" if name == AS_IT_IS else f"{points:+.1f}" if abs(points) >= 0.05 else "0",
        "" if read.best == view.label else view.labels[read.best],
    )


def _frames(view: WhatIfView, names: list[str]) -> panel.Block:
    each, label = view.single_frames(), view.labels[view.label]
    rows = [
        (
            float(value),
            f"{ordinal(at + 1)} frame, {time:.2f} s, throughout: {label} {probability(value)}",
        )
        for at, (value, time) in enumerate(zip(each, view.clip.timestamps_s, strict=True))
    ]
    marked = names.index(view.shown) if view.shown in names else int(each.argmax())
    return panel.columns(
        f"{label} with one frame throughout, to choose; dashed: the whole clip",
        rows,
        view.whole.probability,
        marked,
        names=names,
        tells=PLAY,
    )


def what_if_view(view: WhatIfView, save: SaveBytes) -> View:
    """Play the clip as it is beside the change."""
    card = view.checkpoint
    track = sprite("as-it-is", AS_IT_IS, view.clip.frames, save)
    panes = [make_pane(view.clip, card, track)]
    if view.shown != AS_IT_IS:
        title = view.title_of(view.shown)
        changed = sprite("changed", title, view.changed.frames, save)
        panes.append(make_pane(view.changed, card, changed))
    said = view.about_shown()
    return View(title=said, panes=tuple(panes), hint=HINT, text=f"{said} {HINT}")


def _tried(explorer: Explorer, clip: ClipRequest, request: WhatIfRequest) -> WhatIfView:
    """Try a change; the usual one where the clip does not have it, as an old address may say."""
    try:
        return explorer.probe_one(clip, request)
    except RequestError:
        return explorer.probe_one(clip, replace(request, shown=DEFAULT_WHAT_IF.shown))


def _as_it_is(session: Session) -> ClipRequest:
    """Return the clip that is shown, without a change: each probe has its own."""
    assert session.clip is not None
    return replace(session.clip, change=None)
