"""The outputs, beside those of the installed transformers."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Mapping

import pytest
import torch
from transformers.modeling_outputs import BaseModelOutput as TheirModelOutput
from transformers.modeling_outputs import ImageClassifierOutput as TheirClassifierOutput
from transformers.models.videomae.modeling_videomae import (
    VideoMAEForPreTrainingOutput as TheirPreTrainingOutput,
)

from videomae_demo.model.outputs import (
    BaseModelOutput,
    ImageClassifierOutput,
    ModelOutput,
    VideoMAEForPreTrainingOutput,
)

STATES = (torch.zeros(1), torch.ones(1))
VALUES = {
    "last_hidden_state": torch.tensor(1.0),
    "loss": torch.tensor(2.0),
    "logits": torch.tensor(3.0),
    "hidden_states": STATES,
    "attentions": STATES,
}
PAIRS = [
    (BaseModelOutput, TheirModelOutput),
    (VideoMAEForPreTrainingOutput, TheirPreTrainingOutput),
    (ImageClassifierOutput, TheirClassifierOutput),
]


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
@pytest.mark.parametrize("absent", [(), ("hidden_states",), ("loss", "attentions")])
def test_they_behave_alike(ours: type[ModelOutput], theirs: type, absent: tuple[str, ...]) -> None:
    names = [name for name in theirs.__dataclass_fields__ if name not in absent]
    assert list(ours.__dataclass_fields__) == list(theirs.__dataclass_fields__)
    given = {name: VALUES[name] for name in names}
    mine, other = ours(**given), theirs(**given)
    assert list(mine) == list(other) == names
    assert list(mine.keys()) == list(other.keys())
    assert list(mine.values()) == list(other.values())
    assert list(mine.items()) == list(other.items())
    assert len(mine) == len(other)
    assert mine.to_tuple() == other.to_tuple()
    assert mine[0] is other[0]
    assert mine[-1] is other[-1]
    assert mine[:2] == other[:2]
    assert {**mine} == {**other} == dict(mine)
    for name in theirs.__dataclass_fields__:
        assert (name in mine) == (name in other)
        assert getattr(mine, name) is getattr(other, name)
        assert mine.get(name) is other.get(name)
    for name in names:
        assert mine[name] is other[name]
    for output in (mine, other):
        with pytest.raises(KeyError):
            output["pooler_output"]
        with pytest.raises(IndexError):
            output[len(names)]


def test_an_output_is_a_mapping_that_can_be_copied_and_pickled() -> None:
    output = ImageClassifierOutput(logits=torch.arange(3.0))
    assert isinstance(output, Mapping)
    for again in (copy.deepcopy(output), pickle.loads(pickle.dumps(output))):
        assert again.loss is None
        assert torch.equal(again.logits, output.logits)


def test_a_field_set_later_is_there() -> None:
    output = ImageClassifierOutput(logits=torch.zeros(1))
    output.loss = torch.ones(1)
    assert output[0] is output.loss
    assert list(output) == ["loss", "logits"]
