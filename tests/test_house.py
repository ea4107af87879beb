"""The walls of the house: who may import whom, and what importing may cost."""

import ast
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "videomae_demo"

# From the ground up: a module imports only what stands above it in this list, or in its own room.
ROOMS = (
    "errors",
    "given",
    "limits",
    "cancellation",
    "device",
    "shipped",
    "json_file",
    "sizes",
    "config",
    "masking",
    "rendering",
    "video",
    "checkpoints",
    "model.patches",
    "model.layers",
    "model.inputs",
    "model.losses",
    "model.outputs",
    "model.pretrained",
    "model.videomae",
    "model.tracing",
    "model.frames",
    "model.processor",
    "analysis",
    "engine.cache",
    "engine.roles",
    "engine.others",
    "engine.clips",
    "engine.passes",
    "engine.explaining",
    "engine.without",
    "engine.engine",
    "engine.batches",
    "engine.live",
    "engine.trials",
    "engine.sweeps",
    "engine.single_heads",
    "engine.lessons",
    "engine.probing",
    "engine.token_features",
    "engine.known",
    "engine.viewing",
    "engine.scanning",
    "engine.many",
    "lenses",
    "explorer",
    "lessons",
    "pool",
    "dataset",
    "verify",
    "training",
    "ui.gradio_edge",
    "ui.text",
    "ui.route",
    "ui.controls",
    "ui.chosen_clip",
    "ui.token_player",
    "ui.bar",
    "ui.live",
    "ui.train",
    "ui.dataset",
    "ui.examples",
    "ui.panel",
    "ui.picker",
    "ui.preview",
    "ui.session",
    "ui.page",
    "ui.lenses",
    "ui.learn",
    "ui.address",
    "ui.present",
    "ui.snippet",
    "ui.stages",
    "ui.handlers",
    "ui.pages.take_away",
    "ui.pages.layout",
    "ui.outputs",
    "ui.work",
    "ui.wiring",
    "ui.api",
    "ui.pages.explore",
    "ui.pages.live",
    "ui.pages.learn",
    "ui.pages.train",
    "ui.pages.dataset",
    "ui.theme",
    "ui.app",
    "ui.tools",
    "ui.serve",
    "cli",
    "__main__",
)
WITHOUT_TORCH = (
    "masking",
    "video",
    "rendering",
    "errors",
    "given",
    "limits",
    "config",
    "analysis.settings",
    "analysis.methods",
    "analysis.sweeping",
    "analysis.probes",
    "pool",
    "cli",
    "ui",
)
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def room_of(module: str) -> int:
    found = [
        rank for rank, room in enumerate(ROOMS) if module == room or module.startswith(room + ".")
    ]
    assert found, f"{module} stands in no room of the house: add it to ROOMS."
    return found[0]


def is_module(name: str) -> bool:
    path = PACKAGE.parent / name.replace(".", "/")
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def imports_of(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path.name} has a relative import."
            base = node.module or ""
            names |= {
                full if is_module(full := f"{base}.{alias.name}") else base for alias in node.names
            }
    return names


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_imports_only_what_stands_above_it(path):
    module = name_of(path)
    for imported in imports_of(path):
        if imported.startswith("videomae_demo."):
            target = imported.removeprefix("videomae_demo.")
            assert room_of(target) <= room_of(module), f"{module} imports {target}, below it."


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_libraries_stay_in_their_rooms(path):
    module = name_of(path)
    tops = {imported.partition(".")[0] for imported in imports_of(path)}
    assert "transformers" not in tops
    if not module.startswith("ui"):
        assert not tops & {"gradio", "gradio_client"}
    if module.startswith(WITHOUT_TORCH):
        assert "torch" not in tops


def test_only_the_faces_know_of_training():
    for path in MODULES:
        module = name_of(path)
        if not module.startswith(("training", "cli", "ui")):
            uses = {name for name in imports_of(path) if name.startswith("videomae_demo.training")}
            assert not uses, f"{module} imports {uses}."


def test_importing_the_package_costs_nothing():
    heavy = {"torch", "numpy", "cv2", "av", "gradio", "matplotlib", "huggingface_hub"}
    code = (
        f"import sys, videomae_demo, videomae_demo.cli; print(sorted({heavy!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_building_the_page_waits_for_no_heavy_library():
    code = """
import os, sys
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
from videomae_demo.ui.app import build_page
from videomae_demo.pool import ExplorerPool
build_page(ExplorerPool())
print(sorted({"torch", "matplotlib", "safetensors"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_two_places_share_twelve_lines():
    places = defaultdict(set)
    for path in PACKAGE.rglob("*.py"):
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        lines = [line for line in lines if line]
        for at in range(len(lines) - 11):
            places["\n".join(lines[at : at + 12])].add((path.name, at))
    assert [where for where in places.values() if len(where) > 1] == []


def test_every_public_name_is_there():
    import videomae_demo

    assert set(videomae_demo.__all__) == set(videomae_demo._HOMES)
    for name in videomae_demo.__all__:
        assert getattr(videomae_demo, name).__name__ == name
    with pytest.raises(AttributeError, match="Nothing"):
        _ = videomae_demo.Nothing
