"""VideoMAE Explorer: see what VideoMAE sees in a clip.

The public names are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from videomae_demo.analysis.settings import Head, RolloutSettings
    from videomae_demo.config import TokenGrid, VideoMAEConfig
    from videomae_demo.engine.clips import ClipRequest
    from videomae_demo.errors import CheckpointError, ExplorerError, RequestError, VideoError
    from videomae_demo.explorer import Explorer
    from videomae_demo.lenses.compare import CompareRequest
    from videomae_demo.lenses.explain import ExplainRequest
    from videomae_demo.lenses.heads import HeadsRequest
    from videomae_demo.lenses.masks import MaskRequest
    from videomae_demo.lenses.timeline import TimelineRequest
    from videomae_demo.lenses.tokens import TokensRequest
    from videomae_demo.lenses.what_if import WhatIfRequest
    from videomae_demo.limits import Limits
    from videomae_demo.model.processor import VideoMAEImageProcessor
    from videomae_demo.model.videomae import (
        VideoMAEForPreTraining,
        VideoMAEForVideoClassification,
        VideoMAEModel,
    )
    from videomae_demo.shipped import example_clip
    from videomae_demo.training.own.finetune import finetune_folder
    from videomae_demo.training.own.settings import OwnSettings
    from videomae_demo.video.changes import ClipChange
    from videomae_demo.video.sampling import SamplingRule
    from videomae_demo.video.views import Views

__version__ = "0.1.0"

_HOMES = {
    "CheckpointError": "errors",
    "ClipChange": "video.changes",
    "ClipRequest": "engine.clips",
    "CompareRequest": "lenses.compare",
    "ExplainRequest": "lenses.explain",
    "Explorer": "explorer",
    "ExplorerError": "errors",
    "Head": "analysis.settings",
    "HeadsRequest": "lenses.heads",
    "Limits": "limits",
    "MaskRequest": "lenses.masks",
    "OwnSettings": "training.own.settings",
    "RequestError": "errors",
    "RolloutSettings": "analysis.settings",
    "SamplingRule": "video.sampling",
    "TimelineRequest": "lenses.timeline",
    "TokenGrid": "config",
    "TokensRequest": "lenses.tokens",
    "VideoError": "errors",
    "VideoMAEConfig": "config",
    "VideoMAEForPreTraining": "model.videomae",
    "VideoMAEForVideoClassification": "model.videomae",
    "VideoMAEImageProcessor": "model.processor",
    "VideoMAEModel": "model.videomae",
    "Views": "video.views",
    "WhatIfRequest": "lenses.what_if",
    "example_clip": "shipped",
    "finetune_folder": "training.own.finetune",
}

__all__ = [
    "CheckpointError",
    "ClipChange",
    "ClipRequest",
    "CompareRequest",
    "ExplainRequest",
    "Explorer",
    "ExplorerError",
    "Head",
    "HeadsRequest",
    "Limits",
    "MaskRequest",
    "OwnSettings",
    "RequestError",
    "RolloutSettings",
    "SamplingRule",
    "TimelineRequest",
    "TokenGrid",
    "TokensRequest",
    "VideoError",
    "VideoMAEConfig",
    "VideoMAEForPreTraining",
    "VideoMAEForVideoClassification",
    "VideoMAEImageProcessor",
    "VideoMAEModel",
    "Views",
    "WhatIfRequest",
    "example_clip",
    "finetune_folder",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
