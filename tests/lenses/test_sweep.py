"""The words, the JSON and the files of a sweep, from numbers worked out by hand."""

import csv
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from made_sweep import RATIOS, made_sweep
from made_views import made_reconstruction

from videomae_demo.engine.clips import ClipRequest
from videomae_demo.errors import RequestError
from videomae_demo.explorer import Explorer
from videomae_demo.lenses.masks import MaskRequest
from videomae_demo.lenses.sweep import gains_db, sweep_json, sweep_sentences, told_loss, why_not
from videomae_demo.rendering import spreads


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        (0.5, "At 50% hidden the model reaches 22.0 dB on average, 4.0 dB more than copied in "
         "time."),
        (0.75, "At 75% hidden the model reaches 19.0 dB on average, 0.5 dB more than copied in "
         "time, and is ahead with 2 of 3 masks."),
        (0.9, "At 90% (in fact 87.5%) hidden the model reaches 17.5 dB on average, as near as "
         "copied in time."),
        (0.99, "At 95% (in fact 93.8%) hidden the model reaches 15.0 dB on average, 0.5 dB less "
         "than visible mean."),
        (None, "At 75% hidden the model reaches 19.0 dB on average, 0.5 dB more than copied in "
         "time, and is ahead with 2 of 3 masks."),
    ],
)  # fmt: skip
def test_the_share_that_is_looked_at_is_told_first(ratio, said):
    assert sweep_sentences(made_sweep(), ratio)[0] == said


def test_where_the_model_is_ahead_and_where_it_loses_is_told():
    assert sweep_sentences(made_sweep())[1] == (
        "It is ahead of the best filling up to 75%, is as near as the best filling at 90%, loses "
        "to visible mean at 95%."
    )
    only_lost = made_sweep()
    only_lost.psnr_db[0] -= 9
    assert sweep_sentences(only_lost)[1] == (
        "It loses to copied in time or visible mean at every share."
    )
    lost_later = made_sweep()
    lost_later.psnr_db[0, 1:3] -= 3
    assert sweep_sentences(lost_later)[1] == (
        "It is ahead of the best filling at 50%, loses to copied in time or visible mean from 75% "
        "on."
    )
    between = made_sweep()
    between.psnr_db[0, 3] += 5
    between.psnr_db[0, 1] -= 3
    assert sweep_sentences(between)[1] == (
        "It is ahead of the best filling at 50%, loses to copied in time at 75%, is as near as the "
        "best filling at 90%, is ahead of the best filling at 95%."
    )


def test_a_leaking_model_is_compared_with_its_leak():
    leaky = made_sweep(leaks=True)
    said = sweep_sentences(leaky, 0.75)
    assert said[0] == (
        "At 75% hidden the model reaches 19.0 dB on average, 1.0 dB less than the true patch "
        "mean, which is its leak alone, and is ahead with 1 of 3 masks."
    )
    assert said[1].startswith("It is ahead of the true patch mean, which is its leak alone at 50%")
    assert "training loss of normalised pixels from" in said[2]
    assert gains_db(leaky) == [1.0, -1.0, 0.1, 1.0]


def test_the_span_and_the_draws_are_told():
    _, _, span, draws = sweep_sentences(made_sweep())
    losses = made_sweep().losses[0].mean(axis=1)
    assert span == (
        f"From 50% to 93.8% hidden it goes from 22.0 dB to 15.0 dB, and its training loss from "
        f"{losses[0]:.5f} to {losses[3]:.4f}."
    )
    assert draws == ("Which tokens are hidden matters most at 75%: the masks give 17.0 to 21.0 dB.")
    alike = made_sweep()
    alike.psnr_db[0] = 20
    assert len(sweep_sentences(alike)) == 3


def test_an_unfinished_sweep_says_how_far_it_is():
    assert sweep_sentences(made_sweep(done=0.5)) == ["So far, 2 of 4 shares are tried."]


def test_what_is_exact_is_told_so():
    exact = made_sweep()
    exact.psnr_db[2, 0] = math.inf
    said = sweep_sentences(exact, 0.5)
    assert said[0].endswith("reaches 22.0 dB on average, less than copied in time.")
    told = json.loads(json.dumps(sweep_json(exact, 0.5)))
    assert told["pictures"]["copied-in-time"]["psnr_db"]["mean"][0] is None
    assert told["difference_db"][0] is None
    exact.psnr_db[0, 0] = math.inf
    assert "reaches exact on average, as near as" in sweep_sentences(exact, 0.5)[0]


@pytest.mark.parametrize(
    ("value", "told"), [(0.005972, "0.00597"), (0.25, "0.250"), (123.4, "123"), (0.0, "0.00")]
)
def test_losses_have_three_digits(value, told):
    assert told_loss(value) == told


def test_json_has_every_number():
    view = replace(made_reconstruction(), sweep=made_sweep())
    told = json.loads(json.dumps(view.to_json()))["sweep"]
    assert (told["kind"], told["seeds"], told["ratios"]) == ("tube", [0, 1, 2], list(RATIOS))
    assert told["hidden"] == [0.5, 0.75, 0.875, 0.9375]
    ours = told["pictures"]["prediction"]
    assert ours["psnr_db"]["each"][1] == [17, 19, 21]
    assert ours["psnr_db"]["mean"] == [22, 19, 17.5, 15]
    assert ours["psnr_db"]["lowest"] == [21.5, 17, 17, 14.5]
    assert ours["psnr_db"]["highest"] == [22.5, 21, 18, 15.5]
    np.testing.assert_allclose(ours["loss"]["each"], made_sweep().losses[0])
    assert told["best_filling"] == ["copied-in-time"] * 3 + ["visible-mean"]
    assert told["compared_with"] == told["best_filling"]
    assert told["difference_db"] == [4, 0.5, 0, -0.5]
    assert told["verdict"] == sweep_sentences(made_sweep(), view.mask.ratio) == view.swept()
    assert view.sentences()[1:] == told["verdict"]
    assert made_reconstruction().to_json()["sweep"] is None
    leaky = sweep_json(made_sweep(leaks=True), None)["pictures"]
    assert [name for name, one in leaky.items() if one["leaks"]] == [
        "prediction", "true-patch-mean",
    ]  # fmt: skip


def test_files_hold_every_number(tmp_path, monkeypatch):
    figures, original = [], spreads.spreads

    def draw(*given, **options):
        figures.append(original(*given, **options))
        return figures[-1]

    monkeypatch.setattr(spreads, "spreads", draw)
    sweep = made_sweep(leaks=True)
    paths = replace(made_reconstruction(), sweep=sweep).save(tmp_path)
    assert [path.name for path in paths[3:]] == ["ratio.png", "ratio.csv"]
    assert all(path.is_file() for path in paths)
    with (tmp_path / "ratio.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 * 4 * 3
    found = {(row["picture"], float(row["ratio"]), int(row["seed"])): row for row in rows}
    row = found["copied-in-time", 0.9, 2]
    assert (float(row["psnr_db"]), float(row["hidden"])) == (18, 0.875)
    assert float(row["loss"]) == pytest.approx(10**-1.8)
    near, lost = figures[0].axes
    assert [line.get_ydata().tolist() for line in near.get_lines()] == sweep.mean_db.tolist()
    np.testing.assert_allclose(
        [line.get_ydata() for line in lost.get_lines()], sweep.mean_losses, rtol=1e-12
    )
    assert near.get_lines()[0].get_xdata().tolist() == list(RATIOS)
    words = [text.get_text() for text in lost.get_legend().get_texts()]
    assert words == [
        "reconstruction (leaks)", "visible mean", "copied in time", "true patch mean (leaks)",
    ]  # fmt: skip
    bottom, top = near.collections[0].get_datalim(near.transData).intervaly
    assert (bottom, top) == (14.5, 22.5)
    assert [path.name for path in made_reconstruction().save(tmp_path)][3:] == []


@pytest.mark.parametrize(
    ("kind", "why"),
    [("cell", "steps of a quarter"), ("painted", "the share that was painted")],
)
def test_kinds_without_shares_say_why(
    recogniser_folder, reconstructor_folder, clip_path, kind, why
):
    assert why in why_not(kind) and "tube, random, frame" in why_not(kind)
    assert not any(map(why_not, ("tube", "random", "frame")))
    explorer = Explorer(str(recogniser_folder), str(reconstructor_folder), device="cpu")
    mask = MaskRequest(kind, painted=b"\xf0\x0f\x00\x00" if kind == "painted" else None)
    with pytest.raises(RequestError, match=why):
        next(explorer.sweep(ClipRequest(clip_path), mask))
    assert explorer.known_sweep(ClipRequest(clip_path), kind) is None


def test_the_explorer_sweeps_and_knows_it_afterwards(
    recogniser_folder, reconstructor_folder, clip_path
):
    explorer = Explorer(str(recogniser_folder), str(reconstructor_folder), device="cpu")
    clip, mask = ClipRequest(clip_path), MaskRequest("random", 0.5, 2)
    assert explorer.known_sweep(clip, "random") is None
    *_, last = explorer.sweep(clip, mask)
    assert (last.mask, last.sweep.done) == (mask, 1)
    near = {picture.name: picture.psnr_db for picture in last.reconstruction.pictures}
    for index, name in enumerate(last.sweep.names):
        assert last.sweep.psnr_db[index, 0, 2] == pytest.approx(near[name], abs=1e-4)
    assert last.sweep.losses[0, 0, 2] == pytest.approx(last.reconstruction.loss, rel=1e-4)
    known = explorer.known_sweep(clip, "random")
    np.testing.assert_array_equal(known.psnr_db, last.sweep.psnr_db)
    # An answer belongs to its question, whatever was asked before.
    assert explorer.reconstruct(clip, mask).sweep is None
