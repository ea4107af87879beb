"""Each method against its formula, written out densely in double precision on a tiny model."""

import copy
import threading

import numpy as np
import pytest
import torch
from tiny import blocks_of, save_tiny, tiny_config
from written_out import WrittenOut, read_and_worth, start_of

from videomae_demo.analysis import gradients, references
from videomae_demo.analysis.gradients import explain_loss
from videomae_demo.analysis.methods import DEFAULT_METHOD, METHODS, REFERENCES, Target, find_method
from videomae_demo.analysis.relevance import Relevance, explain
from videomae_demo.cancellation import Cancelled, cancellable
from videomae_demo.config import TokenGrid
from videomae_demo.errors import RequestError
from videomae_demo.model import layers
from videomae_demo.model.layers import SelfAttention
from videomae_demo.model.patches import patchify
from videomae_demo.model.tracing import Tape
from videomae_demo.model.videomae import VideoMAEForPreTraining, VideoMAEForVideoClassification

GRID = tiny_config().grid
HIDDEN = torch.arange(GRID.tokens) % 3 == 0  # the head then reads the second token of all
ALL = torch.zeros(GRID.tokens, dtype=torch.bool)
TARGET = Target(2, 0)
WEIGHTS = torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64)


@pytest.fixture(scope="module", params=[True, False], ids=["pooled", "token 0"])
def model(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    save_tiny(VideoMAEForVideoClassification, folder, use_mean_pooling=request.param)
    return VideoMAEForVideoClassification.from_pretrained(folder).eval().requires_grad_(False)


@pytest.fixture(autouse=True)
def blocks_of_five_rows(monkeypatch):
    monkeypatch.setattr(layers, "working_sizes", blocks_of(5 * 2 * GRID.tokens * 4))


@pytest.fixture(scope="module")
def clip():
    return torch.randn(1, 4, 3, 32, 32, generator=torch.Generator().manual_seed(3))


@pytest.fixture(params=[ALL, HIDDEN], ids=["all", "some left out"])
def hidden(request):
    return request.param


def scores_of(model, clip, method, hidden=ALL, target=TARGET):
    relevance = explain(model, clip, target, method, hidden[None] if hidden.any() else None)
    assert relevance.scores.shape == GRID.shape
    assert relevance.scores.dtype == np.float32
    assert (relevance.scores.ravel()[hidden.numpy()] == 0).all()
    return relevance.scores.ravel()[~hidden.numpy()]


def passed(model, clip, hidden, constants=False, share=1.0):
    """Return a written-out pass, its tokens as a leaf, and its logits."""
    out = WrittenOut.of(model, constants)
    tokens = out.embed(clip[0])[~hidden]
    blank = out.embed(torch.zeros_like(clip[0]))[~hidden]
    tokens = (blank + share * (tokens - blank)).requires_grad_()
    return out, tokens, out.read(out.encode(tokens))


def weighted_maps(out, logits):
    """E of each layer: the mean over heads of max(A * dA, 0), dense."""
    slopes = torch.autograd.grad(logits @ WEIGHTS, out.attention)
    pairs = zip(out.attention, slopes, strict=True)
    return [(a * slope).clamp(min=0).mean(0).detach() for a, slope in pairs]


def close(found, expected, tolerance=2e-4):
    expected = expected.detach().numpy()
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(
        found, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max()
    )


# ---- the methods, against their formulas ---------------------------------------------------------


def test_the_model_written_out_is_the_model(model, clip, hidden):
    _, _, logits = passed(model, clip, hidden)
    found = model(clip, bool_masked_pos=hidden[None]).logits[0]
    close(found.numpy(), logits, 1e-5)


@pytest.mark.parametrize(
    ("method", "constants"), [("libragrad", True), ("gradient-x-input", False)]
)
def test_token_times_gradient(model, clip, hidden, method, constants):
    _, tokens, logits = passed(model, clip, hidden, constants)
    (slope,) = torch.autograd.grad(logits @ WEIGHTS, tokens)
    close(scores_of(model, clip, method, hidden), (tokens * slope).sum(1))
    other = explain(model, clip, TARGET, method, hidden[None])
    close(other.logits, logits, 1e-5)


def test_with_what_the_biases_carry_the_scores_add_up_to_the_target(model, clip, hidden):
    out, _, logits = passed(model, clip, hidden, constants=True)
    slopes = torch.autograd.grad(logits @ WEIGHTS, out.biases)
    carried = sum(float((b.detach() * s).sum()) for b, s in zip(out.biases, slopes, strict=True))
    found = explain(model, clip, TARGET, "libragrad", hidden[None])
    value = float(logits.detach() @ WEIGHTS)
    assert abs(carried) > 1e-2 * abs(value)  # else this would have seen nothing
    assert found.biases == pytest.approx(carried, rel=1e-4)
    assert found.value == pytest.approx(value, rel=1e-4)
    assert found.carried + found.biases == pytest.approx(value, rel=1e-4)
    assert abs(found.missing) < 1e-4 * abs(value)


def test_the_margin_is_the_difference_of_two_labels(model, clip, hidden):
    one, other, margin = (
        explain(model, clip, target, "libragrad", hidden[None])
        for target in (Target(2), Target(0), TARGET)
    )
    np.testing.assert_allclose(margin.scores, one.scores - other.scores, atol=1e-5)
    assert margin.value == pytest.approx(one.value - other.value, rel=1e-5)
    assert margin.biases == pytest.approx(one.biases - other.biases, rel=1e-4)


def test_integrated_gradients(model, clip, hidden):
    total = 0
    for step in range(16):
        _, tokens, logits = passed(model, clip, hidden, share=(step + 0.5) / 16)
        total += torch.autograd.grad(logits @ WEIGHTS, tokens)[0]
    _, whole, logits = passed(model, clip, hidden)
    _, blank, nothing = passed(model, clip, hidden, share=0.0)
    found = explain(model, clip, TARGET, "integrated-gradients", hidden[None])
    close(found.scores.ravel()[~hidden.numpy()], ((whole - blank) * total / 16).sum(1))
    assert found.carried == pytest.approx(float((logits - nothing).detach() @ WEIGHTS), rel=0.05)
    close(found.logits, logits, 1e-5)


def test_chefer(model, clip, hidden):
    out, _, logits = passed(model, clip, hidden)
    count = int((~hidden).sum())
    product = torch.eye(count, dtype=torch.float64)
    for weighted in weighted_maps(out, logits):
        product = product + weighted @ product
    start = start_of(model, count)
    close(scores_of(model, clip, "chefer", hidden), start @ product - start)


def test_gradient_rollout(model, clip, hidden):
    out, _, logits = passed(model, clip, hidden)
    count = int((~hidden).sum())
    identity = torch.eye(count, dtype=torch.float64)
    product = identity
    for weighted in weighted_maps(out, logits):
        totals = weighted.sum(1, keepdim=True)
        rows = torch.where(totals > 0, weighted / totals, identity)
        product = (rows + identity) / 2 @ product
    found = scores_of(model, clip, "gradient-rollout", hidden)
    close(found, start_of(model, count) @ product)
    assert found.sum() == pytest.approx(1, rel=1e-5)


def test_a_layer_that_passes_nothing_on_keeps_what_is_there(model, clip):
    idle = copy.deepcopy(model)
    attention = idle.videomae.encoder.layer[1].attention.attention
    attention.value.weight.zero_()
    attention.v_bias.zero_()
    found = scores_of(idle, clip, "gradient-rollout")
    assert found.sum() == pytest.approx(1, rel=1e-5)
    out, _, logits = passed(idle, clip, ALL)
    first, nothing, last = weighted_maps(out, logits)
    assert not nothing.any()
    rows = [
        torch.where(e.sum(1, keepdim=True) > 0, e / e.sum(1, keepdim=True), torch.eye(GRID.tokens))
        for e in (first, last)
    ]
    half = [(row + torch.eye(GRID.tokens)) / 2 for row in rows]
    close(found, start_of(idle, GRID.tokens) @ half[1] @ half[0])


def test_rollout(model, clip, hidden):
    out, _, _ = passed(model, clip, hidden)
    count = int((~hidden).sum())
    product = torch.eye(count, dtype=torch.float64)
    for attention in out.attention:
        product = (attention.mean(0) + torch.eye(count)) / 2 @ product
    close(scores_of(model, clip, "rollout", hidden), start_of(model, count) @ product, 1e-3)


def test_the_direct_effect_is_that_of_all_heads(model, clip, hidden):
    reads, toward = read_and_worth(model, clip, hidden, WEIGHTS)
    close(scores_of(model, clip, "direct-effect", hidden), (reads * toward).sum((0, 1)))


# ---- references without a model ------------------------------------------------------------------


def test_frame_difference_worked_by_hand():
    config = tiny_config()
    clip = torch.zeros(1, 4, 3, 32, 32)
    clip[0, 1, :, :8, :8] = 3.0  # token (0, 0, 0): |3 - 0| in frame 1, and before it, in frame 0
    clip[0, 1:, :, :8, 8:16] = 1.0  # token (0, 0, 1): from then on it stays as it is
    clip[0, 3, 0, 24:, 24:] = -6.0  # token (1, 3, 3): 6 in one of three channels, one of two frames
    found = references.motion_energy(clip, config)[0]
    expected = torch.zeros(2, 4, 4)
    expected[0, 0, 0] = 3.0
    expected[0, 0, 1] = 1.0
    expected[1, 0, 0] = 1.5  # back from 3 to 0 in frame 2
    expected[1, 3, 3] = 1.0
    torch.testing.assert_close(found, expected)
    assert references.motion_energy(clip[:, :1].expand(-1, 2, -1, -1, -1), config).abs().max() == 0


def test_the_middle_of_the_frame_is_nearest_to_itself():
    near = references.nearness_to_the_middle(TokenGrid(2, 3, 5))
    assert near.shape == (2, 3, 5)
    assert near[1, 1, 2] == 1
    assert near[0, 0, 0] == near[1, 2, 4] == 0
    assert near[0, 1, 0] == pytest.approx(1 - 1 / 2**0.5)
    assert references.nearness_to_the_middle(TokenGrid(1, 1, 1)) == 1


def test_random_scores_follow_from_their_seed():
    first, again, other = (references.drawn(GRID, seed) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert 0 <= float(first.min()) < float(first.max()) <= 1


def test_references_run_no_model(model, clip, hidden):
    expected = {
        "frame-difference": references.motion_energy(clip, model.config)[0],
        "centre": references.nearness_to_the_middle(GRID),
        "random": references.drawn(GRID, 0),
    }
    assert {name for name, card in METHODS.items() if not card.uses_model} == set(expected)
    for name, values in expected.items():
        found = explain(model, clip, TARGET, name, hidden[None])
        assert found.logits is found.value is found.biases is found.missing is None
        np.testing.assert_array_equal(
            found.scores.ravel(), np.where(hidden, 0, values.flatten().numpy())
        )


# ---- what a reconstruction needed ----------------------------------------------------------------


@pytest.mark.parametrize("norm_pix_loss", [True, False])
@pytest.mark.parametrize("mean_pooling", [True, False])
@pytest.mark.parametrize(
    ("method", "constants"), [("libragrad", True), ("gradient-x-input", False)]
)
def test_what_the_decoder_needed(tmp_path, clip, norm_pix_loss, mean_pooling, method, constants):
    changes = {"norm_pix_loss": norm_pix_loss, "use_mean_pooling": mean_pooling}
    folder = save_tiny(VideoMAEForPreTraining, tmp_path / "model", **changes)
    model = VideoMAEForPreTraining.from_pretrained(folder).eval().requires_grad_(False)
    asked = HIDDEN & (torch.arange(GRID.tokens) > 20)
    out = WrittenOut.of(model, constants)
    tokens = out.embed(clip[0])[~HIDDEN].requires_grad_()
    predicted = out.decode(out.encode(tokens), HIDDEN)
    mean = torch.tensor([0.485, 0.456, 0.406]).double()[:, None, None]
    std = torch.tensor([0.229, 0.224, 0.225]).double()[:, None, None]
    wanted = patchify(clip.double() * std + mean, 2, 8)[0]
    if norm_pix_loss:
        pixels = wanted.unflatten(-1, (-1, 3))
        spread = pixels.std(1, keepdim=True) + 1e-6
        wanted = ((pixels - pixels.mean(1, keepdim=True)) / spread).flatten(1)
    loss = ((predicted - wanted[HIDDEN])[asked[HIDDEN]] ** 2).mean()
    (slope,) = torch.autograd.grad(-loss, tokens)
    masks = [mask.reshape(GRID.shape).numpy() for mask in (HIDDEN, asked)]
    found = explain_loss(model, clip, *masks, method)
    assert found.loss == pytest.approx(float(loss.detach()), rel=1e-4)
    close(found.scores.ravel()[~HIDDEN.numpy()], (tokens * slope).sum(1), 1e-3)
    assert (found.scores[masks[0]] == 0).all()
    assert (found.hidden is masks[0], found.asked is masks[1]) == (True, True)
    assert found.nbytes == 32 * 4 + 64


def test_a_loss_can_be_asked_for_at_hidden_tokens_only(reconstructor_folder, clip):
    model = VideoMAEForPreTraining.from_pretrained(reconstructor_folder).eval()
    hidden = HIDDEN.reshape(GRID.shape).numpy()
    with pytest.raises(RequestError, match="21 of the tokens asked for are visible"):
        explain_loss(model, clip, hidden, np.ones_like(hidden))
    with pytest.raises(RequestError, match="No token is asked for"):
        explain_loss(model, clip, hidden, np.zeros_like(hidden))
    with pytest.raises(RequestError, match="mask of asked-for tokens is bool of the shape"):
        explain_loss(model, clip, hidden, hidden.ravel())
    with pytest.raises(RequestError, match="mask of hidden tokens is int64"):
        explain_loss(model, clip, hidden.astype(np.int64), hidden)
    with pytest.raises(RequestError, match="not explained by 'chefer'; choose libragrad or"):
        explain_loss(model, clip, hidden, hidden, "chefer")


# ---- what is asked for, and the answer -----------------------------------------------------------


def test_the_registry_is_whole():
    assert next(iter(METHODS)) == DEFAULT_METHOD
    assert set(REFERENCES) < set(METHODS)
    for name, card in METHODS.items():
        assert find_method(name) is card
        assert card.name == name
        assert all((card.title, card.source, card.cost, card.meaning))
        assert card.meaning.endswith(".")
    assert METHODS["integrated-gradients"].cost.startswith(f"{gradients.STEPS} passes")
    with pytest.raises(RequestError, match="no method 'saliency'; the known ones are libragrad, "):
        find_method("saliency")


def test_only_signed_methods_go_below_zero(model, clip):
    for name, card in METHODS.items():
        both = [scores_of(model, clip, name, target=Target(*pair)) for pair in ((2, 0), (0, 2))]
        assert bool(np.min(both) < 0) is card.signed, name


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ((1, 1), "label 1 has no margin over itself"),
        ((-1,), "label's index is -1"),
        ((0, True), "other label's index is True"),
    ],
)
def test_a_target_names_labels(asked, sentence):
    with pytest.raises(RequestError, match=sentence):
        Target(*asked)


def test_a_target_weighs_the_logits():
    np.testing.assert_array_equal(TARGET.weights(3), [-1, 0, 1])
    np.testing.assert_array_equal(Target(1).weights(3), [0, 1, 0])
    np.testing.assert_array_equal(TARGET.value(np.array([[1.0, 2, 4], [0, 5, -1]])), [3, -1])
    with pytest.raises(RequestError, match="no label 3; this checkpoint has 3"):
        Target(0, 3).weights(3)


def test_an_answer_tells_its_sums():
    scores = np.array([[[3.0, -1.0], [0.5, -0.5]]], dtype=np.float32)
    logits = np.array([1.0, 2.0, 6.0], dtype=np.float32)
    found = Relevance("libragrad", TARGET, scores, logits, 2.75)
    assert (found.carried, found.value, found.negative_share) == (2.0, 5.0, 0.3)
    assert found.missing == 0.25
    assert found.nbytes == 16 + 12
    nothing = Relevance("random", TARGET, np.zeros_like(scores), None, None)
    assert nothing.negative_share == 0.0
    assert nothing.nbytes == 16


def test_clips_that_do_not_fit_are_refused(model, clip):
    for method in ("libragrad", "gradient-x-input", "chefer"):
        with pytest.raises(RequestError, match="pixel_values has the shape"):
            explain(model, clip[:, :2], TARGET, method)
        with pytest.raises(RequestError, match="hides every token"):
            explain(model, clip, TARGET, method, torch.ones(1, GRID.tokens, dtype=torch.bool))


# ---- the way of the work -------------------------------------------------------------------------


def test_weights_get_no_gradient_and_the_model_stays_as_it_is(clip):
    torch.manual_seed(0)
    model = VideoMAEForVideoClassification(tiny_config()).eval()  # its weights could get gradients
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for method in METHODS:
        explain(model, clip, TARGET, method)
    assert all(weight.grad is None for weight in model.parameters())
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


def test_an_explanation_works_where_gradients_are_switched_off(model, clip):
    expected = scores_of(model, clip, "libragrad")
    with torch.no_grad():
        np.testing.assert_array_equal(scores_of(model, clip, "libragrad"), expected)


@pytest.mark.parametrize("method", [name for name, card in METHODS.items() if card.uses_model])
def test_an_explanation_ends_at_the_next_step(monkeypatch, model, clip, method):
    """Attention of the second layer is computed, and then that of no other."""
    wish, ran = threading.Event(), []
    original = SelfAttention.queries_and_keys

    def project(attention, x):
        ran.append(attention)
        if len(ran) == 2:
            wish.set()
        return original(attention, x)

    monkeypatch.setattr(SelfAttention, "queries_and_keys", project)
    with cancellable(wish), pytest.raises(Cancelled):
        explain(model, clip, TARGET, method)
    assert len(ran) == 2


def test_an_explanation_ends_on_the_way_back_too(monkeypatch, model, clip):
    wish, pulled = threading.Event(), []
    original = torch.autograd.grad

    def grad(*arguments, **options):
        pulled.append(1)
        if len(pulled) == 2:
            wish.set()
        return original(*arguments, **options)

    monkeypatch.setattr(torch.autograd, "grad", grad)
    with cancellable(wish), pytest.raises(Cancelled):
        explain(model, clip, TARGET)
    assert len(pulled) == 2


def test_a_pass_that_lasts_is_pulled_back_for_any_label(model, clip, hidden):
    left_out = hidden[None] if hidden.any() else None
    passed = gradients.trace(model, clip, left_out, lasts=True)
    for target in (TARGET, Target(1), TARGET):
        found = explain(model, clip, target, "libragrad", left_out, passed)
        expected = explain(model, clip, target, "libragrad", left_out)
        np.testing.assert_array_equal(found.scores, expected.scores)
        np.testing.assert_array_equal(found.logits, expected.logits)
        assert found.biases == expected.biases


def test_a_pass_that_lasts_knows_what_it_holds(model, clip):
    passed = gradients.trace(model, clip, lasts=True)
    config = model.config
    of_a_state = 4 * config.grid.tokens * config.hidden_size
    # Of each layer, at least: two inputs, q, k and v, what the perceptron gets, and its gate.
    least = config.num_hidden_layers * (6 * of_a_state + 4 * config.grid.tokens * 2)
    assert least < passed.nbytes < least + 20 * config.num_hidden_layers * of_a_state
    before = passed.nbytes
    explain(model, clip, TARGET, trace=passed)
    assert passed.nbytes == before
    assert gradients.trace(model, clip).nbytes == 0


def test_a_tape_gives_its_memory_back_as_it_is_pulled():
    tape = Tape()
    x = tape.run(lambda x: x * 2, torch.tensor([3.0]))
    tape.run(lambda x: x**2, x)
    found = [(float(p.entered), float(p.gradient)) for p in tape.pull_back(torch.ones(1))]
    assert found == [(6.0, 12.0), (3.0, 24.0)]
    assert list(tape.pull_back(torch.ones(1))) == []
