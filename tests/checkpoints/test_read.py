from __future__ import annotations

import os
import random
from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from videomae_demo.checkpoints.read import read_tensors
from videomae_demo.errors import CheckpointError

WEIGHTS = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.tensor([1.5, -2.0])}
FORMATS = ["model.safetensors", "pytorch_model.bin", "before_1.6.bin"]


def write(path: Path, tensors: dict[str, torch.Tensor]) -> Path:
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save(tensors, path, _use_new_zipfile_serialization=path.stem != "before_1.6")
    return path


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return list(left) == list(right) and all(left[name].equal(right[name]) for name in left)


class Malicious:
    """Makes the folder `trace` when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.trace),)


class TestReadTensors:
    @pytest.mark.parametrize("file_name", FORMATS)
    def test_every_format_gives_the_same_tensors(self, tmp_path: Path, file_name: str) -> None:
        tensors = read_tensors([write(tmp_path / file_name, WEIGHTS)])
        assert same(dict(sorted(tensors.items())), dict(sorted(WEIGHTS.items())))

    @pytest.mark.parametrize("file_name", FORMATS)
    def test_writing_to_a_tensor_leaves_the_file_alone(
        self, tmp_path: Path, file_name: str
    ) -> None:
        path = write(tmp_path / file_name, WEIGHTS)
        before = path.read_bytes()
        read_tensors([path])["a.weight"].zero_()
        assert path.read_bytes() == before

    def test_shards_are_joined(self, tmp_path: Path) -> None:
        first = write(tmp_path / "1.safetensors", {"a.weight": WEIGHTS["a.weight"]})
        second = write(tmp_path / "2.bin", {"a.bias": WEIGHTS["a.bias"]})
        assert same(read_tensors([first, second]), WEIGHTS)

    def test_a_name_in_two_shards_is_an_error(self, tmp_path: Path) -> None:
        paths = [write(tmp_path / name, WEIGHTS) for name in ("1.safetensors", "2.safetensors")]
        with pytest.raises(CheckpointError, match=r"2\.safetensors repeat a\.bias, a\.weight"):
            read_tensors(paths)

    @pytest.mark.parametrize("new_format", [True, False])
    @pytest.mark.parametrize("place", ["alone", "beside the weights", "in the namespace"])
    def test_a_pickle_that_runs_code_is_refused(
        self, tmp_path: Path, new_format: bool, place: str
    ) -> None:
        malicious = Malicious(tmp_path / "owned")
        content = {
            "alone": {"a": malicious},
            "beside the weights": {"model": WEIGHTS, "args": Namespace(lr=1), "epoch": malicious},
            "in the namespace": {"model": WEIGHTS, "args": Namespace(lr=1, device=malicious)},
        }[place]
        path = tmp_path / "checkpoint.pth"
        torch.save(content, path, _use_new_zipfile_serialization=new_format)
        with pytest.raises(
            CheckpointError, match=r"more than tensors \(\w+\.mkdir\).*model\.safetens"
        ):
            read_tensors([path])
        assert not (tmp_path / "owned").exists()
        torch.load(path, weights_only=False)
        assert (tmp_path / "owned").exists(), "the file is harmless, so this test shows nothing"

    @pytest.mark.parametrize(
        "content", [{"weights": WEIGHTS}, {"model": [WEIGHTS]}, [torch.ones(1)], {1: torch.ones(1)}]
    )
    def test_anything_but_named_tensors_is_refused(self, tmp_path: Path, content: object) -> None:
        path = tmp_path / "pytorch_model.bin"
        torch.save(content, path)
        with pytest.raises(CheckpointError, match=r"no dictionary of named tensors.*'module'"):
            read_tensors([path])

    @pytest.mark.parametrize("file_name", FORMATS)
    @pytest.mark.filterwarnings("ignore:Detected pickle protocol")  # torch's, about the damage
    def test_damage_is_never_worse_than_an_error_of_ours(
        self, tmp_path: Path, file_name: str
    ) -> None:
        whole = write(tmp_path / file_name, WEIGHTS).read_bytes()
        chance = random.Random(0)
        refused = 0
        for attempt in range(150):
            damaged = bytearray(whole)
            if attempt % 3 == 0:
                del damaged[chance.randrange(len(damaged)) :]
            else:
                for _ in range(4):
                    damaged[chance.randrange(min(len(damaged), 300))] = chance.randrange(256)
            path = tmp_path / f"{attempt}_{file_name}"
            path.write_bytes(damaged)
            try:
                read_tensors([path])
            except CheckpointError as error:
                refused += 1
                assert str(path) in str(error)
        assert refused > 75

    def test_a_missing_file_is_an_error_of_ours(self, tmp_path: Path) -> None:
        for name in ("none.safetensors", "none.bin"):
            with pytest.raises(CheckpointError, match=r"none\..* can't be read"):
                read_tensors([tmp_path / name])


class TestTrainingCheckpoints:
    def test_the_weights_are_found_among_what_else_a_run_saves(self, tmp_path: Path) -> None:
        weight = torch.nn.Parameter(torch.ones(3))
        optimizer = torch.optim.AdamW([weight])
        weight.sum().backward()
        optimizer.step()
        path = tmp_path / "checkpoint-799.pth"
        content = {
            "model": WEIGHTS,
            "optimizer": optimizer.state_dict(),
            "epoch": 799,
            "scaler": torch.amp.GradScaler("cpu").state_dict(),
            "args": Namespace(model="vit", opt_betas=[0.9, 0.95], device="cuda", dist=True),
            "model_ema": {"a.weight": torch.zeros(2, 3)},
        }
        torch.save(content, path)
        assert same(read_tensors([path]), WEIGHTS)

    def test_the_weights_are_found_in_what_deepspeed_saves(self, tmp_path: Path) -> None:
        path = tmp_path / "mp_rank_00_model_states.pt"
        content = {
            "module": WEIGHTS,
            "buffer_names": [],
            "optimizer": None,
            "param_shapes": [{"a.weight": torch.Size([2, 3])}],
            "sparse_tensor_module_names": set(),
            "global_steps": 12,
            "ds_config": {"train_batch_size": 8, "fp16": {"enabled": True}},
            "ds_version": "0.8.1",
            "args": Namespace(deepspeed=True),
        }
        torch.save(content, path)
        assert same(read_tensors([path]), WEIGHTS)

    def test_reading_leaves_no_class_allowed(self, tmp_path: Path) -> None:
        path = tmp_path / "checkpoint.pth"
        torch.save({"model": WEIGHTS, "args": Namespace()}, path)
        read_tensors([path])
        assert Namespace not in torch.serialization.get_safe_globals()

    def test_two_may_read_at_once(self, tmp_path: Path) -> None:
        path = tmp_path / "checkpoint.pth"
        torch.save({"model": WEIGHTS, "args": Namespace()}, path)
        with ThreadPoolExecutor(4) as pool:
            for tensors in pool.map(lambda _: read_tensors([path]), range(200)):
                assert same(tensors, WEIGHTS)
