"""What lets a page start soon: pictures that are read meanwhile, garbage that is left alone."""

import gc

import numpy as np
import pytest

from videomae_demo.errors import VideoError
from videomae_demo.limits import DEFAULT_LIMITS, Limits
from videomae_demo.ui import examples as examples_of_the_page
from videomae_demo.ui import serve as serving
from videomae_demo.ui.examples import Example, begin_pictures, thumbnail


@pytest.fixture
def read(monkeypatch) -> list[Example]:
    """The clips that were read for their pictures."""
    read = []
    true = examples_of_the_page._read_thumbnail

    def note(example, limits):
        read.append(example)
        return true(example, limits)

    monkeypatch.setattr(examples_of_the_page, "_read_thumbnail", note)
    return read


def test_a_picture_that_was_begun_is_read_once_and_is_the_same(clip_path, read):
    example = Example(clip_path, "square")
    wanted = thumbnail(example)
    read.clear()
    begin_pictures([example], DEFAULT_LIMITS)
    np.testing.assert_array_equal(thumbnail(example), wanted)
    assert read == [example]
    thumbnail(example)  # the file may be another one by now
    assert read == [example, example]


def test_a_picture_that_was_begun_within_other_limits_does_not_count(clip_path, read):
    example = Example(clip_path, "square")
    begin_pictures([example], DEFAULT_LIMITS)
    with pytest.raises(VideoError):
        thumbnail(example, Limits(clip_frames=1))
    thumbnail(example)
    assert read == [example, example]


def test_a_clip_that_is_broken_is_said_to_whoever_asks(tmp_path):
    broken = Example(tmp_path / "broken.mp4", "broken")
    broken.path.write_bytes(b"no clip")
    begin_pictures([broken], DEFAULT_LIMITS)
    with pytest.raises(VideoError):
        thumbnail(broken)


@pytest.fixture
def collecting():
    yield
    gc.enable()
    gc.unfreeze()


def test_garbage_is_looked_for_again_once_the_page_is_there(collecting):
    frozen = gc.get_freeze_count()
    with serving._keeping_all():
        assert not gc.isenabled()
        kept = [[number] for number in range(1000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() - frozen > len(kept)


def test_garbage_is_looked_for_again_after_a_page_that_failed(collecting):
    with pytest.raises(OSError, match="no port"), serving._keeping_all():
        raise OSError("no port")
    assert gc.isenabled()
