"""What a batch of pairs is turned into: every picture of a place alike."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra train is not installed")

from whence.encode.preprocessing import Preprocessing  # noqa: E402
from whence.train.crossview.data.types import Part, Pictures  # noqa: E402
from whence.train.crossview.feed import KindFeed  # noqa: E402
from whence.train.feed import generator_of  # noqa: E402
from whence.train.recipe import Augment  # noqa: E402


@pytest.mark.parametrize("registered", [True, False])
def test_pictures_of_a_place_are_turned_together(registered: bool) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
    places = np.arange(5)
    pictures = {name: Pictures(pixels, places, np.ones(5, bool)) for name in ("satellite", "relief")}
    part = Part(pictures, np.zeros(5), np.zeros(5))
    feed = KindFeed(part, Preprocessing(crop_px=8, resize_px=8), Augment(turn=True), registered)
    plain = feed.pictures({"satellite": places})["satellite"]
    seen = set()
    for step in range(40):
        found = feed.pictures({"satellite": places, "relief": places}, generator_of(0, step))
        assert torch.equal(found["satellite"], found["relief"])
        seen.add(found["satellite"].contiguous().numpy().tobytes())
    ways = [torch.rot90(x, turn, (2, 3)).contiguous() for x in (plain, plain.flip(3)) for turn in range(4)]
    assert seen == {way.numpy().tobytes() for way in ways}
