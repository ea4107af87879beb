"""The lens Heads: which head is drawn, which are off, and on which label effects are measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np

from videomae_demo.analysis.settings import Head, RolloutSettings
from videomae_demo.lenses.heads import DEFAULT_HEADS, SHOWS, HeadsRequest, HeadsView
from videomae_demo.ui.gradio_edge.mailbox.mailbox import make_mailbox
from videomae_demo.ui.lenses.argument import Argument, choice, text, token_place
from videomae_demo.ui.lenses.attend import Attend
from videomae_demo.ui.lenses.explain import known_label, label_fields, recogniser_labels
from videomae_demo.ui.lenses.lens import (
    Change,
    Code,
    Endpoint,
    PageLens,
    Parts,
    Showing,
    Wires,
    call_with_changed,
    names_in,
)
from videomae_demo.ui.panel import panel
from videomae_demo.ui.text import NO_LABELS
from videomae_demo.ui.token_player.sprites import SaveBytes, save_picture
from videomae_demo.ui.token_player.value import Curve, Pane, View, scores_on, signed_scores

if TYPE_CHECKING:
    from videomae_demo.engine.clips import ClipRequest
    from videomae_demo.explorer import Explorer
    from videomae_demo.ui.session import Session

HEADS = "videomae-heads"
SHOWN = {"reads": "what it reads", "effect": "what it gives to the label"}
HINT = "Choose a token to see what the heads read from there."
ROLLOUT = Attend()


@dataclass(frozen=True, slots=True)
class HeadsQuestion:
    """What is asked of the heads; from where they read, the session's token says.

    `labels` are those that the recogniser knows; none before the first clip.
    """

    request: HeadsRequest = DEFAULT_HEADS
    labels: tuple[str, ...] = ()


class Heads(PageLens):
    """Which attention heads matter."""

    name = "heads"
    title = "Heads"
    doing = "Looking at the heads"
    content = "reads and effects of all heads as NPZ, gallery and filmstrip as PNG, one head as mp4"
    usual = HeadsQuestion()
    panel_id = "heads"
    label_name = "on"
    is_kept = True

    def build(self) -> Parts:
        """Place the label, and what is drawn."""
        with gr.Row(elem_classes="tight"):
            label = gr.Dropdown(
                [], value=None, label="Label, or the most probable", elem_id="heads-label"
            )
            shows = gr.Dropdown(
                [(title, name) for name, title in SHOWN.items()],
                value=DEFAULT_HEADS.shows,
                label="Draw",
                filterable=False,
                elem_id="heads-shows",
            )
        follow = gr.Button("Follow it in Attend", size="sm", elem_id="heads-follow")
        return Parts(
            {"label": label, "shows": shows}, {"chosen": make_mailbox(HEADS), "follow": follow}
        )

    def wire(self, parts: Parts, wires: Wires) -> None:
        """Draw another head, or switch some off; let Attend follow one."""
        for name, control in parts.controls.items():
            wires.asks(control.input, partial(self.set, name), [control], control.elem_id)
        chosen, follow = parts.others["chosen"], parts.others["follow"]
        wires.asks(chosen.input, self.choose, [chosen], None)
        wires.asks(follow.click, self.follow, [], follow.elem_id)

    def set(self, name: str, session: Session, explorer: Explorer, value: Any) -> Change:
        """Measure effects on another label, or draw the other map."""
        del explorer
        asked: HeadsQuestion = self.question(session)
        given: dict[str, Any] = {name: value or None}
        return Change(replace(asked, request=replace(asked.request, **given)))

    def choose(self, session: Session, explorer: Explorer, said: Any) -> Change | None:
        """Draw a head, switch it off or on, or switch all on; see `panel.gallery`."""
        if not isinstance(said, dict):
            return None
        asked: HeadsQuestion = self.question(session)
        now = asked.request
        if "head" in said:
            now = replace(now, head=_read(said["head"]))
        elif "toggle" in said:
            head = _read(said["toggle"])
            now = replace(now, head=head, off=tuple(set(now.off) ^ {head}))
        else:
            # The head that is drawn stays, though with others off it may not be the strongest.
            view = explorer.heads(_clip(session), self.request(session))
            now = replace(now, head=view.head, off=())
        return Change(replace(asked, request=now))

    def follow(self, session: Session, explorer: Explorer) -> Change:
        """Let Attend roll attention out through the head that is drawn."""
        view = explorer.heads(_clip(session), self.request(session))
        asked = ROLLOUT.question(session)
        settings = RolloutSettings(head=view.head)
        return Change(replace(asked, settings=settings), opens=ROLLOUT.name)

    def request(self, session: Session) -> HeadsRequest:
        """Return what is asked, from the chosen token or from what the classifier reads."""
        asked: HeadsQuestion = self.question(session)
        return replace(asked.request, query=session.token)

    def key(self, session: Session) -> Any:
        """Return what is asked, and from where the heads read."""
        return self.request(session)

    def meet(self, session: Session, changed: str, explorer: Explorer) -> HeadsQuestion:
        """Forget the label with its clip, and all that belongs to other weights."""
        asked: HeadsQuestion = self.question(session)
        request = asked.request
        if changed != "frames":
            request = replace(request, label=None, against=None)
        if changed == "weights":
            request = HeadsRequest(shows=request.shows)
        return HeadsQuestion(request, recogniser_labels(explorer))

    def met(self, session: Session, loads: bool) -> Mapping[str, Any]:
        """Empty the label's field if it is forgotten; other weights know other labels."""
        asked: HeadsQuestion = self.question(session)
        return label_fields(asked.labels, {"label": asked.request.label}, loads)

    def address(self, session: Session) -> Mapping[str, str]:
        """Write down what is not the usual."""
        asked = self.question(session).request
        query = {}
        if asked.head is not None:
            query["head"] = asked.head.written
        if asked.off:
            query["off"] = ",".join(head.written for head in asked.off)
        if asked.label:
            query[self.label_name] = asked.label
        if asked.shows != DEFAULT_HEADS.shows:
            query["shows"] = asked.shows
        return query

    def read(self, session: Session, given: Mapping[str, str]) -> HeadsQuestion:
        """Take the heads, the label and the map."""
        asked: HeadsQuestion = self.question(session)
        shows: Any = given.get("shows", DEFAULT_HEADS.shows)
        request = HeadsRequest(
            Head.parse(given["head"]) if given.get("head") else None,
            tuple(map(Head.parse, given["off"].split(","))) if given.get("off") else (),
            known_label(asked.labels, given.get(self.label_name)),
            shows=shows,
        )
        return replace(asked, request=request)

    def controls(self, session: Session) -> Mapping[str, Any]:
        """Return the label and the map."""
        asked = self.question(session).request
        return {"label": asked.label, "shows": asked.shows}

    def show(self, explorer: Explorer, session: Session, save: SaveBytes) -> Showing:
        """Show the gallery, and one head over the clip's frames."""
        assert session.base is not None
        if not explorer.recogniser.card.label_count:
            return Showing([panel.note(NO_LABELS)], session.base)
        view = explorer.heads(_clip(session), self.request(session))
        return Showing(heads_panel(view, save), heads_view(view, session.base.panes[0]))

    def write(self, explorer: Explorer, session: Session, folder: Path) -> list[Path]:
        """Write all heads, and the one that is drawn."""
        return explorer.heads(_clip(session), self.request(session)).save(folder)

    def code(self, session: Session) -> Code:
        """Print the strongest heads."""
        request = call_with_changed(self.request(session), DEFAULT_HEADS)
        return Code(
            names_in(request),
            f"""\
if explorer.recogniser.card.label_count:
    heads = explorer.heads(clip, {request})
    print(*heads.sentences(), *map(str, heads.found.ranking[:5]), sep="\\n")
""",
        )

    def endpoint(self) -> Endpoint:
        """Offer ``/heads``."""

        def heads(
            explorer: Explorer,
            clip: ClipRequest,
            head: str,
            off: Any,
            label: str,
            against: str,
            query: Any,
            shows: Any,
        ) -> HeadsView:
            request = HeadsRequest(
                Head.parse(head) if head else None,
                tuple(map(_read, off or ())),
                label or None,
                against or None,
                query or None,
                shows,
            )
            return explorer.heads(clip, request)

        parameters = [
            text("head", "The head to draw as LAYER.NUMBER, counted from 1; empty: the strongest."),
            Argument(
                "off",
                "Heads to switch off first, each as LAYER.NUMBER.",
                None,
                {"type": ["array", "null"], "items": {"type": "string"}},
                [],
            ),
            text("label", "The label on which effects are measured; empty: the most probable one."),
            text("against", "Measure effects on the label's margin over this one; empty: logit."),
            token_place("The token whose reading is drawn"),
            choice("shows", "What is drawn: what a head reads, or its effect.", SHOWS),
        ]
        summary = (
            "Say what each attention head reads of a clip and gives to a label directly, and what "
            "becomes of the labels with some heads switched off."
        )
        return Endpoint("heads", summary, parameters, heads)


def heads_panel(view: HeadsView, save: SaveBytes) -> list[panel.Block]:
    """Say what the head does, show all heads, and what became of the labels."""
    from videomae_demo.rendering.gallery import (
        tiles,  # with matplotlib: a page does not wait for it
    )

    blocks = [panel.lead(view.head.title)]
    effects = view.effects
    largest = max(abs(effect) for effect in effects.values()) or 1.0
    off = set(view.found.off)
    made = [
        panel.Tile(
            head.written,
            f"{head.title}: " + ("off" if head in off else f"{effect:+.2f}"),
            effect / largest,
            head in off,
        )
        for head, effect in effects.items()
    ]
    maps, places = view.overview, {head: place for place, head in enumerate(effects)}
    blocks.append(
        panel.gallery(
            f"Heads: a line for each layer, bars for the effect on {view.what}",
            made,
            maps.shape[1],
            save_picture(tiles(maps, view.overview_scale), save),
            maps.shape[2:],
            view.overview_words(),
            chosen=view.head.written,
            ranking=[places[head] for head in view.found.ranking],
            tells=HEADS,
        )
    )
    # Below the gallery, so that nothing moves under the pointer that switches a head off.
    blocks += [panel.sentence(said) for said in (view.does(), *view.without())]
    if view.found.off:
        rows = [(score.label, score.probability) for score in view.classification.top(3)]
        blocks.append(panel.bars(rows, marked=view.label.label))
    said = [view.reads(), view.all_together()]
    return [*blocks, *map(panel.small, said), *map(panel.note, view.checkpoint.notes)]


def heads_view(view: HeadsView, clip: Pane) -> View:
    """Lay one head over the clip's pane."""
    drawn, scale = view.drawn, view.scale
    scores = signed_scores(drawn, scale) if view.signed else scores_on(drawn, scale)
    exact = drawn.astype(np.float64)
    over_time = exact.sum((1, 2)) if view.signed else exact.mean((1, 2))
    curve = (
        Curve(f"Effect on {view.what} over time", tuple(over_time.tolist()), 0.0, "of the logit")
        if view.signed
        else Curve("Reading over time; dashed: an even share", tuple(over_time.tolist()), 1.0, "x")
    )
    return View(
        title=view.map.title,
        panes=(replace(clip, scores=scores),),
        hint=HINT,
        text=f"{view.does()} {view.reads()}",
        chooses=True,
        starts=True,
        curve=None if view.is_off else curve,
    )


def _clip(session: Session) -> ClipRequest:
    assert session.clip is not None
    return session.clip


def _read(given: Any) -> Head:
    return Head.parse(given if isinstance(given, str) else repr(given))
