from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from made_ground import LAT, LON, ground, view_of, write_ground
from made_references import GridEncoder
from whence.core.errors import OptionError
from whence.crossview.encoders import open_encoder
from whence.crossview.ground import Ground
from whence.crossview.likeness import Config, likeness_claim
from whence.crossview.references import windows
from whence.crossview.references.adding import add_references
from whence.crossview.references.reference_set import ReferenceSet
from whence.crossview.refine import Refiner
from whence.earth.field import Field
from whence.samples.view import Query, ViewKind

LAYING = windows.Config(window_m="80", overlap=0.5, side_px=64)


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    folder = tmp_path_factory.mktemp("likeness")
    add_references(folder / "set", [write_ground(folder)], GridEncoder(), laying=LAYING)
    references = ReferenceSet.open(folder / "set")
    return Ground(references.mosaic, references, GridEncoder())


def place(embedded: Ground, x_px: float, y_px: float) -> tuple[float, float]:
    lat, lon = embedded.mosaic.rasters[0].georeference.to_lat_lon(x_px, y_px)
    return float(lat), float(lon)


def tile_like(kind: ViewKind = ViewKind.DRONE):
    return view_of(ground(0), 240.0, 400.0, size_px=(160, 160), kind=kind)


def test_likeness_favours_where_the_view_was_taken(embedded: Ground) -> None:
    claim = likeness_claim(tile_like(), embedded, None)
    assert claim is not None
    assert claim.likelihood is not None
    here = float(claim.likelihood.at(*place(embedded, 240.0, 400.0)))
    others = [float(claim.likelihood.at(*place(embedded, x, y))) for x, y in ((80, 80), (560, 80), (560, 560))]
    assert here > 1.0
    assert here > max(others) + 1.0


def test_it_is_even_where_nothing_was_compared_and_never_below_the_wrong_share(embedded: Ground) -> None:
    claim = likeness_claim(tile_like(), embedded, None, Config(wrong_share=0.2))
    assert claim is not None
    assert claim.likelihood is not None
    assert float(claim.likelihood.at(LAT + 1.0, LON)) == 0.0
    assert claim.likelihood.values.min() >= math.log(0.2) - 1e-9


def test_over_the_windows_it_is_a_likelihood_ratio_of_mean_about_one(embedded: Ground) -> None:
    claim = likeness_claim(tile_like(), embedded, None)
    assert claim is not None
    assert claim.likelihood is not None
    x, y = np.meshgrid(np.linspace(10, 630, 60), np.linspace(10, 630, 60))
    lat, lon = embedded.mosaic.rasters[0].georeference.to_lat_lon(x.ravel(), y.ravel())
    assert 0.4 < float(np.exp(claim.likelihood.at(lat, lon)).mean()) < 1.6


def test_a_hotter_temperature_says_less(embedded: Ground) -> None:
    at = place(embedded, 240.0, 400.0)
    said = []
    for temperature in (0.5, 4.0):
        claim = likeness_claim(tile_like(), embedded, None, Config(temperature=temperature))
        assert claim is not None
        assert claim.likelihood is not None
        said.append(float(claim.likelihood.at(*at)))
    assert said[0] > said[1] + 0.5


def test_kinds_that_the_encoder_does_not_read_say_nothing(embedded: Ground) -> None:
    assert likeness_claim(tile_like(ViewKind.GROUND), embedded, None) is None
    region = Field.from_points([LAT + 2.0], [LON], sigma_km=1.0).credible_region(0.9)
    assert likeness_claim(tile_like(), embedded, region) is None


def test_an_encoder_without_a_scale_says_nothing(tmp_path: Path) -> None:
    add_references(tmp_path / "set", [write_ground(tmp_path)], open_encoder(), laying=LAYING)
    assert likeness_claim(tile_like(), Ground.open(tmp_path / "set"), None) is None


def test_where_no_transform_is_found_likeness_stands_in(embedded: Ground) -> None:
    view = view_of(ground(0), 240.0, 400.0, size_px=(160, 160), noise=70.0)
    belief = Field.from_points([LAT], [LON], sigma_km=1.0, floor=0.01)
    evidence = Refiner(embedded).read(Query((view,)), belief)
    assert evidence.claims[0].kind in {"likeness from above", "match from above"}
    assert evidence.log_likelihood() is not None


def test_settings_are_checked() -> None:
    with pytest.raises(OptionError, match="temperature"):
        Config(temperature=0.0)
