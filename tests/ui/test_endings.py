"""What is asked for while a stream of answers ends is answered, too."""

import orjson
import pytest
from asgi_request import ask
from gradio.server_messages import CloseStreamMessage, ProcessCompletedMessage
from playwright.sync_api import expect

from videomae_demo.ui.gradio_edge import endings
from videomae_demo.ui.gradio_edge.endings import HEADER, JOIN, QUEUE, Endings

LATE_ENDINGS = """
const ask = window.fetch;
window.endings = 0;
window.fetch = async (...given) => {
  const answer = await ask(...given);
  if (!(given[0].url ?? String(given[0])).includes("/queue/data")) return answer;
  const [read, write] = [new TextDecoderStream(), new TextEncoderStream()];
  const late = new TransformStream({
    async transform(text, stream) {
      for (const event of text.split(/(?<=\\n\\n)/)) {
        if (event.includes('"close_stream"')) {
          window.endings += 1;
          await new Promise((done) => setTimeout(done, 3000));
        }
        stream.enqueue(event);
      }
    },
  });
  answer.body.pipeThrough(read).pipeThrough(late).pipeTo(write.writable).catch(() => {});
  return new Response(write.readable, answer);
};
"""
"""Answers come at once, and that no more will come is heard three seconds later."""


def event(message) -> bytes:
    """As gradio sends it, see `queue_data` of its routes."""
    return b"data: " + orjson.dumps(message.model_dump(), default=str) + b"\n\n"


END = event(CloseStreamMessage())
ANSWER = event(ProcessCompletedMessage(output={"data": [END.decode()]}, success=True))


@pytest.fixture
def sent() -> list[bytes]:
    """What a stream of the application brings."""
    return [ANSWER, END]


@pytest.fixture
def app(sent):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for part in sent:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    return Endings(app)


def listen(app, said: str):
    return ask(app, QUEUE, method="GET", headers={HEADER: said})


def join(app, page: str) -> str | None:
    return ask(app, JOIN, headers={HEADER: page}).headers.get(HEADER)


def test_whoever_asks_is_told_which_of_their_streams_ended_last(app, sent):
    assert join(app, "anna") == "0"
    assert listen(app, "anna 1").body == ANSWER + END
    assert (join(app, "anna"), join(app, "berta")) == ("1", "0")
    sent.remove(END)  # this one lives on
    listen(app, "anna 2")
    assert join(app, "anna") == "1"
    sent.append(END)
    listen(app, "anna 3")
    assert join(app, "anna") == "3"


def test_an_end_is_known_before_it_is_sent(app):
    known = []

    async def whole(scope, receive, send):
        async def sending(message):
            if message.get("body") == END:
                known.append(app._ended["anna"])
            await send(message)

        await app(scope, receive, sending)

    listen(whole, "anna 7")
    assert known == [7]


@pytest.mark.parametrize("said", ["", "anna", "anna x", "anna -1", " 1", f"{'a' * 65} 1"])
def test_of_streams_that_say_nothing_sensible_nothing_is_kept(app, said):
    assert listen(app, said).body == ANSWER + END
    assert not app._ended


def test_the_page_s_name_is_not_of_any_length(app):
    assert join(app, "a" * 64) == "0"
    assert join(app, "a" * 65) is None
    assert ask(app, JOIN).headers.get(HEADER) is None


def test_ends_of_few_pages_are_kept(app, monkeypatch):
    monkeypatch.setattr(endings, "MOST_PAGES", 2)
    for said in "anna 1", "berta 1", "anna 2", "cara 1":
        listen(app, said)
    assert [join(app, name) for name in ("anna", "berta", "cara")] == ["2", "0", "1"]


def test_what_is_asked_for_before_the_end_is_heard_is_answered(open_page, tabs):
    # A context of its own: what an init script does, it does in every tab.
    own = {"extra_http_headers": {"x-late": "1"}}
    tabs.context(**own).add_init_script(LATE_ENDINGS)
    visitor = open_page(**own)
    for lens in "Attend", "Reconstruct", "Recognise", "Attend":
        visitor.go_to(lens)
    expect(visitor.page.locator("#working")).not_to_be_visible()
    assert visitor.page.evaluate("window.endings") > 0
    assert not visitor.complaints
