"""The lens Recognise: labels, how sure, and a label to look up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from videomae_demo.errors import RequestError
from videomae_demo.lenses.recognise import (
    MOTIONS_ONLY,
    ONE_VIEW,
    LabelsView,
    how_sure,
    nearest_motion,
)
from videomae_demo.ui import text
from videomae_demo.ui.controls import whole
from videomae_demo.ui.gradio_edge.mailbox.mailbox import make_mailbox
from videomae_demo.ui.lenses import argument
from videomae_demo.ui.lenses.argument import whole_number
from videomae_demo.ui.lenses.explain import (
    TAKE_AWAY,
    Explain,
    known_label,
    label_fields,
    recogniser_labels,
)
from videomae_demo.ui.lenses.lens import (
    Change,
    Code,
    Endpoint,
    PageLens,
    Parts,
    Showing,
    Wires,
    call,
)
from videomae_demo.ui.lenses.painted import LabelQuestion, bits_of_address, fits, taken_of_lists
from videomae_demo.ui.panel import panel
from videomae_demo.ui.token_player.sprites import SaveBytes
from videomae_demo.video.views import Views

if TYPE_CHECKING:
    from videomae_demo.engine.clips import ClipRequest
    from videomae_demo.explorer import Explorer
    from videomae_demo.ui.session import Session

TOP_K = 5
MARGIN = "videomae-margin"
TAKE_LABELS = "videomae-take-labels"
CHOOSE_TWO = "Choose two labels, and Why shows what speaks for one rather than the other."
WHY = Explain()


class Recognise(PageLens):
    """What the model sees."""

    name = "recognise"
    title = "Recognise"
    doing = "Recognising"
    content = "labels as JSON, bars as PNG"
    usual = LabelQuestion()
    panel_id = "labels"
    label_name = "label"
    is_kept = True

    def build(self) -> Parts:
        """Place the label to look up."""
        label = gr.Dropdown(
            choices=[],
            value=None,
            label="What does the clip really show?",
            info="Choose the true label, or look any other up.",
            elem_id="look-up",
        )
        return Parts(
            {"label": label}, {"margin": make_mailbox(MARGIN), "take": make_mailbox(TAKE_LABELS)}
        )

    def wire(self, parts: Parts, wires: Wires) -> None:
        """Look a label up when it is chosen."""
        label = parts.controls["label"]
        wires.asks(label.input, self.look_up, [label], label.elem_id, quick=True)
        margin = parts.others["margin"]
        wires.asks(margin.input, self.compare, [margin], None)
        take = parts.others["take"]
        wires.asks(take.input, self.take, [take], None)

    def look_up(self, session: Session, _explorer: Explorer, label: str | None) -> Change:
        """Show where one label stands."""
        return Change(replace(self.question(session), label=label or None))

    def take(self, session: Session, explorer: Explorer, said: Any) -> Change | None:
        """Take tokens away, or give them back; Why does without the same."""
        asked: LabelQuestion = self.question(session)
        taken = asked.taken.by_page(said, explorer.recogniser.card.grid.tokens)
        if taken is None:
            return None
        reason = WHY.question(session)
        left = reason.without(reason.taken.by_others(taken.bits))
        return Change(replace(asked, taken=taken), also={WHY.name: left})

    def compare(self, session: Session, explorer: Explorer, said: Any) -> Change | None:
        """Ask the lens Why for the margin of one label over another, ``[label, other]``."""
        known = recogniser_labels(explorer)
        if not isinstance(said, list) or len(said) != 2 or not all(one in known for one in said):
            return None
        reason = WHY.question(session)
        request = replace(reason.request, label=said[0], against=said[1])
        return Change(replace(reason, request=request), opens=WHY.name)

    def meet(self, session: Session, changed: str, explorer: Explorer) -> LabelQuestion:
        """Give all tokens back; forget the label with its clip, or weights that do not know it."""
        asked: LabelQuestion = self.question(session)
        known = explorer.recogniser.card.label_count and asked.label in recogniser_labels(explorer)
        keeps = changed == "frames" or (changed == "weights" and known)
        return LabelQuestion(asked.label if keeps else None, asked.taken.by_others(None))

    def met(self, session: Session, loads: bool) -> Mapping[str, Any]:
        """Empty the field if nothing is looked up any more; other weights know other labels."""
        known = WHY.question(session).labels
        return label_fields(known, {"label": self.question(session).label}, loads)

    def address(self, session: Session) -> Mapping[str, str]:
        """Name the label that is looked up."""
        label = self.question(session).label
        return {self.label_name: label} if label else {}

    def read(self, session: Session, given: Mapping[str, str]) -> LabelQuestion:
        """Look a label up, without the tokens that Why does without."""
        asked: LabelQuestion = self.question(session)
        bits = bits_of_address(given["taken"]) if "taken" in given else None
        label = known_label(WHY.question(session).labels, given.get(self.label_name))
        return LabelQuestion(label, replace(asked.taken, bits=bits))

    def controls(self, session: Session) -> Mapping[str, Any]:
        """Return the label that is looked up."""
        return {"label": self.question(session).label}

    def show(self, explorer: Explorer, session: Session, save: SaveBytes) -> Showing:
        """Show the best labels, and the one that is looked up."""
        del save
        assert session.clip is not None and session.base is not None
        if not explorer.recogniser.card.label_count:
            nothing = {"label": gr.update(choices=[])}
            return Showing([panel.note(text.NO_LABELS)], session.base, controls=nothing)
        asked: LabelQuestion = self.question(session)
        grid = explorer.recogniser.card.grid
        if not fits(asked.taken.bits, grid):
            asked = replace(asked, taken=asked.taken.by_others(None))
        view = explorer.classify(session.clip, asked.taken.bits)
        names = {"label": gr.update(choices=sorted(view.classification.labels))}
        player = replace(
            session.base,
            panes=(replace(session.base.panes[0], mask=asked.taken.on(grid)),),
            paints=TAKE_LABELS,
            paint=TAKE_AWAY,
            may_show_all=True,
        )
        return Showing(labels_panel(view, asked.label), player, asked, names)

    def write(self, explorer: Explorer, session: Session, folder: Path) -> list[Path]:
        """Write the labels, and the one that is looked up."""
        assert session.clip is not None
        asked: LabelQuestion = self.question(session)
        return explorer.classify(session.clip, asked.taken.bits).save(folder, TOP_K, asked.label)

    def code(self, session: Session) -> Code:
        """Print the best labels."""
        bits = self.question(session).taken.bits
        asked = call("explorer.classify", "clip", None if bits is None else repr(bits))
        return Code(
            (),
            f"""\
if explorer.recogniser.card.label_count:
    for score in {asked}.classification.top(5):
        print(f"{{score.probability:7.2%}}  {{score.label}}")
""",
        )

    def endpoint(self) -> Endpoint:
        """Offer ``/classify``."""

        def classify(
            explorer: Explorer, clip: ClipRequest, hidden: Any, views: str, **_given: Any
        ) -> LabelsView:
            if views:
                if hidden:
                    raise RequestError(ONE_VIEW)
                *_, mean = explorer.classify_views(clip, Views.parse(views))
                return mean
            return explorer.classify(clip, taken_of_lists(hidden, explorer.recogniser.card.grid))

        def to_json(view: LabelsView, top_k: float, label: str, **_given: Any) -> dict[str, Any]:
            return view.to_json(whole(top_k, "top_k"), label or None)

        parameters = [
            whole_number("top_k", "How many labels, the most probable ones first.", TOP_K),
            argument.text("label", "A label to look up, whatever its rank; empty for none."),
            argument.tokens_to_take(),
            argument.text(
                "views",
                "Average over windows x crops, for instance 5x3, as published figures; empty for "
                "the one view.",
            ),
        ]
        summary = "Name what happens in a clip, or in the mean of several views of it."
        return Endpoint("classify", summary, parameters, classify, to_json)


def labels_panel(view: LabelsView, label: str | None) -> list[panel.Block]:
    """Show the best labels, one that was asked for, and how sure the recogniser is.

    Where the weights were not made for such a clip, no label is a headline, and a note says so.
    """
    found = view.classification
    top = found.top(TOP_K)
    if view.is_foreign:
        blocks = [panel.lead(MOTIONS_ONLY), panel.sentence(nearest_motion(found))]
    else:
        blocks = [panel.lead(top[0].label), panel.sentence(how_sure(found))]
    rows = [(score.label, score.probability) for score in top]
    blocks.append(panel.bars(rows, marked=top[0].label, tells=MARGIN))
    blocks += [panel.sentence(said) for said in view.without()]  # below: the bars stay in place
    blocks.append(panel.small(CHOOSE_TWO))
    if label:
        asked = found.find(label)
        count = len(found.labels)
        blocks.append(
            panel.sentence(
                f"{asked.label}: {asked.probability:.2%}, rank {asked.rank} of {count}. "
                + verdict(asked.rank, count)
            )
        )
    if view.is_foreign:
        names = ", ".join(found.labels)
        blocks.append(
            panel.note(
                f"The bundled weights know only these {len(found.labels)} synthetic motions: "
                f"{names}. For what people do, load Kinetics weights above."
            )
        )
    return blocks + [panel.note(note) for note in view.checkpoint.notes]


def verdict(rank: int, labels: int, top_k: int = TOP_K) -> str:
    """Say whether the model is right, if the label at this rank is the true one."""
    if rank == 1:
        right = "the model is right"
    elif labels <= top_k:
        right = "the model is wrong"
    elif rank <= top_k:
        right = f"the model is wrong at top-1 and right at top-{top_k}"
    else:
        right = f"the model is wrong, at top-1 and at top-{top_k}"
    return f"If this is what the clip shows, {right}."
