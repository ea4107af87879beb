"""What the page Learn asks for: numbers of the Explorer, within limits, and never a traceback."""

import base64
import json
import threading
from pathlib import Path
from urllib.parse import urlencode

import anyio
import numpy as np
import pytest
from asgi_request import run_alone

from videomae_demo.cancellation import check_cancelled
from videomae_demo.engine.clips import ClipRequest
from videomae_demo.explorer import Explorer
from videomae_demo.lenses.masks import MaskRequest
from videomae_demo.lenses.pictures import how_near
from videomae_demo.lessons.steps import STEPS
from videomae_demo.limits import Limits
from videomae_demo.pool import ExplorerPool
from videomae_demo.ui.examples import Shelf, find_examples
from videomae_demo.ui.learn import worked
from videomae_demo.ui.learn.endpoint import Learn
from videomae_demo.ui.learn.worked import WORK


class Client:
    """Asks as a browser does: it stays until it was answered."""

    def __init__(self, learn: Learn) -> None:
        self.learn = learn

    def get(self, method: str = "GET", **query: object) -> tuple[int, bytes]:
        return run_alone(lambda: self.ask(method, query))

    async def ask(self, method, query, leaving: anyio.Event | None = None) -> tuple[int, bytes]:
        status, body = [0], []

        async def receive():
            await (leaving.wait() if leaving else anyio.sleep_forever())
            return {"type": "http.disconnect"}

        async def send(message):
            if message["type"] == "http.response.start":
                status[0] = message["status"]
            body.append(message.get("body", b""))

        scope = {
            "type": "http",
            "method": method,
            "path": Learn.route,
            "query_string": urlencode(query).encode(),
            "headers": [],
        }
        await self.learn(scope, receive, send)
        return status[0], b"".join(body)

    def json(self, **query: object):
        status, body = self.get(**query)
        return status, json.loads(body)

    def work(self, step: str, **query: object):
        status, told = self.json(do="work", step=step, **query)
        assert status == 200, told
        return told


@pytest.fixture(scope="module")
def pool() -> ExplorerPool:
    return ExplorerPool("bundled")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="module")
def client(pool, folder) -> Client:
    def save(content: bytes, name: str) -> str:
        path = folder / f"{hash(content):x}-{name}"
        path.write_bytes(content)
        return str(path)

    def holds(path: str) -> bool:
        return Path(path).is_relative_to(folder) and Path(path).is_file()

    return Client(Learn(pool, Shelf(find_examples(), save), save, holds, Limits(queue_length=2)))


@pytest.fixture(scope="module")
def explorer(pool) -> Explorer:
    return pool.get("bundled")


@pytest.fixture(scope="module")
def clip(client) -> ClipRequest:
    return ClipRequest(next(e.path for e in find_examples() if e.name == "growing"))


def said(told, choice="only"):
    return [block["text"] for block in told["panels"][choice] if block["kind"] == "sentence"]


def test_facts_name_clips_and_weights(client):
    status, told = client.json(do="facts")
    assert status == 200
    assert told["weights"] == "bundled"
    assert [name for name, _ in told["offers"]] == ["bundled"]
    assert "growing" in [example["name"] for example in told["examples"]]


def test_there_is_work_for_each_step():
    assert list(WORK) == [step.name for step in STEPS]


@pytest.mark.parametrize("step", list(WORK))
def test_every_step_is_worked_out(client, step):
    told = client.work(step, example="growing")
    assert told["panels"] and all(told["panels"].values())
    views = told.get("shown", {}).get("lenses", {})
    assert set(told["panels"]) in ({"only"}, set(views))
    for view in views.values():
        for pane in view["panes"]:
            assert all(Path(track["file"]).is_file() for track in pane["tracks"])
    if "choices" in told:
        assert [name for name, _ in told["choices"]] == list(views)


def test_words_are_the_explorers(client, explorer, clip):
    view = explorer.reconstruct(clip, MaskRequest("tube", 0.9, 3))
    told = client.work("ratio", example="growing", ratio="0.9", seed="3")
    assert said(told) == ["456 of 512 tokens are hidden: 89.1%.", how_near(view.reconstruction)]
    (panes,) = (view["panes"] for view in told["shown"]["lenses"].values())
    mask = np.frombuffer(base64.b64decode(panes[0]["mask"]["data"]), np.uint8)
    assert (mask.reshape(8, 8, 8) == view.reconstruction.mask).all()
    near = view.reconstruction.prediction.psnr_db
    assert panes[1]["title"] == f"its picture, {near:.1f} dB"
    assert told["address"] == {"lens": "reconstruct", "mask": "tube", "ratio": "0.9", "seed": "3"}


def test_bars_are_those_of_classify(client, explorer, clip):
    told = client.work("backwards", example="growing")
    bars = told["panels"]["forwards"][0]["rows"]
    best = explorer.classify(clip).classification.top(5)
    assert [(bar["name"], bar["share"]) for bar in bars] == [
        (one.label, pytest.approx(one.probability)) for one in best
    ]
    assert bars[0]["marked"] and told["panels"]["backwards"][0]["rows"][0]["name"] == "shrinking"


def test_layers_are_titled_with_their_numbers(client, explorer, clip):
    told = client.work("decoder", example="growing")
    titles = [view["panes"][1]["title"] for view in told["shown"]["lenses"].values()]
    near = explorer.reconstruct(clip).reconstruction.prediction.psnr_db
    assert titles[0].startswith("before any layer, ")
    assert titles[-1] == f"after layer 3, {near:.1f} dB"
    assert told["first"] == "layer-3"


def test_a_guess_is_told_with_its_answer(client):
    one, other = (client.work("guess", example="growing", round=at) for at in ("0", "1"))
    assert one["place"] != other["place"]
    assert one["candidates"][one["truth"]] == one["place"]
    assert one["psnr"][one["truth"]] is None
    assert len(base64.b64decode(one["mask"])) == 512


def test_the_cost_is_of_the_tokens_that_are_visible(client):
    told = client.work("encoder", example="growing", ratio="0.9")
    assert (told["visible"], told["total"]) == (56, 512)
    share = told["visible_ms"] / told["all_ms"]
    assert f"which is {share:.0%} of the time" in said(told)[1]


def test_a_token_can_be_chosen(client):
    told = client.work("place", example="growing", token="2,3,4")
    assert told["shown"]["chosen"] == [2, 3, 4]
    assert "time 2, row 3, column 4" in said(told, "codes")[0]
    scores = told["shown"]["lenses"]["codes"]["panes"][0]["scores"]
    assert (scores["lower"], scores["upper"], scores["above"]) == (-1, 1, False)


def test_the_chart_comes_line_by_line(client, explorer, clip):
    status, body = client.get(do="sweep", example="growing")
    lines = [json.loads(line) for line in body.splitlines()]
    assert status == 200
    assert [round(line["done"], 1) for line in lines] == [round(at / 10, 1) for at in range(1, 11)]
    last = explorer.known_sweep(clip, "tube")
    told = client.work("ratio", example="growing")
    assert (told["panels"], told["chart"]) == (lines[-1]["panels"], lines[-1]["chart"])
    (chart,) = told["chart"]
    assert chart["kind"] == "shares" and chart["ratios"] == list(last.ratios)
    assert chart["charts"][0]["bands"][0]["values"][0] == f"{last.mean_db[0, 0]:.1f} dB"


def test_a_sweep_that_fails_on_its_way_says_so(client, monkeypatch):
    def fail(lesson, given):
        yield {"panels": {}, "done": 0.1}
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(worked.Lesson, "sweep", fail)
    _, body = client.get(do="sweep", example="growing")
    lines = [json.loads(line) for line in body.splitlines()]
    assert lines[0]["done"] == 0.1 and "No space left" in lines[1]["detail"]


def test_the_handout_is_a_page(client):
    status, body = client.get(do="handout", example="growing", seed="1")
    assert status == 200 and body.startswith(b"<!doctype html>")
    assert b"growing.mp4" in body


def test_a_clip_of_ones_own_is_taught_on(client, folder, clip):
    own = folder / "mine.mp4"
    own.write_bytes(Path(clip.path).read_bytes())
    status, told = client.json(do="open", clip=str(own))
    assert status == 200 and told["name"] == "mine.mp4"
    assert told["usual"] == 0.75


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"do": "open", "clip": "/etc/passwd"}, "not kept here any more"),
        ({"do": "work", "step": "dance"}, "The step is 'dance'; give guess, tokens"),
        ({"do": "nothing"}, "do is 'nothing'; give facts"),
        ({"do": "work", "step": "loss", "ratio": "much"}, "The ratio is 'much'"),
        ({"do": "work", "step": "loss", "ratio": "nan"}, "The ratio is nan"),
        ({"do": "work", "step": "loss", "ratio": "1.5"}, "1.5"),
        ({"do": "work", "step": "loss", "seed": "-1"}, "seed is -1"),
        ({"do": "work", "step": "loss", "mask": "stripes"}, "The mask is 'stripes'; give tube"),
        ({"do": "work", "step": "place", "token": "1,2"}, "The token is '1,2'; give time"),
        ({"do": "work", "step": "place", "token": "0,8,0"}, "below 8, 8, 8"),
        ({"do": "work", "step": "place", "token": "0,x,0"}, "token's place is 'x'"),
        ({"do": "work", "step": "guess", "round": "x"}, "round is 'x'"),
        ({"do": "facts", "weights": "huge"}, "There are no weights 'huge'"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(client, query, sentence):
    status, told = client.json(**query)
    assert status == 400 and sentence in told["detail"]


def test_only_get_is_answered(client):
    assert client.get("POST", do="facts")[0] == 405


def test_weights_that_are_not_here_are_not_fetched(client, monkeypatch):
    monkeypatch.setattr(ExplorerPool, "absent", lambda *_: ("bundled",))
    status, told = client.json(do="facts")
    assert status == 400 and "open Explore with them first" in told["detail"]


def test_a_defect_is_a_sentence_and_is_logged(client, monkeypatch, caplog):
    monkeypatch.setitem(WORK, "loss", lambda lesson, given: 1 / 0)
    status, told = client.json(do="work", step="loss", example="growing")
    assert status == 500 and "ZeroDivision" not in told["detail"]
    assert "A step failed" in caplog.text


def test_who_leaves_ends_the_work_and_too_many_are_refused(client, monkeypatch):
    """One is at work and one waits; a third is refused, and leaving ends the work of the first."""
    working = threading.Event()
    ended = []

    def wait(lesson, given):
        working.set()
        try:
            while True:
                check_cancelled()
        finally:
            ended.append(True)

    monkeypatch.setitem(WORK, "loss", wait)
    query = {"do": "work", "step": "loss", "example": "growing"}
    answers = []

    async def visit(query, leaving=None):
        answers.append(await client.ask("GET", query, leaving))

    async def run():
        leaving = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(visit, query, leaving)
            await anyio.to_thread.run_sync(working.wait)
            tasks.start_soon(visit, {"do": "facts"})
            await anyio.wait_all_tasks_blocked()
            await visit({"do": "facts"})
            leaving.set()

    run_alone(run)
    refused, left, waited = answers
    assert refused[0] == 503 and b"2 steps wait already" in refused[1]
    assert left[0] == 409 and ended == [True]
    assert waited[0] == 200
