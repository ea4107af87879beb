"""The command that tries all shares: its table, its words, and what it asks."""

from dataclasses import replace

import pytest
from made_sweep import made_sweep
from made_views import made_reconstruction

from videomae_demo import explorer
from videomae_demo.cli.main import main
from videomae_demo.lenses.masks import MaskRequest
from videomae_demo.lenses.sweep import sweep_sentences


class MadeExplorer:
    def __init__(self) -> None:
        self.asked: list = []

    def __call__(self, *_, **__):
        return self

    def sweep(self, request, mask):
        self.asked.append(mask)
        for done in (0.5, 1):
            yield replace(made_reconstruction(), sweep=made_sweep(done=done))


@pytest.fixture
def made(monkeypatch) -> MadeExplorer:
    fake = MadeExplorer()
    monkeypatch.setattr(explorer, "Explorer", fake)
    return fake


def test_the_table_and_the_words_are_those_of_the_sweep(made, capsys):
    options = ("--sweep", "--mask", "random", "--ratio", "0.6", "--seed", "3")
    assert main(["reconstruct", "made.mp4", *options]) == 0
    assert made.asked == [MaskRequest("random", 0.6, 3)]
    out, err = capsys.readouterr()
    lines = out.splitlines()
    at = next(index for index, line in enumerate(lines) if "mean PSNR in dB over 3 masks" in line)
    assert lines[at + 1].split() == [
        "hidden", "prediction", "visible-mean", "copied-in-time", "loss",
    ]  # fmt: skip
    losses = made_sweep().losses[0].mean(axis=1)
    rows = [("50.0%", "22.0", "15.0", "18.0"), ("75.0%", "19.0", "15.0", "18.5"),
            ("87.5%", "17.5", "15.0", "17.5"), ("93.8%", "15.0", "15.5", "14.0")]  # fmt: skip
    for line, row, loss in zip(lines[at + 2 : at + 6], rows, losses, strict=True):
        assert line.split() == [*row, f"{loss:.4f}"]
    for said in sweep_sentences(made_sweep(), 0.25):
        assert f"  {said}" in lines
    assert "50%" in err and "100%" in err
