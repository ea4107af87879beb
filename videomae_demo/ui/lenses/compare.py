"""The lens Compare: with which other weights, and what of the two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from videomae_demo.given import number
from videomae_demo.lenses.compare import DEFAULT_COMPARISON, CompareRequest, CompareView
from videomae_demo.lenses.masks import DEFAULT_MASK, MaskRequest
from videomae_demo.lenses.masks import KINDS as MASKS
from videomae_demo.lenses.paired import KINDS, told
from videomae_demo.pool import HALVES, Half
from videomae_demo.rendering.frames import to_uint8
from videomae_demo.ui.controls import whole
from videomae_demo.ui.lenses.argument import choice, fraction, text, whole_number
from videomae_demo.ui.lenses.explain import Explain
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
    make_pane,
    names_in,
)
from videomae_demo.ui.lenses.reconstruct import Reconstruct
from videomae_demo.ui.lenses.what_if import WhatIf
from videomae_demo.ui.panel import panel
from videomae_demo.ui.text import NO_LABELS
from videomae_demo.ui.token_player.sprites import SaveBytes, sprite
from videomae_demo.ui.token_player.value import Pane, Scores, View, scores_on, signed_scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from videomae_demo.engine.clips import ClipRequest
    from videomae_demo.explorer import Explorer
    from videomae_demo.rendering.colour import Scale
    from videomae_demo.ui.session import Session

WHATS = {
    "labels": "labels",
    "attention": "attention (as in Attend)",
    "relevance": "relevance (as in Why)",
    "reconstruction": "reconstruction (the mask of Reconstruct)",
    "what_if": "what if (as in What if)",
}
CHOOSE = (
    "Choose other weights, and the same is asked of both: A are the page's weights, B the others. "
    "Both get the same frames where they can."
)
HINTS = {
    "labels": "Left: what A gets of the clip; right: what B gets.",
    "what_if": "What A gets: the clip as it is, and the change that is chosen in What if.",
    "reconstruction": "The same clip and share for both; the last picture shows where B errs more "
    "(orange) or less (blue).",
}
HINT = "A, B, and where they differ: orange where B's is higher, blue where it is lower."
WHY, MASK, CHANGES = Explain(), Reconstruct(), WhatIf()


@dataclass(frozen=True, slots=True)
class CompareQuestion:
    """What of which other weights is compared; `choices` are a line and the name of each."""

    other: str = ""
    what: str = KINDS[0]
    choices: tuple[tuple[str, str], ...] = ()


class Compare(PageLens):
    """What other weights would say."""

    name = "compare"
    title = "Compare"
    doing = "Asking both"
    content = "figures as CSV, JSON and NPZ, both maps and their difference as PNG and mp4"
    usual = CompareQuestion()
    panel_id = "compare"
    uses = HALVES  # of programs; a page fetches what it needs

    def build(self) -> Parts:
        """Place the other weights, and what is compared."""
        other = gr.Dropdown(
            [], value=None, label="Compare with", filterable=False, elem_id="compare-with"
        )
        what = gr.Dropdown(
            [(title, name) for name, title in WHATS.items()],
            value=KINDS[0],
            label="What is compared",
            filterable=False,
            elem_id="compare-what",
        )
        return Parts({"other": other, "what": what})

    def wire(self, parts: Parts, wires: Wires) -> None:
        """Compare with others, or something else."""
        for name, control in parts.controls.items():
            wires.asks(control.input, partial(self.set, name), [control], control.elem_id)

    def set(self, name: str, session: Session, explorer: Explorer, value: Any) -> Change:
        """Compare with other weights, or something else of them."""
        asked: CompareQuestion = self.question(session)
        if name == "what":
            value = CompareRequest(value).what  # refuses what is none
        given: dict[str, Any] = {name: value or "", "choices": _choices(explorer)}
        return Change(replace(asked, **given))

    def with_weights(self, session: Session, explorer: Explorer, name: str) -> CompareQuestion:
        """Compare with weights that were chosen elsewhere on the page."""
        asked: CompareQuestion = self.question(session)
        return replace(asked, other=name, choices=_choices(explorer))

    def needs(self, session: Session) -> Sequence[tuple[str, Sequence[Half]]]:
        """Return which halves of both weights are asked."""
        asked: CompareQuestion = self.question(session)
        halves = HALVES if asked.what == "reconstruction" else HALVES[:1]
        names = [session.weights, *([asked.other] if asked.other else [])]
        return [(name, halves) for name in names]

    def request(self, session: Session) -> CompareRequest:
        """Return what is compared, with the label, the mask and the change of the other lenses."""
        asked: CompareQuestion = self.question(session)
        if asked.what == "relevance":
            return CompareRequest(asked.what, WHY.question(session).request.label)
        if asked.what == "reconstruction":
            mask: MaskRequest = MASK.question(session).mask
            return CompareRequest(asked.what, mask=DEFAULT_MASK if mask.painted else mask)
        if asked.what == "what_if":
            changes = CHANGES.request(session)
            return CompareRequest(asked.what, changes.label, shown=changes.shown)
        return CompareRequest(asked.what)

    def key(self, session: Session) -> Any:
        """Return what is compared, and with what."""
        asked: CompareQuestion = self.question(session)
        return asked.other, self.request(session)

    def meet(self, session: Session, changed: str, explorer: Explorer) -> CompareQuestion:
        """Stay with the other weights."""
        asked: CompareQuestion = self.question(session)
        return replace(asked, choices=asked.choices or _choices(explorer))

    def met(self, session: Session, loads: bool) -> Mapping[str, Any]:
        """List the other weights."""
        return self.controls(session) if loads else {}

    def address(self, session: Session) -> Mapping[str, str]:
        """Write down with what, and what of it, is compared."""
        asked: CompareQuestion = self.question(session)
        query = {"with": asked.other} if asked.other else {}
        if asked.what != KINDS[0]:
            query["of_both"] = asked.what
        return query

    def read(self, session: Session, given: Mapping[str, str]) -> CompareQuestion:
        """Take the other weights, if they can be chosen, and what is compared."""
        asked: CompareQuestion = self.question(session)
        known = {name for _, name in asked.choices}
        other, what = given.get("with", ""), given.get("of_both", KINDS[0])
        return replace(
            asked,
            other=other if other in known else "",
            what=what if what in KINDS else KINDS[0],
        )

    def controls(self, session: Session) -> Mapping[str, Any]:
        """Return the other weights and what is compared."""
        asked: CompareQuestion = self.question(session)
        choices = gr.update(choices=list(asked.choices), value=asked.other or None)
        return {"other": choices, "what": asked.what}

    def prepare(self, explorer: Explorer, session: Session) -> Iterator[Step]:
        """Try all changes, if What if is compared."""
        asked: CompareQuestion = self.question(session)
        if asked.other and asked.what == "what_if" and _knows_labels(explorer, asked):
            for view in explorer.compare(_clip(session), asked.other, self.request(session)):
                first: Any = view.first
                second: Any = view.second
                done = len(first.found) + len(second.found)
                yield Step([], self.doing, done / (len(first.probes) + len(second.probes)))

    def show(self, explorer: Explorer, session: Session, save: SaveBytes) -> Showing:
        """Ask both, and show them side by side."""
        assert session.base is not None
        asked: CompareQuestion = self.question(session)
        if not asked.other:
            # Here, so that weights which were fetched meanwhile are among them.
            question = replace(asked, choices=_choices(explorer))
            listed = {"other": gr.update(choices=list(question.choices), value=None)}
            return Showing([panel.sentence(CHOOSE)], session.base, question, listed)
        if not _knows_labels(explorer, asked):
            return Showing([panel.note(NO_LABELS)], session.base)
        *_, view = explorer.compare(_clip(session), asked.other, self.request(session))
        return Showing(compare_panel(view), compare_view(view, save))

    def write(self, explorer: Explorer, session: Session, folder: Path) -> list[Path]:
        """Write what both say."""
        asked: CompareQuestion = self.question(session)
        if not asked.other:
            return []
        *_, view = explorer.compare(_clip(session), asked.other, self.request(session))
        return view.save(folder)

    def code(self, session: Session) -> Code:
        """Print where the two agree."""
        asked: CompareQuestion = self.question(session)
        if not asked.other:
            return Code((), "")
        request = call_with_changed(self.request(session), DEFAULT_COMPARISON)
        return Code(
            names_in(request),
            f"""\
*_, both = explorer.compare(clip, {asked.other!r}, {request})
print(*both.sentences(), sep="\\n")
""",
        )

    def endpoint(self) -> Endpoint:
        """Offer ``/compare``."""

        def compare(
            explorer: Explorer,
            clip: ClipRequest,
            other: str,
            what: str,
            label: str,
            kind: str,
            ratio: float,
            seed: float,
        ) -> CompareView:
            mask = MaskRequest(kind, number(ratio, "ratio") or None, whole(seed, "seed"))
            request = CompareRequest(what, label or None, mask)
            *_, view = explorer.compare(clip, other or explorer.weights, request)
            return view

        parameters = [
            text("other", "Name of the other checkpoint, B; empty: the same one."),
            choice("what", "What is compared.", KINDS),
            text("label", "For relevance and what_if: the label; empty: A's most probable one."),
            choice("kind", "For the reconstruction: how the hidden tokens are drawn.", MASKS),
            fraction("ratio", "The share of tokens to hide; 0 for the usual one.", 0),
            whole_number("seed", "The seed of the drawing.", 0),
        ]
        summary = (
            "Ask two checkpoints the same of a clip (labels, attention, relevance, reconstruction "
            "or what-if), and say where they differ."
        )
        return Endpoint("compare", summary, parameters, compare)


def compare_panel(view: CompareView) -> list[panel.Block]:
    """Say where the two agree, and pair their figures."""
    pairing = view.pairing
    values = [v for row in pairing.rows for v in (row.first, row.second) if v is not None]
    finite = [value for value in values if value != float("inf")]
    top = max(finite, default=1.0) if pairing.unit else 1.0

    def side(value: float | None) -> tuple[float, str]:
        share = 0.0 if value is None else min(1.0, max(0.0, value / (top or 1.0)))
        return share, told(value, pairing.unit)

    rows = [
        (row.name.replace(":", " "), side(row.first), side(row.second))
        for row in pairing.rows
        if not row.name.startswith("frozen:")  # the best of them is told, and the files have all
    ]
    first, *others = pairing.said
    return [
        panel.lead(first),
        panel.note(view.who()) if view.is_same else panel.small(view.who()),
        panel.pairs(rows),
        *(panel.sentence(said) for said in others),
        *(panel.note(note) for note in view.notes),
    ]


def compare_view(view: CompareView, save: SaveBytes) -> View:
    """Play both side by side, and where they differ."""
    pairing, what = view.pairing, view.request.what
    first: Any = view.first
    second: Any = view.second
    panes: list[Pane]
    if what == "reconstruction":
        panes = _reconstructions(view, save)
    elif pairing.maps is not None:
        assert pairing.scale is not None
        panes = [
            _pane(name, answer, answer.clip.frames, save, _scores(values, pairing.scale))
            for name, answer, values in zip("AB", (first, second), pairing.maps, strict=True)
        ]
        if pairing.difference is not None:
            panes.append(_difference(view, view.clip.frames, save))
    elif what == "what_if":
        panes = [
            _pane("as it is", first, first.clip.frames, save),
            _pane(first.title_of(first.shown), first, first.changed.frames, save),
        ]
    else:
        panes = [
            _pane(f"{name} gets", answer, answer.clip.frames, save)
            for name, answer in (("A", first), ("B", second))
        ]
    said = " ".join(view.sentences())
    return View(title=view.who(), panes=tuple(panes), hint=HINTS.get(what, HINT), text=said)


def _reconstructions(view: CompareView, save: SaveBytes) -> list[Pane]:
    pairing = view.pairing
    first: Any = view.first
    second: Any = view.second
    assert pairing.maps is not None and pairing.scale is not None
    target = to_uint8(first.reconstruction.target)
    panes = [_pane("original, as A gets it", first, target, save)]
    for name, answer, values in zip("AB", (first, second), pairing.maps, strict=True):
        frames = to_uint8(answer.reconstruction.prediction.frames)
        scores = replace(_scores(values, pairing.scale), smooth=False)
        pane = _pane(f"{name}'s reconstruction", answer, frames, save, scores)
        panes.append(replace(pane, switch="show the error"))
    if pairing.difference is not None:
        panes.append(_difference(view, target, save))
    return panes


def _difference(view: CompareView, frames: NDArray[Any], save: SaveBytes) -> Pane:
    pairing = view.pairing
    assert pairing.difference is not None and pairing.difference_scale is not None
    scores = signed_scores(pairing.difference, pairing.difference_scale, smooth=False)
    return _pane("B less A", view.first, frames, save, scores)


def _pane(
    title: str, answer: Any, frames: NDArray[Any], save: SaveBytes, scores: Scores | None = None
) -> Pane:
    track = sprite(title, title, frames, save)
    return make_pane(answer.clip, answer.checkpoint, track, title=title, scores=scores)


def _scores(values: NDArray[Any], scale: Scale) -> Scores:
    if scale.is_diverging:
        return signed_scores(values, scale, smooth=False)
    return scores_on(values, scale)


def _choices(explorer: Explorer) -> tuple[tuple[str, str], ...]:
    return tuple(explorer.other_weights())


def _knows_labels(explorer: Explorer, asked: CompareQuestion) -> bool:
    """Tell whether what is compared can be asked of both."""
    if asked.what in ("attention", "reconstruction"):
        return True
    both = (explorer, explorer.beside(asked.other))
    return all(one.recogniser.card.label_count for one in both)


def _clip(session: Session) -> ClipRequest:
    assert session.clip is not None
    return session.clip
