"""Where a training begins: with the weights of a trained model, and what is kept of its head."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from videomae_demo.config import VideoMAEConfig
from videomae_demo.errors import RequestError
from videomae_demo.model.videomae import (
    VideoMAEForPreTraining,
    VideoMAEForVideoClassification,
    VideoMAEModel,
)


def take_encoder(model: VideoMAEModel, trained: VideoMAEModel) -> None:
    """Copy an encoder's weights; the norm at its end is left out where `model` has none."""
    own = model.state_dict().keys()
    model.load_state_dict(
        {name: tensor for name, tensor in trained.state_dict().items() if name in own}
    )


def begin_at(config: VideoMAEConfig, folder: Path) -> VideoMAEForPreTraining:
    """Return a masked autoencoder that begins with the weights of another, for instance a coarser.

    No weight belongs to a place in the clip, for the positions are a table of sines. So frames of
    another size are learnt faster than from nothing: what is new is where each token lies.

    Parameters
    ----------
    config : VideoMAEConfig
        Of the new one. Only the size of the frames and their number may differ.
    folder : Path
        Weights of a pretraining, in the hub's layout.

    Raises
    ------
    RequestError
        When the weights are of another width, depth or size of token.
    CheckpointError
        When they can't be read.
    """
    trained = VideoMAEForPreTraining.from_pretrained(folder)
    model = VideoMAEForPreTraining(config)
    theirs, own = trained.state_dict(), model.state_dict()
    unlike = [
        name
        for name in sorted(theirs.keys() | own.keys())
        if name not in theirs or name not in own or theirs[name].shape != own[name].shape
    ]
    if unlike:
        raise RequestError(
            f"The weights in {str(folder)!r} don't fit: {len(unlike)} tensors are of another shape "
            f"({unlike[0]} is one of them); give their patch, width and depth."
        )
    model.load_state_dict(theirs)
    return model


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
