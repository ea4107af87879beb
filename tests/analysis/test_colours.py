"""A reconstruction is shown in the clip's own colours, whatever the processor's statistics are."""

import math

import numpy as np
import pytest
import torch
from tiny import save_tiny

from videomae_demo.analysis.colours import TrueColours
from videomae_demo.config import TokenGrid
from videomae_demo.engine import engine as engine_module
from videomae_demo.engine.clips import ClipRequest
from videomae_demo.explorer import Explorer
from videomae_demo.lenses.masks import MaskRequest
from videomae_demo.masking import tube
from videomae_demo.model.processor import VideoMAEImageProcessor
from videomae_demo.model.videomae import IMAGENET_MEAN, IMAGENET_STD, VideoMAEForPreTraining

STATISTICS = {
    "ImageNet": {"image_mean": IMAGENET_MEAN, "image_std": IMAGENET_STD},
    "one half": {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]},
    "one for all": {"image_mean": 0.4, "image_std": 0.3},
    "-1 to 1": {"do_normalize": False, "rescale_factor": 1 / 127.5},
    "bytes": {"do_rescale": False, "image_mean": [120, 110, 100], "image_std": [60, 50, 40]},
}
RATIO, SEED = 0.5, 3


@pytest.mark.parametrize("name", STATISTICS)
@torch.no_grad()
def test_they_undo_what_processor_and_model_do(name):
    frames = np.random.RandomState(0).randint(0, 256, (4, 32, 32, 3)).astype(np.uint8)
    processor = VideoMAEImageProcessor(size=32, crop_size=32, **STATISTICS[name])
    pixel_values = processor(frames, return_tensors="pt").pixel_values.double()
    mean, std = (torch.tensor(x).double()[:, None, None] for x in (IMAGENET_MEAN, IMAGENET_STD))
    model_pixels = (pixel_values[0] * std + mean).permute(0, 2, 3, 1)  # as the model's targets are
    found = TrueColours.behind(processor).of(model_pixels)
    np.testing.assert_allclose(found, frames / 255, atol=1e-6)


def test_imagenets_statistics_change_nothing():
    same = TrueColours.behind(VideoMAEImageProcessor(**STATISTICS["ImageNet"]))
    assert same == TrueColours((1.0, 1.0, 1.0), (0.0, 0.0, 0.0))


@pytest.fixture(params=[False, True], ids=["pixels", "normalised pixels"])
def norm_pix_loss(request) -> bool:
    return request.param


@pytest.fixture
def folder(tmp_path, norm_pix_loss):
    save_tiny(VideoMAEForPreTraining, tmp_path, norm_pix_loss=norm_pix_loss)
    VideoMAEImageProcessor(size=32, crop_size=32, **STATISTICS["one half"]).save_pretrained(
        tmp_path
    )
    return tmp_path


def reconstruct(folder, clip_path):
    explorer = Explorer(reconstructor=str(folder), device="cpu")
    view = explorer.reconstruct(ClipRequest(clip_path), MaskRequest(ratio=RATIO, seed=SEED))
    return view, explorer.reconstructor.model


def test_the_original_is_the_cropped_clip(folder, clip_path, monkeypatch):
    seen = []
    call = VideoMAEImageProcessor.__call__
    monkeypatch.setattr(
        VideoMAEImageProcessor,
        "__call__",
        lambda self, frames, **options: seen.append(frames) or call(self, frames, **options),
    )
    view, _ = reconstruct(folder, clip_path)
    plain = VideoMAEImageProcessor(size=32, crop_size=32, do_normalize=False)
    monkeypatch.undo()
    cropped = plain(seen[-1], return_tensors="np", data_format="channels_last").pixel_values[0]
    np.testing.assert_allclose(view.reconstruction.target, cropped, atol=1e-6)


def test_a_perfect_prediction_is_the_original_and_loses_nothing(
    folder, clip_path, monkeypatch, norm_pix_loss
):
    def perfect(reconstructor, pixel_values, hidden):
        return reconstructor.model.targets(torch.from_numpy(pixel_values))[0, hidden].numpy()

    monkeypatch.setattr(engine_module, "predict", perfect)
    result = reconstruct(folder, clip_path)[0].reconstruction
    np.testing.assert_allclose(result.prediction.frames, result.target, atol=1e-5)
    assert result.prediction.psnr_db >= (100 if norm_pix_loss else math.inf)
    assert result.loss == pytest.approx(0, abs=1e-10)


def test_the_loss_stays_that_of_the_model(folder, clip_path, monkeypatch):
    given = []
    predict = engine_module.predict

    def remember(reconstructor, pixel_values, hidden):
        given.append((torch.from_numpy(pixel_values), torch.from_numpy(hidden)[None]))
        return predict(reconstructor, pixel_values, hidden)

    monkeypatch.setattr(engine_module, "predict", remember)
    view, model = reconstruct(folder, clip_path)
    with torch.no_grad():
        loss = model(*given[0]).loss
    assert view.reconstruction.loss == pytest.approx(loss.item(), rel=1e-4)
    mask = tube(TokenGrid(2, 4, 4), RATIO, SEED)
    np.testing.assert_array_equal(given[0][1][0], mask.reshape(-1))


def test_errors_and_fillings_are_measured_in_the_clips_colours(folder, clip_path):
    result = reconstruct(folder, clip_path)[0].reconstruction
    hidden = result.mask.repeat(2, 0).repeat(8, 1).repeat(8, 2)
    for picture in result.pictures:
        square = (picture.frames - result.target)[hidden] ** 2
        assert picture.psnr_db == pytest.approx(-10 * math.log10(square.mean()), rel=1e-3)
    filling = {picture.name: picture for picture in result.baselines}["visible-mean"]
    colour = result.target[~hidden].mean(axis=0)
    np.testing.assert_allclose(filling.frames[hidden].mean(axis=0), colour, atol=1e-5)
