"""The lens Tokens: to which token all are compared, after which layer, and whose encoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from videomae_demo.lenses.tokens import (
    DEFAULT_TOKENS,
    HALVES,
    NEAREST,
    TokensRequest,
    TokensView,
)
from videomae_demo.ui.controls import plain_number, whole
from videomae_demo.ui.gradio_edge.slider import Slider
from videomae_demo.ui.lenses.argument import Argument, choice, switch, token_place
from videomae_demo.ui.lenses.lens import (
    Change,
    Code,
    Endpoint,
    PageLens,
    Parts,
    Showing,
    Wires,
    call_with_changed,
    make_pane,
    setting,
)
from videomae_demo.ui.panel import panel
from videomae_demo.ui.token_player.sprites import SaveBytes, sprite
from videomae_demo.ui.token_player.value import Pane, View, signed_scores

if TYPE_CHECKING:
    from videomae_demo.engine.clips import ClipRequest
    from videomae_demo.explorer import Explorer
    from videomae_demo.ui.session import Session

HINT = (
    "Choose a token: orange tokens are like it, blue ones unlike. Tokens of one colour are alike; "
    "a blank clip shows what position alone gives."
)


@dataclass(frozen=True, slots=True)
class TokensQuestion:
    """What is asked of the tokens; to which one they are compared, the session's token says.

    `layers` counts those of its encoder; none before the first clip.
    """

    request: TokensRequest = DEFAULT_TOKENS
    layers: int = 0


class Tokens(PageLens):
    """Which tokens are alike."""

    name = "tokens"
    title = "Tokens"
    doing = "Comparing tokens"
    content = "cosines and colours as NPZ, pictures as mp4, filmstrip as PNG"
    usual = TokensQuestion()
    panel_id = "tokens"
    is_quick = True
    is_kept = True

    def build(self) -> Parts:
        """Place the layer, the encoder and what is left out."""
        layer = Slider(0, 12, 12, step=1, label="After layer", elem_id="tokens-layer")
        half = gr.Radio(list(HALVES), value=HALVES[0], label="Whose encoder", elem_id="tokens-half")
        near = gr.Checkbox(
            False, label="Leave out the tokens that touch the chosen one", elem_id="tokens-near"
        )
        return Parts({"layer": layer, "half": half, "skip_near": near})

    def wire(self, parts: Parts, wires: Wires) -> None:
        """Compare anew for each setting."""
        for name, control in parts.controls.items():
            quick = name == "skip_near"
            wires.asks(
                setting(control), partial(self.set, name), [control], control.elem_id, quick=quick
            )

    def set(self, name: str, session: Session, explorer: Explorer, value: Any) -> Change:
        """Compare after another layer, by the other encoder, or without what is near."""
        asked: TokensQuestion = self.question(session)
        now: dict[str, Any] = {name: value}
        layers = asked.layers
        if name == "half":
            request = replace(asked.request, half=value, layer=None)
            layers = _layers(explorer, request.half)
            question = TokensQuestion(request, layers)
            return Change(question, {"layer": _slider(question)})
        if name == "layer":
            layer = whole(value, "layer")
            now = {"layer": None if layer == layers else layer}
        return Change(replace(asked, request=replace(asked.request, **now)))

    def request(self, session: Session) -> TokensRequest:
        """Return what is asked, of the chosen token."""
        asked: TokensQuestion = self.question(session)
        return replace(asked.request, query=session.token)

    def key(self, session: Session) -> Any:
        """Return what is asked, and of which token."""
        return self.request(session)

    def meet(self, session: Session, changed: str, explorer: Explorer) -> TokensQuestion:
        """Begin with the last layer of other weights' recogniser."""
        asked: TokensQuestion = self.question(session)
        request = asked.request
        if changed == "weights" or not asked.layers:
            request = TokensRequest(skip_near=request.skip_near)
            return TokensQuestion(request, _layers(explorer, request.half))
        return asked

    def met(self, session: Session, loads: bool) -> Mapping[str, Any]:
        """Let the slider go as far as the weights have layers."""
        return self.controls(session) if loads else {}

    def address(self, session: Session) -> Mapping[str, str]:
        """Write down what is not the usual."""
        asked: TokensRequest = self.question(session).request
        query = {}
        if asked.layer is not None:
            query["after"] = str(asked.layer)
        if asked.half != HALVES[0]:
            query["encoder"] = asked.half
        if asked.skip_near:
            query["skip_near"] = "1"
        return query

    def read(self, session: Session, given: Mapping[str, str]) -> TokensQuestion:
        """Take the layer and the encoder."""
        asked: TokensQuestion = self.question(session)
        half: Any = given.get("encoder", HALVES[0])
        layer = whole(plain_number(given["after"]), "layer") if "after" in given else None
        request = TokensRequest(layer=layer, half=half, skip_near="skip_near" in given)
        return replace(asked, request=request)

    def controls(self, session: Session) -> Mapping[str, Any]:
        """Return the settings."""
        asked: TokensQuestion = self.question(session)
        if not asked.layers:  # no clip was explored, so nothing was set
            return {}
        request = asked.request
        held = {"half": request.half, "skip_near": request.skip_near}
        return held | {"layer": _slider(asked)}

    def show(self, explorer: Explorer, session: Session, save: SaveBytes) -> Showing:
        """Compare the tokens, and draw them as colours."""
        assert session.clip is not None and session.base is not None
        asked: TokensQuestion = self.question(session)
        request = self.request(session)
        layers = _layers(explorer, request.half)
        grid = getattr(explorer, request.half).card.grid.shape
        if request.layer is not None and request.layer > layers:  # of an old address
            request = replace(request, layer=None)
        if request.query is not None:
            inside = all(at < size for at, size in zip(request.query, grid, strict=True))
            request = replace(request, query=request.query if inside else None)
        view = explorer.tokens(session.clip, request)
        question = TokensQuestion(replace(request, query=None), layers)
        held = {} if layers == asked.layers else {"layer": _slider(question)}
        chooses = session.base.panes[0].grid == grid
        shown = tokens_view(view, session.base.panes[0], chooses, save)
        return Showing(tokens_panel(view), shown, question, held)

    def write(self, explorer: Explorer, session: Session, folder: Path) -> list[Path]:
        """Write the cosines, the colours and their pictures."""
        assert session.clip is not None
        return explorer.tokens(session.clip, self.request(session)).save(folder)

    def code(self, session: Session) -> Code:
        """Print what is alike."""
        request = call_with_changed(self.request(session), DEFAULT_TOKENS)
        return Code(
            ("TokensRequest",),
            f"""\
print(*explorer.tokens(clip, {request}).sentences(), sep="\\n")
""",
        )

    def endpoint(self) -> Endpoint:
        """Offer ``/tokens``."""

        def tokens(
            explorer: Explorer,
            clip: ClipRequest,
            query: Any,
            layer: Any,
            half: Any,
            skip_near: bool,
        ) -> TokensView:
            after = None if layer is None else whole(layer, "layer")
            return explorer.tokens(clip, TokensRequest(query or None, after, half, skip_near))

        parameters = [
            token_place("The token to which all are compared", none="the middle one"),
            Argument(
                "layer",
                "After which layer, counted from 1; 0 for the embedded patches; null for the last.",
                None,
                {"type": ["integer", "null"], "minimum": 0},
            ),
            choice("half", "Whose encoder.", HALVES),
            switch("skip_near", "Leave out the tokens that touch the chosen one."),
        ]
        summary = (
            "Say which tokens of a clip are alike: to a chosen one, and in groups, beside those of "
            "a blank clip."
        )
        return Endpoint("tokens", summary, parameters, tokens)


def tokens_panel(view: TokensView) -> list[panel.Block]:
    """Say what is alike, and how much of it is position."""
    return [
        panel.lead(f"{view.where()}."),
        panel.sentence(view.about_query()),
        panel.sentence(view.about_groups()),
        panel.sentence(view.about_blank()),
        panel.small(view.about_track()),
        *(panel.note(note) for note in (*view.clip.remarks, *view.checkpoint.notes)),
    ]


def tokens_view(view: TokensView, clip: Pane, chooses: bool, save: SaveBytes) -> View:
    """Draw the cosines over the clip, the tokens as colours, and the nearest of each moment."""
    card, seen = view.checkpoint, view.clip
    track = clip.tracks[0] if chooses else sprite("clip", "the clip", seen.frames, save)
    groups = sprite("groups", "tokens as colours", view.as_frames(view.groups), save)
    blank = sprite("blank", "of a blank clip", view.as_frames(view.blank), save)
    alike = signed_scores(view.cosines, view.scale, smooth=False)
    nearest = signed_scores(view.followed, view.scale, smooth=False)
    return View(
        title="Which tokens are alike",
        panes=(
            make_pane(seen, card, track, title="likeness", scores=alike),
            make_pane(seen, card, groups),
            make_pane(seen, card, track, title=f"the {NEAREST} nearest", scores=nearest),
            make_pane(seen, card, blank),
        ),
        hint=HINT,
        text=" ".join(view.sentences()),
        chooses=chooses,
    )


def _layers(explorer: Explorer, half: str) -> int:
    """Return how many layers an encoder has."""
    count: int = getattr(explorer, half).model.config.num_hidden_layers
    return count


def _slider(asked: TokensQuestion) -> Any:
    layer = asked.layers if asked.request.layer is None else asked.request.layer
    return gr.update(maximum=asked.layers, value=layer)
