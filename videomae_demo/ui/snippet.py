"""The present view as a few lines of Python with the public API."""

from __future__ import annotations

from pathlib import Path

from videomae_demo.analysis.settings import RolloutSettings
from videomae_demo.engine.clips import ClipRequest
from videomae_demo.lenses.reconstruct import MaskRequest
from videomae_demo.ui.examples import ROOT
from videomae_demo.ui.session import Session
from videomae_demo.video.sampling import SamplingRule


def view_in_python(session: Session, reconstructor: str | None = None) -> str:
    """Return a program that computes what the page shows, and prints its main figures."""
    if session.clip is None:
        return "# Explore a clip first."
    rule = session.clip.sampling
    names = "from pathlib import Path\n\nfrom videomae_demo import ClipRequest, Explorer, "
    names += "MaskRequest, RolloutSettings\n"
    if rule is not None:
        names += "from videomae_demo.video.sampling import SamplingRule\n"
    weights = repr(session.weights)
    if reconstructor is not None:
        weights += f", reconstructor={reconstructor!r}"
    return f"""{names}
explorer = Explorer({weights})
clip = {_clip(session.clip)}

if explorer.recogniser.card.label_count:
    for score in explorer.classify(clip).classification.top(5):
        print(f"{{score.probability:7.2%}}  {{score.label}}")

rollout = explorer.attend(clip, {_settings(session.settings)}).rollout
print("highest", rollout.times_uniform.max().round(2), "x uniform of", rollout.scores.shape)

mask = {_mask(session.mask)}
for picture in explorer.reconstruct(clip, mask).reconstruction.pictures:
    print(f"{{picture.psnr_db:6.2f}} dB  {{picture.name}}")
"""


def _clip(clip: ClipRequest) -> str:
    path = Path(clip.path)
    shown = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT / "assets") else path.name
    return _call(
        "ClipRequest",
        f"Path({shown!r})",
        None if clip.start_s is None else f"start_s={clip.start_s!r}",
        None if clip.sampling is None else f"sampling={_rule(clip.sampling)}",
        "stored_pixels=True" if clip.stored_pixels else None,
    )


def _rule(rule: SamplingRule) -> str:
    if rule.interval_s is not None:
        return f"SamplingRule.stride({rule.interval_s!r})"
    return "SamplingRule.uniform()" if rule.step is None else f"SamplingRule.every({rule.step!r})"


def _settings(settings: RolloutSettings) -> str:
    usual = RolloutSettings()
    return _call("RolloutSettings", *_changed(settings, usual, RolloutSettings.__slots__))


def _mask(mask: MaskRequest) -> str:
    return _call("MaskRequest", *_changed(mask, MaskRequest(), MaskRequest.__slots__))


def _changed(value: object, usual: object, names: tuple[str, ...]) -> list[str]:
    return [
        f"{name}={getattr(value, name)!r}"
        for name in names
        if getattr(value, name) != getattr(usual, name)
    ]


def _call(name: str, *arguments: str | None) -> str:
    return f"{name}({', '.join(argument for argument in arguments if argument is not None)})"
