"""What a new classifier keeps of the model that it begins with."""

import pytest
import torch
from tiny import TINY_LABELS, save_tiny

from videomae_demo.engine.roles import load_recogniser
from videomae_demo.errors import CheckpointError
from videomae_demo.model.videomae import (
    VideoMAEForPreTraining,
    VideoMAEForVideoClassification,
    VideoMAEModel,
)
from videomae_demo.training.architecture import architecture
from videomae_demo.training.beginning import begin_with, kept_labels

CPU = torch.device("cpu")
PIXELS = torch.randn(2, 4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
NEW = ("moving right", "jumping")


@torch.no_grad()
def encoded(model) -> torch.Tensor:
    return model.videomae(PIXELS).last_hidden_state


@pytest.mark.parametrize("pooling", [True, False])
def test_of_a_recogniser_the_encoder_and_the_labels_it_knows_stay(tmp_path, pooling):
    folder = save_tiny(VideoMAEForVideoClassification, tmp_path, use_mean_pooling=pooling)
    old = load_recogniser(str(folder), CPU).model
    new = begin_with(old, NEW, seed=1)
    assert new.config.id2label == {0: "moving right", 1: "jumping"}
    assert new.config.use_mean_pooling is pooling
    assert new.config.problem_type == "single_label_classification"
    assert torch.equal(encoded(new), encoded(old))
    with torch.no_grad():
        logits, before = new(PIXELS).logits, old(PIXELS).logits
    at = next(at for at, label in TINY_LABELS.items() if label == "moving right")
    torch.testing.assert_close(logits[:, 0], before[:, at], rtol=0, atol=0)
    assert kept_labels(old, NEW) == ["moving right"]
    assert old.config.id2label == TINY_LABELS  # it is as it was
    assert not new.classifier.weight[1].equal(old.classifier.weight[1])


def test_another_seed_begins_with_another_head(recogniser_folder):
    old = load_recogniser(str(recogniser_folder), CPU).model
    one, same, other = (begin_with(old, NEW, seed) for seed in (1, 1, 2))
    assert torch.equal(one.classifier.weight, same.classifier.weight)
    assert torch.equal(one.classifier.weight[0], other.classifier.weight[0])
    assert not torch.equal(one.classifier.weight[1], other.classifier.weight[1])


@pytest.mark.parametrize("kind", [VideoMAEForPreTraining, VideoMAEModel])
def test_an_encoder_gets_a_head_that_reads_all_tokens(tmp_path, kind):
    folder = save_tiny(kind, tmp_path, use_mean_pooling=False)
    found = load_recogniser(str(folder), CPU)
    assert found.card.label_count == 0
    new = begin_with(found.model, NEW, seed=1, with_head=False)
    assert new.config.use_mean_pooling
    # The norm at the encoder's end is left out: what is before it is the same.
    with torch.no_grad():
        before = found.model.videomae(PIXELS, output_hidden_states=True).hidden_states[-1]
    assert torch.equal(encoded(new), before)
    assert not new.classifier.weight.abs().max() > 0.2  # freshly drawn


def test_what_an_untrained_head_has_is_not_kept(tmp_path):
    """A pretraining checkpoint may carry names of labels that no head ever learnt."""
    folder = save_tiny(VideoMAEForPreTraining, tmp_path, use_mean_pooling=False)
    old = load_recogniser(str(folder), CPU).model
    assert old.config.id2label == TINY_LABELS
    new = begin_with(old, tuple(TINY_LABELS.values()), seed=1, with_head=False)
    assert not torch.equal(new.classifier.weight, old.classifier.weight)


def test_finer_frames_begin_with_the_weights_of_coarser_ones(tmp_path):
    coarse = VideoMAEForPreTraining(architecture(32, 8, 32, 2))
    coarse.save_pretrained(tmp_path)
    fine = VideoMAEForPreTraining.from_pretrained(tmp_path, config=architecture(48, 8, 32, 2))
    assert fine.config.grid.shape == (8, 6, 6)
    for (name, mine), (other, theirs) in zip(
        fine.named_parameters(), coarse.named_parameters(), strict=True
    ):
        assert name == other and torch.equal(mine, theirs)
    hidden = torch.zeros(1, fine.config.grid.tokens, dtype=torch.bool)
    hidden[:, ::2] = True
    with torch.no_grad():
        assert fine(torch.zeros(1, 16, 3, 48, 48), hidden).logits.shape[1] == 144


@pytest.mark.parametrize(
    ("numbers", "wrong"),
    [
        ((32, 16, 32, 2), r"patch_size 16 \(8 in the weights\)"),
        ((32, 8, 64, 2), r"hidden_size 64 \(32 in the weights\)"),
        ((32, 8, 32, 1), r"num_hidden_layers 1 \(2 in the weights\)"),
        ((32, 8, 32, 3), r"num_hidden_layers 3 \(2 in the weights\)"),
    ],
)
def test_weights_of_another_shape_are_refused(tmp_path, numbers, wrong):
    VideoMAEForPreTraining(architecture(32, 8, 32, 2)).save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match=f"does not fit its weights: {wrong}"):
        VideoMAEForPreTraining.from_pretrained(tmp_path, config=architecture(*numbers))
