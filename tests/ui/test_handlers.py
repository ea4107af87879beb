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

from videomae_demo.analysis.classification import Classification
from videomae_demo.analysis.reconstruction import Picture, Reconstruction
from videomae_demo.analysis.rollout import Rollout
from videomae_demo.checkpoints.download import DownloadProgress
from videomae_demo.errors import CheckpointError, RequestError, VideoError
from videomae_demo.explorer import RolloutSettings
from videomae_demo.model.config import TokenGrid
from videomae_demo.model.processor import CropBox
from videomae_demo.roles import CheckpointCard
from videomae_demo.ui import app, outputs, text, weights
from videomae_demo.ui.controls import AS_TRAINED, EVERY, UNIFORM
from videomae_demo.ui.examples import Example, find_examples
from videomae_demo.ui.handlers import Handlers
from videomae_demo.ui.page import Page, Unchanged
from videomae_demo.ui.session import Session
from videomae_demo.ui.snippet import view_in_python
from videomae_demo.ui.weights import ExplorerPool, Offer
from videomae_demo.video.sampling import SamplingRule
from videomae_demo.views import (
    ClipRequest,
    LabelsView,
    MaskRequest,
    ReconstructionView,
    RolloutView,
    SeenClip,
)

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
        config = SimpleNamespace(num_hidden_layers=4)
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
    return Handlers(FakePool(explorer), examples, save, 24)


def last(pages, name: str):
    """The last value that a part of the page was given."""
    given = [value for page in pages if not isinstance(value := getattr(page, name), Unchanged)]
    return given[-1]


def words(blocks) -> str:
    return json.dumps(blocks)


def explored(made: Handlers) -> Session:
    return last(list(made.open()), "session")


def test_opening_explores_the_first_example_stage_by_stage(made, explorer):
    pages = list(made.open())
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
    for page in made.open():
        if isinstance(page.player, dict):
            break
    assert explorer.kinds() == []
    assert list(page.player["lenses"]) == ["recognise"]


def test_a_page_that_is_closed_ends_the_work(made, explorer):
    pages = made.open()
    for page in pages:
        if isinstance(page.player, dict):
            break
    pages.close()
    assert explorer.kinds() == []


def test_a_page_without_examples_asks_for_a_clip(made):
    empty = Handlers(made.pool, (), lambda content, name: name, 24)
    (page,) = list(empty.open())
    assert page.player == {"empty": text.NO_CLIP}
    with pytest.raises(RequestError, match="no clip"):
        list(empty.explore(Session("tested"), None, AS_TRAINED, 1, None))


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
    [(AS_TRAINED, None), (EVERY, SamplingRule.stride(0.2)), (UNIFORM, SamplingRule.uniform())],
)
def test_the_sampling_reaches_the_explorer(made, explorer, tmp_path, sampling, rule):
    list(made.explore(Session("tested"), str(tmp_path / "own.mp4"), sampling, 0.2, "0.5"))
    assert explorer.asked[0] == ("see", ClipRequest(tmp_path / "own.mp4", 0.5, rule))


@pytest.mark.parametrize("start", ["soon", [1]])
def test_a_start_that_is_no_number_is_refused(made, start):
    with pytest.raises(RequestError, match="start"):
        list(made.explore(Session("tested"), "own.mp4", AS_TRAINED, 0.2, start))


def test_a_mask_is_drawn_as_its_controls_say(made, explorer):
    pages = list(made.set_mask(explored(made), "random", 0.9, 7))
    assert explorer.asked[-2] == ("reconstruct", MaskRequest("random", 0.9, 7))
    assert last(pages, "session").mask == MaskRequest("random", 0.9, 7)
    assert "random mask, seed 7" in words(last(pages, "reconstruction"))


def test_a_painted_mask_travels_as_one_byte_per_token(made, explorer):
    hidden = np.zeros(GRID.tokens, np.uint8)
    hidden[[0, 9, 17]] = 1
    session = explored(made)
    list(made.paint(session, base64.b64encode(hidden.tobytes()).decode()))
    kind, mask = explorer.asked[-2]
    assert kind == "reconstruct"
    assert mask == MaskRequest("painted", painted=np.packbits(hidden).tobytes())


@pytest.mark.parametrize("mask", ["%%%", "", "AAAA", "None"])
def test_a_painted_mask_that_fits_nothing_is_refused(made, mask):
    with pytest.raises(RequestError, match="paint it again"):
        list(made.paint(explored(made), mask))


def test_a_label_is_looked_up_by_rank(made):
    pages = list(made.look_up(explored(made), "right"))
    assert "right: 30.00%, rank 2 of 3" in words(last(pages, "labels"))
    assert last(pages, "session").label == "right"


def test_a_checkpoint_without_labels_says_so(made, explorer):
    explorer.recogniser.card = card("recogniser", 0)
    pages = list(made.open())
    assert text.NO_LABELS in words(last(pages, "labels"))
    assert explorer.kinds() == ["attend", "reconstruct"]


def test_without_a_decoder_the_other_lenses_still_work(made, explorer):
    explorer.failure = CheckpointError("There is no decoder.")
    pages, coming = [], made.open()
    with pytest.raises(CheckpointError, match="no decoder"):
        while True:
            pages.append(next(coming))
    assert "There is no decoder" in words(last(pages, "reconstruction"))
    assert "attend" in last(pages, "session").player["lenses"]


def test_pictures_that_were_cleared_away_are_missed_in_words(made):
    session = explored(made)
    Path(session.player["tracks"]["clip"]["file"]).unlink()
    with pytest.raises(RequestError, match="cleared away after 24 hours"):
        list(made.choose(session, [0, 0, 0]))


def test_before_a_clip_nothing_can_be_changed(made):
    for pages in (
        made.choose(Session("tested"), None),
        made.set_mask(Session("tested"), "tube", 0.5, 0),
        made.look_up(Session("tested"), "right"),
    ):
        with pytest.raises(RequestError, match="no clip"):
            list(pages)


def test_files_are_written_only_when_asked(made, tmp_path):
    session = explored(made)
    for lens in ("recognise", "attend", "reconstruct"):
        folder = tmp_path / "away" / lens
        paths = last(list(made.files(session, lens, folder)), "files")
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
    given = [page.status for page in made.open() if isinstance(page.status, list)]
    texts = [status[0]["text"] for status in given if status]
    assert texts[1].startswith("Downloading someone/own (1 of 2): 120 of 346 MB")
    assert texts[3] == "Loading the weights ..."


def test_what_is_here_comes_first_and_says_so(monkeypatch):
    here = {"large-finetuned-kinetics", "large"}
    monkeypatch.setattr(weights, "is_here", here.__contains__)
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
    monkeypatch.setattr(weights, "is_here", lambda name: name.startswith("bundled"))
    assert ExplorerPool(asked, reconstructor).absent(asked) == absent


def test_loading_weights_explores_the_same_clip_anew(made):
    session = last(list(made.set_rollout(explored(made), "max", 0.5, 2, 3)), "session")
    session = last(list(made.choose(session, [0, 0, 0])), "session")
    session = last(list(made.set_mask(session, "random", 0.5, 7)), "session")
    session = last(list(made.load(session, "large")), "session")
    assert (session.weights, session.clip.path.name) == ("large", "first.mp4")
    assert session.settings == RolloutSettings("max", 0.5)
    assert session.mask == MaskRequest("random", 0.75, 7)


def test_what_is_shown_and_what_is_remembered_never_part(made):
    """Whoever cancels half-way goes on with the clip that is on the screen."""
    for page in made.pick(explored(made), 1):
        if isinstance(page.player, dict):
            assert page.session.player == page.player
            assert page.session.clip.path.name == "b.mp4"


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
        list(app.deliver(fail()))
    assert not caplog.text


def test_every_page_fills_every_output(made):
    pool = made.pool
    builder = app.PageBuilder(pool, ())

    async def build():  # without a loop, gradio makes some of its own and leaves them open
        builder.build()

    with ThreadPoolExecutor(1) as thread:  # the browser tests have a loop in the main one
        thread.submit(lambda: asyncio.run(build())).result()
    pages = [outputs.to_outputs(page) for page in made.open()]
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

    # The labels to look up, the two layers, the files of three lenses.
    assert check(outputs.deliver(made.open())) == 6
    session = explored(made)
    assert check(outputs.deliver(made.pick(session, 1))) == 4  # the layers are known by now
    assert check(refused()) == 2
    assert [page[10] for page in outputs.deliver(made.pick(session, 1)) if page[10] is None]


def test_controls_that_a_visitor_set_are_not_set_again(made):
    session = explored(made)
    given = [page for page in made.set_mask(session, "random", 0.6, 3)]
    given += made.redraw_mask(last(given, "session"), "random", 0.7, 4)
    given += made.pick(last(given, "session"), 1)
    assert all(isinstance(page.mask, Unchanged) for page in given)
    painted = list(made.paint(session, base64.b64encode(bytes(GRID.tokens)).decode()))
    assert last(painted, "mask").kind == "painted"
    redrawn = list(made.redraw_mask(last(painted, "session"), "painted", 0.7, 4))
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
@pytest.mark.parametrize("rule", [None, SamplingRule.uniform(), SamplingRule.stride(0.05)])
def test_the_view_in_python_runs(session, rule, clip_path, recogniser_folder, reconstructor_folder):
    session = replace(
        session, weights=str(recogniser_folder), clip=ClipRequest(clip_path, sampling=rule)
    )
    code = view_in_python(session, str(reconstructor_folder))
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
    pages = made.set_mask(session, "painted", 0.5, 0)
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
    painted = replace(session, mask=MaskRequest("painted", 0.5, painted=b"\xf0\x0f\x00"))
    pages = list(made.redraw_mask(painted, "painted", 0.75, 2))
    assert last(pages, "session").mask == MaskRequest("tube", 0.75, 2)


def test_examples_are_sampled_as_the_controls_say(made):
    pages = list(made.pick(Session("tested"), 1, "spread over the whole clip", 0.1, ""))
    assert last(pages, "session").clip.sampling == SamplingRule.uniform()


def test_a_clip_that_can_not_be_read_leaves_the_last_one_and_says_so(made, tmp_path):
    session = explored(made)
    pages, shown = made.explore(session, str(tmp_path / "broken.mp4"), "as trained", 0.1, ""), []
    with pytest.raises(VideoError):
        for page in pages:
            shown.append(page)
    assert "broken.mp4 is no clip. The pictures are still" in str(shown[-1].clip)
