"""The gate lets the page's own requests through, whole, and no others."""

import json
from itertools import repeat
from types import SimpleNamespace

import pytest
from asgi_request import ask, echo

from videomae_demo.ui.gradio_edge import bodies, gate
from videomae_demo.ui.gradio_edge.events import Events
from videomae_demo.ui.gradio_edge.gate import LARGEST_BODY, MOST_NAMED, Gate

JOIN = "/gradio_api/queue/join"
CHUNKED = {"transfer-encoding": "chunked"}
CLIENT = CHUNKED | {"user-agent": "gradio_client/2.7.2; python/3.11"}


@pytest.fixture
def heard() -> list:
    return []


EVENTS = {
    0: SimpleNamespace(api_name="say", api_visibility="public"),
    1: SimpleNamespace(api_name="hide", api_visibility="private"),
    3: SimpleNamespace(api_name=None, api_visibility="public"),
}
"""Of a page, by their numbers."""


@pytest.fixture
def app(heard):
    events = Events(SimpleNamespace(fns=EVENTS))
    return Gate(echo, lambda visitor, files: heard.append([visitor, sorted(files)]), events.check)


def said(answer) -> str:
    return json.loads(answer.body)["detail"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no JSON",
        b"[" * 100_000,
        json.dumps([{"path": "/tmp/a.mp4", "url": "http://here/a.mp4"}, 1, "http:"]).encode(),
        b" " * LARGEST_BODY,
    ],
)
def test_what_the_page_sends_arrives_whole(app, body):
    answer = ask(app, JOIN, [body[:5], body[5:]], headers=CHUNKED)
    assert (answer.status, answer.body) == (200, body)


@pytest.mark.parametrize(
    ("route", "given"),
    [
        ("queue/join", {"fn_index": 0}),
        ("queue/join", {"fn_index": 1}),
        ("queue/join", {"fn_index": "none"}),  # gradio itself refuses it, and the next ones
        ("queue/join", {}),
        ("queue/join", [7]),
        ("cancel", {"fn_index": 7}),
        ("run/predict", {"fn_index": 1}),
        *(
            (f"{kind}/{name}", {})
            for kind in ("run", "call", "call/v2")
            for name in ("say", "hide")
        ),
        ("call/say/", {"fn_index": 7}),  # there it means nothing
    ],
)
def test_events_of_the_page_are_asked_for(app, route, given):
    answer = ask(app, f"/gradio_api/{route}", [json.dumps(given).encode()], headers=CHUNKED)
    assert answer.status == 200


@pytest.mark.parametrize(
    ("route", "given", "sentence"),
    [
        ("queue/join", {"fn_index": 2}, "The page has no event 2 (any more)"),
        ("queue/join", {"fn_index": -1}, "The page has no event -1"),
        ("run/say", {"fn_index": 10**6}, "The page has no event 1000000"),
        ("call/none", {}, "There is no endpoint '/none'; see /say."),
        ("call/v2/none", {}, "There is no endpoint '/none'; see /say."),
        ("api/predict/", {}, "There is no endpoint '/predict'; see /say."),
        ("run/predict", [], "There is no endpoint '/predict'; see /say."),
    ],
)
def test_events_that_the_page_has_not_are_refused_with_a_sentence(app, route, given, sentence):
    answer = ask(app, f"/gradio_api/{route}", [json.dumps(given).encode()], headers=CHUNKED)
    assert answer.status == 404
    assert said(answer).startswith(sentence)


@pytest.mark.parametrize(
    "given",
    [
        {"path": "http://127.0.0.1/a.mp4"},
        {"path": "HTTPS://example.org/a.mp4", "meta": {"_type": "gradio.FileData"}},
        {"path": " //example.org/a.mp4"},
        {"data": [1, [{"deep": {"path": "http:/example.org"}}]]},
    ],
)
def test_a_file_given_by_its_url_is_refused(app, given):
    answer = ask(app, JOIN, [json.dumps(given).encode()], headers=CHUNKED)
    assert answer.status == 422
    assert "upload it instead" in said(answer)


@pytest.mark.parametrize("method", ["POST", "PUT", "GET", "HEAD", "OPTIONS", "DELETE"])
@pytest.mark.parametrize("headers", [CHUNKED, {"content-length": "10"}, {"content-length": "+1"}])
def test_no_body_is_read_beyond_the_limit(app, method, headers):
    answer = ask(app, JOIN, repeat(b" " * 2**16, 2**13), method=method, headers=headers)
    assert answer.status == 413
    assert f"more than {LARGEST_BODY} bytes" in said(answer)
    assert answer.headers["connection"] == "close"


def test_a_refusal_waits_for_the_rest_of_the_body_for_a_moment_only(app, monkeypatch):
    monkeypatch.setattr(bodies, "LINGER_S", 0.0)
    answer = ask(app, JOIN, repeat(b" " * 2**16), headers=CHUNKED)
    assert answer.status == 413
    assert answer.read <= LARGEST_BODY + 2**18


def test_who_still_sends_can_finish_and_read_the_refusal(app):
    answer = ask(app, JOIN, repeat(b" " * 2**16, 100), headers=CHUNKED)
    assert (answer.status, answer.read) == (413, 100 * 2**16)


def test_many_bodies_at_once_have_a_limit_together(app, monkeypatch):
    monkeypatch.setattr(gate, "MOST_BODIES", 1000)
    assert ask(app, JOIN, [b" " * 1000], headers=CHUNKED).status == 200
    answer = ask(app, JOIN, [b" " * 1001], headers=CHUNKED)
    assert answer.status == 503
    assert ask(app, JOIN, [b" " * 1000], headers=CHUNKED).status == 200  # given back


def test_who_leaves_in_the_middle_asks_for_nothing(app):
    answer = ask(app, JOIN, [b"{"], headers=CHUNKED, leaves=True)
    assert (answer.status, answer.body) == (0, b"")


def test_a_request_names_few_files(app):
    for count, status in ((MOST_NAMED, 200), (MOST_NAMED + 1, 413)):
        body = json.dumps({"data": [{"path": ""}] * count}).encode()
        assert ask(app, JOIN, [body], headers=CHUNKED).status == status


def test_a_body_that_comes_too_slowly_is_given_up(app, monkeypatch):
    monkeypatch.setattr(bodies, "PATIENCE_S", -1.0)
    assert ask(app, JOIN, [b"{", b"}"], headers=CHUNKED).status == 408


@pytest.mark.parametrize(
    "route",
    [
        "/login",
        "/logout",
        "/monitoring/summary",
        "/gradio_api/process_recording",
        "/gradio_api/proxy=https://owner-space.hf.space/x",
        "/gradio_api/vibe-edit",
        "/gradio_api/undo-vibe-edit/",
        "/gradio_api/component_server",
        "/gradio_api/deep_link",
        "/gradio_api/stream/a/0/1/playlist.m3u8",
        "/gradio_api/custom_component/x/client/component/a.js",
        "/gradio_api/dev/reload",
        "/gradio_api/run-history/connect",
        "/gradio_api/upload/",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_routes_that_the_page_does_not_use_are_closed(app, route, method):
    assert ask(app, route, method=method).status == 404


@pytest.mark.parametrize("form", ["file=", "file/"])
@pytest.mark.parametrize("url", ["http://example.org/", "HTTPS://example.org/a", "//example.org/a"])
def test_the_page_fetches_nothing_for_others(app, form, url):
    assert ask(app, f"/gradio_api/{form}{url}", method="GET").status == 403


@pytest.mark.parametrize(
    "route", ["/", "/config", "/assets/index.js", "/gradio_api/info", "/gradio_api/file=/tmp/a.mp4"]
)
def test_pages_are_read_freely(app, route):
    assert ask(app, route, method="GET").status == 200


def test_a_session_has_a_short_name(app):
    for visitor, status in (("x" * 128, 200), ("x" * 129, 400), (5, 400), (None, 200)):
        body = json.dumps({"session_hash": visitor}).encode()
        assert ask(app, JOIN, [body], headers=CHUNKED).status == status


def test_it_is_told_on_who_asks_and_what_they_name(app, heard):
    asked = {"session_hash": "anna", "data": [{"path": "/a.mp4"}, [{"path": "/b.mp4"}], "/c.mp4"]}
    assert ask(app, JOIN, [json.dumps(asked).encode()], headers=CHUNKED).status == 200
    assert ask(app, JOIN, [b'{"data": [5]}'], headers=CHUNKED).status == 200
    assert heard == [["anna", ["/a.mp4", "/b.mp4"]], ["", []]]


def test_each_reader_gets_a_refusal_as_it_shows_one(app):
    body = [json.dumps({"path": "http://x/a"}).encode()]
    (detail,) = said(ask(app, JOIN, body, headers=CLIENT))
    assert "upload it instead" in detail["message"]
    by_page = ask(app, JOIN, body, headers=CHUNKED | {"x-gradio-user": "app"})
    assert by_page.status == 400
    assert "upload it instead" in said(by_page)
