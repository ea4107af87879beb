"""A device whose memory does not suffice: one sentence, and the next request is answered."""

import numpy as np
import pytest
import torch

from videomae_demo import ClipRequest, Explorer
from videomae_demo.engine import engine as engines
from videomae_demo.errors import DeviceError
from videomae_demo.lenses.explain import ExplainRequest
from videomae_demo.model.layers import Block


@pytest.fixture
def explorer(recogniser_folder, reconstructor_folder):
    return Explorer(str(recogniser_folder), str(reconstructor_folder), device="cpu")


def test_a_pass_that_finds_no_memory_leaves_room_for_the_next(explorer, clip_path, monkeypatch):
    request = ClipRequest(clip_path)
    explained = explorer.explain(request, ExplainRequest("moving left"))
    prepared = explorer.prepare(request, explorer.recogniser)
    kept = (engines.TRACE, prepared.key)
    assert explorer.known(kept) is not None

    def fail(*_arguments):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    other = ClipRequest(clip_path, start_s=0.25)
    with monkeypatch.context() as patch:
        patch.setattr(Block, "forward", fail)
        with pytest.raises(DeviceError, match=r"has too little memory left .*\(20.00 MiB more"):
            explorer.classify(other)
    assert explorer.known(kept) is None  # it was in the device's memory
    assert len(explorer.classify(other).classification.logits) == 3
    again = explorer.explain(request, ExplainRequest("moving left"))
    np.testing.assert_array_equal(again.relevance.scores, explained.relevance.scores)


def test_weights_that_do_not_fit_are_told(explorer, monkeypatch):
    def fail(*_arguments):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(torch.nn.Module, "to", fail)
    with pytest.raises(DeviceError, match="choose smaller weights"):
        _ = explorer.recogniser
