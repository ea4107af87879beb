from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import nn

from videomae_demo.checkpoints.load import (
    Comparison,
    LoadReport,
    assign,
    compare,
    fit,
    save_tensors,
)
from videomae_demo.checkpoints.read import read_tensors
from videomae_demo.errors import CheckpointError

WEIGHTS = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.tensor([1.5, -2.0])}


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return list(left) == list(right) and all(left[name].equal(right[name]) for name in left)


SHAPES = {
    "videomae.w": torch.Size([2]),
    "classifier.w": torch.Size([3]),
    "classifier.b": torch.Size([3]),
}


def zeros(**shapes: int) -> dict[str, torch.Tensor]:
    return {name.replace("__", "."): torch.zeros(size) for name, size in shapes.items()}


class TestFit:
    def test_a_perfect_fit_leaves_nothing_over(self) -> None:
        tensors = zeros(videomae__w=2, classifier__w=3, classifier__b=3)
        assert compare(tensors, SHAPES) == Comparison((), (), ())
        assert fit(tensors, SHAPES) == LoadReport(fresh=(), unused=())

    def test_compare_lists_every_difference(self) -> None:
        found = compare(zeros(videomae__w=4, classifier__w=3, extra=1), SHAPES)
        assert found.missing == ("classifier.b",)
        assert found.unexpected == ("extra",)
        assert found.mismatched == ("videomae.w (file (4,), model (2,))",)

    def test_allowed_groups_are_reported_not_refused(self) -> None:
        report = fit(
            zeros(videomae__w=2, decoder__x=1),
            SHAPES,
            may_be_fresh=("classifier.", "fc_norm."),
            may_be_unused=("decoder.",),
        )
        assert report.fresh == ("classifier.w", "classifier.b")
        assert report.unused == ("decoder.x",)

    def test_a_group_is_fresh_only_as_a_whole(self) -> None:
        with pytest.raises(CheckpointError, match=r"missing in the file: classifier\.b\. "):
            fit(zeros(videomae__w=2, classifier__w=3), SHAPES, may_be_fresh=("classifier.",))

    def test_groups_do_not_count_the_encoders_prefix(self) -> None:
        tensors = zeros(videomae__w=2, videomae__layernorm__w=1)
        report = fit(
            tensors, {"videomae.w": torch.Size([2])}, may_be_unused=("layernorm.", "classifier.")
        )
        assert report.unused == ("videomae.layernorm.w",)

    def test_the_message_lists_both_sides(self) -> None:
        with pytest.raises(CheckpointError) as caught:
            fit(zeros(videomae__w=4, classifier__w=3, extra=1), SHAPES, name="mine")
        assert str(caught.value) == (
            "The weights of mine do not fit the model; missing in the file: classifier.b; "
            "in the file but not in the model: extra; "
            "of another shape or type: videomae.w (file (4,), model (2,)). "
            "Check that config.json belongs to these weights."
        )

    def test_long_lists_are_cut(self) -> None:
        many = {f"layer.{index}": torch.zeros(1) for index in range(20)}
        with pytest.raises(CheckpointError, match=r"layer\.7 and 12 more\."):
            fit(many, {})


class Tiny(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(3, 2)
        self.head = nn.Linear(2, 1)
        self.register_buffer("table", torch.zeros(4), persistent=False)
        self.a.bias.requires_grad_(False)


class TestAssign:
    def test_a_module_without_memory_takes_the_files_own_memory(self, tmp_path: Path) -> None:
        tensors = read_tensors([save_tensors(tmp_path, WEIGHTS)])
        with torch.device("meta"):
            module = Tiny()
        empty = assign(module, tensors | {"unused": torch.ones(1)})
        assert set(empty) == {"head.weight", "head.bias", "table"}
        assert module.a.weight.data_ptr() == tensors["a.weight"].data_ptr()
        assert module.a.weight.equal(WEIGHTS["a.weight"])
        assert module.a.weight.requires_grad
        assert not module.a.bias.requires_grad

    @pytest.mark.parametrize("stored", [torch.float16, torch.bfloat16, torch.float64])
    def test_other_precisions_become_float32(self, stored: torch.dtype) -> None:
        with torch.device("meta"):
            module = Tiny()
        assign(module, {name: tensor.to(stored) for name, tensor in WEIGHTS.items()})
        assert module.a.weight.dtype == torch.float32
        assert module.a.weight.equal(WEIGHTS["a.weight"])

    def test_a_module_with_weights_of_its_own_is_refilled(self) -> None:
        module = Tiny()
        assert assign(module, WEIGHTS, dtype=torch.float16) == ()
        assert module.a.bias.dtype == torch.float16
        assert module.a.bias.float().equal(WEIGHTS["a.bias"])


class TestSaveTensors:
    def test_what_is_saved_is_read_back(self, tmp_path: Path) -> None:
        path = save_tensors(tmp_path / "new" / "folder", {"t": WEIGHTS["a.weight"].T})
        assert path == tmp_path / "new" / "folder" / "model.safetensors"
        assert same(read_tensors([path]), {"t": WEIGHTS["a.weight"].T})
        with safe_open(path, "pt") as file:
            assert file.metadata() == {"format": "pt"}

    def test_half_precision_leaves_integers_alone(self, tmp_path: Path) -> None:
        tensors = WEIGHTS | {"count": torch.tensor(70000)}
        stored = read_tensors([save_tensors(tmp_path, tensors, dtype=torch.float16)])
        assert stored["a.weight"].dtype == torch.float16
        assert stored["count"].equal(torch.tensor(70000))

    def test_a_checkpoint_can_be_saved_over_itself(self, tmp_path: Path) -> None:
        save_tensors(tmp_path, WEIGHTS)
        mapped = read_tensors([tmp_path / "model.safetensors"])
        save_tensors(tmp_path, mapped)
        assert same(read_tensors([tmp_path / "model.safetensors"]), mapped)
        assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]

    def test_a_folder_that_is_a_file_is_an_error_of_ours(self, tmp_path: Path) -> None:
        (tmp_path / "taken").write_text("")
        with pytest.raises(CheckpointError, match="can't be written to"):
            save_tensors(tmp_path / "taken", WEIGHTS)


def test_saved_weights_are_as_readable_as_other_files(tmp_path):
    path = save_tensors(tmp_path, {"a": torch.zeros(2)})
    (tmp_path / "other").touch()
    assert path.stat().st_mode == (tmp_path / "other").stat().st_mode
