"""The lens Why: which label is explained, how, and what becomes of it without some tokens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from videomae_demo.analysis.methods import DEFAULT_METHOD, METHODS
from videomae_demo.lenses.explain import DEFAULT_QUESTION, ExplainRequest, RelevanceView
from videomae_demo.ui.gradio_edge.mailbox.mailbox import make_mailbox
from videomae_demo.ui.lenses.argument import choice, switch, text, tokens_to_take
from videomae_demo.ui.lenses.lens import (
    Change,
    Code,
    Endpoint,
    PageLens,
    Parts,
    Showing,
    Step,
    Wires,
    call_with_changed,
)
from videomae_demo.ui.lenses.painted import (
    LabelQuestion,
    Taken,
    bits_of_address,
    fits,
    taken_of_lists,
    to_address,
)
from videomae_demo.ui.lenses.trial import trial_button, trial_steps
from videomae_demo.ui.panel import panel
from videomae_demo.ui.text import NO_LABELS
from videomae_demo.ui.token_player.sprites import SaveBytes
from videomae_demo.ui.token_player.value import (
    Curve,
    Pane,
    View,
    scores_on,
    signed_scores,
)

if TYPE_CHECKING:
    from videomae_demo.engine.clips import ClipRequest
    from videomae_demo.explorer import Explorer
    from videomae_demo.ui.session import Session

TAKE = "videomae-take"
LABELS = "recognise"
HINT_SIGNED = "Orange speaks for the label, blue against it. Point at a token for its value."
HINT = "Bright tokens count more. Point at a token for its value."
TAKE_AWAY = "Take tokens away"


@dataclass(frozen=True, slots=True)
class LabelReason:
    """What is explained, and which tokens are taken away.

    Attributes
    ----------
    request : ExplainRequest
    drawn : int
        How often all tokens were given back because something else is asked.
    painting : int
        The number of the last painting that was answered, as the page counts them.
    labels : tuple of str
        Those that the recogniser knows; none before the first clip.
    """

    request: ExplainRequest = DEFAULT_QUESTION
    drawn: int = 0
    painting: int = 0
    labels: tuple[str, ...] = ()

    @property
    def taken(self) -> Taken:
        """The tokens that are taken away."""
        return Taken(self.request.hidden, self.drawn, self.painting)

    def without(self, taken: Taken) -> LabelReason:
        """Return the same of what is left without other tokens."""
        request = replace(self.request, hidden=taken.bits)
        return replace(self, request=request, drawn=taken.drawn, painting=taken.painting)


class Explain(PageLens):
    """Why this label, and does the picture matter."""

    name = "explain"
    title = "Why"
    doing = "Explaining"
    content = "relevance as NPZ, map as mp4, filmstrip as PNG"
    usual = LabelReason()
    panel_id = "relevance"
    label_name = "why"
    runs = "explain"
    is_kept = True

    def build(self) -> Parts:
        """Place the two labels, the test and the method."""
        with gr.Row(elem_classes="tight"):
            label = gr.Dropdown(
                [], value=None, label="Label, or the most probable", elem_id="why-label"
            )
            against = gr.Dropdown([], value=None, label="Rather than", elem_id="why-against")
        matters = trial_button("why-test")
        with gr.Accordion("More", open=False):
            method = gr.Dropdown(
                [(card.title, card.name) for card in METHODS.values()],
                value=DEFAULT_METHOD,
                label="Method",
                filterable=False,
                elem_id="why-method",
            )
        controls = {"label": label, "against": against, "method": method}
        return Parts(controls, {"matters": matters, "take": make_mailbox(TAKE)})

    def wire(self, parts: Parts, wires: Wires) -> None:
        """Explain another label, by another method, or what is left; test the map."""
        controls = list(parts.controls.values())
        for name, control in parts.controls.items():
            wires.asks(control.input, partial(self.set, name), controls, control.elem_id)
        take = parts.others["take"]
        wires.asks(take.input, self.take, [take], None)
        matters = parts.others["matters"]
        wires.works(matters.click, self.test, matters.elem_id)

    def set(
        self,
        changed: str,
        session: Session,
        explorer: Explorer,
        label: Any,
        against: Any,
        method: Any,
    ) -> Change:
        """Explain something else; `changed` is the control that a visitor set.

        A label is explained against any other one: the field that was not set is emptied if both
        are the same.
        """
        del explorer
        asked: LabelReason = self.question(session)
        emptied: dict[str, Any] = {}
        if label and label == against:
            emptied = {"against": None} if changed == "label" else {"label": None}
        given = {"label": label or None, "against": against or None, "method": method} | emptied
        request = replace(asked.request, **given)
        return Change(replace(asked, request=request), emptied)

    def take(self, session: Session, explorer: Explorer, said: Any) -> Change | None:
        """Take tokens away, or give them back; the page says the same as of a painted mask."""
        asked: LabelReason = self.question(session)
        taken = asked.taken.by_page(said, explorer.recogniser.card.grid.tokens)
        if taken is None:
            return None
        labels = session.asked.get(LABELS, LabelQuestion())
        named = replace(labels, taken=labels.taken.by_others(taken.bits))
        return Change(asked.without(taken), also={LABELS: named})

    def test(self, explorer: Explorer, session: Session) -> Iterator[Step]:
        """Hide tokens in the order of the map."""
        assert session.clip is not None
        asked: LabelReason = self.question(session)
        above, below = relevance_blocks(explorer.explain(session.clip, asked.request))
        views = explorer.test_explanation(session.clip, asked.request)
        yield from trial_steps(
            self.name, above, below, (view.trial for view in views if view.trial)
        )

    def meet(self, session: Session, changed: str, explorer: Explorer) -> LabelReason:
        """Give all tokens back; forget the labels with their clip, and with their weights."""
        asked: LabelReason = self.question(session)
        request = asked.request
        if changed != "frames":
            request = ExplainRequest(method=request.method)
        now = LabelReason(request, labels=recogniser_labels(explorer))
        return now.without(asked.taken.by_others(None))

    def met(self, session: Session, loads: bool) -> Mapping[str, Any]:
        """Empty the fields of labels that are forgotten; other weights know other labels."""
        asked: LabelReason = self.question(session)
        given = {"label": asked.request.label, "against": asked.request.against}
        return label_fields(asked.labels, given, loads)

    def address(self, session: Session) -> Mapping[str, str]:
        """Write down what is not the usual."""
        asked = self.question(session).request
        query = {}
        if asked.label:
            query[self.label_name] = asked.label
        if asked.against:
            query["against"] = asked.against
        if asked.method != DEFAULT_METHOD:
            query["method"] = asked.method
        if asked.hidden:
            query["taken"] = to_address(asked.hidden)
        return query

    def read(self, session: Session, given: Mapping[str, str]) -> LabelReason:
        """Take the labels that the recogniser knows, the method and the tokens."""
        asked: LabelReason = self.question(session)
        return replace(
            asked,
            request=ExplainRequest(
                known_label(asked.labels, given.get(self.label_name)),
                known_label(asked.labels, given.get("against")),
                given.get("method", DEFAULT_METHOD),
                bits_of_address(given["taken"]) if "taken" in given else None,
            ),
        )

    def controls(self, session: Session) -> Mapping[str, Any]:
        """Return the labels and the method."""
        asked = self.question(session).request
        return {"label": asked.label, "against": asked.against, "method": asked.method}

    def show(self, explorer: Explorer, session: Session, save: SaveBytes) -> Showing:
        """Show the relevance over the clip's frames."""
        del save
        assert session.clip is not None and session.base is not None
        if not explorer.recogniser.card.label_count:
            return Showing([panel.note(NO_LABELS)], session.base)
        asked: LabelReason = self.question(session)
        if not fits(asked.request.hidden, explorer.recogniser.card.grid):
            asked = asked.without(asked.taken.by_others(None))
        view = explorer.explain(session.clip, asked.request)
        above, below = relevance_blocks(view)
        return Showing(
            [*above, *below],
            relevance_view(view, session.base.panes[0], asked),
            asked,
        )

    def write(self, explorer: Explorer, session: Session, folder: Path) -> list[Path]:
        """Write the relevance."""
        assert session.clip is not None
        return explorer.explain(session.clip, self.question(session).request).save(folder)

    def code(self, session: Session) -> Code:
        """Print the strongest tokens."""
        request = call_with_changed(self.question(session).request, DEFAULT_QUESTION)
        return Code(
            ("ExplainRequest",),
            f"""\
if explorer.recogniser.card.label_count:
    why = explorer.explain(clip, {request})
    print(*why.sentences(), *why.strongest(5), sep="\\n")
""",
        )

    def endpoint(self) -> Endpoint:
        """Offer ``/explain``."""

        def explain(
            explorer: Explorer,
            clip: ClipRequest,
            label: str,
            against: str,
            method: str,
            test: bool,
            hidden: Any,
        ) -> RelevanceView:
            taken = taken_of_lists(hidden, explorer.recogniser.card.grid)
            request = ExplainRequest(label or None, against or None, method, taken)
            if not test:
                return explorer.explain(clip, request)
            *_, last = explorer.test_explanation(clip, request)
            return last

        parameters = [
            text("label", "The label to explain; empty for the most probable one."),
            text("against", "Explain the label's margin over this one; empty for its logit."),
            choice("method", "How the scores are made.", tuple(METHODS)),
            switch("test", "Hide tokens in the map's order, and see what follows: many passes."),
            tokens_to_take(),
        ]
        summary = (
            "Say what each token of a clip did for a label, or for its margin over another one; "
            "with `test`, whether hiding them matters."
        )
        return Endpoint("explain", summary, parameters, explain)


def relevance_blocks(view: RelevanceView) -> tuple[list[panel.Block], list[panel.Block]]:
    """Say why, in words made from the numbers, and what is left; and what stands below that."""
    blocks = [panel.lead(f"Why {view.what}"), panel.sentence(view.verdict())]
    blocks += [panel.sentence(said) for said in view.without()]
    if view.hidden is not None:
        top = view.classification.top(3)
        rows = [(score.label, score.probability) for score in top]
        blocks.append(panel.bars(rows, marked=view.label.label))
    below = [panel.small(said) for said in (*view.adds_up(), view.method_words())]
    return blocks, below + [panel.note(note) for note in view.checkpoint.notes]


def relevance_view(view: RelevanceView, clip: Pane, asked: LabelReason) -> View:
    """Lay the relevance over the clip's pane; tokens can be taken away from it."""
    scale = view.scale
    scores = signed_scores(view.drawn, scale) if view.signed else scores_on(view.drawn, scale)
    (place, _), *_ = view.strongest(1)
    time_s = float(view.clip.timestamps_s[place[0] * view.checkpoint.tubelet_size])
    over_time = tuple(view.over_time.tolist())
    unit = "of the logit" if view.signed else "x"
    even = 0.0 if view.signed else 1.0
    return View(
        title=f"Why {view.what}",
        panes=(replace(clip, scores=scores, mask=asked.taken.on(view.checkpoint.grid)),),
        hint=HINT_SIGNED if view.signed else HINT,
        text=f"Relevance for {view.what}. Highest: {view.told(place)}, at {time_s:.2f} s, "
        f"row {place[1]}, column {place[2]}.",
        curve=Curve("Relevance over time", over_time, even, unit),
        paints=TAKE,
        paint=TAKE_AWAY,
        may_show_all=True,
    )


def known_label(labels: Sequence[str], given: str | None) -> str | None:
    """Return the label that an address names, as the recogniser writes it; None if there is none.

    Old addresses may name labels of other weights.
    """
    wanted = (given or "").strip().casefold()
    return next((label for label in labels if label.casefold() == wanted), None)


def label_fields(
    labels: Sequence[str], given: Mapping[str, str | None], loads: bool
) -> dict[str, Any]:
    """Return what fields for labels become for another clip; `given` is what is asked, by name.

    Other weights know other labels; else a field is emptied if its label is forgotten.
    """
    if loads:
        choices = sorted(labels)
        return {name: gr.update(choices=choices, value=now) for name, now in given.items()}
    return {name: None for name, label in given.items() if label is None}


def recogniser_labels(explorer: Explorer) -> tuple[str, ...]:
    """Return the labels that the recogniser knows, in its order; none if it was not fine-tuned."""
    recogniser = explorer.recogniser
    if not recogniser.card.label_count:
        return ()
    return tuple(recogniser.model.config.id2label.values())
