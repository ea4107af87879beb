"""Fine-tuning while somebody watches: an encoder learns to name motions, from chance upwards.

It learns the motions of the camera alone. All of the picture moves then, so that a small encoder
gets hold of them within a minute or two; with all motions it stays at chance for much longer.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from videomae_demo.checkpoints.catalog import BUNDLED_RECONSTRUCTOR
from videomae_demo.config import VideoMAEConfig
from videomae_demo.device import inference_precision
from videomae_demo.errors import RequestError
from videomae_demo.model.videomae import (
    VideoMAEForPreTraining,
    VideoMAEForVideoClassification,
)
from videomae_demo.rendering.frames import to_uint8
from videomae_demo.training.beginning import take_encoder
from videomae_demo.training.data import generator_for, normalise
from videomae_demo.training.evaluate import held_out
from videomae_demo.training.live.progress import (
    HeldOut,
    Preparing,
    Step,
    Subject,
)
from videomae_demo.training.live.settings import NOTHING_HERE, FinetuningSettings, tiny_config
from videomae_demo.training.live.stepping import learn
from videomae_demo.training.live.stock import Stock
from videomae_demo.training.pretrain import draw_tubes
from videomae_demo.training.synthetic import LABELS

BATCH = 16
DROPPED = 0.5
"""Share of the patches that a step leaves out, as in pretraining: it takes half of the time."""
SMOOTHING = 0.02
NAMED = tuple(label for label in LABELS if label.startswith("camera "))
"""The motions that are learnt. Mirrored or backwards, each of them is another one, or itself."""
HELD_OUT_CLIPS = 16 * len(NAMED)
MEASURED_EVERY = 20
SHOWN = NAMED.index("camera panning right")
"""Which of the held-out clips is shown: they have the labels in their order."""

_PLACES = [LABELS.index(label) for label in NAMED]
_FROM_ALL = torch.full((len(LABELS),), -1).scatter(
    0, torch.tensor(_PLACES), torch.arange(len(NAMED))
)
"""Where each of all labels stands among those that are learnt."""


class FinetuningRun:
    """A fine-tuning; see `LiveRun`.

    Parameters
    ----------
    settings : FinetuningSettings
    device : torch.device
    pretrained : VideoMAEForPreTraining, optional
        What was trained just now; needed where the settings start from "here". It is not changed.
    config : VideoMAEConfig, optional
        Of an untrained encoder; default: `tiny_config`.

    Raises
    ------
    RequestError
        When there is nothing to start from.
    """

    def __init__(
        self,
        settings: FinetuningSettings,
        device: torch.device,
        pretrained: VideoMAEForPreTraining | None = None,
        config: VideoMAEConfig | None = None,
    ) -> None:
        if settings.start == "here" and pretrained is None:
            raise RequestError(NOTHING_HERE)
        if settings.start == "bundled":
            pretrained = VideoMAEForPreTraining.from_pretrained(BUNDLED_RECONSTRUCTOR)
        elif settings.start == "untrained":
            pretrained = None
        self.settings = settings
        self._device = device
        old = (config or tiny_config()) if pretrained is None else pretrained.config
        self.config = VideoMAEConfig.from_dict(
            old.to_dict(), use_mean_pooling=True, id2label=dict(enumerate(NAMED))
        )
        torch.manual_seed(settings.seed)
        self.model = VideoMAEForVideoClassification(self.config)
        if pretrained is not None:
            take_encoder(self.model.videomae, pretrained.videomae)
        self.model.to(device).train()
        height, _ = self.config.frame_size
        clips = list(held_out(HELD_OUT_CLIPS, height, labels=_PLACES))
        self._clips = torch.cat([batch.frames for batch in clips])
        self._labels = _FROM_ALL[torch.cat([batch.labels for batch in clips])]
        self.subject = Subject(
            clip=to_uint8(self._clips[SHOWN].permute(0, 2, 3, 1).numpy()),
            visible=None,
            label=NAMED[SHOWN],
            held_out=len(self._clips),
            rival="chance",
            rival_loss=None,
            rival_score=1 / len(NAMED),
        )

    def steps(self) -> Iterator[Preparing | Step]:
        """Go through the training, once: the same settings give the same losses."""
        height, _ = self.config.frame_size
        stock = Stock(height, BATCH, self.settings.seed, labels=_PLACES)
        return learn(self, stock, self._loss, self._measure, MEASURED_EVERY)

    def _loss(self, stock: Stock, step: int) -> Tensor:
        batch = stock.batch(step)
        generator = generator_for(self.settings.seed, step)
        dropped = draw_tubes(self.config.grid, DROPPED, len(batch.labels), generator)
        with inference_precision(self._device):
            logits = self.model(
                batch.pixel_values.to(self._device), bool_masked_pos=dropped.to(self._device)
            ).logits
        labels = _FROM_ALL[batch.labels].to(self._device)
        return F.cross_entropy(logits.float(), labels, label_smoothing=SMOOTHING)

    @torch.no_grad()
    def _measure(self) -> HeldOut:
        """Name the held-out clips, whole ones."""
        self.model.eval()
        with inference_precision(self._device):
            logits = torch.cat(
                [
                    self.model(normalise(clips).to(self._device)).logits
                    for clips in self._clips.split(BATCH)
                ]
            )
        self.model.train()
        logits = logits.float().cpu()
        loss = F.cross_entropy(logits, self._labels).item()
        right = (logits.argmax(1) == self._labels).float().mean().item()
        shares = logits[SHOWN].softmax(0).tolist()
        return HeldOut(loss, right, None, dict(zip(NAMED, shares, strict=True)))
