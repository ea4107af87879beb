"""Pages that are built without a web app for each: the same pages, described once."""

import gradio as gr
import pytest
from asgi_request import run_alone
from gradio import routes

from videomae_demo.pool import ExplorerPool
from videomae_demo.ui.app import build_page
from videomae_demo.ui.gradio_edge.assembly import assembling
from videomae_demo.ui.gradio_edge.edge import Edge


@pytest.fixture
def apps(monkeypatch) -> list:
    """Every web app that gradio begins to make."""
    begun = []
    make = routes.App.create_app

    def count(blocks, *given, **options):
        begun.append(blocks)
        return make(blocks, *given, **options)

    monkeypatch.setattr(routes.App, "create_app", staticmethod(count))
    return begun


async def build() -> gr.Blocks:  # without a loop, gradio makes some of its own
    page = gr.Blocks()
    with page:
        said = gr.Textbox(label="Said")
        gr.Button("Say").click(str.upper, said, said)
    page.queue()
    with page.route("Second"):
        gr.HTML("another")
    return page


@pytest.fixture
def edge():
    edge = Edge(local=True)
    yield edge
    edge.served.kept.close()


def described(page: gr.Blocks) -> dict:
    """What a browser is told of a page, but for what differs from one building to the next."""
    config = page.get_config_file()
    first = min(part["id"] for part in config["components"])
    parts = [(part["id"] - first, part["type"]) for part in config["components"]]
    return {"parts": parts, "pages": config["pages"], "events": len(config["dependencies"])}


async def assemble() -> gr.Blocks:
    with assembling():
        return await build()


def test_what_is_assembled_is_the_page_that_gradio_would_build(apps):
    spared = run_alone(assemble)
    assert apps == []
    assert described(spared) == described(run_alone(build))
    assert len(apps) == 4  # at the beginning, for each page and for the queue: what is spared


def test_a_page_that_fails_leaves_gradio_as_it_was(apps):
    with pytest.raises(ValueError, match="broken"), assembling():
        raise ValueError("broken")
    run_alone(build)
    assert len(apps) == 4


def test_the_five_pages_are_built_without_an_app(apps, edge):
    async def build_all():
        return build_page(ExplorerPool("bundled"), (), edge=edge)

    page = run_alone(build_all)
    assert apps == []
    names = [name for _, name, _ in page.get_config_file()["pages"]]
    assert names[1:] == ["Live", "Learn", "Train", "Data set"]
