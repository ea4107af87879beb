"""Who can reach a page, and what visitors of a public one may load."""

import contextlib
import dataclasses
import urllib.request

import pytest
from conftest import free_port, serve

from videomae_demo.errors import RequestError
from videomae_demo.limits import DEFAULT_LIMITS
from videomae_demo.pool import KEPT_EXPLORERS, ExplorerPool
from videomae_demo.ui.gradio_edge.exposure import is_public

TIGHT = dataclasses.replace(DEFAULT_LIMITS, weights_mb=800)


@pytest.mark.parametrize(
    "environment",
    [
        {"SPACE_ID": "owner/space"},
        {"GRADIO_SHARE": "True"},
        {"GRADIO_SERVER_NAME": "0.0.0.0"},
        {"GRADIO_SERVER_NAME": "::"},
        {"GRADIO_SERVER_NAME": "example.org"},
        {"GRADIO_SERVER_NAME": ""},
    ],
)
def test_strangers_reach_a_space_a_share_link_and_an_open_server(environment):
    assert is_public(environment)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "::1", "[::1]"])
def test_a_page_of_ones_own_is_not_public(name):
    assert not is_public({})
    assert not is_public({"GRADIO_SERVER_NAME": name, "GRADIO_SHARE": "False"})


def test_a_public_page_offers_no_weights_beyond_its_limit():
    public = ExplorerPool("bundled", limits=TIGHT, public=True)
    names = {offer.name for offer in public.offers()}
    assert {"bundled", "base-finetuned-kinetics"} <= names
    assert not names & {"large-finetuned-kinetics", "huge-finetuned-kinetics"}
    with pytest.raises(RequestError, match=r"large-.* 2\.6 GB, .* up to 800 MB .*WEIGHTS_MB"):
        public.get("large-finetuned-kinetics")
    assert ExplorerPool("bundled", limits=TIGHT).offer("large-finetuned-kinetics")


def test_what_the_owner_asked_for_may_be_of_any_size():
    asked = ExplorerPool("huge-finetuned-kinetics", limits=TIGHT, public=True)
    assert asked.offer("huge-finetuned-kinetics").name == asked.default


def test_what_the_owner_asked_for_need_not_name_labels(recogniser_folder):
    pretrained = ExplorerPool("base")
    assert pretrained.offer("base").line.endswith("(asked for) - 377 MB to download")
    unknown = ExplorerPool("some-one/else")
    assert unknown.offer("some-one/else").line == (
        "else (asked for) - an unknown amount to download"
    )
    assert ExplorerPool(str(recogniser_folder)).offers()[0].is_here


@pytest.mark.parametrize("public", [False, True])
@pytest.mark.parametrize("name", ["/etc", "..", "some-one/else", "base-finetuned-kinetics/../x"])
def test_a_visitor_opens_no_folder_and_no_repository(name, public, tmp_path):
    pool = ExplorerPool("bundled", public=public)
    for given in (name, str(tmp_path)):
        with pytest.raises(RequestError, match="no weights"):
            pool.get(given)


def test_all_explorers_together_stay_within_the_memory_for_caches(monkeypatch):
    made = []
    monkeypatch.setattr(
        "videomae_demo.explorer.Explorer",
        lambda *names, cache_bytes, limits, clips, others: made.append(
            (cache_bytes, limits, clips, others)
        ),
    )
    limits = dataclasses.replace(DEFAULT_LIMITS, cache_mb=100)
    pool = ExplorerPool("bundled", limits=limits)
    pool.get("bundled")
    ((share, given, clips, others),) = made
    assert others is pool  # so that what is compared with it takes no memory beyond
    assert share * KEPT_EXPLORERS + clips._cache.limit_bytes <= 100 * 2**20
    assert share * (KEPT_EXPLORERS + 1) > 99 * 2**20
    assert given == limits


@pytest.mark.slow
def test_a_public_page_keeps_uploads_for_two_hours_unless_told_otherwise(tmp_path):
    for variables, hours in (
        ({"SPACE_ID": "owner/space"}, 2),
        ({"SPACE_ID": "owner/space", "VIDEOMAE_MAX_KEPT_HOURS": "5"}, 5),
    ):
        port = free_port()
        with contextlib.closing(serve(["app.py"], port, tmp_path / "log", **variables)) as page:
            config = urllib.request.urlopen(f"{next(page)}/config").read().decode()
        assert f"deleted after about {hours} hours" in config
