"""Views worked out by hand, for whoever tests what a person reads of them.

Six frames, of which the last repeats the one before, make three slices of time of 2 x 4 tokens.
"""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from videomae_demo.analysis.classification import Classification
from videomae_demo.analysis.dropping import Course, LeftOut
from videomae_demo.analysis.faithfulness import Curve, Faithfulness
from videomae_demo.analysis.features import PrincipalColours
from videomae_demo.analysis.heads import HeadEffects
from videomae_demo.analysis.many_masks import ManyMasks
from videomae_demo.analysis.methods import Target
from videomae_demo.analysis.reconstruction import Picture, Reconstruction
from videomae_demo.analysis.relevance import Relevance
from videomae_demo.analysis.rollout import Rollout
from videomae_demo.analysis.settings import RolloutSettings
from videomae_demo.config import TokenGrid
from videomae_demo.engine.clips import ClipRequest, SeenClip
from videomae_demo.engine.probing import LeftOutProbe, Probe
from videomae_demo.engine.roles import CheckpointCard
from videomae_demo.lenses.attend import RolloutView
from videomae_demo.lenses.explain import ExplainRequest, RelevanceView
from videomae_demo.lenses.heads import HeadsRequest, HeadsView
from videomae_demo.lenses.masks import MaskRequest
from videomae_demo.lenses.recognise import LabelsView
from videomae_demo.lenses.reconstruct import ReconstructionView
from videomae_demo.lenses.timeline import TimelineView
from videomae_demo.lenses.tokens import TokensRequest, TokensView
from videomae_demo.lenses.trial import Trial
from videomae_demo.lenses.what_if import WhatIfView
from videomae_demo.model.processor import CropBox
from videomae_demo.video.changes import ClipChange
from videomae_demo.video.sampling import SamplingRule

GRID = TokenGrid(3, 2, 4)
TIMES_S = (1.0, 1.1, 1.4, 1.5, 1.923456789, 1.923456789)
INDICES = (24, 26, 34, 36, 46, 46)
LABELS = ("hop", "skip", "jump", "walk", "run", "sit", "lie")
PROBABILITIES = (0.03, 0.08, 0.4, 0.06, 0.12, 0.01, 0.3)  # jump, lie, run, skip, walk, hop, sit


def made_card(**changes) -> CheckpointCard:
    fields = {
        "name": "made",
        "title": "Made by hand",
        "licence": "MIT",
        "grid": GRID,
        "tubelet_size": 2,
        "frame_size": (32, 64),
        "sampling": SamplingRule.stride(0.1),
        "label_count": len(LABELS),
        "notes": ("A note of the checkpoint.",),
    }
    return CheckpointCard(**fields | changes)


def made_clip(**changes) -> SeenClip:
    """A clip of 320 x 240 px, from which 200 x 100 px were seen; frame n is grey 10 * n."""
    greys = 10 * np.arange(6, dtype=np.uint8)[:, None, None, None]
    fields = {
        "path": Path("/somewhere/else/made.mp4"),
        "frames": np.broadcast_to(greys, (6, 32, 64, 3)).copy(),
        "indices": np.array(INDICES),
        "timestamps_s": np.array(TIMES_S),
        "repeated": 1,
        "crop": CropBox(60, 70, 200, 100),
        "source_size": (240, 320),
        "duration_s": 3.2512345678,
        "notes": ("A note of the clip.",),
    }
    return SeenClip(**fields | changes)


def made_labels(**changes) -> LabelsView:
    probabilities = np.array(PROBABILITIES)
    found = Classification(LABELS, np.log(probabilities), probabilities)
    return LabelsView(made_card(**changes), made_clip(), found)


def made_times_uniform() -> np.ndarray:
    """The peak lies in the slice in the middle, and most of the attention in the last."""
    scores = np.full(GRID.shape, 0.25)  # the first slice sums up to 2
    scores[1, 1, 3] = 6  # the second to 7.75
    scores[2] = 14.25 / 8  # and the last to what is left of 24
    return scores


def made_rollout(settings: RolloutSettings | None = None, *, even: bool = False) -> RolloutView:
    scores = np.ones(GRID.shape) if even else made_times_uniform()
    result = Rollout(scores / 24, settings or RolloutSettings())
    return RolloutView(made_card(), made_clip(), result, "where it starts")


def made_reconstruction(*, leaks: bool = False, exact: bool = True) -> ReconstructionView:
    """Six of 24 tokens are hidden, with a squared error of 0.01, 0.04, 0.09 ... 0.36."""
    hidden = np.zeros(GRID.shape, dtype=np.bool_)
    hidden[:, 1, 2:] = True
    error = np.full(GRID.shape, np.nan, dtype=np.float32)
    error[hidden] = np.array([0.01, 0.04, 0.09, 0.16, 0.25, 0.36])

    def picture(name: str, grey: float, psnr_db: float, leak: bool = False) -> Picture:
        return Picture(name, np.full((6, 32, 64, 3), grey, np.float32), psnr_db, leak)

    baselines = [
        picture("visible-mean", 0.2, 12.34),
        picture("distance-weighted", 0.3, 14.56),
        picture("nearest-visible", 0.4, math.inf if exact else 25.49),
    ]
    if leaks:
        baselines.append(picture("true-patch-mean", 0.6, 30.57, True))
    result = Reconstruction(
        mask=hidden,
        target=np.full((6, 32, 64, 3), 0.5, np.float32),
        prediction=picture("prediction", 0.1, 20.26, leaks),
        baselines=tuple(baselines),
        normalised=np.full((6, 32, 64, 3), 0.7, np.float32) if leaks else None,
        token_error=error,
        loss=0.123456,
    )
    mask = MaskRequest("random", 0.25, 7)
    return ReconstructionView(made_card(), made_clip(), mask, result)


def made_scores() -> np.ndarray:
    """4.5 speak for the label, 0.5 against it; the two strongest of 24 tokens carry 4."""
    scores = np.zeros(GRID.shape, np.float32)
    scores[1, 1, 3], scores[0, 0, 0], scores[2, 0, 1], scores[2, 1, 2] = 3, 1, 0.5, -0.5
    return scores


def made_relevance(
    *, method: str = "libragrad", hidden: np.ndarray | None = None, against: int | None = None
) -> RelevanceView:
    """Why jump; without the hidden tokens, lie is more probable."""
    whole = made_labels().classification
    found = whole
    if hidden is not None:
        fewer = np.array(PROBABILITIES)
        fewer[[2, 6]] = 0.2, 0.5
        found = Classification(LABELS, np.log(fewer), fewer)
    scores = np.abs(made_scores()) if method != "libragrad" else made_scores()
    logits = found.logits.astype(np.float32)
    target = Target(2, against)
    biases = float(target.value(logits)) - 4 if method == "libragrad" else None
    relevance = Relevance(method, target, scores, logits, biases)
    request = ExplainRequest(method=method)
    return RelevanceView(made_card(), made_clip(), request, relevance, found, whole, hidden)


def made_curve(name: str, deletion: tuple, insertion: tuple, tops: tuple = (2, 2, 6)) -> Curve:
    """Probabilities of jump when none, a half and 95 % of the tokens are hidden."""
    hidden = np.array([0, 0.5, 0.95])

    def course(values: tuple) -> Course:
        return Course(hidden, np.array(values), np.log(values), np.array(tops))

    return Curve(name, course(deletion), course(insertion), 0.25)


def made_slices(values: tuple = (-0.9, -2.5, -0.8)) -> LeftOut:
    """The logit of jump is -0.916; without a slice of time it is one of `values`."""
    groups = np.zeros((3, *GRID.shape), np.bool_)
    groups[range(3), range(3)] = True
    logits = np.array(values)
    return LeftOut(Target(2), groups, -0.916, logits, np.exp(logits), np.array([2, 6, 2]), 1.0)


def made_trial(
    own: tuple = (0.4, 0.2, 0.1),
    *,
    tops: tuple = (2, 2, 6),
    done: float = 1.0,
    slices: LeftOut | None = None,
) -> Trial:
    """The areas of deletion are (0.5 (a + b) 0.5 + 0.5 (b + c) 0.45) / 0.95; insertion is 0.4."""
    kept = (0.4, 0.4, 0.4)
    curves = (
        made_curve("libragrad", own, kept, tops),
        made_curve("frame-difference", (0.4, 0.3, 0.1), kept),
        made_curve("centre", (0.4, 0.4, 0.2), kept),
    )
    band = (
        made_curve("random 0", (0.4, 0.38, 0.3), kept),
        made_curve("random 1", (0.4, 0.41, 0.35), kept),
    )
    found = Faithfulness(Target(2), curves, band, done)
    return Trial(found, LABELS, slices, (1.0, 1.4, 1.923456))


def made_heads(request: HeadsRequest | None = None) -> HeadsView:
    """Two layers of three heads; by size: 2.1 -0.8, 1.2 +0.6, 1.3 -0.3, 2.3 +0.2, 1.1, 2.2."""
    request = request or HeadsRequest()
    effects = np.zeros((2, 3, *GRID.shape), np.float32)
    effects[0, 1, 1, 1, 3], effects[0, 1, 0, 0, 0] = 0.7, -0.1
    effects[0, 2, 2, 0, 1] = -0.3
    effects[1, 0, 0, 1, 2] = -0.8
    effects[1, 2, 2, 1, 0] = 0.2
    reads = np.full((2, 3, *GRID.shape), 1 / 24, np.float32)
    reads[1, 0] = 0
    reads[1, 0, 2, 1, 1], reads[1, 0, 0, 0, 0] = 0.75, 0.25
    for head in request.off:
        effects[head.layer - 1, head.number - 1] = reads[head.layer - 1, head.number - 1] = 0
    whole = np.array(PROBABILITIES)
    now = np.array((0.03, 0.08, 0.2, 0.06, 0.12, 0.01, 0.5)) if request.off else whole
    found = HeadEffects(
        Target(2, None if request.against is None else LABELS.index(request.against)),
        reads,
        effects,
        np.log(now).astype(np.float32),
        request.query,
        request.off,
    )
    return HeadsView(
        made_card(),
        made_clip(),
        request,
        found,
        Classification(LABELS, np.log(now), now),
        Classification(LABELS, np.log(whole), whole),
        "where it starts",
    )


MOTIONS = ("moving left", "moving right", "waving")
LEFT, RIGHT, WAVING = np.eye(3) * 4  # 96.5 % each


def made_timeline(*rows: np.ndarray, planned: int = 0, followed: int | None = None) -> TimelineView:
    """Windows of 1 s, one each second."""
    starts = np.arange(planned or len(rows), dtype=np.float64)
    logits = np.stack(rows).astype(np.float32)
    return TimelineView(made_card(), made_clip(), MOTIONS, starts, 1.0, logits, followed)


def made_what_if(
    label: int = 0, done: bool = True, shown: str = "backwards", **found
) -> WhatIfView:
    """A view of a clip that moves left; probes that are not given leave it so."""
    base = made_labels()
    clip = ClipRequest("made.mp4")
    changes = ["backwards", "shuffled:0", "shuffled:1", "mirrored", "grey"]
    groups = {"mirrored": "look", "grey": "look"}
    probes = [
        Probe(
            text,
            groups.get(text, "order"),
            ClipChange.parse(text).title,
            replace(clip, change=ClipChange.parse(text)),
        )
        for text in changes
    ]
    for frame in range(len(base.clip.indices)):
        change = ClipChange("frozen", frame)
        probes.append(Probe(str(change), "frame", change.title, replace(clip, change=change)))
    logits = {one.name: LEFT for one in probes} | {
        name.replace("_", ":"): value for name, value in found.items()
    }
    if not done:
        logits = dict(list(logits.items())[:3])
    return WhatIfView(
        checkpoint=base.checkpoint,
        clip=base.clip,
        labels=MOTIONS,
        label=label,
        logits=LEFT.astype(np.float32),
        probes=tuple(probes),
        left_out=(LeftOutProbe("left", "The frames are square, so there are no ends to cut."),),
        found={name: value.astype(np.float32) for name, value in logits.items()},
        shown=shown,
        changed=replace(base.clip, frames=base.clip.frames[::-1]),
    )


def made_tokens() -> TokensView:
    """All are alike by 0.125 to the token of row 0, column 1 in the middle, but three."""
    cosines = np.full(GRID.shape, 0.125, np.float32)
    cosines[1, 0, 1], cosines[2, 1, 3], cosines[0, 1, 0] = 1, 0.75, 0.5
    cosines[2, 0, 0] = -0.5
    marked = np.zeros(GRID.shape, np.bool_)
    marked[[0, 1, 2], [1, 0, 1], [0, 1, 3]] = True
    colours = np.linspace(0, 1, GRID.tokens * 3, dtype=np.float32).reshape(*GRID.shape, 3)
    return TokensView(
        checkpoint=made_card(),
        clip=made_clip(),
        request=TokensRequest(),
        query=(1, 0, 1),
        layer=4,
        layers=6,
        cosines=cosines,
        nearest=marked,
        groups=PrincipalColours(colours, (0.5, 0.25, 0.125)),
        blank=PrincipalColours(1 - colours, (0.6, 0.2, 0.1)),
        like_blank=0.4242,
    )


def made_many(planned: int = 5, leaks: bool = False, best: float = 0.0) -> ManyMasks:
    """Errors of 0.3 and 0.4; the filling is at 0.35, but far off at one token."""
    error = np.full(GRID.shape, 0.3, np.float32)
    error[:, 0] = 0.4
    filling = np.full(GRID.shape, 0.35, np.float32)
    filling[0, 0, 0] = 1.0
    error[2, 0, 3] += best
    times = np.full(GRID.shape, 3)
    times[0, 0, 1] = 4
    frames = np.full((6, 32, 64, 3), 0.5, np.float32)
    spread = np.full(GRID.shape, 0.125, np.float32)
    return ManyMasks(5, planned, times, frames, spread, error, filling, leaks)
