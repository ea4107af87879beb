"""A published accuracy beside a measured one."""

import json

import pytest

from videomae_demo import RequestError, Views
from videomae_demo.checkpoints.catalog import PublishedAccuracy
from videomae_demo.cli.main import main
from videomae_demo.dataset import accuracy
from videomae_demo.dataset.accuracy import Figure, published_accuracy
from videomae_demo.dataset.metrics import Share

NAME = "base-finetuned-kinetics"


@pytest.mark.parametrize(
    ("published", "agrees"), [(81.5, True), (87.1, False), (73.4, False), (86.3, True)]
)
def test_it_agrees_if_the_interval_contains_it(published, agrees):
    figure = Figure("Top-1", published, Share(162, 200))  # 81 %, Wilson: 75.0 to 85.8 %
    expected = {81.5: True, 87.1: False, 73.4: False, 86.3: False}[published]
    assert figure.agrees is expected
    assert ("agrees with" in figure.sentence()) is expected
    assert figure.sentence().startswith("Top-1 81.0% of 200 clips (95% interval 75.0% to 85.8%)")


def test_the_last_published_digit_was_rounded():
    share = Share(1, 1)  # 20.7 % to 100 %
    assert Figure("Top-1", 100.0, share).agrees
    low = 100 * share.low
    assert Figure("Top-1", low - 0.04, share).agrees
    assert not Figure("Top-1", low - 0.06, share).agrees


def test_what_is_published_is_the_catalogs():
    entry, found = published_accuracy("MCG-NJU/videomae-" + NAME)
    assert entry.name == NAME
    assert (found.top_1, found.top_5, found.views) == (81.5, 95.1, Views(5, 3))
    with pytest.raises(RequestError, match="No accuracy is published for 'bundled'"):
        published_accuracy("bundled")


@pytest.fixture
def published(hub, recogniser_folder, monkeypatch):
    """A tiny recogniser under a published name, of which another accuracy is published."""
    hub.publish(f"MCG-NJU/videomae-{NAME}", recogniser_folder)
    entry, _ = published_accuracy(NAME)

    def publish(top_1: float) -> None:
        figures = PublishedAccuracy(top_1, 100.0, "nine clips", Views(2, 1))
        monkeypatch.setattr(accuracy, "published_accuracy", lambda _name: (entry, figures))

    return publish


def test_the_command_says_which_it_is(published, data_set, tmp_path, capsys):
    published(0.0)
    out = tmp_path / "out"
    words = ["verify", NAME, "--accuracy", str(data_set), "--out", str(out)]
    code = main([*words, "--json"])
    (told,) = json.loads(capsys.readouterr().out)
    measured = told["figures"][0]["measured"]
    assert measured["of"] == 9
    assert told["figures"][0]["agrees"] is (measured["low"] < 0.0005)
    assert told["figures"][1]["agrees"] is True  # of three labels, all are among the five best
    assert (code == 0) is told["agrees"] and told["views"] == "2x1"
    published(100 * measured["share"])
    assert main([*words, "--resume"]) == 0
    assert "agrees with the published" in capsys.readouterr().out
    published(100.0 if measured["share"] < 0.5 else 0.0)
    assert main([*words, "--resume"]) == 1
    assert "DIFFERS from the published" in capsys.readouterr().out


def test_it_is_of_one_checkpoint(data_set, capsys):
    assert main(["verify", "--accuracy", str(data_set)]) == 2
    assert "name it" in capsys.readouterr().err
