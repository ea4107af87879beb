import torch

from videomae_demo.training.data import MIRRORED, ClipSource, generator_for, normalise, swap
from videomae_demo.training.synthetic import LABELS, REVERSED


def test_a_step_decides_its_batch():
    first, second = (ClipSource(16, 4, pool_clips=8, uses=2) for _ in range(2))
    for step in (0, 1, 2):
        first.batch(step)
    again, anew = first.batch(5), second.batch(5)
    torch.testing.assert_close(again.pixel_values, anew.pixel_values)
    assert torch.equal(again.labels, anew.labels)


def test_seeds_and_pools_show_other_clips():
    source, other = ClipSource(16, 8, pool_clips=8, uses=1), ClipSource(16, 8, seed=1, pool_clips=8)
    assert not torch.equal(source.batch(0).pixel_values, other.batch(0).pixel_values)
    assert not torch.equal(source.batch(0).pixel_values, source.batch(1).pixel_values)


def test_labels_follow_the_mirror_and_the_reversal(monkeypatch):
    source = ClipSource(16, 16, pool_clips=16, uses=50)
    plain = source.batch(0)
    source._frames = (torch.arange(16 * 16) % 251).to(torch.uint8).reshape(16, 16, 1, 1, 1)
    source._frames = source._frames * torch.ones(1, 1, 3, 16, 16, dtype=torch.uint8)
    source._frames[..., 0] = 255  # the left edge is bright
    source._labels = torch.arange(16)
    seen = set()
    for step in range(20):
        batch = source.batch(step)
        frames = batch.pixel_values
        for clip, label in zip(frames, batch.labels, strict=True):
            mirrored = bool((clip[0, 0, :, -1] > clip[0, 0, :, 0]).all())
            value = clip[:, 0, 0, 8]
            backwards = bool(value[0] > value[-1])
            original = next(
                number for number in range(16) if _turn(number, mirrored, backwards) == label
            )
            seen.add((original, mirrored, backwards))
    assert plain.labels.shape == (16,)
    assert {(m, b) for _, m, b in seen} == {(m, b) for m in (True, False) for b in (True, False)}


def _turn(label: int, mirrored: bool, backwards: bool) -> int:
    if mirrored:
        label = int(swap(MIRRORED)[label])
    return int(swap(REVERSED)[label]) if backwards else label


def test_swapping_twice_changes_nothing():
    for pairs in (MIRRORED, REVERSED):
        table = swap(pairs)
        assert torch.equal(table[table], torch.arange(len(LABELS)))
        for one, other in pairs.items():
            assert table[LABELS.index(one)] == LABELS.index(other)
            assert table[LABELS.index(other)] == LABELS.index(one)


def test_generators_are_decided_by_their_numbers():
    assert torch.equal(
        torch.rand(3, generator=generator_for(1, 2)), torch.rand(3, generator=generator_for(1, 2))
    )
    assert not torch.equal(
        torch.rand(3, generator=generator_for(1, 2)), torch.rand(3, generator=generator_for(2, 1))
    )


def test_frames_are_normalised_as_published():
    white = normalise(torch.ones(1, 3, 2, 2))
    expected = torch.tensor([0.515 / 0.229, 0.544 / 0.224, 0.594 / 0.225])
    torch.testing.assert_close(white[0, :, 0, 0], expected)
