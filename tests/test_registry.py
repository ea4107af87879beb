"""A lens that is registered appears on the command line, and no other file knows it."""

import json
import sys
from types import ModuleType

import pytest

from videomae_demo.cli.main import main
from videomae_demo.cli.shared import LensCommand
from videomae_demo.lenses import registry
from videomae_demo.lenses.registry import Lens


class Length:
    """An answer that says how many frames were seen."""

    def __init__(self, clip) -> None:
        self.count = len(clip.indices)


def save(answer: Length, folder, parsed) -> list:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "length.txt"
    path.write_text(f"{answer.count} {parsed.word}")
    return [path]


@pytest.fixture
def dummy(monkeypatch) -> None:
    module = ModuleType("a_lens_of_the_test")
    module.COMMAND = LensCommand(
        name="count",
        summary="Count the frames that were seen.",
        part="length",
        add_options=lambda parser: parser.add_argument("--word", default="frames"),
        ask=lambda explorer, clip, _parsed: Length(explorer.see(clip)),
        to_json=lambda answer, _parsed: {"count": answer.count},
        lines=lambda answer, parsed: [f"{answer.count} {parsed.word}"],
        save=save,
    )
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(registry, "LENSES", [*registry.LENSES, Lens("count", module.__name__)])


def ask(capsys, *arguments) -> str:
    assert main([*map(str, arguments)]) == 0
    return capsys.readouterr().out


def test_it_has_a_command_of_its_own(dummy, capsys, clip_path, recogniser_folder, tmp_path):
    weights = ["--weights", recogniser_folder, "--device", "cpu"]
    assert ask(capsys, "count", clip_path, *weights, "--word", "pictures") == "4 pictures\n"
    assert json.loads(ask(capsys, "count", clip_path, *weights, "--json")) == {"count": 4}
    ask(capsys, "count", clip_path, *weights, "--out", tmp_path)
    assert (tmp_path / "length.txt").read_text() == "4 frames"


def test_it_is_explored_with_the_others(dummy, capsys, clip_path, recogniser_folder, tmp_path):
    weights = ["--weights", recogniser_folder, "--device", "cpu"]
    told = json.loads(ask(capsys, "explore", clip_path, *weights, "--json", "--out", tmp_path))
    assert list(told) == ["labels", "rollout", "relevance", "reconstruction", "heads", "length"]
    assert told["length"] == {"count": 4}
    assert (tmp_path / "length" / "length.txt").is_file()


def test_help_names_it(dummy, capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "Count the frames that were seen." in capsys.readouterr().out
