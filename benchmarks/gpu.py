"""What a GPU makes of the model: ``python -m benchmarks.gpu --size base --device cuda``.

Precision (bfloat16 autocast against float32), every kind of pass, batches against transformers' in
bfloat16, the page's three answers, and the sizes of `device.working_sizes`. Weights are random:
speed does not depend on them. Prints tables, and writes the same as JSON to ``--out``. Each part
says whether the goals that it can judge are met. ``--device cpu --size tiny`` rehearses it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor

from benchmarks.machine import best_times, describe_machine
from benchmarks.model_speed import SIZES, agreement, make_config, theirs
from videomae_demo.analysis.classification import classify
from videomae_demo.analysis.methods import Target
from videomae_demo.analysis.reconstruction import reconstruct
from videomae_demo.analysis.rollout import (
    AttentionRecorder,
    FusedAttention,
    rollout,
    start_from_head,
)
from videomae_demo.analysis.settings import DEFAULT_ROLLOUT
from videomae_demo.config import VideoMAEConfig
from videomae_demo.device import WorkingSizes, inference_precision, working_sizes
from videomae_demo.engine import explaining, passes
from videomae_demo.engine.passes import LOGITS, RECOGNITION, Record, clips_at_once
from videomae_demo.engine.roles import (
    Recogniser,
    Reconstructor,
    load_recogniser,
    load_reconstructor,
)
from videomae_demo.masking import tube
from videomae_demo.model.videomae import VideoMAEForPreTraining, VideoMAEForVideoClassification

TINY = (96, 3, 3, 48, 3, 1)
BATCHES = (1, 2, 4, 8, 16, 32)
HIDDEN_SHARE = 0.9
PAGE_S, RECORDING, OF_THEIRS = 0.060, 1.3, 1.0
"""The goals: the page's answers of base, recording against a plain pass, and clips a second."""


@dataclass
class Report:
    """What was measured: a table of each part, and which goals are met."""

    machine: str
    tables: dict[str, list[list[Any]]] = field(default_factory=dict)
    goals: dict[str, bool] = field(default_factory=dict)
    sentences: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Write it as Markdown."""
        lines = [self.machine, ""]
        for name, (head, *rows) in self.tables.items():
            lines += [f"## {name}", "", _row(head), _row(["---"] * len(head))]
            lines += [*map(_row, rows), ""]
        lines += [*self.sentences, ""]
        lines += [f"{'met ' if met else 'MISSED'} {goal}" for goal, met in self.goals.items()]
        return "\n".join(lines) + "\n"


def _row(cells: list[Any]) -> str:
    shown = (
        "-" if cell is None else f"{cell:.4g}" if isinstance(cell, float) else str(cell)
        for cell in cells
    )
    return f"| {' | '.join(shown)} |"


@dataclass
class Bench:
    """One size on one device: its roles, a clip, and how a time is taken."""

    size: str
    device: torch.device
    rounds: int
    recogniser: Recogniser
    reconstructor: Reconstructor
    pixels: np.ndarray[Any, np.dtype[np.float32]]

    @property
    def config(self) -> VideoMAEConfig:
        """The size's configuration."""
        return self.recogniser.model.config

    @property
    def hidden(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """The mask of a reconstruction, (N,)."""
        return tube(self.config.grid, HIDDEN_SHARE, 0).reshape(-1)

    def times(self, ways: dict[str, Callable[[], object]]) -> dict[str, float]:
        """Return the best seconds of each."""
        wait = torch.cuda.synchronize if self.device.type == "cuda" else lambda: None
        return best_times(ways, self.rounds, wait)

    def peak_mb(self, way: Callable[[], object]) -> float | None:
        """Return by how much memory on the card rises meanwhile; None where that is not counted."""
        if self.device.type != "cuda":
            return None
        way()
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        way()
        torch.cuda.synchronize()
        return float(torch.cuda.max_memory_allocated() - before) / 1e6


@contextmanager
def prepared(size: str, device: torch.device, rounds: int) -> Iterator[Bench]:
    """Write random weights of a size, and load them as the app does."""
    config = _config(size)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        recogniser, reconstructor = Path(folder, "recogniser"), Path(folder, "reconstructor")
        VideoMAEForVideoClassification(config).save_pretrained(recogniser)
        VideoMAEForPreTraining(config).save_pretrained(reconstructor)
        shape = (1, config.num_frames, config.num_channels, *config.frame_size)
        yield Bench(
            size,
            device,
            rounds,
            load_recogniser(str(recogniser), device),
            load_reconstructor(str(reconstructor), device),
            np.random.default_rng(0).standard_normal(shape).astype(np.float32),
        )


def _config(size: str) -> VideoMAEConfig:
    if size != "tiny":
        return make_config(size)
    with patch.dict(SIZES, tiny=TINY):
        return VideoMAEConfig.from_dict(make_config("tiny").to_dict(), image_size=64)


def forward(
    bench: Bench,
    model: Callable[..., Any],
    clip: Tensor | None = None,
    *,
    exact: bool = False,
    observes: bool = False,
) -> Callable[[], object]:
    """Return what runs a model on the device alone, under autocast where the app has it."""
    pixels = torch.from_numpy(bench.pixels).to(bench.device) if clip is None else clip

    def run() -> object:
        recording: dict[str, Any] = {}
        if observes:
            recording = {"observer": AttentionRecorder(), "output_hidden_states": True}
        precision = nullcontext() if exact else inference_precision(bench.device)
        with torch.inference_mode(), precision:
            return model(pixels, **recording)

    return run


def measure_precision(bench: Bench, report: Report) -> None:
    """Compare float32 with what the app runs, plain and recorded."""
    model, other = bench.recogniser.model, theirs(bench.config, "sdpa").to(bench.device)
    times = bench.times(
        {
            "plain, float32": forward(bench, model, exact=True),
            "plain, as the app runs it": forward(bench, model),
            "transformers sdpa, float32": forward(bench, other, exact=True),
        }
    )
    head: list[Any] = ["forward pass on the device", "ms"]
    report.tables[f"{bench.size}: precision"] = [
        head, *([name, 1e3 * seconds] for name, seconds in times.items()),
    ]  # fmt: skip
    if bench.device.type == "cuda":
        report.sentences.append(agreement(model, torch.from_numpy(bench.pixels).to(bench.device)))


def measure_passes(bench: Bench, report: Report) -> None:
    """Time every kind of pass, from the host's memory to the host's memory, and what it takes."""
    role, pixels, config = bench.recogniser, bench.pixels, bench.config
    recorded = passes.recognise(role, pixels)
    grid, start = config.grid, start_from_head(config.grid, config.use_mean_pooling)
    attention = FusedAttention.from_numpy(recorded.attention)
    trace = explaining.trace(role, pixels)

    def explained(method: str, **named: Any) -> Callable[[], object]:
        return lambda: explaining.explain(role, pixels, Target(3), method, **named)

    ways: dict[str, Callable[[], object]] = {
        "plain": lambda: passes.run(role, pixels, LOGITS),
        "recorded: fused attention": lambda: passes.run(role, pixels, Record(attention="mean")),
        "recorded: attention and states": lambda: passes.run(role, pixels, RECOGNITION),
        "rollout of that, on the host": lambda: rollout(attention, start, grid, DEFAULT_ROLLOUT),
        "libragrad, forward and backward": explained("libragrad"),
        "libragrad, backward alone": explained("libragrad", passed=trace),
        "chefer": explained("chefer"),
        "gradient x input": explained("gradient-x-input"),
        f"reconstruction, {HIDDEN_SHARE:.0%} hidden": lambda: passes.predict(
            bench.reconstructor, pixels, bench.hidden
        ),
    }
    times = bench.times(ways)
    rows = [
        [name, 1e3 * seconds, seconds / times["plain"], bench.peak_mb(ways[name])]
        for name, seconds in times.items()
    ]
    head: list[Any] = ["pass, with the way there and back", "ms", "times plain", "peak MB"]
    report.tables[f"{bench.size}: passes"] = [head, *rows]


def measure_recording(bench: Bench, report: Report) -> None:
    """Time recording on the device alone, for other sizes of block; see `WorkingSizes`."""
    model, usual = bench.recogniser.model, working_sizes(bench.device)

    def recording(sizes: WorkingSizes) -> Callable[[], object]:
        def run() -> object:
            with patch("videomae_demo.model.layers.working_sizes", lambda _device: sizes):
                return forward(bench, model, observes=True)()

        return run

    tried = {
        f"blocks of {2**power // 2**20} MB, {how} the fused kernel": replace(
            usual, block_bytes=2**power, fused_beside=beside
        )
        for beside, how in ((True, "beside"), (False, "instead of"))
        for power in (23, 25, 27, 28, 29)
    }
    ways = {"plain": forward(bench, model), "as set": recording(usual)}
    ways |= {name: recording(sizes) for name, sizes in tried.items()}
    times = bench.times(ways)
    head: list[Any] = ["recording, on the device", "ms", "times plain", "peak MB"]
    report.tables[f"{bench.size}: recording"] = [
        head, *([n, 1e3 * s, s / times["plain"], bench.peak_mb(ways[n])] for n, s in times.items()),
    ]  # fmt: skip
    ratio = times["as set"] / times["plain"]
    report.goals[f"{bench.size}: recording {ratio:.2f}x plain, at most {RECORDING}"] = (
        ratio <= RECORDING
    )


def measure_batches(bench: Bench, report: Report) -> None:
    """Compare clips a second with transformers' sdpa, both in bfloat16, batch by batch."""
    ours = bench.recogniser.model
    autocast = theirs(bench.config, "sdpa").to(bench.device)
    cast = theirs(bench.config, "sdpa").to(bench.device, torch.bfloat16)
    head: list[Any] = [
        "batch", "ours, clips/s", "transformers, autocast", "transformers, bfloat16 weights",
        "ours / the first", "ours, peak MB", "theirs, peak MB",
    ]  # fmt: skip
    rows: list[list[Any]] = []
    best = {"ours": 0.0, "theirs": 0.0}
    for count in BATCHES if bench.device.type == "cuda" else BATCHES[:2]:
        clip = torch.from_numpy(bench.pixels).to(bench.device).expand(count, -1, -1, -1, -1)
        ways = {
            "ours": forward(bench, ours, clip),
            "theirs": forward(bench, autocast, clip),
            "cast": forward(bench, cast, clip.to(torch.bfloat16), exact=True),
        }
        speed = {name: count / seconds for name, seconds in bench.times(ways).items()}
        best = {name: max(best[name], speed[name]) for name in best}
        rows.append([
            float(count), *speed.values(), speed["ours"] / speed["theirs"],
            bench.peak_mb(ways["ours"]), bench.peak_mb(ways["theirs"]),
        ])  # fmt: skip
    report.tables[f"{bench.size}: batches"] = [head, *rows]
    tokens = bench.config.grid.tokens
    report.sentences.append(
        f"{bench.size}: the app takes {clips_at_once(ours, tokens)} clips at once here."
    )
    ratio = best["ours"] / best["theirs"]
    report.goals[f"{bench.size}: {ratio:.2f} times transformers' clips a second, at least 1"] = (
        ratio >= OF_THEIRS
    )


def measure_page(bench: Bench, report: Report) -> None:
    """Time what the page answers at once: labels, rollout and reconstruction, without drawing."""
    config, grid = bench.config, bench.config.grid
    start = start_from_head(grid, config.use_mean_pooling)
    hidden = bench.hidden.reshape(grid.shape)
    original = bench.reconstructor.model.to_pixels(torch.from_numpy(bench.pixels))[0]
    kept: dict[str, Any] = {}

    def recognised() -> None:
        kept["pass"] = passes.recognise(bench.recogniser, bench.pixels)
        classify(torch.from_numpy(kept["pass"].logits), config.id2label)

    def attended() -> None:
        rollout(FusedAttention.from_numpy(kept["pass"].attention), start, grid, DEFAULT_ROLLOUT)

    def predicted() -> None:
        kept["pixels"] = passes.predict(bench.reconstructor, bench.pixels, bench.hidden)

    def measured() -> None:
        reconstruct(torch.from_numpy(kept["pixels"]), original, hidden, config)

    parts = {
        "labels, attention, states": recognised,
        "rollout, on the host": attended,
        "prediction": predicted,
        "its pictures and baselines, on the host": measured,
    }

    def whole() -> None:
        for part in parts.values():
            part()

    times = bench.times({**parts, "all of it": whole})
    head: list[Any] = ["the page's answers", "ms"]
    report.tables[f"{bench.size}: page"] = [
        head, *([name, 1e3 * seconds] for name, seconds in times.items()),
    ]  # fmt: skip
    took = times["all of it"]
    report.goals[
        f"{bench.size}: the page's answers in {1e3 * took:.0f} ms, at most {1e3 * PAGE_S:.0f}"
    ] = took <= PAGE_S


def measure_compiled(bench: Bench, report: Report) -> None:
    """Time the plain forward pass compiled, which the app never does."""
    model = bench.recogniser.model
    clip = torch.from_numpy(bench.pixels).to(bench.device)
    compiled = torch.compile(model, mode="reduce-overhead")
    times = bench.times(
        {"plain": forward(bench, model, clip), "compiled": forward(bench, compiled, clip)}
    )
    head: list[Any] = ["torch.compile", "ms", "times plain"]
    report.tables[f"{bench.size}: compiled"] = [
        head, *([name, 1e3 * s, s / times["plain"]] for name, s in times.items()),
    ]  # fmt: skip


PARTS: dict[str, Callable[[Bench, Report], None]] = {
    "precision": measure_precision,
    "passes": measure_passes,
    "recording": measure_recording,
    "batches": measure_batches,
    "page": measure_page,
    "compiled": measure_compiled,
}
DEFAULT_PARTS = [name for name in PARTS if name != "compiled"]


def main() -> None:
    """Measure the chosen parts of one size."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", choices=["tiny", *SIZES], default="base")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=DEFAULT_PARTS)
    parser.add_argument("--out", type=Path, help="folder for gpu-SIZE-PARTS.md and .json")
    chosen = parser.parse_args()
    device = torch.device(chosen.device)
    card = torch.cuda.get_device_name(device) if device.type == "cuda" else "no GPU"
    report = Report(f"{describe_machine('torch', 'transformers')} {card}.")
    with prepared(chosen.size, device, chosen.rounds) as bench:
        for name in chosen.parts:
            PARTS[name](bench, report)
    print(report.text())
    if chosen.out is not None:
        chosen.out.mkdir(parents=True, exist_ok=True)
        file = chosen.out / f"gpu-{chosen.size}-{'-'.join(chosen.parts)}"
        file.with_suffix(".md").write_text(report.text(), encoding="utf-8")
        file.with_suffix(".json").write_text(json.dumps(asdict(report), indent=2) + "\n")


if __name__ == "__main__":
    main()
