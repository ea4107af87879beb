"""The README keeps its word: its snippet runs, its options exist, its front matter fits."""

import contextlib
import io
import re
from pathlib import Path

import pytest
from PIL import Image

from videomae_demo.cli.main import main

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    fences = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, flags=re.DOTALL | re.MULTILINE)
    return [content for name, content in fences if name == language]


def help_of(*command: str) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), pytest.raises(SystemExit):
        main([*command, "--help"])
    return printed.getvalue()


def test_the_python_snippets_run(monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    snippet = next(block for block in blocks("python") if "Explorer(" in block)
    found: dict = {}
    seen: list = []
    monkeypatch.setattr(Image.Image, "show", lambda picture: seen.append(picture.size))
    exec(compile(snippet, "README.md", "exec"), found)
    assert found["explorer"].weights == "bundled"
    assert len(seen) == snippet.count(".show()") == 1
    monkeypatch.chdir(tmp_path)
    words, save = re.findall(r"`(rebuilt\.[^`]+)`", TEXT)
    assert eval(words, found) == found["rebuilt"].to_json()["verdict"]
    eval(save, found)
    assert {path.suffix for path in (tmp_path / "explored").iterdir()} == {".mp4", ".png", ".npz"}


@pytest.mark.parametrize(
    "command",
    [
        "classify",
        "attend",
        "explain",
        "heads",
        "reconstruct",
        "timeline",
        "probe",
        "tokens",
        "compare",
        "explore",
        "lesson",
    ],
)
def test_every_option_that_is_named_exists(command):
    (listing,) = [block for block in blocks("") if f"videomae_demo {command}" in block]
    line = next(line for line in listing.splitlines() if f"videomae_demo {command}" in line)
    everywhere = re.search(r"^With every CLIP: (.*?)\n\n", TEXT, flags=re.DOTALL | re.MULTILINE)[1]
    shown = help_of(command)
    options = re.findall(r"--[a-z-]+", line + everywhere)
    assert options
    for option in options:
        assert option in shown


def test_every_training_stage_that_is_named_exists():
    stages = re.search(r"videomae_demo train +(.*)", TEXT)[1].split(" | ")
    assert len(stages) == 5
    for stage in stages:
        assert stage in help_of("train", stage.strip())


def test_the_commands_name_files_that_exist():
    for name in re.findall(r"(?:-r |explore )((?:assets/|requirements)\S+)", TEXT):
        assert (ROOT / name).exists(), name
    for name in re.findall(r"\]\(((?!http)[^)#]+)\)", TEXT):
        assert (ROOT / name).exists(), name
