"""Explores a clip as a ZeroGPU Space would: CLIP RESULT, then pairs of RECOGNISER RECONSTRUCTOR."""

import pickle
import sys
from pathlib import Path

from videomae_demo import ClipRequest, Explorer, MaskRequest, RolloutSettings

clip, result, *folders = sys.argv[1:]
views = []
for recogniser, reconstructor in zip(folders[::2], folders[1::2], strict=True):
    explorer = Explorer(recogniser, reconstructor, device="cpu")
    request = ClipRequest(clip)
    views += [
        explorer.classify(request),
        explorer.attend(request),
        explorer.attend(request, RolloutSettings("max", discard=0.5)),
        explorer.attend(request, RolloutSettings("max", query=(1, 2, 3))),
        explorer.reconstruct(request, MaskRequest("random", 0.5, 3)),
    ]
Path(result).write_bytes(pickle.dumps(views))
