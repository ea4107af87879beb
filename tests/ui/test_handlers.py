"""The handlers with an Explorer that only pretends: what is asked of it, in which order, and what
the page is told."""

import asyncio
import base64
import contextlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest

from videomae_demo import pool as pools
from videomae_demo.analysis.classification import Classification
from videomae_demo.analysis.reconstruction import Picture, Reconstruction
from videomae_demo.analysis.rollout import Rollout
from videomae_demo.checkpoints.download import DownloadProgress
from videomae_demo.config import TokenGrid
from videomae_demo.engine.clips import ClipRequest, SeenClip
from videomae_demo.engine.roles import CheckpointCard
from videomae_demo.errors import CheckpointError, RequestError, VideoError
from videomae_demo.explorer import RolloutSettings
from videomae_demo.lenses.attend import RolloutView
from videomae_demo.lenses.recognise import LabelsView
from videomae_demo.lenses.reconstruct import MaskRequest, ReconstructionView
from videomae_demo.limits import Limits
from videomae_demo.model.processor import CropBox
from videomae_demo.pool import ExplorerPool, Offer
from videomae_demo.ui import app, outputs, text
from videomae_demo.ui.controls import FRAMES, OWN, SECONDS, UNIFORM, Sampling
from videomae_demo.ui.examples import Example, find_examples
from videomae_demo.ui.gradio_edge.edge import Edge
from videomae_demo.ui.handlers import Handlers
from videomae_demo.ui.page import Page, Unchanged
from videomae_demo.ui.session import Session
from videomae_demo.ui.snippet import view_in_python
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
        config = SimpleNamespace(num_hidden_layers=4, id2label=dict(enumerate(LABELS)))
        self.recogniser = SimpleNamespace(
            card=card("recogniser", labels), model=SimpleNamespace(config=config)
        )
        self.reconstructor = SimpleNamespace(card=card("reconstructor"))
        self.device = "cpu"
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

    def classify(self, request):
        self.asked.append(("classify", request))
        result = Classification(LABELS, np.log([0.5, 0.3, 0.2]), np.array([0.5, 0.3, 0.2]))
        return LabelsView(self.recogniser.card, self.see(request), result)

    def attend(self, request, settings):
        self.asked.append(("attend", settings))
        scores = (np.arange(1, 19, dtype=float) ** 2).reshape(GRID.shape)
        return RolloutView(
            self.recogniser.card, self.see(request), Rollout(scores / scores.sum(), settings), "it"
        )

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

    def absent(self, name):
        return self.missing

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
    return Handlers(FakePool(explorer), examples, save)


def last(pages, name: str):
    """The last value that a part of the page was given."""
    given = [value for page in pages if not isinstance(value := getattr(page, name), Unchanged)]
    return given[-1]


def words(blocks) -> str:
    return json.dumps(blocks)


def explored(made: Handlers) -> Session:
    return last(list(made.open(Session("tested"))), "session")


def test_opening_explores_the_first_example_stage_by_stage(made, explorer):
    pages = list(made.open(Session("tested")))
    stages = [page.status[0] for page in pages if isinstance(page.status, list) and page.status]
    assert [stage["done"] for stage in stages] == [0, 1, 2, 3, 4]
    assert last(pages, "status") == []
    assert explorer.kinds() == ["classify", "attend", "reconstruct"]
    session = last(pages, "session")
    assert session.clip.path.name == "first.mp4"
    assert list(session.player["lenses"]) == ["recognise", "attend", "reconstruct"]
    assert last(pages, "label_names") == sorted(LABELS)
    assert last(pages, "layers") == 4


def test_the_frames_are_shown_before_the_model_runs(made, explorer):
    for page in made.open(Session("tested")):
        if isinstance(page.player, dict):
            break
    assert explorer.kinds() == []
    assert list(page.player["lenses"]) == ["recognise"]


def test_a_page_that_is_closed_ends_the_work(made, explorer):
    pages = made.open(Session("tested"))
    for page in pages:
        if isinstance(page.player, dict):
            break
    pages.close()
    assert explorer.kinds() == []


def test_a_page_without_examples_asks_for_a_clip(made):
    empty = Handlers(made.pool, (), lambda content, name: name)
    (page,) = list(empty.open(Session("tested")))
    assert page.player == {"empty": text.NO_CLIP}
    with pytest.raises(RequestError, match="no clip"):
        list(empty.explore(Session("tested"), None, OWN, 1, 4, None, False))


def test_a_token_changes_the_rollout_and_nothing_else(made, explorer):
    session = explored(made)
    explorer.asked.clear()
    pages = list(made.choose(session, [1, 2, 0]))
    assert explorer.kinds() == ["attend"]
    after = last(pages, "session")
    assert after.settings.query == (1, 2, 0)
    assert after.player["chosen"] == [1, 2, 0]
    assert after.player["tracks"] == session.player["tracks"]
    assert last(list(made.choose(after, None)), "session").settings.query is None


def test_the_scale_leaves_the_query_out_and_says_so(made):
    session = explored(made)
    scores = session.player["scores"]["rollout"]
    squares = np.arange(1, 19) ** 2
    mean = squares.mean()
    assert 17**2 / mean < scores["upper"] < 18**2 / mean
    assert scores["above"]
    at_peak = last(list(made.choose(session, [1, 2, 2])), "session").player["scores"]["rollout"]
    assert 16**2 / mean < at_peak["upper"] < 17**2 / mean
    assert at_peak["above"]
    values = np.frombuffer(base64.b64decode(at_peak["data"]), "<f4")
    np.testing.assert_allclose(values, squares / mean, rtol=1e-6)


def test_the_rollouts_settings_keep_the_chosen_token(made, explorer):
    session = last(list(made.choose(explored(made), [0, 1, 1])), "session")
    changed = last(list(made.set_rollout(session, "max", 0.5, 2, 4)), "session")
    assert changed.settings == RolloutSettings("max", 0.5, 2, None, (0, 1, 1))
    changed = last(list(made.set_rollout(session, "max", 0.5, 2, 3)), "session")
    assert changed.settings.last_layer == 3


def test_another_clip_forgets_the_token_but_keeps_the_settings(made):
    session = last(list(made.set_rollout(explored(made), "max", 0, 1, 4)), "session")
    session = last(list(made.choose(session, [0, 1, 1])), "session")
    session = last(list(made.pick(session, 1)), "session")
    assert session.clip.path.name == "b.mp4"
    assert session.settings == RolloutSettings("max")


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
    session = last(list(made.look_up(session, "right")), "session")
    explorer.asked.clear()
    pages = list(sampled(made, session, "start_s", start_s="0.25"))
    after = last(pages, "session")
    assert after.clip == replace(session.clip, start_s=0.25)
    assert explorer.kinds() == ["classify", "attend", "reconstruct"]
    assert "Other frames of first.mp4" in pages[0].stale
    # The label is the clip's, whatever frames are taken; at other times a token is another one.
    assert (after.label, after.settings.query) == ("right", None)
    assert all(isinstance(page.label, Unchanged) for page in pages)


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
    after = last(list(made.pick(session, 1, *(fields | {field: value}).values())), "session")
    assert after.clip.path.name == "b.mp4"


def test_a_mask_is_drawn_as_its_controls_say(made, explorer):
    pages = list(made.set_mask(explored(made), "ratio", "random", 0.9, 7))
    assert explorer.asked[-2] == ("reconstruct", MaskRequest("random", 0.9, 7))
    assert last(pages, "session").mask == MaskRequest("random", 0.9, 7)
    assert "random mask, seed 7" in words(last(pages, "reconstruction"))


def test_an_invalid_field_of_the_mask_is_named_and_blocks_nothing_else(made):
    session = last(list(made.set_mask(explored(made), "seed", "tube", 0.5, 7)), "session")
    with pytest.raises(RequestError, match="The field 'Seed' is None"):
        list(made.set_mask(session, "seed", "random", 0.5, None))
    with pytest.raises(RequestError, match="The field 'Share to hide' is None"):
        list(made.set_mask(session, "ratio", "random", None, 7))
    after = last(list(made.set_mask(session, "kind", "random", None, -1)), "session")
    assert after.mask == MaskRequest("random", 0.5, 7)


def painted(session: Session, hidden: np.ndarray, number: int = 1) -> dict:
    mask = base64.b64encode(hidden.astype(np.uint8).tobytes()).decode()
    return {"drawn": session.drawn, "painting": number, "mask": mask}


HIDDEN = np.isin(np.arange(GRID.tokens), [0, 9, 17])


def test_a_painted_mask_travels_as_one_byte_per_token(made, explorer):
    session = explored(made)
    list(made.paint(session, painted(session, HIDDEN)))
    kind, mask = explorer.asked[-2]
    assert kind == "reconstruct"
    assert mask == MaskRequest("painted", painted=np.packbits(HIDDEN).tobytes())


def test_an_answer_has_the_number_of_the_painting_that_it_knows(made):
    session = explored(made)
    before = session.player["mask"]
    after = last(list(made.paint(session, painted(session, HIDDEN, 7))), "session")
    assert after.player["mask"]["painting"] == 7
    assert after.player["mask"]["drawn"] == before["drawn"]
    later = last(list(made.choose(after, [0, 0, 0])), "session")
    assert later.player["mask"] == after.player["mask"]


def test_a_painting_on_a_mask_that_is_gone_is_left_out(made, explorer):
    session = explored(made)
    redrawn = last(list(made.set_mask(session, "seed", "tube", 0.5, 1)), "session")
    assert redrawn.player["mask"]["drawn"] > session.player["mask"]["drawn"]
    elsewhere = last(list(made.pick(redrawn, 1)), "session")
    assert elsewhere.player["mask"]["drawn"] > redrawn.player["mask"]["drawn"]
    explorer.asked.clear()
    for now in (redrawn, elsewhere):
        assert list(made.paint(now, painted(session, HIDDEN))) == []
    assert not explorer.asked


@pytest.mark.parametrize("mask", ["%%%", "", "AAAA", "None", None, 3])
def test_a_painted_mask_that_fits_nothing_is_refused(made, mask):
    session = explored(made)
    with pytest.raises(RequestError, match="paint it again"):
        list(made.paint(session, painted(session, HIDDEN) | {"mask": mask}))


def test_a_label_is_looked_up_by_rank(made):
    pages = list(made.look_up(explored(made), "right"))
    assert "right: 30.00%, rank 2 of 3" in words(last(pages, "labels"))
    assert last(pages, "session").label == "right"


def test_a_checkpoint_without_labels_says_so(made, explorer):
    explorer.recogniser.card = card("recogniser", 0)
    pages = list(made.open(Session("tested")))
    assert text.NO_LABELS in words(last(pages, "labels"))
    assert explorer.kinds() == ["attend", "reconstruct"]


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
    before = Session("tested")
    now, why = broken_off(made, made.open(before), before)
    page = made.last_word(now, why, before)
    assert words(page.reconstruction).count("Not computed for this clip. There is no decoder.") == 1
    assert isinstance(page.labels, Unchanged) and isinstance(page.attention, Unchanged)
    assert page.status == []
    assert "attend" in now.player["lenses"]


def test_pictures_that_were_cleared_away_are_missed_in_words(made):
    session = explored(made)
    Path(session.player["tracks"]["clip"]["file"]).unlink()
    with pytest.raises(RequestError, match="cleared away after 24 hours"):
        list(made.choose(session, [0, 0, 0]))


def test_before_a_clip_nothing_can_be_changed(made):
    for pages in (
        made.choose(Session("tested"), None),
        made.set_mask(Session("tested"), "kind", "tube", 0.5, 0),
        made.look_up(Session("tested"), "right"),
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
    session = last(list(made.set_rollout(explored(made), "max", 0.5, 2, 3)), "session")
    session = last(list(made.choose(session, [0, 0, 0])), "session")
    session = last(list(made.set_mask(session, "kind", "random", 0.5, 7)), "session")
    pages = list(made.load(session, "large"))
    session = last(pages, "session")
    assert (session.weights, session.clip.path.name) == ("large", "first.mp4")
    assert session.settings == RolloutSettings("max", 0.5)
    assert session.mask == MaskRequest("random", 0.75, 7)
    assert last(pages, "weights_list").chosen == "large"
    assert "Other weights" in last(pages[:3], "stale")


def test_a_true_label_stays_with_its_clip(made, explorer):
    """Other weights that know it, other frames, the same clip once more; not another clip."""
    session = last(list(made.look_up(explored(made), "right")), "session")
    same = list(made.explore(session, None))
    assert last(same, "session").label == "right"
    assert all(isinstance(page.label, Unchanged) for page in same)
    loaded = list(made.load(session, "large"))
    assert last(loaded, "session").label == "right"
    assert all(isinstance(page.label, Unchanged) for page in loaded)
    assert "right: 30.00%" in words(last(loaded, "labels"))
    other = list(made.pick(session, 1))
    assert last(other, "session").label is None
    assert last(other, "label") is None
    assert "right: " not in words(last(other, "labels"))


def test_a_true_label_is_gone_with_weights_that_do_not_know_it(made, explorer):
    session = last(list(made.look_up(explored(made), "right")), "session")
    explorer.recogniser.model.config.id2label = {0: "cooking", 1: "still"}
    pages = list(made.load(session, "large"))
    assert last(pages, "session").label is None
    assert last(pages, "label") is None


def test_what_is_shown_and_what_is_remembered_never_part(made):
    """Whoever cancels half-way goes on with the clip that is on the screen."""
    session = explored(made)
    for page in made.pick(session, 1):
        if isinstance(page.session, Session):
            session = page.session
            assert session.clip.path.name == "b.mp4"
        if isinstance(page.player, dict):
            assert session.player == page.player
        else:  # nothing of the new clip comes before its frames
            parts = (page.weights, page.clip, page.weights_list)
            assert all(isinstance(part, Unchanged) for part in parts)


def test_whoever_cancels_is_told_what_is_missing(made):
    before = explored(made)
    stages = {}
    now = before
    for page in made.pick(before, 1):
        if isinstance(page.session, Session):
            now = page.session
        if isinstance(page.status, list) and page.status:
            stages[page.status[0]["text"]] = now
    lost = {
        stage: [
            part
            for part in ("labels", "attention", "reconstruction")
            if "Not computed" in words_of(made.last_word(at, text.WAS_CANCELLED, before), part)
        ]
        for stage, at in stages.items()
    }
    assert lost == {
        "Loading the weights ...": [],
        "Reading the clip ...": [],
        "Recognising ...": ["labels", "attention", "reconstruction"],
        "Following attention ...": ["attention", "reconstruction"],
        "Reconstructing what was hidden ...": ["reconstruction"],
    }
    unread = made.last_word(stages["Reading the clip ..."], text.WAS_CANCELLED, before)
    assert unread.notice == "The work was cancelled. The page still shows first.mp4."
    assert unread.controls == before and unread.player == before.player
    begun = made.last_word(stages["Recognising ..."], text.WAS_CANCELLED, before)
    assert isinstance(begun.notice, Unchanged)
    assert begun.controls.clip.path.name == "b.mp4"


def words_of(page: Page, part: str) -> str:
    return "" if isinstance(getattr(page, part), Unchanged) else words(getattr(page, part))


def test_before_the_first_clip_a_broken_off_page_says_what_to_do(made):
    before = Session("tested")
    page = made.last_word(before, text.WAS_CANCELLED, before)
    assert "press Explore" in page.player["empty"]


def test_the_pool_keeps_few_explorers():
    pool = ExplorerPool("bundled", make=lambda weights, reconstructor: FakeExplorer())
    first = pool.get("bundled")
    assert pool.get("bundled") is first
    for name in ("base-finetuned-kinetics", "base-finetuned-ssv2"):
        pool.get(name)
    assert pool.get("bundled") is not first


# ---- the edge: toasts and outputs ----------------------------------------------------------------


def test_an_expected_problem_becomes_one_escaped_sentence():
    def fail():
        yield Page(status=[])
        raise VideoError("<img src=x> is no clip.")

    with pytest.raises(gr.Error) as caught:
        list(outputs.deliver(fail()))
    assert caught.value.message == "&lt;img src=x&gt; is no clip."
    assert not caught.value.print_exception


def test_a_handler_that_changes_nothing_says_so():
    (nothing,) = outputs.deliver(iter(()))
    assert nothing == [gr.skip()] * len(nothing)


def test_a_defect_is_logged_and_not_shown(caplog):
    def fail():
        yield Page(status=[])
        raise KeyError("inner name")

    with pytest.raises(gr.Error) as caught:
        list(outputs.deliver(fail()))
    assert caught.value.message == text.DEFECT
    assert "inner name" in caplog.text


def test_a_defect_is_logged_though_the_visitor_has_left(caplog):
    def fail():
        yield Page(status=[])
        raise KeyError("inner name")

    answers = outputs.deliver(fail())
    next(answers), next(answers)
    answers.close()
    assert "inner name" in caplog.text


def test_what_gradio_says_already_is_passed_on(caplog):
    """ZeroGPU tells in this way that a visitor's quota is used up."""

    def fail():
        yield Page(status=[])
        raise gr.Error("The quota is used up.")

    with pytest.raises(gr.Error, match="The quota is used up"):
        list(outputs.deliver(fail()))
    assert not caplog.text


def test_every_page_fills_every_output(made):
    pool = made.pool
    builder = app.PageBuilder(pool, (), Edge())

    async def build():  # without a loop, gradio makes some of its own and leaves them open
        builder.build()

    with ThreadPoolExecutor(1) as thread:  # the browser tests have a loop in the main one
        thread.submit(lambda: asyncio.run(build())).result()
    pages = [outputs.to_outputs(page) for page in made.open(Session("tested"))]
    assert {len(page) for page in pages} == {len(builder.outputs)}
    for page in pages:
        pairs = zip(builder.outputs, page, strict=True)
        ours = [value for component, value in pairs if isinstance(component, gr.HTML)]
        # An object would be edited in place in the browser: see `sealed`.
        assert all(value == gr.skip() or isinstance(value, str) for value in ours)


def changes_beyond_values(page: list) -> list[int]:
    """The places where more than a value changes: choices, limits, what is visible."""
    return [at for at, value in enumerate(page) if isinstance(value, dict) and len(value) > 1]


def test_changes_beyond_values_are_repeated_to_the_end(made):
    def check(pages) -> int:
        before: dict[int, object] = {}
        for page in pages:
            changes = {at: page[at] for at in changes_beyond_values(page)}
            assert changes | before == changes
            before = changes
        return len(before)

    def refused():
        with contextlib.suppress(gr.Error):
            yield from outputs.deliver(made.set_rollout(session, "mean", 0.0, 9, 1))

    # The weights, the labels to look up, the two layers, the files of three lenses.
    assert check(outputs.deliver(made.open(Session("tested")))) == 7
    session = explored(made)
    assert check(outputs.deliver(made.pick(session, 1))) == 4  # the layers are known by now
    assert check(refused()) == 2


def test_controls_that_a_visitor_set_are_not_set_again(made):
    session = explored(made)
    given = [page for page in made.set_mask(session, "kind", "random", 0.6, 3)]
    given += made.set_mask(last(given, "session"), "ratio", "random", 0.7, 4)
    given += made.pick(last(given, "session"), 1)
    assert all(isinstance(page.mask, Unchanged) for page in given)
    given = list(made.paint(session, painted(session, HIDDEN)))
    assert last(given, "mask").kind == "painted"
    redrawn = list(made.set_mask(last(given, "session"), "ratio", "painted", 0.7, 4))
    assert [page.mask_kind for page in redrawn][:1] == ["tube"]
    assert all(isinstance(page.mask, Unchanged) for page in redrawn)


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
            settings=RolloutSettings("max", 0.5, 1, 2, (0, 1, 1)),
            mask=MaskRequest("painted", 0.5, painted=b"\xf0\x0f\x00\xff"),
        ),
    ],
)
@pytest.mark.parametrize(
    "rule",
    [None, SamplingRule.uniform(), SamplingRule.stride(0.05), SamplingRule.every(3)],
)
def test_the_view_in_python_runs(session, rule, clip_path, recogniser_folder, reconstructor_folder):
    clip = ClipRequest(clip_path, sampling=rule, stored_pixels=rule is None)
    session = replace(session, weights=str(recogniser_folder), clip=clip)
    code = view_in_python(session, str(reconstructor_folder))
    assert rule is None or f"SamplingRule.{rule.kind}" in code
    assert ("stored_pixels=True" in code) == (rule is None)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=clip_path.parent,
        env={"PYTHONPATH": str(Path(app.__file__).parents[2]), "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("dB") >= 3 and "x uniform" in done.stdout


def test_foreign_names_are_quoted_in_the_view_in_python():
    name = "a'); import os; ('.mp4"
    code = view_in_python(Session("bundled", ClipRequest(Path("/tmp") / name)))
    assert f"Path({name!r})" in code
    assert "/tmp" not in code


def test_controls_that_are_refused_go_back_to_what_is_shown(made):
    session = explored(made)
    pages = made.set_mask(session, "kind", "painted", 0.5, 0)
    assert next(pages).mask == session.mask
    with pytest.raises(RequestError, match="No mask is painted yet"):
        next(pages)
    pages = made.set_rollout(session, "mean", 0, 3, 2)
    back = next(pages)
    assert back.session == session and isinstance(back.layers, int)
    with pytest.raises(RequestError, match="Layers 3 to 2"):
        next(pages)


def test_another_share_takes_the_place_of_a_painted_mask(made):
    session = explored(made)
    by_hand = replace(session, mask=MaskRequest("painted", 0.5, painted=b"\xf0\x0f\x00"))
    for changed in ("ratio", "seed"):
        pages = list(made.set_mask(by_hand, changed, "painted", 0.75, 2))
        assert last(pages, "session").mask == MaskRequest("tube", 0.75, 2)


def test_a_field_that_is_left_as_it_was_leaves_a_painted_mask_alone(made, explorer):
    session = explored(made)
    by_hand = replace(session, mask=MaskRequest("painted", 0.5, painted=b"\xf0\x0f\x00"))
    explorer.asked.clear()
    for field in ("seed", "ratio"):
        assert list(made.set_mask(by_hand, field, "painted", 0.5, 0)) == []
    assert not explorer.asked
    redrawn = last(list(made.set_mask(by_hand, "preset", "painted", 0.5, 0)), "session")
    assert redrawn.mask == MaskRequest("tube", 0.5, 0)


def test_examples_are_sampled_as_the_controls_say(made):
    pages = list(made.pick(Session("tested"), 1, UNIFORM, 0.1, 4, "", False))
    assert last(pages, "session").clip.sampling == SamplingRule.uniform()


def test_another_clip_starts_in_its_middle(made):
    session = last(list(sampled(made, explored(made), "start_s", start_s="0.25")), "session")
    pages = list(made.pick(session, 1, OWN, 0.1, 4, "0.25", False))
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
    changed = {name for name in Page.__slots__ if not isinstance(getattr(page, name), Unchanged)}
    assert changed == {"status"}


def test_a_preview_is_made_within_the_owners_limits(made, clip_path, tmp_path):
    session = replace(explored(made), clip=ClipRequest(clip_path))
    (page,) = list(made.preview(session, str(clip_path)))
    assert Path(page.video).is_file()
    strict = Handlers(made.pool, (), lambda content, name: name, Limits(clip_frames=10))
    with pytest.raises(VideoError, match="10"):
        list(strict.preview(session, str(clip_path)))
