"""The words and files of many masks, from maps worked out by hand; and masks that follow a map."""

from dataclasses import replace

import numpy as np
import pytest
from made_views import made_many, made_reconstruction

from videomae_demo import ClipRequest, Explorer, MaskRequest, RequestError
from videomae_demo.lenses import many_masks as words
from videomae_demo.lenses.masks import GUIDED_KINDS
from videomae_demo.lenses.reconstruct import ReconstructionView


def made(**options) -> ReconstructionView:
    return replace(made_reconstruction(), many=made_many(**options))


def test_words_are_made_of_the_maps():
    view = made(best=0.1)
    said = view.together()
    assert said[0] == "5 masks hid each token 3 to 4 times."
    error, filling = words.rms(view.many.error), words.rms(view.many.filling_error)
    assert error == pytest.approx(np.sqrt((12 * 0.09 + 11 * 0.16 + 0.25) / 24), rel=1e-5)
    assert said[1] == (
        f"Predictions lie {error:.3f} RMS (of 1) from the original and 0.125 from their own mean; "
        f"the distance-weighted filling lies {filling:.3f} from the original."
    )
    # 13 of 24 tokens: the lower row, and the one where the filling is far off.
    assert said[2] == (
        "The model is nearer than that filling on 54.2% of the tokens. The most surprising one is "
        "at time 1.92 s, row 0, column 3: +0.150."
    )
    assert said[3] == words.NO_ALARM and len(said) == 4
    assert set(said) <= set(view.sentences())
    assert made(leaks=True).together()[-1] == words.LEAK


def test_while_they_grow_they_say_how_far_they_are():
    assert made(planned=20).together() == ["5 of 20 masks are tried so far."]


def test_a_model_that_loses_nowhere_is_told_so():
    view = made()
    ahead = replace(view.many, error=view.many.filling_error - np.float32(0.01))
    (said,) = [one for one in replace(view, many=ahead).together() if "nearer" in one]
    assert "It loses nowhere; it gains least at" in said and "-0.010" in said


def test_files_hold_the_maps(tmp_path):
    view = made(best=0.1)
    paths = [path.name for path in view.save(tmp_path)]
    assert paths[-3:] == ["many.npz", "many.png", "surprise.png"]
    with np.load(tmp_path / "many.npz") as arrays:
        np.testing.assert_array_equal(arrays["surprise"], view.many.surprise)
        assert set(arrays) == set(words.many_arrays(view.many))
    told = view.to_json()["many"]
    assert told["most_surprising"] == {"token": [2, 0, 3], "surprise": pytest.approx(0.15)}
    assert told["share_ahead_of_filling"] == pytest.approx(13 / 24)
    assert "many_surprise" in view.arrays()
    assert made_reconstruction().to_json()["many"] is None


def test_the_loss_is_stated_with_its_space():
    assert made_reconstruction().loss() == (
        "Training loss here: 0.123 (mean squared error of plain pixels)."
    )


@pytest.fixture
def explorer(recogniser_folder, reconstructor_folder) -> Explorer:
    return Explorer(str(recogniser_folder), str(reconstructor_folder), device="cpu")


@pytest.mark.parametrize("kind", GUIDED_KINDS)
def test_a_mask_follows_what_another_lens_says(explorer, clip_path, kind):
    clip = ClipRequest(clip_path)
    view = explorer.reconstruct(clip, MaskRequest(kind, 0.5))
    mask = view.reconstruction.mask
    assert view.hidden_share == pytest.approx(0.5, abs=0.1)
    if kind == "future":
        assert mask[-1].all() and not mask[0].any()
        return
    attention, relevance = explorer.attend(clip).rollout.scores, explorer.explain(clip)
    scores = attention if "attended" in kind else relevance.relevance.scores
    hidden, visible = scores[mask], scores[~mask]
    if kind in ("attended", "relevant"):
        assert hidden.min() >= visible.max()
    else:
        assert hidden.max() <= visible.min()
    assert f"{kind} mask" in view.explanation() and "seed" not in view.explanation()


def test_what_can_not_be_asked_of_masks_is_said(explorer, clip_path):
    clip = ClipRequest(clip_path)
    with pytest.raises(RequestError, match="There is no mask kind 'stripes'; give tube, "):
        explorer.reconstruct(clip, MaskRequest("stripes"))
    with pytest.raises(RequestError, match="hidden 0 times; give a whole number from 1"):
        next(explorer.many_masks(clip, times=0))
    with pytest.raises(RequestError, match="Of the kind 'attended' there is one mask"):
        next(explorer.many_masks(clip, MaskRequest("attended", 0.5)))
    *_, view = explorer.many_masks(clip, MaskRequest("random", 0.5, 4), 2)
    assert view.many.times.min() >= 2
    assert view.reconstruction.mask.tolist() == (
        explorer.reconstruct(clip, MaskRequest("random", 0.5, 4)).reconstruction.mask.tolist()
    )
