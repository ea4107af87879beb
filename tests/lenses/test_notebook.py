"""Answers in a notebook: a line, a picture with its words, and no secrets of the machine."""

import base64
import html
import io
import re
import sys
from types import ModuleType

import numpy as np
import pytest
from made_views import (
    made_heads,
    made_labels,
    made_reconstruction,
    made_relevance,
    made_rollout,
    made_timeline,
    made_tokens,
    made_trial,
    made_what_if,
)
from PIL import Image

from videomae_demo.lenses.answer import Answer

ANSWERS = {
    "labels": made_labels,
    "rollout": made_rollout,
    "relevance": made_relevance,
    "reconstruction": made_reconstruction,
    "heads": made_heads,
    "what if": made_what_if,
    "tokens": made_tokens,
    "timeline": lambda: made_timeline(np.arange(3.0), np.arange(3.0)[::-1]),
}
PICTURES = {
    "LabelsView": "labels.png",
    "HeadsView": "heads.png",
    "WhatIfView": "what_if.png",
    "TokensView": "tokens.png",
    "TimelineView": "timeline.png",
}


@pytest.fixture(params=ANSWERS)
def answer(request) -> Answer:
    return ANSWERS[request.param]()


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (made_labels, "LabelsView('made.mp4': jump 40%, lie 30%, run 12%)"),
        (made_rollout, r"RolloutView('made.mp4': 6.0x uniform at time 1, row 1, column 3)"),
        (made_relevance, "RelevanceView('made.mp4': why jump, 89% from the strongest tenth)"),
        (made_trial, "Trial('jump', curves: 3, 100% done)"),
        (made_reconstruction, "ReconstructionView('made.mp4': 25% hidden, 20.3 dB)"),
    ],
)
def test_an_answer_is_one_line(make, line):
    assert repr(make()) == line


def test_a_notebook_shows_the_picture_and_the_words(answer):
    shown = answer._repr_html_()
    (data,) = re.findall(r'src="data:image/png;base64,([^"]+)"', shown)
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    np.testing.assert_array_equal(picture, answer.picture())
    for said in (*answer.sentences(), *answer.notes):
        assert html.escape(said) in shown
    assert "/somewhere/else" not in shown


def test_foreign_words_stay_words():
    from dataclasses import replace

    view = made_labels()
    view = replace(view, clip=replace(view.clip, notes=("<script>alert(1)</script>",)))
    assert "<script>" not in view._repr_html_()


def test_it_is_shown_by_the_notebook_where_there_is_one(answer, monkeypatch):
    shown = []
    notebook, display = ModuleType("IPython"), ModuleType("IPython.display")
    display.display = shown.append
    monkeypatch.setitem(sys.modules, "IPython", notebook)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    answer.show()
    assert shown == [answer]


def test_it_is_shown_by_the_system_where_there_is_none(answer, monkeypatch):
    shown = []
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    monkeypatch.setattr(Image.Image, "show", lambda image: shown.append(np.asarray(image)))
    answer.show()
    np.testing.assert_array_equal(shown[0], answer.picture())


def test_the_picture_is_the_one_that_is_saved(answer, tmp_path):
    name = PICTURES.get(type(answer).__name__, "filmstrip.png")
    answer.save(tmp_path)
    saved = np.asarray(Image.open(tmp_path / name).convert("RGB"))
    np.testing.assert_array_equal(saved, answer.picture())
