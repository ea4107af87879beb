"""The view as a program asks for just what the page shows."""

import ast

import pytest

from videomae_demo.analysis.settings import RolloutSettings
from videomae_demo.engine.clips import ClipRequest
from videomae_demo.lenses.masks import MaskRequest
from videomae_demo.ui.lenses.attend import RolloutQuestion
from videomae_demo.ui.lenses.mask_fields import MaskQuestion
from videomae_demo.ui.lenses.registry import LENSES
from videomae_demo.ui.session import Session
from videomae_demo.ui.snippet import view_in_python
from videomae_demo.video.sampling import SamplingRule

SETTINGS = RolloutSettings("min", 0.35, 2, 5, (1, 0, 3))
MASK = MaskRequest("random", 0.65, 7)


def asked_in(code: str, *names: str) -> list[object]:
    """What the program makes by calls of these names."""
    known = {
        "ClipRequest": ClipRequest,
        "MaskRequest": MaskRequest,
        "RolloutSettings": RolloutSettings,
        "SamplingRule": SamplingRule,
    }
    found = {}
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            found[node.func.id] = eval(ast.unparse(node), known)  # our own code, taken apart
    return [found[name] for name in names]


@pytest.mark.parametrize(
    "clip",
    [
        ClipRequest("own.mp4"),
        ClipRequest("own.mp4", 0.625),
        ClipRequest("own.mp4", 0.0, SamplingRule.stride(0.375)),
        ClipRequest("own.mp4", None, SamplingRule.uniform()),
    ],
)
def test_clip_settings_and_mask_are_those_of_the_session(clip):
    asked = {"attend": RolloutQuestion(SETTINGS), "reconstruct": MaskQuestion(MASK)}
    code = view_in_python(Session("bundled", clip, asked=asked, token=(1, 0, 3)), LENSES)
    asked = asked_in(code, "ClipRequest", "RolloutSettings", "MaskRequest")
    assert asked == [clip, SETTINGS, MASK]
    assert "Explorer('bundled')" in code
    assert "reconstructor='large'" in view_in_python(Session("bundled", clip), LENSES, "large")


def test_what_is_usual_is_not_told():
    code = view_in_python(Session("bundled", ClipRequest("own.mp4")), LENSES)
    assert "RolloutSettings()" in code and "MaskRequest()" in code
    assert "SamplingRule" not in code and "start_s" not in code
