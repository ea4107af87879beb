"""The lens When: which windows of the whole clip are named, and which labels are drawn.

What it finds is drawn along the player's time line, too, whatever lens is open.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from videomae_demo.errors import RequestError
from videomae_demo.lenses.timeline import (
    DEFAULT_TIMELINE,
    NEAREST,
    TimelineRequest,
    TimelineView,
)
from videomae_demo.ui.controls import plain_number, whole
from videomae_demo.ui.gradio_edge.mailbox.mailbox import make_mailbox
from videomae_demo.ui.lenses.argument import Argument, text
from videomae_demo.ui.lenses.drawn_windows import make_band, make_chart
from videomae_demo.ui.lenses.explain import known_label, label_fields, recogniser_labels
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
    call_with_changed,
    names_in,
    setting,
)
from videomae_demo.ui.panel import panel
from videomae_demo.ui.text import NO_LABELS, cost
from videomae_demo.ui.token_player.player import SCAN, SCAN_HERE
from videomae_demo.ui.token_player.sprites import SaveBytes

if TYPE_CHECKING:
    from videomae_demo.engine.clips import ClipRequest
    from videomae_demo.explorer import Explorer
    from videomae_demo.lenses.plan import Plan
    from videomae_demo.ui.session import Session

BEGIN, GO_ON = "Scan the clip", "Go on scanning"
SCANNING = "Scanning the clip"
AT_ONCE_S = 3.0
"""If a scan takes no longer, nobody has to ask for it."""
SHOWN_EVERY_S = 0.3
"""An answer that grows is drawn anew so often, however fast windows come."""
NOT_YET = (
    "A scan names what the clip shows when: window after window, from its beginning to its end. "
    "The answer grows while you go on; Cancel keeps what is done, and pressing again goes on from "
    "there."
)
NOTHING_DONE = "No window was scanned yet, so there is nothing to write: press 'Scan the clip'."
HINT = "The window that the lenses see. Choose a part of the band below, and it goes there."


@dataclass(frozen=True, slots=True)
class TimelineQuestion:
    """What is asked of the whole clip; `labels` are those that the recogniser knows."""

    request: TimelineRequest = DEFAULT_TIMELINE
    labels: tuple[str, ...] = ()


class Timeline(PageLens):
    """What happens when."""

    name = "timeline"
    title = "When"
    label_name = "curve"
    doing = SCANNING
    content = "all windows as CSV, JSON and NPZ, labels over time as PNG"
    usual = TimelineQuestion()
    panel_id = "when"
    is_kept = True
    is_of_whole = True

    def build(self) -> Parts:
        """Place the label, and which windows there are."""
        label = gr.Dropdown(
            [], value=None, label="Draw a label, too, whatever its rank", elem_id="when-label"
        )
        with gr.Accordion("More", open=False), gr.Row():
            hop = gr.Textbox(
                label="Seconds from window to window",
                info="Empty: half a window.",
                elem_id="when-hop",
                min_width=120,
            )
            windows = gr.Textbox(
                label="Or: how many windows",
                info="Evenly over the clip.",
                elem_id="when-windows",
                min_width=120,
            )
        return Parts({"label": label, "hop": hop, "windows": windows})

    def mailboxes(self) -> Mapping[str, Any]:
        """Hear the button in the player, and the one in the panel."""
        return {"asked": make_mailbox(SCAN)}

    def wire(self, parts: Parts, wires: Wires) -> None:
        """Scan, draw another label, choose other windows."""
        asked = parts.others["asked"]
        wires.works(asked.input, self.scan, None, [asked])
        label, hop, windows = (parts.controls[name] for name in ("label", "hop", "windows"))
        wires.asks(label.input, self.follow, [label], label.elem_id)
        wires.asks(setting(hop), self.set_hop, [hop], hop.elem_id)
        wires.asks(setting(windows), self.set_windows, [windows], windows.elem_id)

    def follow(self, session: Session, explorer: Explorer, label: str | None) -> Change:
        """Draw another label, too."""
        del explorer
        return self._asking(session, replace(self.request(session), label=label or None))

    def set_hop(self, session: Session, explorer: Explorer, given: Any) -> Change | None:
        """Take windows so many seconds apart."""
        return self._other_windows(session, explorer, lambda: (read_number(given), None))

    def set_windows(self, session: Session, explorer: Explorer, given: Any) -> Change | None:
        """Take so many windows."""
        return self._other_windows(session, explorer, lambda: (None, read_count(given)))

    def _other_windows(
        self, session: Session, explorer: Explorer, read: Callable[[], tuple[Any, Any]]
    ) -> Change | None:
        try:
            hop_s, windows = read()
            request = replace(self.request(session), hop_s=hop_s, windows=windows)
            if request == self.request(session):
                return None
            explorer.plan_timeline(self._clip(session), request)
        except RequestError as error:
            raise TakenBackError(str(error)) from error
        changed = self._asking(session, request)
        return replace(changed, controls=_windows_held(request))

    def _asking(self, session: Session, request: TimelineRequest) -> Change:
        asked: TimelineQuestion = self.question(session)
        return Change(replace(asked, request=request))

    def scan(self, explorer: Explorer, session: Session) -> Iterator[Step]:
        """Name window after window."""
        clip, request = self._clip(session), self.request(session)
        drawn_s = -SHOWN_EVERY_S
        for view in explorer.timeline_of(clip, request):
            now_s = time.monotonic()
            if view.done == 1 or now_s - drawn_s >= SHOWN_EVERY_S:
                drawn_s = now_s
                left = explorer.plan_timeline(clip, request)
                yield _step(view, left, running=view.done < 1)

    def stopped(self, session: Session, explorer: Explorer) -> Step | None:
        """Show what was scanned by then, and what is left."""
        clip, request = self._clip(session), self.request(session)
        view = explorer.known_timeline(clip, request)
        if view is None:
            return None
        return _step(view, explorer.plan_timeline(clip, request), running=False)

    def costs(self, session: Session, explorer: Explorer) -> Mapping[str, str]:
        """Say how many windows there are to scan, and how long that takes."""
        if not explorer.recogniser.card.label_count:
            return {}
        try:
            plan = explorer.plan_timeline(self._clip(session), self.request(session))
        except RequestError:  # the clip has no windows
            return {}
        return {SCAN_HERE: cost(plan, "window")} if plan.left else {}

    def request(self, session: Session) -> TimelineRequest:
        """Return what is asked."""
        asked: TimelineQuestion = self.question(session)
        return asked.request

    def key(self, session: Session) -> Any:
        """Return what is asked."""
        return self.request(session)

    def meet(self, session: Session, changed: str, explorer: Explorer) -> TimelineQuestion:
        """Forget the label with its clip or weights, and with the clip its windows."""
        request = self.request(session)
        if changed != "frames":
            request = replace(request, label=None)
        if changed == "clip":
            request = DEFAULT_TIMELINE
        return TimelineQuestion(request, recogniser_labels(explorer))

    def met(self, session: Session, loads: bool) -> Mapping[str, Any]:
        """Empty the fields of what is forgotten; other weights know other labels."""
        asked: TimelineQuestion = self.question(session)
        label = label_fields(asked.labels, {"label": asked.request.label}, loads)
        return label | _windows_held(asked.request)

    def address(self, session: Session) -> Mapping[str, str]:
        """Write down what is not the usual."""
        asked = self.request(session)
        query = {self.label_name: asked.label} if asked.label else {}
        if asked.hop_s is not None:
            query["hop"] = f"{asked.hop_s:g}"
        if asked.windows is not None:
            query["windows"] = str(asked.windows)
        return query

    def read(self, session: Session, given: Mapping[str, str]) -> TimelineQuestion:
        """Take the label, and the windows."""
        asked: TimelineQuestion = self.question(session)
        request = TimelineRequest(
            read_number(given.get("hop")),
            read_count(given.get("windows")),
            known_label(asked.labels, given.get(self.label_name)),
        )
        return replace(asked, request=request)

    def controls(self, session: Session) -> Mapping[str, Any]:
        """Return the label, and which windows there are."""
        asked = self.request(session)
        return {"label": asked.label} | _windows_held(asked)

    def show(self, explorer: Explorer, session: Session, save: SaveBytes) -> Showing:
        """Show what was scanned; scan what is missing if that is soon done."""
        del save
        assert session.base is not None
        base = replace(session.base, hint=HINT)
        if not explorer.recogniser.card.label_count:
            return Showing([panel.note(NO_LABELS)], session.base)
        clip, request = self._clip(session), self.request(session)
        try:
            plan = explorer.plan_timeline(clip, request)
        except RequestError as error:
            return Showing([panel.note(str(error))], session.base)
        view = explorer.known_timeline(clip, request)
        if plan.left and plan.takes_s is not None and plan.takes_s <= AT_ONCE_S:
            *_, view = explorer.timeline_of(clip, request)
            plan = explorer.plan_timeline(clip, request)
        if view is None:
            begin = panel.act(BEGIN, SCAN, cost(plan, "window"))
            told = panel.sentence(NOT_YET)
            return Showing([told, begin], base)
        step = _step(view, plan, running=False)
        return Showing(step.panel, base, band=step.band)

    def write(self, explorer: Explorer, session: Session, folder: Path) -> list[Path]:
        """Write what was scanned."""
        view = explorer.known_timeline(self._clip(session), self.request(session))
        if view is None:
            raise RequestError(NOTHING_DONE)
        return view.save(folder)

    def code(self, session: Session) -> Code:
        """Print what happens when, once that was asked."""
        if self.name not in session.answered:
            return Code((), "")
        moved = session.clip is not None and session.clip.start_s is not None
        request = self.request(session)
        given = (
            None if request == DEFAULT_TIMELINE else call_with_changed(request, DEFAULT_TIMELINE)
        )
        asked = call(
            "explorer.timeline_of", "replace(clip, start_s=None)" if moved else "clip", given
        )
        lines = f"""\
if explorer.recogniser.card.label_count:
    *_, timeline = {asked}
    print(*timeline.sentences(), sep="\\n")
"""
        if moved:
            lines = f"from dataclasses import replace\n\n{lines}"
        return Code(names_in(lines), lines)

    def endpoint(self) -> Endpoint:
        """Offer ``/timeline``."""

        def timeline(
            explorer: Explorer,
            clip: ClipRequest,
            hop: float | None,
            windows: float | None,
            label: str,
        ) -> TimelineView:
            request = TimelineRequest(hop, read_count(windows), label or None)
            *_, view = explorer.timeline_of(clip, request)
            return view

        parameters = [
            Argument(
                "hop",
                "Seconds from the beginning of one window to that of the next; null for half a "
                "window.",
                None,
                {"type": ["number", "null"], "exclusiveMinimum": 0},
                0.5,
            ),
            Argument(
                "windows",
                "How many windows over the clip, instead of a hop; null for as many as the hop "
                "makes.",
                None,
                {"type": ["integer", "null"], "minimum": 1},
            ),
            text("label", "A label whose probability is given for each window; empty for none."),
        ]
        summary = (
            "Say what happens when: name window after window of a whole clip, which may be long, "
            "and put those together that say the same: a pass for each window."
        )
        return Endpoint("timeline", summary, parameters, timeline)

    def _clip(self, session: Session) -> ClipRequest:
        """Return the whole clip: windows begin where they begin."""
        clip = self.about(session)
        assert clip is not None
        return clip


def _step(view: TimelineView, plan: Plan, *, running: bool) -> Step:
    """Show how far a scan has come, and what is left of it."""
    left = cost(plan, "window") if plan.left else ""
    blocks = timeline_panel(view)
    if left and not running:
        blocks.append(panel.act(GO_ON, SCAN, left))
    return Step(blocks, SCANNING, view.done, make_band(view, left, running))


def timeline_panel(view: TimelineView) -> list[panel.Block]:
    """Say what happens when, and draw it."""
    said = view.about_stretches() if view.done == 1 else view.sentences()
    return [
        panel.lead(view.headline()),
        *([panel.sentence(NEAREST)] if view.is_foreign else []),
        make_chart(view),
        *map(panel.small, said),
        *map(panel.note, view.checkpoint.notes),
    ]


def read_number(given: Any) -> Any:
    """Return the number in a field, or the text if it is none; None if the field is empty."""
    return plain_number(str(given)) if str(given or "").strip() else None


def read_count(given: Any) -> int | None:
    """Return the number of windows in a field; None if it is empty."""
    count = read_number(given)
    return None if count is None else whole(count, "number of windows")


def _windows_held(request: TimelineRequest) -> dict[str, str]:
    """Return what the fields for the windows hold."""
    return {
        "hop": "" if request.hop_s is None else f"{request.hop_s:g}",
        "windows": "" if request.windows is None else str(request.windows),
    }
