from __future__ import annotations

import dataclasses

import pytest

from videomae_demo.checkpoints.catalog import CATALOG, CatalogEntry, find_entry, known_names
from videomae_demo.config import VideoMAEConfig
from videomae_demo.video.sampling import SamplingRule

everything = pytest.mark.parametrize("entry", CATALOG, ids=lambda entry: entry.name)


def test_names_and_repos_are_unique() -> None:
    assert len(set(known_names())) == len(CATALOG)
    assert len({entry.repo for entry in CATALOG}) == len(CATALOG)


@everything
def test_an_entry_is_found_by_both_of_its_names(entry: CatalogEntry) -> None:
    assert find_entry(entry.name) is entry
    assert find_entry(entry.repo) is (None if entry.bundled else entry)


def test_an_unknown_name_is_no_entry() -> None:
    assert find_entry("videomae") is None


@everything
def test_a_partner_is_an_entry_of_the_other_task(entry: CatalogEntry) -> None:
    partner = find_entry(entry.partner)
    assert partner is not None
    assert {entry.task, partner.task} == {"classification", "pretraining"}
    assert partner.bundled == entry.bundled


@everything
def test_only_a_partner_of_another_size_needs_a_note(entry: CatalogEntry) -> None:
    same_size = entry.partner.split("-")[0] == entry.name.split("-")[0]
    assert (entry.partner_note is None) == same_size


@everything
def test_a_published_recogniser_states_labels_accuracy_and_licence(entry: CatalogEntry) -> None:
    if entry.bundled:
        return
    assert entry.licence == "CC BY-NC 4.0"
    assert entry.size_mb is not None
    labels = {"kinetics": 400, "ssv2": 174}
    if entry.name.startswith("v2-"):
        assert entry.task == "classification"
        assert (entry.label_count, entry.accuracy) == (0, None)
        assert "no labels" in entry.title
        return
    recogniser = entry.task == "classification"
    assert entry.label_count == (labels[entry.name.rpartition("-")[2]] if recogniser else None)
    assert (entry.accuracy is not None) == recogniser


@everything
def test_corrections_are_fields_of_the_configuration_and_come_with_a_note(
    entry: CatalogEntry,
) -> None:
    fields = {field.name for field in dataclasses.fields(VideoMAEConfig)}
    assert fields >= entry.corrections.keys()
    assert bool(entry.corrections) == (entry.correction_note is not None)


def test_the_small_model_gets_the_heads_it_was_trained_with() -> None:
    entry = find_entry("small-finetuned-kinetics")
    assert entry is not None
    published = {"model_type": "videomae", "hidden_size": 384, "num_attention_heads": 16}
    assert VideoMAEConfig.from_dict(published, **entry.corrections).num_attention_heads == 6


def test_frames_are_sampled_as_in_training() -> None:
    rules = {entry.name: entry.sampling for entry in CATALOG}
    assert rules["base"] == rules["huge-finetuned-kinetics"] == SamplingRule.stride(4 / 30)
    assert rules["base-ssv2"] == SamplingRule.stride(2 / 30)
    assert rules["base-short-finetuned-ssv2"] == SamplingRule.uniform()
    assert rules["bundled"] == rules["bundled-pretraining"] == SamplingRule.stride(0.125)


def test_the_second_version_is_found_by_its_repository() -> None:
    entry = find_entry("OpenGVLab/VideoMAEv2-giant")
    assert entry is not None
    assert (entry.name, entry.partner) == ("v2-giant", "base")


def test_entries_can_be_put_in_a_set() -> None:
    assert len(set(CATALOG)) == len(CATALOG)
