"""Masked pretraining while somebody watches: hide, predict, and redraw clips that are held out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from videomae_demo import masking
from videomae_demo.analysis.reconstruction import measure, psnr_db, reconstruct
from videomae_demo.analysis.sweeping import PREDICTION
from videomae_demo.config import VideoMAEConfig
from videomae_demo.device import inference_precision
from videomae_demo.model.videomae import VideoMAEForPreTraining
from videomae_demo.rendering.frames import to_uint8
from videomae_demo.rendering.overlay import hide
from videomae_demo.training.data import generator_for, normalise
from videomae_demo.training.evaluate import held_out
from videomae_demo.training.live.progress import (
    HeldOut,
    Preparing,
    Step,
    Subject,
)
from videomae_demo.training.live.settings import PretrainingSettings, tiny_config
from videomae_demo.training.live.stepping import learn
from videomae_demo.training.live.stock import Stock
from videomae_demo.training.synthetic import LABELS

BATCH = 16
DECODED = 0.5
"""Share of the hidden tokens that a step decodes: the "dual masking" of VideoMAE V2."""
HELD_OUT_CLIPS = 16
MEASURED_EVERY = 10
SHOWN = LABELS.index("moving right")
"""Which of the held-out clips is shown: they have the labels in their order."""


class PretrainingRun:
    """A pretraining; see `LiveRun`.

    Parameters
    ----------
    settings : PretrainingSettings
    device : torch.device
    config : VideoMAEConfig, optional
        Default: `tiny_config`.
    """

    def __init__(
        self,
        settings: PretrainingSettings,
        device: torch.device,
        config: VideoMAEConfig | None = None,
    ) -> None:
        self.settings = settings
        self.config = config or tiny_config()
        self._device = device
        torch.manual_seed(settings.seed)
        self.model = VideoMAEForPreTraining(self.config).to(device).train()
        height, _ = self.config.frame_size
        clips = list(held_out(HELD_OUT_CLIPS, height))
        self._clips = torch.cat([batch.frames for batch in clips])
        self._mask = masking.make_mask(
            settings.mask, self.config.grid, settings.ratio, settings.seed
        )
        self.subject = self._introduce()

    def steps(self) -> Iterator[Preparing | Step]:
        """Go through the training, once: the same settings give the same losses."""
        height, _ = self.config.frame_size
        stock = Stock(height, BATCH, self.settings.seed)
        return learn(self, stock, self._loss, self._measure, MEASURED_EVERY)

    def _loss(self, stock: Stock, step: int) -> Tensor:
        batch = stock.batch(step)
        generator = generator_for(self.settings.seed, step)
        hidden = draw_hidden(self.config, self.settings, len(batch.labels), generator)
        count = max(1, int(DECODED * int(hidden[0].sum())))
        chosen = torch.rand(hidden.shape, generator=generator).masked_fill(~hidden, -1).topk(count)
        decoded = torch.zeros_like(hidden).scatter_(1, chosen.indices, True)
        with inference_precision(self._device):
            output = self.model(
                batch.pixel_values.to(self._device),
                hidden.to(self._device),
                bool_decoded_pos=decoded.to(self._device),
            )
        loss: Tensor = output.loss
        return loss

    @torch.no_grad()
    def _measure(self) -> HeldOut:
        """Reconstruct the held-out clips under one mask, always the same."""
        self.model.eval()
        hidden = torch.from_numpy(self._mask.reshape(1, -1)).expand(len(self._clips), -1)
        with inference_precision(self._device):
            output = self.model(normalise(self._clips).to(self._device), hidden.to(self._device))
        self.model.train()
        shown = reconstruct(
            output.logits[SHOWN].float(), self._clips[SHOWN], self._mask, self.config
        )
        loss = float(output.loss)
        return HeldOut(loss, psnr_db(loss), to_uint8(shown.prediction.frames), {})

    def _introduce(self) -> Subject:
        """Show what is hidden of the clip, and measure the best filling that needs no model."""
        clip = to_uint8(self._clips[SHOWN].permute(0, 2, 3, 1).numpy())
        nothing = torch.zeros(int(self._mask.sum()), self.config.token_values)
        measured = [measure(nothing, one, self._mask, self.config) for one in self._clips]
        losses = {
            name: float(np.mean([one.losses[at] for one in measured]))
            for at, name in enumerate(measured[0].names)
            if name != PREDICTION and not measured[0].leaks[at]
        }
        rival = min(losses, key=lambda name: losses[name])
        return Subject(
            clip=clip,
            visible=hide(clip, self._mask),
            label=LABELS[SHOWN],
            held_out=len(self._clips),
            rival=rival,
            rival_loss=losses[rival],
            rival_score=psnr_db(losses[rival]),
        )


def draw_hidden(
    config: VideoMAEConfig, settings: PretrainingSettings, batch: int, generator: torch.Generator
) -> Tensor:
    """Draw a mask for each clip of a batch: (B, N) bool, True = hidden."""
    seeds = torch.randint(2**31, (batch,), generator=generator).tolist()
    masks = [
        masking.make_mask(settings.mask, config.grid, settings.ratio, seed).reshape(-1)
        for seed in seeds
    ]
    return torch.from_numpy(np.stack(masks))
