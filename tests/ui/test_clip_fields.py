"""No upload reaches the ffmpeg on PATH, whichever way it goes through the page."""

import contextlib
import json
import os
import re
import sys
from pathlib import Path

import av
import gradio as gr
import httpx
import numpy as np
import pytest
from conftest import free_port, page_command, serve
from gradio.data_classes import FileData
from playwright.sync_api import expect
from visitor import PATIENCE_MS, Visitor

from videomae_demo.ui.gradio_edge import clip_fields
from videomae_demo.ui.gradio_edge.clip_fields import ClipButton, ClipFile, ClipVideo

PATIENCE_S = 120
PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"


@pytest.mark.parametrize(
    ("field", "name"), [(ClipVideo, "video"), (ClipButton, "uploadbutton"), (ClipFile, "file")]
)
def test_a_path_goes_through_as_it_is(field, name, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    made = field(render=False)
    assert made.preprocess(FileData(path="/uploads/clip.mkv")) == "/uploads/clip.mkv"
    assert made.preprocess(None) is None
    assert made.get_block_name() == made.get_block_class() == name
    assert list(tmp_path.iterdir()) == []  # gradio's own leave empty files


def test_a_clip_is_shown_as_it_is():
    field = ClipVideo(render=False)
    shown = field.postprocess(Path("/uploads/clip.mkv"))
    assert (shown.path, shown.orig_name) == ("/uploads/clip.mkv", "clip.mkv")
    assert field.postprocess(None) is None


@pytest.mark.parametrize("given", ["https://example.org/<b>.mp4", 5, []])
def test_what_is_no_file_is_told_in_a_sentence(given):
    model = ClipFile().data_model
    with pytest.raises(gr.Error, match=r"is no uploaded file; .* handle_file\(path\)") as told:
        model.model_validate(given, context={"validate_meta": True})
    assert "<b>" not in told.value.message
    assert model.model_validate({"path": "a", "meta": {"_type": "gradio.FileData"}}).path == "a"
    assert ClipFile(label="Clip").api_info() == gr.File(label="Clip").api_info()


def test_no_file_is_written_beside_the_source():
    assert not Path(clip_fields.__file__).with_suffix(".pyi").exists()


@pytest.fixture(scope="module")
def uploads(tmp_path_factory, clip_path) -> dict[str, Path]:
    """A clip, one that no browser plays as it is, and a playlist that pretends to be a clip."""
    folder = tmp_path_factory.mktemp("clips")
    playlist = folder / "list.mp4"
    playlist.write_bytes(PLAYLIST)
    odd = folder / "clip.avi"
    with av.open(odd, "w") as container:
        stream = container.add_stream("mpeg4", rate=24)
        stream.width = stream.height = 64
        for shade in range(24):
            picture = np.full((64, 64, 3), shade * 10, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode())
    return {"mp4": clip_path, "playlist": playlist, "odd": odd}


@pytest.fixture(scope="module")
def watched(tmp_path_factory, recogniser_folder, reconstructor_folder, examples_folder):
    """A page that finds an ffmpeg of ours first; return its address and what that one notes."""
    folder = tmp_path_factory.mktemp("bin")
    notes = folder / "notes"
    for name in ("ffmpeg", "ffprobe"):
        (folder / name).write_text(f'#!/bin/sh\necho {name} "$@" >> {notes}\nexit 1\n')
        (folder / name).chmod(0o755)
    port = free_port()
    command = page_command(port, recogniser_folder, reconstructor_folder, examples_folder)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    page = serve(command, port, tmp_path_factory.mktemp("log") / "log", PATH=path)
    with contextlib.closing(page):
        yield next(page), notes


needs_sh = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins are shell scripts")


@pytest.mark.slow
@needs_sh
@pytest.mark.parametrize("kind", ["mp4", "playlist", "odd"])
def test_no_wire_of_the_page_hands_a_clip_to_ffmpeg(watched, uploads, kind):
    address, notes = watched
    with httpx.Client(base_url=address, timeout=PATIENCE_S) as http:
        clip = uploads[kind]
        files = {"files": (clip.name, clip.read_bytes())}
        (path,) = http.post("/gradio_api/upload", files=files).json()
        given = {"path": path, "orig_name": clip.name, "meta": {"_type": "gradio.FileData"}}
        config = http.get("/config").json()
        kinds = {component["id"]: component["type"] for component in config["components"]}
        wires = [wire for wire in config["dependencies"] if wire["backend_fn"]]
        assert sum("video" in map(kinds.get, wire["inputs"]) for wire in wires) >= 4
        assert sum("video" in map(kinds.get, wire["outputs"]) for wire in wires) >= 4
        for wire in wires:
            data = [clip_for(kinds[component], given) for component in wire["inputs"]]
            asked = {"data": data, "fn_index": wire["id"], "session_hash": f"{kind}{wire['id']}"}
            http.post("/gradio_api/run/predict", json=asked)
            if http.post("/gradio_api/queue/join", json=asked).status_code == 200:
                listen(http, asked["session_hash"])
        recording = {"video": (clip.name, clip.read_bytes())}
        http.post("/gradio_api/process_recording", files=recording)
    assert not notes.exists(), notes.read_text()


def clip_for(kind: str, given: dict) -> object:
    """Return what a component of that kind is given: the clip wherever one can be."""
    defaults = {"radio": "as trained", "number": 0.1, "textbox": "", "slider": 0, "state": None}
    return defaults.get(kind, given if kind in ("video", "file", "uploadbutton") else None)


def listen(http: httpx.Client, session: str) -> None:
    """Wait until the page has answered all that a session asked for."""
    with http.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as stream:
        for line in stream.iter_lines():
            if line.startswith("data: ") and json.loads(line[6:])["msg"] == "close_stream":
                return


@pytest.mark.slow
@needs_sh
def test_a_visitors_clip_is_explored_without_it(watched, uploads, browser):
    address, notes = watched
    with contextlib.closing(browser.new_page(reduced_motion="reduce")) as page:
        visitor = Visitor(page, address)
        visitor.clear()
        page.locator("#clip input[type=file]").set_input_files(uploads["odd"])
        expect(page.locator("#seen")).to_contain_text("clip.avi", timeout=PATIENCE_MS)
        visitor.wait_until_explored()
        expect(page.locator("#clip video")).to_have_attribute("src", re.compile("preview.mp4"))
    assert not notes.exists(), notes.read_text()
