"""World chips as training data."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch", reason="the extra train is not installed")

from whence.core.errors import OptionError
from whence.earth.coordinates import distance_km
from whence.train.data.chips import Chips, Config


@pytest.fixture(scope="module")
def raster(tmp_path_factory: pytest.TempPathFactory) -> str:
    drawn = np.random.default_rng(0).integers(60, 200, (90, 180, 3), dtype=np.uint8)
    path = tmp_path_factory.mktemp("world") / "world.png"
    Image.fromarray(drawn).save(path)
    return str(path)


def test_a_buffer_keeps_training_chips_away_from_those_held_out(raster: str) -> None:
    small = Config(raster=raster, count=600, side_px=8, split="blocks", gallery=50)
    data = Chips(small).load(3)
    apart = Chips(Config(**{**small.__dict__, "buffer_km": 300.0})).load(3)
    assert len(apart.train) < len(data.train)
    np.testing.assert_array_equal(apart.test.lat_deg, data.test.lat_deg)
    for part in (apart.validation, apart.test):
        gaps = distance_km(
            apart.train.lat_deg[:, None], apart.train.lon_deg[:, None], part.lat_deg[None], part.lon_deg[None]
        )
        assert gaps.min() >= 300


def test_noise_has_the_deviation_asked_for_and_changes_no_place(raster: str) -> None:
    small = Config(raster=raster, count=300, side_px=16, gallery=50)
    clean = Chips(small).load(1)
    noisy = Chips(Config(**{**small.__dict__, "noise": 10.0})).load(1)
    np.testing.assert_array_equal(clean.train.lat_deg, noisy.train.lat_deg)
    difference = noisy.train.inputs.astype(float) - clean.train.inputs
    assert difference.std() == pytest.approx(10.0, rel=0.02)
    assert abs(difference.mean()) < 0.1


def test_noise_beyond_the_range_of_a_pixel_is_refused(raster: str) -> None:
    with pytest.raises(OptionError, match="noise"):
        Chips(Config(raster=raster, noise=-1.0))
