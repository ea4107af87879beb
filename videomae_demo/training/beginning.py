"""Where a fine-tuning begins: the encoder of a trained model, and what is kept of its head."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from videomae_demo.config import VideoMAEConfig
from videomae_demo.model.videomae import VideoMAEForVideoClassification, VideoMAEModel


def take_encoder(model: VideoMAEModel, trained: VideoMAEModel) -> None:
    """Copy an encoder's weights; the norm at its end is left out where `model` has none."""
    own = model.state_dict().keys()
    model.load_state_dict(
        {name: tensor for name, tensor in trained.state_dict().items() if name in own}
    )


def begin_with(
    trained: VideoMAEForVideoClassification,
    labels: Sequence[str],
    seed: int,
    *,
    with_head: bool = True,
) -> VideoMAEForVideoClassification:
    """Return a classifier of these labels that begins with the encoder of another.

    Where that one has a trained head, what it reads of the tokens stays, and so do its rows for
    labels of the same name. Where it has none, the new head reads the mean of all tokens.

    Parameters
    ----------
    trained : VideoMAEForVideoClassification
        It is not changed.
    labels : sequence of str
    seed : int
        Of the new head's weights.
    with_head : bool
        Whether the head of `trained` was trained.
    """
    config = VideoMAEConfig.from_dict(
        trained.config.to_dict(),
        id2label=dict(enumerate(labels)),
        use_mean_pooling=trained.config.use_mean_pooling if with_head else True,
        problem_type="single_label_classification",
    )
    torch.manual_seed(seed)
    model = VideoMAEForVideoClassification(config)
    take_encoder(model.videomae, trained.videomae)
    if trained.fc_norm is not None and model.fc_norm is not None:
        model.fc_norm.load_state_dict(trained.fc_norm.state_dict())
    if with_head:
        _keep_rows(model, trained)
    return model


def kept_labels(trained: VideoMAEForVideoClassification, labels: Sequence[str]) -> list[str]:
    """Return those of the labels that the trained one has, too."""
    return [label for label in labels if label in trained.config.label2id]


@torch.no_grad()
def _keep_rows(
    model: VideoMAEForVideoClassification, trained: VideoMAEForVideoClassification
) -> None:
    head, old_head = model.classifier, trained.classifier
    assert isinstance(head, nn.Linear) and isinstance(old_head, nn.Linear)
    for label in kept_labels(trained, list(model.config.label2id)):
        new, old = model.config.label2id[label], trained.config.label2id[label]
        head.weight[new] = old_head.weight[old]
        head.bias[new] = old_head.bias[old]
