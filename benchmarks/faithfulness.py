"""Which map is best, on these clips: ``python -m benchmarks.faithfulness --clips 200``.

Ranks every method over many clips, by what becomes of the top label when tokens are dropped in the
order of its map. Without ``--folder`` the clips are held-out synthetic ones, where it is known
which tokens the moving thing covers: the last column but one is the share of a map's positive part
on these tokens, over their share of the clip. An interval is 1.96 standard errors of the mean over
clips. All is computed in float32, on any device. ``--speed base`` instead measures one explanation
against a plain forward pass, at that size with random weights, in time and in memory.
"""

from __future__ import annotations

import argparse
import math
import resource
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.machine import best_times, describe_machine
from benchmarks.model_speed import SIZES, make_config
from videomae_demo.analysis.dropping import Masks
from videomae_demo.analysis.faithfulness import try_out
from videomae_demo.analysis.methods import METHODS, Target
from videomae_demo.analysis.relevance import explain
from videomae_demo.checkpoints.catalog import BUNDLED_RECOGNISER
from videomae_demo.engine.clips import ClipRequest
from videomae_demo.engine.engine import Engine
from videomae_demo.engine.passes import clips_at_once
from videomae_demo.engine.roles import Recogniser
from videomae_demo.errors import ExplorerError
from videomae_demo.model.videomae import VideoMAEForVideoClassification
from videomae_demo.training.data import normalise
from videomae_demo.training.evaluate import held_out
from videomae_demo.training.synthetic import LABELS

COLUMNS = ("deletion AUC", "insertion AUC", "gap", "SaCo", "on the thing / its area", "ms")


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One clip: (1, T, C, H, W) normalised; and how much of each token the thing covers, if any."""

    pixel_values: Tensor
    thing: NDArray[np.float32] | None


def synthetic(count: int, model: VideoMAEForVideoClassification) -> Iterator[Case]:
    """Return held-out clips; a thing is marked where it moves and the camera does not."""
    config = model.config
    step = (config.tubelet_size, config.patch_size, config.patch_size)
    for batch in held_out(count, config.frame_size[0]):
        covered = F.avg_pool3d(batch.thing[:, None].float(), step)[:, 0].numpy()
        for frames, label, thing in zip(batch.frames, batch.labels.tolist(), covered, strict=True):
            moves = not LABELS[label].startswith("camera") and LABELS[label] != "staying still"
            yield Case(normalise(frames)[None], thing if moves and thing.any() else None)


def in_folder(folder: Path, count: int, engine: Engine) -> Iterator[Case]:
    """Return the clips of a folder and those below it, in the order of their names."""
    read = 0
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if read == count:
            return
        try:
            prepared = engine.prepare(ClipRequest(path), engine.recogniser)
        except ExplorerError as error:
            print(f"{path.name} is left out: {error}")
            continue
        read += 1
        yield Case(prepared.pixel_values, None)


def figures(
    recogniser: Recogniser, case: Case, methods: Sequence[str], with_saco: bool
) -> dict[str, list[float]]:
    """Measure methods on one clip, for the label that the model names: each one's `COLUMNS`."""
    model, clip = recogniser.model, case.pixel_values.to(recogniser.model.device)

    def logits_without(hidden: Masks) -> NDArray[np.float32]:
        return answer(model, clip, hidden)

    nothing = np.zeros((1, *model.config.grid.shape), dtype=np.bool_)
    target = Target(int(logits_without(nothing)[0].argmax()))
    maps, times_ms = {}, {}
    for name in methods:
        started = time.perf_counter()
        maps[name] = explain(model, clip, target, name).scores
        times_ms[name] = 1000 * (time.perf_counter() - started)
    *_, found = try_out(maps, target, logits_without, seeds=(), with_saco=with_saco)
    return {
        curve.name: [
            curve.deletion.auc,
            curve.insertion.auc,
            curve.gap,
            math.nan if curve.saco is None else curve.saco,
            lift(maps[curve.name], case.thing),
            times_ms[curve.name],
        ]
        for curve in found.curves
    }


@torch.inference_mode()
def answer(
    model: VideoMAEForVideoClassification, clip: Tensor, hidden: Masks
) -> NDArray[np.float32]:
    """Return the logits without the tokens of each mask, (n, labels)."""
    answers = np.zeros((len(hidden), model.config.num_labels), dtype=np.float32)
    counts = hidden.sum(axis=(1, 2, 3))
    for count in np.unique(counts):
        places = np.flatnonzero(counts == count)
        together = clips_at_once(model, model.config.grid.tokens - int(count))
        for part in np.split(places, range(together, len(places), together)):
            masks = torch.from_numpy(hidden[part].reshape(len(part), -1)).to(clip.device)
            clips = clip.expand(len(part), -1, -1, -1, -1)
            answers[part] = model(clips, bool_masked_pos=masks).logits.cpu().numpy()
    return answers


def lift(scores: NDArray[np.float32], thing: NDArray[np.float32] | None) -> float:
    """Return the share of a map's positive part on the thing, over the thing's share; or NaN."""
    positive = np.maximum(scores, 0)
    if thing is None or not positive.any():
        return math.nan
    return float((positive * thing).sum() / positive.sum() / thing.mean())


def table(measured: dict[str, list[list[float]]]) -> list[str]:
    """Return a Markdown table: mean and interval of each column, the largest gap first."""
    lines = [f"| map | {' | '.join(COLUMNS)} |", "|---" * (1 + len(COLUMNS)) + "|"]
    rows = {name: np.array(values) for name, values in measured.items()}
    for name, values in sorted(rows.items(), key=lambda row: -row[1][:, 2].mean()):
        cells = [mean(column) for column in values.T[:-1]]
        lines.append(f"| {name} | {' | '.join(cells)} | {np.median(values[:, -1]):.0f} |")
    return lines


def mean(values: NDArray[np.float64]) -> str:
    """Write the mean and 1.96 standard errors, of the clips where there is a value."""
    known = values[~np.isnan(values)]
    if len(known) < 2:
        return "-"
    return f"{known.mean():.3f} ± {1.96 * known.std(ddof=1) / math.sqrt(len(known)):.3f}"


def compare(measured: dict[str, list[list[float]]], name: str, other: str) -> str:
    """Say by how much the gap of one map is above another's, clip by clip."""
    gaps = [np.array(measured[one])[:, 2] for one in (name, other)]
    wins = int((gaps[0] > gaps[1]).sum())
    return (
        f"The gap of {name} less that of {other}: {mean(gaps[0] - gaps[1])}, larger on {wins} of "
        f"{len(gaps[0])} clips."
    )


def rank(chosen: argparse.Namespace) -> list[str]:
    """Measure methods on as many clips as the time allows, and return what to print."""
    engine = Engine(chosen.weights, device=chosen.device)
    recogniser, methods = engine.recogniser, chosen.methods
    cases = (
        synthetic(chosen.clips, recogniser.model)
        if chosen.folder is None
        else in_folder(chosen.folder, chosen.clips, engine)
    )
    measured: dict[str, list[list[float]]] = {name: [] for name in methods}
    started, count = time.monotonic(), 0
    for case in cases:
        for name, row in figures(recogniser, case, methods, not chosen.without_saco).items():
            measured[name].append(row)
        count += 1
        if time.monotonic() - started > chosen.seconds:
            break
    lines = [f"{count} clips, {recogniser.card.title}, {time.monotonic() - started:.0f} s.", ""]
    lines += [*table(measured), ""]
    return lines + [compare(measured, methods[0], other) for other in methods[1:]]


def speed(size: str, rounds: int) -> list[str]:
    """Measure one explanation against a plain forward pass: time, and memory over the model's."""
    config = make_config(size)
    torch.manual_seed(0)
    model = VideoMAEForVideoClassification(config).eval().requires_grad_(False)
    clip = torch.rand(1, config.num_frames, config.num_channels, *config.frame_size)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    explained = explain(model, clip, Target(0))
    above_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**10
    assert explained.value is not None and explained.missing is not None

    def plain() -> None:
        with torch.inference_mode():
            model(clip)

    times = best_times(
        {"plain": plain, "explained": lambda: explain(model, clip, Target(0))}, rounds
    )
    return [
        f"{size}: a plain forward pass {times['plain']:.2f} s, one libragrad explanation "
        f"{times['explained']:.2f} s: {times['explained'] / times['plain']:.2f} times; "
        f"memory rose by {above_mb:.0f} MB above the model's. Logit {explained.value:.4f}, "
        f"missing from the sum {explained.missing:.1e}."
    ]


def main() -> None:
    """Measure, and print what `benchmarks/README.md` holds."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--weights", default=BUNDLED_RECOGNISER)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--folder", type=Path, help="of clips; default: held-out synthetic ones")
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=math.inf, help="stop after so many")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--without-saco", action="store_true", help="takes half the time")
    parser.add_argument("--speed", choices=SIZES, help="measure time and memory at this size")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    print(describe_machine("torch"), end="\n\n")
    lines = speed(chosen.speed, chosen.rounds) if chosen.speed else rank(chosen)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
