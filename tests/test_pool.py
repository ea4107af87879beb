"""What the list of weights says: sizes, accuracies, and what loading would bring."""

import contextlib
from types import SimpleNamespace

import pytest

from videomae_demo import pool as pools
from videomae_demo.checkpoints.download import DownloadProgress
from videomae_demo.errors import CheckpointError, RequestError
from videomae_demo.limits import Limits
from videomae_demo.pool import ExplorerPool, Offer, describe_download


@pytest.fixture
def here(monkeypatch) -> set[str]:
    """The checkpoints that are on this machine; the bundled ones always are."""
    names = {"bundled", "bundled-pretraining"}
    monkeypatch.setattr(pools, "is_here", names.__contains__)
    return names


def offer_of(name: str, pool: ExplorerPool | None = None) -> Offer:
    return (pool or ExplorerPool()).offer(name)


@pytest.mark.parametrize(
    ("present", "megabytes"),
    [
        ((), 88 + 377),
        (("base",), 88),
        (("small-finetuned-kinetics",), 377),
        (("small-finetuned-kinetics", "base"), 0),
    ],
)
def test_a_download_is_what_is_not_here_of_both_halves(here, present, megabytes):
    here.update(present)
    offer = offer_of("small-finetuned-kinetics")
    assert offer.download_mb == megabytes
    assert offer.is_here == (megabytes == 0)
    where = "on this machine" if offer.is_here else f"{megabytes} MB to download"
    assert offer.line == f"Small, Kinetics-400 - {where}"
    assert (f"downloads {megabytes} MB" in offer.sentence) != offer.is_here


@pytest.mark.parametrize(
    ("megabytes", "told"),
    [
        (None, "an unknown amount"),
        (999, "999 MB"),
        (1000, "1.0 GB"),
        (1500, "1.5 GB"),
        (2905, "2.9 GB"),
    ],
)
def test_sizes_are_told_in_mb_and_from_1000_in_gb(megabytes, told):
    offer = Offer("x", "X", False, megabytes, "MIT", "")
    assert offer.line == f"X - {told} to download"
    assert f"Loading downloads {told} from" in offer.sentence


def test_an_offer_tells_its_accuracy_its_licence_and_its_partner(here):
    sentence = offer_of("huge-finetuned-kinetics").sentence
    assert "86.6 % top-1 and 97.1 % top-5 on Kinetics-400 (5 clips x 3 crops a video)." in sentence
    assert "Licence: CC BY-NC 4.0." in sentence
    assert "2.9 GB" in sentence  # 2528 and 377 MB
    assert "the other half is a different model" in sentence
    assert "different model" not in offer_of("large-finetuned-kinetics").sentence
    assert "nothing to download" in offer_of("bundled").sentence


def test_what_was_asked_for_is_told_with_its_size(here):
    pool = ExplorerPool("large")
    offer = offer_of("large", pool)
    assert offer.title.endswith("(asked for)")
    assert offer.line.endswith("1.4 GB to download")  # 1372 MB


@pytest.mark.parametrize(
    ("done", "total", "told"),
    [
        (1_540_000, 9_990_000, "1.5 of 10.0 MB, 15%"),
        (2_000_000, 10_000_000, "2.0 of 10 MB, 20%"),
        (173_000_000, 346_000_000, "173 of 346 MB, 50%"),
    ],
)
def test_the_progress_of_a_download_is_told_in_millions_of_bytes(done, total, told):
    said = describe_download(DownloadProgress("large", done, total), ["other", "large"])
    assert said == f"Downloading Large, pretrained on Kinetics-400 (2 of 2): {told}"


@pytest.mark.parametrize(("most_mb", "allowed"), [(464, False), (465, True)])
def test_a_public_page_refuses_both_halves_beyond_its_limit(here, most_mb, allowed):
    name = "small-finetuned-kinetics"
    pool = ExplorerPool(limits=Limits(weights_mb=most_mb), public=True)
    assert (name in {offer.name for offer in pool.offers()}) == allowed
    if not allowed:
        with pytest.raises(RequestError, match=r"465 MB, and visitors .* up to 464"):
            pool.offer(name)
    private = ExplorerPool(limits=Limits(weights_mb=most_mb))
    assert private.offer(name).download_mb == 465
    owned = ExplorerPool(name, limits=Limits(weights_mb=most_mb), public=True)
    assert owned.offer(name).download_mb == 465


def test_kinetics_weights_are_preferred_where_they_are_here(here):
    assert ExplorerPool().default == "bundled"
    here.update({"base-finetuned-kinetics", "base"})
    assert ExplorerPool().default == "base-finetuned-kinetics"
    assert ExplorerPool("bundled").default == "bundled"
    names = [offer.name for offer in ExplorerPool().offers()]
    assert names[:2] == ["bundled", "base-finetuned-kinetics"]


def test_the_explorer_that_was_not_used_for_longest_goes(here):
    made = []

    def make(name, reconstructor):
        made.append((name, reconstructor))
        return object()

    pool = ExplorerPool("bundled", "large", make=make)
    first = pool.get("bundled")
    pool.get("base-finetuned-kinetics")
    assert pool.get("bundled") is first  # used again, so the other one is older
    pool.get("base-finetuned-ssv2")
    assert pool.get("bundled") is first
    pool.get("base-finetuned-kinetics")
    # The reconstructor that was asked for goes with the weights that were asked for.
    assert made == [
        ("bundled", "large"),
        ("base-finetuned-kinetics", None),
        ("base-finetuned-ssv2", None),
        ("base-finetuned-kinetics", None),
    ]


def test_explorers_share_the_memory_of_the_page(here, monkeypatch):
    given = {}

    class Explorer:
        def __init__(self, weights, reconstructor, **options):
            given.update(options)

    monkeypatch.setattr("videomae_demo.explorer.Explorer", Explorer)
    ExplorerPool(limits=Limits(cache_mb=6)).get("bundled")
    assert given["cache_bytes"] == 2 * 2**20  # two Explorers, and the clips
    assert given["clips"]._cache.limit_bytes == 2 * 2**20
    assert given["limits"] == Limits(cache_mb=6)


def test_kinetics_weights_stand_in_base_before_small(here):
    assert ExplorerPool().default == "bundled"
    here.add("small-finetuned-kinetics")
    assert ExplorerPool().default == "small-finetuned-kinetics"
    here.add("large-finetuned-kinetics")
    here.add("base-finetuned-kinetics")
    assert ExplorerPool().default == "base-finetuned-kinetics"


def test_what_is_absent_is_told_by_halves(here):
    pool = ExplorerPool()
    here.add("base-finetuned-kinetics")
    assert pool.absent("base-finetuned-kinetics") == ("base",)
    assert pool.absent("base-finetuned-kinetics", ("recogniser",)) == ()
    assert pool.absent("base-finetuned-kinetics", ("reconstructor",)) == ("base",)
    said = pool.describe_reconstructor("base-finetuned-kinetics")
    assert said.endswith("licence CC BY-NC 4.0; it is fetched when a lens needs it")
    here.add("base")
    assert "fetched" not in pool.describe_reconstructor("base-finetuned-kinetics")
    assert pool.describe_reconstructor("someone/own") == ""


class Coming:
    """Weights that can be had at the third try."""

    def __init__(self) -> None:
        self.tried = 0
        self.reconstructor = None

    @property
    def recogniser(self):
        self.tried += 1
        if self.tried < 3:
            raise CheckpointError("The hub is down.")
        return None


def test_weights_that_can_not_be_had_are_tried_again_until_they_can(here):
    explorers = {"someone/own": Coming(), "bundled": SimpleNamespace(recogniser=None)}
    pool = ExplorerPool("someone/own", make=lambda name, _: explorers[name])
    pool.download = lambda checkpoints: contextlib.nullcontext(())
    assert not pool.warm_up_or_stand_in()
    assert (pool.trouble, pool.usable) == ("The hub is down.", "bundled")
    pool.keep_warming_up(wait_s=0)
    assert explorers["someone/own"].tried == 3
    assert (pool.trouble, pool.usable) == ("", "someone/own")


def test_a_page_without_a_decoder_opens_all_the_same(here, caplog):
    class Half:
        recogniser = None

        @property
        def reconstructor(self):
            raise CheckpointError("There is no decoder.")

    pool = ExplorerPool("bundled", make=lambda name, _: Half())
    assert pool.warm_up_or_stand_in()
    assert "without a reconstructor: There is no decoder." in caplog.text


def test_bundled_weights_that_are_broken_end_the_start(here):
    class Broken:
        @property
        def recogniser(self):
            raise CheckpointError("It is broken.")

    pool = ExplorerPool("bundled", make=lambda name, _: Broken())
    with pytest.raises(CheckpointError, match="broken"):
        pool.keep_warming_up(wait_s=0)
