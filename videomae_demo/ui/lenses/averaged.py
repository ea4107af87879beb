"""Several views in the lens Recognise: which ones, what each says, and how one is opened."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import gradio as gr

from videomae_demo.errors import RequestError
from videomae_demo.lenses.recognise import probability
from videomae_demo.ui.panel import panel
from videomae_demo.ui.text import cost
from videomae_demo.video.views import Views

if TYPE_CHECKING:
    from videomae_demo.engine.clips import ClipRequest
    from videomae_demo.engine.viewing import View
    from videomae_demo.lenses.plan import Plan
    from videomae_demo.lenses.recognise import LabelsView
    from videomae_demo.ui.session import Session

AVERAGE, OPEN_VIEW = "videomae-average", "videomae-open-view"
"""The mailboxes that are told to run the views, and which one to open."""
AVERAGING = "Averaging views"
AT_ONCE_S = 3.0
"""If all views take no longer, nobody has to ask for them."""
CHOICES = [
    ("one: the window in the player", ""),
    ("5 x 3, as published figures of Kinetics", "5x3"),
    ("2 x 3, as those of Something-Something", "2x3"),
]
CROPS = ("left", "right", "crop")
"""Changes of a clip that choose a square of its frames, as views do themselves."""
ONLY_HERE = "Their frames are spread over the clip, so they can't be opened one by one."
OPENS = "Choose one, and all lenses see it."


def views_field() -> gr.Dropdown:
    """Place the choice of views."""
    return gr.Dropdown(
        CHOICES,
        value="",
        label="Average over views",
        info="Windows x crops; or write your own, for instance 10x1.",
        allow_custom_value=True,
        elem_id="views",
    )


def read_views(given: Any) -> Views | None:
    """Return the views in a field or an address; None if it is empty.

    Raises
    ------
    RequestError
        When it makes no sense.
    """
    return Views.parse(str(given)) if given else None


def clip_for_views(session: Session) -> ClipRequest:
    """Return the clip whose views are taken: with no window, and no crop, of its own."""
    clip = session.clip
    assert clip is not None
    is_crop = clip.change is not None and clip.change.kind in CROPS
    return replace(clip, start_s=None, change=None if is_crop else clip.change)


def asks_for_views(plan: Plan) -> list[panel.Block]:
    """Return the button that runs what is left of the views."""
    if not plan.left:
        return []
    said = "Average over the views" if plan.left == plan.count else "Go on averaging"
    return [panel.act(said, AVERAGE, cost(plan, "view"))]


def views_blocks(view: LabelsView, session: Session) -> list[panel.Block]:
    """List each view that is done; the one that the player shows is marked."""
    found = view.views
    assert found is not None
    can_open = all(_can_open(one) for one, _ in found.each)
    rows, shown = [], ""
    for one, label in found.each:
        best = label.top(1)[0]
        if can_open and one.request == session.clip:
            shown = name_of(one)
        rows.append(
            panel.ChangeRow(
                name_of(one),
                _title(one),
                best.probability,
                probability(best.probability),
                "",
                best.label,
            )
        )
    table = panel.changes("Each view", rows, shown, OPEN_VIEW if can_open else "", ("", "label"))
    return [table, panel.small(OPENS if can_open else ONLY_HERE)]


def name_of(view: View) -> str:
    """Name a view for the page's scripts."""
    return f"{view.window}.{view.crop}"


def view_named(view: LabelsView | None, name: Any) -> ClipRequest:
    """Return the request that opens a view.

    Raises
    ------
    RequestError
        When there is no such view, or it can't be opened.
    """
    each = [] if view is None or view.views is None else view.views.each
    for one, _ in each:
        if name_of(one) == name and _can_open(one):
            return one.request
    raise RequestError(f"There is no view {name!r} to open; choose one of the list.")


def _can_open(view: View) -> bool:
    """Tell whether the page's own controls can choose the frames of a view."""
    rule = view.request.sampling
    return rule is None or rule.kind != "uniform" or view.request.sampling == type(rule).uniform()


def _title(view: View) -> str:
    at = "" if view.request.start_s is None else f", {view.request.start_s:.1f} s"
    crop = "" if view.request.change is None else f", crop {view.crop}"
    return f"window {view.window}{at}{crop}"
