"""The answer of each lens on the device against that of the CPU in float32.

Relevance and heads are computed in float32 on the device too, so they agree much better than
labels, attention and pixels, which go through autocast.
"""

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from agreement import correlation, cosine, farthest, same_order
from conftest import in_float32

from videomae_demo import ClipRequest, Explorer, MaskRequest, RolloutSettings
from videomae_demo.analysis.methods import METHODS, Target
from videomae_demo.analysis.settings import Head
from videomae_demo.engine import live
from videomae_demo.engine.lessons import cost_of, decoded_in_layers, encode_three
from videomae_demo.lenses.explain import ExplainRequest
from videomae_demo.lenses.heads import HeadsRequest
from videomae_demo.lenses.timeline import TimelineRequest
from videomae_demo.lenses.tokens import TokensRequest
from videomae_demo.masking import make_mask
from videomae_demo.video.views import Views


@pytest.fixture
def both(explorer, exact):
    return explorer, exact


def last(stream):
    *_, answer = stream
    return answer


def test_labels(both, clip):
    found, expected = (one.classify(clip).classification.logits for one in both)
    assert same_order(found, expected)
    assert cosine(found, expected) > 0.999


def test_attention(both, clip):
    for settings in (RolloutSettings(), RolloutSettings("max", discard=0.5, query=(1, 2, 3))):
        found, expected = (one.attend(clip, settings).rollout.scores for one in both)
        assert correlation(found, expected) > 0.995
        assert found.sum() == pytest.approx(1)


@pytest.mark.parametrize("method", METHODS)
def test_relevance(both, one_clip, method):
    found, expected = (
        one.relevance(one.prepare(one_clip, one.recogniser), Target(3), method) for one in both
    )
    if method in ("rollout",):  # the only one that comes from a pass under autocast
        assert correlation(found.scores, expected.scores) > 0.995
        return
    assert correlation(found.scores, expected.scores) > 0.9999
    assert farthest(found.scores, expected.scores) < 0.01
    if expected.logits is not None:
        np.testing.assert_allclose(found.logits, expected.logits, atol=1e-3)
    if expected.biases is not None:
        assert abs(found.missing) < 1e-3
        assert found.biases == pytest.approx(expected.biases, abs=1e-3)


def test_relevance_of_another_label_comes_from_the_pass_that_is_kept(both, one_clip):
    request = ExplainRequest("moving up", against="moving down")
    both[0].explain(one_clip, ExplainRequest("growing"))
    found, expected = (one.explain(one_clip, request).relevance.scores for one in both)
    assert correlation(found, expected) > 0.9999


@pytest.mark.parametrize("method", ["libragrad", "gradient-x-input"])
def test_relevance_of_a_loss(both, one_clip, method):
    def ask(one):
        grid = one.reconstructor.card.grid
        hidden = make_mask("tube", grid, 0.75, 0)
        asked = hidden & (np.arange(grid.time) < 2)[:, None, None]
        prepared = one.prepare(one_clip, one.reconstructor)
        return one.loss_relevance(prepared, hidden, asked, method)

    found, expected = map(ask, both)
    assert correlation(found.scores, expected.scores) > 0.999
    assert found.loss == pytest.approx(expected.loss, rel=1e-3)


@pytest.mark.parametrize("off", [(), (Head(1, 1), Head(4, 2))])
def test_heads(both, one_clip, off):
    found, expected = (one.heads(one_clip, HeadsRequest(off=off)).found for one in both)
    assert correlation(found.reads, expected.reads) > 0.99
    assert correlation(found.totals, expected.totals) > 0.99
    assert found.ranking[0] == expected.ranking[0]
    assert cosine(found.logits, expected.logits) > 0.999


@pytest.mark.parametrize(("kind", "ratio"), [("tube", 0.9), ("random", 0.75), ("frame", 0.5)])
def test_reconstruction(both, clip, kind, ratio):
    found, expected = (
        one.reconstruct(clip, MaskRequest(kind, ratio, 3)).reconstruction for one in both
    )
    assert abs(found.prediction.psnr_db - expected.prediction.psnr_db) < 0.05
    assert found.loss == pytest.approx(expected.loss, rel=0.01)
    assert found.best_filling.psnr_db == expected.best_filling.psnr_db  # no model, no device


@pytest.mark.parametrize("half", ["recogniser", "reconstructor"])
def test_tokens(both, one_clip, half):
    found, expected = (one.tokens(one_clip, TokensRequest((3, 3, 4), half=half)) for one in both)
    np.testing.assert_allclose(found.cosines, expected.cosines, atol=0.03)
    assert abs(found.like_blank - expected.like_blank) < 0.05


def test_what_if(both, one_clip):
    found, expected = (last(one.probe(one_clip)) for one in both)
    assert found.found.keys() == expected.found.keys()
    for name, logits in expected.found.items():
        assert cosine(found.found[name], logits) > 0.998, name


def test_views(both, one_clip):
    found, expected = (
        last(one.classify_views(one_clip, Views(2, 1))).classification.logits for one in both
    )
    assert cosine(found, expected) > 0.999


def test_timeline(both, one_clip):
    found, expected = (
        last(one.timeline_of(one_clip, TimelineRequest(windows=3))).logits for one in both
    )
    assert cosine(found, expected) > 0.999


def test_many_masks(both, one_clip):
    found, expected = (
        last(one.many_masks(one_clip, MaskRequest("random", 0.75), 2)) for one in both
    )
    mine, theirs = found.reconstruction.prediction, expected.reconstruction.prediction
    assert abs(mine.psnr_db - theirs.psnr_db) < 0.05


@pytest.mark.slow
def test_a_sweep(both, one_clip):
    found, expected = (last(one.sweep(one_clip, MaskRequest("tube"))).sweep for one in both)
    np.testing.assert_allclose(found.psnr_db, expected.psnr_db, atol=0.05)


def test_two_checkpoints_beside_one_another(both, one_clip, tmp_path):
    ours = Path(__file__).resolve().parents[2] / "assets" / "checkpoints" / "motion-recogniser"
    other = shutil.copytree(ours, tmp_path / "again")
    for one in both:
        view = last(one.compare(one_clip, str(other)))
        first, second = view.first.classification, view.second.classification
        assert cosine(first.logits, second.logits) > 0.9999


def test_a_moment_of_a_camera(both, one_clip):
    explorer, exact = both
    frames = exact.as_given(one_clip)
    hidden = make_mask("tube", exact.reconstructor.card.grid, 0.75, 0)
    found, pixels = live.look(explorer, frames), live.imagine(explorer, frames, hidden)
    with in_float32():
        expected, wanted = live.look(exact, frames), live.imagine(exact, frames, hidden)
    assert cosine(found.logits, expected.logits) > 0.999
    assert correlation(found.rollout.scores, expected.rollout.scores) > 0.995
    assert np.abs(pixels.predicted - wanted.predicted).max() < 0.05


def test_a_lessons_looks_inside(both, one_clip):
    def look(one):
        grid = one.reconstructor.card.grid
        hidden = make_mask("tube", grid, 0.75, 0)
        prepared = one.prepare(one_clip, one.reconstructor)
        seen = one.prepare(one_clip, one.recogniser)
        layers = decoded_in_layers(one, prepared, hidden)
        cost = cost_of(one, prepared, hidden)
        return layers, encode_three(one, seen, prepared, hidden), cost

    (layers, three, cost), (wanted, expected, _) = map(look, both)
    assert np.abs(layers - wanted).max() < 0.1
    for mine, theirs in zip(three, expected, strict=True):
        assert cosine(mine.features, theirs.features) > 0.998
        assert correlation(mine.attention, theirs.attention) > 0.99
        if theirs.predicted is not None:
            assert np.abs(mine.predicted - theirs.predicted).max() < 0.1
    assert cost.encoder_s > 0 and cost.decoder_s > 0


def test_two_threads_get_their_own_answers(gpu, exact, one_clip):
    requests = [ClipRequest(one_clip.path, start_s=start_s) for start_s in (0.0, 0.125)]
    explorer = Explorer(device=str(gpu))
    ready = threading.Barrier(2)

    def ask(request):
        ready.wait(timeout=60)
        labels = explorer.classify(request).classification.logits
        return labels, explorer.explain(request, ExplainRequest("growing")).relevance.scores

    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(ask, requests))
    for (logits, scores), request in zip(answers, requests, strict=True):
        assert cosine(logits, exact.classify(request).classification.logits) > 0.999
        wanted = exact.explain(request, ExplainRequest("growing")).relevance.scores
        assert correlation(scores, wanted) > 0.9999
