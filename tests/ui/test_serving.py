"""A running page and those who talk to it without a browser: many at once, rude ones, impatient."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import brotli
import httpx
import numpy as np
import pytest
from conftest import ROOT, free_port, serve
from gradio_client import Client, handle_file
from gradio_client.exceptions import ValidationError
from gradio_client.utils import QueueError, Status

from videomae_demo import (
    ClipChange,
    ClipRequest,
    ExplainRequest,
    Explorer,
    Head,
    HeadsRequest,
    MaskRequest,
    RolloutSettings,
)
from videomae_demo.ui.work import ENDPOINTS
from videomae_demo.video.encode import write_mp4

PATIENCE_S = 120
SERVE_PAGE = str(Path(__file__).with_name("serve_page.py"))
FILE = {"_type": "gradio.FileData"}
USUAL_FRAMES = ("", None, False, "", False, False)
LAST = {"classify": (None, ""), "attend": ("",), "reconstruct": (False, 0)}
"""The last parameter that each lens has of its own: nothing taken away, all heads, no sweep."""
"""Sampling, start, stored pixels, arrays, picture: each endpoint's last parameters."""


def wait_until(condition) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "It did not come to pass."
        time.sleep(0.02)


@contextmanager
def client_of(address: str):
    client = Client(address, verbose=False, analytics_enabled=False)
    try:
        yield client
    finally:
        client.close()


@pytest.fixture(scope="module")
def http(page_address):
    with httpx.Client(base_url=page_address, timeout=PATIENCE_S) as client:
        yield client


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> list[Path]:
    """Six clips, no two alike."""
    folder = tmp_path_factory.mktemp("many")
    generator = np.random.default_rng(0)
    return [
        write_mp4(
            folder / f"clip-{number}.mp4",
            np.kron(
                generator.integers(0, 255, (24, 8, 8, 3), dtype=np.uint8),
                np.ones((1, 8, 8, 1), np.uint8),
            ),
            24,
        )
        for number in range(6)
    ]


@pytest.fixture(scope="module")
def explorer(recogniser_folder, reconstructor_folder) -> Explorer:
    return Explorer(str(recogniser_folder), str(reconstructor_folder), device="cpu")


def upload(http: httpx.Client, path: Path) -> str:
    with path.open("rb") as file:
        return http.post("/gradio_api/upload", files={"files": (path.name, file)}).json()[0]


def call(http: httpx.Client, name: str, *data) -> tuple[bool, str]:
    """Ask an endpoint with raw HTTP; return whether it answered, and what it said."""
    joined = http.post(
        f"/gradio_api/call/{name}", json={"data": [*data, *LAST[name], *USUAL_FRAMES]}
    )
    if joined.status_code != 200:
        return False, joined.text
    told = http.get(f"/gradio_api/call/{name}/{joined.json()['event_id']}").text
    return told.startswith("event: complete"), told


@pytest.mark.parametrize("page", ["/", "/live", "/learn", "/train", "/dataset"])
def test_each_page_travels_packed(page_address, page):
    understood = {"accept-encoding": "br"}
    with httpx.stream("GET", page_address + page, headers=understood, timeout=60) as answer:
        packed = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == "br"
    whole = brotli.decompress(packed)
    assert whole.lstrip().startswith(b"<!doctype html>")
    assert len(packed) < len(whole) / 3


# ---- no way in -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "//etc/passwd",
        "../../../../etc/passwd",
        "%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "file:///etc/passwd",
        "http://127.0.0.1:1/",
        "README.md",
        "assets/checkpoints/README.md",
        f"{ROOT}/app.py",
        f"{ROOT}/videomae_demo/../app.py",
    ],
)
@pytest.mark.parametrize("route", ["/gradio_api/file=", "/gradio_api/file/", "/static/", "/"])
def test_no_file_but_ours_and_the_visitors_is_served(http, route, path):
    assert http.get(route + path).status_code in (400, 403, 404)


def test_the_examples_are_served_as_copies(http, examples_folder, clip_path):
    original = examples_folder / "a-moving_square.mp4"
    assert http.get(f"/gradio_api/file={original}").status_code == 403
    mine = upload(http, clip_path)
    assert http.get(f"/gradio_api/file={mine}").content == clip_path.read_bytes()


@pytest.mark.parametrize(
    "clip",
    [
        "/etc/passwd",
        {"path": "/etc/passwd"},
        {"path": "/etc/passwd", "meta": FILE},
        {"path": "/etc/passwd", "meta": FILE, "is_stream": True},
        {"path": "file:///etc/passwd", "meta": FILE},
        {"path": str(ROOT / "assets" / "clips" / "orbiting.mp4"), "meta": FILE},
        {"path": "", "url": "http://127.0.0.1:1/", "meta": FILE},
        {"path": "http://127.0.0.1:1/clip.mp4", "meta": FILE},
        {"path": "https://example.org/clip.mp4", "meta": FILE},
        [],
        5,
    ],
    ids=str,
)
@pytest.mark.parametrize("endpoint", ["classify", "reconstruct"])
def test_a_clip_is_uploaded_or_it_is_not_looked_at(http, endpoint, clip):
    rest = {"classify": ["", 5, ""], "reconstruct": ["", "tube", 0.5, 0, None]}[endpoint]
    answered, told = call(http, endpoint, clip, *rest)
    assert not answered
    assert "root:" not in told and "orbiting" not in told


def test_gradios_client_reads_why_a_url_is_refused(page_address):
    clip = handle_file("https://example.org/clip.mp4")
    with (
        client_of(page_address) as client,
        pytest.raises(ValidationError, match="given by its URL; download it, and upload it"),
    ):
        client.predict(clip, "", 3, "", api_name="/classify")


@pytest.mark.parametrize("weights", ["/etc", "..", str(ROOT), "some-one/else", {"path": "/etc"}])
def test_a_visitor_opens_no_other_weights(http, clip_path, weights):
    clip = {"path": upload(http, clip_path), "meta": FILE}
    answered, told = call(http, "classify", clip, weights, 5, "")
    assert not answered
    assert "no weights" in told


@pytest.mark.parametrize(
    ("endpoint", "given", "sentence"),
    [
        ("classify", ["", None, ""], "top_k is None"),
        ("classify", ["", "5", ""], "The top_k is '5'; it must be a number."),
        ("attend", ["", "mean", "0", 1, 0, None], "The discard is '0'; it must be a number."),
        ("reconstruct", ["", "tube", "0.5", 0, None], "The ratio is '0.5'; it must be a number."),
        ("classify", ["", -3, ""], "top_k is -3"),
        ("classify", ["", 5, "<b>${1}"], "label"),
        ("attend", ["", "mean", 2, 1, 0, None], "discarded fraction"),
        ("attend", ["", "mean", 0, 1, 0, "abc"], "token is"),
        ("attend", ["", "mean", 0, 1, 0, ["a", "b", "c"]], "token"),
        ("attend", ["", "mean", 0, 1, 0, [99, 0, 0]], "outside the grid"),
        ("attend", ["", "mean", 0, None, 0, None], "first_layer is None"),
        ("reconstruct", ["", "painted", 0.5, 0, None], "not in the list"),
        ("reconstruct", ["", "tube", 5, 0, None], "mask ratio is 5"),
        ("reconstruct", ["", "tube", 0.5, 2**53, None], f"seed is {2**53}"),
    ],
)
def test_what_an_endpoint_can_not_use_is_refused_in_a_sentence(
    http, clip_path, endpoint, given, sentence
):
    clip = {"path": upload(http, clip_path), "meta": FILE}
    answered, told = call(http, endpoint, clip, *given)
    assert not answered
    assert sentence in json.loads(told.partition("data: ")[2])["error"]
    assert "<b>" not in told  # a toast is rendered as HTML


def test_a_name_with_markup_comes_back_without_it(http, clip_path, tmp_path):
    rude = tmp_path / "a ${1}<img src=x onerror=y>.mp4"
    rude.write_bytes(clip_path.read_bytes())
    answered, told = call(http, "classify", {"path": upload(http, rude), "meta": FILE}, "", 5, "")
    assert answered
    assert "<" not in told and "${" not in told


def test_private_endpoints_give_strangers_nothing(http, page_address):
    """Each answers raw HTTP; a forged session and nonsense lead nowhere, and do no harm."""
    forged = {"weights": "/etc", "clip": {"path": "/etc/passwd"}, "player": {"x": 1}}
    junk = [forged, {"path": "/etc/passwd", "meta": FILE}, "/etc", -1, "../x", [1], None]
    wires = http.get("/config").json()["dependencies"]
    private = [wire for wire in wires if wire["api_visibility"] == "private" and wire["backend_fn"]]
    assert len(private) > 20
    for wire in private:
        asked = {
            "data": junk[: len(wire["inputs"])],
            "fn_index": wire["id"],
            "session_hash": f"stranger{wire['id']}",
            "event_data": {"token": "x", "mask": "%", "index": 10**9},
        }
        joined = http.post("/gradio_api/queue/join", json=asked)
        told = joined.text
        if joined.status_code == 200:
            told = listen(http, asked["session_hash"])
        assert "root:" not in told and str(ROOT) not in told, wire
    assert http.get("/").status_code == 200


def listen(http: httpx.Client, session: str) -> str:
    """Return all that the page says to a session until its work is done."""
    told = []
    with http.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as stream:
        for line in stream.iter_lines():
            told.append(line)
            if "process_completed" in line or "close_stream" in line:
                break
    return "\n".join(told)


def test_a_request_leaves_the_upload_as_it_was(http, clips):
    path = Path(upload(http, clips[0]))
    before = path.stat()
    clip = {"path": str(path), "meta": FILE}
    for endpoint, *rest in (
        ("classify", "", 5, ""),
        ("attend", "", "max", 0.5, 1, 0, None),
        ("reconstruct", "", "tube", 0.5, 0, None),
    ):
        assert call(http, endpoint, clip, *rest)[0]
    assert path.read_bytes() == clips[0].read_bytes()
    assert path.stat().st_mtime_ns == before.st_mtime_ns


# ---- many at once --------------------------------------------------------------------------------


def expected_answers(explorer: Explorer, path: Path) -> list[dict]:
    clip = ClipRequest(path)
    return [
        explorer.classify(clip).to_json(3),
        explorer.attend(clip, RolloutSettings("max", 0.25)).to_json(),
        explorer.reconstruct(clip, MaskRequest("random", 0.5, 3)).to_json(),
    ]


def answers(address: str, path: Path) -> list[dict]:
    with client_of(address) as client:
        clip = handle_file(path)
        return [
            client.predict(clip, "", 3, "", api_name="/classify"),
            client.predict(clip, "", "max", 0.25, 1, 0, None, api_name="/attend"),
            client.predict(clip, "", "random", 0.5, 3, api_name="/reconstruct"),
        ]


def test_many_visitors_at_once_get_each_their_own(page_address, explorer, clips):
    paths = clips * 2
    with ThreadPoolExecutor(len(paths)) as visitors:
        found = list(visitors.map(answers, [page_address] * len(paths), paths))
    for path, answered in zip(paths, found, strict=True):
        for one, other in zip(answered, expected_answers(explorer, path), strict=True):
            assert one["clip"] == path.name
            for name in ("labels", "entropy", "peak", "over_time", "psnr_db", "loss", "frames"):
                if name in other:
                    assert flat(one[name]) == pytest.approx(flat(other[name]), rel=1e-4), name


def flat(value) -> list:
    """Return the numbers of a nested answer in order."""
    if isinstance(value, dict):
        return [number for part in value.values() for number in flat(part)]
    if isinstance(value, list):
        return [number for part in value for number in flat(part)]
    return [] if value is None or isinstance(value, str) else [value]


# ---- impatient ones ------------------------------------------------------------------------------


class HeldPage:
    """A page whose layers wait while it is closed."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address = address
        self._folder = folder
        self._closed, self._layers = folder / "closed", folder / "layers"

    def close(self) -> None:
        self._closed.touch()

    def open(self) -> None:
        self._closed.unlink(missing_ok=True)

    def layers(self) -> int:
        return len(self._layers.read_text().splitlines()) if self._layers.exists() else 0

    def was_left(self) -> bool:
        return (self._folder / "left").exists()

    def waiting(self) -> int:
        return httpx.get(f"{self.address}/gradio_api/queue/status").json()["queue_size"]


@pytest.fixture
def hold_page(tmp_path, recogniser_folder, reconstructor_folder, examples_folder):
    folders = [recogniser_folder, reconstructor_folder, examples_folder, tmp_path]

    @contextmanager
    def hold_page(**variables):
        port = free_port()
        command = [SERVE_PAGE, str(port), *map(str, folders)]
        for address in serve(command, port, tmp_path / "log", **variables):
            yield HeldPage(address, tmp_path)

    return hold_page


def test_a_full_queue_says_that_it_is_busy(hold_page, explorer, clips):
    expected = explorer.classify(ClipRequest(clips[0])).to_json(3)["labels"]
    with (
        hold_page(VIDEOMAE_MAX_QUEUE_LENGTH="1") as page,
        client_of(page.address) as client,
    ):
        page.close()
        ask = [handle_file(clips[0]), "", 3, ""]
        jobs = []
        for _ in range(ENDPOINTS["concurrency_limit"]):  # they wait for the model, not in the queue
            jobs.append(client.submit(*ask, api_name="/classify"))
            wait_until(lambda: jobs[-1].status().code == Status.PROCESSING)
        jobs.append(client.submit(*ask, api_name="/classify"))
        wait_until(lambda: page.waiting() == 1)
        with pytest.raises(QueueError, match="Queue is full"):
            client.predict(*ask, api_name="/classify")
        page.open()
        for job in jobs:
            assert flat(job.result(PATIENCE_S)["labels"]) == pytest.approx(flat(expected), rel=1e-4)


def test_what_is_known_is_answered_while_a_model_runs_for_somebody_else(hold_page, clips):
    with hold_page() as page, httpx.Client(base_url=page.address, timeout=PATIENCE_S) as http:
        known, other = ({"path": upload(http, clip), "meta": FILE} for clip in clips[:2])
        before = call(http, "classify", known, "", 3, "")
        assert before[0]
        begun = page.layers()
        page.close()
        with ThreadPoolExecutor(1) as others:
            waits = others.submit(call, http, "classify", other, "", 3, "")
            wait_until(lambda: page.layers() > begun)
            assert call(http, "classify", known, "", 3, "") == before
            assert not waits.done()
            page.open()
            assert waits.result(PATIENCE_S)[0]


def test_who_leaves_gives_the_device_back_at_the_next_layer(hold_page, explorer, clips):
    layers = explorer.recogniser.model.config.num_hidden_layers
    with hold_page() as page, httpx.Client(base_url=page.address, timeout=PATIENCE_S) as http:
        page.close()
        asked = {"session_hash": "impatient", "fn_index": wire_of(http, "classify")}
        asked["data"] = [{"path": upload(http, clips[0]), "meta": FILE}, "", 3, ""]
        asked["data"] += [*LAST["classify"], *USUAL_FRAMES]
        with http.stream("GET", "/gradio_api/heartbeat/impatient"):  # as each open page keeps one
            assert http.post("/gradio_api/queue/join", json=asked).status_code == 200
            wait_until(lambda: page.layers() == 1)
        wait_until(page.was_left)
        page.open()
        assert call(http, "classify", {"path": upload(http, clips[1]), "meta": FILE}, "", 3, "")[0]
        assert page.layers() == 1 + layers


def wire_of(http: httpx.Client, name: str) -> int:
    """Return the number of a named endpoint, or of what follows an event."""
    wires = http.get("/config").json()["dependencies"]
    return next(
        wire["id"]
        for wire in wires
        if wire["api_name"] == name or [event for _, event in wire["targets"]] == [name]
    )


def test_uploads_beyond_the_limit_are_refused(hold_page, tmp_path):
    large = tmp_path / "large.mp4"
    large.write_bytes(bytes(2**20 + 1))
    with hold_page(VIDEOMAE_MAX_UPLOAD_MB="1") as page, large.open("rb") as file:
        files = {"files": ("large.mp4", file)}
        assert httpx.post(f"{page.address}/gradio_api/upload", files=files).status_code == 413


@pytest.mark.slow
def test_uploads_pictures_and_files_to_take_away_expire(hold_page, clips):
    with (
        hold_page(FILES_KEPT_S="20") as page,
        httpx.Client(base_url=page.address, timeout=PATIENCE_S) as http,
    ):
        mine = {upload(http, clips[0])}
        clip = {"path": min(mine), "meta": FILE}
        told = set_off(http, "clip", "upload", {"clip": clip})
        mine |= paths_in(told)
        told = set_off(http, "write-recognise", "click")
        assert "labels.png" in told
        thumbnails = {path for path in paths_in(http.get("/config").text) if "picture" in path}
        mine = (mine | paths_in(told)) - thumbnails
        assert len(mine) > 5  # the clip, its frames in two sizes, files to take away
        for path in mine:
            wait_until(lambda path=path: not is_served(http, path))
        assert thumbnails
        for path in thumbnails:
            assert is_served(http, path)


def is_served(http: httpx.Client, path: str) -> bool:
    try:
        return http.get(f"/gradio_api/file={path}").status_code == 200
    except httpx.TransportError:  # deleted while it was sent
        return True


def set_off(http: httpx.Client, element: str, event: str, given: dict | None = None) -> str:
    """Do as a browser does, for one visitor; return all that the page says to that.

    `given` are values of elements by their names; all others have what they begin with.
    """
    config = http.get("/config").json()
    parts = {part["id"]: part["props"] for part in config["components"]}
    wire = next(
        wire
        for wire in config["dependencies"]
        if [[parts.get(target, {}).get("elem_id"), event] for target, event in wire["targets"]]
        == [[element, event]]
        and wire["backend_fn"]
        and wire["queue"] is not False
    )
    values = {name: part.get("value") for name, part in parts.items()}
    data = [(given or {}).get(parts[name].get("elem_id"), values[name]) for name in wire["inputs"]]
    asked = {"session_hash": "visitor", "fn_index": wire["id"], "data": data}
    assert http.post("/gradio_api/queue/join", json=asked).status_code == 200
    return listen(http, "visitor")


def paths_in(told: str) -> set[str]:
    """Find the files that gradio names, and those that sealed values do."""
    return set(re.findall(r'"(?:path|file)\\?":\\?"([^"\\]+)', told))


def test_the_readmes_client_gets_answers(own_address, monkeypatch):
    answers = []

    class Noting(Client):
        def predict(self, *given, **options):
            answers.append(super().predict(*given, **options))

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```py\n(.*?)```", text, flags=re.DOTALL)
    monkeypatch.setattr("gradio_client.Client", Noting)
    monkeypatch.chdir(ROOT)
    names = {}
    exec(block.replace("http://127.0.0.1:7860", own_address), names)
    names["client"].close()
    explorer, clip = Explorer("bundled", device="cpu"), ClipRequest("assets/clips/orbiting.mp4")
    expected = [
        explorer.classify(clip).to_json(5, "orbiting"),
        explorer.attend(clip, RolloutSettings("max", first_layer=2, query=(3, 4, 4))).to_json(),
        explorer.explain(clip, ExplainRequest(against="bouncing")).to_json(),
        explorer.heads(clip, HeadsRequest(off=(Head(6, 1), Head(6, 4)))).to_json(),
        explorer.reconstruct(clip, MaskRequest(ratio=0.9)).to_json(),
        explorer.tokens(replace(clip, change=ClipChange("backwards"))).to_json(),
    ]
    assert [answer["clip"] for answer in answers] == ["orbiting.mp4"] * 6
    assert answers[5]["like_blank_cka"] == pytest.approx(expected[5]["like_blank_cka"], rel=1e-3)
    assert answers[3]["direct"] == pytest.approx(expected[3]["direct"], rel=1e-3)
    assert answers[0]["entropy"] == pytest.approx(expected[0]["entropy"], rel=1e-3)
    np.testing.assert_allclose(answers[1]["over_time"], expected[1]["over_time"], rtol=1e-3)
    for name in ("target", "strongest_tenth"):
        assert answers[2][name] == pytest.approx(expected[2][name], rel=1e-3)
    assert answers[2]["trial"]["verdict"]
    assert answers[4]["loss"] == pytest.approx(expected[4]["loss"], rel=1e-3)
