"""The named endpoints: what "Use via API" shows of them works, and frames can be chosen."""

from pathlib import Path

import httpx
import pytest
from conftest import ROOT
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from videomae_demo.ui.api import EXAMPLE_CLIP

ENDPOINTS = ("/attend", "/classify", "/reconstruct")


@pytest.fixture(scope="module")
def client(page_address):
    client = Client(page_address, verbose=False, analytics_enabled=False)
    yield client
    client.close()


@pytest.fixture(scope="module")
def info(page_address) -> dict[str, list[dict]]:
    """The parameters of each endpoint, as the page documents them."""
    told = httpx.get(f"{page_address}/gradio_api/info", timeout=60).json()["named_endpoints"]
    return {name: endpoint["parameters"] for name, endpoint in told.items()}


def as_in_python(value):
    """What the page's Python snippet writes for an example."""
    is_file = isinstance(value, dict) and value.get("meta") == EXAMPLE_CLIP["meta"]
    return handle_file(value["url"]) if is_file else value


def test_the_endpoints_are_three(info):
    assert tuple(sorted(info)) == ENDPOINTS


@pytest.mark.parametrize("name", ENDPOINTS)
@pytest.mark.parametrize("defaults", [False, True])
def test_the_shown_values_are_answered(client, info, monkeypatch, name, defaults):
    """Examples for everything; or defaults where there are some, as the page's snippet has them."""
    monkeypatch.chdir(ROOT)
    shown = {
        parameter["parameter_name"]: as_in_python(
            parameter["parameter_default"]
            if defaults and parameter["parameter_has_default"]
            else parameter["example_input"]
        )
        for parameter in info[name]
    }
    assert client.predict(**shown, api_name=name)["clip"] == Path(EXAMPLE_CLIP["path"]).name


@pytest.mark.parametrize("name", ENDPOINTS)
def test_only_the_clip_must_be_given(client, info, clip_path, name):
    needed = [p["parameter_name"] for p in info[name] if not p["parameter_has_default"]]
    assert needed == ["clip"]
    assert client.predict(handle_file(clip_path), api_name=name)["clip"] == clip_path.name


@pytest.mark.parametrize("name", ENDPOINTS)
@pytest.mark.parametrize(
    ("chosen", "indices"),
    [
        ({"sampling": "every:2"}, [20, 22, 24, 26]),
        ({"sampling": "uniform"}, [6, 18, 30, 42]),
        ({"sampling": "0.125"}, [19, 22, 25, 28]),
        ({"sampling": "every:2", "start": 1}, [24, 26, 28, 30]),
        ({"sampling": "every:2", "start": 0}, [0, 2, 4, 6]),
        ({"sampling": "", "start": None}, [19, 22, 25, 29]),
    ],
)
def test_frames_are_chosen_as_on_the_command_line(client, clip_path, name, chosen, indices):
    answer = client.predict(handle_file(clip_path), **chosen, api_name=name)
    assert answer["frames"]["indices"] == indices


@pytest.mark.parametrize("name", ENDPOINTS)
@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ({"sampling": "often"}, "The sampling is 'often'"),
        ({"sampling": "every:0"}, "0"),
        ({"start": "1"}, "The start is '1'; it must be a number"),
        ({"start": 99}, "99"),
        ({"stored_pixels": "yes"}, "stored_pixels is 'yes'; give True or False"),
    ],
)
def test_frames_that_can_not_be_chosen_are_refused(client, clip_path, name, chosen, sentence):
    with pytest.raises(AppError, match=sentence):
        client.predict(handle_file(clip_path), **chosen, api_name=name)


def test_stored_pixels_are_taken_as_they_are(client, squeezed_path):
    clip = handle_file(squeezed_path)
    for stored, width in ((False, 192), (True, 96)):
        answer = client.predict(clip, stored_pixels=stored, api_name="/classify")
        assert answer["source"] == {"height": 64, "width": width}


def test_an_answer_tells_nobody_where_things_are(client, clip_path, recogniser_folder):
    for name in ENDPOINTS:
        told = str(client.predict(handle_file(clip_path), api_name=name))
        assert str(recogniser_folder.parent) not in told
        assert "/tmp" not in told
