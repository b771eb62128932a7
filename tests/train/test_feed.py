"""Batches: who is in them, and what augmentation may do."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra train is not installed")

from whence.encode.preprocessing import Preprocessing  # noqa: E402
from whence.train.data.types import Part  # noqa: E402
from whence.train.feed import Feed, generator_of  # noqa: E402
from whence.train.recipe import Augment  # noqa: E402

_PREPROCESSING = Preprocessing(
    crop_px=8, resize_px=8, mean_r=0.2, mean_g=0.4, mean_b=0.6, deviation_r=0.1, deviation_g=0.2, deviation_b=0.3
)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def _part(count: int = 50) -> Part:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    return Part(pixels, rng.uniform(-90, 90, count), rng.uniform(-180, 180, count))


def _feed(**augment: float) -> Feed:
    return Feed(_part(), _PREPROCESSING, Augment(**augment) if augment else None)  # type: ignore[arg-type]


def _raw(batch: torch.Tensor) -> torch.Tensor:
    """Back to 0..255."""
    p = _PREPROCESSING
    mean = torch.tensor([p.mean_r, p.mean_g, p.mean_b])[:, None, None]
    deviation = torch.tensor([p.deviation_r, p.deviation_g, p.deviation_b])[:, None, None]
    return (batch * deviation + mean) * 255


def test_every_picture_comes_once_an_epoch() -> None:
    feed = _feed()
    epochs = [torch.cat([feed.rows(3, epoch * 5 + step, 10) for step in range(5)]) for epoch in range(2)]
    for seen in epochs:
        assert sorted(seen.tolist()) == list(range(50))
    assert not torch.equal(*epochs)
    assert not torch.equal(feed.rows(3, 0, 10), feed.rows(4, 0, 10))


def test_what_fills_no_batch_waits_for_another_epoch() -> None:
    feed = _feed()
    seen = [torch.cat([feed.rows(0, epoch * 4 + step, 12) for step in range(4)]).tolist() for epoch in range(8)]
    assert all(len(rows) == len(set(rows)) == 48 for rows in seen)
    assert set().union(*seen) == set(range(50))
    assert len(feed.rows(0, 0, 80)) == 50, "a batch larger than the part is the part"


def test_a_step_is_the_same_whenever_it_is_asked_for() -> None:
    first, again = _feed(brightness=0.3, shift_px=2, noise=0.1), _feed(brightness=0.3, shift_px=2, noise=0.1)
    for step in range(3):
        first.batch(first.rows(0, step, 8), generator_of(0, step, 2))
    rows = again.rows(0, 3, 8)
    assert torch.equal(rows, first.rows(0, 3, 8))
    assert torch.equal(first.batch(rows, generator_of(0, 3, 2)), again.batch(rows, generator_of(0, 3, 2)))
    assert not torch.equal(first.batch(rows, generator_of(0, 3, 2)), first.batch(rows, generator_of(0, 4, 2)))


def test_without_augmentation_it_is_the_preprocessing() -> None:
    rows = torch.tensor([4, 0, 49])
    wanted = _PREPROCESSING.normalise(_part().inputs[rows.numpy()])
    generator = generator_of(0, 0, 2)
    np.testing.assert_allclose(_feed().batch(rows, generator).numpy(), wanted, atol=1e-5)
    augmenting = _feed(brightness=0.5, contrast=0.5, colour=0.5, shift_px=3, noise=1.0)
    np.testing.assert_allclose(augmenting.batch(rows).numpy(), wanted, atol=1e-5)
    assert augmenting.batch(rows, generator).shape == wanted.shape


@pytest.mark.parametrize("change", ["brightness", "colour"])
def test_factors_are_bounded(change: str) -> None:
    rows = torch.arange(50)
    plain, changed = (_raw(_feed(**{change: 0.2}).batch(rows, g)) for g in (None, generator_of(0, 0, 2)))
    factor = (changed / plain.clamp(min=1)).amax(dim=(2, 3))
    assert factor.max() <= 1.2 + 1e-4
    assert factor.min() >= 0.8 - 1e-4
    assert factor.std() > 0.05
    if change == "brightness":
        assert torch.allclose(factor, factor[:, :1].expand(-1, 3), atol=1e-4), "one factor for all channels"


def test_contrast_keeps_the_mean_and_is_bounded() -> None:
    rows = torch.arange(50)
    plain, changed = (_raw(_feed(contrast=0.3).batch(rows, g)) for g in (None, generator_of(0, 0, 2)))
    assert torch.allclose(plain.mean(dim=(2, 3)), changed.mean(dim=(2, 3)), atol=0.01)
    factor = changed.std(dim=(2, 3)) / plain.std(dim=(2, 3))
    assert 0.7 - 1e-3 <= factor.min() < factor.max() <= 1.3 + 1e-3


def test_a_shift_moves_no_further_than_it_may() -> None:
    part = Part(np.zeros((1, 8, 8, 3), np.uint8), np.zeros(1), np.zeros(1))
    part.inputs[0, 4, 4] = 255
    feed = Feed(part, _PREPROCESSING, Augment(shift_px=2))
    seen = set()
    for step in range(120):
        bright = _raw(feed.batch(torch.tensor([0]), generator_of(0, step, 2)))[0, 0]
        row, column = divmod(int(bright.argmax()), 8)
        seen.add((row - 4, column - 4))
    assert seen == {(down, right) for down in range(-2, 3) for right in range(-2, 3)}


def test_a_batch_is_turned_alike_in_all_eight_ways() -> None:
    feed = _feed(turn=True)
    plain = _raw(Feed(_part(), _PREPROCESSING).batch(torch.arange(3)))
    ways = [torch.rot90(x, turn, (2, 3)) for x in (plain, plain.flip(3)) for turn in range(4)]
    seen = set()
    for step in range(60):
        found = _raw(feed.batch(torch.arange(3), generator_of(0, step, 2)))
        same = [torch.allclose(found, way, atol=1e-2) for way in ways]
        assert sum(same) == 1
        seen.add(same.index(True))
    assert seen == set(range(8))


def test_features_are_never_changed() -> None:
    features = np.random.default_rng(0).normal(size=(6, 5))
    feed = Feed(Part(features, np.zeros(6), np.zeros(6)), None, Augment(noise=1.0, brightness=0.5))
    found = feed.batch(torch.arange(6), generator_of(0, 0, 2))
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), features, rtol=1e-6)
