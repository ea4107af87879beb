"""The lens Recognise: labels, how sure, and a label to look up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from videomae_demo.lenses.recognise import MOTIONS_ONLY, LabelsView, how_sure, nearest_motion
from videomae_demo.ui import text
from videomae_demo.ui.controls import whole
from videomae_demo.ui.gradio_edge.mailbox.mailbox import make_mailbox
from videomae_demo.ui.lenses import argument
from videomae_demo.ui.lenses.argument import whole_number
from videomae_demo.ui.lenses.explain import Explain, recogniser_labels
from videomae_demo.ui.lenses.lens import (
    Change,
    Code,
    Endpoint,
    PageLens,
    Parts,
    Showing,
    Wires,
)
from videomae_demo.ui.panel import panel
from videomae_demo.ui.token_player.sprites import SaveBytes

if TYPE_CHECKING:
    from videomae_demo.engine.clips import ClipRequest
    from videomae_demo.explorer import Explorer
    from videomae_demo.ui.session import Session

TOP_K = 5
MARGIN = "videomae-margin"
CHOOSE_TWO = "Choose two labels, and Why shows what speaks for one rather than the other."
WHY = Explain()


@dataclass(frozen=True, slots=True)
class LabelQuestion:
    """Which label is looked up; None for none."""

    label: str | None = None


class Recognise(PageLens):
    """What the model sees."""

    name = "recognise"
    title = "Recognise"
    doing = "Recognising"
    content = "labels as JSON, bars as PNG"
    usual = LabelQuestion()
    panel_id = "labels"
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
        return Parts({"label": label}, {"margin": make_mailbox(MARGIN)})

    def wire(self, parts: Parts, wires: Wires) -> None:
        """Look a label up when it is chosen."""
        label = parts.controls["label"]
        wires.asks(label.input, self.look_up, [label], label.elem_id, quick=True)
        margin = parts.others["margin"]
        wires.asks(margin.input, self.compare, [margin], None)

    def look_up(self, _session: Session, _explorer: Explorer, label: str | None) -> Change:
        """Show where one label stands."""
        return Change(LabelQuestion(label or None))

    def compare(self, session: Session, explorer: Explorer, said: Any) -> Change | None:
        """Ask the lens Why for the margin of one label over another, ``[label, other]``."""
        known = recogniser_labels(explorer)
        if not isinstance(said, list) or len(said) != 2 or not all(one in known for one in said):
            return None
        reason = WHY.question(session)
        request = replace(reason.request, label=said[0], against=said[1])
        return Change(replace(reason, request=request), opens=WHY.name)

    def meet(self, session: Session, changed: str, explorer: Explorer) -> LabelQuestion:
        """Forget the label with its clip, and with weights that do not know it."""
        asked: LabelQuestion = self.question(session)
        known = explorer.recogniser.card.label_count and asked.label in recogniser_labels(explorer)
        return asked if changed == "frames" or (changed == "weights" and known) else self.usual

    def met(self, session: Session, loads: bool) -> Mapping[str, Any]:
        """Empty the field if nothing is looked up any more."""
        del loads
        return {} if self.question(session).label else {"label": None}

    def address(self, session: Session) -> Mapping[str, str]:
        """Name the label that is looked up."""
        label = self.question(session).label
        return {"label": label} if label else {}

    def read(self, session: Session, given: Mapping[str, str]) -> LabelQuestion:
        """Look a label up."""
        del session
        return LabelQuestion(given.get("label") or None)

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
        view = explorer.classify(session.clip)
        names = {"label": gr.update(choices=sorted(view.classification.labels))}
        asked = self.question(session).label
        return Showing(labels_panel(view, asked), session.base, controls=names)

    def write(self, explorer: Explorer, session: Session, folder: Path) -> list[Path]:
        """Write the labels, and the one that is looked up."""
        assert session.clip is not None
        label = self.question(session).label
        return explorer.classify(session.clip).save(folder, TOP_K, label)

    def code(self, session: Session) -> Code:
        """Print the best labels."""
        del session
        return Code(
            (),
            """\
if explorer.recogniser.card.label_count:
    for score in explorer.classify(clip).classification.top(5):
        print(f"{score.probability:7.2%}  {score.label}")
""",
        )

    def endpoint(self) -> Endpoint:
        """Offer ``/classify``."""

        def classify(explorer: Explorer, clip: ClipRequest, **_given: Any) -> LabelsView:
            return explorer.classify(clip)

        def to_json(view: LabelsView, top_k: float, label: str) -> dict[str, Any]:
            return view.to_json(whole(top_k, "top_k"), label or None)

        parameters = [
            whole_number("top_k", "How many labels, the most probable ones first.", TOP_K),
            argument.text("label", "A label to look up, whatever its rank; empty for none."),
        ]
        summary = "Name what happens in a clip."
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
