"""Record what the image processor of transformers 4.37.2 makes of some made-up clips.

That release does not install beside the project's own requirements, so it runs in an environment of
its own::

    python -m venv venv437
    venv437/bin/pip install "transformers==4.37.2" "numpy<2" torch pillow
    venv437/bin/python tests/model/golden/make_processor_golden.py

It writes ``processor.npz`` beside this file: for each case a digest of the whole output, and every
so many of its values to look at when the digest differs. The test makes the same clips by the same
formula.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
from transformers import VideoMAEImageProcessor

IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
LEGACY = {"size": 224, "resample": 2, "feature_extractor_type": "VideoMAEFeatureExtractor"}

# name: shape of the clip, dtype, arguments of the processor
CASES = {
    "landscape 720p": ((2, 720, 1280, 3), "uint8", {**LEGACY, **IMAGENET}),
    "portrait": ((2, 640, 361, 3), "uint8", IMAGENET),
    "tiny": ((2, 37, 50, 3), "uint8", IMAGENET),
    "square, the class defaults": ((2, 224, 224, 3), "uint8", {}),
    "channels first, 64 bit": ((3, 3, 224, 224), "int64", {**LEGACY, **IMAGENET}),
    "one channel": ((2, 1, 60, 80), "uint8", {"image_mean": 0.4, "image_std": 0.3}),
    "padding": ((2, 90, 120, 3), "uint8", {"size": {"shortest_edge": 60}, "crop_size": 96}),
    "padding of one axis": ((2, 90, 200, 3), "uint8", {"size": 60, "crop_size": [70, 101]}),
    "an odd crop": ((2, 90, 120, 3), "uint8", {"size": 64, "crop_size": [33, 45]}),
    "not in proportion": (
        (2, 90, 120, 3),
        "uint8",
        {"size": {"height": 70, "width": 50}, "do_center_crop": False, "resample": 3},
    ),
    "no resizing": ((2, 90, 120, 3), "uint8", {"do_resize": False, "crop_size": 80}),
    "only resizing": (
        (2, 90, 120, 3),
        "uint8",
        {"do_center_crop": False, "do_rescale": False, "do_normalize": False},
    ),
    "no rescaling": ((2, 90, 120, 3), "uint8", {"do_rescale": False}),
    "other factor": ((2, 90, 120, 3), "uint8", {"rescale_factor": 1 / 127.5, "size": 50}),
    "whole floats": ((2, 90, 120, 3), "float32", IMAGENET),
    "floats in 0..1": ((2, 90, 120, 3), "scaled", {"do_rescale": False, **IMAGENET}),
}


def make_clip(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Make a clip that looks like noise, by integer arithmetic that is the same everywhere."""
    t, y, x, c = np.indices(shape, dtype=np.int64)
    clip = ((y * 131 + x * 17 + c * 71 + t * 53 + 7) ** 2 // 8) % 256
    return (clip / 255).astype(np.float32) if dtype == "scaled" else clip.astype(dtype)


def main() -> None:
    """Write ``processor.npz``."""
    recorded: dict[str, np.ndarray] = {}
    for name, (shape, dtype, arguments) in CASES.items():
        processor = VideoMAEImageProcessor.from_dict(arguments)
        output = processor(list(make_clip(shape, dtype)), return_tensors="np")["pixel_values"]
        digest = hashlib.sha256(np.ascontiguousarray(output).tobytes()).hexdigest()
        facts = {"clip": shape, "dtype": dtype, "arguments": arguments}
        facts |= {"shape": output.shape, "output": str(output.dtype), "digest": digest}
        recorded[f"{name}|facts"] = np.array(json.dumps(facts))
        recorded[f"{name}|values"] = output.ravel()[::499]
    np.savez_compressed(Path(__file__).with_name("processor.npz"), **recorded)


if __name__ == "__main__":
    main()
