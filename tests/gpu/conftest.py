"""The device that is tested against the CPU, and the two explorers that answer the same.

Without CUDA all of it is skipped. ``EXPLORER_GPU_TESTS=cpu`` rehearses it on the processor, in
float32; ``EXPLORER_GPU_TESTS=cpu-bfloat16`` as well, in the precision of a GPU, so that the
tolerances are tried too.
"""

import contextlib
import os
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

import pytest
import torch

from videomae_demo import ClipRequest, Explorer
from videomae_demo.engine import lessons, passes
from videomae_demo.training import finetune, pretrain

REHEARSAL = os.environ.get("EXPLORER_GPU_TESTS", "")
CLIPS = Path(__file__).resolve().parents[2] / "assets" / "clips"
HERE = Path(__file__).parent
_in_float32: ContextVar[bool] = ContextVar("in_float32", default=False)


def pytest_collection_modifyitems(items) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.gpu)


@pytest.fixture(scope="session", autouse=True)
def gpu() -> Iterator[torch.device]:
    """Return the device under test."""
    if torch.cuda.is_available():
        yield torch.device("cuda")
        return
    if not REHEARSAL.startswith("cpu"):
        pytest.skip("needs CUDA; EXPLORER_GPU_TESTS=cpu rehearses it on the processor")
    with pytest.MonkeyPatch.context() as patch:
        if REHEARSAL == "cpu-bfloat16":
            for module in (passes, lessons, pretrain, finetune):
                patch.setattr(module, "inference_precision", _as_on_a_gpu)
        yield torch.device("cpu")


def _as_on_a_gpu(_device: torch.device) -> contextlib.AbstractContextManager:
    if _in_float32.get():
        return contextlib.nullcontext()
    return torch.autocast("cpu", dtype=torch.bfloat16)


@contextlib.contextmanager
def in_float32() -> Iterator[None]:
    """Run passes on the CPU in float32, in a rehearsal as well."""
    token = _in_float32.set(True)
    try:
        yield
    finally:
        _in_float32.reset(token)


class _Exact(Explorer):
    @contextlib.contextmanager
    def at_work(self, kind=None) -> Iterator[None]:
        with in_float32(), super().at_work(kind):
            yield


@pytest.fixture(scope="session")
def exact() -> Explorer:
    """Answers on the CPU in float32."""
    return _Exact(device="cpu")


@pytest.fixture(scope="session")
def explorer(gpu) -> Explorer:
    """Answers on the device."""
    return Explorer(device=str(gpu))


@pytest.fixture(scope="session", params=["moving-left", "bouncing", "growing"])
def clip(request) -> ClipRequest:
    return ClipRequest(CLIPS / f"{request.param}.mp4")


@pytest.fixture(scope="session")
def one_clip() -> ClipRequest:
    return ClipRequest(CLIPS / "orbiting.mp4")
