import json

import numpy as np
import pytest

from videomae_demo import describe
from videomae_demo.explorer import Explorer, RolloutSettings
from videomae_demo.views import ClipRequest, MaskRequest


@pytest.fixture(scope="module")
def explorer(recogniser_folder, reconstructor_folder):
    return Explorer(str(recogniser_folder), str(reconstructor_folder), device="cpu")


def test_descriptions_are_json_and_agree_with_the_views(explorer, clip_path):
    request = ClipRequest(clip_path)
    labels = explorer.classify(request)
    described = json.loads(json.dumps(describe.describe_labels(labels, 2, "staying still")))
    best = labels.classification.top(1)[0]
    assert described["labels"][0] == {"label": best.label, "probability": best.probability}
    assert described["asked"]["rank"] == labels.classification.find("staying still").rank
    rollout = explorer.attend(request, RolloutSettings(query=(1, 2, 3)))
    described = json.loads(json.dumps(describe.describe_rollout(rollout)))
    assert described["settings"]["query"] == [1, 2, 3]
    assert np.mean(described["over_time"]) == pytest.approx(1)
    masked = explorer.reconstruct(request, MaskRequest(ratio=0.5))
    described = json.loads(json.dumps(describe.describe_reconstruction(masked)))
    assert described["hidden_tokens"] == 16
    assert described["leaks"] == []
    assert described["psnr_db"]["prediction"] == masked.reconstruction.prediction.psnr_db


def test_sentences_name_what_was_done(explorer, clip_path):
    request = ClipRequest(clip_path)
    whole = describe.explain_rollout(explorer.attend(request))
    assert "all layers (heads fused by mean)" in whole and "not proof of cause" in whole
    part = RolloutSettings("max", 0.25, first_layer=2, query=(0, 0, 1))
    told = describe.explain_rollout(explorer.attend(request, part))
    assert "layers 2 to the last (heads fused by max, the lowest 25% discarded)" in told
    assert "the token at time 0, row 0, column 1" in told
    told = describe.explain_reconstruction(explorer.reconstruct(request, MaskRequest(seed=4)))
    assert "75% of the tokens were hidden (tube mask, seed 4)" in told
    assert "leak" not in told
