"""Too little memory on a real card: one sentence, and the next request is answered."""

import pytest
import torch

from videomae_demo import ClipRequest, Explorer
from videomae_demo.errors import DeviceError


def test_the_next_request_is_answered(gpu, one_clip):
    if gpu.type != "cuda":
        pytest.skip("needs a card's memory; tests/engine/test_short_memory.py stands in")
    explorer = Explorer(device="cuda")
    explorer.classify(one_clip)
    torch.cuda.empty_cache()
    used, whole = torch.cuda.memory_reserved(), torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((used + 2**20) / whole)
    other = ClipRequest(one_clip.path, start_s=0.1)
    try:
        with pytest.raises(DeviceError, match="has too little memory left"):
            explorer.classify(other)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert torch.cuda.memory_reserved() <= used + 2**21
    assert explorer.classify(other).classification.logits.size
