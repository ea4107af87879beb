"""How much may be hidden? The words and files of a reconstruction swept over all shares.

Computes nothing, and needs no torch.
"""

from __future__ import annotations

import csv
import math
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from videomae_demo.analysis.sweeping import SWEPT_KINDS, Sweep
from videomae_demo.lenses.answer import share
from videomae_demo.lenses.pictures import PICTURE_TITLES, in_decibel

AHEAD, ALIKE, BEHIND = "is ahead of", "is as near as", "loses to"
_WHY_NOT = {
    "cell": "Masks of running cells hide in steps of a quarter, so there are no shares between "
    "50% and 75% to try.",
    "painted": "A painted mask hides the share that was painted, so there are no others to try.",
}


def why_not(kind: str) -> str:
    """Say why masks of a kind can't be swept; empty if they can."""
    if kind in SWEPT_KINDS:
        return ""
    return f"{_WHY_NOT.get(kind, '')} Choose {', '.join(SWEPT_KINDS)} to try all shares.".lstrip()


def sweep_sentences(sweep: Sweep, ratio: float | None = None) -> list[str]:
    """Say how near the model comes at a share, and where it is ahead of what needs no model.

    `ratio` is the share that is looked at: that of the sweep which is nearest to it is told, by
    default the middle one.
    """
    if sweep.done < 1:
        tried, all_of_them = len(sweep.ratios), round(len(sweep.ratios) / sweep.done)
        return [f"So far, {tried} of {all_of_them} shares are tried."]
    at = sweep.nearest(np.median(sweep.ratios).item() if ratio is None else ratio)
    return [_at(sweep, at), _where(sweep), _span(sweep), *_draws(sweep)]


def gains_db(sweep: Sweep) -> list[float]:
    """Return, for each ratio, the model's mean PSNR less its rival's, as the two are shown.

    Not a number where both are exact.
    """
    mean = _shown(sweep)
    rival = np.take_along_axis(mean, sweep.rivals[None], axis=0)[0]
    with np.errstate(invalid="ignore"):
        return [round(gain, 1) for gain in (mean[0] - rival).tolist()]


def told_range(values: list[float], write: Any) -> str:
    """Write the lowest and highest of some values down; empty if they are shown alike."""
    low, high = write(min(values)), write(max(values))
    return "" if low == high else f"{low} to {high}"


def told_loss(value: float) -> str:
    """Write a loss down, with three digits that count."""
    return f"{value:#.3g}".rstrip(".")


def place_of(sweep: Sweep, at: int) -> str:
    """Name the share at an index: what was hidden, if that is not what was asked for."""
    asked, hidden = share(sweep.ratios[at]), share(float(sweep.hidden[at]))
    return asked if asked == hidden else f"{asked} (in fact {hidden})"


def rival_title(sweep: Sweep, at: int) -> str:
    """Name what the model is compared with at an index."""
    index = int(sweep.rivals[at])
    title = PICTURE_TITLES[sweep.names[index]]
    return f"the {title}, which is its leak alone" if sweep.leaks[index] else title


def sweep_json(sweep: Sweep, ratio: float | None) -> dict[str, Any]:
    """Return all measures, by picture, ready for JSON; null where a picture is exact."""
    return {
        "kind": sweep.kind,
        "seeds": list(sweep.seeds),
        "ratios": list(sweep.ratios),
        "hidden": sweep.hidden.tolist(),
        "pictures": {
            name: {
                "leaks": sweep.leaks[index],
                "psnr_db": _figures(sweep.psnr_db[index]),
                "loss": _figures(sweep.losses[index]),
            }
            for index, name in enumerate(sweep.names)
        },
        "best_filling": [sweep.names[index] for index in sweep.best_fillings],
        "compared_with": [sweep.names[index] for index in sweep.rivals],
        "difference_db": [_finite(gain) for gain in gains_db(sweep)],
        "verdict": sweep_sentences(sweep, ratio),
    }


def save_sweep(sweep: Sweep, folder: Path) -> list[Path]:
    """Write ``ratio.png`` and ``ratio.csv``; return their paths.

    The table has a row per picture, share and seed: ``picture``, ``ratio`` (the share asked for, in
    0..1), ``hidden`` (the share that was hidden), ``seed``, ``psnr_db`` ("inf" where nothing
    differs) and ``loss``.
    """
    from videomae_demo.rendering.plots import save_figure
    from videomae_demo.rendering.spreads import Spread, spreads

    path = folder / "ratio.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["picture", "ratio", "hidden", "seed", "psnr_db", "loss"])
        for name, near, lost in zip(sweep.names, sweep.psnr_db, sweep.losses, strict=True):
            for at, (ratio, hidden) in enumerate(zip(sweep.ratios, sweep.hidden, strict=True)):
                for seed, decibel, loss in zip(sweep.seeds, near[at], lost[at], strict=True):
                    rows.writerow([name, ratio, float(hidden), seed, float(decibel), float(loss)])

    def drawn(values: np.ndarray[Any, Any]) -> list[Spread]:
        titles = [title_of(sweep, index) for index in range(len(sweep.names))]
        return [Spread(title, rows) for title, rows in zip(titles, values, strict=True)]

    figure = spreads(
        sweep.ratios,
        {"PSNR (dB)": drawn(sweep.psnr_db), "training loss": drawn(sweep.losses)},
        log={"training loss"},
        across="share of the tokens hidden",
        title=f"{sweep.kind} masks, {len(sweep.seeds)} for each share: mean, lowest to highest",
    )
    return [save_figure(figure, folder / "ratio.png"), path]


def title_of(sweep: Sweep, index: int) -> str:
    """Name a picture, and say whether it leaks."""
    return PICTURE_TITLES[sweep.names[index]] + (" (leaks)" if sweep.leaks[index] else "")


def _at(sweep: Sweep, at: int) -> str:
    gain_db = gains_db(sweep)[at]
    rival = int(sweep.rivals[at])
    ours = in_decibel(float(sweep.mean_db[0, at]), "dB")
    title = rival_title(sweep, at)
    if math.isnan(gain_db) or gain_db == 0:
        compared = f"as near as {title}"
    else:
        amount = "" if math.isinf(gain_db) else f"{abs(gain_db):.1f} dB "
        compared = f"{amount}{'more' if gain_db > 0 else 'less'} than {title}"
    count = len(sweep.seeds)
    wins = int((sweep.psnr_db[0, at] > sweep.psnr_db[rival, at]).sum())
    mixed = f", and is ahead with {wins} of {count} masks" if 0 < wins < count else ""
    return (
        f"At {place_of(sweep, at)} hidden the model reaches {ours} on average, {compared}{mixed}."
    )


def _where(sweep: Sweep) -> str:
    """Say at which shares the model is ahead, and where it loses to which filling."""
    outcomes = [ALIKE if not gain or math.isnan(gain) else AHEAD if gain > 0 else BEHIND
                for gain in gains_db(sweep)]  # fmt: skip
    runs = [
        [at for at, _ in run] for _, run in groupby(enumerate(outcomes), key=lambda pair: pair[1])
    ]
    every = len(runs) == 1
    parts = []
    for run in runs:
        outcome = outcomes[run[0]]
        titles = " or ".join(dict.fromkeys(rival_title(sweep, at) for at in run))
        name = titles if sweep.leaks[0] or outcome == BEHIND else "the best filling"
        parts.append(f"{outcome} {name} {'at every share' if every else _stretch(sweep, run)}")
    return f"It {', '.join(parts)}."


def _stretch(sweep: Sweep, run: list[int]) -> str:
    first, last = (share(sweep.ratios[at]) for at in (run[0], run[-1]))
    if first == last:
        return f"at {first}"
    if run[-1] == len(sweep.ratios) - 1:
        return f"from {first} on"
    return f"up to {last}" if run[0] == 0 else f"from {first} to {last}"


def _span(sweep: Sweep) -> str:
    first, last = (share(hidden) for hidden in sweep.hidden[[0, -1]].tolist())
    near = [in_decibel(value, "dB") for value in sweep.mean_db[0, [0, -1]].tolist()]
    lost = [told_loss(value) for value in sweep.mean_losses[0, [0, -1]].tolist()]
    space = "of normalised pixels " if sweep.leaks[0] else ""
    return (
        f"From {first} to {last} hidden it goes from {near[0]} to {near[1]}, and its training loss "
        f"{space}from {lost[0]} to {lost[1]}."
    )


def _draws(sweep: Sweep) -> list[str]:
    """Say where it matters most which tokens are hidden."""
    ours = sweep.psnr_db[0]
    if not np.isfinite(ours).all():
        return []
    most = int((ours.max(axis=1) - ours.min(axis=1)).argmax())
    between = told_range(ours[most].tolist(), in_decibel)
    if not between:
        return []
    return [
        f"Which tokens are hidden matters most at {place_of(sweep, most)}: the masks "
        f"give {between} dB."
    ]


def _shown(sweep: Sweep) -> Any:
    return sweep.mean_db.round(1)


def _figures(values: Any) -> dict[str, Any]:
    """Return mean, lowest and highest over the seeds, and each value, by ratio."""
    return {
        "mean": [_finite(value) for value in values.mean(axis=-1).tolist()],
        "lowest": [_finite(value) for value in values.min(axis=-1).tolist()],
        "highest": [_finite(value) for value in values.max(axis=-1).tolist()],
        "each": [[_finite(value) for value in row] for row in values.tolist()],
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
