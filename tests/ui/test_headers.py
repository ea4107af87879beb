"""Browsers learn what the page may do, and other sites learn nothing from it."""

import httpx
import pytest
from asgi_request import ask, echo

from videomae_demo.ui.gradio_edge.headers import EMBEDDERS, SHARED_SCRIPTS, HeadersAndOrigins

JOIN = "/gradio_api/queue/join"


@pytest.fixture
def app():
    return HeadersAndOrigins(echo)


def policy(answer) -> dict[str, str]:
    parts = answer.headers["content-security-policy"].split("; ")
    return {name: value for name, _, value in (part.partition(" ") for part in parts)}


@pytest.mark.parametrize("headers", [{}, {"origin": "https://evil.example"}])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_every_answer_has_its_headers(app, method, headers):
    answer = ask(app, JOIN, method=method, headers=headers)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert policy(answer)["frame-ancestors"] == EMBEDDERS
    permissions = answer.headers["permissions-policy"].split(", ")
    assert permissions == ["camera=(self)", "microphone=()", "geolocation=()"]


def test_a_page_loads_nothing_from_elsewhere(app):
    for name, value in policy(ask(app, "/", method="GET")).items():
        if name != "frame-ancestors":
            assert "http" not in value and "*" not in value, name


def test_the_page_of_a_share_link_takes_scripts_from_gradio_as_well():
    shared = policy(ask(HeadersAndOrigins(echo, shared=True), "/", method="GET"))
    assert SHARED_SCRIPTS in shared["script-src"]
    assert SHARED_SCRIPTS not in shared["frame-ancestors"]


@pytest.mark.parametrize("form", ["file=", "file/"])
def test_what_was_uploaded_runs_nothing(app, form):
    found = policy(ask(app, f"/gradio_api/{form}/tmp/a.svg", method="GET"))
    assert found["default-src"] == "'none'"
    assert "sandbox" in found and "script-src" not in found


FROM_THE_PAGE = [
    {},
    {"origin": "http://page.example"},
    {"origin": "https://page.example"},
    {"origin": "http://127.0.0.1:7860", "host": "127.0.0.1:7860"},
    {"origin": "https://o-s.hf.space", "host": "10.0.0.1:7860", "x-forwarded-host": "o-s.hf.space"},
    {"origin": "https://out.example", "host": "in:1", "x-forwarded-host": "out.example, in2"},
    {"origin": "https://out.example", "host": "in:1", "sec-fetch-site": "same-origin"},
]
FROM_ELSEWHERE = [
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": ""},
    {"origin": "http://["},
    {"origin": "http://page.example:81"},
    {"origin": "http://page.example.evil.example"},
    {"origin": "http://localhost:9999", "host": "localhost:7860"},
    {"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
    {"origin": "https://evil.hf.space", "host": "in:1", "x-forwarded-host": "o-s.hf.space"},
]


@pytest.mark.parametrize("headers", FROM_THE_PAGE)
def test_the_page_may_ask(app, headers):
    assert ask(app, JOIN, method="POST", headers=headers).status == 200


@pytest.mark.parametrize("headers", FROM_ELSEWHERE)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_another_site_may_not(app, headers, method):
    assert ask(app, JOIN, method=method, headers=headers).status == 403
    assert ask(app, JOIN, method="GET", headers=headers).status == 200  # which it can't read


@pytest.mark.parametrize("host", ["page.example", "127.0.0.1"])
@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:9999"])
def test_no_answer_gives_another_site_leave_to_read(page_address, host, origin):
    with httpx.Client(headers={"host": host, "origin": origin}) as client:
        answers = [
            client.get(page_address + "/config"),
            client.get(page_address + "/nothing"),
            client.post(page_address + JOIN, json={}),
            client.options(page_address + JOIN, headers={"access-control-request-method": "POST"}),
        ]
    assert [answer.status_code for answer in answers] == [200, 404, 403, 403]
    for answer in answers:
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.html", b"<script>document.title = 'taken over'</script>"),
        (
            "a.svg",
            b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        ),
    ],
)
def test_an_upload_is_no_page_of_ours(page_address, name, content):
    files = {"files": (name, content)}
    (path,) = httpx.post(f"{page_address}/gradio_api/upload", files=files, timeout=60).json()
    answer = httpx.get(f"{page_address}/gradio_api/file={path}")
    assert answer.content == content
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-security-policy"].endswith("sandbox")
    ranged = httpx.get(answer.url, headers={"range": "bytes=0-3"})
    assert ranged.headers["content-security-policy"].endswith("sandbox")


def test_behind_a_proxy_the_page_finds_itself(page_address):
    proxied = {"host": "10.0.0.1", "x-forwarded-host": "o-s.hf.space", "x-forwarded-proto": "https"}
    config = httpx.get(f"{page_address}/config", headers=proxied).json()
    assert config["root"] == "https://o-s.hf.space"
    asked = {"session_hash": "proxied", "fn_index": 10**6, "data": []}
    headers = proxied | {"origin": "https://o-s.hf.space"}
    assert httpx.post(page_address + JOIN, json=asked, headers=headers).status_code != 403


def test_what_the_page_has_not_is_refused_with_a_sentence(page_address):
    asked = {"session_hash": "nobody", "fn_index": 10**6, "data": []}
    answer = httpx.post(page_address + JOIN, json=asked, timeout=60)
    assert answer.status_code == 404
    assert answer.json()["detail"].startswith("The page has no event 1000000")
    answer = httpx.post(f"{page_address}/gradio_api/call/none", json={"data": []}, timeout=60)
    assert answer.status_code == 404
    assert "see /attend, " in answer.json()["detail"] and "/classify" in answer.json()["detail"]


def test_another_site_shows_no_page_of_ours(browser, page_address):
    page = browser.new_page()
    with page.expect_console_message(lambda message: "frame-ancestors" in message.text):
        page.set_content(f"<iframe src='{page_address}'></iframe>")
    page.close()
