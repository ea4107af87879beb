"""How fast the model is, as ratios: ``python -m benchmarks.model_speed --size base``.

Compares, in one run on one machine: our plain forward with that of transformers (sdpa); the pass
that also records the fused attention and the layers' inputs; a rollout after it; the usual way to
compute a rollout (transformers eager, all attention kept, dense products); and a pretraining
forward that sees a tenth of the tokens. Weights are random: speed does not depend on them. On CUDA,
our forward is also run in bfloat16 and compared with float32.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import torch
import transformers
from torch import Tensor
from torch.nn.functional import cosine_similarity

from benchmarks.machine import best_times, describe_machine
from videomae_demo.analysis.rollout import AttentionRecorder, rollout, start_from_head
from videomae_demo.analysis.settings import RolloutSettings
from videomae_demo.config import VideoMAEConfig
from videomae_demo.masking import tube
from videomae_demo.model.videomae import VideoMAEForPreTraining, VideoMAEForVideoClassification

SIZES = {  # width, depth, heads; decoder width, heads, depth
    "small": (384, 12, 6, 192, 3, 4),
    "base": (768, 12, 12, 384, 6, 4),
    "large": (1024, 24, 16, 512, 8, 12),
    "huge": (1280, 32, 16, 640, 8, 12),
}
HIDDEN_SHARE = 0.9

OURS = "ours, plain"
THEIRS = "transformers, sdpa"
OBSERVED = "ours, recording fused maps and layer inputs"
ROLLOUT = "ours, one rollout from a token after that"
USUAL = "the usual way: transformers eager, output_attentions, dense rollout"
PRETRAINING = f"ours, pretraining forward, {HIDDEN_SHARE:.0%} hidden"


def make_config(size: str) -> VideoMAEConfig:
    """Return a published size's configuration, with Kinetics' number of labels."""
    width, depth, heads, decoder_width, decoder_heads, decoder_depth = SIZES[size]
    return VideoMAEConfig(
        hidden_size=width,
        num_hidden_layers=depth,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        decoder_hidden_size=decoder_width,
        decoder_num_attention_heads=decoder_heads,
        decoder_num_hidden_layers=decoder_depth,
        decoder_intermediate_size=4 * decoder_width,
        num_labels=400,
    )


def theirs(config: VideoMAEConfig, attention: str) -> torch.nn.Module:
    """Return transformers' classifier of the same size."""
    same = transformers.VideoMAEConfig(
        **{
            name: value
            for name, value in config.to_dict().items()
            if name not in {"model_type", "architectures", "transformers_version"}
        }
    )
    same._attn_implementation = attention
    model: torch.nn.Module = transformers.VideoMAEForVideoClassification(same).eval()
    return model


def dense_rollout(attentions: tuple[Tensor, ...]) -> Tensor:
    """Multiply the layers' whole maps, as most public code does; return (N, N)."""
    count = attentions[0].shape[-1]
    identity = torch.eye(count, device=attentions[0].device)
    product = identity
    for attention in attentions:
        fused = (attention[0].float().mean(0) + identity) / 2
        product = (fused / fused.sum(-1, keepdim=True)) @ product
    return product


def measure(size: str, device: torch.device, rounds: int) -> list[str]:
    """Return the lines of a Markdown table."""
    config = make_config(size)
    grid = config.grid
    torch.manual_seed(0)
    ours = VideoMAEForVideoClassification(config).eval().to(device)
    pretraining = VideoMAEForPreTraining(config).eval().to(device)
    sdpa, eager = theirs(config, "sdpa").to(device), theirs(config, "eager").to(device)
    clip = torch.rand(1, config.num_frames, config.num_channels, *config.frame_size, device=device)
    hidden = torch.from_numpy(tube(grid, HIDDEN_SHARE, 0).reshape(1, -1)).to(device)
    middle = (grid.time // 2, grid.height // 2, grid.width // 2)

    def observed() -> AttentionRecorder:
        recorder = AttentionRecorder()
        ours(clip, output_hidden_states=True, observer=recorder)
        return recorder

    def usual() -> Tensor:
        return dense_rollout(eager(clip, output_attentions=True).attentions)

    ways: dict[str, Callable[[], object]] = {
        OURS: lambda: ours(clip),
        THEIRS: lambda: sdpa(clip),
        OBSERVED: observed,
        USUAL: usual,
        PRETRAINING: lambda: pretraining(clip, hidden),
    }
    with torch.inference_mode():
        maps = observed().clip()
        head = start_from_head(grid, mean_pooling=True)
        ways[ROLLOUT] = lambda: rollout(maps, head, grid, RolloutSettings(query=middle))
        if device.type == "cuda":
            ways["ours, plain, bfloat16"] = lambda: in_bfloat16(lambda: ours(clip))
            ways["ours, recording, bfloat16"] = lambda: in_bfloat16(observed)
        times = best_times(
            ways, rounds, torch.cuda.synchronize if device.type == "cuda" else lambda: None
        )
    lines = [f"| {size}, {device.type} | seconds | times ours, plain |", "|---|---|---|"]
    lines += [
        f"| {name} | {time_s:.3f} | {time_s / times[OURS]:.3f} |" for name, time_s in times.items()
    ]
    megabytes = maps.to_numpy().nbytes / 1e6
    lines += ["", f"The fused maps of all {len(maps)} layers take {megabytes:.0f} MB."]
    if device.type == "cuda":
        lines.append(agreement(ours, clip))
    return lines


def agreement(model: torch.nn.Module, clip: Tensor) -> str:
    """Say how far bfloat16 is from float32 on one clip."""
    with torch.inference_mode():
        exact, rough = model(clip).logits, in_bfloat16(lambda: model(clip).logits)
    same = exact.topk(5).indices.tolist() == rough.topk(5).indices.tolist()
    cosine = cosine_similarity(exact, rough.float()).item()
    return f"bfloat16 against float32: top-5 {'equal' if same else 'differ'}, cosine {cosine:.6f}."


def in_bfloat16(run: Callable[[], Any]) -> Any:
    """Run as the app does on CUDA."""
    with torch.autocast("cuda", dtype=torch.bfloat16):
        return run()


def main() -> None:
    """Measure, and print what `benchmarks/README.md` holds."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", choices=SIZES, default="base")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    print(describe_machine("torch", "transformers"), end="\n\n")
    print("\n".join(measure(chosen.size, torch.device(chosen.device), chosen.rounds)))


if __name__ == "__main__":
    main()
