"""Files for visitors: where they lie, that they are whole, and a disk that takes none."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest
from conftest import ROOT

from videomae_demo.limits import Limits
from videomae_demo.pool import ExplorerPool
from videomae_demo.ui import outputs
from videomae_demo.ui.examples import Example
from videomae_demo.ui.gradio_edge.edge import Edge
from videomae_demo.ui.gradio_edge.kept import NoRoomError
from videomae_demo.ui.gradio_edge.served import ServedFiles
from videomae_demo.ui.lenses.registry import LENSES
from videomae_demo.ui.page import Page
from videomae_demo.ui.pages.explore import PageBuilder
from videomae_demo.ui.session import Session, Visit


@pytest.fixture
def cache(monkeypatch, tmp_path) -> Path:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def served(cache):
    served = ServedFiles(Limits(uploads_mb=1))
    yield served
    served.kept.close()


def test_what_is_made_lies_in_the_cache(served, cache, tmp_path):
    original = tmp_path / "labels.json"
    original.write_text("{}")
    picture, copy = served.save(b"pixels", "picture.png"), served.copy(original)
    kept = served.keep(b"thumbnail", "picture.png")
    assert Path(picture).read_bytes() == b"pixels"
    assert Path(kept).read_bytes() == b"thumbnail"
    assert Path(copy).read_text() == "{}"
    assert Path(copy).name == "labels.json"
    for path in (picture, copy, kept):
        assert Path(path).is_relative_to(cache)
        assert Path(path).is_relative_to(served.kept.folder)


def test_what_is_shown_again_is_as_new_as_that(served):
    first = served.save(b"pixels", "picture.png")
    written = Path(first).stat().st_ctime_ns
    while Path(served.save(b"pixels", "picture.png")).stat().st_ctime_ns == written:
        pass
    assert served.save(b"pixels", "picture.png") == first
    assert Path(first).stat().st_ctime_ns > written


def test_only_what_belongs_to_the_page_is_kept_for_good(served):
    picture, thumbnail = served.save(b"pixels", "a.png"), served.keep(b"thumbnail", "b.png")
    served.kept.kept_s = -1.0
    served.kept.sweep()
    assert not Path(picture).exists()
    assert Path(thumbnail).exists()


def test_gradio_writes_to_the_same_folder(served):
    field = SimpleNamespace(GRADIO_CACHE="elsewhere")
    page = SimpleNamespace(GRADIO_CACHE="elsewhere", blocks={1: field})
    served.hand_to(page)
    assert field.GRADIO_CACHE == page.GRADIO_CACHE == str(served.kept.folder)


def test_what_does_not_fit_is_not_written(served, tmp_path):
    original = tmp_path / "large.mp4"
    original.write_bytes(bytes(2**20 + 1))
    with pytest.raises(NoRoomError, match="up to 1 MB"):
        served.save(original.read_bytes(), "large.mp4")
    with pytest.raises(NoRoomError, match="up to 1 MB"):
        served.copy(original)
    assert not list(served.kept.folder.rglob("large.mp4"))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows can't limit the size of files")
def test_a_disk_that_is_full_keeps_no_half_and_recovers(served):
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            served.save(bytes(5000), "picture.png")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert [path.name for path in served.kept.folder.rglob("*")] == [".page"]
    assert Path(served.save(bytes(5000), "picture.png")).read_bytes() == bytes(5000)


@pytest.mark.slow
def test_without_a_folder_to_write_to_the_page_says_so_and_ends():
    done = subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env=os.environ | {"GRADIO_TEMP_DIR": os.devnull + "/cache"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "can't write to" in done.stderr and "set GRADIO_TEMP_DIR" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_disk_that_is_full_is_told_to_who_takes_an_example(cache, clip_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    edge = Edge()
    builder = PageBuilder(ExplorerPool("bundled"), LENSES, (Example(clip_path, "square"),), edge)
    visit = Visit(Session("bundled"))
    assert Path(builder._example(visit, clip_path.stem)).name == clip_path.name
    assert builder._example(visit, "another") is builder._example(visit, 0) is None
    monkeypatch.setattr(builder.served, "copy", full)
    with pytest.raises(gr.Error, match=r"can't write its files \(No space left on device\)"):
        builder._example(visit, clip_path.stem)
    edge.served.kept.close()


def test_a_disk_that_is_full_later_is_told_in_a_sentence(caplog):
    def fail():
        yield Page(status=[])
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(gr.Error, match=r"can't write its files \(No space left on device\)"):
        list(outputs.deliver(fail(), lambda _page: {}))
    assert "No space left" in caplog.text
