"""The lens Attend: how attention is rolled out, and from where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from videomae_demo.analysis.settings import DEFAULT_ROLLOUT, HEAD_FUSIONS, Head, RolloutSettings
from videomae_demo.errors import RequestError
from videomae_demo.given import number
from videomae_demo.lenses.attend import RolloutView
from videomae_demo.ui.controls import LABELS, field_name, plain_number, token, whole
from videomae_demo.ui.gradio_edge.slider import Slider
from videomae_demo.ui.lenses.argument import choice, fraction, text, token_place, whole_number
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
    call_with_changed,
    names_in,
    setting,
)
from videomae_demo.ui.lenses.trial import trial_button, trial_steps
from videomae_demo.ui.panel import panel
from videomae_demo.ui.token_player.sprites import SaveBytes
from videomae_demo.ui.token_player.value import Curve, Pane, View, scores_on

if TYPE_CHECKING:
    from videomae_demo.engine.clips import ClipRequest
    from videomae_demo.explorer import Explorer
    from videomae_demo.ui.session import Session

ALL_HEADS = "all, fused"
HINT = "Point at a token for its value. Choose one to see where it looks."


@dataclass(frozen=True, slots=True)
class RolloutQuestion:
    """How attention is rolled out; from where, the session's token says.

    `layers` and `heads` are how many layers the recogniser has, and heads in each; 0 before the
    first clip.
    """

    settings: RolloutSettings = DEFAULT_ROLLOUT
    layers: int = 0
    heads: int = 0

    def all(self) -> Iterator[Head]:
        """Yield all heads, layer by layer."""
        for layer in range(1, self.layers + 1):
            yield from (Head(layer, number) for number in range(1, self.heads + 1))


class Attend(PageLens):
    """Where and when the model looked."""

    name = "attend"
    title = "Attend"
    doing = "Following attention"
    content = "rollout as NPZ, heatmap as mp4, filmstrip and curve as PNG"
    usual = RolloutQuestion()
    panel_id = "attention"
    is_quick = True
    is_kept = True

    def build(self) -> Parts:
        """Place the rollout's settings."""
        with gr.Row():
            first, last = LABELS["first_layer"], LABELS["last_layer"]
            first_layer = Slider(1, 12, 1, step=1, label=first, elem_id="first-layer")
            last_layer = Slider(1, 12, 12, step=1, label=last, elem_id="last-layer")
        matters = trial_button("attend-test")
        with gr.Accordion("More", open=False):
            fusion = gr.Radio(
                list(HEAD_FUSIONS),
                value="mean",
                label="Heads fused by",
                info="For each pair of tokens: the heads' average, the head that looks most, or "
                "least.",
                elem_id="fusion",
            )
            discard = Slider(
                0,
                0.95,
                0,
                step=0.05,
                label=LABELS["discard"],
                info="Sharpens the picture; what is thrown away was attention too.",
                elem_id="discard",
            )
            head = gr.Dropdown(
                [(ALL_HEADS, "")],
                value="",
                label="Heads followed",
                info="One alone in its layer; the other layers stay as they are.",
                elem_id="rollout-head",
            )
        return Parts(
            {
                "fusion": fusion,
                "discard": discard,
                "first_layer": first_layer,
                "last_layer": last_layer,
                "head": head,
            },
            {"matters": matters},
        )

    def wire(self, parts: Parts, wires: Wires) -> None:
        """Roll attention out anew for each setting; the first layer never lies above the last."""
        controls = list(parts.controls.values())
        for control in controls:
            event = setting(control)
            wires.asks(event, self.set_rollout, controls, control.elem_id, quick=True)
        matters = parts.others["matters"]
        wires.works(matters.click, self.test, matters.elem_id)
        first, last = parts.controls["first_layer"], parts.controls["last_layer"]
        first.input(None, [first, last], last, js="(first, last) => Math.max(first, last)")
        last.input(None, [first, last], first, js="(first, last) => Math.min(first, last)")

    def set_rollout(
        self,
        session: Session,
        explorer: Explorer,
        fusion: Any,
        discard: Any,
        first_layer: Any,
        last_layer: Any,
        head: Any = "",
    ) -> Change:
        """Change how attention is rolled out; no pass of the model."""
        count = layer_count(explorer)
        heads = self.question(session).heads
        last = whole(last_layer, field_name("last_layer"))
        settings = RolloutSettings(
            fusion,
            number(discard, field_name("discard")),
            whole(first_layer, field_name("first_layer")),
            None if last >= count else last,
            head=Head.parse(head) if head else None,
        )
        try:
            settings.layers(count)
        except RequestError as error:
            raise TakenBackError(str(error)) from error
        return Change(RolloutQuestion(settings, count, heads))

    def test(self, explorer: Explorer, session: Session) -> Iterator[Step]:
        """Hide tokens in the order of the rollout."""
        assert session.clip is not None
        settings = self.settings(session)
        below = rollout_panel(explorer.attend(session.clip, settings))
        yield from trial_steps(
            self.name, [], below, explorer.test_attention(session.clip, settings)
        )

    def key(self, session: Session) -> Any:
        """Return the settings, and where the rollout starts."""
        return self.settings(session)

    def settings(self, session: Session) -> RolloutSettings:
        """Return how attention is rolled out, from the chosen token or from the head."""
        asked: RolloutQuestion = self.question(session)
        return replace(asked.settings, query=session.token)

    def meet(self, session: Session, changed: str, explorer: Explorer) -> RolloutQuestion:
        """Take all layers of other weights."""
        settings = self.question(session).settings
        if changed == "weights":
            settings = replace(settings, first_layer=1, last_layer=None, head=None)
        heads = explorer.recogniser.model.config.num_attention_heads
        return RolloutQuestion(settings, layer_count(explorer), heads)

    def met(self, session: Session, loads: bool) -> Mapping[str, Any]:
        """Let the sliders go as far as the weights have layers."""
        return self._layers(self.question(session)) if loads else {}

    def address(self, session: Session) -> Mapping[str, str]:
        """Write the settings down that are not the usual ones."""
        now, usual = self.question(session).settings, DEFAULT_ROLLOUT
        query = {}
        if now.fusion != usual.fusion:
            query["fusion"] = str(now.fusion)
        if now.discard:
            query["discard"] = f"{now.discard:g}"
        if (now.first_layer, now.last_layer) != (usual.first_layer, usual.last_layer):
            query["layers"] = f"{now.first_layer}-{now.last_layer or ''}"
        if now.head is not None:
            query["alone"] = now.head.written
        return query

    def read(self, session: Session, given: Mapping[str, str]) -> RolloutQuestion:
        """Take the settings that fit the recogniser."""
        asked: RolloutQuestion = self.question(session)
        fusion: Any = plain_number(given.get("fusion", "mean"))
        first, _, last = given.get("layers", "1-").partition("-")
        settings = RolloutSettings(
            fusion if isinstance(fusion, str) else int(fusion),  # type: ignore[arg-type]
            number(plain_number(given.get("discard", "0")), "discard"),
            whole(plain_number(first), "first layer"),
            whole(plain_number(last), "last layer") if last else None,
            head=Head.parse(given["alone"]) if given.get("alone") else None,
        )
        settings.layers(asked.layers)
        return replace(asked, settings=settings)

    def controls(self, session: Session) -> Mapping[str, Any]:
        """Return the rollout's settings."""
        asked: RolloutQuestion = self.question(session)
        if not asked.layers:  # no clip was explored, so nothing was set
            return {}
        settings = asked.settings
        return {"fusion": settings.fusion, "discard": settings.discard} | self._layers(asked)

    def _layers(self, asked: RolloutQuestion) -> dict[str, Any]:
        count, settings = asked.layers, asked.settings
        return {
            "first_layer": gr.update(maximum=count, value=settings.first_layer),
            "last_layer": gr.update(maximum=count, value=settings.last_layer or count),
            "head": gr.update(
                choices=[(ALL_HEADS, ""), *((str(head), head.written) for head in asked.all())],
                value=settings.head.written if settings.head else "",
            ),
        }

    def show(self, explorer: Explorer, session: Session, save: SaveBytes) -> Showing:
        """Show the rollout over the clip's frames."""
        del save
        assert session.clip is not None and session.base is not None
        view = explorer.attend(session.clip, self.settings(session))
        return Showing(rollout_panel(view), rollout_view(view, session.base.panes[0]))

    def write(self, explorer: Explorer, session: Session, folder: Path) -> list[Path]:
        """Write the rollout."""
        assert session.clip is not None
        return explorer.attend(session.clip, self.settings(session)).save(folder)

    def code(self, session: Session) -> Code:
        """Print where attention is highest."""
        settings = call_with_changed(self.settings(session), DEFAULT_ROLLOUT)
        return Code(
            names_in(settings),
            f"""\
rollout = explorer.attend(clip, {settings}).rollout
print("highest", rollout.times_uniform.max().round(2), "x uniform of", rollout.scores.shape)
""",
        )

    def endpoint(self) -> Endpoint:
        """Offer ``/attend``."""

        def attend(
            explorer: Explorer,
            clip: ClipRequest,
            fusion: Any,
            discard: float,
            first_layer: float,
            last_layer: float,
            query: Any,
            head: str,
        ) -> RolloutView:
            settings = RolloutSettings(
                fusion,
                number(discard, "discard"),
                whole(first_layer, "first_layer"),
                whole(last_layer, "last_layer") or None,
                token(query or None),
                Head.parse(head) if head else None,
            )
            return explorer.attend(clip, settings)

        parameters = [
            choice("fusion", "How the heads of a layer become one.", HEAD_FUSIONS),
            fraction("discard", "The share of the weakest attention that is left out.", 0),
            whole_number("first_layer", "The first layer of the rollout, counted from 1.", 1),
            whole_number("last_layer", "The last layer of the rollout; 0 for the model's last.", 0),
            token_place("The token from which attention is followed"),
            text("head", "One head alone in its layer, as LAYER.NUMBER; empty for all, fused."),
        ]
        summary = (
            "Show where and when the recogniser looked, by attention rollout; `last_layer` 0 "
            "stands for the last."
        )
        return Endpoint("attend", summary, parameters, attend)


def rollout_view(view: RolloutView, clip: Pane) -> View:
    """Lay the rollout over the clip's pane."""
    scores = view.rollout.times_uniform
    time, row, column = view.peak
    time_s = float(view.clip.timestamps_s[time * view.checkpoint.tubelet_size])
    drawn = scores_on(scores, view.scale)
    over_time = tuple(view.rollout.over_time.tolist())
    return View(
        title="Where and when the model looked",
        panes=(replace(clip, scores=drawn),),
        hint=HINT,
        text=f"Attention rollout. Highest: {scores.max():.1f}x uniform, at {time_s:.2f} s, "
        f"row {row}, column {column}.",
        chooses=True,
        starts=True,
        curve=Curve("Attention over time; dashed: an even share", over_time, 1.0, "x"),
    )


def rollout_panel(view: RolloutView) -> list[panel.Block]:
    """Say what the picture of attention is, and what it is not."""
    scores = view.rollout.times_uniform
    over_time = view.rollout.over_time
    busiest = int(over_time.argmax())
    time_s = view.clip.timestamps_s[busiest * view.checkpoint.tubelet_size]
    return [
        panel.sentence(view.explanation()),
        panel.facts(
            [
                ("highest token", f"{scores.max():.1f}x uniform"),
                ("busiest moment", f"{time_s:.2f} s, {over_time[busiest]:.2f}x uniform"),
                ("tokens", " x ".join(str(size) for size in scores.shape) + " (time, row, column)"),
            ]
        ),
        *(panel.note(note) for note in view.checkpoint.notes),
    ]


def layer_count(explorer: Explorer) -> int:
    """Return how many layers the recogniser has."""
    return explorer.recogniser.model.config.num_hidden_layers
