"""Limits come from the environment, or stay as they are."""

import dataclasses
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from videomae_demo.errors import RequestError
from videomae_demo.limits import DEFAULT_LIMITS, Limits


def test_an_environment_that_says_nothing_changes_nothing() -> None:
    assert Limits.from_environment({"PATH": "/bin", "VIDEOMAE_WEIGHTS": "x"}) == DEFAULT_LIMITS


def test_each_limit_has_its_variable() -> None:
    for field in dataclasses.fields(Limits):
        limits = Limits.from_environment({f"VIDEOMAE_MAX_{field.name.upper()}": "7"})
        assert limits == dataclasses.replace(DEFAULT_LIMITS, **{field.name: 7})


def test_a_misspelt_variable_is_named_together_with_those_that_exist() -> None:
    with pytest.raises(RequestError, match=r"VIDEOMAE_MAX_UPLOAD sets no .*VIDEOMAE_MAX_UPLOAD_MB"):
        Limits.from_environment({"VIDEOMAE_MAX_UPLOAD": "7"})


@pytest.mark.parametrize("text", ["", "many", "0", "-3", "1.5", "inf"])
def test_a_value_that_is_no_positive_whole_number_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match=r"VIDEOMAE_MAX_CACHE_MB is .* whole number from 1"):
        Limits.from_environment({"VIDEOMAE_MAX_CACHE_MB": text})


@pytest.mark.parametrize("value", [-1, "60", float("nan"), True, None, 2**31])
def test_a_limit_that_limits_nothing_is_refused(value) -> None:
    with pytest.raises(RequestError, match=r"limit clip_s is .*; it must (be|lie)"):
        Limits(clip_s=value)
    assert Limits(training_minutes=0).training_minutes == 0


def test_the_docstring_has_every_limit_with_what_it_limits() -> None:
    told = " ".join(inspect.getdoc(Limits).split())
    for field in dataclasses.fields(Limits):
        words = f"{field.name} : {field.type} {field.metadata['what']} ({field.default:.0f})"
        assert words in told


@pytest.mark.parametrize("words", [["app.py"], ["-m", "videomae_demo", "page"]])
def test_the_help_lists_every_limit_with_its_default(words) -> None:
    root = Path(__file__).resolve().parents[1]
    command = [sys.executable, *words, "--help"]
    shown = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    _, _, listed = shown.partition("Environment variables that set limits")
    listed = " ".join(listed.split())
    for field in dataclasses.fields(Limits):
        what = f"VIDEOMAE_MAX_{field.name.upper()} {field.metadata['what']} ({field.default:.0f})"
        assert what in listed
