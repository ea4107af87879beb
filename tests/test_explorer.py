import inspect
import pickle
import threading

import av
import numpy as np
import pytest
import torch

from videomae_demo.analysis.settings import Head
from videomae_demo.cancellation import Cancelled, cancellable
from videomae_demo.config import TokenGrid
from videomae_demo.engine.clips import ClipRequest
from videomae_demo.errors import CheckpointError, RequestError, VideoError
from videomae_demo.explorer import Explorer, RolloutSettings
from videomae_demo.lenses.masks import MaskRequest, default_ratio
from videomae_demo.limits import Limits
from videomae_demo.masking import tube
from videomae_demo.model.processor import VideoMAEImageProcessor
from videomae_demo.model.videomae import (
    Encoder,
    VideoMAEForPreTraining,
    VideoMAEForVideoClassification,
)
from videomae_demo.video.clip import sample_clip
from videomae_demo.video.encode import write_mp4
from videomae_demo.video.reader import read_frames, scan
from videomae_demo.video.sampling import SamplingRule


@pytest.fixture
def explorer(recogniser_folder, reconstructor_folder) -> Explorer:
    return Explorer(str(recogniser_folder), str(reconstructor_folder), device="cpu")


@pytest.fixture
def request_(clip_path) -> ClipRequest:
    return ClipRequest(clip_path)


def direct_pixels(clip_path, folder, indices) -> torch.Tensor:
    """What the model should see, put together by hand."""
    frames = read_frames(scan(clip_path), indices)
    processor = VideoMAEImageProcessor.from_pretrained(folder)
    return processor(list(frames), return_tensors="pt").pixel_values


def count_forwards(monkeypatch, model) -> list[int]:
    calls = []
    original = model.videomae.forward
    monkeypatch.setattr(
        model.videomae, "forward", lambda *a, **k: calls.append(1) or original(*a, **k)
    )
    return calls


def test_labels_are_those_of_the_model_on_the_sampled_frames(
    explorer, request_, clip_path, recogniser_folder
):
    view = explorer.classify(request_)
    # 4 frames 4/30 s apart at 24 fps are 3.2 frames apart: 9.6 frames in the middle of 48.
    assert np.diff(view.clip.indices).tolist() in ([3, 3, 4], [3, 4, 3], [4, 3, 3])
    model = VideoMAEForVideoClassification.from_pretrained(recogniser_folder)
    with torch.no_grad():
        logits = model(direct_pixels(clip_path, recogniser_folder, view.clip.indices)).logits[0]
    np.testing.assert_allclose(
        view.classification.probabilities, torch.softmax(logits, 0), rtol=1e-4
    )
    assert view.clip.repeated == 0
    assert view.clip.source_size == (64, 96)
    assert (view.clip.crop.left, view.clip.crop.top) == (16, 0)
    assert (view.clip.crop.width, view.clip.crop.height) == (64, 64)


def test_rollout_is_that_of_the_attentions_that_the_model_returns(
    explorer, request_, clip_path, recogniser_folder
):
    view = explorer.attend(request_)
    model = VideoMAEForVideoClassification.from_pretrained(recogniser_folder)
    pixels = direct_pixels(clip_path, recogniser_folder, view.clip.indices)
    with torch.no_grad():
        attentions = model(pixels, output_attentions=True).attentions
    tokens = attentions[0].shape[-1]
    reached = np.full(tokens, 1 / tokens)
    for attention in reversed(attentions):
        fused = (attention[0].mean(0).double().numpy() + np.eye(tokens)) / 2
        reached = reached @ (fused / fused.sum(1, keepdims=True))
    np.testing.assert_allclose(view.rollout.scores.ravel(), reached, rtol=1e-3)
    assert view.rollout.scores.shape == (2, 4, 4)
    assert "what the classifier reads" in view.start


@pytest.mark.parametrize(("fusion", "reduce"), [("max", torch.amax), ("min", torch.amin)])
def test_other_fusions_come_from_the_same_pass(
    explorer, request_, clip_path, recogniser_folder, monkeypatch, fusion, reduce
):
    explorer.classify(request_)
    calls = count_forwards(monkeypatch, explorer.recogniser.model)
    view = explorer.attend(request_, RolloutSettings(fusion=fusion, last_layer=1, query=(0, 1, 2)))
    assert not calls
    model = VideoMAEForVideoClassification.from_pretrained(recogniser_folder)
    pixels = direct_pixels(clip_path, recogniser_folder, view.clip.indices)
    with torch.no_grad():
        attention = model(pixels, output_attentions=True).attentions[0][0]
    row = reduce(attention, 0)[6].double()  # token (0, 1, 2) is number 6
    row[6] += 1
    np.testing.assert_allclose(view.rollout.scores.ravel(), row / row.sum(), rtol=2e-3)
    assert view.start == "the token at time 0, row 1, column 2"


def test_a_head_alone_stands_for_its_layer(
    explorer, request_, clip_path, recogniser_folder, monkeypatch
):
    explorer.classify(request_)
    calls = count_forwards(monkeypatch, explorer.recogniser.model)
    view = explorer.attend(request_, RolloutSettings(head=Head(2, 2)))
    assert not calls
    model = VideoMAEForVideoClassification.from_pretrained(recogniser_folder)
    pixels = direct_pixels(clip_path, recogniser_folder, view.clip.indices)
    with torch.no_grad():
        maps = [layer[0] for layer in model(pixels, output_attentions=True).attentions]
    row = torch.full((32,), 1 / 32, dtype=torch.float64)
    for layer in (2, 1, 0):
        of_layer = maps[layer][1] if layer == 1 else maps[layer].mean(0)
        row = row @ (of_layer.double() + torch.eye(32)) / 2
    np.testing.assert_allclose(view.rollout.scores.ravel(), row, rtol=2e-3)
    assert view.to_json()["settings"]["head"] == "2.2"
    assert "heads fused by mean, and layer 2, head 2 alone in its layer" in view.explanation()
    with pytest.raises(RequestError, match="layer 2, head 3"):
        explorer.attend(request_, RolloutSettings(head=Head(2, 3)))
    with pytest.raises(RequestError, match="Layers 3 to 3 are chained, and layer 2, head 2 is not"):
        explorer.attend(request_, RolloutSettings(first_layer=3, head=Head(2, 2)))


def test_labels_without_some_tokens_are_those_of_the_model(explorer, request_, recogniser_folder):
    hidden = np.arange(32).reshape(2, 4, 4) % 3 == 0
    bits = np.packbits(hidden).tobytes()
    view = explorer.classify(request_, bits)
    model = VideoMAEForVideoClassification.from_pretrained(recogniser_folder)
    pixels = direct_pixels(request_.path, recogniser_folder, view.clip.indices)
    with torch.no_grad():
        logits = model(pixels, bool_masked_pos=torch.from_numpy(hidden.reshape(1, -1))).logits[0]
    expected = torch.softmax(logits.double(), -1)
    np.testing.assert_allclose(view.classification.probabilities, expected, rtol=1e-4)
    whole = explorer.classify(request_)
    np.testing.assert_array_equal(view.whole.probabilities, whole.classification.probabilities)
    best = whole.classification.top(1)[0]
    (said,) = view.without()
    left = view.classification.find(best.label).probability
    assert said.startswith(f"11 tokens (34.4%) are taken away. {best.label}: ")
    assert f"{best.probability:.1%} with all tokens, {left:.1%} without these" in said
    assert view.to_json()["taken_away"] == 11 and view.to_json()["without"] == [said]
    assert said in view.sentences()
    assert whole.without() == [] and whole.to_json()["taken_away"] == 0
    assert explorer.classify(request_, bytes(4)).hidden is None
    with pytest.raises(RequestError, match="are 3 bytes; one bit for each of 32 tokens makes 4"):
        explorer.classify(request_, bytes(3))
    with pytest.raises(RequestError, match="give bytes, one bit per token"):
        explorer.classify(request_, [1])


def test_one_pass_feeds_labels_and_every_rollout(explorer, request_, monkeypatch):
    calls = count_forwards(monkeypatch, explorer.recogniser.model)
    explorer.classify(request_)
    for settings in (
        RolloutSettings(),
        RolloutSettings(discard=0.5),
        RolloutSettings(fusion="max"),
        RolloutSettings(first_layer=2, query=(1, 1, 1)),
    ):
        explorer.attend(request_, settings)
    assert len(calls) == 1
    explorer.attend(ClipRequest(request_.path, start_s=0.1))
    assert len(calls) == 2


def test_what_was_evicted_is_computed_again(recogniser_folder, request_, monkeypatch):
    small = Explorer(str(recogniser_folder), device="cpu", cache_bytes=1)
    first = small.attend(request_, RolloutSettings(fusion="max"))
    calls = count_forwards(monkeypatch, small.recogniser.model)
    again = small.attend(request_, RolloutSettings(fusion="max"))
    assert calls
    np.testing.assert_array_equal(first.rollout.scores, again.rollout.scores)


def test_a_changed_file_is_seen_anew(explorer, clip_path, tmp_path, clip_frames):
    copy = tmp_path / "clip.mp4"
    copy.write_bytes(clip_path.read_bytes())
    before = explorer.classify(ClipRequest(copy))
    write_mp4(copy, 255 - clip_frames[:40], 24)
    after = explorer.classify(ClipRequest(copy))
    assert not np.array_equal(before.clip.frames, after.clip.frames)


def test_a_file_that_changes_in_between_is_not_taken_for_the_one_that_was_read(
    explorer, clip_path, tmp_path, clip_frames, monkeypatch
):
    copy = tmp_path / "clip.mp4"
    copy.write_bytes(clip_path.read_bytes())
    prepare = Explorer.prepare

    def prepare_and_change(*arguments):
        prepared = prepare(*arguments)
        write_mp4(copy, 255 - clip_frames[:40], 24)
        return prepared

    with monkeypatch.context() as patch:
        patch.setattr(Explorer, "prepare", prepare_and_change)
        old = explorer.classify(ClipRequest(copy))
    new = explorer.classify(ClipRequest(copy))
    expected = Explorer(explorer.weights, device="cpu").classify(ClipRequest(copy))
    assert new.classification.top(3) == expected.classification.top(3)
    assert new.classification.top(3) != old.classification.top(3)


def test_what_seeking_got_wrong_is_found_out_once(explorer, clip_path, monkeypatch):
    truth, given = scan(clip_path, seek=False), []

    def sample_after_decoding_everything(timeline, *arguments, **options):
        given.append(timeline)
        return sample_clip(truth, *arguments, **options)

    monkeypatch.setattr("videomae_demo.engine.clips.sample_clip", sample_after_decoding_everything)
    for start_s in (0.0, 0.1):
        explorer.see(ClipRequest(clip_path, start_s=start_s))
    assert [timeline is truth for timeline in given] == [False, True]


def test_the_cache_is_as_large_as_the_limits_say():
    assert Explorer(limits=Limits(cache_mb=3))._cache.limit_bytes == 3 * 2**20
    assert Explorer(limits=Limits(cache_mb=3), cache_bytes=5)._cache.limit_bytes == 5


def test_reconstruction_is_that_of_the_model(explorer, request_, clip_path, reconstructor_folder):
    view = explorer.reconstruct(request_, MaskRequest(ratio=0.5, seed=3))
    mask = tube(TokenGrid(2, 4, 4), 0.5, 3)
    np.testing.assert_array_equal(view.reconstruction.mask, mask)
    model = VideoMAEForPreTraining.from_pretrained(reconstructor_folder)
    pixels = direct_pixels(clip_path, reconstructor_folder, view.clip.indices)
    with torch.no_grad():
        loss = model(pixels, torch.from_numpy(mask.reshape(1, -1))).loss
    assert view.reconstruction.loss == pytest.approx(loss.item(), rel=1e-4)
    assert view.reconstruction.target.shape == (4, 32, 32, 3)
    assert view.mask == MaskRequest("tube", 0.5, 3)


def test_the_ratio_has_a_default_that_is_reported(explorer, request_):
    assert explorer.reconstruct(request_).mask.ratio == 0.75
    assert default_ratio(TokenGrid(8, 14, 14)) == 0.9
    assert default_ratio(TokenGrid(8, 8, 8)) == 0.75


def test_sampling_can_be_chosen(explorer, clip_path):
    whole = explorer.classify(ClipRequest(clip_path, sampling=SamplingRule.uniform()))
    assert whole.clip.indices.tolist() == [6, 18, 30, 42]
    late = explorer.classify(ClipRequest(clip_path, start_s=1.9))
    assert late.clip.repeated > 0
    assert any("last frame" in note for note in late.clip.notes)


def test_small_sources_are_enlarged_for_display(explorer, request_):
    assert explorer.classify(request_).clip.frames.shape == (4, 256, 256, 3)


def test_a_checkpoint_without_labels_attends_but_names_nothing(reconstructor_folder, request_):
    explorer = Explorer(str(reconstructor_folder), device="cpu")
    with pytest.raises(CheckpointError, match="pretrained without labels"):
        explorer.classify(request_)
    view = explorer.attend(request_)
    assert "no trained classifier" in view.start
    assert explorer.reconstruct(request_).checkpoint.name == str(reconstructor_folder)


def test_users_errors_are_sentences(explorer, clip_path, tmp_path):
    with pytest.raises(VideoError, match=r"missing\.mp4"):
        explorer.classify(ClipRequest(tmp_path / "missing.mp4"))
    with pytest.raises(RequestError, match=r"no path has a NUL in it"):
        ClipRequest("a\0.mp4")
    with pytest.raises(RequestError, match="outside the grid"):
        explorer.attend(ClipRequest(clip_path), RolloutSettings(query=(9, 0, 0)))
    with pytest.raises(RequestError, match="mask kind"):
        explorer.reconstruct(ClipRequest(clip_path), MaskRequest("zigzag"))
    with pytest.raises(CheckpointError, match="nonsense"):
        Explorer("nonsense", device="cpu").classify(ClipRequest(clip_path))


def test_what_is_no_request_is_refused_by_every_method(explorer, request_, clip_path):
    methods = [name for name in vars(Explorer) if not name.startswith("_")]
    assert "classify" in methods and "many_masks" in methods
    for name in methods:
        method = getattr(explorer, name)
        parameters = list(inspect.signature(method).parameters)
        if parameters[0] == "clip":
            others = ["bundled"] * (len(parameters) - 1)
            with pytest.raises(RequestError, match=r"argument clip is .* of the class ClipRequest"):
                method(str(clip_path), *others)
        for given in {"settings", "request", "mask", "views"} & set(parameters):
            rest = {"other": "bundled"} if "other" in parameters else {}
            with pytest.raises(RequestError, match=f"argument {given} is 0.9; it must be of the"):
                method(request_, **rest, **{given: 0.9})


@pytest.mark.parametrize("size", [(1, 1), (1, 3), (3, 1), (3, 3), (3, 40), (40, 1), (1, 40)])
def test_a_clip_of_a_few_pixels_is_seen_as_any_other(explorer, tmp_path, size):
    """Three rows are no channels, and of one column there is a middle."""
    pictures = np.random.default_rng(0).integers(0, 256, (8, *size, 3), dtype=np.uint8)
    path = tmp_path / "clip.mov"
    with av.open(path, "w") as file:
        stream = file.add_stream("png", rate=10, width=size[1], height=size[0], pix_fmt="rgb24")
        for picture in pictures:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode())
    request = ClipRequest(path, sampling=SamplingRule.uniform())
    view = explorer.classify(request)
    role = explorer.recogniser
    frames = pictures[view.clip.indices]
    expected = role.processor(frames, return_tensors="pt", input_data_format="channels_last")
    with torch.inference_mode():
        logits = role.model(expected.pixel_values).logits[0]
    np.testing.assert_allclose(view.classification.logits, logits.numpy(), atol=2e-5)
    assert view.clip.frames.shape[0] == len(frames)


def test_files_go_where_a_name_says_or_a_sentence_why_not(explorer, request_, tmp_path):
    view = explorer.classify(request_)
    assert {path.parent for path in view.save(str(tmp_path / "a" / "b"))} == {tmp_path / "a" / "b"}
    (tmp_path / "file").touch()
    with pytest.raises(RequestError, match=r"file can't be made a folder .*; give another one"):
        view.save(tmp_path / "file")


def test_results_can_be_pickled(explorer, request_):
    for view in (
        explorer.classify(request_),
        explorer.attend(request_),
        explorer.reconstruct(request_),
    ):
        again = pickle.loads(pickle.dumps(view))
        np.testing.assert_array_equal(again.clip.frames, view.clip.frames)
        assert again.checkpoint == view.checkpoint


def test_threads_share_one_explorer(explorer, request_, clip_path):
    expected = explorer.attend(request_).rollout.scores
    found = []

    def work(number: int) -> None:
        part = ClipRequest(clip_path, start_s=number / 10)
        explorer.attend(part)
        found.append(explorer.attend(request_).rollout.scores)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    for scores in found:
        np.testing.assert_array_equal(scores, expected)


def test_nothing_is_loaded_before_it_is_needed():
    Explorer("nonsense", "more nonsense", device="cpu")


def test_a_painted_mask_hides_what_was_painted(explorer, request_):
    grid = explorer.reconstructor.card.grid
    mask = np.zeros(grid.shape, dtype=bool)
    mask[1, 2, 3] = mask[0, 0, 0] = True
    painted = MaskRequest("painted", painted=np.packbits(mask).tobytes())
    view = explorer.reconstruct(request_, painted)
    np.testing.assert_array_equal(view.reconstruction.mask, mask)
    assert view.mask.ratio == pytest.approx(2 / grid.tokens)
    with pytest.raises(RequestError, match="1 bytes"):
        explorer.reconstruct(request_, MaskRequest("painted", painted=b"x"))
    with pytest.raises(RequestError, match="hides no token"):
        explorer.reconstruct(request_, MaskRequest("painted", painted=bytes(grid.tokens // 8)))


def test_a_clip_can_be_seen_before_any_model_runs(explorer, request_, monkeypatch):
    calls = count_forwards(monkeypatch, explorer.recogniser.model)
    seen = explorer.see(request_)
    assert not calls
    np.testing.assert_array_equal(seen.frames, explorer.classify(request_).clip.frames)


def test_one_model_runs_at_a_time_whichever_explorer_it_belongs_to(
    recogniser_folder, reconstructor_folder, request_, monkeypatch
):
    running, most, inside = 0, 0, threading.Lock()
    forward = Encoder.forward

    def run(*given, **named):
        nonlocal running, most
        with inside:
            running += 1
            most = max(most, running)
        result = forward(*given, **named)
        with inside:
            running -= 1
        return result

    monkeypatch.setattr(Encoder, "forward", run)
    explorers = [
        Explorer(str(recogniser_folder), str(reconstructor_folder), device="cpu") for _ in range(4)
    ]
    for explorer in explorers:
        explorer.see(request_)
    threads = [
        threading.Thread(target=ask, args=(request_,))
        for explorer in explorers
        for ask in (explorer.classify, explorer.reconstruct, explorer.attend)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_what_was_cancelled_leaves_nothing_behind(explorer, request_, monkeypatch):
    wish = threading.Event()
    wish.set()
    with cancellable(wish):
        for ask in (explorer.classify, explorer.attend, explorer.reconstruct):
            with pytest.raises(Cancelled):
                ask(request_)
    calls = count_forwards(monkeypatch, explorer.recogniser.model)
    explorer.classify(request_)
    assert calls
