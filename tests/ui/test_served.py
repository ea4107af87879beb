"""Files for visitors: where they lie, that they are remembered, and a disk that takes none."""

import errno
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest
from conftest import ROOT

from videomae_demo.ui import app
from videomae_demo.ui.handlers import Page
from videomae_demo.ui.served import ServedFiles


@pytest.fixture
def cache(monkeypatch, tmp_path) -> Path:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_what_is_made_lies_in_the_cache_and_is_remembered(cache, tmp_path):
    original = tmp_path / "labels.json"
    original.write_text("{}")
    served, page = ServedFiles(), SimpleNamespace(temp_file_sets=[])
    served.expire_with(page)
    picture, copy = served.save(b"pixels", "picture.png"), served.copy(original)
    kept = served.keep(b"thumbnail", "picture.png")
    assert Path(picture).read_bytes() == b"pixels"
    assert Path(kept).read_bytes() == b"thumbnail"
    assert Path(copy).read_text() == "{}"
    assert all(Path(path).is_relative_to(cache) for path in (picture, copy, kept))
    assert page.temp_file_sets == [{picture, copy}]


def test_more_can_be_made_while_gradio_looks_for_what_is_old(cache):
    served, page = ServedFiles(), SimpleNamespace(temp_file_sets=[])
    served.expire_with(page)
    for number in range(3):
        served.save(bytes([number]), "a.png")
    for number, _ in enumerate(page.temp_file_sets[0]):
        served.save(bytes([100 + number]), "b.png")
    assert len(page.temp_file_sets[0]) == 6


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


def test_a_disk_that_is_full_later_is_told_in_a_sentence(caplog):
    def fail():
        yield Page(status=[])
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(gr.Error, match=r"can't write its files \(No space left on device\)"):
        list(app.deliver(fail()))
    assert "No space left" in caplog.text
