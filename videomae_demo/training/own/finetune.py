"""Fine-tuning on a folder of one's own clips, from its files to a checkpoint and its report."""

from __future__ import annotations

import logging
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from videomae_demo.checkpoints.catalog import BUNDLED_RECOGNISER
from videomae_demo.dataset.evaluate import evaluate
from videomae_demo.dataset.table import FILE
from videomae_demo.device import choose_device
from videomae_demo.engine.engine import Engine
from videomae_demo.engine.roles import Recogniser, load_recogniser
from videomae_demo.model.videomae import VideoMAEForVideoClassification
from videomae_demo.training.beginning import begin_with, kept_labels
from videomae_demo.training.live.saving import write_card
from videomae_demo.training.loop import Progress, Run, follow
from videomae_demo.training.own.head import HeadAlone, describe
from videomae_demo.training.own.learning import Learnt, learning
from videomae_demo.training.own.material import (
    MEMORY_MB,
    Material,
    Reading,
    read_material,
    split_items,
)
from videomae_demo.training.own.reading import AS_IT_IS, VARIED, ClipReader
from videomae_demo.training.own.saving import (
    HELD_OUT_NAME,
    check_folder,
    save_model,
    write_held_out,
)
from videomae_demo.training.own.settings import OwnSettings, Plan
from videomae_demo.training.own.whole import WholeModel
from videomae_demo.video.sampling import SamplingRule, choice_of_frames

logger = logging.getLogger(__name__)

DEFAULT_START = BUNDLED_RECOGNISER
REPORT_FOLDER = "held_out"
ORIGIN = "A VideoMAE, fine-tuned on a folder of labelled clips by VideoMAE Explorer."


@dataclass(frozen=True, slots=True, eq=False)
class Finetuned:
    """What a fine-tuning left.

    Attributes
    ----------
    folder : Path
        The checkpoint; beside it ``held_out.csv``, the log, its curves, and a folder with the
        report on the held-out clips.
    labels : tuple of str
        In the order of the classifier's outputs.
    step, steps : int
        After which step the weights are those that were kept, and how many there were.
    loss, accuracy : float or None
        Of the held-out clips then: the loss, and the share that is named rightly; None without any.
    notes : tuple of str
        Sentences that a person must see.
    report : tuple of str
        What was found on the held-out clips, in sentences.
    page : Path or None
        The report on them, to be opened in a browser; None without any.
    """

    folder: Path
    labels: tuple[str, ...]
    step: int
    steps: int
    loss: float | None
    accuracy: float | None
    notes: tuple[str, ...]
    report: tuple[str, ...]
    page: Path | None


def finetune_folder(
    data: Path | str,
    out: Path | str,
    settings: OwnSettings | None = None,
    *,
    start: str = DEFAULT_START,
    validation: Path | str | None = None,
    sampling: SamplingRule | None = None,
    heads: int | None = None,
    device: str | None = None,
    memory_mb: int = MEMORY_MB,
) -> Finetuned:
    """Fine-tune a checkpoint on one's own labelled clips, with a progress bar.

    The result is a folder that every part of the project opens as a checkpoint, and transformers,
    too. A run that was stopped goes on when it is started again with the same arguments, and ends
    with the same weights.

    Parameters
    ----------
    data : Path or str
        A folder with a folder of clips per label, or a list of paths and labels (``.csv``).
    out : Path or str
        Folder of the run and of its result; it does not lie in `data`.
    settings : OwnSettings, optional
        How to train.
    start : str
        The checkpoint to begin with: a name of the catalog, a repo id of the hub, a folder, or a
        file of weights. A head that knows labels of the same names begins with what it knows.
    validation : Path or str, optional
        A data set of its own to hold out, instead of a share of `data`.
    sampling : SamplingRule, optional
        Which frames of a clip are taken; default: those that `start` was trained on. The result
        remembers it.
    heads : int, optional
        Attention heads of `start`, for weights that do not tell them.
    device : str, optional
        "cuda", "mps" or "cpu"; default: the fastest there is.
    memory_mb : int
        Memory for frames, in units of 2**20 bytes; other clips are read again at each use.

    Raises
    ------
    RequestError
        When the data, the folder or a value can't be used, or `out` holds a run of another kind.
    CheckpointError
        When `start` can't be loaded.

    Examples
    --------
    >>> from videomae_demo.training.own.finetune import finetune_folder
    >>> done = finetune_folder("clips", "runs/mine")  # doctest: +SKIP
    >>> done.accuracy  # doctest: +SKIP
    0.95
    """
    return follow(
        finetuning_folder(
            data,
            out,
            settings,
            start=start,
            validation=validation,
            sampling=sampling,
            heads=heads,
            device=device,
            memory_mb=memory_mb,
        )
    )


def finetuning_folder(
    data: Path | str,
    out: Path | str,
    settings: OwnSettings | None = None,
    *,
    start: str = DEFAULT_START,
    validation: Path | str | None = None,
    sampling: SamplingRule | None = None,
    heads: int | None = None,
    device: str | None = None,
    memory_mb: int = MEMORY_MB,
) -> Generator[Reading | Progress, None, Finetuned]:
    """Do the same as `finetune_folder`, step by step, for whoever shows or stops it."""
    settings, out, chosen = settings or OwnSettings(), Path(out), choose_device(device)
    check_folder(out, data, validation)
    split = split_items(data, settings.held_out, settings.seed, validation)
    role = load_recogniser(start, torch.device("cpu"), heads)
    rule = sampling or role.card.sampling
    reader = ClipReader(role.processor, role.card.frame_count, rule)
    kept = AS_IT_IS if settings.freeze else VARIED
    material = yield from read_material(split, reader, kept, memory_mb)
    plan = Plan.of(settings, len(material.train))
    notes = _notes(role, material, sampling is not None)
    for said in (*notes, _said(role, material, settings, plan, rule)):
        logger.info(said)
    run = Run(out, _asked(start, rule, settings, material, plan))
    model = begin_with(
        role.model, material.labels, settings.seed, with_head=role.card.label_count > 0
    )
    learnt, model = yield from _learn(model.to(chosen), role, material, settings, plan, run)
    card = write_card(f"{len(material.labels)} labels of one's own", _facts(role, learnt), ORIGIN)
    save_model(model, role.processor, rule, out, card)
    report: tuple[str, ...] = ()
    page = None
    if material.held_out:
        write_held_out(material.held_out, out)
        report = (_kept(learnt, plan), *report_held_out(out, device))
        page = out / REPORT_FOLDER / "report.html"
    return Finetuned(
        out,
        material.labels,
        learnt.step,
        plan.steps,
        learnt.loss,
        learnt.accuracy,
        notes,
        report,
        page,
    )


def report_held_out(folder: Path, device: str | None = None) -> list[str]:
    """Judge a fine-tuned checkpoint on the clips that were held out; return what was found.

    The table and the figures are written into a folder beside it.
    """
    report = folder / REPORT_FOLDER
    (report / FILE).unlink(missing_ok=True)  # of weights that were here before
    engine = Engine(str(folder), device=device)
    *_, last = evaluate(engine, folder / HELD_OUT_NAME, report)
    return last.sentences()


def _learn(
    model: VideoMAEForVideoClassification,
    role: Recogniser,
    material: Material,
    settings: OwnSettings,
    plan: Plan,
    run: Run,
) -> Generator[Reading | Progress, None, tuple[Learnt, VideoMAEForVideoClassification]]:
    if settings.freeze:
        model.eval().requires_grad_(False)
        windows = [(clip, at) for clip in material.train for at in range(clip.windows)]
        held_out = [(clip, 0) for clip in material.held_out]
        both = yield from describe(
            model, role.processor, material, windows + held_out, settings.batch
        )
        features = both[: len(windows)], both[len(windows) :]
        head = HeadAlone(model, *features, material, settings, plan)
        learnt = yield from learning(head, material, settings, plan, run)
        return learnt, head.finished(learnt.module)
    with WholeModel(model, role.processor, material, settings, plan) as whole:
        learnt = yield from learning(whole, material, settings, plan, run)
        return learnt, whole.finished(learnt.module)


def _asked(
    start: str, rule: SamplingRule, settings: OwnSettings, material: Material, plan: Plan
) -> dict[str, Any]:
    """Say what a run is; it is resumed only with the same."""
    return {
        **settings.to_json(),
        "steps": plan.steps,
        "start": start,
        "sampling": str(rule),
        "clips": len(material.train),
        "held_out_clips": len(material.held_out),
        "digest": material.digest(),
    }


def _notes(role: Recogniser, material: Material, is_chosen: bool) -> tuple[str, ...]:
    """Return what a person must be told before it begins."""
    known = role.card.sampling_is_known or is_chosen
    unknown = () if known else (_UNKNOWN_SAMPLING.format(role.card.sampling),)
    return (*material.notes, *unknown)


_UNKNOWN_SAMPLING = (
    "It is not known on which frames of a clip the checkpoint was trained; a frame every {} s is "
    "taken, as by most published ones. --sampling chooses others."
)


def _said(
    role: Recogniser, material: Material, settings: OwnSettings, plan: Plan, rule: SamplingRule
) -> str:
    """Say what is about to be done."""
    labels = ", ".join(material.labels[:8]) + (", ..." if len(material.labels) > 8 else "")
    kept = kept_labels(role.model, material.labels) if role.card.label_count else []
    known = f" It knows {len(kept)} of the labels already." if kept else ""
    times = f"{plan.steps / plan.epoch:.3g}"
    seen = "once" if times == "1" else f"{times} times"
    steps = "one step" if plan.steps == 1 else f"{plan.steps} steps"
    learns = "Its head learns" if settings.freeze else "All its layers learn"
    return (
        f"{len(material.train)} clips of {len(material.labels)} labels ({labels}) to learn from, "
        f"{len(material.held_out)} held out. The start is {role.card.title}, which gets "
        f"{choice_of_frames(rule, role.card.frame_count)}.{known} {learns} in {steps} "
        f"of {plan.batch} clips: each clip about {seen}. If this is "
        "stopped, the same call goes on from what was saved last."
    )


def _facts(role: Recogniser, learnt: Learnt) -> list[str]:
    facts = [
        f"Made from: {role.card.public_name} (licence of its weights: {role.card.licence})",
        f"Weights after step {learnt.step}",
    ]
    if learnt.accuracy is not None:
        facts.append(
            f"Named rightly of the held-out clips, which chose that step: {learnt.accuracy:.1%}"
        )
    return facts


def _kept(learnt: Learnt, plan: Plan) -> str:
    return (
        f"The weights are those after step {learnt.step} of {plan.steps}, when the loss on the "
        "held-out clips was lowest. So these clips had a say in them, and new clips may be named a "
        "little less well."
    )
