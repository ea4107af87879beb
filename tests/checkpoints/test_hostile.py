"""Checkpoints that were made to break their reader end in one sentence, at once."""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from bounded import load
from original_network import OriginalEncoder
from safetensors.torch import load_file, save_file
from tiny import save_tiny

from videomae_demo.model.videomae import VideoMAEForVideoClassification

PROCESSOR_S = 10
LONGEST_SENTENCE = 1000


def change_json(folder: Path, name: str, **changes: Any) -> None:
    path = folder / name
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.fixture
def folder(recogniser_folder: Path, tmp_path: Path) -> Path:
    copied: Path = shutil.copytree(recogniser_folder, tmp_path / "checkpoint")
    return copied


def refused(path: Path, role: str = "recogniser") -> str:
    outcome = load(path, role)
    assert outcome.text.startswith("CheckpointError: "), outcome
    assert outcome.processor_s < PROCESSOR_S
    assert len(outcome.text) < LONGEST_SENTENCE
    assert "\n" not in outcome.text
    return outcome.text


@pytest.mark.parametrize("role", ["recogniser", "reconstructor"])
def test_what_is_whole_is_loaded(
    role: str, recogniser_folder: Path, reconstructor_folder: Path
) -> None:
    path = {"recogniser": recogniser_folder, "reconstructor": reconstructor_folder}[role]
    assert load(path, role).text == "loaded"


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux alone")
def test_the_bound_on_memory_is_real(recogniser_folder: Path) -> None:
    assert load(recogniser_folder, "recogniser", memory_bytes=2**16).text != "loaded"


BILLION = 10**9
# What is changed in config.json, and what the sentence must say.
CONFIGURATIONS: dict[str, tuple[dict[str, Any], str]] = {
    "frames": ({"num_frames": BILLION}, "num_frames is 1000000000.*from 1 to 256"),
    "image size": ({"image_size": BILLION}, "image_size is 1000000000.*from 1 to 65536"),
    "one side": ({"image_size": [BILLION, 32]}, r"image_size is \[1000000000, 32\]"),
    "tokens": ({"image_size": 4096}, "make 524288 tokens; at most 16384"),
    "one large token": ({"image_size": 2**16, "patch_size": 2**16}, "numbers in a clip"),
    "a wide state": ({"image_size": 512, "hidden_size": 2**16}, "numbers in a layer"),
    "width": ({"hidden_size": BILLION}, "hidden_size is 1000000000"),
    "width, a little off": ({"hidden_size": 48}, r"hidden_size 48 \(24 in the weights\)"),
    "layers": ({"num_hidden_layers": 10**6}, "num_hidden_layers is 1000000.*from 0 to 128"),
    "layers, some more": ({"num_hidden_layers": 100}, r"100 \(3 in the weights\)"),
    "patch": ({"patch_size": 16}, r"patch_size 16 \(8 in the weights\)"),
    "tubelet": ({"tubelet_size": 4}, r"tubelet_size 4 \(2 in the weights\)"),
    "inner width": ({"intermediate_size": 10**4}, r"intermediate_size 10000 \(32 in the"),
    "heads": ({"num_attention_heads": 5}, "24 can't be shared among 5 attention heads"),
    "labels by number": ({"num_labels": BILLION, "id2label": None}, "labels is 1000000000"),
    "labels by name": ({"id2label": {str(i): "" for i in range(100_001)}}, "labels is 100001"),
    "labels, some more": ({"num_labels": 7, "id2label": None}, "classifier.weight"),
    "half a label": ({"num_labels": 2.5, "id2label": None}, "labels is 2.5"),
    "a label of a megabyte": ({"id2label": {"0": "x" * 2**20}}, "at most 1000 characters"),
    "a label that is a list": ({"id2label": {"0": [[["x"]]]}}, "id2label names a label"),
    "a number of thousands of digits": ({"hidden_size": 10**4000}, "hidden_size is 1000"),
    "true for a number": ({"num_channels": True}, "num_channels is True"),
    "a float for a number": ({"num_frames": 4.0}, "num_frames is 4.0"),
    "infinity": ({"hidden_size": float("inf")}, "hidden_size is inf"),
    "a long activation": ({"hidden_act": "x" * 2**20}, "activation 'xxx"),
    "a long kind of model": ({"model_type": ["x" * 2**20]}, r"of a \['xxx"),
    "half a character": ({"hidden_act": "\ud800"}, "can't be read: 'utf-8' codec"),
    "options that are a list": ({"use_mean_pooling": [1]}, r"use_mean_pooling is \[1\]"),
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_configuration_that_claims_too_much(folder: Path, name: str) -> None:
    changes, message = CONFIGURATIONS[name]
    change_json(folder, "config.json", **changes)
    assert re.search(message, refused(folder))


def test_attention_that_could_not_be_kept(tmp_path: Path) -> None:
    save_tiny(
        VideoMAEForVideoClassification,
        tmp_path,
        image_size=512,
        num_frames=8,
        num_hidden_layers=9,
    )
    found = refused(tmp_path)
    assert "9 layers of 16384 tokens, whose attention takes 4.5 GB for one clip; at most 4" in found


# A decoder that the weights do not have must not be made at any size.
DECODERS: dict[str, tuple[dict[str, Any], str]] = {
    "width": ({"decoder_hidden_size": 2**15}, "hidden_size of 32768; at most 768"),
    "layers": ({"decoder_num_hidden_layers": 128}, "num_hidden_layers of 128; at most 12"),
    "inner width": ({"decoder_intermediate_size": 2**16}, "intermediate_size of 65536; at"),
    "layers without end": ({"decoder_num_hidden_layers": BILLION}, "from 0 to 128"),
}


@pytest.mark.parametrize("name", DECODERS)
def test_a_decoder_that_nothing_bounds(folder: Path, name: str) -> None:
    changes, message = DECODERS[name]
    change_json(folder, "config.json", **changes)
    assert re.search(message, refused(folder, "reconstructor"))


def test_a_decoder_of_other_sizes_than_its_weights(
    reconstructor_folder: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(reconstructor_folder, tmp_path / "checkpoint")
    change_json(folder, "config.json", decoder_hidden_size=2**10, decoder_num_hidden_layers=90)
    found = refused(folder, "reconstructor")
    assert "decoder_hidden_size 1024 (16 in the weights), decoder_num_hidden_layers 90 (1" in found


PROCESSORS: dict[str, tuple[dict[str, Any], str]] = {
    "size": ({"size": BILLION}, "size is 1000000000.*from 1 to 4096"),
    "edge": ({"size": {"shortest_edge": BILLION}}, "size is .*from 1 to 4096"),
    "crop": ({"crop_size": {"height": BILLION, "width": 32}}, "crop_size is .*from 1 to 4096"),
    "crop of another size": ({"crop_size": 64}, "64x64 px, but its model takes 32x32 px"),
    "no crop": ({"do_center_crop": False}, "do_center_crop and do_normalize must be true"),
    "bytes": ({"do_rescale": False, "do_normalize": False}, "leaves them whole numbers"),
    "mean of no number": ({"image_mean": [float("nan")] * 3}, "image_mean is nan"),
    "huge mean": ({"image_mean": [1e300] * 3}, r"image_mean is 1e\+300"),
    "negative mean": ({"image_mean": -(10**400)}, "image_mean is -1000"),
    "mean of text": ({"image_mean": ["grey"] * 3}, "image_mean is 'grey'"),
    "means of two channels": ({"image_mean": [0.5, 0.5]}, "2 values for its image_mean"),
    "means in a square": ({"image_mean": [[0.5] * 3] * 3}, "image_mean is \\["),
    "no deviation": ({"image_std": [0, 0.5, 0.5]}, "image_std is 0"),
    "infinite deviation": ({"image_std": float("inf")}, "image_std is inf"),
    "factor of no number": ({"rescale_factor": float("nan")}, "rescale_factor is nan"),
    "factor of nothing": ({"rescale_factor": 0}, "rescale_factor is 0"),
    "filter": ({"resample": 10**400}, "resample is 1000"),
    "switch": ({"do_normalize": "no"}, "do_normalize is 'no'"),
}


@pytest.mark.parametrize("name", PROCESSORS)
def test_a_processor_that_makes_no_frames(folder: Path, name: str) -> None:
    changes, message = PROCESSORS[name]
    change_json(folder, "preprocessor_config.json", **changes)
    assert re.search(message, refused(folder))


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**30)


def endless(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/zero")


TEXTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "deep objects": (lambda path: path.write_text('{"a":' * 10**5 + "1" + "}" * 10**5), "nested"),
    "deep lists": (lambda path: path.write_text('{"a":' + "[" * 900 + "]" * 900 + "}"), "nested"),
    "a gigabyte": (sparse, "larger than 4 MB"),
    "a list": (lambda path: path.write_text("[1]"), "does not hold a JSON object"),
    "a number that is none": (lambda path: path.write_text("1" * 10**6), "can't be read: Exceeds"),
    "bytes": (lambda path: path.write_bytes(b"\xff\xfe{"), "can't be read: 'utf-8'"),
    "nothing": (lambda path: path.write_text(""), "can't be read: Expecting value"),
}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("file_name", ["config.json", "preprocessor_config.json"])
def test_a_file_that_is_no_configuration(folder: Path, file_name: str, name: str) -> None:
    write, message = TEXTS[name]
    write(folder / file_name)
    assert re.search(message, refused(folder))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
def test_a_file_without_end(folder: Path) -> None:
    endless(folder / "config.json")
    assert "has no config.json" in refused(folder)
    (folder / "config.json").unlink()
    os.mkfifo(folder / "config.json")
    assert "has no config.json" in refused(folder)


INDICES: dict[str, tuple[Any, str]] = {
    "another folder": ({"a": "../secret.safetensors"}, "must name files beside it"),
    "an absolute name": ({"a": "/etc/passwd"}, "must name files beside it"),
    "two dots": ({"a": ".."}, "must name files beside it"),
    "no name": ({"a": ""}, "must name files beside it"),
    "a name of a megabyte": ({"a": "x" * 2**20}, "must name files beside it"),
    "a zero": ({"a": "x\0.safetensors"}, "must name files beside it"),
    "hundreds of thousands of files": (
        {str(i): f"{i}" for i in range(300_000)},
        "larger than 4 MB",
    ),
    "thousands of files": ({str(i): f"{i}" for i in range(5000)}, "names 5000 files"),
    "numbers": ({"a": 1}, "has no weight_map of file names"),
    "deep": ({"a": json.loads("[" * 40 + "]" * 40)}, "nested more than 32"),
    "itself": ({"a": "model.safetensors.index.json"}, "can't be read"),
}


@pytest.mark.parametrize("name", INDICES)
def test_an_index_of_anything(folder: Path, name: str) -> None:
    table, message = INDICES[name]
    (folder / "model.safetensors").unlink()
    text = json.dumps({"weight_map": table})
    (folder / "model.safetensors.index.json").write_text(text)
    assert re.search(message, refused(folder))


def header(
    path: Path, entries: dict[str, Any], data: bytes = b"", length: int | None = None
) -> None:
    text = json.dumps(entries).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)


def described(shape: list[int], dtype: str = "F32", size: int = 0) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [0, size]}


def changed(path: Path, **weights: torch.Tensor) -> None:
    renamed = {name.replace("__", "."): weight for name, weight in weights.items()}
    save_file(load_file(path) | renamed, path)


PATCHES = "videomae__embeddings__patch_embeddings__projection__weight"
SAFETENSORS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a header without end": (lambda path: header(path, {}, length=2**63), "header of 92233720"),
    "a header of 90 MB": (lambda path: header(path, {}, length=90 * 2**20), "header of 94371840"),
    "deep": (lambda path: header(path, {}) or path.write_bytes(deep_header()), "can't be read"),
    "more than there is": (lambda p: header(p, {"a": described([2**40], size=2**42)}), "can't be"),
    "overflow": (lambda p: header(p, {"a": described([2**62, 2**62])}), "can't be read"),
    "nothing, at length": (
        lambda path: header(path, {"classifier.weight": described([BILLION, 0])}),
        "projection.weight is missing",
    ),
    "nothing, beyond counting": (
        lambda path: header(path, {"a": described([2**62, 0, 2**62])}),
        "can't be read|projection.weight is missing",
    ),
    "an unknown type": (lambda p: header(p, {"a": described([1], "F31", 4)}, b"1234"), "can't be"),
    "whole numbers": (
        lambda path: changed(path, classifier__weight=torch.zeros(3, 24, dtype=torch.int64)),
        "of another shape or type: classifier.weight .file torch.int64, model floats",
    ),
    "complex numbers": (
        lambda path: changed(path, classifier__bias=torch.zeros(3, dtype=torch.complex64)),
        "classifier.bias .file torch.complex64",
    ),
    "a flat patch": (lambda p: changed(p, **{PATCHES: torch.zeros(24)}), "must have 5 dimensions"),
    "no patch": (lambda p: changed(p, **{PATCHES: torch.zeros(0, 3, 2, 8, 8)}), "hidden_size 24"),
    "layers without end": (
        lambda path: changed(
            path, **{f"videomae.encoder.layer.{i}.x": torch.zeros(1) for i in range(2000)}
        ),
        "num_hidden_layers 3 .2000 in the weights",
    ),
    "a name without end": (lambda p: changed(p, **{"x\n" * 2**17: torch.zeros(1)}), "x.nx.n"),
}


def deep_header() -> bytes:
    text = b'{"a":' * 10**5 + b"1" + b"}" * 10**5
    return struct.pack("<Q", len(text)) + text


@pytest.mark.parametrize("name", SAFETENSORS)
def test_safetensors_that_claim_too_much(folder: Path, name: str) -> None:
    write, message = SAFETENSORS[name]
    write(folder / "model.safetensors")
    assert re.search(message, refused(folder))


class Calls:
    """Is pickled as the call of a function, which the reader is to make."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def nested_key() -> bytes:
    """Return a pickle of a dictionary with a tuple of a tuple of a tuple ... for a key."""
    return b"\x80\x02})" + b"\x85" * 300_000 + b"K\x01s."


def archive(path: Path, content: bytes, compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("archive/data.pkl", content)
        file.writestr("archive/version", "3")
        file.writestr("archive/byteorder", "little")


def legacy(path: Path, content: bytes) -> None:
    start = (pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": 1}))
    path.write_bytes(b"".join(start) + content + pickle.dumps([], 2))


def on_disk(path: Path, content: Any) -> None:
    torch.save(content, path)


MEMORY = pickle.dumps({"a": Calls(bytearray, 8 * BILLION)}, 2)
WIDE = torch.zeros(1, dtype=torch.float16).expand(BILLION, BILLION)
PICKLES: dict[str, tuple[Callable[[Path], object], str]] = {
    "packed zeros": (
        lambda path: archive(path, bytes(2**26), zipfile.ZIP_DEFLATED),
        "are packed, which torch.save never does",
    ),
    "a long description": (lambda path: archive(path, bytes(2**24)), "in 16777216 bytes"),
    "memory": (lambda path: archive(path, MEMORY), r"ask for memory \(bytearray\)"),
    "memory, before 1.6": (lambda path: legacy(path, MEMORY), r"ask for memory \(bytearray\)"),
    "a deep key": (lambda path: archive(path, nested_key()), "at a length that no model needs"),
    "a deep key, before 1.6": (lambda path: legacy(path, nested_key()), "at a length that"),
    "deep lists": (
        lambda path: archive(path, b"\x80\x02" + b"]" * 10**5 + b"a" * (10**5 - 1) + b"."),
        "no dictionary of named tensors",
    ),
    "a number of a million digits": (
        lambda path: archive(path, b"\x80\x02L" + b"9" * 10**6 + b"L\n."),
        "can't be read",
    ),
    "one value, expanded": (lambda path: on_disk(path, {"a": WIDE}), "claim tensors of 2000000"),
    "a sparse tensor": (
        lambda path: on_disk(
            path, {"a": torch.sparse_coo_tensor([[0]], [1.0], (BILLION,), check_invariants=True)}
        ),
        "hold a, which is no plain tensor",
    ),
    "a tensor of no device": (
        lambda path: on_disk(path, {"a": torch.zeros(BILLION, device="meta")}),
        "hold a, which is no plain tensor|can't be read|more than tensors",
    ),
    "a tensor of any size": (
        lambda path: archive(
            path,
            pickle.dumps({"a": Calls(torch.Tensor, 2**40)}, 2).replace(b"torch._C\n", b"torch\n"),
        ),
        "more than tensors|can't be read|claim tensors",
    ),
    "half characters": (
        lambda path: on_disk(path, {"\ud800" * 2**18: torch.zeros(1)}),
        "projection.weight is missing|ud800",
    ),
    "a pointer to a file elsewhere": (
        lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\n"),
        "can't be read",
    ),
    "a gigabyte of nothing": (sparse, "can't be read"),
    "a damaged archive": (
        lambda path: on_disk(path, {"a": torch.zeros(9)}) or damage(path),
        "can't be read|more than tensors|claim",
    ),
}


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-40:-20] = b"\xff" * 20
    path.write_bytes(content)


@pytest.mark.parametrize("name", PICKLES)
def test_pickles_that_claim_too_much(folder: Path, name: str) -> None:
    write, message = PICKLES[name]
    (folder / "model.safetensors").unlink()
    write(folder / "pytorch_model.bin")
    assert re.search(message, refused(folder))


def test_a_file_of_the_original_code_with_labels_without_end(tmp_path: Path) -> None:
    network = OriginalEncoder(labels=0)
    weights = network.state_dict() | {"head.weight": torch.zeros(BILLION, 0)}
    torch.save({"model": weights}, tmp_path / "a.pth")
    assert "number of labels is 1000000000" in refused(tmp_path / "a.pth")


def test_a_folder_with_a_name_too_long_for_the_disk(tmp_path: Path) -> None:
    assert "can't be looked up" in refused(tmp_path / ("x" * 300))
