"""A visitor's state begins without descriptions of the page, and is the same in all else."""

import gradio as gr
import pytest
from asgi_request import run_alone
from gradio.routes import App

from videomae_demo.ui.gradio_edge.edge import Edge
from videomae_demo.ui.gradio_edge.undescribed import spare_descriptions


def make_app(**options) -> App:
    with gr.Blocks() as page:
        gr.Textbox("said", label="Said")
        gr.State(["kept"])
    return App.create_app(page, app_kwargs=options)


@pytest.fixture
def app() -> App:
    async def build() -> App:  # without a loop, gradio makes some of its own
        return make_app()

    return run_alone(build)


def components_of(app: App):
    page = app.get_blocks()
    (said,) = (one for one in page.blocks.values() if isinstance(one, gr.Textbox))
    (kept,) = (one for one in page.blocks.values() if isinstance(one, gr.State))
    return said, kept


def test_a_visitor_has_the_page_but_no_descriptions(app):
    said, kept = components_of(app)
    described = app.state_holder["before"]
    assert said._id in described.config_values
    spare_descriptions(app)
    state = app.state_holder["a visitor"]
    assert state.config_values == {}
    assert state[said._id] is described[said._id] is said
    assert state.blocks_config.fns == described.blocks_config.fns
    assert state[kept._id] == ["kept"]
    state[kept._id].append("more")
    assert app.state_holder["another visitor"][kept._id] == ["kept"]


def test_what_changes_for_a_visitor_is_theirs_and_not_described(app):
    said, _ = components_of(app)
    spare_descriptions(app)
    state = app.state_holder["a visitor"]
    heard = gr.Textbox("new", label="Heard", render=False)
    state[said._id] = heard
    state._update_config(said._id)  # as gradio does, see `Blocks.postprocess_data`
    state._update_value_in_config(said._id, "newer")
    assert state[said._id] is heard
    assert list(state.components) == []
    assert app.state_holder["another visitor"][said._id] is said


def test_the_page_itself_is_described_as_before(app):
    page = app.get_blocks()
    before = page.get_config_file()["components"]
    spare_descriptions(app)
    assert app.state_holder["a visitor"].blocks_config.config_for_block(0, [], page) == {}
    assert page.get_config_file()["components"] == before


def test_a_page_that_is_served_describes_nothing_for_a_visitor():
    edge = Edge()

    async def serve() -> dict:
        app = make_app(**edge.app_options)
        app.middleware_stack = app.build_middleware_stack()
        async with app.router.lifespan_context(app):
            return app.state_holder["a visitor"].config_values

    assert run_alone(serve) == {}
    edge.served.kept.close()
