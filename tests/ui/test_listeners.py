"""Who listens for what nobody asked is told so at once, by the edge."""

import json

import httpx
import pytest
from asgi_request import ask, echo

from videomae_demo.ui.gradio_edge.listeners import Listeners


@pytest.fixture
def app():
    return Listeners(echo, {"anna", "event-1"}.__contains__)


@pytest.mark.parametrize(
    ("method", "route", "query"),
    [
        ("GET", "/gradio_api/queue/data", "session_hash=anna"),
        ("GET", "/gradio_api/queue/data", ""),
        ("GET", "/gradio_api/call/classify/event-1", ""),
        ("GET", "/gradio_api/call/v2/classify/event-1", ""),
        ("POST", "/gradio_api/call/classify", ""),
        ("GET", "/config", "session_hash=berta"),
    ],
)
def test_whoever_may_get_an_answer_is_let_through(app, method, route, query):
    answer = ask(app, route, [b"through"], method=method, query=query)
    assert answer.body == b"through"


def test_others_are_told_as_gradio_tells_it(page_address):
    with httpx.Client(base_url=page_address + "/gradio_api/", timeout=60) as http:
        told = http.get("queue/data", params={"session_hash": "nobody"})
        said = json.loads(told.text.removeprefix("data: "))
        assert (said["msg"], said["session_not_found"]) == ("unexpected_error", True)
        assert told.headers["content-type"].startswith("text/event-stream")
        for route in ("call/classify/nobody", "call/v2/classify/nobody"):
            assert http.get(route).text.startswith("event: error\ndata: ")
