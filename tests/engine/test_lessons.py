"""The lesson's passes against the models themselves, taken apart by hand."""

import numpy as np
import pytest
import torch

from videomae_demo.engine import lessons
from videomae_demo.engine.clips import ClipRequest
from videomae_demo.engine.engine import Engine
from videomae_demo.engine.lessons import (
    cost_of,
    decoded_in_layers,
    encode_three,
    grafted,
)
from videomae_demo.masking import make_mask
from videomae_demo.model import videomae
from videomae_demo.model.videomae import VideoMAEForPreTraining


@pytest.fixture(scope="module")
def engine(recogniser_folder, reconstructor_folder):
    return Engine(str(recogniser_folder), str(reconstructor_folder), device="cpu")


@pytest.fixture(scope="module")
def prepared(engine, clip_path):
    return engine.prepare(ClipRequest(clip_path), engine.reconstructor)


@pytest.fixture(scope="module")
def for_recogniser(engine, clip_path):
    return engine.prepare(ClipRequest(clip_path), engine.recogniser)


@pytest.fixture(scope="module")
def hidden(engine):
    return make_mask("tube", engine.reconstructor.card.grid, 0.75, 0)


def test_the_decoder_is_stopped_after_each_layer(engine, prepared, hidden):
    layers = decoded_in_layers(engine, prepared, hidden)
    np.testing.assert_allclose(layers[-1], engine.predict(prepared, hidden), atol=1e-5)
    model, mask = engine.reconstructor.model, torch.from_numpy(hidden.reshape(1, -1))
    with torch.no_grad():
        seen = model.videomae(prepared.pixel_values, mask).last_hidden_state
        places = model.position_embeddings[0][mask[0]]
        tokens = model.mask_token[0] + places  # what stands at the hidden places before any layer
        before = model.decoder.head(model.decoder.norm(tokens))
        visible = model.encoder_to_decoder(seen) + model.position_embeddings[0][~mask[0]]
        joined = torch.cat([visible, tokens[None]], dim=1)
        after, _ = model.decoder.decoder_layers[0](joined)
        first = model.decoder.head(model.decoder.norm(after[:, -len(tokens) :]))[0]
    np.testing.assert_allclose(layers[0], before.numpy(), atol=1e-5)
    np.testing.assert_allclose(layers[1], first.numpy(), atol=1e-5)
    assert len(layers) == model.config.decoder_num_hidden_layers + 1
    other = make_mask("tube", engine.reconstructor.card.grid, 0.75, 1)
    again = decoded_in_layers(engine, prepared, other)
    np.testing.assert_allclose(again[-1], engine.predict(prepared, other), atol=1e-5)


def test_parts_are_timed_over_the_tokens_that_they_get(engine, prepared, hidden, monkeypatch):
    """Each call takes as many seconds as it has tokens: so the numbers tell what was timed."""
    at = [0.0]
    forward = videomae.Encoder.forward

    def encode(encoder, tokens, *given, **more):
        at[0] += tokens.shape[1]
        return forward(encoder, tokens, *given, **more)

    decode = videomae.Decoder.forward

    def paint(decoder, tokens, *given):
        at[0] += 100 * tokens.shape[1]
        return decode(decoder, tokens, *given)

    monkeypatch.setattr(videomae.Encoder, "forward", encode)
    monkeypatch.setattr(videomae.Decoder, "forward", paint)
    monkeypatch.setattr(lessons.time, "perf_counter", lambda: at[0])
    cost = cost_of(engine, prepared, hidden)
    tokens, visible = hidden.size, int((~hidden).sum())
    assert (cost.visible, cost.tokens) == (visible, tokens) == (8, 32)
    assert (cost.encoder_s, cost.all_s, cost.decoder_s) == (visible, tokens, 100 * tokens)


def test_three_encoders_see_the_clip(engine, prepared, for_recogniser, hidden):
    untrained, pretrained, fine_tuned = encode_three(engine, for_recogniser, prepared, hidden)
    mask = torch.from_numpy(hidden.reshape(1, -1))
    with torch.no_grad():
        encoder = engine.reconstructor.model.videomae
        own = encoder(prepared.pixel_values).last_hidden_state[0]
        other = engine.recogniser.model.videomae(for_recogniser.pixel_values).last_hidden_state[0]
        torch.manual_seed(0)
        fresh = VideoMAEForPreTraining(engine.reconstructor.model.config).eval()
        drawn = fresh.videomae(prepared.pixel_values).last_hidden_state[0]
        painted = fresh(prepared.pixel_values, mask).logits[0]
    np.testing.assert_allclose(pretrained.features, own.numpy(), atol=1e-5)
    np.testing.assert_allclose(fine_tuned.features, other.numpy(), atol=1e-5)
    np.testing.assert_allclose(untrained.features, drawn.numpy(), atol=1e-5)
    np.testing.assert_allclose(untrained.predicted, painted.numpy(), atol=1e-5)
    predicted = engine.predict(prepared, hidden)
    np.testing.assert_allclose(pretrained.predicted, predicted, atol=1e-5)
    other = make_mask("tube", engine.reconstructor.card.grid, 0.75, 1)
    again = encode_three(engine, for_recogniser, prepared, other)[1]
    np.testing.assert_allclose(again.predicted, engine.predict(prepared, other), atol=1e-5)
    for one in (untrained, pretrained, fine_tuned):
        rows = one.attention.astype(np.float32).sum(-1) / hidden.size
        np.testing.assert_allclose(rows, 1, atol=2e-3)


def test_drawing_weights_leaves_the_random_numbers_of_others_alone(
    recogniser_folder, reconstructor_folder, clip_path, hidden
):
    engine = Engine(str(recogniser_folder), str(reconstructor_folder), device="cpu")
    clip = ClipRequest(clip_path)
    one, other = (engine.prepare(clip, role) for role in (engine.recogniser, engine.reconstructor))
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    encode_three(engine, one, other, hidden)
    assert torch.equal(torch.rand(3), expected)


def test_a_fine_tuned_encoder_goes_under_the_decoder(engine):
    changed = grafted(engine.recogniser, engine.reconstructor)
    theirs = engine.recogniser.model.videomae.state_dict()
    before = engine.reconstructor.model.state_dict()
    for name, value in changed.state_dict().items():
        own = theirs.get(name.removeprefix("videomae."), before[name])
        assert torch.equal(value, own if name.startswith("videomae.") else before[name]), name
    assert any(not torch.equal(value, before[f"videomae.{name}"]) for name, value in theirs.items())
