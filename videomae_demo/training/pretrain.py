"""Masked pretraining on synthetic clips, with tube masks of mixed ratios."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from videomae_demo.config import TokenGrid, VideoMAEConfig
from videomae_demo.device import inference_precision
from videomae_demo.model.videomae import VideoMAEForPreTraining
from videomae_demo.training.data import ClipSource, generator_for
from videomae_demo.training.loop import Pace, Progress, Run, follow, learn
from videomae_demo.training.optim import build_optimisers
from videomae_demo.training.pictures import draw_curves, draw_samples


@dataclass(frozen=True, slots=True)
class PretrainSettings:
    """What a pretraining run does.

    Attributes
    ----------
    ratio_low, ratio_high : float
        Each step hides this share of the patches, drawn uniformly between the two.
    decoded : float
        Share of the hidden tokens that is decoded: below 1, the "dual masking" of VideoMAE V2.
    optimiser : str
        "muon" or "adamw".
    """

    steps: int = 2300
    batch_size: int = 24
    optimiser: str = "muon"
    muon_rate: float = 0.02
    adam_rate: float = 1e-3
    weight_decay: float = 0.05
    warmup: int = 100
    ratio_low: float = 0.5
    ratio_high: float = 0.9
    decoded: float = 0.5
    pool_clips: int = 4096
    uses: int = 4
    seed: int = 0
    log_every: int = 25
    save_every: int = 250


def pretrain(
    config: VideoMAEConfig,
    settings: PretrainSettings,
    folder: Path,
    device: torch.device,
    begin: Path | None = None,
) -> VideoMAEForPreTraining:
    """Train (or go on training) a masked autoencoder with a progress bar; return it.

    See `pretraining`.
    """
    return follow(pretraining(config, settings, folder, device, begin))


def pretraining(
    config: VideoMAEConfig,
    settings: PretrainSettings,
    folder: Path,
    device: torch.device,
    begin: Path | None = None,
) -> Generator[Progress, None, VideoMAEForPreTraining]:
    """Train (or go on training) a masked autoencoder step by step; return it at the end.

    The run lives in `folder`: the log, a state to resume from, and at the end the weights in the
    hub's layout. It begins with the weights in the folder `begin`, if one is given. They may be of
    another size of frames: positions are a table of sines, and no weight belongs to a place.

    Raises
    ------
    CheckpointError
        When the weights to begin with can't be read, or don't fit the model.
    RequestError
        When `folder` holds a run with other settings.
    """
    torch.manual_seed(settings.seed)
    if begin is None:
        model = VideoMAEForPreTraining(config)
    else:
        model = VideoMAEForPreTraining.from_pretrained(begin, config=config)
    model.to(device).train()
    optimisers = build_optimisers(
        model, settings.optimiser, settings.muon_rate, settings.adam_rate, settings.weight_decay
    )
    begun = {} if begin is None else {"begun_with": str(begin)}
    run = Run(folder, dataclasses.asdict(settings) | {"model": config.to_dict()} | begun)
    height, _ = config.frame_size
    source = ClipSource(
        height,
        settings.batch_size,
        seed=settings.seed,
        pool_clips=settings.pool_clips,
        uses=settings.uses,
        device=device,
    )

    def measure(step: int) -> tuple[Tensor, dict[str, float]]:
        generator = generator_for(settings.seed, step)
        batch = source.batch(step)
        hidden, decoded = draw_masks(config, settings, len(batch.labels), generator)
        with inference_precision(device):
            output = model(
                batch.pixel_values,
                hidden.to(device),
                bool_decoded_pos=decoded.to(device),
            )
        return output.loss, {}

    def on_save() -> None:
        model.save_pretrained(folder)
        draw_curves(run, "loss")
        draw_samples(run, model)

    pace = Pace(settings.steps, settings.warmup, settings.log_every, settings.save_every)
    yield from learn(run, model, optimisers, pace, measure, on_save)
    return model.eval()


def draw_masks(
    config: VideoMAEConfig, settings: PretrainSettings, batch: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draw a tube mask per clip, and which of the hidden tokens are decoded: (B, N) bool each."""
    grid = config.grid
    span = settings.ratio_high - settings.ratio_low
    ratio = settings.ratio_low + span * torch.rand((), generator=generator).item()
    hidden = draw_tubes(grid, ratio, batch, generator)
    count = max(1, int(settings.decoded * int(hidden[0].sum())))
    chosen = torch.rand(hidden.shape, generator=generator).masked_fill(~hidden, -1).topk(count)
    decoded = torch.zeros_like(hidden).scatter_(1, chosen.indices, True)
    return hidden, decoded


def draw_tubes(grid: TokenGrid, ratio: float, batch: int, generator: torch.Generator) -> Tensor:
    """Draw a tube mask of one ratio for each clip: (B, N) bool, True = hidden."""
    order = torch.rand(batch, grid.patches, generator=generator).argsort(1).argsort(1)
    cells = order < int(ratio * grid.patches)
    return cells[:, None].expand(-1, grid.time, -1).flatten(1)
