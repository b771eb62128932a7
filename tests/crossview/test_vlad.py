from __future__ import annotations

import numpy as np
import pytest

from made_ground import ground
from whence.core.errors import OptionError
from whence.crossview.encoders import open_encoder
from whence.crossview.vlad import Config, VladEncoder, VladTable, with_data
from whence.samples.view import ViewKind


@pytest.fixture(scope="module")
def encoder() -> VladEncoder:
    found = open_encoder()
    assert isinstance(found, VladEncoder)
    return found


def test_a_piece_is_closest_to_the_tile_that_shows_the_same_ground(encoder: VladEncoder) -> None:
    tiles = [ground(seed) for seed in range(6)]
    generator = np.random.default_rng(0)
    views = [tile[40:600, 60:620] * 0.8 + generator.normal(0, 6, (560, 560, 3)) for tile in tiles]
    views = [np.clip(view, 0, 255).astype(np.uint8) for view in views]
    products = encoder.embed(views, ViewKind.DRONE) @ encoder.embed(tiles, ViewKind.SATELLITE).T
    assert (products.argmax(axis=1) == np.arange(6)).all()


def test_rows_are_unit_vectors_that_do_not_hang_on_the_others(encoder: VladEncoder) -> None:
    pictures = [ground(1), ground(2, 300)]
    rows = encoder.embed(pictures, ViewKind.SATELLITE)
    assert rows.dtype == np.float32
    assert rows.shape == (2, encoder.dim)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert np.array_equal(rows[1], encoder.embed(pictures[1:], ViewKind.SATELLITE)[0])


def test_a_blank_picture_is_a_vector_of_zeros(encoder: VladEncoder) -> None:
    assert not encoder.embed([np.full((64, 64, 3), 90, np.uint8)], ViewKind.SATELLITE).any()


def test_black_areas_are_not_described(encoder: VladEncoder) -> None:
    whole = ground(3)
    cut = whole.copy()
    cut[:, :320] = 0
    assert not with_data(cut)[:, :300].any()
    assert with_data(whole).mean() > 0.99
    right_half = encoder.embed([whole[:, 320:]], ViewKind.SATELLITE)[0]
    assert encoder.embed([cut], ViewKind.DRONE)[0] @ right_half > 0.3


def test_views_from_the_ground_are_refused(encoder: VladEncoder) -> None:
    with pytest.raises(OptionError, match="ground"):
        encoder.embed([ground(0)], ViewKind.GROUND)


def test_the_version_tells_settings_and_tables_apart(encoder: VladEncoder) -> None:
    table = VladTable.from_bytes(encoder.table.to_bytes())
    other = VladTable(table.mean + 1.0, table.axes, table.centres, table.middle)
    versions = {encoder.version, VladEncoder(Config(side_px=200)).version, VladEncoder(table=other).version}
    assert len(versions) == 3
    assert VladEncoder(table=table).version == encoder.version


def test_an_unknown_encoder_is_named() -> None:
    with pytest.raises(OptionError, match="no_such_model"):
        open_encoder("no_such_model")
