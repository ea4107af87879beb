"""Fine-tuning a pretrained encoder to name motions: layer-wise decay, and tokens dropped at random.

Tokens are dropped as in pretraining (the encoder takes any subset), which saves time and leaves a
classifier that can be asked about a part of a clip. Towards the end of a run all tokens are kept.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from videomae_demo.device import inference_precision
from videomae_demo.model.videomae import VideoMAEForVideoClassification
from videomae_demo.training.data import ClipSource, generator_for
from videomae_demo.training.loop import Pace, Progress, Run, follow, learn
from videomae_demo.training.optim import ADAM_BETAS, build_optimisers, layerwise_groups
from videomae_demo.training.pictures import draw_curves
from videomae_demo.training.pretrain import draw_tubes
from videomae_demo.training.synthetic import LABELS

SHOWN_MORE = {
    "spinning clockwise": 3.0,
    "spinning counterclockwise": 3.0,
    "bouncing": 3.0,
    "orbiting": 2.0,
    "shaking": 3.0,
}
"""Labels that are learnt last are shown more often than the others. So that the classifier does not
expect them more often too, the loss adds the logarithm of this to the logits: Menon et al.,
"Long-tail learning via logit adjustment" (2021)."""


@dataclass(frozen=True, slots=True)
class FinetuneSettings:
    """What a fine-tuning run does.

    Attributes
    ----------
    optimiser : str
        "muon" (AdamW for all but hidden matrices), or "adamw" with layer-wise decay, as in the
        paper.
    layer_decay : float
        With "adamw": each layer's rate is this many times that of the layer above.
    dropped_low, dropped_high : float
        Each step drops this share of the patches, drawn uniformly between the two.
    whole : float
        Share of the steps, at the end, that keep all tokens.
    nearest : float
        How near the clips are shown at first (see `ClipSource.batch`). They move away as the run
        goes on, and the last `whole` steps show them as they are: from near by it is easier to
        learn what spins, but how far a thing moves says whether it bounces or shakes.
    smoothing : float
        Share of the probability that the target spreads over all labels.
    """

    steps: int = 1500
    batch_size: int = 24
    optimiser: str = "muon"
    muon_rate: float = 0.02
    adam_rate: float = 1e-3
    layer_decay: float = 0.8
    weight_decay: float = 0.05
    warmup: int = 30
    dropped_low: float = 0.3
    dropped_high: float = 0.7
    whole: float = 0.1
    smoothing: float = 0.02
    pool_clips: int = 4096
    uses: int = 4
    nearest: float = 0.4
    seed: int = 1
    log_every: int = 25
    save_every: int = 100

    @property
    def whole_from(self) -> float:
        """The step from which on whole clips are shown as they are, with all tokens."""
        return self.steps * (1 - self.whole)


def finetune(
    pretrained: str | Path, settings: FinetuneSettings, folder: Path, device: torch.device
) -> VideoMAEForVideoClassification:
    """Train (or go on training) a classifier with a progress bar; return it. See `finetuning`."""
    return follow(finetuning(pretrained, settings, folder, device))


def finetuning(
    pretrained: str | Path, settings: FinetuneSettings, folder: Path, device: torch.device
) -> Generator[Progress, None, VideoMAEForVideoClassification]:
    """Train (or go on training) a classifier on top of a pretrained encoder, step by step.

    Returns it at the end. The run lives in `folder`, as in `pretraining`.
    """
    torch.manual_seed(settings.seed)
    model = VideoMAEForVideoClassification.from_pretrained(
        pretrained, use_mean_pooling=True, id2label=dict(enumerate(LABELS))
    )
    model.to(device).train()
    optimisers = _optimisers(model, settings)
    run = Run(folder, dataclasses.asdict(settings) | {"shown_more": SHOWN_MORE})
    height, _ = model.config.frame_size
    weights = label_weights()
    source = ClipSource(
        height,
        settings.batch_size,
        seed=settings.seed,
        pool_clips=settings.pool_clips,
        uses=settings.uses,
        label_weights=weights,
        device=device,
    )
    weights = weights.to(device)

    def measure(step: int) -> tuple[Tensor, dict[str, float]]:
        batch = source.batch(step, nearest_shown(settings, step))
        dropped = _draw_dropped(model, settings, step, len(batch.labels))
        with inference_precision(device):
            logits = model(batch.pixel_values, bool_masked_pos=dropped).logits
        loss = adjusted_loss(logits.float(), batch.labels, weights, settings.smoothing)
        return loss, {"accuracy": (logits.argmax(1) == batch.labels).float().mean().item()}

    def on_save() -> None:
        model.save_pretrained(folder)
        draw_curves(run, "loss", "accuracy")

    pace = Pace(settings.steps, settings.warmup, settings.log_every, settings.save_every)
    yield from learn(run, model, optimisers, pace, measure, on_save)
    return model.eval()


def nearest_shown(settings: FinetuneSettings, step: int) -> float:
    """Return how near the clips of a step are shown, the `nearest` of `ClipSource.batch`."""
    if step >= settings.whole_from:
        return 1.0
    return settings.nearest + (1 - settings.nearest) * (step / settings.whole_from)


def label_weights() -> Tensor:
    """Return how often each label is shown, (labels,) in proportion; see `SHOWN_MORE`."""
    return torch.tensor([SHOWN_MORE.get(name, 1.0) for name in LABELS])


def adjusted_loss(logits: Tensor, labels: Tensor, weights: Tensor, smoothing: float) -> Tensor:
    """Return the loss of labels that are shown as often as `weights` say; see `SHOWN_MORE`."""
    return F.cross_entropy(logits + weights.log(), labels, label_smoothing=smoothing)


def _draw_dropped(
    model: VideoMAEForVideoClassification, settings: FinetuneSettings, step: int, batch: int
) -> Tensor | None:
    """Draw which tokens to drop, (B, N) bool: tubes of one ratio; None towards the end of a run."""
    if step >= settings.whole_from:
        return None
    generator, low = generator_for(settings.seed, step), settings.dropped_low
    ratio = low + (settings.dropped_high - low) * torch.rand((), generator=generator).item()
    return draw_tubes(model.config.grid, ratio, batch, generator).to(model.device)


def _optimisers(
    model: VideoMAEForVideoClassification, settings: FinetuneSettings
) -> list[torch.optim.Optimizer]:
    if settings.optimiser == "adamw":
        groups = layerwise_groups(
            model, settings.adam_rate, settings.layer_decay, settings.weight_decay
        )
        return [torch.optim.AdamW(groups, betas=ADAM_BETAS)]
    return build_optimisers(
        model, settings.optimiser, settings.muon_rate, settings.adam_rate, settings.weight_decay
    )
