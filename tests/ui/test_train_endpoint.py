"""One training on a page: whose it is, what it tells, and what becomes of what was learnt."""

import base64
import io
import json
import threading
import time
import zipfile

import anyio
import cv2
import numpy as np
import pytest
from anyio.to_thread import run_sync
from asgi_request import ask, run_alone
from tiny import tiny_config

from videomae_demo.device import choose_device, one_at_a_time
from videomae_demo.engine.roles import usual_sampling
from videomae_demo.explorer import Explorer
from videomae_demo.limits import DEFAULT_LIMITS, Limits
from videomae_demo.pool import MOST_MADE, ExplorerPool
from videomae_demo.training.live import finetuning, pretraining, stock
from videomae_demo.training.live.finetuning import NAMED
from videomae_demo.training.live.progress import HeldOut, Subject
from videomae_demo.training.live.settings import FinetuningSettings, PretrainingSettings
from videomae_demo.ui.train import words, workshop
from videomae_demo.ui.train.endpoint import Train
from videomae_demo.ui.train.workshop import FREE_AFTER_S, LEAVES_AFTER_S, Workshop

ANNE, BERT = ("a" * 32, "b" * 32)
CONFIG = tiny_config(num_frames=16, norm_pix_loss=False, use_mean_pooling=False, id2label={})


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """A tiny model, few clips, small batches."""
    monkeypatch.setattr(stock.Stock.__init__, "__defaults__", (8, None))
    for module in (pretraining, finetuning):
        monkeypatch.setattr(module, "BATCH", 2)
        monkeypatch.setattr(module, "tiny_config", lambda: CONFIG)
    monkeypatch.setattr(finetuning, "HELD_OUT_CLIPS", len(NAMED))


class Page:
    """A page's training, asked without a browser."""

    def __init__(self, folder, minutes: int = 30) -> None:
        self.now = 0.0
        self.pool = ExplorerPool("bundled")
        self.workshop = Workshop(minutes, lambda: self.now)
        self.kept: list[str] = []
        self.train = Train(self.pool, self.workshop, folder, self.kept.append)

    def post(self, do: str, settings=None, visitor: str = ANNE, mode: str = "pretrain"):
        body = [] if settings is None else [json.dumps({"mode": mode, "settings": settings})]
        query = f"do={do}&visitor={visitor}"
        return self._ask([one.encode() for one in body], query, "POST")

    def get(self, do: str = "state", visitor: str = ANNE, more: str = ""):
        return self._ask([], f"do={do}&visitor={visitor}{more}", "GET")

    def _ask(self, body, query: str, method: str):
        answer = ask(self.train, Train.route, body, query=query, method=method)
        return answer.status, json.loads(answer.body)

    def take_steps(self, steps: int | None = None) -> None:
        """Take so many steps, or all that are wanted."""

        async def run() -> None:
            training = self.workshop.training
            begun = training.step
            while self.workshop._wanted and not training.is_done:
                if steps is not None and training.step - begun >= steps:
                    return
                self.workshop._pause_if_nobody_looks()
                if self.workshop._wanted:
                    await self.workshop._step(training)

        run_alone(run)

    def learn(self, steps: int = 2, mode: str = "pretrain", **settings) -> None:
        assert self.post("begin", {"steps": 10} | settings, mode=mode)[0] == 200
        assert self.post("play")[0] == 200
        self.take_steps(steps)


@pytest.fixture
def page(tmp_path) -> Page:
    return Page(tmp_path / "trained")


def test_a_training_is_told_from_its_beginning_to_its_end(page):
    assert page.get()[1]["state"] == "empty"
    status, told = page.post("begin", {"steps": 10, "seed": 4})
    assert (status, told["state"], told["run"]) == (200, "paused", 1)
    assert told["settings"] == PretrainingSettings(steps=10, seed=4).to_json()
    assert page.post("play")[1]["state"] == "preparing"
    page.take_steps(3)
    _, told = page.get()
    assert (told["state"], told["step"], told["steps"]) == ("playing", 3, 10)
    training = page.workshop.training
    assert told["losses"] == pytest.approx(training.losses, rel=1e-4)
    assert [row[0] for row in told["measured"]] == [0, 2]
    assert told["measured"][1][1:] == [training.held_out.loss, training.held_out.score]
    assert page.post("pause")[1]["state"] == "paused"
    page.post("play")
    page.take_steps()
    assert page.get()[1]["state"] == "done"
    assert page.get()[1]["step"] == 10
    assert page.post("play")[1]["state"] == "done"


def test_only_what_the_page_has_not_is_sent_again(page):
    page.learn(3)
    _, told = page.get()
    known = f"&run=1&losses=2&measured=1&subject=1&at={told['at']}"
    _, more = page.get(more=known)
    assert more["losses"] == told["losses"][2:] and more["first_loss"] == 2
    assert more["measured"] == told["measured"][1:] and more["first_measured"] == 1
    assert not {"subject", "picture", "verdict"} & more.keys()
    for other in (known.replace("run=1", "run=7"), "&run=1&losses=x&at=-1"):
        _, again = page.get(more=other)
        assert len(again["losses"]) == 3 and again["subject"] == told["subject"]


def test_pictures_are_those_of_the_training(page):
    page.learn(2)
    _, told = page.get()
    run, held = page.workshop.training.run, page.workshop.training.held_out
    subject = told["subject"]
    pictures = (subject["clip"], subject["visible"], told["picture"])
    truth = (run.subject.clip, run.subject.visible, held.picture)
    for address, frames in zip(pictures, truth, strict=True):
        content = base64.b64decode(address.removeprefix("data:image/png;base64,"))
        sheet = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
        cells = sheet.reshape(4, 32, 4, 32, 3).swapaxes(1, 2).reshape(16, 32, 32, 3)
        np.testing.assert_array_equal(cells, frames)
    assert [subject[name] for name in ("frames", "height", "width", "columns")] == [16, 32, 32, 4]
    assert subject["rival_loss"] == run.subject.rival_loss
    assert subject["rival_score"] == run.subject.rival_score


def test_one_step_is_one_step(page):
    page.post("begin", {"steps": 10})
    page.post("step")
    page.take_steps()
    assert page.get()[1]["step"] == 1
    assert page.get()[1]["state"] == "paused"


def test_somebody_else_watches(page):
    page.learn(1)
    _, told = page.get(visitor=BERT)
    assert told["owner"] == "other" and told["losses"]
    for do, settings in (("begin", {}), ("play", None), ("pause", None), ("open", None)):
        status, told = page.post(do, settings, visitor=BERT)
        assert (status, told["detail"]) == (503, words.TAKEN)
    assert page.get("zip", visitor=BERT)[0] == 503
    page.post("leave", visitor=BERT)
    assert page.get()[1]["state"] == "playing"


def test_a_training_whose_owner_has_left_pauses_and_is_free_after_a_while(page):
    page.learn(1)
    page.now = LEAVES_AFTER_S - 0.1
    page.get(visitor=BERT)
    page.take_steps(1)
    assert page.get(visitor=BERT)[1]["state"] == "playing"
    page.now += 0.2
    page.take_steps(1)
    _, told = page.get(visitor=BERT)
    assert (told["state"], told["why"], told["step"]) == ("paused", words.LEFT, 2)
    assert page.post("play", visitor=BERT)[0] == 503
    page.now = FREE_AFTER_S + 0.1
    assert page.get(visitor=BERT)[1]["owner"] == "nobody"
    assert page.post("play", visitor=BERT)[1]["why"] == ""
    assert page.get()[1]["owner"] == "other"


def test_who_says_that_they_leave_need_not_be_waited_for(page):
    page.learn(1)
    page.post("leave")
    assert page.workshop.state == "paused"
    assert page.workshop.training.why == words.LEFT
    assert page.get()[1]["owner"] == "you"  # the page was loaded again


def test_finetuning_begins_with_what_was_pretrained(page):
    status, told = page.post("begin", {}, mode="finetune")
    assert status == 400 and "pretrain one first" in told["detail"]
    assert page.get()[1]["nothing_here"] == told["detail"]
    page.learn(2)
    assert page.get()[1]["nothing_here"] == ""
    page.learn(1, mode="finetune")
    _, told = page.get()
    assert told["started"] == (
        "Starts from the encoder pretrained here for 2 steps, and learns to name how the camera "
        "moves."
    )
    assert told["subject"]["rival"] == "chance, 1 of 4"
    assert told["subject"]["rival_score"] == 1 / 4
    held = page.workshop.training.held_out
    best = max(held.probabilities, key=held.probabilities.get)
    assert told["labels"][0]["label"] == best
    assert told["labels"][0]["probability"] == held.probabilities[best]
    assert len(told["labels"]) == 4 and "picture" not in told
    page.learn(1, mode="finetune", seed=2)  # once more from the same encoder
    assert page.workshop.training.pretrained is not None


def test_a_training_ends_when_its_minutes_are_over(page, monkeypatch):
    page.workshop.minutes = 1
    page.learn(1)
    page.workshop.training.seconds = 60
    page.take_steps(1)
    _, told = page.get()
    assert told["state"] == "done"
    assert "may take 1 minutes (VIDEOMAE_MAX_TRAINING_MINUTES)" in told["why"]


def test_a_loss_that_is_no_number_ends_the_training(page):
    page.learn(1)
    weight = next(page.workshop.training.run.model.parameters())
    weight.data.fill_(float("nan"))
    page.take_steps(1)
    _, told = page.get()
    assert (told["state"], told["why"], told["step"]) == ("done", words.DIVERGED, 1)


def test_a_defect_ends_the_training_and_is_logged(page, monkeypatch, caplog):
    page.learn(1)

    def broken():
        raise ZeroDivisionError
        yield

    page.workshop.training.steps = broken()
    page.take_steps(1)
    assert "written to the log" in page.get()[1]["why"]
    assert "A training failed" in caplog.text


def test_a_step_takes_one_core_and_where_somebody_waits_a_rest_follows(page, monkeypatch):
    import torch

    page.learn(1)
    threads, turns = [], []
    real = page.workshop.training.steps

    def steps():
        while True:
            threads.append(torch.get_num_threads())
            if len(threads) == 1:
                other.start()
                while not waits():
                    time.sleep(0.01)
            yield next(real)

    def waits() -> bool:
        from videomae_demo.device import is_awaited

        return is_awaited(choose_device())

    def take_a_turn():
        with one_at_a_time(choose_device()):
            turns.append(1)

    other = threading.Thread(target=take_a_turn)
    page.workshop.training.steps = steps()
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        rests = []

        async def run() -> None:
            for _ in range(2):
                rests.append(await page.workshop._step(page.workshop.training))
                await run_sync(other.join)
            rests.append(await page.workshop._step(page.workshop.training))

        run_alone(run)
    finally:
        torch.set_num_threads(before)
        other.join()
    assert threads == [1, 1, 1]
    assert rests[0] > 0 and rests[1:] == [0, 0] and turns


# ---- what was learnt -----------------------------------------------------------------------------


def test_what_was_pretrained_opens_in_explore(page, clip_path):
    status, told = page.post("open")
    assert (status == 400 and told["detail"] == words.TAKEN) or status in (400, 503)
    page.learn(2)
    assert page.post("open")[1] == {"weights": "trained-here"}
    assert page.post("open")[1] == {"weights": "trained-here"}  # nothing was learnt meanwhile
    offer = page.pool.offer("trained-here")
    held = page.workshop.training.held_out
    assert offer.title == f"Pretrained here: {held.score:.1f} dB after 2 steps, knows no labels"
    assert offer.line.endswith("on this machine")
    assert words.verdict(page.workshop.training.run.subject, held) in offer.sentence
    assert page.pool.absent("trained-here") == ()
    explorer = page.pool.get("trained-here")
    card = explorer.recogniser.card
    assert (card.label_count, card.sampling.interval_s) == (0, 0.125)
    assert card.sampling_is_known and usual_sampling(explorer.weights) == card.sampling
    from videomae_demo.engine.clips import ClipRequest
    from videomae_demo.lenses.masks import MaskRequest

    view = explorer.reconstruct(ClipRequest(clip_path), MaskRequest(ratio=0.75))
    assert view.reconstruction.mask.shape == CONFIG.grid.shape
    own = page.workshop.training.run.model.state_dict()
    loaded = explorer.reconstructor.model.state_dict()
    assert all((loaded[name] == own[name]).all() for name in own)
    assert {path.rsplit("/", 1)[1] for path in page.kept} >= {"model.safetensors", "config.json"}
    assert page.workshop.training.run.model.training


def test_what_was_finetuned_opens_with_its_own_decoder(page, clip_path):
    page.learn(2)
    page.learn(1, mode="finetune")
    assert page.post("open")[1] == {"weights": "trained-here"}
    explorer = page.pool.get("trained-here")
    assert explorer.recogniser.card.label_count == 4
    pretrained = page.workshop.training.pretrained.state_dict()
    loaded = explorer.reconstructor.model.state_dict()
    assert all((loaded[name] == pretrained[name]).all() for name in pretrained)
    page.learn(1, mode="finetune", start="untrained")
    assert page.post("open")[1] == {"weights": "trained-here-2"}
    assert page.pool.get("trained-here-2").reconstructor.card.is_bundled
    from videomae_demo.engine.clips import ClipRequest

    labels = explorer.classify(ClipRequest(clip_path)).classification.labels
    assert labels == NAMED


def test_only_the_last_ones_are_kept(page, tmp_path):
    page.learn(1)
    for _ in range(MOST_MADE + 1):
        page.post("open")
        page.post("step")
        page.take_steps()
    names = [offer.name for offer in page.pool.offers() if offer.name.startswith("trained")]
    assert names == ["trained-here-2", "trained-here-3", "trained-here-4"]
    folders = sorted(path.name for path in (tmp_path / "trained").iterdir())
    assert folders == ["2", "3", "4"]


def test_the_zip_loads_from_its_folder(page, tmp_path, clip_path):
    page.learn(2)
    page.learn(2, mode="finetune")
    query = f"do=zip&visitor={ANNE}"
    answer = ask(page.train, Train.route, [], query=query, method="GET")
    assert answer.status == 200
    assert answer.headers["content-disposition"].endswith('"videomae-trained-here.zip"')
    zipfile.ZipFile(io.BytesIO(answer.body)).extractall(tmp_path)
    folder = tmp_path / "videomae-trained-here"
    names = {"config.json", "model.safetensors", "preprocessor_config.json", "README.md"}
    assert {path.name for path in folder.iterdir()} == names
    run, held = page.workshop.training.run, page.workshop.training.held_out
    card = (folder / "README.md").read_text()
    assert words.verdict(run.subject, held) in card
    assert "2 of 10 steps (rate 0.02, seed 0, steps 10, start here)" in card
    from videomae_demo.cli.main import main

    assert main(["classify", str(clip_path), "--weights", str(folder), "--json"]) in (0, None)
    assert Explorer(str(folder)).recogniser.card.label_count == 4


# ---- what makes no sense, and what is off --------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "query", "body", "said"),
    [
        ("GET", "do=state", b"", "32 hexadecimal digits"),
        ("GET", f"do=dance&visitor={ANNE}", b"", "give facts, state or zip"),
        ("GET", f"do=zip&visitor={ANNE}", b"", "Nothing is learnt yet"),
        ("POST", f"do=dance&visitor={ANNE}", b"", "give begin, play, step"),
        ("POST", f"do=begin&visitor={ANNE}", b"", "Send {"),
        ("POST", f"do=begin&visitor={ANNE}", b"[" * 5000, "Send {"),
        ("POST", f"do=begin&visitor={ANNE}", b'{"mode": 1, "settings": {}}', "The mode is 1"),
        ("POST", f"do=begin&visitor={ANNE}", b'{"settings": 3}', "Send {"),
        ("POST", f"do=open&visitor={ANNE}", b"", "Nothing is learnt yet"),
    ],
)
def test_what_makes_no_sense_is_a_sentence(page, method, query, body, said):
    answer = ask(page.train, Train.route, [body], query=query, method=method)
    assert answer.status == 400 and said in json.loads(answer.body)["detail"]


def test_on_a_public_page_nothing_is_trained_unless_its_owner_says_so(tmp_path):
    assert DEFAULT_LIMITS.training_minutes == 30
    assert Limits.from_environment({}, public=True).training_minutes == 0
    given = {"VIDEOMAE_MAX_TRAINING_MINUTES": "5"}
    assert Limits.from_environment(given, public=True).training_minutes == 5
    page = Page(tmp_path, minutes=0)
    assert page.get("facts")[1] == {"off": words.OFF}
    assert "VIDEOMAE_MAX_TRAINING_MINUTES" in words.OFF
    status, told = page.post("begin", {})
    assert (status, told["detail"]) == (400, words.OFF)


def test_training_is_not_for_a_gpu_that_is_lent(page, monkeypatch):
    monkeypatch.setenv("SPACES_ZERO_GPU", "1")
    assert page.get("facts")[1] == {"off": words.LENT_GPU}
    assert page.post("begin", {})[0] == 400


def test_the_page_trains_by_itself_while_it_is_served(page):
    async def run() -> None:
        async with page.train.running():
            page.workshop.begin(ANNE, PretrainingSettings(steps=10))
            page.workshop.play(ANNE)
            with anyio.fail_after(120):
                while page.workshop.state != "done":
                    await anyio.sleep(0.01)

    run_alone(run)
    assert page.workshop.training.step == 10


# ---- words ---------------------------------------------------------------------------------------


def test_the_model_is_told_from_its_configuration():
    assert words.tell_model(tiny_config(id2label={}), 1_234_567) == (
        "1.23 million weights: an encoder of 3 layers, 24 wide, and a decoder of 1 layers. It "
        "sees 4 frames of 32 x 32 px as 32 tokens (2 x 4 x 4)."
    )
    assert "a classifier of 3 labels" in words.tell_model(tiny_config(), 1)


def test_the_pace_is_told():
    assert words.tell_pace(3, 10, None) == "Step 3 of 10"
    assert words.tell_pace(10, 10, 2.0) == "Step 10 of 10"
    assert words.tell_pace(100, 400, 2.5) == (
        "Step 100 of 400, 2.5 steps a second, about 2 minutes left"
    )
    assert words.tell_pace(1, 5, 0.5) == "Step 1 of 5, 2.0 s a step, about 8 s left"


def test_the_speed_is_that_of_the_last_steps():
    training = workshop.Training(1, PretrainingSettings(), "", None)
    assert training.per_s is None
    for at in range(40):
        training.ends.append(at if at < 20 else 20 + (at - 20) / 2)
    assert training.per_s == pytest.approx(20 / (training.ends[-1] - training.ends[0]))
    assert 1.9 < training.per_s < 2.1


CLIP = np.zeros((1, 8, 8, 3), np.uint8)


def test_the_verdict_compares_with_what_needs_no_model():
    subject = Subject(CLIP, CLIP, "orbiting", 16, "distance-weighted", 0.03, 15.5)

    def said(score: float) -> str:
        return words.verdict(subject, HeldOut(0.1, score, None, {}))

    than = "the best filling without a model (the distance-weighted mean of what is visible)."
    assert said(17.0) == f"17.0 dB on 16 held-out clips: 1.5 dB better than {than}"
    assert said(10.0) == f"10.0 dB on 16 held-out clips: 5.5 dB worse than {than}"
    assert said(15.52) == f"15.5 dB on 16 held-out clips: as good as {than}"
    assert words.rival_name(subject) == "best filling without a model"


def test_the_verdict_compares_with_chance():
    subject = Subject(CLIP, None, "orbiting", 64, "chance", None, 1 / 16)
    assert words.verdict(subject, HeldOut(1.0, 0.5, None, {})) == (
        "Names 32 of 64 held-out clips rightly: 50%, where chance is 6.2%."
    )
    assert words.rival_name(subject) == "chance, 1 of 16"
    assert words.title(subject, HeldOut(1, 0.5, None, {}), 300) == (
        "Trained here: names 50% of held-out camera motions after 300 steps"
    )


def test_what_a_training_starts_from_is_told():
    assert words.tell_start(PretrainingSettings(), 7) == "Starts from random weights."
    told = {
        start: words.tell_start(FinetuningSettings(start=start), 7)
        for start in ("here", "untrained", "bundled")
    }
    assert "pretrained here for 7 steps" in told["here"]
    assert "untrained" in told["untrained"] and "bundled" in told["bundled"]
