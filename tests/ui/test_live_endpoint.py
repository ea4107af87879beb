"""Moments in, labels out: the same as Explore gives, within limits, and never a traceback."""

import base64
import io
import json
import threading
import time
import zlib

import anyio
import numpy as np
import pytest
from asgi_request import ask, run_alone
from PIL import Image

from videomae_demo.analysis.classification import Classification
from videomae_demo.analysis.rollout import Rollout
from videomae_demo.analysis.settings import DEFAULT_ROLLOUT
from videomae_demo.cancellation import wait_for
from videomae_demo.device import is_awaited, one_at_a_time
from videomae_demo.engine import live as engine_live
from videomae_demo.engine.clips import ClipRequest
from videomae_demo.engine.live import look
from videomae_demo.errors import RequestError
from videomae_demo.explorer import Explorer
from videomae_demo.lenses import moment
from videomae_demo.lenses.masks import MaskRequest
from videomae_demo.pool import ExplorerPool
from videomae_demo.ui.live import endpoint
from videomae_demo.ui.live.endpoint import Live
from videomae_demo.ui.live.places import LEAVES_AFTER_S, FullError, OlderError, Places
from videomae_demo.ui.live.sprite import Sheet, read_sprite
from videomae_demo.video.encode import encode_lossless

ANNE, BERT, CARL = ("a" * 32, "b" * 32, "c" * 32)
SHEET = Sheet(count=4, height=32, width=32)


def sprite(frames: np.ndarray, kind: str = "PNG") -> bytes:
    """Lay frames out as the page does: four in a row."""
    rows = [np.concatenate(list(frames[at : at + 4]), axis=1) for at in range(0, len(frames), 4)]
    written = io.BytesIO()
    Image.fromarray(np.concatenate(rows)).save(written, kind)
    return written.getvalue()


@pytest.fixture
def frames() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def pool(recogniser_folder, reconstructor_folder) -> ExplorerPool:
    return ExplorerPool(str(recogniser_folder), str(reconstructor_folder))


@pytest.fixture
def saved() -> list:
    return []


@pytest.fixture
def live(pool, saved, tmp_path) -> Live:
    def save(content: bytes, name: str) -> str:
        path = tmp_path / name
        path.write_bytes(content)
        saved.append(path)
        return str(path)

    return Live(pool, save, Places(2))


def post(live: Live, body: bytes, do: str = "look", visitor: str = ANNE, more: str = ""):
    answer = ask(live, Live.route, [body], query=f"do={do}&visitor={visitor}{more}")
    return answer.status, json.loads(answer.body)


def explorer_of(pool: ExplorerPool) -> Explorer:
    return pool.get(pool.default)


def test_a_moment_is_named_as_explore_names_a_clip_of_the_same_frames(live, pool, frames, tmp_path):
    status, told = post(live, sprite(frames))
    assert status == 200
    explorer = explorer_of(pool)
    path = tmp_path / "same.mp4"
    path.write_bytes(encode_lossless(frames, 7.5))
    clip = ClipRequest(path)
    assert (explorer.as_given(clip) == frames).all()
    expected = explorer.classify(clip)
    assert [row["label"] for row in told["labels"]] == [
        score.label for score in expected.classification.top(3)
    ]
    for row, score in zip(told["labels"], expected.classification.top(3), strict=True):
        assert row["probability"] == pytest.approx(score.probability, abs=1e-6)
    scores = np.frombuffer(base64.b64decode(told["scores"]), "<f4")
    rollout = explorer.attend(clip).rollout.times_uniform
    np.testing.assert_allclose(scores.reshape(rollout.shape), rollout, rtol=1e-5)
    assert told["imagined"] is None


def test_a_moment_leaves_nothing_in_the_caches(live, pool, frames, monkeypatch):
    explorer = explorer_of(pool)
    for cache in (explorer._cache, explorer._clips._cache):
        monkeypatch.setattr(cache, "put", None)
        monkeypatch.setattr(cache, "get_or_make", None)
    assert post(live, sprite(frames), more="&reconstruct=1")[0] == 200


def test_a_reconstruction_is_that_of_explore(live, pool, frames, tmp_path):
    _, told = post(live, sprite(frames), more="&reconstruct=1")
    path = tmp_path / "same.mp4"
    path.write_bytes(encode_lossless(frames, 7.5))
    view = explorer_of(pool).reconstruct(ClipRequest(path), MaskRequest(ratio=moment.HIDDEN))
    result = view.reconstruction
    picture = decoded(told["imagined"]["rebuilt"])
    expected = np.rint(255 * result.prediction.frames[-1])
    assert np.abs(picture.astype(int) - expected).max() <= 1
    hidden = np.kron(result.mask[-1], np.ones((8, 8), bool))
    visible = decoded(told["imagined"]["visible"])
    assert (visible[~hidden] == frames[-1][~hidden]).all()
    assert len(np.unique(visible[hidden].reshape(-1, 3), axis=0)) == 1
    assert f"reconstruction {result.prediction.psnr_db:.1f}" in told["imagined"]["told"]
    assert f"{result.rival.psnr_db:.1f} dB" in told["imagined"]["told"]
    assert told["imagined"]["told"].startswith("75% hidden")


def decoded(url: str) -> np.ndarray:
    content = base64.b64decode(url.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(content)))


def test_the_page_learns_what_to_send(live, pool):
    answer = ask(live, Live.route, method="GET")
    told = json.loads(answer.body)
    assert (told["frames"], told["height"], told["width"], told["times"]) == (4, 32, 32, 8)
    assert told["interval_s"] == pytest.approx(4 / 30)
    assert told["grid"] == [2, 4, 4] and told["labels"] == 3
    assert told["note"] == ""


def test_what_is_kept_has_exactly_the_frames_that_were_sent(live, pool, saved):
    large = np.random.default_rng(1).integers(0, 256, (4, 256, 256, 3), dtype=np.uint8)
    status, told = post(live, sprite(large), do="keep")
    assert status == 200
    assert told == {"path": str(saved[0]), "name": saved[0].name}
    assert saved[0].name.startswith("live ") and saved[0].suffix == ".mp4"
    seen = explorer_of(pool).see(ClipRequest(saved[0]))
    assert seen.indices.tolist() == [0, 1, 2, 3] and seen.repeated == 0 and not seen.notes
    assert (seen.frames == large).all()
    assert np.diff(seen.timestamps_s) == pytest.approx([4 / 30] * 3, abs=1e-3)


def test_looking_writes_nothing(live, saved, frames, tmp_path):
    post(live, sprite(frames))
    assert not saved and not list(tmp_path.iterdir())


BAD = [
    (b"", "can't be read"),
    (b"GIF89a no such kind", "can't be read"),
    (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "can't be read"),
    (sprite(np.zeros((4, 32, 33, 3), np.uint8)), "132x32 pixels; send 4 frames .* 128x32"),
    (sprite(np.zeros((4, 32, 32, 3), np.uint8))[:-30], "can't be read"),
    (sprite(np.zeros((4, 32, 32, 3), np.uint8), "JPEG")[:200], "can't be read"),
    (sprite(np.zeros((4, 32, 32, 3), np.uint8), "GIF"), "can't be read"),
]


@pytest.mark.parametrize(("body", "said"), BAD)
@pytest.mark.parametrize("do", ["look", "keep"])
def test_a_bad_picture_is_a_sentence(live, caplog, body, said, do):
    status, told = post(live, body, do=do)
    assert status == 400
    if do == "look":
        with pytest.raises(RequestError, match=said):
            read_sprite(body, SHEET)
    assert told["detail"].endswith("pixels.")
    assert "Traceback" not in told["detail"] and not caplog.records


def test_a_picture_that_claims_a_billion_pixels_is_not_decoded():
    huge = bytearray(sprite(np.zeros((4, 32, 32, 3), np.uint8)))
    huge[16:24] = (2**15).to_bytes(4, "big") * 2
    head = bytes(huge[12:29])
    huge[29:33] = zlib.crc32(head).to_bytes(4, "big")
    with pytest.raises(RequestError, match=r"32768x32768 pixels|can't be read"):
        read_sprite(bytes(huge), SHEET)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("do=look", "32 hexadecimal digits"),
        ("do=look&visitor=" + "A" * 32, "32 hexadecimal digits"),
        ("do=look&visitor=" + "a" * 33, "32 hexadecimal digits"),
        (f"do=dance&visitor={ANNE}", "give look, keep or leave"),
        (f"visitor={ANNE}", "give look, keep or leave"),
    ],
)
def test_what_makes_no_sense_is_a_sentence(live, query, said):
    answer = ask(live, Live.route, [b"x"], query=query)
    assert answer.status == 400 and said in json.loads(answer.body)["detail"]


def test_another_method_is_refused(live):
    assert ask(live, Live.route, method="PUT").status == 405


def test_a_defect_is_a_sentence_and_is_logged(live, monkeypatch, caplog, frames):
    def fail(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr(moment, "ask", fail)
    status, told = post(live, sprite(frames))
    assert status == 500 and "written to the log" in told["detail"]
    assert "A moment failed" in caplog.text


def test_no_more_visitors_are_live_than_there_are_places(live, frames):
    good = sprite(frames)
    assert post(live, good, visitor=ANNE)[0] == 200
    assert post(live, good, visitor=BERT)[0] == 200
    status, told = post(live, good, visitor=CARL)
    assert status == 503
    assert told["detail"] == (
        "2 visitors are live already, and this machine has room for no more "
        "(VIDEOMAE_MAX_LIVE_VISITORS): try again in a while."
    )
    assert post(live, good, visitor=CARL, do="keep")[0] == 503
    assert post(live, good, visitor=ANNE)[0] == 200
    assert post(live, b"", visitor=BERT, do="leave") == (200, {})
    assert post(live, good, visitor=CARL)[0] == 200


def test_who_sends_nothing_any_more_gives_the_place_back():
    now = [0.0]
    places = Places(1, lambda: now[0])
    places.take(ANNE)
    now[0] = LEAVES_AFTER_S - 0.1
    with pytest.raises(FullError, match="1 visitor is live"):
        places.take(BERT)
    places.take(ANNE)
    now[0] += LEAVES_AFTER_S - 0.1
    with pytest.raises(FullError):
        places.take(BERT)
    now[0] += 0.2
    places.take(BERT)


def test_the_newest_moment_of_a_visitor_wins():
    """The first waits for its turn when the second comes; another visitor's is left alone."""
    told = []

    async def wait(places: Places, visitor: str, name: str, turn: anyio.Event):
        try:
            async with places.newest(visitor):
                await turn.wait()
            told.append(name)
        except OlderError:
            told.append(f"{name} is older")

    async def run():
        places, turn = Places(2), anyio.Event()
        async with anyio.create_task_group() as group:
            for visitor, name in ((ANNE, "1st"), (BERT, "other"), (ANNE, "2nd"), (ANNE, "3rd")):
                group.start_soon(wait, places, visitor, name, turn)
                await anyio.wait_all_tasks_blocked()
            assert told == ["1st is older", "2nd is older"]
            turn.set()
        assert sorted(told[2:]) == ["3rd", "other"]
        assert not places._newest

    run_alone(run)


async def send(live: Live, name: str, body: bytes, statuses: dict[str, int]) -> None:
    """Ask as Anne, and note the status of the answer."""

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def note(message):
        if message["type"] == "http.response.start":
            statuses[name] = message["status"]

    query = f"do=look&visitor={ANNE}".encode()
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": query}
    await live(scope, receive, note)


def test_a_moment_that_waits_is_answered_when_a_newer_one_comes(live, frames):
    statuses = {}

    async def run():
        async with anyio.create_task_group() as group, live._turn:
            group.start_soon(send, live, "old", sprite(frames), statuses)
            await anyio.wait_all_tasks_blocked()
            group.start_soon(send, live, "new", sprite(frames), statuses)
            await anyio.wait_all_tasks_blocked()
            assert statuses == {"old": 409}
        assert statuses["new"] == 200

    run_alone(run)


def test_a_pass_under_way_ends_when_a_newer_moment_comes(live, frames, monkeypatch):
    """Its answer is not waited for, and it is not given to anybody."""
    began, statuses = threading.Event(), {}
    real = moment.ask

    def until_unwanted(engine, frames, *, reconstruct=False):
        if not began.is_set():
            began.set()
            wait_for(threading.Event())  # ends with Cancelled alone
        return real(engine, frames, reconstruct=reconstruct)

    monkeypatch.setattr(moment, "ask", until_unwanted)

    async def run():
        async with anyio.create_task_group() as group:
            group.start_soon(send, live, "old", sprite(frames), statuses)
            while not began.is_set():
                await anyio.sleep(0.01)
            group.start_soon(send, live, "new", sprite(frames), statuses)

    run_alone(run)
    assert statuses == {"old": 409, "new": 200}


@pytest.mark.parametrize(("awaited", "rests_s"), [(True, 1.5), (False, 0)])
def test_where_others_wait_half_of_the_time_is_left_to_them(live, monkeypatch, awaited, rests_s):
    """Of two moments of two visitors, the second waits for as long as the first took."""
    found = Classification(("up",), np.zeros(1), np.ones(1))
    view = moment.MomentView(found, Rollout(np.ones((1, 1, 1)), DEFAULT_ROLLOUT), None, awaited)
    clock, slept = [100.0], []

    def take_two_seconds(_body, _reconstruct):
        clock[0] += 1.5
        return view

    async def sleep(seconds):
        slept.append(seconds)
        clock[0] += max(0.0, seconds)

    monkeypatch.setattr(live, "_look", take_two_seconds)
    monkeypatch.setattr(endpoint.anyio, "sleep", sleep)
    monkeypatch.setattr(endpoint.time, "monotonic", lambda: clock[0])

    async def run():
        for visitor in (ANNE, BERT):
            await live.do({"do": "look", "visitor": visitor}, b"")

    run_alone(run)
    assert slept[1] == pytest.approx(rests_s)


def test_a_moment_knows_who_waits_for_the_device(pool, frames, monkeypatch):
    explorer = explorer_of(pool)
    assert not look(explorer, frames).awaited
    run = engine_live.run

    def run_while_another_waits(*given):
        other.start()
        while not is_awaited(explorer.device):
            time.sleep(0.01)
        return run(*given)

    def take_a_turn():
        with one_at_a_time(explorer.device):
            pass

    other = threading.Thread(target=take_a_turn)
    monkeypatch.setattr(engine_live, "run", run_while_another_waits)
    assert look(explorer, frames).awaited
    other.join()
    assert not is_awaited(explorer.device)


def test_frames_of_another_number_or_kind_are_refused(pool, frames):
    for wrong in (frames[:3], frames.astype(np.float32), frames[0]):
        with pytest.raises(RequestError, match="give 4 of them"):
            look(explorer_of(pool), wrong)


def test_a_moment_says_how_sure_it_is():
    def headline(best: float) -> str:
        shares = np.array([best, 1 - best - 0.01, 0.01])  # up, down and left
        found = Classification(("up", "down", "left"), np.log(shares), shares)
        return moment.MomentView(found, None).headline()

    assert headline(0.8) == "up 80%"
    assert headline(0.79) == "Perhaps up 79%"
    assert headline(0.5) == "Perhaps up 50%"
    assert headline(0.494) == "Unsure: down 50%"


def test_live_is_not_for_a_gpu_that_is_lent(live, frames, monkeypatch):
    monkeypatch.setenv("SPACES_ZERO_GPU", "1")
    status, told = post(live, sprite(frames))
    assert status == 400 and "machine of your own" in told["detail"]


def test_weights_that_are_not_here_are_not_fetched(live, pool, frames, monkeypatch):
    monkeypatch.setattr(pool, "absent", lambda name, halves: (name,))
    status, told = post(live, sprite(frames))
    assert status == 400 and "open Explore first" in told["detail"]
