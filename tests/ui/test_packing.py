"""Pages are packed for whoever understands it; files and the answers to events are as they were."""

import gzip

import brotli
import pytest
from asgi_request import ask

from videomae_demo.ui.gradio_edge.packing import PackedPages

PAGE = b"<p>The same again.</p>" * 1000


async def answer(scope, receive, send) -> None:
    headers = [(b"content-type", b"text/html"), (b"content-length", b"%d" % len(PAGE))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": PAGE})


def get(path: str, understood: str, method: str = "GET"):
    given = {"accept-encoding": understood}
    return ask(PackedPages(answer), path, method=method, headers=given)


UNPACK = {"br": brotli.decompress, "gzip": gzip.decompress}


@pytest.mark.parametrize("path", ["/", "/learn", "/config"])
@pytest.mark.parametrize(
    ("understood", "used"), [("gzip, deflate, br, zstd", "br"), ("gzip", "gzip")]
)
def test_a_page_is_packed_as_the_browser_understands(path, understood, used):
    packed = get(path, understood)
    assert packed.headers["content-encoding"] == used
    assert "accept-encoding" in packed.headers["vary"].lower()
    assert int(packed.headers["content-length"]) == len(packed.body) < len(PAGE) / 20
    assert UNPACK[used](packed.body) == PAGE


@pytest.mark.parametrize(
    ("path", "understood", "method"),
    [
        ("/", "identity", "GET"),
        ("/", "br", "HEAD"),
        ("/gradio_api/queue/data", "br", "GET"),
        ("/gradio_api/queue/join", "br", "POST"),
        ("/assets/icon.png", "br", "GET"),
    ],
)
def test_all_else_comes_as_it_is(path, understood, method):
    plain = get(path, understood, method)
    assert "content-encoding" not in plain.headers
    assert plain.body == PAGE
