"""What a visitor chose is kept, or forgotten, where it means something or nothing."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from asking import (
    MadeShelf,
    controls_of,
    explored,
    label_of,
    last,
    look_up,
    mask_of,
    panel_of,
    set_mask,
    set_rollout,
    settings_of,
)
from made_views import (
    made_card,
    made_clip,
    made_heads,
    made_labels,
    made_many,
    made_reconstruction,
    made_relevance,
    made_rollout,
    made_tokens,
    made_what_if,
)

from videomae_demo.analysis.settings import RolloutSettings
from videomae_demo.engine.clips import Overview
from videomae_demo.lenses.compare import CompareView
from videomae_demo.lenses.masks import MaskRequest
from videomae_demo.lenses.plan import Plan
from videomae_demo.pool import HALVES, ExplorerPool, Offer
from videomae_demo.ui.examples import Example
from videomae_demo.ui.handlers import Handlers
from videomae_demo.ui.lenses.registry import LENSES
from videomae_demo.ui.session import Session


class MadeExplorer:
    """Gives the views that were made by hand, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list = []
        self.id2label = dict(enumerate(made_labels().classification.labels))
        config = SimpleNamespace(num_hidden_layers=6, num_attention_heads=3, id2label=self.id2label)
        self.recogniser = SimpleNamespace(card=made_card(), model=SimpleNamespace(config=config))
        self.reconstructor = SimpleNamespace(card=made_card(), model=self.recogniser.model)
        self.device = "cpu"
        self.seconds = {}

    def see(self, request):
        return made_clip(path=request.path)

    def as_given(self, request):
        return self.see(request).frames

    def overview(self, request):
        return Overview(self.see(request).frames[:1], np.zeros(1))

    def classify(self, request, hidden=None):
        return replace(made_labels(), clip=self.see(request))

    def explain(self, request, asked):
        return replace(made_relevance(), clip=self.see(request))

    def heads(self, request, asked):
        return replace(made_heads(asked), clip=self.see(request))

    def other_weights(self):
        return [("Tested", "tested"), ("Other", "other")]

    def beside(self, name, with_decoder=False):
        return self

    def compare(self, request, other, asked):
        made = {
            "labels": made_labels,
            "attention": lambda: made_rollout(RolloutSettings()),
            "relevance": made_relevance,
            "reconstruction": made_reconstruction,
            "what_if": lambda: made_what_if(shown=asked.shown),
        }[asked.what]
        one, two = made(), made()
        yield CompareView(one.checkpoint, one.clip, made_card(title=other), asked, one, two)

    def tokens(self, request, asked):
        return replace(made_tokens(), clip=self.see(request), request=asked)

    def many_masks(self, request, mask):
        view = self.reconstruct(request, mask)
        yield replace(view, many=replace(made_many(), masks=2, planned=4))
        yield replace(view, many=made_many())

    def probe_one(self, request, asked):
        return replace(made_what_if(shown=asked.shown), clip=self.see(request))

    def probe(self, request, asked):
        yield self.probe_one(request, asked)

    def attend(self, request, settings):
        self.asked.append(settings)
        return made_rollout(settings)

    def known_sweep(self, request, kind):
        return None

    def plan_timeline(self, request, asked):
        return Plan(3, 3, None)

    def known_timeline(self, request, asked):
        return None

    def reconstruct(self, request, mask):
        self.asked.append(mask)
        return replace(made_reconstruction(), mask=replace(mask, ratio=mask.ratio or 0.75))


class Pool(ExplorerPool):
    """Has two names for one Explorer, and all that is needed on this machine."""

    def absent(self, name, halves=HALVES):
        return ()

    def offers(self):
        return [Offer(name, name, True, 0, "MIT", "") for name in ("tested", "large")]


@pytest.fixture
def explorer() -> MadeExplorer:
    return MadeExplorer()


@pytest.fixture
def made(tmp_path, explorer) -> Handlers:
    def save(content: bytes, name: str) -> str:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}-{name}"
        path.write_bytes(content)
        return str(path)

    examples = (Example(tmp_path / "first.mp4", "first"), Example(tmp_path / "b.mp4", "second"))
    pool = Pool("tested", make=lambda weights, reconstructor: explorer)
    return Handlers(pool, LENSES, MadeShelf(*examples), save)


@pytest.fixture
def chosen(made) -> Session:
    """A session in which all was chosen that can be."""
    session = explored(made)
    session = last(list(look_up(made, session, "skip")), "session")
    session = last(list(set_rollout(made, session, "max", 0.5, 2, 5)), "session")
    session = last(list(made.choose(session, [1, 0, 2])), "session")
    session = last(list(set_mask(made, session, "ratio", "random", 0.6, 7)), "session")
    assert label_of(session) == "skip"
    return session


def first_label(pages):
    """What the field of the label was set to first."""
    held = [page.controls.get("recognise", {}) for page in pages]
    return next(controls["label"] for controls in held if "label" in controls)


def said(pages) -> str:
    return json.dumps(panel_of(pages, "recognise"))


def test_another_clip_forgets_the_label_and_the_token(made, chosen):
    pages = list(made.pick(chosen, "b"))
    session = last(pages, "session")
    assert session.clip.path.name == "b.mp4"
    assert label_of(session) is None and first_label(pages) is None
    assert "rank" not in said(pages)
    assert settings_of(session) == RolloutSettings("max", 0.5, 2, 5)
    assert mask_of(session) == MaskRequest("random", 0.6, 7)


def test_other_weights_forget_the_token_the_layers_and_a_label_they_do_not_know(
    made, explorer, chosen
):
    explorer.asked.clear()
    del explorer.id2label[list(explorer.id2label.values()).index("skip")]
    pages = list(made.load(chosen, "large"))
    session = last(pages, "session")
    assert session.weights == "large"
    for lens in ("attend", "reconstruct"):
        list(made.open_lens(session, lens))
    field = first_label(pages)
    assert label_of(session) is None and field["value"] is None
    assert field["choices"] == sorted(explorer.id2label.values())
    assert "rank" not in said(pages)
    assert explorer.asked == [RolloutSettings("max", 0.5), MaskRequest("random", 0.75, 7)]


def test_other_weights_keep_a_label_that_they_know(made, chosen):
    pages = list(made.load(chosen, "large"))
    assert label_of(last(pages, "session")) == "skip"
    assert "skip: 8.00%, rank 4 of 7" in said(pages)


def test_the_label_stays_while_the_clip_does(made, chosen):
    pages = list(look_up(made, chosen, "walk"))
    assert label_of(last(pages, "session")) == "walk"
    assert "walk: 6.00%, rank 5 of 7" in said(pages)
    assert label_of(last(list(look_up(made, chosen, "")), "session")) is None


def test_the_last_layer_is_all_layers(made, chosen):
    assert settings_of(chosen).last_layer == 5
    session = last(list(set_rollout(made, chosen, "max", 0.5, 2, 6)), "session")
    assert settings_of(session).last_layer is None


def test_labels_are_looked_up_in_the_order_of_the_alphabet(made):
    held = controls_of(list(made.open(Session("tested"))), "recognise")
    assert held["label"]["choices"] == [
        "hop",
        "jump",
        "lie",
        "run",
        "sit",
        "skip",
        "walk",
    ]


def test_files_are_those_of_what_was_chosen(made, explorer, chosen, tmp_path):
    explorer.asked.clear()
    list(made.files(chosen, "recognise", tmp_path / "labels"))
    asked = json.loads((tmp_path / "labels" / "labels.json").read_text())["asked"]
    assert (asked["label"], asked["rank"]) == ("skip", 4)
    list(made.files(chosen, "attend", tmp_path / "attention"))
    list(made.files(chosen, "reconstruct", tmp_path / "pictures"))
    assert explorer.asked == [
        RolloutSettings("max", 0.5, 2, 5, (1, 0, 2)),
        MaskRequest("random", 0.6, 7),
    ]
