"""The image processor, against transformers 4.37.2 (stored) and 5.23 (live)."""

from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers.models.videomae.image_processing_pil_videomae import VideoMAEImageProcessorPil

from videomae_demo.errors import CheckpointError, RequestError
from videomae_demo.model.processor import CropBox, VideoMAEImageProcessor

GOLDEN = np.load(Path(__file__).parent / "golden" / "processor.npz")
CASES = sorted({name.partition("|")[0] for name in GOLDEN.files})
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}


def make_clip(shape: tuple[int, ...], dtype: str = "uint8") -> np.ndarray[Any, Any]:
    """Make the clip that golden/make_processor_golden.py makes."""
    t, y, x, c = np.indices(shape, dtype=np.int64)
    clip = ((y * 131 + x * 17 + c * 71 + t * 53 + 7) ** 2 // 8) % 256
    return (clip / 255).astype(np.float32) if dtype == "scaled" else clip.astype(dtype)


def random_clip(*shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture
def processor() -> VideoMAEImageProcessor:
    return VideoMAEImageProcessor(size=32, crop_size=32, **IMAGENET)


class TestAgainstTransformers:
    @pytest.mark.parametrize("case", CASES)
    def test_every_bit_is_that_of_4_37(self, case: str) -> None:
        facts = json.loads(str(GOLDEN[f"{case}|facts"]))
        processor = VideoMAEImageProcessor.from_dict(facts["arguments"])
        clip = make_clip(tuple(facts["clip"]), facts["dtype"])
        output = processor(list(clip), return_tensors="np").pixel_values
        assert list(output.shape) == facts["shape"]
        assert str(output.dtype) == facts["output"]
        np.testing.assert_array_equal(output.ravel()[::499], GOLDEN[f"{case}|values"])
        digest = hashlib.sha256(np.ascontiguousarray(output).tobytes()).hexdigest()
        assert digest == facts["digest"]

    @pytest.mark.parametrize(
        "arguments",
        [
            IMAGENET,
            {"size": 50, "crop_size": {"height": 45, "width": 33}},
            {"size": 50, "crop_size": 61},  # pads by an odd number, where 4.37 lost a row
            {"do_resize": False, "do_center_crop": False, "rescale_factor": 1 / 100},
            {"size": {"height": 40, "width": 90}, "do_center_crop": False, "resample": 3},
        ],
    )
    @pytest.mark.parametrize("shape", [(2, 90, 160, 3), (2, 3, 70, 41)])
    def test_every_bit_is_that_of_the_installed_release(
        self, arguments: dict[str, Any], shape: tuple[int, ...]
    ) -> None:
        clip = list(random_clip(*shape))
        theirs = VideoMAEImageProcessorPil(**arguments)(clip, return_tensors="np")
        ours = VideoMAEImageProcessor(**arguments)(clip, return_tensors="np")
        np.testing.assert_array_equal(ours.pixel_values, theirs["pixel_values"])

    def test_what_one_saves_the_other_reads(self, tmp_path: Path) -> None:
        ours = VideoMAEImageProcessor(size=48, crop_size=(40, 44), **IMAGENET)
        assert ours.save_pretrained(tmp_path / "ours").name == "preprocessor_config.json"
        VideoMAEImageProcessorPil.from_pretrained(tmp_path / "ours").save_pretrained(
            tmp_path / "theirs"
        )
        again = VideoMAEImageProcessor.from_pretrained(tmp_path / "theirs")
        for name in ("size", "crop_size", "resample", "image_mean", "image_std", "do_rescale"):
            assert getattr(again, name) == getattr(ours, name)


class TestConfiguration:
    def test_the_defaults_are_those_of_4_37(self) -> None:
        assert VideoMAEImageProcessor().to_dict() == {
            "do_resize": True,
            "size": {"shortest_edge": 224},
            "resample": 2,
            "do_center_crop": True,
            "crop_size": {"height": 224, "width": 224},
            "do_rescale": True,
            "rescale_factor": 1 / 255,
            "do_normalize": True,
            "image_mean": [0.5, 0.5, 0.5],
            "image_std": [0.5, 0.5, 0.5],
            "image_processor_type": "VideoMAEImageProcessor",
        }

    def test_a_legacy_file_is_understood(self, tmp_path: Path) -> None:
        legacy = {"do_resize": True, "size": 192, "feature_extractor_type": "X", **IMAGENET}
        (tmp_path / "preprocessor_config.json").write_text(json.dumps(legacy))
        processor = VideoMAEImageProcessor.from_pretrained(tmp_path)
        assert processor.size == {"shortest_edge": 192}
        assert processor.crop_size == {"height": 224, "width": 224}
        assert processor.image_mean == IMAGENET["image_mean"]
        assert processor.to_dict()["feature_extractor_type"] == "X"

    def test_arguments_replace_what_the_file_says(self, tmp_path: Path) -> None:
        VideoMAEImageProcessor(size=64, **IMAGENET).save_pretrained(tmp_path)
        processor = VideoMAEImageProcessor.from_pretrained(tmp_path, crop_size=64)
        assert (processor.size, processor.crop_size["height"]) == ({"shortest_edge": 64}, 64)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("", "can't be read"),
            ("[1]", "does not hold a JSON object"),
            ('{"size": "big"}', "can't be used: size is 'big'; give"),
            ('{"size": 1000000000}', "in whole pixels from 1 to 4096"),
            ('{"crop_size": true}', "crop_size is True"),
            ('{"crop_size": {}}', "crop_size is {}"),
            ('{"resample": 99}', "can't be used: resample is 99; give one of Pillow's"),
            ('{"resample": true}', "resample is True"),
            ('{"do_resize": "no"}', "do_resize is 'no'; give True or False"),
            ('{"image_mean": [0.5, NaN, 0.5]}', "image_mean is nan; give a number from -1e[+]06"),
            ('{"image_mean": [-1e30, 0, 0]}', "image_mean is -1e[+]30"),
            ('{"image_mean": "grey"}', "image_mean is 'g"),
            ('{"image_mean": []}', "image_mean is empty"),
            ('{"image_std": [0.5, 0, 0.5]}', "image_std is 0; give a number from 1e-06"),
            ('{"image_std": Infinity}', "image_std is inf"),
            ('{"image_std": [true, 1, 1]}', "image_std is True"),
            ('{"rescale_factor": 0}', "rescale_factor is 0; give"),
            ('{"rescale_factor": NaN}', "rescale_factor is nan"),
            ('{"rescale_factor": null}', "rescale_factor is None"),
            ('{"self": 1}', "multiple values for argument 'self'"),
        ],
    )
    def test_a_broken_file_is_named(self, tmp_path: Path, content: str, message: str) -> None:
        path = tmp_path / "preprocessor_config.json"
        path.write_text(content)
        with pytest.raises(CheckpointError, match=rf"preprocessor_config\.json .*{message}"):
            VideoMAEImageProcessor.from_pretrained(tmp_path)

    def test_a_switch_may_be_left_open(self) -> None:
        assert VideoMAEImageProcessor.from_dict({"do_normalize": None}).do_normalize is False

    def test_a_resized_frame_has_a_limit(self) -> None:
        with pytest.raises(RequestError, match="frame of 1x8000 px would be resized to 224x17"):
            VideoMAEImageProcessor().crop_box(1, 4000 * 2)

    def test_a_missing_file_is_not_made_up(self, tmp_path: Path) -> None:
        with pytest.raises(CheckpointError, match="tells how frames are normalised"):
            VideoMAEImageProcessor.from_pretrained(tmp_path)

    @pytest.mark.parametrize(
        "size",
        [0, -1, "224", {"shortest_edge": 1.5}, {"longest_edge": 9}, {"height": 9}, (1, 2, 3)],
    )
    def test_sizes_of_no_known_form_are_refused(self, size: Any) -> None:
        with pytest.raises(RequestError, match=r"size is .*; give 'height' and 'width', or 'short"):
            VideoMAEImageProcessor(size=size)

    def test_a_crop_has_no_shortest_edge(self) -> None:
        with pytest.raises(RequestError, match=r"crop_size is .*; give 'height' and 'width', in"):
            VideoMAEImageProcessor(crop_size={"shortest_edge": 224})


class TestInput:
    def test_every_form_of_a_clip_gives_the_same(self, processor: VideoMAEImageProcessor) -> None:
        clip = random_clip(4, 40, 50, 3)
        first = clip.transpose(0, 3, 1, 2)
        forms: list[Any] = [
            clip,
            list(clip),
            tuple(first),
            first,
            torch.from_numpy(clip),
            list(torch.from_numpy(first.copy())),
            [Image.fromarray(frame) for frame in clip],
            [clip[0], torch.from_numpy(clip[1]), Image.fromarray(clip[2]), first[3]],
            clip.astype(np.int64),
            clip.astype(np.float64),
            clip[None],
            [clip],
            [list(first)],
        ]
        reference = processor(clip, return_tensors="pt").pixel_values
        assert reference.shape == (1, 4, 3, 32, 32)
        assert reference.dtype == torch.float32
        for form in forms:
            assert processor(form, return_tensors="pt").pixel_values.equal(reference)

    def test_the_documented_example_runs(self) -> None:
        video = list(np.random.default_rng(0).integers(0, 256, (16, 3, 224, 224)))
        pixel_values = VideoMAEImageProcessor()(video, return_tensors="pt").pixel_values
        assert pixel_values.shape == (1, 16, 3, 224, 224)

    def test_a_batch_is_stacked(self, processor: VideoMAEImageProcessor) -> None:
        batch = random_clip(2, 4, 40, 50, 3)
        together = processor(batch, return_tensors="np").pixel_values
        alone = [processor(clip, return_tensors="np").pixel_values[0] for clip in batch]
        np.testing.assert_array_equal(together, np.stack(alone))

    def test_a_single_frame_is_a_clip_of_one(self, processor: VideoMAEImageProcessor) -> None:
        frame = random_clip(40, 50, 3)
        for form in (frame, Image.fromarray(frame)):
            assert processor(form, return_tensors="pt").pixel_values.shape == (1, 1, 3, 32, 32)

    def test_frames_of_several_sizes_meet_after_the_crop(
        self, processor: VideoMAEImageProcessor
    ) -> None:
        frames = [random_clip(40, 50, 3), random_clip(90, 33, 3)]
        assert processor(frames, return_tensors="pt").pixel_values.shape == (1, 2, 3, 32, 32)
        with pytest.raises(RequestError, match=r"shapes \[\(3, 32, 40\), \(3, 87, 32\)\] after"):
            processor(frames, return_tensors="pt", do_center_crop=False)

    def test_the_first_axis_decides_where_channels_are(self) -> None:
        ambiguous = random_clip(2, 3, 8, 3)
        plain = VideoMAEImageProcessor(do_resize=False, do_center_crop=False)
        assert plain(ambiguous, return_tensors="np").pixel_values.shape == (1, 2, 3, 8, 3)
        told = plain(ambiguous, return_tensors="np", input_data_format="channels_last")
        assert told.pixel_values.shape == (1, 2, 3, 3, 8)

    def test_frames_go_out_in_the_layout_asked_for(self, processor: VideoMAEImageProcessor) -> None:
        clip = random_clip(2, 40, 50, 3)
        first = processor(clip, return_tensors="np").pixel_values
        last = processor(clip, return_tensors="np", data_format="channels_last").pixel_values
        np.testing.assert_array_equal(last, np.moveaxis(first, 2, -1))
        as_given = processor(clip, return_tensors="np", data_format=None).pixel_values
        np.testing.assert_array_equal(as_given, last)

    def test_half_precision_frames_are_floats(self, processor: VideoMAEImageProcessor) -> None:
        clip = torch.rand(2, 3, 40, 50)
        for dtype in (torch.float16, torch.bfloat16):
            values = processor(clip.to(dtype), return_tensors="pt", do_rescale=False).pixel_values
            assert values.dtype == torch.float32

    def test_black_floats_are_no_mistake(self, processor: VideoMAEImageProcessor) -> None:
        black = np.zeros((2, 40, 50, 3), np.float32)
        expected = processor(black.astype(np.uint8), return_tensors="np").pixel_values
        np.testing.assert_array_equal(processor(black, return_tensors="np").pixel_values, expected)

    @pytest.mark.parametrize(
        ("videos", "message"),
        [
            ([], "empty list was given"),
            ([[]], "empty list was given"),
            (np.zeros((0, 8, 8, 3)), r"no pixels in an array of shape \(0, 8, 8, 3\)"),
            (np.zeros((8, 8)), "what was given has 2 axes"),
            (np.zeros((1, 1, 2, 8, 8, 3)), "what was given has 6 axes"),
            ("clip.mp4", "a numpy array or a torch tensor, not a str"),
            ([np.zeros((8, 8, 3)), np.zeros((8, 8))], "all be images, each with three axes"),
            ([np.zeros((8, 8, 3)), None], "not a NoneType"),
            ([[[1, 2], [3, 4]]], "not a int"),
            (np.zeros((2, 8, 8, 4), np.uint8), r"shape \(8, 8, 4\) has its 1 or 3 channels nei"),
            ([Image.new("L", (8, 8))], "mode 'L'; convert it to 'RGB'"),
            (np.zeros((2, 8, 8, 3), bool), "holds bool values"),
            (np.zeros((2, 8, 8, 3), complex), "holds complex128 values"),
            (np.full((2, 8, 8, 3), 300), "values from 300 to 300; give integers in 0..255"),
            (np.full((2, 8, 8, 3), -1), "values from -1 to -1"),
            (np.full((2, 8, 8, 3), 12.5), "values from 12.5 to 12.5"),
            (np.full((2, 8, 8, 3), np.nan), "values from nan to nan"),
            (np.full((2, 8, 8, 3), 0.5), r"floats in 0..1 \(largest 0.5\) and would be rescaled"),
            (np.full((2, 8, 8, 1), 7), "image_mean has 3 values, but the frames have 1 channels"),
        ],
    )
    def test_what_is_no_clip_is_refused(
        self, processor: VideoMAEImageProcessor, videos: Any, message: str
    ) -> None:
        with pytest.raises(RequestError, match=message):
            processor(videos, return_tensors="pt")

    def test_clips_of_several_lengths_are_not_stacked(
        self, processor: VideoMAEImageProcessor
    ) -> None:
        clips = [random_clip(2, 40, 50, 3), random_clip(3, 40, 50, 3)]
        assert [len(clip) for clip in processor(clips).pixel_values] == [2, 3]
        with pytest.raises(RequestError, match=r"have \[2, 3\] frames; give all the same number"):
            processor(clips, return_tensors="pt")

    def test_unknown_options_are_refused(self, processor: VideoMAEImageProcessor) -> None:
        clip = random_clip(2, 40, 50, 3)
        with pytest.raises(RequestError, match="return_tensors is 'tf'"):
            processor(clip, return_tensors="tf")
        with pytest.raises(RequestError, match="input_data_format is 'none'; use 'channels_first'"):
            processor(clip, input_data_format="none")
        with pytest.raises(TypeError, match="unexpected arguments: do_flip"):
            processor(clip, do_flip=True)


class TestOutput:
    def test_it_unpacks_into_a_model(self, processor: VideoMAEImageProcessor) -> None:
        inputs = processor(random_clip(2, 40, 50, 3), return_tensors="pt")
        assert dict(**inputs).keys() == {"pixel_values"}
        assert inputs["pixel_values"] is inputs.pixel_values
        assert inputs.to(torch.float64) is inputs
        assert inputs.to("cpu").pixel_values.dtype == torch.float64
        assert pickle.loads(pickle.dumps(inputs)).keys() == {"pixel_values"}

    def test_an_option_of_one_call_is_forgotten(self, processor: VideoMAEImageProcessor) -> None:
        clip = random_clip(2, 40, 50, 3)
        before = processor(clip, return_tensors="np").pixel_values
        assert processor(clip, return_tensors="np", crop_size=20).pixel_values.shape[-1] == 20
        np.testing.assert_array_equal(processor(clip, return_tensors="np").pixel_values, before)


class TestCropBox:
    def test_a_landscape_frame_loses_its_sides(self) -> None:
        box = VideoMAEImageProcessor().crop_box(448, 896)
        assert box == CropBox(left=224, top=0, width=448, height=448)

    def test_a_portrait_frame_loses_top_and_bottom(self) -> None:
        processor = VideoMAEImageProcessor(size=100, crop_size=(50, 100))
        assert processor.crop_box(400, 200) == CropBox(left=0, top=150, width=200, height=100)

    def test_padding_makes_it_larger_than_the_frame(self) -> None:
        processor = VideoMAEImageProcessor(size=10, crop_size=20)
        assert processor.crop_box(20, 40) == CropBox(left=0, top=-10, width=40, height=40)

    def test_without_a_crop_it_is_the_frame(self) -> None:
        processor = VideoMAEImageProcessor(do_center_crop=False)
        assert processor.crop_box(123, 457) == CropBox(left=0, top=0, width=457, height=123)

    @pytest.mark.parametrize(("height", "width"), [(40, 90), (90, 40), (33, 47)])
    def test_it_is_where_the_pixels_come_from(self, height: int, width: int) -> None:
        processor = VideoMAEImageProcessor(do_resize=False, crop_size=(30, 36))
        ramp = np.zeros((1, height, width, 3), np.uint8)
        ramp[..., 0] = np.arange(height)[:, None]
        ramp[..., 1] = np.arange(width)
        box = processor.crop_box(height, width)
        options = {"do_rescale": False, "do_normalize": False}
        seen = processor(ramp, return_tensors="np", **options).pixel_values[0, 0]
        assert tuple(seen[:2, 15, 18]) == (box.top + 15, box.left + 18)
