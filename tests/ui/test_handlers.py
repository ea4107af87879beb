"""The handlers with an Explorer that only pretends: what is asked of it, in which order, and what
the page is told."""

import base64
import contextlib
import json
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from asgi_request import run_alone
from asking import (
    RECONSTRUCT,
    MadeShelf,
    by_hand,
    controls_of,
    explored,
    label_of,
    last,
    look_up,
    mask_of,
    paint,
    panel_of,
    set_mask,
    set_rollout,
    settings_of,
)

from videomae_demo import pool as pools
from videomae_demo.analysis.classification import Classification
from videomae_demo.analysis.features import PrincipalColours
from videomae_demo.analysis.heads import HeadEffects
from videomae_demo.analysis.methods import Target
from videomae_demo.analysis.reconstruction import Picture, Reconstruction
from videomae_demo.analysis.relevance import Relevance
from videomae_demo.analysis.rollout import Rollout
from videomae_demo.checkpoints.download import DownloadProgress
from videomae_demo.config import TokenGrid
from videomae_demo.engine.clips import ClipRequest, Overview, SeenClip
from videomae_demo.engine.roles import CheckpointCard
from videomae_demo.errors import CheckpointError, RequestError, VideoError
from videomae_demo.explorer import RolloutSettings
from videomae_demo.lenses.attend import RolloutView
from videomae_demo.lenses.explain import RelevanceView
from videomae_demo.lenses.heads import HeadsView
from videomae_demo.lenses.masks import MaskRequest
from videomae_demo.lenses.recognise import LabelsView
from videomae_demo.lenses.reconstruct import ReconstructionView
from videomae_demo.lenses.tokens import TokensView
from videomae_demo.lenses.what_if import WhatIfView
from videomae_demo.limits import Limits
from videomae_demo.model.processor import CropBox
from videomae_demo.pool import HALVES, ExplorerPool, Offer
from videomae_demo.shipped import example_clip
from videomae_demo.ui import app, outputs, text
from videomae_demo.ui.controls import FRAMES, OWN, SECONDS, UNIFORM, Sampling
from videomae_demo.ui.examples import Example, find_examples
from videomae_demo.ui.gradio_edge.edge import Edge
from videomae_demo.ui.gradio_edge.kept import NoRoomError
from videomae_demo.ui.handlers import Handlers
from videomae_demo.ui.lenses.attend import RolloutQuestion
from videomae_demo.ui.lenses.mask_fields import MaskQuestion
from videomae_demo.ui.lenses.registry import LENSES
from videomae_demo.ui.page import Page, Unchanged
from videomae_demo.ui.pages.explore import PageBuilder
from videomae_demo.ui.pages.layout import Layout
from videomae_demo.ui.session import Session
from videomae_demo.ui.snippet import view_in_python
from videomae_demo.ui.token_player.value import Shown
from videomae_demo.video.changes import ClipChange
from videomae_demo.video.sampling import SamplingRule

GRID = TokenGrid(2, 3, 3)
LABELS = ("<b>left</b>", "right", "still")


def card(name: str, labels: int = 3) -> CheckpointCard:
    return CheckpointCard(
        name, name, "MIT", GRID, 2, (24, 24), SamplingRule.stride(0.1), labels, ("A note.",)
    )


class FakeExplorer:
    """Answers at once, and remembers what it was asked."""

    def __init__(self, labels: int = 3) -> None:
        self.asked: list[tuple] = []
        config = SimpleNamespace(
            num_hidden_layers=4, num_attention_heads=3, id2label=dict(enumerate(LABELS))
        )
        self.recogniser = SimpleNamespace(
            card=card("recogniser", labels), model=SimpleNamespace(config=config)
        )
        self.reconstructor = SimpleNamespace(
            card=card("reconstructor"), model=SimpleNamespace(config=config)
        )
        self.device = "cpu"
        self.seconds = {}
        self.failure: Exception | None = None

    def see(self, request):
        self.asked.append(("see", request))
        if request.path.name == "broken.mp4":
            raise VideoError("broken.mp4 is no clip.")
        frames = np.zeros((4, 24, 24, 3), np.uint8)
        return SeenClip(
            request.path,
            frames,
            np.arange(4),
            np.arange(4) / 10,
            0,
            CropBox(8, 0, 24, 24),
            (24, 40),
            1.0,
            ("Seen.",),
        )

    def as_given(self, request):
        return np.zeros((4, 24, 24, 3), np.uint8)

    def overview(self, request):
        return Overview(np.zeros((1, 24, 24, 3), np.uint8), np.zeros(1))

    def plan_timeline(self, request, asked):
        raise RequestError("The clip has no windows.")

    def classify(self, request, hidden=None):
        self.asked.append(("classify", request))
        result = Classification(LABELS, np.log([0.5, 0.3, 0.2]), np.array([0.5, 0.3, 0.2]))
        return LabelsView(self.recogniser.card, self.see(request), result)

    def attend(self, request, settings):
        self.asked.append(("attend", settings))
        scores = (np.arange(1, 19, dtype=float) ** 2).reshape(GRID.shape)
        return RolloutView(
            self.recogniser.card, self.see(request), Rollout(scores / scores.sum(), settings), "it"
        )

    def explain(self, request, asked):
        self.asked.append(("explain", asked))
        found = Classification(LABELS, np.log([0.5, 0.3, 0.2]), np.array([0.5, 0.3, 0.2]))
        scores = np.arange(18, dtype=np.float32).reshape(GRID.shape)
        relevance = Relevance(asked.method, Target(0), scores, found.logits.astype("f4"), None)
        seen = self.see(request)
        return RelevanceView(self.recogniser.card, seen, asked, relevance, found, found)

    def heads(self, request, asked):
        self.asked.append(("heads", asked))
        found = Classification(LABELS, np.log([0.5, 0.3, 0.2]), np.array([0.5, 0.3, 0.2]))
        reads = np.full((4, 3, *GRID.shape), 1 / 18, np.float32)
        effects = HeadEffects(Target(0), reads, reads, found.logits.astype("f4"), asked.query)
        seen = self.see(request)
        return HeadsView(self.recogniser.card, seen, asked, effects, found, found, "it")

    def other_weights(self):
        return [("Tested", "tested")]

    def tokens(self, request, asked):
        self.asked.append(("tokens", asked))
        shape = GRID.shape
        colours = PrincipalColours(np.full((*shape, 3), 0.5, np.float32), (0.5, 0.3, 0.2))
        return TokensView(
            self.recogniser.card,
            self.see(request),
            asked,
            (0, 0, 0),
            4,
            4,
            np.zeros(shape, np.float32),
            np.zeros(shape, np.bool_),
            colours,
            colours,
            0.5,
        )

    def probe_one(self, request, asked):
        self.asked.append(("what_if", asked))
        seen = self.see(request)
        logits = np.log([0.5, 0.3, 0.2]).astype("f4")
        card = self.recogniser.card
        return WhatIfView(card, seen, LABELS, 0, logits, (), (), {}, asked.shown, seen)

    def probe(self, request, asked):
        yield self.probe_one(request, asked)

    def known_sweep(self, request, kind):
        return None

    def reconstruct(self, request, mask):
        self.asked.append(("reconstruct", mask))
        if self.failure is not None:
            raise self.failure
        hidden = np.zeros(GRID.shape, np.bool_)
        hidden[:, 0] = True
        frames = np.full((4, 24, 24, 3), 0.5, np.float32)
        error = np.where(hidden, 0.04, np.nan).astype(np.float32)
        result = Reconstruction(
            hidden,
            frames,
            Picture("prediction", frames, 14.0, False),
            (Picture("visible-mean", frames, np.inf, False),),
            None,
            error,
            0.04,
        )
        view = replace(mask, ratio=mask.ratio or 0.75)
        return ReconstructionView(self.reconstructor.card, self.see(request), view, result)

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.asked if kind != "see"]


class FakeDownload:
    """Two steps of one file, and how it was left."""

    def __init__(self) -> None:
        self.state = "not begun"

    def __enter__(self):
        self.state = "running"
        return self

    def __exit__(self, *_):
        self.state = "left"

    def __iter__(self):
        yield DownloadProgress("someone/own", 0, 0)
        yield DownloadProgress("someone/own", 120_000_000, 346_000_000)
        yield DownloadProgress("base", 1_500_000, 3_000_000)


class FakePool(ExplorerPool):
    def __init__(self, explorer: FakeExplorer) -> None:
        super().__init__("tested", make=lambda weights, reconstructor: explorer)
        self.missing: tuple[str, ...] = ()
        self.coming = FakeDownload()

    def absent(self, name, halves=HALVES):
        return self.missing if "recogniser" in halves else ()

    def download(self, checkpoints):
        assert checkpoints == self.missing
        return self.coming

    def offers(self):
        return [
            Offer("tested", "Tested", True, 0, "MIT", ""),
            Offer("large", "Large", False, 1500, "MIT", "It is large."),
        ]


@pytest.fixture
def explorer() -> FakeExplorer:
    return FakeExplorer()


@pytest.fixture
def made(tmp_path, explorer) -> Handlers:
    def save(content: bytes, name: str) -> str:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}-{name}"
        path.write_bytes(content)
        return str(path)

    examples = (Example(tmp_path / "first.mp4", "first"), Example(tmp_path / "b.mp4", "second"))
    return Handlers(FakePool(explorer), LENSES, MadeShelf(*examples), save)


def words(blocks) -> str:
    return json.dumps(blocks)


def test_opening_explores_the_first_example_stage_by_stage(made, explorer):
    pages = list(made.open(Session("tested")))
    stages = [page.status[0] for page in pages if isinstance(page.status, list) and page.status]
    assert [stage["done"] for stage in stages] == [0, 1, 2]
    assert last(pages, "status") == []
    assert explorer.kinds() == ["classify"]
    session = last(pages, "session")
    assert session.clip.path.name == "first.mp4"
    assert list(session.player.lenses) == ["recognise"]
    assert controls_of(pages, "recognise")["label"]["choices"] == sorted(LABELS)
    assert controls_of(pages, "attend")["last_layer"]["maximum"] == 4


def test_a_lens_is_asked_when_it_is_opened_and_no_second_time(made, explorer):
    session = last(list(made.open(Session("tested"))), "session")
    explorer.asked.clear()
    for lens in ("attend", "reconstruct", "attend", "recognise", "reconstruct"):
        session = last(list(made.open_lens(session, lens)), "session")
        assert session.lens == lens
    assert explorer.kinds() == ["attend", "reconstruct"]
    assert set(session.player.lenses) == {"recognise", "attend", "reconstruct"}
    with pytest.raises(RequestError, match="no lens 'rest'; there are recognise, attend"):
        list(made.open_lens(session, "rest"))


def test_another_clip_is_shown_to_the_open_lens_alone(made, explorer):
    session = explored(made, "reconstruct")
    explorer.asked.clear()
    pages = list(made.pick(session, "b"))
    assert explorer.kinds() == ["reconstruct"]
    assert panel_of(pages, "recognise") == [] == panel_of(pages, "attend")
    session = last(pages, "session")
    assert list(session.player.lenses) == ["reconstruct"]
    session = last(list(made.open_lens(session, "recognise")), "session")
    assert explorer.kinds() == ["reconstruct", "classify"]


def test_a_token_is_asked_of_a_lens_that_starts_from_it_once_that_is_open(made, explorer):
    session = explored(made)
    explorer.asked.clear()
    session = last(list(made.choose(session, [1, 2, 0])), "session")
    assert session.player.chosen == (1, 2, 0) and explorer.kinds() == []
    session = last(list(made.open_lens(session, "attend")), "session")
    assert explorer.kinds() == ["attend"]
    assert explorer.asked[0] == ("attend", RolloutSettings(query=(1, 2, 0)))


def test_a_lens_may_be_opened_before_there_is_a_clip(made, explorer):
    session = last(list(made.open_lens(Session("tested"), "attend")), "session")
    assert explorer.asked == []
    list(made.pick(session, "first"))
    assert explorer.kinds() == ["attend"]


@pytest.mark.parametrize("token", ["2,0,0", "0,3,0", "0,0,3", "-1,0,0", "0,0", "a,b,c"])
def test_a_token_of_an_address_that_the_clip_has_not_is_left_out(made, explorer, token):
    pages = list(made.open(Session("tested"), f"?lens=attend&token={token}"))
    assert last(pages, "session").token is None
    assert explorer.kinds() == ["attend"]
    assert last(list(made.open(Session("tested"), "?token=1,2,0")), "session").token == (1, 2, 0)


@pytest.mark.parametrize("bits", [b"", b"\xf0", b"\xf0\x0f\x00\x00", b"\0\0\0", b"\xff\xff\xff"])
def test_a_painted_mask_of_an_address_that_fits_nothing_is_left_out(made, explorer, bits):
    given = base64.urlsafe_b64encode(bits).decode()
    pages = list(made.open(Session("tested"), f"?lens=reconstruct&painted={given}"))
    assert mask_of(last(pages, "session")) == MaskRequest("tube", 0.75)
    assert controls_of(pages, "reconstruct")["kind"] == "tube"
    pages = list(made.open(Session("tested"), "?lens=reconstruct&painted=8A8A"))
    assert mask_of(last(pages, "session")).painted == b"\xf0\x0f\x00"


def test_what_a_click_costs_stands_on_its_button_once_it_was_measured(made, explorer):
    pages = list(made.open(Session("tested")))
    assert last(pages, "bar").costs == {}
    session = last(pages, "session")
    explorer.seconds = {"recognise": 0.99, "predict": 2.34}
    attending = list(made.open_lens(session, "attend"))
    two = "about 2.3 s"
    assert last(attending, "bar").costs == {"tab-reconstruct-button": "2 s", "another": two}
    explorer.seconds = {"recognise": 1.2, "predict": 2.34}
    session = last(attending, "session")
    pages = list(made.open_lens(session, "reconstruct"))
    assert last(pages, "bar").costs == {"explore": "about 1.2 s", "another": two}
    shown_now = [
        page.bar for page in made.pick(session, "b") if not isinstance(page.bar, Unchanged)
    ]
    tabs = [{name for name in bar.costs if name.startswith("tab")} for bar in shown_now]
    lenses = ("recognise", "attend", "heads", "what_if", "tokens", "compare", "timeline")
    of_one_pass = {f"tab-{name}-button" for name in lenses}
    assert tabs == [of_one_pass | {"tab-reconstruct-button"}, {"tab-reconstruct-button"}]


def test_the_frames_are_shown_before_the_model_runs(made, explorer):
    for page in made.open(Session("tested")):
        if isinstance(page.player, Shown):
            break
    assert explorer.kinds() == []
    assert page.player.clip is not None and not page.player.lenses


def test_a_page_that_is_closed_ends_the_work(made, explorer):
    pages = made.open(Session("tested"))
    for page in pages:
        if isinstance(page.player, Shown):
            break
    pages.close()
    assert explorer.kinds() == []


def test_a_page_without_examples_asks_for_a_clip(made):
    empty = Handlers(made.pool, LENSES, MadeShelf(), lambda content, name: name)
    (page,) = list(empty.open(Session("tested")))
    assert page.player == Shown(empty=text.NO_CLIP)
    with pytest.raises(RequestError, match="no clip"):
        list(empty.explore(Session("tested"), None, OWN, 1, 4, None, False))


def test_a_token_changes_the_rollout_and_nothing_else(made, explorer):
    session = explored(made, "attend")
    explorer.asked.clear()
    pages = list(made.choose(session, [1, 2, 0]))
    assert explorer.kinds() == ["attend"]
    after = last(pages, "session")
    assert settings_of(after).query == (1, 2, 0)
    assert after.player.chosen == (1, 2, 0)
    assert after.player.files() == session.player.files()
    assert settings_of(last(list(made.choose(after, None)), "session")).query is None


def scores_of(session: Session):
    """What is drawn over the clip in the lens Attend."""
    (pane,) = session.player.lenses["attend"].panes
    return pane.scores


def test_the_scale_leaves_the_query_out_and_says_so(made):
    session = explored(made, "attend")
    scores = scores_of(session)
    squares = np.arange(1, 19) ** 2
    mean = squares.mean()
    assert 17**2 / mean < scores.upper < 18**2 / mean
    assert scores.above
    at_peak = scores_of(last(list(made.choose(session, [1, 2, 2])), "session"))
    assert 16**2 / mean < at_peak.upper < 17**2 / mean
    assert at_peak.above
    values = np.frombuffer(base64.b64decode(at_peak.data), "<f4")
    np.testing.assert_allclose(values, squares / mean, rtol=1e-6)


def test_the_rollouts_settings_keep_the_chosen_token(made, explorer):
    session = last(list(made.choose(explored(made), [0, 1, 1])), "session")
    changed = last(list(set_rollout(made, session, "max", 0.5, 2, 4)), "session")
    assert settings_of(changed) == RolloutSettings("max", 0.5, 2, None, (0, 1, 1))
    changed = last(list(set_rollout(made, session, "max", 0.5, 2, 3)), "session")
    assert settings_of(changed).last_layer == 3


def test_another_clip_forgets_the_token_but_keeps_the_settings(made):
    session = last(list(set_rollout(made, explored(made), "max", 0, 1, 4)), "session")
    session = last(list(made.choose(session, [0, 1, 1])), "session")
    session = last(list(made.pick(session, "b")), "session")
    assert session.clip.path.name == "b.mp4"
    assert settings_of(session) == RolloutSettings("max")


@pytest.mark.parametrize(
    ("sampling", "rule"),
    [
        (OWN, None),
        (SECONDS, SamplingRule.stride(0.2)),
        (FRAMES, SamplingRule.every(3)),
        (UNIFORM, SamplingRule.uniform()),
    ],
)
def test_the_sampling_reaches_the_explorer(made, explorer, tmp_path, sampling, rule):
    list(made.explore(Session("tested"), tmp_path / "own.mp4", sampling, 0.2, 3, "", True))
    asked = ClipRequest(tmp_path / "own.mp4", None, rule, stored_pixels=True)
    assert explorer.asked[0] == ("see", asked)


def sampled(made, session, changed, **fields):
    """Set fields of the sampling; the others are as the session has them."""
    now = session.sampling
    given = {name: getattr(now, name) for name in Sampling.__slots__} | fields
    return made.resample(session, changed, *given.values())


def test_a_control_of_sampling_explores_the_present_clip_anew(made, explorer):
    session = last(list(made.choose(explored(made), [0, 1, 1])), "session")
    session = last(list(look_up(made, session, "right")), "session")
    explorer.asked.clear()
    pages = list(sampled(made, session, "start_s", start_s="0.25"))
    after = last(pages, "session")
    assert after.clip == replace(session.clip, start_s=0.25)
    assert explorer.kinds() == ["classify"]
    assert "Other frames of first.mp4" in pages[0].stale
    # The label is the clip's, whatever frames are taken; at other times a token is another one.
    assert (label_of(after), settings_of(after).query) == ("right", None)
    assert "value" not in controls_of(pages, "recognise")["label"]


def test_a_control_that_changes_no_frames_explores_nothing(made, explorer):
    session = explored(made)
    explorer.asked.clear()
    session = last(list(sampled(made, session, "interval_s", interval_s=0.5)), "session")
    assert not explorer.asked
    after = last(list(sampled(made, session, "kind", kind=SECONDS)), "session")
    assert after.clip.sampling == SamplingRule.stride(0.5)


def test_frames_spread_over_the_clip_have_no_start(made, explorer):
    session = last(list(sampled(made, explored(made), "start_s", start_s="0.25")), "session")
    session = last(list(sampled(made, session, "kind", kind=UNIFORM)), "session")
    assert session.clip.start_s is None
    own = replace(explorer.recogniser.card, sampling=SamplingRule.uniform())
    explorer.recogniser.card = own
    session = last(list(sampled(made, session, "kind", kind=OWN)), "session")
    assert session.clip.start_s is None
    assert session.sampling.start_s == 0.25


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("start_s", "soon", "The field 'Start in seconds' is 'soon'"),
        ("start_s", [1], "The field 'Start in seconds' is \\[1\\]"),
        ("start_s", "-1", "The field 'Start in seconds' is '-1'"),
        ("start_s", "nan", "The field 'Start in seconds' is 'nan'"),
        ("interval_s", None, "The field 'Seconds between frames' is None"),
        ("interval_s", 0, "The field 'Seconds between frames' is 0"),
        ("step", 0, "The field 'Frames from one to the next' is 0"),
        ("step", 1.5, "The field 'Frames from one to the next' is 1.5"),
        ("kind", "often", "The sampling is 'often'"),
    ],
)
def test_an_invalid_field_is_named_and_blocks_nothing_else(made, field, value, said):
    session = last(list(sampled(made, explored(made), "start_s", start_s="0.25")), "session")
    with pytest.raises(RequestError, match=said):
        list(sampled(made, session, field, **{field: value}))
    # Another control goes on with the last valid value of that field.
    other = "stored_pixels"
    after = last(list(sampled(made, session, other, **{field: value, other: True})), "session")
    assert after.clip == replace(session.clip, stored_pixels=True)
    fields = {name: getattr(session.sampling, name) for name in Sampling.__slots__}
    after = last(list(made.pick(session, "b", *(fields | {field: value}).values())), "session")
    assert after.clip.path.name == "b.mp4"


def test_a_mask_is_drawn_as_its_controls_say(made, explorer):
    pages = list(set_mask(made, explored(made), "ratio", "random", 0.9, 7))
    assert explorer.asked[-2] == ("reconstruct", MaskRequest("random", 0.9, 7))
    assert mask_of(last(pages, "session")) == MaskRequest("random", 0.9, 7)
    assert "random mask, seed 7" in words(panel_of(pages, "reconstruct"))


def test_an_invalid_field_of_the_mask_is_named_and_blocks_nothing_else(made):
    session = last(list(set_mask(made, explored(made), "seed", "tube", 0.5, 7)), "session")
    with pytest.raises(RequestError, match="The field 'Seed' is None"):
        list(set_mask(made, session, "seed", "random", 0.5, None))
    with pytest.raises(RequestError, match="The field 'Share to hide' is None"):
        list(set_mask(made, session, "ratio", "random", None, 7))
    after = last(list(set_mask(made, session, "kind", "random", None, -1)), "session")
    assert mask_of(after) == MaskRequest("random", 0.5, 7)


def shown_mask(session: Session):
    """The mask in the player."""
    (mask,) = [pane.mask for pane in session.player.lenses["reconstruct"].panes if pane.mask]
    return mask


def painted(session: Session, hidden: np.ndarray, number: int = 1) -> dict:
    mask = base64.b64encode(hidden.astype(np.uint8).tobytes()).decode()
    return {"drawn": RECONSTRUCT.question(session).drawn, "painting": number, "mask": mask}


HIDDEN = np.isin(np.arange(GRID.tokens), [0, 9, 17])


def test_a_painted_mask_travels_as_one_byte_per_token(made, explorer):
    session = explored(made)
    list(paint(made, session, painted(session, HIDDEN)))
    kind, mask = explorer.asked[-2]
    assert kind == "reconstruct"
    assert mask == MaskRequest("painted", painted=np.packbits(HIDDEN).tobytes())


def test_an_answer_has_the_number_of_the_painting_that_it_knows(made):
    session = explored(made)
    before = shown_mask(session)
    after = last(list(paint(made, session, painted(session, HIDDEN, 7))), "session")
    assert shown_mask(after).painting == 7
    assert shown_mask(after).drawn == before.drawn
    later = last(list(made.choose(after, [0, 0, 0])), "session")
    assert shown_mask(later) == shown_mask(after)


def test_a_painting_on_a_mask_that_is_gone_is_left_out(made, explorer):
    session = explored(made, "reconstruct")
    redrawn = last(list(set_mask(made, session, "seed", "tube", 0.5, 1)), "session")
    assert shown_mask(redrawn).drawn > shown_mask(session).drawn
    elsewhere = last(list(made.pick(redrawn, "b")), "session")
    assert shown_mask(elsewhere).drawn > shown_mask(redrawn).drawn
    explorer.asked.clear()
    for now in (redrawn, elsewhere):
        assert list(paint(made, now, painted(session, HIDDEN))) == []
    assert not explorer.asked


@pytest.mark.parametrize("mask", ["%%%", "", "AAAA", "None", None, 3])
def test_a_painted_mask_that_fits_nothing_is_refused(made, mask):
    session = explored(made)
    with pytest.raises(RequestError, match="paint it again"):
        list(paint(made, session, painted(session, HIDDEN) | {"mask": mask}))


def test_a_label_is_looked_up_by_rank(made):
    pages = list(look_up(made, explored(made), "right"))
    assert "right: 30.00%, rank 2 of 3" in words(panel_of(pages, "recognise"))
    assert label_of(last(pages, "session")) == "right"


def test_a_checkpoint_without_labels_says_so(made, explorer):
    explorer.recogniser.card = card("recogniser", 0)
    pages = list(made.open(Session("tested")))
    assert text.NO_LABELS in words(panel_of(pages, "recognise"))
    assert explorer.kinds() == []
    list(made.open_lens(last(pages, "session"), "attend"))
    assert explorer.kinds() == ["attend"]


def first_control(pages, lens: str, name: str):
    """The first thing that a control was set to."""
    held = (page.controls.get(lens, {}) for page in pages)
    return next(controls[name] for controls in held if name in controls)


def broken_off(made: Handlers, pages, before: Session) -> tuple[Session, str]:
    """Go on until the work fails; return the session that is left, and why."""
    now = before
    try:
        for page in pages:
            now = page.session if isinstance(page.session, Session) else now
    except (CheckpointError, VideoError, RequestError) as error:
        return now, str(error)
    raise AssertionError("nothing failed")


def test_without_a_decoder_the_other_lenses_still_work(made, explorer):
    explorer.failure = CheckpointError("There is no decoder.")
    before = last(list(made.open(Session("tested"))), "session")
    now, why = broken_off(made, made.open_lens(before, "reconstruct"), before)
    page = made.last_word(now, why)
    assert list(page.panels) == ["reconstruct"]
    said = words(page.panels["reconstruct"])
    assert said.count("Not computed for this clip. There is no decoder.") == 1
    assert page.status == []
    now = last(list(made.open_lens(now, "attend")), "session")
    assert "attend" in now.player.lenses and made.last_word(now, why).panels == {}


def test_pictures_that_were_cleared_away_are_missed_in_words(made):
    session = explored(made, "attend")
    Path(session.base.panes[0].tracks[0].file).unlink()
    with pytest.raises(RequestError, match="cleared away after 24 hours"):
        list(made.choose(session, [0, 0, 0]))


def test_before_a_clip_nothing_can_be_changed(made):
    for pages in (
        made.choose(Session("tested"), None),
        set_mask(made, Session("tested"), "kind", "tube", 0.5, 0),
        look_up(made, Session("tested"), "right"),
    ):
        with pytest.raises(RequestError, match="no clip"):
            list(pages)


def test_files_are_written_only_when_asked(made, tmp_path):
    session = explored(made)
    for lens in ("recognise", "attend", "reconstruct"):
        folder = tmp_path / "away" / lens
        paths = last(list(made.files(session, lens, folder)), "files")[lens]
        assert paths and all(Path(path).is_file() for path in paths)


def test_weights_that_are_not_offered_are_refused(made):
    with pytest.raises(RequestError, match="no weights"):
        list(made.load(Session("tested"), "/etc"))
    with pytest.raises(RequestError, match="no weights"):
        list(made.fetch("/etc"))
    assert made.pool.offer("large").sentence == (
        "Loading downloads 1.5 GB from the Hugging Face hub: the recogniser and its reconstructor. "
        "Licence: MIT. It is large."
    )


def test_what_is_missing_is_fetched_and_the_bytes_are_told(made):
    assert list(made.fetch("large")) == []
    made.pool.missing = ("someone/own", "base")
    steps = [page.status[0] for page in made.fetch("large")]
    assert [(step["text"], step["done"], step["total"]) for step in steps] == [
        ("Downloading someone/own (1 of 2) ...", 0, 1),
        ("Downloading someone/own (1 of 2): 120 of 346 MB, 35%", 120_000_000, 346_000_000),
        (
            "Downloading Base, pretrained on Kinetics-400 (1600 epochs) (2 of 2): 1.5 of 3.0 MB, "
            "50%",
            1_500_000,
            3_000_000,
        ),
    ]
    assert made.pool.coming.state == "left"


def test_whoever_closes_a_download_leaves_it(made):
    made.pool.missing = ("someone/own", "base")
    coming = made.fetch("large")
    next(coming)
    assert made.pool.coming.state == "running"
    coming.close()
    assert made.pool.coming.state == "left"


def test_weights_that_the_page_opens_with_are_fetched_first(made, explorer):
    made.pool.missing = ("someone/own", "base")
    given = [page.status for page in made.open(Session("tested")) if isinstance(page.status, list)]
    texts = [status[0]["text"] for status in given if status]
    assert texts[1].startswith("Downloading someone/own (1 of 2): 120 of 346 MB")
    assert texts[3] == "Loading the weights ..."


def test_what_is_here_comes_first_and_says_so(monkeypatch):
    here = {"large-finetuned-kinetics", "large"}
    monkeypatch.setattr(pools, "is_here", here.__contains__)
    pool = ExplorerPool()
    lines = [offer.line for offer in pool.offers()]
    assert lines[:2] == [
        "Bundled motion recogniser (synthetic motions) - on this machine",
        "Large, Kinetics-400 - on this machine",
    ]
    assert lines[2] == "Small, Kinetics-400 - 465 MB to download"
    assert pool.default == "large-finetuned-kinetics"
    assert pool.absent("large-finetuned-kinetics") == ()
    assert pool.absent("small-finetuned-kinetics") == ("small-finetuned-kinetics", "base")


@pytest.mark.parametrize(
    ("asked", "reconstructor", "absent"),
    [
        ("base", None, ("base",)),
        ("base-finetuned-kinetics", "large", ("base-finetuned-kinetics", "large")),
        ("someone/own", None, ("someone/own",)),
        ("bundled", None, ()),
    ],
)
def test_only_what_will_be_used_is_fetched(asked, reconstructor, absent, monkeypatch):
    monkeypatch.setattr(pools, "is_here", lambda name: name.startswith("bundled"))
    assert ExplorerPool(asked, reconstructor).absent(asked) == absent


def test_loading_weights_explores_the_same_clip_anew(made):
    session = last(list(set_rollout(made, explored(made), "max", 0.5, 2, 3)), "session")
    session = last(list(made.choose(session, [0, 0, 0])), "session")
    session = last(list(set_mask(made, session, "kind", "random", 0.5, 7)), "session")
    pages = list(made.load(replace(session, lens="reconstruct"), "large"))
    session = last(pages, "session")
    assert (session.weights, session.clip.path.name) == ("large", "first.mp4")
    assert settings_of(session) == RolloutSettings("max", 0.5)
    assert mask_of(session) == MaskRequest("random", 0.75, 7)
    assert last(pages, "weights_list").chosen == "large"
    assert "Other weights" in last(pages[:3], "stale")


def test_a_true_label_stays_with_its_clip(made, explorer):
    """Other weights that know it, other frames, the same clip once more; not another clip."""
    session = last(list(look_up(made, explored(made), "right")), "session")
    same = list(made.explore(session, None))
    assert label_of(last(same, "session")) == "right"
    assert "value" not in controls_of(same, "recognise")["label"]
    loaded = list(made.load(session, "large"))
    assert label_of(last(loaded, "session")) == "right"
    assert "value" not in controls_of(loaded, "recognise")["label"]
    assert "right: 30.00%" in words(panel_of(loaded, "recognise"))
    other = list(made.pick(session, "b"))
    assert label_of(last(other, "session")) is None
    assert first_control(other, "recognise", "label") is None
    assert "right: " not in words(panel_of(other, "recognise"))


def test_a_true_label_is_gone_with_weights_that_do_not_know_it(made, explorer):
    session = last(list(look_up(made, explored(made), "right")), "session")
    explorer.recogniser.model.config.id2label = {0: "cooking", 1: "still"}
    pages = list(made.load(session, "large"))
    assert label_of(last(pages, "session")) is None
    field = first_control(pages, "recognise", "label")
    assert (field["value"], field["choices"]) == (None, ["cooking", "still"])


def test_what_is_shown_and_what_is_remembered_never_part(made):
    """Whoever cancels half-way goes on with the clip that is on the screen."""
    session = explored(made)
    for page in made.pick(session, "b"):
        if isinstance(page.session, Session):
            session = page.session
            assert session.clip.path.name == "b.mp4"
        if isinstance(page.player, Shown):
            assert session.player == page.player
        else:  # nothing of the new clip comes before its frames
            parts = (page.weights, page.clip, page.weights_list)
            assert all(isinstance(part, Unchanged) for part in parts)


def test_whoever_cancels_is_told_what_is_missing(made):
    before = explored(made)
    stages = {}
    now = before
    for page in made.pick(before, "b"):
        if isinstance(page.session, Session):
            now = page.session
        if isinstance(page.status, list) and page.status:
            stages[page.status[0]["text"]] = now
    lost = {
        stage: words(made.last_word(at, text.WAS_CANCELLED, before).panels)
        for stage, at in stages.items()
    }
    lens = '{"recognise": [{"kind": "note", "text": "Not computed for this clip. The work was '
    assert lost == {
        "Loading the weights ...": "{}",
        "Reading the clip ...": "{}",
        "Recognising ...": lens + 'cancelled. Press Explore to go on."}]}',
    }
    unread = made.last_word(stages["Reading the clip ..."], text.WAS_CANCELLED, before)
    assert unread.notice == "The work was cancelled. The page still shows first.mp4."
    assert unread.controls["reconstruct"]["kind"] == "tube" and unread.player == before.player
    assert unread.sampling == before.sampling
    begun = made.last_word(stages["Recognising ..."], text.WAS_CANCELLED, before)
    assert isinstance(begun.notice, Unchanged)
    assert begun.player.clip is not None and not begun.player.lenses


def test_before_the_first_clip_a_broken_off_page_says_what_to_do(made):
    before = Session("tested")
    page = made.last_word(before, text.WAS_CANCELLED, before)
    assert "press Explore" in page.player.empty


def test_the_pool_keeps_few_explorers():
    pool = ExplorerPool("bundled", make=lambda weights, reconstructor: FakeExplorer())
    first = pool.get("bundled")
    assert pool.get("bundled") is first
    for name in ("base-finetuned-kinetics", "base-finetuned-ssv2"):
        pool.get(name)
    assert pool.get("bundled") is not first


# ---- the edge: toasts and outputs ----------------------------------------------------------------


def changed_in(page: Page) -> set[str]:
    """The names of the parts that a page changes."""
    return {
        name
        for name in Page.__slots__
        if not isinstance(value := getattr(page, name), Unchanged) and value != {}
    }


def plain(page: Page) -> dict:
    """Outputs by the names of the parts."""
    return {name: getattr(page, name) for name in changed_in(page)}


def test_an_expected_problem_becomes_one_escaped_sentence():
    def fail():
        yield Page(status=[])
        raise VideoError("<img src=x> is no clip.")

    with pytest.raises(gr.Error) as caught:
        list(outputs.deliver(fail(), plain))
    assert caught.value.message == "&lt;img src=x&gt; is no clip."
    assert not caught.value.print_exception


def test_a_handler_that_changes_nothing_says_so():
    (nothing,) = outputs.deliver(iter(()), plain)
    assert nothing == {}


def test_a_defect_is_logged_and_not_shown(caplog):
    def fail():
        yield Page(status=[])
        raise KeyError("inner name")

    with pytest.raises(gr.Error) as caught:
        list(outputs.deliver(fail(), plain))
    assert caught.value.message == text.DEFECT
    assert "inner name" in caplog.text


def test_a_defect_is_logged_though_the_visitor_has_left(caplog):
    def fail():
        yield Page(status=[])
        raise KeyError("inner name")

    answers = outputs.deliver(fail(), plain)
    next(answers), next(answers)
    answers.close()
    assert "inner name" in caplog.text


def test_what_gradio_says_already_is_passed_on(caplog):
    """ZeroGPU tells in this way that a visitor's quota is used up."""

    def fail():
        yield Page(status=[])
        raise gr.Error("The quota is used up.")

    with pytest.raises(gr.Error, match="The quota is used up"):
        list(outputs.deliver(fail(), plain))
    assert not caplog.text


@pytest.fixture
def layout(made) -> Layout:
    """The components of a page of these handlers."""
    builder = PageBuilder(made.pool, LENSES, (), Edge())

    async def build():  # without a loop, gradio makes some of its own and leaves them open
        builder.build()

    run_alone(build)
    return builder.layout


def test_every_page_changes_components_that_are_outputs(made, layout):
    components = outputs.components_of(layout)
    session = explored(made)
    for page in (*made.pick(session, "b"), *made.open_lens(session, "attend"), Page()):
        written = outputs.to_outputs(page, layout)
        assert written and all(part in components for part in written)
        # An object would be edited in place in the browser: see `sealed`.
        ours = [value for part, value in written.items() if isinstance(part, gr.HTML)]
        assert all(isinstance(value, str) or value == gr.skip() for value in ours)


def test_changes_beyond_values_are_repeated_to_the_end(made, layout):
    write = partial(outputs.to_outputs, layout=layout)

    def check(pages) -> int:
        before: dict[object, object] = {}
        for page in pages:
            changes = {
                part: value
                for part, value in page.items()
                if isinstance(value, dict) and len(value) > 1
            }
            assert before.keys() <= changes.keys()
            before = changes
        return len(before)

    def refused():
        with contextlib.suppress(gr.Error):
            yield from outputs.deliver(set_rollout(made, session, "mean", 0.0, 9, 1), write)

    # The weights, here and to compare, the labels of five lenses, three layers and a head, and
    # the files of nine lenses.
    assert check(outputs.deliver(made.open(Session("tested")), write)) == 21
    session = explored(made)
    assert (
        check(outputs.deliver(made.pick(session, "b"), write)) == 10
    )  # layers and heads are known by now
    assert check(refused()) == 3


def test_values_that_come_with_such_a_change_are_repeated_until_they_were_seen(
    made, layout, monkeypatch
):
    moments = iter([0.0, 0.1, outputs.SEEN_AFTER_S, outputs.SEEN_AFTER_S + 0.1])
    monkeypatch.setattr(outputs, "time", SimpleNamespace(monotonic=moments.__next__))
    slider = layout.lenses["attend"].parts.controls["last_layer"]
    change = Page(controls={"attend": {"last_layer": gr.update(maximum=6, value=6)}})
    pages = iter([change, Page(), Page(), Page()])
    told = []
    for written in outputs.deliver(pages, partial(outputs.to_outputs, layout=layout)):
        told.append(dict(written[slider]))
        written[slider].pop("value", None)  # as gradio takes it apart
    assert told == [gr.update(maximum=6, value=6)] * 3 + [gr.update(maximum=6)]


def test_a_value_of_its_own_is_not_repeated(made, layout):
    slider = layout.lenses["attend"].parts.controls["last_layer"]
    pages = [Page(controls={"attend": {"last_layer": gr.update(value=6)}})]
    pages += [Page(controls={"attend": {"last_layer": 5}}), Page()]
    written = list(outputs.deliver(iter(pages), partial(outputs.to_outputs, layout=layout)))
    assert [page.get(slider) for page in written] == [gr.update(value=6), 5, None]


def test_controls_that_a_visitor_set_are_not_set_again(made):
    session = explored(made)
    given = [page for page in set_mask(made, session, "kind", "random", 0.6, 3)]
    given += set_mask(made, last(given, "session"), "ratio", "random", 0.7, 4)
    given += made.pick(last(given, "session"), "b")
    assert all(not page.controls.get("reconstruct") for page in given)
    given = list(paint(made, session, painted(session, HIDDEN)))
    assert controls_of(given, "reconstruct")["kind"] == "painted"
    redrawn = list(set_mask(made, last(given, "session"), "ratio", "painted", 0.7, 4))
    held = [page.controls["reconstruct"] for page in redrawn]
    assert held == [{"kind": "tube"}, {}]


def test_foreign_text_never_stands_in_a_template():
    for folder in ("token_player", "panel", "picker"):
        for path in (Path(app.__file__).parent / folder).iterdir():
            if path.suffix in {".js", ".html"}:
                source = path.read_text(encoding="utf-8")
                assert "innerHTML" not in source and "insertAdjacentHTML" not in source
    template = Path(app.__file__).parent / "token_player" / "template.html"
    assert "{{" not in template.read_text() and "${" not in template.read_text()


def test_examples_are_the_clips_of_a_folder(tmp_path):
    for name in ("b-two.mp4", "a_one.webm", "notes.txt"):
        (tmp_path / name).touch()
    assert [example.title for example in find_examples(tmp_path)] == ["a one", "b two"]
    assert find_examples(tmp_path / "absent") == ()


# ---- this view in Python -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "session",
    [
        Session("W"),
        Session(
            "W",
            token=(0, 1, 1),
            asked={
                "attend": RolloutQuestion(RolloutSettings("max", 0.5, 1, 2)),
                "reconstruct": MaskQuestion(
                    MaskRequest("painted", 0.5, painted=b"\xf0\x0f\x00\xff")
                ),
            },
        ),
    ],
)
@pytest.mark.parametrize(
    "rule",
    [None, SamplingRule.uniform(), SamplingRule.stride(0.05), SamplingRule.every(3)],
)
def test_the_view_in_python_runs(
    session, rule, clip_path, recogniser_folder, reconstructor_folder, monkeypatch, capsys
):
    change = None if rule is None else ClipChange("backwards")
    clip = ClipRequest(clip_path, sampling=rule, stored_pixels=rule is None, change=change)
    session = replace(session, weights=str(recogniser_folder), clip=clip)
    code = view_in_python(session, LENSES, str(reconstructor_folder))
    assert rule is None or f"SamplingRule.{rule.kind}" in code
    assert ("stored_pixels=True" in code) == ("backwards" not in code) == (rule is None)
    monkeypatch.chdir(clip_path.parent)
    exec(compile(code, "view", "exec"), {})  # our own code
    said = capsys.readouterr().out
    assert said.count("dB") >= 3 and "x uniform" in said


@pytest.mark.parametrize(
    "error", [NoRoomError("The folder is full."), OSError(28, "No space left")]
)
def test_an_example_for_which_there_is_no_room_is_a_sentence(error):
    def copy(_path):
        raise error

    builder = SimpleNamespace(served=SimpleNamespace(copy=copy))
    with pytest.raises(gr.Error, match=r"The folder is full|No space left"):
        PageBuilder._serve(builder, Example(Path("a.mp4"), "a"))


def test_foreign_names_are_quoted_in_the_view_in_python():
    name = "a'); import os; ('.mp4"
    code = view_in_python(Session("bundled", ClipRequest(Path("/tmp") / name)), LENSES)
    assert f"ClipRequest({name!r})" in code
    assert "/tmp" not in code


def test_the_view_in_python_finds_an_example_wherever_the_package_is():
    code = view_in_python(Session("bundled", ClipRequest(example_clip("orbiting"))), LENSES)
    start = code.partition("explorer = ")[0] + re.search(r"^clip = .*", code, re.MULTILINE)[0]
    found: dict = {}
    exec(compile(start, "view", "exec"), found)  # our own code
    assert found["clip"] == ClipRequest(example_clip("orbiting"))
    with pytest.raises(RequestError, match=r"no example '\.\./x'; there are bouncing, "):
        example_clip("../x")


def test_controls_that_are_refused_go_back_to_what_is_shown(made):
    session = explored(made)
    pages = set_mask(made, session, "kind", "painted", 0.5, 0)
    mask = mask_of(session)
    back = {"kind": mask.kind, "ratio": mask.ratio, "seed": mask.seed}
    assert next(pages).controls == {"reconstruct": back}
    with pytest.raises(RequestError, match="No mask is painted yet"):
        next(pages)
    pages = set_rollout(made, session, "mean", 0, 3, 2)
    back = next(pages).controls["attend"]
    assert (back["first_layer"]["value"], back["last_layer"]["value"]) == (1, 4)
    assert (back["fusion"], back["discard"]) == ("mean", 0)
    with pytest.raises(RequestError, match="Layers 3 to 2"):
        next(pages)


def test_another_share_takes_the_place_of_a_painted_mask(made):
    session = explored(made)
    painted = by_hand(session)
    for changed in ("ratio", "seed"):
        pages = list(set_mask(made, painted, changed, "painted", 0.75, 2))
        assert mask_of(last(pages, "session")) == MaskRequest("tube", 0.75, 2)


def test_a_field_that_is_left_as_it_was_leaves_a_painted_mask_alone(made, explorer):
    session = explored(made)
    painted = by_hand(session)
    explorer.asked.clear()
    for field in ("seed", "ratio"):
        assert list(set_mask(made, painted, field, "painted", 0.5, 0)) == []
    assert not explorer.asked
    redrawn = last(list(set_mask(made, painted, "preset", "painted", 0.5, 0)), "session")
    assert mask_of(redrawn) == MaskRequest("tube", 0.5, 0)


def test_examples_are_sampled_as_the_controls_say(made):
    pages = list(made.pick(Session("tested"), "b", UNIFORM, 0.1, 4, "", False))
    assert last(pages, "session").clip.sampling == SamplingRule.uniform()


def test_another_clip_starts_in_its_middle(made):
    session = last(list(sampled(made, explored(made), "start_s", start_s="0.25")), "session")
    pages = list(made.pick(session, "b", OWN, 0.1, 4, "0.25", False))
    assert last(pages, "session").clip.start_s is None
    assert last(pages, "start") == ""
    again = list(made.explore(session, None, OWN, 0.1, 4, "0.25", False))
    assert last(again, "session").clip.start_s == 0.25
    assert all(isinstance(page.start, Unchanged) for page in again)


def test_a_clip_that_can_not_be_read_leaves_the_last_one_and_says_so(made, tmp_path):
    before = explored(made)
    now, why = broken_off(made, made.explore(before, tmp_path / "broken.mp4"), before)
    assert now is before
    page = made.last_word(now, why, before)
    assert page.notice == "broken.mp4 is no clip. The page still shows first.mp4."
    assert (page.stale, page.status, page.sampling) == ("", [], before.sampling)
    assert isinstance(page.player, Unchanged) and isinstance(page.clip, Unchanged)


def test_work_that_fails_elsewhere_leaves_clip_and_controls_alone(made):
    session = explored(made)
    page = made.last_word(session, "Layers 3 to 2 ...")
    assert changed_in(page) == {"status"}


def test_a_preview_is_made_within_the_owners_limits(made, clip_path, tmp_path):
    session = replace(explored(made), clip=ClipRequest(clip_path))
    (page,) = list(made.preview(session, str(clip_path)))
    assert Path(page.video).is_file()
    strict = Handlers(
        made.pool, LENSES, MadeShelf(), lambda content, name: name, Limits(clip_frames=10)
    )
    with pytest.raises(VideoError, match="10"):
        list(strict.preview(session, str(clip_path)))
