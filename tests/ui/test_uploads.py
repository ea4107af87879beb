"""Uploads reach the disk as they arrive, whole or not at all, and stay in no memory."""

import errno
import json
import os
import threading
import time
from itertools import chain, repeat
from pathlib import Path

import httpx
import pytest
from asgi_request import ask, echo, run_alone

from videomae_demo.limits import Limits
from videomae_demo.ui.gradio_edge import bodies, uploads
from videomae_demo.ui.gradio_edge.kept import KeptFiles
from videomae_demo.ui.gradio_edge.parts import (
    MOST_FIELD_BYTES,
    MOST_FIELDS,
    MOST_FILES,
    Begun,
    Content,
)
from videomae_demo.ui.gradio_edge.uploads import ROUTE, Progress, UploadRoute

LIMITS = Limits(upload_mb=1, uploads_mb=3)
FORM = {"content-type": "multipart/form-data; boundary=edge"}
MB = 2**20


def part(content: bytes = b"clip", name: str = "files", filename: str | None = "a.mp4") -> bytes:
    named = "" if filename is None else f'; filename="{filename}"'
    head = f'--edge\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'
    return head.encode() + content + b"\r\n"


END = b"--edge--\r\n"


@pytest.fixture
def kept(tmp_path):
    kept = KeptFiles(tmp_path, LIMITS)
    yield kept
    kept.close()


@pytest.fixture
def app(kept):
    return UploadRoute(echo, kept, LIMITS)


def send(app, *pieces: bytes, **options):
    return ask(app, ROUTE, pieces, headers=FORM | options.pop("headers", {}), **options)


def left(kept: KeptFiles) -> list[Path]:
    return [path for path in kept.folder.rglob("*") if path.name != ".page"]


def test_a_file_is_served_as_it_was_sent(app, kept):
    content = os.urandom(300_000)
    body = part(content) + END
    (path,) = json.loads(
        send(app, *(body[at : at + 1000] for at in range(0, len(body), 1000))).body
    )
    assert Path(path).read_bytes() == content
    assert Path(path).parents[1] == kept.folder
    assert Path(path).name == "a.mp4"


def test_nobody_can_guess_where_a_file_lies(app):
    one, other = (json.loads(send(app, part() + END).body)[0] for _ in range(2))
    assert Path(one).parent != Path(other).parent


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("", "file"),
        ("..", "file"),
        (".hidden.mp4", "hidden.mp4"),
        ("../../etc/passwd", "passwd"),
        ("C:\\clips\\a b.mp4", "a b.mp4"),
        ("a ${1}<b>.mp4", "a 1b.mp4"),
        ("x" * 400 + ".mp4", "x" * 196 + ".mp4"),
    ],
)
def test_a_file_keeps_what_of_its_name_can_be_one(app, given, name):
    (path,) = json.loads(send(app, part(filename=given) + END).body)
    assert Path(path).name == name


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        (part(bytes(MB + 1)) + END, 413, "more than 1 MB"),
        (
            part(bytes(MOST_FIELD_BYTES + 1), filename=None) + END,
            413,
            "give a file's part a filename",
        ),
        (part() * (MOST_FILES + 1) + END, 413, "more than 8 files"),
        (part(filename=None) * (MOST_FIELDS + 1) + END, 413, "more than 16 parts"),
        (part(filename=None, name="x" * 5000) + END, 400, "can't be read"),
        (
            part(filename="x" * 3000 + "\r\nX: " + "y" * 3000 + "\r\nZ: " + "z" * 3000) + END,
            413,
            "bytes of headers",
        ),
        (part(name="other") + END, 400, "has to be 'files'"),
        (part(), 400, "ended in the middle"),
        (b"nothing of the kind", 400, "can't be read"),
    ],
    ids=range(9),
)
def test_what_is_refused_leaves_nothing(app, kept, body, status, sentence):
    answer = send(app, body)
    assert (answer.status, answer.headers["connection"]) == (status, "close")
    assert sentence in answer.body.decode()
    assert left(kept) == []


@pytest.mark.parametrize(
    "begin",
    [part(b"", filename=None)[:-2], part(b"")[:-2], part() + END],
    ids=["field", "file", "after"],
)
def test_an_endless_body_is_read_no_further_than_needed(app, kept, monkeypatch, begin):
    monkeypatch.setattr(bodies, "LINGER_S", 0.0)
    answer = send(app, *chain([begin], repeat(bytes(2**16), 10_000)))
    assert answer.status == 413
    assert answer.read < 3 * MB
    assert left(kept) == []


def test_a_size_that_is_told_is_believed_before_anything_is_read(app, monkeypatch):
    monkeypatch.setattr(bodies, "LINGER_S", 0.0)
    answer = send(app, bytes(2**16), headers={"content-length": str(5 * MB)})
    assert (answer.status, answer.read) == (413, 0)


def test_more_than_was_told_is_refused(app, kept):
    body = part(bytes(1000)) + END
    assert send(app, body, headers={"content-length": str(len(body) - 1)}).status == 413
    assert left(kept) == []


@pytest.mark.parametrize("content_type", ["", "text/plain", "multipart/form-data"])
def test_only_a_form_is_an_upload(app, content_type):
    assert ask(app, ROUTE, [part() + END], headers={"content-type": content_type}).status == 400


def test_what_is_broken_off_is_deleted(app, kept):
    seen = []

    def body():
        yield part(bytes(MB // 2))[:-2]
        seen.extend(left(kept))
        yield b"x"

    answer = ask(app, ROUTE, body(), headers=FORM, leaves=True)
    assert len(seen) == 1
    assert answer.status == 0
    assert left(kept) == []


def test_who_sends_too_slowly_is_given_up(app, kept, monkeypatch):
    monkeypatch.setattr(bodies, "PATIENCE_S", -1.0)
    assert send(app, part(), END).status == 408
    assert left(kept) == []


def test_so_many_uploads_at_once_and_no_more(kept, monkeypatch):
    monkeypatch.setattr(uploads, "MOST_AT_ONCE", 1)
    app = UploadRoute(echo, kept, LIMITS)
    answers = []

    def body():
        yield part()
        answers.append(send_in_a_thread(app, part() + END))
        yield END

    assert ask(app, ROUTE, body(), headers=FORM).status == 200
    assert [answer.status for answer in answers] == [503]
    assert "under way already" in answers[0].body.decode()
    assert send(app, part() + END).status == 200


def send_in_a_thread(app, body: bytes):
    """Send in the middle of another upload: an event loop can't run within one."""
    found = []
    thread = threading.Thread(target=lambda: found.append(send(app, body)))
    thread.start()
    thread.join()
    return found[0]


def test_a_full_folder_takes_no_more_and_forgets_what_it_reserved(app, kept):
    for _ in range(2):
        body = part(bytes(MB)) + END
        assert send(app, body, headers={"content-length": str(len(body))}).status == 200
    answer = send(app, body, headers={"content-length": str(len(body))})
    assert answer.status == 507
    assert "up to 3 MB of files (VIDEOMAE_MAX_UPLOADS_MB)" in answer.body.decode()
    small = part(bytes(1000)) + END
    assert send(app, small, headers={"content-length": str(len(small))}).status == 200


def test_what_can_find_no_room_is_refused_before_anything_is_read(app, kept, monkeypatch):
    monkeypatch.setattr(bodies, "LINGER_S", 0.0)
    for _ in range(2):
        assert send(app, part(bytes(MB)) + END).status == 200
    answer = send(app, bytes(2**16), headers={"content-length": str(2 * MB)})
    assert (answer.status, answer.read) == (507, 0)
    assert kept._reserved == 0


def test_what_is_only_promised_takes_no_room_from_others(app, kept):
    """Of an upload that says it has 2 MB, ten bytes have come."""
    taken = []

    def slowly():
        yield part(bytes(10))
        taken.append(kept._reserved)
        yield END

    promised = {"content-length": str(2 * MB)}
    assert ask(app, ROUTE, slowly(), headers=FORM | promised).status == 200
    assert taken == [uploads.STEP]
    assert kept._reserved == 0


def test_a_full_disk_is_told_in_a_sentence_until_there_is_room(app, kept, monkeypatch):
    def fail(file, data):
        file.write(data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as context:
        context.setattr(uploads, "_write", fail)
        answer = send(app, part() + END)
    assert answer.status == 507
    assert "can't keep the upload (No space left on device)" in answer.body.decode()
    assert left(kept) == []
    assert send(app, part() + END).status == 200


def test_a_folder_that_was_tidied_up_is_made_again(app, kept):
    for path in kept.folder.iterdir():
        path.unlink()
    kept.folder.rmdir()
    assert send(app, part() + END).status == 200


def test_the_page_is_told_how_far_an_upload_is():
    progress = Progress()

    async def follow() -> list[dict]:
        told = []
        async for line in progress.events():
            told.append(json.loads(line.removeprefix("data: ")))
            if len(told) == 1:
                progress.note(Begun("a.mp4"))
                progress.note(Content(bytes(30)))
                progress.note(Content(bytes(12)))
            progress.done = len(told) == 2
        return told

    assert run_alone(follow) == [
        {"msg": "update", "orig_name": "", "chunk_size": 0},
        {"msg": "update", "orig_name": "a.mp4", "chunk_size": 42},
        {"msg": "done"},
    ]


def test_there_is_no_progress_of_what_nobody_sends(app, monkeypatch):
    monkeypatch.setattr(uploads, "ASKED_EARLY_S", 0.0)
    answer = ask(app, uploads.PROGRESS_ROUTE, method="GET", query="upload_id=other")
    assert answer.status == 404


def test_an_upload_that_is_here_already_is_told_as_done(app):
    """A small one may be, before the page asks how far it is."""
    assert send(app, part() + END, query="upload_id=small").status == 200
    answer = ask(app, uploads.PROGRESS_ROUTE, method="GET", query="upload_id=small")
    assert answer.status == 200
    assert answer.body == b'data: {"msg": "done"}\n\n'


# ---- a real server -------------------------------------------------------------------------------


def memory_mb(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    return (
        int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])
        / 1024
    )


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("told", [True, False], ids=["with its size", "in chunks"])
@pytest.mark.parametrize("route", ["/gradio_api/upload", "/gradio_api/queue/join", "/config"])
def test_a_body_of_any_size_takes_no_memory_and_nobody_waits(page_address, gate, route, told):
    """A part without a filename, which gradio would collect, and more of it than the page has."""
    process = int((gate.parent / "pid").read_text())
    size = 320 * MB
    begin = part(b"", filename=None)[:-2]
    sent, waited = [0], []

    def body():
        yield begin
        while sent[0] < size:
            sent[0] += MB
            yield bytes(MB)

    def look_on():
        while not done.is_set():
            began = time.monotonic()
            httpx.get(f"{page_address}/gradio_api/app_id", timeout=60).raise_for_status()
            waited.append(time.monotonic() - began)

    length = {"content-length": str(len(begin) + size)} if told else {}
    method = "GET" if route == "/config" else "POST"
    done = threading.Event()
    visitor = threading.Thread(target=look_on)
    before = memory_mb(process)
    visitor.start()
    try:
        with httpx.Client(timeout=60) as client:
            request = client.build_request(
                method, page_address + route, content=body(), headers=FORM | length
            )
            status = client.send(request).status_code
    except httpx.WriteError:  # the page does not listen for longer
        status = 413
    finally:
        done.set()
        visitor.join()
    assert status == 413
    assert memory_mb(process) - before < 50
    assert max(waited) < 5
