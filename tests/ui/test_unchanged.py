"""Outputs that stay as they are: gradio gets the others alone, and the page the same answer."""

import gradio as gr
import pytest
from asgi_request import run_alone

from videomae_demo.ui.gradio_edge.unchanged import spare_unchanged


@pytest.fixture
def page():
    async def build():  # without a loop, gradio makes some and leaves them
        with gr.Blocks() as page:
            parts = [gr.Textbox(label=name) for name in "abc"] + [gr.HTML("d")]
            gr.Button().click(lambda: None, None, parts)
        page.parts = parts
        return page

    return run_alone(build)


def answer(page, predictions) -> list:
    (block_fn,) = page.fns.values()
    return run_alone(lambda: page.postprocess_data(block_fn, predictions, None))


GIVEN = {
    "a value": lambda: {1: "new"},
    "two": lambda: {0: "one", 3: "<b>two</b>"},
    "a change": lambda: {1: gr.update(visible=False)},
    "nothing and no value": lambda: {2: gr.skip(), 1: None},
    "nothing": lambda: {0: gr.skip()},
    "all": lambda: {0: "a", 1: "b", 2: gr.update(value="c"), 3: "d"},
}


def without_props(values: list) -> list:
    """Of an HTML that stays, gradio says so twice."""
    return [gr.skip() if isinstance(one, dict) and "props" in one else one for one in values]


@pytest.mark.parametrize("name", GIVEN)
def test_the_page_gets_what_gradio_itself_would_send(page, name):
    def given() -> dict:  # made anew, since gradio takes a change apart
        return {page.parts[place]: value for place, value in GIVEN[name]().items()}

    wanted = answer(page, given())
    spare_unchanged(page)
    assert answer(page, given()) == without_props(wanted)


@pytest.mark.parametrize("given", [gr.skip, lambda: [gr.skip(), "listed", gr.skip(), "d"]])
def test_other_answers_are_gradios_own(page, given):
    wanted = answer(page, given())
    spare_unchanged(page)
    assert answer(page, given()) == wanted


def test_what_stays_is_not_made_anew(page, monkeypatch):
    spare_unchanged(page)
    made = []
    begin = gr.Textbox.__init__
    monkeypatch.setattr(
        gr.Textbox,
        "__init__",
        lambda self, *given, **named: (made.append(self), begin(self, *given, **named))[1],
    )
    answer(page, {page.parts[1]: gr.update(label="new")})
    assert len(made) == 1
    answer(page, {page.parts[1]: "a value"})
    assert len(made) == 1
