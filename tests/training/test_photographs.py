"""Motions of pictures from a folder, and whether the bundled recogniser names them."""

import re

import cv2
import numpy as np
import pytest
import torch
from photo_like import write_photo_like

from videomae_demo.cli.main import main
from videomae_demo.errors import RequestError
from videomae_demo.model.videomae import VideoMAEForVideoClassification
from videomae_demo.shipped import ASSETS
from videomae_demo.training.evaluate import held_out, measure_on_pictures
from videomae_demo.training.photographs import LONGEST_PX, Photographs, read_photographs
from videomae_demo.training.synthetic import HELD_OUT, LABELS, render
from videomae_demo.training.textures import Draws

CPU = torch.device("cpu")
RED, BLUE = (torch.tensor(colour)[:, None, None] for colour in ([1.0, 0, 0], [0, 0, 1.0]))


def write(path, pixels):
    cv2.imwrite(str(path), pixels)


def test_pictures_are_read_in_the_order_of_their_names_and_as_rgb(tmp_path):
    write(tmp_path / "b.png", np.full((40, 50, 3), (255, 0, 0), np.uint8))  # OpenCV: blue
    write(tmp_path / "a.PNG", np.full((40, 40, 3), (0, 0, 255), np.uint8))
    first, second = read_photographs(tmp_path)._pictures
    assert first.shape == (3, 40, 40) and second.shape == (3, 40, 50)
    assert (first == RED).all() and (second == BLUE).all()


def test_what_is_no_picture_is_passed_over(tmp_path):
    write(tmp_path / "small.png", np.zeros((31, 400, 3), np.uint8))
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8 no picture")
    (tmp_path / "notes.txt").write_text("no picture either")
    (tmp_path / "folder.png").mkdir()
    write(tmp_path / "good.png", np.zeros((32, 32, 3), np.uint8))
    assert len(read_photographs(tmp_path)) == 1


def test_large_pictures_are_made_smaller(tmp_path):
    write(tmp_path / "large.png", np.zeros((100, 2 * LONGEST_PX, 3), np.uint8))
    (picture,) = read_photographs(tmp_path)._pictures
    assert picture.shape == (3, 50, LONGEST_PX)


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(RequestError, match=r"no folder .*nowhere"):
        read_photographs(tmp_path / "nowhere")
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(RequestError, match="no picture that can be read"):
        read_photographs(tmp_path)


def test_a_part_is_a_square_of_half_the_shorter_side_or_more():
    """The red tells the column, the green the row."""
    y, x = torch.meshgrid(torch.arange(100) / 100, torch.arange(200) / 200, indexing="ij")
    photographs = Photographs([torch.stack([x, y, torch.zeros(100, 200)])])
    parts = photographs.cut(Draws(range(40), 4, CPU), 20)
    assert parts.shape == (40, 3, 20, 20)
    wide = 200 * (parts[:, 0].amax((1, 2)) - parts[:, 0].amin((1, 2)))
    tall = 100 * (parts[:, 1].amax((1, 2)) - parts[:, 1].amin((1, 2)))
    assert ((wide - tall).abs() < 3).all()
    assert tall.min() > 45 and tall.max() > 85
    lefts = 200 * parts[:, 0].amin((1, 2))
    assert lefts.min() < 20 and lefts.max() > 80  # they lie anywhere
    again = photographs.cut(Draws([7], 4, CPU), 20)
    assert torch.equal(again[0], parts[7])


def test_clips_show_nothing_but_the_pictures():
    pictures = Photographs([RED.expand(3, 32, 32), BLUE.expand(3, 32, 32)])
    seeds = range(HELD_OUT, HELD_OUT + 12)
    clips = render(seeds, size_px=24, labels=[0] * 12, pictures=pictures)
    assert clips.frames[:, :, 1].max() == 0
    # At a soft edge, a little is lost.
    assert (clips.frames[:, :, 0] + clips.frames[:, :, 2]).mean() > 0.99
    inside = clips.frames.permute(0, 1, 3, 4, 2)[clips.thing].mean(0)
    outside = clips.frames.permute(0, 1, 3, 4, 2)[~clips.thing].mean(0)
    assert min(*inside[[0, 2]], *outside[[0, 2]]) > 0.1  # each of the two is either


def test_the_motions_are_those_of_painted_clips():
    seeds = [HELD_OUT + number for number in range(16)]
    pictures = Photographs([RED.expand(3, 32, 32)])
    cut = render(seeds, size_px=24, labels=range(16), pictures=pictures)
    painted = render(seeds, size_px=24, labels=range(16))
    assert torch.equal(cut.labels, painted.labels)
    still = LABELS.index("staying still")
    assert (cut.thing[still] == cut.thing[still, :1]).all()
    middle = cut.thing[LABELS.index("moving left")].float().argmax(-1).amax(-1)
    assert middle[0] > middle[-1]


@pytest.fixture(scope="module")
def photographs(tmp_path_factory) -> Photographs:
    return read_photographs(write_photo_like(tmp_path_factory.mktemp("pictures")))


def test_the_bundled_recogniser_names_motions_of_pictures(photographs):
    """The model card says how often; of 48 clips, some more or fewer are luck."""
    folder = ASSETS / "checkpoints" / "motion-recogniser"
    model = VideoMAEForVideoClassification.from_pretrained(folder)
    assert measure_on_pictures(model, 48, photographs) >= 0.8


@pytest.mark.figures
def test_the_model_card_says_what_is_measured(photographs):
    card = (ASSETS / "checkpoints" / "README.md").read_text(encoding="utf-8")
    row = re.search(r"^\| (\d+) that look .* \| ([\d.]+) % \|$", card, re.MULTILINE)
    clips = int(re.search(r"top-1 on (\d+) held-out motions", card)[1])
    assert int(row[1]) == len(photographs)
    folder = ASSETS / "checkpoints" / "motion-recogniser"
    model = VideoMAEForVideoClassification.from_pretrained(folder)
    top1 = 100 * measure_on_pictures(model, clips, photographs)
    assert top1 == pytest.approx(float(row[2]), abs=0.3)  # machines round differently


def test_right_is_counted_by_hand(photographs, monkeypatch):
    """A model that always says "moving right" is right once in sixteen."""
    folder = ASSETS / "checkpoints" / "motion-recogniser"
    model = VideoMAEForVideoClassification.from_pretrained(folder)
    with torch.no_grad():
        model.classifier.weight.zero_()
        model.classifier.bias.zero_()
        model.classifier.bias[LABELS.index("moving right")] = 1
    assert measure_on_pictures(model, 20, photographs) == 2 / 20  # labels 0 to 15, then 0 to 3
    shown = next(held_out(2, 16, photographs)).frames
    assert not torch.equal(shown, next(held_out(2, 16)).frames)


def test_the_command_measures_on_a_folder_of_pictures(tmp_path, capsys):
    folder = write_photo_like(tmp_path / "pictures", 3)
    options = ["--textures", str(folder), "--clips", "16", "1", "1"]
    assert main(["train", "evaluate", *options]) == 0
    (row,) = capsys.readouterr().out.splitlines()
    name, figure = row.strip("| ").split(" | ")
    assert name == "top-1 on 16 held-out motions of parts of 3 pictures"
    assert figure.endswith(" %") and 0 <= float(figure[:-2]) <= 100
    assert main(["train", "evaluate", *options]) == 0
    assert capsys.readouterr().out.strip() == row


def test_the_command_says_in_a_sentence_that_there_are_no_pictures(tmp_path, capsys):
    assert main(["train", "evaluate", "--textures", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "no picture that can be read" in line
