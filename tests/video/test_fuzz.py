"""A short run of the fuzzer; ``python -m benchmarks.fuzz`` runs a long one."""

from __future__ import annotations

import pytest

pytest.importorskip("resource", reason="without it, no memory can be limited")

from benchmarks.fuzz import fuzz

pytestmark = pytest.mark.slow

FILES = 322  # twenty-three files, each damaged in fourteen ways


def test_damaged_files_give_frames_or_a_refusal() -> None:
    outcomes = fuzz(FILES, seed=0)
    assert not [outcome for outcome in outcomes if outcome.kind == "finding"]
    kinds = [outcome.kind for outcome in outcomes]
    assert kinds.count("read") + kinds.count("refused") == FILES
    assert min(kinds.count("read"), kinds.count("refused")) > FILES / 10
