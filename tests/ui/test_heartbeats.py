"""Who has the page open is known, and costs the page next to nothing."""

import pytest
from asgi_request import ask

from videomae_demo.ui.gradio_edge import visits
from videomae_demo.ui.gradio_edge.kept import KeptFiles
from videomae_demo.ui.gradio_edge.visits import Visits


@pytest.fixture
def kept(tmp_path):
    kept = KeptFiles(tmp_path)
    yield kept
    kept.close()


class Gradio:
    """Notes the heartbeats that it was told of, and whether it could end them."""

    def __init__(self) -> None:
        self.ended: list[str] = []

    async def __call__(self, scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"beat", "more_body": True})
        assert (await receive())["type"] == "http.disconnect"
        self.ended.append(scope["path"])


def test_gradio_hears_of_those_alone_who_asked_for_something(kept):
    gradio, known = Gradio(), Visits(kept)
    app = known.around(gradio)
    known.heard("anna", [])
    for visitor in ("anna", "berta", "anna"):
        route = f"/gradio_api/heartbeat/{visitor}"
        answer = ask(app, route, method="GET", leaves=True)
        assert (answer.status, answer.body) == (200, b"data: ALIVE\n\n")
    assert gradio.ended == ["/gradio_api/heartbeat/anna"]


def test_what_a_visitor_named_is_used_until_they_leave(kept, monkeypatch):
    told = []
    for name in ("opened", "left", "named"):
        monkeypatch.setattr(kept, name, lambda *given, name=name: told.append([name, *given]))
    known = Visits(kept)
    known.heard("anna", ["/a.mp4", "/b.mp4"])
    ask(known.around(Gradio()), "/gradio_api/heartbeat/anna", method="GET", leaves=True)
    assert told == [
        ["named", "anna", "/a.mp4"],
        ["named", "anna", "/b.mp4"],
        ["opened", "anna"],
        ["left", "anna"],
    ]


def test_so_many_visitors_are_remembered_and_no_more(kept, monkeypatch):
    monkeypatch.setattr(visits, "MOST_VISITORS", 2)
    gradio, known = Gradio(), Visits(kept)
    for visitor in ("anna", "berta", "anna", "clara"):
        known.heard(visitor, [])
    for visitor in ("anna", "berta", "clara"):
        ask(known.around(gradio), f"/gradio_api/heartbeat/{visitor}", method="GET", leaves=True)
    assert [path.rpartition("/")[2] for path in gradio.ended] == ["anna", "clara"]
