"""The named endpoints: what "Use via API" shows of them works, and frames can be chosen."""

import base64
import io
import json
from pathlib import Path

import httpx
import numpy as np
import pytest
from conftest import ROOT
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from videomae_demo import ClipRequest, Explorer
from videomae_demo.cli.main import main
from videomae_demo.ui.api import EXAMPLE_CLIP

HIDDEN = np.arange(32).reshape(2, 4, 4) % 3 == 0
ENDPOINTS = (
    "/attend",
    "/classify",
    "/compare",
    "/explain",
    "/heads",
    "/probe",
    "/reconstruct",
    "/timeline",
    "/tokens",
)
OF_ONE_WINDOW = tuple(name for name in ENDPOINTS if name != "/timeline")


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


def test_each_lens_has_an_endpoint(info):
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


@pytest.mark.parametrize("name", OF_ONE_WINDOW)
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


@pytest.mark.parametrize("name", OF_ONE_WINDOW)
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


SETTINGS = [
    ("classify", {"top_k": 2, "label": "moving left"}, "--top-k 2 --label=moving_left"),
    ("classify", {"sampling": "every:3", "start": 0.25}, "--sampling every:3 --start 0.25"),
    ("classify", {"stored_pixels": True}, "--stored-pixels"),
    ("classify", {"hidden": HIDDEN.astype(int).tolist()}, "--hide HIDDEN"),
    ("classify", {"views": "2x3"}, "--views 2x3"),
    ("attend", {}, ""),
    ("attend", {"fusion": "max", "discard": 0.5}, "--fusion max --discard 0.5"),
    ("attend", {"first_layer": 2, "last_layer": 2}, "--layers 2-2"),
    ("attend", {"query": [1, 2, 0], "sampling": "uniform"}, "--query 1,2,0 --sampling uniform"),
    ("explain", {}, ""),
    ("explain", {"label": "moving left", "test": True}, "--label=moving_left --test"),
    ("explain", {"against": "moving left", "method": "chefer"},
     "--against=moving_left --method chefer"),
    ("attend", {"head": "2.1"}, "--head 2.1"),
    ("heads", {}, ""),
    ("heads", {"head": "1.2", "off": ["2.1", "3.2"], "query": [1, 2, 0], "shows": "effect"},
     "--head 1.2 --off 2.1,3.2 --query 1,2,0 --shows effect"),
    ("heads", {"label": "moving left", "against": "staying still"},
     "--label=moving_left --against=staying_still"),
    ("reconstruct", {}, ""),
    ("reconstruct", {"kind": "random", "seed": 3}, "--mask random --seed 3"),
    ("reconstruct", {"ratio": 0.5}, "--ratio 0.5"),
    ("reconstruct", {"sweep": True, "kind": "random"}, "--sweep --mask random"),
    ("reconstruct", {"kind": "frame", "start": 0.5}, "--mask frame --start 0.5"),
    ("reconstruct", {"kind": "relevant", "ratio": 0.5}, "--mask relevant --ratio 0.5"),
    ("reconstruct", {"many": 2, "ratio": 0.5, "change": "grey"},
     "--many 2 --ratio 0.5 --change grey"),
    ("probe", {"shown": "mirrored"}, "--show mirrored"),
    ("tokens", {"query": [1, 2, 0], "half": "reconstructor"}, "--query 1,2,0 --of reconstructor"),
    ("compare", {"other": "bundled", "what": "relevance"}, "--with bundled --what relevance"),
    ("tokens", {"layer": 0, "skip_near": True}, "--layer 0 --skip-near"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "given", "options"), SETTINGS)
def test_the_json_is_that_of_the_command_line(
    client, clip_path, recogniser_folder, reconstructor_folder, capsys, tmp_path, name, given,
    options,
):  # fmt: skip
    weights = ["--weights", str(recogniser_folder), "--device", "cpu"]
    np.savez(tmp_path / "hidden.npz", hidden=HIDDEN)
    options = options.replace("HIDDEN", str(tmp_path / "hidden.npz"))
    if name in ("reconstruct", "tokens"):
        weights += ["--reconstructor", str(reconstructor_folder)]
    written = [option.replace("_", " ") if "=" in option else option for option in options.split()]
    assert main([name, str(clip_path), *weights, *written, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    answer = client.predict(handle_file(clip_path), **given, api_name=f"/{name}")
    assert numbers_of(flat(answer)) == pytest.approx(numbers_of(flat(told)), rel=1e-5)
    assert texts_of(flat(answer)) == texts_of(flat(told))


def numbers_of(values: dict) -> dict:
    return {name: value for name, value in values.items() if isinstance(value, int | float)}


def texts_of(values: dict) -> dict:
    return {name: value for name, value in values.items() if not isinstance(value, int | float)}


def flat(value, name: str = "") -> dict:
    """Name each number and text of JSON by its place."""
    if isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, list):
        parts = enumerate(value)
    else:
        return {name: value}
    return {at: one for key, part in parts for at, one in flat(part, f"{name}.{key}").items()}


def test_arrays_and_pictures_come_when_they_are_asked_for(client, clip_path, recogniser_folder):
    explorer = Explorer(str(recogniser_folder), device="cpu")
    view = explorer.attend(ClipRequest(clip_path))
    answer = client.predict(handle_file(clip_path), arrays=True, picture=True, api_name="/attend")
    arrays = np.load(io.BytesIO(base64.b64decode(answer["npz"])))
    assert set(arrays) == {"rollout", "timestamps_s", "indices"}
    np.testing.assert_allclose(arrays["rollout"], view.rollout.scores, rtol=1e-5)
    picture = Image.open(io.BytesIO(base64.b64decode(answer["png"])))
    assert picture.size == view.picture().shape[1::-1]
    for name in ENDPOINTS:
        assert not {"npz", "png"} & client.predict(handle_file(clip_path), api_name=name).keys()


def test_a_mask_of_ones_own_is_taken(client, clip_path):
    mask = np.zeros((2, 4, 4), int)
    mask[:, 1] = 1
    clip = handle_file(clip_path)
    answer = client.predict(clip, painted=mask.tolist(), arrays=True, api_name="/reconstruct")
    arrays = np.load(io.BytesIO(base64.b64decode(answer["npz"])))
    np.testing.assert_array_equal(arrays["mask"], mask.astype(bool))
    assert (answer["mask"]["kind"], answer["hidden_tokens"]) == ("painted", 8)
    for wrong in ([[1]], mask[:, :3].tolist(), "all"):
        with pytest.raises(AppError, match="lists of 0 and 1 for 2 x 4 x 4 tokens"):
            client.predict(clip, painted=wrong, api_name="/reconstruct")
