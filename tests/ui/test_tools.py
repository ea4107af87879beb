"""The lenses as tools of an assistant, asked over the protocol by the client of its package."""

import base64
import io
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import anyio
import httpx
import pytest
from asgi_request import ask
from conftest import free_port, serve
from gradio_client import Client, handle_file
from mcp import ClientSession, types
from mcp.client.streamable_http import streamable_http_client
from PIL import Image

from videomae_demo.cancellation import check_cancelled
from videomae_demo.cli.main import main
from videomae_demo.errors import RequestError
from videomae_demo.ui import serve as serving
from videomae_demo.ui import tools
from videomae_demo.ui.lenses.registry import LENSES
from videomae_demo.ui.tools import Tools

NAMES = [
    "recognise",
    "attend",
    "explain",
    "reconstruct",
    "heads",
    "what_if",
    "tokens",
    "compare",
    "timeline",
]
ENDPOINTS = {name: name for name in NAMES} | {"recognise": "classify", "what_if": "probe"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, clip_path):
    """What an assistant may name, with a way out of it."""
    folder = tmp_path_factory.mktemp("allowed")
    (folder / "deep").mkdir()
    (folder / "deep" / clip_path.name).write_bytes(clip_path.read_bytes())
    (folder / "out.mp4").symlink_to(clip_path)
    return folder


@pytest.fixture(scope="module")
def address(tmp_path_factory, recogniser_folder, reconstructor_folder, folder):
    port = free_port()
    command = ["app.py", "--weights", recogniser_folder, "--reconstructor", reconstructor_folder]
    command += ["--mcp", "--mcp-folder", folder]
    log = tmp_path_factory.mktemp("server") / "log"
    yield from serve([*map(str, command)], port, log, GRADIO_MCP_SERVER="True")


def speak(address, *requests):
    """Begin a session, and return the answers to requests: "list", or the name and what it gets."""
    answers = []

    async def session():
        async with (
            streamable_http_client(f"{address}/gradio_api/mcp") as (read, write, _),
            ClientSession(read, write) as client,
        ):
            began = await client.initialize()
            assert began.serverInfo.name == "VideoMAE Explorer"
            for request in requests:
                asked = client.list_tools() if request == "list" else client.call_tool(*request)
                answers.append(await asked)

    run(session)
    return answers


def run(session) -> None:
    """Run it in a thread of its own: a browser of other tests has the event loop of this one."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        thread.submit(anyio.run, session).result()


def said(answer: types.CallToolResult) -> str:
    return answer.content[0].text


def data_url(clip_path) -> str:
    return "data:video/mp4;base64," + base64.b64encode(clip_path.read_bytes()).decode()


def test_each_lens_is_a_tool_and_each_argument_is_typed_and_described(address, folder):
    [listed] = speak(address, "list")
    assert [tool.name for tool in listed.tools] == NAMES
    for tool in listed.tools:
        assert tool.description.endswith(".")
        schema = tool.inputSchema
        assert schema["required"] == ["clip"]
        assert not schema["additionalProperties"]
        for argument in schema["properties"].values():
            assert {"type", "description"} <= argument.keys()
            assert argument["description"].endswith(".")
        assert str(folder) in schema["properties"]["clip"]["description"]
    attend = listed.tools[1].inputSchema["properties"]
    assert attend["fusion"]["enum"] == ["mean", "max", "min"]
    assert attend["query"]["type"] == ["array", "null"]
    assert attend["start"]["minimum"] == 0


@pytest.mark.parametrize(
    ("name", "given", "options"),
    [
        ("recognise", {"top_k": 2, "sampling": "every:3"}, "--top-k 2 --sampling every:3"),
        ("attend", {"fusion": "max", "query": [1, 2, 0]}, "--fusion max --query 1,2,0"),
        ("explain", {"method": "chefer"}, "--method chefer"),
        ("heads", {"off": ["2.1"]}, "--off 2.1"),
        ("what_if", {"shown": "mirrored"}, "--show mirrored"),
        ("attend", {"change": "frozen:1"}, "--change frozen:1"),
        ("tokens", {"layer": 1, "skip_near": True}, "--layer 1 --skip-near"),
        (
            "compare",
            {"other": "bundled", "what": "attention"},
            "--with bundled --what attention",
        ),
        ("reconstruct", {"kind": "random", "ratio": 0.5, "seed": 3}, "--mask random --ratio 0.5"),
    ],
)
def test_a_tool_answers_as_the_command_line_does(
    address, clip_path, recogniser_folder, reconstructor_folder, capsys, name, given, options
):
    weights = ["--weights", str(recogniser_folder), "--device", "cpu"]
    if name == "reconstruct":
        options += " --seed 3"
        weights += ["--reconstructor", str(reconstructor_folder)]
    command = [ENDPOINTS[name], str(clip_path), *weights, *options.split(), "--json"]
    assert main(command) == 0
    told = json.loads(capsys.readouterr().out)
    asked = {"clip": data_url(clip_path), **given}
    plain, with_picture = speak(address, (name, asked), (name, {**asked, "picture": True}))
    assert not plain.isError
    assert len(plain.content) == 1
    answer = json.loads(said(plain))
    assert plain.structuredContent == answer
    assert (answer["clip"], told["clip"]) == ("clip.mp4", clip_path.name)
    assert text_of(answer) == text_of(told).replace(clip_path.name, "clip.mp4")
    picture = with_picture.content[1]
    assert (picture.type, picture.mimeType) == ("image", "image/png")
    assert Image.open(io.BytesIO(base64.b64decode(picture.data))).size[0] > 100


def text_of(told) -> str:
    """The answer as text, numbers rounded: processes may differ in the last digit."""
    return json.dumps(json.loads(json.dumps(told), parse_float=lambda said: round(float(said), 4)))


def test_a_clip_is_an_example_or_lies_in_an_allowed_folder(address, folder, clip_path):
    inside = f"deep/{clip_path.name}"
    answers = speak(
        address,
        *(("recognise", {"clip": clip}) for clip in ("orbiting", inside, str(folder / inside))),
    )
    names = [answer.structuredContent["clip"] for answer in answers]
    assert names == ["orbiting.mp4", clip_path.name, clip_path.name]


@pytest.mark.parametrize(
    ("clip", "sentence"),
    [
        ("https://example.org/clip.mp4", "The clip is the URL"),
        ("//example.org/clip.mp4", "The clip is the URL"),
        ("file:///etc/passwd", "The clip is the URL"),
        ("/etc/passwd", "There is no clip"),
        ("../allowed0/../../x.mp4", "There is no clip"),
        ("out.mp4", "There is no clip"),
        ("deep", "There is no clip"),
        ("data:text/html;base64,PGI+", "can't be read"),
        ("data:video/mp4;base64,?", "can't be read"),
        ("data:video/mp4,plain", "can't be read"),
        ("data:video/mp4;base64,bm8gY2xpcA==", "not a video"),
    ],
)
def test_what_is_no_clip_to_use_is_refused_in_a_sentence(address, clip, sentence):
    [answer] = speak(address, ("recognise", {"clip": clip}))
    assert answer.isError
    assert sentence in said(answer)


@pytest.mark.parametrize(
    ("name", "given", "sentence"),
    [
        ("recognise", {"top_k": "many"}, "'many' is not of type 'integer'"),
        ("recognise", {"top": 3}, "'top' was unexpected"),
        ("attend", {"fusion": "sum"}, "'sum' is not one of"),
        ("attend", {"query": [0, 0]}, "[0, 0]"),
        ("attend", {"first_layer": 99}, "99"),
        ("reconstruct", {"ratio": 2}, "2 is greater than"),
        ("reconstruct", {"painted": [[[2]]]}, "2 is not one of"),
        ("recognise", {"weights": "none"}, "none"),
        (
            "dream",
            {},
            f"There is no tool 'dream'; see {', '.join(NAMES)}.",
        ),
    ],
)
def test_arguments_are_validated(address, name, given, sentence):
    [answer] = speak(address, (name, {"clip": "orbiting", **given}))
    assert answer.isError
    assert sentence in said(answer)


def test_the_endpoints_stay_beside_the_tools(address, clip_path):
    client = Client(address, verbose=False, analytics_enabled=False)
    answer = client.predict(handle_file(clip_path), api_name="/classify")
    client.close()
    assert answer["clip"] == clip_path.name


def test_gradios_own_tools_are_shut_and_nothing_large_is_taken(address):
    assert httpx.get(f"{address}/gradio_api/mcp/schema").status_code == 404
    assert httpx.get(f"{address}/gradio_api/mcp/sse").status_code == 404
    assert httpx.get(f"{address}/gradio_api/mcp").status_code == 405
    large = b" " * (tools.LARGEST_CALL + 1)
    assert httpx.post(f"{address}/gradio_api/mcp", content=large, timeout=60).status_code == 413


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example:7860", "origin": "http://evil.example:7860"},  # its name leads here
        {"x-forwarded-for": "203.0.113.7"},
        {"forwarded": "for=203.0.113.7"},
    ],
)
def test_whoever_may_name_files_asks_from_this_machine(address, headers):
    answer = httpx.post(f"{address}/gradio_api/mcp", json={}, headers=headers, timeout=60)
    assert (answer.status_code, answer.text) == (403, tools.ELSEWHERE)


def test_where_no_files_may_be_named_everybody_is_answered():
    shared = Tools(None, (), (), None)
    elsewhere = {"host": "explorer.example", "x-forwarded-for": "203.0.113.7"}
    answer = ask(shared, Tools.route, method="GET", headers=elsewhere)
    assert (answer.status, answer.body) == (405, b"Send POST.")


def test_without_being_asked_for_there_are_none(page_address):
    assert httpx.post(f"{page_address}/gradio_api/mcp", json={}).status_code == 404


def test_a_folder_is_not_offered_where_others_can_read_it(monkeypatch, tmp_path):
    monkeypatch.setenv("GRADIO_SHARE", "True")
    with pytest.raises(RequestError, match="Others can reach this page"):
        serving.serve(mcp_folders=[tmp_path])


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(RequestError, match="there is no such folder"):
        serving.serve(mcp_folders=[tmp_path / "none"])


def test_a_missing_package_is_named_with_the_way_to_have_it(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(RequestError, match=r"pip install 'videomae-explorer\[mcp\]'"):
        serving.serve(mcp=True)


def test_the_work_for_who_left_ends(monkeypatch):
    begun, ended = threading.Event(), threading.Event()

    def work(*_given, **_named):
        begun.set()
        try:
            while True:
                check_cancelled()
        finally:
            ended.set()

    monkeypatch.setattr(tools, "ask", work)
    call = {"name": "recognise", "arguments": {"clip": "data:video/mp4;base64,AAAA"}}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}).encode()
    names = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
    scope = {
        "type": "http",
        "method": "POST",
        "path": Tools.route,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in names.items()],
    }
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive():
        if messages:
            return messages.pop()
        while not begun.is_set():
            await anyio.sleep(0.01)
        return {"type": "http.disconnect"}

    async def send(_message):
        pass

    async def leave():
        served = Tools(None, LENSES, (), lambda content, name: name)
        with anyio.fail_after(60):
            async with served.running():
                await served(scope, receive, send)

    run(leave)
    assert ended.is_set()
