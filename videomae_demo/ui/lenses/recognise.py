"""The lens Recognise: labels, how sure, and a label to look up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from videomae_demo.errors import RequestError
from videomae_demo.lenses.named_views import views_sentences
from videomae_demo.lenses.recognise import (
    MOTIONS_ONLY,
    ONE_VIEW,
    LabelsView,
    how_sure,
    nearest_motion,
)
from videomae_demo.ui import text
from videomae_demo.ui.controls import Sampling, whole
from videomae_demo.ui.gradio_edge.mailbox.mailbox import make_mailbox
from videomae_demo.ui.lenses import argument
from videomae_demo.ui.lenses.argument import whole_number
from videomae_demo.ui.lenses.averaged import (
    AT_ONCE_S,
    AVERAGE,
    AVERAGING,
    OPEN_VIEW,
    asks_for_views,
    clip_for_views,
    read_views,
    view_named,
    views_blocks,
    views_field,
)
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
    Step,
    TakenBackError,
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
        """Place the label to look up, and the views to average over."""
        label = gr.Dropdown(
            choices=[],
            value=None,
            label="What does the clip really show?",
            info="Choose the true label, or look any other up.",
            elem_id="look-up",
        )
        mail = {"margin": MARGIN, "take": TAKE_LABELS, "average": AVERAGE, "view": OPEN_VIEW}
        return Parts(
            {"label": label, "views": views_field()},
            {name: make_mailbox(box) for name, box in mail.items()},
        )

    def wire(self, parts: Parts, wires: Wires) -> None:
        """Look a label up, take tokens away, average over views, and open one of them."""
        label = parts.controls["label"]
        wires.asks(label.input, self.look_up, [label], label.elem_id, quick=True)
        margin = parts.others["margin"]
        wires.asks(margin.input, self.compare, [margin], None)
        take = parts.others["take"]
        wires.asks(take.input, self.take, [take], None)
        views, average, view = (
            parts.controls["views"],
            parts.others["average"],
            parts.others["view"],
        )
        wires.asks(views.input, self.set_views, [views], views.elem_id)
        wires.works(average.input, self.average, None, [average])
        wires.explores(view.input, self.open_view, None, [view])

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

    def set_views(self, session: Session, explorer: Explorer, given: Any) -> Change | None:
        """Average over other views."""
        asked: LabelQuestion = self.question(session)
        try:
            views = read_views(given)
            if views == asked.views:
                return None
            if views is not None:
                explorer.plan_views(clip_for_views(session), views)
        except RequestError as error:
            raise TakenBackError(str(error)) from error
        return Change(replace(asked, views=views))

    def average(self, explorer: Explorer, session: Session) -> Iterator[Step]:
        """Run the views, one batch after the other."""
        asked: LabelQuestion = self.question(session)
        if asked.views is None:
            return
        for view in explorer.classify_views(clip_for_views(session), asked.views):
            assert view.views is not None
            done = len(view.views.each) / view.views.planned
            yield Step(labels_panel(view, asked.label, session), AVERAGING, done)

    def stopped(self, session: Session, explorer: Explorer) -> Step | None:
        """Show the mean of the views that were done by then."""
        asked: LabelQuestion = self.question(session)
        if asked.views is None:
            return None
        return Step(self._views_panel(explorer, session, asked), AVERAGING, 1.0)

    def open_view(self, session: Session, explorer: Explorer, name: Any) -> Sampling:
        """Return how the frames of a view are chosen."""
        asked: LabelQuestion = self.question(session)
        clip = clip_for_views(session)
        found = None if asked.views is None else explorer.known_views(clip, asked.views)
        return session.sampling.of(view_named(found, name))

    def _views_panel(
        self, explorer: Explorer, session: Session, asked: LabelQuestion
    ) -> list[panel.Block]:
        """Show the mean of the views, or what it costs to have it."""
        clip, views = clip_for_views(session), asked.views
        assert views is not None and session.clip is not None
        plan = explorer.plan_views(clip, views)
        view = explorer.known_views(clip, views)
        if plan.left and plan.takes_s is not None and plan.takes_s <= AT_ONCE_S:
            *_, view = explorer.classify_views(clip, views)
            plan = explorer.plan_views(clip, views)
        shown = explorer.classify(session.clip) if view is None else view
        blocks = labels_panel(shown, asked.label, session)
        return [*blocks[:1], *asks_for_views(plan), *blocks[1:]]

    def compare(self, session: Session, explorer: Explorer, said: Any) -> Change | None:
        """Ask the lens Why for the margin of one label over another, ``[label, other]``."""
        known = recogniser_labels(explorer)
        if not isinstance(said, list) or len(said) != 2 or not all(one in known for one in said):
            return None
        reason = WHY.question(session)
        request = replace(reason.request, label=said[0], against=said[1])
        return Change(replace(reason, request=request), opens=WHY.name)

    def meet(self, session: Session, changed: str, explorer: Explorer) -> LabelQuestion:
        """Give all tokens back; forget the label with its clip, or weights that do not know it.

        The views are forgotten with the clip.
        """
        asked: LabelQuestion = self.question(session)
        known = explorer.recogniser.card.label_count and asked.label in recogniser_labels(explorer)
        keeps = changed == "frames" or (changed == "weights" and known)
        views = None if changed == "clip" else asked.views
        return LabelQuestion(asked.label if keeps else None, asked.taken.by_others(None), views)

    def met(self, session: Session, loads: bool) -> Mapping[str, Any]:
        """Empty the fields of what is asked no more; other weights know other labels."""
        asked: LabelQuestion = self.question(session)
        fields = label_fields(WHY.question(session).labels, {"label": asked.label}, loads)
        return fields if asked.views else {**fields, "views": ""}

    def address(self, session: Session) -> Mapping[str, str]:
        """Name the label that is looked up, and the views."""
        asked: LabelQuestion = self.question(session)
        label = {self.label_name: asked.label} if asked.label else {}
        return label | ({"views": str(asked.views)} if asked.views else {})

    def read(self, session: Session, given: Mapping[str, str]) -> LabelQuestion:
        """Look a label up, without the tokens that Why does without, or in several views."""
        asked: LabelQuestion = self.question(session)
        bits = bits_of_address(given["taken"]) if "taken" in given else None
        label = known_label(WHY.question(session).labels, given.get(self.label_name))
        views = read_views(given.get("views"))
        return LabelQuestion(label, replace(asked.taken, bits=bits), views)

    def controls(self, session: Session) -> Mapping[str, Any]:
        """Return the label that is looked up, and the views."""
        asked: LabelQuestion = self.question(session)
        return {"label": asked.label, "views": str(asked.views or "")}

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
        blocks = labels_panel(view, asked.label, session)
        if asked.views is not None:
            blocks = self._shown_views(explorer, session, asked, blocks)
        names = {"label": gr.update(choices=sorted(view.classification.labels))}
        player = replace(
            session.base,
            panes=(replace(session.base.panes[0], mask=asked.taken.on(grid)),),
            paints=TAKE_LABELS,
            paint=TAKE_AWAY,
            may_show_all=True,
        )
        return Showing(blocks, player, asked, names)

    def _shown_views(
        self,
        explorer: Explorer,
        session: Session,
        asked: LabelQuestion,
        one: list[panel.Block],
    ) -> list[panel.Block]:
        """Show the mean of several views; where there can be none, `one` view, and why."""
        if asked.taken.bits is not None:
            return [*one, panel.note(ONE_VIEW)]
        try:
            return self._views_panel(explorer, session, asked)
        except RequestError as error:
            return [*one, panel.note(str(error))]

    def write(self, explorer: Explorer, session: Session, folder: Path) -> list[Path]:
        """Write the labels, and the one that is looked up; of several views, what is done."""
        assert session.clip is not None
        asked: LabelQuestion = self.question(session)
        if asked.views is not None and asked.taken.bits is None:
            view = explorer.known_views(clip_for_views(session), asked.views)
            if view is not None:
                return view.save(folder, TOP_K, asked.label)
        return explorer.classify(session.clip, asked.taken.bits).save(folder, TOP_K, asked.label)

    def code(self, session: Session) -> Code:
        """Print the best labels."""
        question: LabelQuestion = self.question(session)
        bits, views = question.taken.bits, question.views
        if views is not None and bits is None:
            return _code_of_views(session, views)
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


def _code_of_views(session: Session, views: Views) -> Code:
    """Print the best labels of the mean of several views."""
    changed = session.clip is not None and clip_for_views(session) != session.clip
    clip = "replace(clip, start_s=None, change=None)" if changed else "clip"
    lines = f"""\
if explorer.recogniser.card.label_count:
    *_, mean = explorer.classify_views({clip}, Views({views.windows}, {views.crops}))
    for score in mean.classification.top(5):
        print(f"{{score.probability:7.2%}}  {{score.label}}")
"""
    return Code(("Views",), f"from dataclasses import replace\n\n{lines}" if changed else lines)


def labels_panel(
    view: LabelsView, label: str | None, session: Session | None = None
) -> list[panel.Block]:
    """Show the best labels, one that was asked for, and how sure the recogniser is.

    Where the weights were not made for such a clip, no label is a headline, and a note says so. Of
    several views, each is listed; `session` tells which of them the player shows.
    """
    found = view.classification
    top = found.top(TOP_K)
    if view.is_foreign:
        blocks = [panel.lead(MOTIONS_ONLY), panel.sentence(nearest_motion(found))]
    else:
        blocks = [panel.lead(top[0].label), panel.sentence(how_sure(found))]
    if view.views is not None:
        blocks += map(panel.sentence, views_sentences(view.views, found))
    rows = [(score.label, score.probability) for score in top]
    blocks.append(panel.bars(rows, marked=top[0].label, tells=MARGIN))
    blocks += [panel.sentence(said) for said in view.without()]  # below: the bars stay in place
    blocks.append(panel.small(CHOOSE_TWO))
    if view.views is not None and session is not None:
        blocks += views_blocks(view, session)
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
