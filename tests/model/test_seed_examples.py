"""The examples of the documentation of transformers 4.37, run with only the import line changed.

A tiny local folder stands in for each repo of the hub, and a made clip for the hub's.
"""

from __future__ import annotations

from pathlib import Path

import av
import huggingface_hub
import numpy as np
import pytest
from model_cases import SHAPE, fill

import videomae_demo
from videomae_demo.config import VideoMAEConfig

THEIR_IMPORT = "from transformers import AutoImageProcessor, "
OUR_IMPORT = "from videomae_demo import VideoMAEImageProcessor as AutoImageProcessor, "

READING = """
np.random.seed(0)
def read_video_pyav(container, indices):
    '''
    Decode the video with PyAV decoder.
    '''
    frames = []
    container.seek(0)
    start_index = indices[0]
    end_index = indices[-1]
    for i, frame in enumerate(container.decode(video=0)):
        if i > end_index:
            break
        if i >= start_index and i in indices:
            frames.append(frame)
    return np.stack([x.to_ndarray(format="rgb24") for x in frames])
def sample_frame_indices(clip_len, frame_sample_rate, seg_len):
    '''
    Sample a given number of frame indices from the video.
    '''
    converted_len = int(clip_len * frame_sample_rate)
    end_idx = np.random.randint(converted_len, seg_len)
    start_idx = end_idx - converted_len
    indices = np.linspace(start_idx, end_idx, num=clip_len)
    indices = np.clip(indices, start_idx, end_idx - 1).astype(np.int64)
    return indices
# video clip consists of 300 frames (10 seconds at 30 FPS)
file_path = hf_hub_download(
    repo_id="nielsr/video-demo", filename="eating_spaghetti.mp4", repo_type="dataset"
)
container = av.open(file_path)
# sample 16 frames
indices = sample_frame_indices(clip_len=16, frame_sample_rate=1, seg_len=container.streams.video[0].frames)
video = read_video_pyav(container, indices)
"""  # noqa: E501

ENCODER = f"""
import av
import numpy as np
from transformers import AutoImageProcessor, VideoMAEModel
from huggingface_hub import hf_hub_download
{READING}
image_processor = AutoImageProcessor.from_pretrained("MCG-NJU/videomae-base")
model = VideoMAEModel.from_pretrained("MCG-NJU/videomae-base")
# prepare video for the model
inputs = image_processor(list(video), return_tensors="pt")
# forward pass
outputs = model(**inputs)
last_hidden_states = outputs.last_hidden_state
"""

PRETRAINING = """
from transformers import AutoImageProcessor, VideoMAEForPreTraining
import numpy as np
import torch
num_frames = 16
video = list(np.random.randint(0, 256, (num_frames, 3, 224, 224)))
image_processor = AutoImageProcessor.from_pretrained("MCG-NJU/videomae-base")
model = VideoMAEForPreTraining.from_pretrained("MCG-NJU/videomae-base")
pixel_values = image_processor(video, return_tensors="pt").pixel_values
num_patches_per_frame = (model.config.image_size // model.config.patch_size) ** 2
seq_length = (num_frames // model.config.tubelet_size) * num_patches_per_frame
bool_masked_pos = torch.randint(0, 2, (1, seq_length)).bool()
outputs = model(pixel_values, bool_masked_pos=bool_masked_pos)
loss = outputs.loss
"""

CLASSIFICATION = f"""
import av
import torch
import numpy as np
from transformers import AutoImageProcessor, VideoMAEForVideoClassification
from huggingface_hub import hf_hub_download
{READING}
image_processor = AutoImageProcessor.from_pretrained("MCG-NJU/videomae-base-finetuned-kinetics")
model = VideoMAEForVideoClassification.from_pretrained("MCG-NJU/videomae-base-finetuned-kinetics")
inputs = image_processor(list(video), return_tensors="pt")
with torch.no_grad():
    outputs = model(**inputs)
    logits = outputs.logits
# model predicts one of the 400 Kinetics-400 classes
predicted_label = logits.argmax(-1).item()
print(model.config.id2label[predicted_label])
"""

LABELS = {index: f"label {index}" for index in range(400)}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Run an example, with folders where it names repos, and return what it defined."""
    config = VideoMAEConfig(**SHAPE | {"image_size": 32, "num_frames": 16}, id2label=LABELS)
    for folder, model in (
        ("MCG-NJU/videomae-base", "VideoMAEForPreTraining"),
        ("MCG-NJU/videomae-base-finetuned-kinetics", "VideoMAEForVideoClassification"),
    ):
        made = getattr(videomae_demo, model)(config)
        fill(made)
        made.save_pretrained(tmp_path / folder)
        videomae_demo.VideoMAEImageProcessor(size=32, crop_size=32).save_pretrained(
            tmp_path / folder
        )
    clip = tmp_path / "eating_spaghetti.mp4"
    write_clip(clip)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda **_: str(clip))
    monkeypatch.chdir(tmp_path)

    def run_example(text: str) -> dict[str, object]:
        assert text.count(THEIR_IMPORT) == 1
        names: dict[str, object] = {}
        exec(text.replace(THEIR_IMPORT, OUR_IMPORT), names)
        return names

    return run_example


def write_clip(path: Path) -> None:
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(40):
            picture = np.full((48, 64, 3), index * 5, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode())


def test_the_encoder(run) -> None:
    names = run(ENCODER)
    assert list(names["last_hidden_states"].shape) == [1, 8 * 4 * 4, 12]
    names["container"].close()


def test_pretraining(run) -> None:
    names = run(PRETRAINING)
    assert names["loss"].shape == ()
    assert names["loss"].isfinite()
    names["loss"].backward()


def test_classification(run, capsys: pytest.CaptureFixture[str]) -> None:
    names = run(CLASSIFICATION)
    assert capsys.readouterr().out == f"label {names['predicted_label']}\n"
    assert names["logits"].shape == (1, 400)
    names["container"].close()
