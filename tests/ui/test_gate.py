"""The gate lets the page's own requests through, whole, and no others."""

import json

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from videomae_demo.ui.gate import LARGEST_BODY, UPLOAD_PATH, Gate


@pytest.fixture(scope="module")
def client():
    async def echo(request: Request) -> Response:
        return Response(await request.body())

    routes = [Route("/{path:path}", echo, methods=["GET", "POST"])]
    return TestClient(Gate(Starlette(routes=routes)))


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
def test_what_the_page_sends_arrives_whole(client, body):
    answer = client.post("/gradio_api/queue/join", content=body)
    assert (answer.status_code, answer.content) == (200, body)


@pytest.mark.parametrize(
    "given",
    [
        {"path": "http://127.0.0.1/a.mp4"},
        {"path": "HTTPS://example.org/a.mp4", "meta": {"_type": "gradio.FileData"}},
        {"data": [1, [{"deep": {"path": "http:/example.org"}}]]},
    ],
)
def test_a_file_given_by_its_url_is_refused(client, given):
    answer = client.post("/gradio_api/queue/join", json=given)
    assert answer.status_code == 422
    assert "upload it instead" in answer.json()["detail"]


def test_a_body_beyond_the_limit_is_refused(client):
    answer = client.post("/gradio_api/queue/join", content=b" " * (LARGEST_BODY + 1))
    assert answer.status_code == 413


def test_uploads_have_a_limit_of_their_own(client):
    content = b" " * (LARGEST_BODY + 1)
    assert client.post(UPLOAD_PATH, content=content).content == content


def test_pages_are_read_freely(client):
    assert client.get("/anything").status_code == 200
