"""The classifier's losses, chosen as transformers 4.37 chooses them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from videomae_demo.config import VideoMAEConfig
from videomae_demo.errors import RequestError

IGNORED_LABEL = -100
"""A clip with this label does not count, as everywhere in PyTorch."""


def classification_loss(logits: Tensor, labels: Tensor, config: VideoMAEConfig) -> Tensor:
    """Compare a classifier's output with what it should be, as transformers 4.37 does.

    ``config.problem_type`` says how. Without it, a classifier of one label does regression. With
    several labels, integer `labels` mean that one label is right, and other types that any number
    of them may be right.

    Parameters
    ----------
    logits : Tensor
        (B, num_labels).
    labels : Tensor
        Regression (mean squared error): (B, num_labels), or (B,) if there is one. Single label
        (cross entropy): (B,) indices; -100 is ignored. Multi-label (binary cross entropy):
        (B, num_labels) in 0..1.

    Returns
    -------
    Tensor
        Scalar.

    Raises
    ------
    RequestError
        When the labels do not fit the logits.
    """
    problem, count = config.problem_type, config.num_labels
    if problem is None and count == 1:
        problem = "regression"
    elif problem is None:
        whole = labels.dtype in (torch.long, torch.int)
        problem = "single_label_classification" if whole else "multi_label_classification"
    if problem == "single_label_classification":
        wanted, fits = f"({len(logits)},)", labels.numel() == len(logits)
    elif count == 1:
        wanted, fits = f"({len(logits)},)", labels.numel() == logits.numel()
    else:
        wanted, fits = f"({len(logits)}, {count})", labels.shape == logits.shape
    if not fits:
        raise RequestError(
            f"labels has the shape {tuple(labels.shape)}; for {problem} with {count} labels give "
            f"{wanted}."
        )
    if problem == "single_label_classification":
        indices = labels.reshape(-1).long()
        known = (indices >= 0) & (indices < count) | (indices == IGNORED_LABEL)
        if not bool(known.all()):
            raise RequestError(f"labels holds {indices[~known].tolist()}; give 0 to {count - 1}.")
        return F.cross_entropy(logits, indices, ignore_index=IGNORED_LABEL)
    if not labels.is_floating_point():
        labels = labels.to(logits.dtype)
    if problem == "regression":
        return F.mse_loss(logits, labels.reshape(logits.shape))
    return F.binary_cross_entropy_with_logits(logits, labels.reshape(logits.shape))
