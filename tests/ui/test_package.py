"""The wheel, installed into a fresh environment and used from another folder."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import httpx
import pytest
from conftest import ROOT, free_port, wait_for

pytestmark = pytest.mark.slow

ASSETS = "videomae_demo/assets"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(tmp_path_factory, wheel) -> Path:
    """The folder of the commands of an environment that has the wheel, and this one's libraries."""
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    asked = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    site = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=True)
    libraries = Path(site.stdout.strip()) / "libraries.pth"
    libraries.write_text(sysconfig.get_paths()["purelib"] + "\n")
    install = ["-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel]
    subprocess.run([sys.executable, *install], check=True, capture_output=True)
    return python.parent


def run(command: list, folder: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_has_all_that_is_not_code(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for path in (ROOT / "videomae_demo").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert str(path.relative_to(ROOT)) in names
    for path in (ROOT / "assets").rglob("*"):
        if path.is_file():
            assert f"{ASSETS}/{path.relative_to(ROOT / 'assets')}" in names
    assert "videomae_demo/py.typed" in names
    assert not any(name.startswith(("tests/", "benchmarks/")) for name in names)


def test_it_asks_for_what_requirements_txt_asks(wheel):
    archive = zipfile.ZipFile(wheel)
    (metadata,) = [name for name in archive.namelist() if name.endswith("METADATA")]
    lines = archive.read(metadata).decode("utf-8").splitlines()
    needs = [line.removeprefix("Requires-Dist: ") for line in lines if "Requires-Dist" in line]
    told = [need for need in needs if "extra ==" not in need]
    asked = (ROOT / "requirements.txt").read_text().splitlines()
    assert len(told) == len([line for line in asked if line and not line.startswith("#")])
    for library in ("gradio", "torch", "av", "safetensors"):
        assert any(line.startswith(library) for line in told)
    extra = [need.split("<")[0] for need in needs if need not in told]
    assert extra == ["mcp", "ray[data]"]


def test_importing_it_needs_no_torch(installed, tmp_path):
    code = "import sys, videomae_demo as v; print(v.__file__, 'torch' in sys.modules)"
    path, loaded = run([installed / "python", "-c", code], tmp_path).split()
    assert Path(path).is_relative_to(installed.parent)
    assert loaded == "False"


def test_its_command_names_what_is_in_a_clip(installed, tmp_path, clip_path):
    told = run([installed / "videomae-explorer", "classify", clip_path, "--json"], tmp_path)
    assert json.loads(told)["checkpoint"] == "bundled"
    assert "usage: videomae-explorer" in run([installed / "videomae-explorer", "--help"], tmp_path)
    as_module = [installed / "python", "-m", "videomae_demo", "classify", clip_path, "--json"]
    assert run(as_module, tmp_path) == told


def test_its_page_has_the_examples(installed, tmp_path):
    port = free_port()
    environment = os.environ | {"GRADIO_SERVER_PORT": str(port), "HF_HUB_OFFLINE": "1"}
    environment.pop("PYTHONPATH", None)
    log = tmp_path / "log"
    with log.open("w") as output:
        page = subprocess.Popen(
            [installed / "videomae-explorer", "page"],
            cwd=tmp_path,
            env=environment,
            stdout=output,
            stderr=output,
        )
    try:
        wait_for(f"http://127.0.0.1:{port}", page, log)
        told = httpx.get(f"http://127.0.0.1:{port}/config", timeout=60).text
    finally:
        page.terminate()
        page.wait()
    for path in (ROOT / "assets" / "clips").glob("*.mp4"):
        assert path.stem.replace("-", " ") in told.replace("-", " ")
