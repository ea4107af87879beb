"""The hand-out: every step's words, its pictures inside, and nothing from anywhere else."""

import base64
import io
import json
import re
import shutil

import pytest
from PIL import Image

from videomae_demo.cli.main import main
from videomae_demo.engine.clips import ClipRequest
from videomae_demo.explorer import Explorer
from videomae_demo.lenses.masks import MaskRequest
from videomae_demo.lessons.handout import make_handout
from videomae_demo.lessons.hiding import make_guess
from videomae_demo.lessons.steps import STEPS
from videomae_demo.shipped import ASSETS


@pytest.fixture(scope="module")
def explorer():
    return Explorer("bundled", device="cpu")


@pytest.fixture(scope="module")
def made(explorer):
    clip = ClipRequest(ASSETS / "clips" / "orbiting.mp4")
    list(explorer.sweep(clip))
    return make_handout(explorer, clip, MaskRequest("tube", 0.9, 2))


def test_every_step_is_printed(made):
    page = made.to_html()
    assert len(STEPS) == len(made.printed) == 12
    places = [page.index(f"<h2>{at}. {step.title}</h2>") for at, step in enumerate(STEPS, start=1)]
    assert places == sorted(places)
    for step, printed in zip(STEPS, made.printed, strict=True):
        for text in (step.text, step.doing, *step.notes, *printed.said):
            assert text.replace("'", "&#x27;").replace(">", "&gt;").replace("<", "&lt;") in page
    guess = make_guess(made.view, 0)
    answer = f"patch {guess.truth + 1}; the model came to {guess.model_db:.1f} dB there"
    assert f"Step 1: {answer}" in page


def test_pictures_are_inside_and_nothing_is_loaded(made):
    page = made.to_html()
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    assert len(pictures) == sum(bool(printed.tracks) for printed in made.printed) == 11
    for picture in pictures:
        Image.open(io.BytesIO(base64.b64decode(picture))).verify()
    rest = re.sub(r'src="data:[^"]+"', "", page)
    assert not re.search(r"https?:|src=|@import|url\(", rest)


def test_what_is_hidden_is_what_was_asked_for(made):
    said = {step.name: found.said for step, found in zip(STEPS, made.printed, strict=True)}
    # int(0.9 * 64) tubes of 8 tokens.
    assert said["ratio"][0] == "456 of 512 tokens are hidden: 89.1%."
    assert said["mask-tokens"] == ["Into the decoder: 56 codes and 456 mask tokens, 512 in all."]
    assert any(sentence.startswith("At 90% (in fact 89.1%) hidden") for sentence in said["ratio"])


def test_a_clips_name_can_not_become_markup(explorer, tmp_path):
    clip = tmp_path / "<b>bold & co.mp4"
    shutil.copy(ASSETS / "clips" / "growing.mp4", clip)
    page = make_handout(explorer, ClipRequest(clip)).to_html()
    assert "<b>" not in page and "&lt;b&gt;bold &amp; co.mp4" in page


def test_the_command_tells_and_writes_the_lesson(capsys, tmp_path):
    clip = str(ASSETS / "clips" / "orbiting.mp4")
    folder = tmp_path / "lesson"
    asked = ["lesson", clip, "--device", "cpu", "--ratio", "0.9", "--seed", "2"]
    assert main([*asked, "--json", "--out", str(folder)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [step["name"] for step in told["steps"]] == [step.name for step in STEPS]
    page = (folder / "lesson.html").read_text()
    assert told["steps"][7]["said"][0] in page
    assert (
        main(["reconstruct", clip, "--device", "cpu", "--ratio", "0.9", "--seed", "2", "--json"])
        == 0
    )
    rebuilt = json.loads(capsys.readouterr().out)
    assert told["steps"][7]["said"][0].startswith(f"Loss: {rebuilt['loss']:#.3g}")
    assert rebuilt["verdict"] == told["steps"][9]["said"][1]
    assert main(asked) == 0
    assert f"8. {STEPS[7].title}" in capsys.readouterr().out
