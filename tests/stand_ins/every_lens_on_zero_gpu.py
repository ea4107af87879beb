"""Asks every lens as a ZeroGPU Space would: CLIP RESULT RECOGNISER RECONSTRUCTOR OTHER DEVICE.

The process that forks fails as soon as it asks anything of CUDA, or moves weights there. Without
CUDA, a worker that is told to move weights there leaves them where they are.
"""

import os
import pickle
import sys
from pathlib import Path

import torch

from videomae_demo import ClipRequest, Explorer, MaskRequest, RolloutSettings
from videomae_demo.analysis.settings import Head
from videomae_demo.engine import live
from videomae_demo.lenses.explain import ExplainRequest
from videomae_demo.lenses.heads import HeadsRequest
from videomae_demo.lenses.timeline import TimelineRequest
from videomae_demo.lenses.tokens import TokensRequest
from videomae_demo.masking import make_mask
from videomae_demo.video.views import Views

clip, result, recogniser, reconstructor, other, device = sys.argv[1:]
parent, to = os.getpid(), torch.nn.Module.to
has_cuda = Path("/dev/nvidiactl").exists()  # to ask torch could be to begin


def guarded(name, original):
    def ask(*arguments, **named):
        assert os.getpid() != parent, f"The process that forks called {name}."
        return original(*arguments, **named)

    return ask


def move(module, target, *arguments):
    if torch.device(target).type == "cuda":
        assert os.getpid() != parent, "The process that forks moved weights to CUDA."
        if not has_cuda:
            return module
    return to(module, target, *arguments)


ASKED = "is_available device_count get_device_properties is_bf16_supported init _lazy_init"
for name in ASKED.split():
    setattr(torch.cuda, name, guarded(name, getattr(torch.cuda, name)))
torch.nn.Module.to = move


def last(stream):
    *_, answer = stream
    return answer


explorer = Explorer(recogniser, reconstructor, device=None if device == "auto" else device)
request, labels = ClipRequest(clip), {}
role = explorer.reconstructor
mask = make_mask("random", role.card.grid, 0.5, 0)
frames = explorer.as_given(request)
hidden = explorer.prepare(request, role)
answers = {
    "device": str(explorer.device),
    "labels": explorer.classify(request).classification.logits,
    "attention": explorer.attend(request, RolloutSettings("max")).rollout.scores,
    "head": explorer.attend(request, RolloutSettings(head=Head(1, 2))).rollout.scores,
    "relevance": explorer.explain(request).relevance.scores,
    "reference": explorer.explain(request, ExplainRequest(method="centre")).relevance.scores,
    "loss": explorer.loss_relevance(hidden, mask, mask).scores,
    "heads": explorer.heads(request, HeadsRequest(off=(Head(1, 1),))).found.effects,
    "reconstruction": explorer.reconstruct(request, MaskRequest("random", 0.5)).reconstruction.loss,
    "many masks": last(explorer.many_masks(request, MaskRequest("random", 0.5), 2)).many.error,
    "tokens": explorer.tokens(request, TokensRequest(half="reconstructor")).cosines,
    "views": last(explorer.classify_views(request, Views(2, 1))).classification.logits,
    "what if": last(explorer.probe(request)).found["backwards"],
    "timeline": last(explorer.timeline_of(request, TimelineRequest(windows=2))).logits,
    "compare": last(explorer.compare(request, other)).second.classification.logits,
    "live": live.look(explorer, frames).logits,
    "imagined": live.imagine(explorer, frames, mask).predicted,
}
assert not torch.cuda.is_initialized()
Path(result).write_bytes(pickle.dumps(answers))
