from __future__ import annotations

import io
import json
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import made_bundles
import whence
from whence.concepts.bank import bank
from whence.concepts.decompose import decompose
from whence.core.bundle import write_bundle
from whence.core.errors import ArtifactError, OptionError
from whence.earth.coordinates import distance_km
from whence.earth.field import Field
from whence.evidence.alignment.source import Alignment, Config, parse_interventions, read_gallery
from whence.evidence.run import sources
from whence.samples.reader import read_view
from whence.samples.view import Query, ViewKind


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles")
    made_bundles.colour_bundle(folder / "all")
    made_bundles.colour_bundle(folder / "land", area="land", finest_order=5)
    made_bundles.colour_bundle(folder / "plain", concepts=0)
    return folder


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WHENCE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def query(*places, kind=ViewKind.GROUND):
    views = [replace(read_view(made_bundles.picture_of(*place), name="made"), kind=kind) for place in places]
    return Query(views=tuple(views))


def source(bundles, name="all", **config):
    return Alignment(Config(model=str(bundles / name), **{"coarse_order": 3, **config}))


def total(claims):
    return Field.sum([claim.likelihood for claim in claims if claim.likelihood is not None])


# ------------------------------------------------------------------------------------------------ exactness


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lat=st.floats(-90, 90),
    lon=st.floats(-180, 180),
    sparsity=st.sampled_from([0.0, 0.25, 0.9, 1.0]),
    top=st.integers(0, 4),
    views=st.integers(1, 2),
)
def test_claims_add_up_to_the_critic(bundles, lat, lon, sparsity, top, views):
    reader = source(bundles, sparsity=sparsity, top_concepts=top)
    asked = query(*[(lat, lon), (-lat, lon)][:views])
    claims = reader.read(asked)
    partition = claims[0].likelihood.partition
    assert all(claim.likelihood.partition is partition for claim in claims)
    places = reader._places.grid(3).astype(np.float64)
    x = reader._model.embed_views(asked.views).astype(np.float64)
    coarse = np.flatnonzero(partition.orders == 3)
    critic = reader._model.sharpness * (places @ x.sum(axis=0))[partition.cells[coarse]]
    found = total(claims).values[coarse]
    shift = found[0] - critic[0]
    np.testing.assert_allclose(found, critic + shift, rtol=1e-9, atol=1e-9 * np.abs(critic).max())


def test_the_answer_is_where_the_picture_is_from(bundles):
    for place in [(40.0, 10.0), (-33.0, 151.0), (64.0, -21.0)]:
        claims = source(bundles).read(query(place))
        mode = total(claims).mode()
        assert distance_km(mode.lat_deg, mode.lon_deg, *place) < 450.0  # cells of order 4 are 407 km across
        assert [claim.kind for claim in claims[-1:]] == ["remainder beyond the concepts"]
        assert total(claims).partition.orders.max() == 4


def test_each_part_is_nothing_on_average(bundles):
    claims = source(bundles).read(query((40.0, 10.0)))
    for claim in claims:
        assert abs(float(claim.likelihood.values @ claim.likelihood.partition.fractions)) < 1e-9


def test_fine_cells_are_where_the_mass_is(bundles):
    coarse = total(source(bundles, refine=0).read(query((40.0, 10.0))))
    assert len(coarse.partition) == 12 * 4**3
    fine = total(source(bundles, refine=10).read(query((40.0, 10.0))))
    assert len(fine.partition) == 12 * 4**3 + 3 * 10
    split = fine.partition.index_in(coarse.partition)[fine.partition.orders == 4]
    mass = np.exp(coarse.values - coarse.values.max())
    assert set(split) == set(np.argsort(-mass, kind="stable")[:10])
    assert source(bundles, coarse_order=6).read(query((4.0, 1.0)))[0].likelihood.partition.orders.max() == 4


def test_the_sea_is_the_mean_of_the_land(bundles):
    field = total(source(bundles, "land", coarse_order=5).read(query((40.0, 10.0))))
    sea = field.at([35.0, -40.0], [-40.0, -120.0])
    assert sea[0] == pytest.approx(sea[1])
    lat, lon = field.partition.lat_deg, field.partition.lon_deg
    land = field.values != sea[0]
    assert 0.2 < field.partition.fractions[land].sum() < 0.6
    assert land[field.partition.index_at(40.0, -100.0)]
    share = field.partition.fractions[land] / field.partition.fractions[land].sum()
    assert sea[0] == pytest.approx(np.log(share @ np.exp(field.values[land])), abs=1e-9)
    assert lat.shape == lon.shape


# ------------------------------------------------------------------------------------------------ what is told


def test_concepts_are_told_with_strength_and_probability(bundles):
    reader = source(bundles, top_concepts=1, sparsity=0.05)
    place = (30.0, 40.0)
    claims = reader.read(query(place))
    x = reader._model.embed_views(query(place).views)[0]
    found = decompose(x, reader._model.basis, config=reader_config(0.05))
    names = [bank()[made_bundles.IDS[row]].name() for row in found.active]
    assert [claim.kind for claim in claims] == ["concept", "other concepts", "remainder beyond the concepts"]
    assert any(claims[0].read.startswith(f"{name}: strength ") for name in names)
    for name in names:
        assert name in claims[0].read + claims[1].read
    desert = next(c for c in source(bundles, sparsity=0.05).read(query(place)) if c.read.startswith("hot desert"))
    probability = float(reader._model.concept_probabilities(x)[0])
    assert f"strength {found.strengths[0]:.2f}," in desert.read
    assert desert.read.endswith(f", {probability:.0%} likely")
    assert desert.implies.startswith("likelier in ")
    assert "divided by 1, fitted on" in desert.error_model
    mountains = [c for c in source(bundles).read(query((10.0, 105.0))) if c.read.startswith("mountains")]
    assert "likely" not in mountains[0].read, "it was never calibrated"


def reader_config(sparsity):
    from whence.concepts.decompose import Config as DecomposeConfig

    return DecomposeConfig(sparsity=sparsity)


def test_where_a_concept_points(bundles):
    claims = source(bundles, "land", coarse_order=5).read(query((24.0, 33.0)))
    desert = next(claim for claim in claims if claim.read.startswith("hot desert"))
    first = desert.implies.removeprefix("likelier in ").split(", ")[0]
    codes = {region.name: code for code, region in countries().items()}
    at = Field.sum([desert.likelihood])
    assert first in codes
    cells = country_cells(codes[first])
    assert at.resample(5).values[cells].mean() > np.quantile(at.resample(5).values, 0.9)


def countries():
    from whence.earth.regions import RegionLevel, regions

    table = regions(RegionLevel.COUNTRY)
    return {code: table.region(code) for code in table.codes}


def country_cells(code):
    from whence.earth.regions import RegionLevel, regions

    return regions(RegionLevel.COUNTRY).cells(code, 5)


def test_a_model_without_concepts(bundles):
    claims = source(bundles, "plain").read(query((40.0, 10.0)))
    assert [claim.kind for claim in claims] == ["picture and place"]
    mode = total(claims).mode()
    assert distance_km(mode.lat_deg, mode.lon_deg, 40.0, 10.0) < 450.0


def test_kinds_of_views_that_it_was_not_trained_on(bundles):
    reader = source(bundles)
    assert reader.read(query((1.0, 2.0), kind=ViewKind.MAP)) == ()
    assert reader.read(query((1.0, 2.0), kind=ViewKind.SATELLITE))
    both = query((1.0, 2.0)).views + query((3.0, 4.0), kind=ViewKind.MAP).views + query((5.0, 6.0)).views
    assert {claim.view for claim in reader.read(Query(views=both))} == {0, 2}
    assert reader.read(Query(views=(), text="somewhere")) == ()


# ------------------------------------------------------------------------------------------------ interventions


def test_setting_a_concept_moves_the_belief(bundles):
    place = query((30.0, 40.0))
    plain = source(bundles, refine=0).read(place)
    name = made_bundles.IDS[0]
    gone = source(bundles, refine=0, set=f"{name}=0").read(place)
    more = source(bundles, refine=0, set=f" {name} = 1.5 ; {made_bundles.IDS[1]}=0.2;").read(place)
    desert = next(claim for claim in plain if claim.read.startswith("hot desert"))
    difference = total(plain).values - total(gone).values
    np.testing.assert_allclose(difference, desert.likelihood.values, atol=1e-9)
    remark = next(claim for claim in gone if claim.likelihood is None)
    assert remark.read.startswith("hot desert: set to 0 (the picture has 0.")
    assert any(c.read.startswith("hot desert: strength 1.50") and "set; the picture has" in c.read for c in more)
    assert any("mountains: strength 0.20" in claim.read for claim in more)
    assert total(more).at(*PLACE_OF_DESERT) > total(plain).at(*PLACE_OF_DESERT)


PLACE_OF_DESERT = (17.6, 32.0)  # the direction of the first concept in made_bundles


@pytest.mark.parametrize("text", ["mountains", "a/b=", "a/b=x", "a/b=-1", "a/b=inf", "a/b=1;a/b=2", "=1"])
def test_interventions_that_are_none(text):
    with pytest.raises(OptionError, match="CONCEPT=STRENGTH"):
        parse_interventions(text)


def test_interventions_as_text():
    assert parse_interventions("") == {}
    assert parse_interventions("a/b=0; c/d = 0.4 ;") == {"a/b": 0.0, "c/d": 0.4}


# ------------------------------------------------------------------------------------------------ galleries


def test_a_gallery_is_all_that_comes_into_question(bundles, tmp_path):
    lat, lon = [40.0, -30.0, 64.0], [10.0, 140.0, -20.0]
    np.save(tmp_path / "places.npy", np.stack([lat, lon], axis=1))
    reader = source(bundles, gallery=str(tmp_path / "places.npy"), gallery_km=300.0, coarse_order=4)
    claims = reader.read(query((41.0, 11.0)))
    field = total(claims)
    mode = field.mode()
    assert distance_km(mode.lat_deg, mode.lon_deg, 40.0, 10.0) < 1000.0
    assert field.at(0.0, 0.0) == pytest.approx(field.at(-80.0, 100.0)), "far from all it says nothing"
    assert field.at(*[40.0, 10.0]) > field.at(-30.0, 140.0)


@pytest.mark.parametrize(
    "text",
    [
        "lat,lon\n1,2\n-3,4\n",
        "name, Longitude ,Latitude\nx,2,1\ny,4,-3\n",
        "1,2\n-3,4\n",
        "\ufefflat_deg,lng\n1,2\n\n-3,4\n",
    ],
)
def test_galleries_as_csv(tmp_path, text):
    (tmp_path / "places.csv").write_text(text, encoding="utf-8")
    lat, lon = read_gallery(tmp_path / "places.csv")
    assert lat.tolist() == [1.0, -3.0]
    assert lon.tolist() == [2.0, 4.0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read|needs rows"),
        (b"lat,lon\n", "needs rows"),
        (b"lat,lon\n1,x\n", "cannot be read"),
        (b"lat,lon\n1\n", "cannot be read"),
        (b"lat,lon\n1,2\n95,0\n", "Row 2 .* is no place"),
        (b"lat,lon\nnan,0\n", "Row 1 .* is no place"),
        (b"\xff\xfe", "cannot be read"),
        (None, "cannot be read"),
    ],
)
def test_galleries_that_are_none(tmp_path, content, message):
    path = tmp_path / "places.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(OptionError, match=message):
        read_gallery(path)
    np.save(tmp_path / "wide.npy", np.zeros((3, 3)))
    with pytest.raises(OptionError, match="needs rows of latitude and longitude"):
        read_gallery(tmp_path / "wide.npy")


# ------------------------------------------------------------------------------------------------ the whole program


def test_without_a_model_nothing_changes():
    assert "alignment" in sources().names()
    missing = Alignment().availability()
    assert "alignment.model" in missing
    assert "whence models" in missing
    asked = [source.NAME for source in whence.Locator().sources]
    assert "exif" in asked
    assert "alignment" not in asked
    named = whence.locate(made_bundles.picture_of(40.0, 10.0), sources=("alignment",))
    assert [(entry.failure, entry.claims) for entry in named.ledger.entries] == [(None, ())]
    assert "alignment" not in named.versions


def test_locate_and_contrast_end_to_end(bundles):
    options = whence.Options(
        sources=("alignment",), settings={"alignment.model": str(bundles / "all"), "alignment.coarse_order": "4"}
    )
    estimate = whence.Locator(options).locate(made_bundles.picture_of(40.0, 10.0))
    entry = estimate.ledger.entries[0]
    assert entry.source == "alignment"
    assert entry.failure is None
    kinds = [claim.claim.kind for claim in entry.claims]
    assert kinds.count("concept") >= 2
    assert "remainder beyond the concepts" in kinds
    found = whence.contrast(estimate, (40.0, 10.0), (-20.0, 130.0))
    assert found.prior_bits + sum(item.bits for item in found.items) == pytest.approx(found.total_bits, abs=1e-9)
    assert {item.kind for item in found.items} == set(kinds)
    assert dict(found.by_source)["alignment"] > 5.0
    assert estimate.versions["alignment"] == Alignment(Config(model=str(bundles / "all"))).version
    json.dumps(estimate.to_dict(), allow_nan=False)


def test_temperature_divides(bundles):
    warm = source(bundles, temperature=4.0)
    assert warm.temperature == 4.0
    options = whence.Options(
        sources=("alignment",), settings={"alignment.model": str(bundles / "all"), "alignment.temperature": "4"}
    )
    assert whence.Locator(options).locate(made_bundles.picture_of(40.0, 10.0)).evidence[0].temperature == 4.0


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"model": "no-such-model"}, "There is no bundle"),
        ({"set": "terrain/mountain=0"}, "Did you mean 'terrain/mountains'"),
        ({"gallery": "nowhere.csv"}, "cannot be read"),
        ({"coarse_order": 10}, r"coarse_order lies within 0\.\.9"),
        ({"refine": -1}, "refine lies within"),
        ({"top_concepts": -1}, "top_concepts lies within"),
        ({"temperature": 0.0}, "temperature is a number above 0"),
        ({"sparsity": 2.0}, "sparsity lies within"),
    ],
)
def test_settings_that_are_none_are_refused_at_once(bundles, config, message):
    with pytest.raises(OptionError, match=message):
        Alignment(Config(**{"model": str(bundles / "all"), **config}))


def test_concepts_of_another_bank(bundles, tmp_path):
    made = made_bundles.colour_bundle(tmp_path / "made")
    arrays = {name: np.asarray(made.array(name)) for name in made.arrays}
    ids = list(made_bundles.IDS)
    strange = replace(made.header, concepts={"bank": bank().hash, "ids": [*ids[:3], "climate/dragons"]})
    write_bundle(tmp_path / "strange", strange, arrays, made_bundles.graphs())
    with pytest.raises(ArtifactError, match="not in the concept bank of this version: climate/dragons"):
        Alignment(Config(model=str(tmp_path / "strange")))
    older = replace(made.header, concepts={"bank": "0" * 64, "ids": ids})
    write_bundle(tmp_path / "older", older, arrays, made_bundles.graphs())
    claims = Alignment(Config(model=str(tmp_path / "older"), coarse_order=2)).read(query((1.0, 2.0)))
    assert [claim.kind for claim in claims if claim.likelihood is None] == ["model"]
    part = replace(made.header, concepts={"bank": bank().subset(ids).hash, "ids": ids})
    write_bundle(tmp_path / "part", part, arrays, made_bundles.graphs())
    claims = Alignment(Config(model=str(tmp_path / "part"), coarse_order=2)).read(query((1.0, 2.0)))
    assert all(claim.likelihood is not None for claim in claims)


def test_warm_reading_is_fast(bundles):
    reader = source(bundles, "land", coarse_order=6)
    asked = query((40.0, 10.0))
    reader.read(asked)
    started = time.perf_counter()
    reader.read(asked)
    assert time.perf_counter() - started < 2.0


def test_a_kind_that_is_told_replaces_what_the_file_says() -> None:
    from whence.pipeline import Locator, Options
    from whence.samples.view import ViewKind

    buffer = io.BytesIO()
    Image.new("RGB", (48, 48), (20, 60, 20)).save(buffer, "PNG")
    assert Locator(Options()).read(buffer.getvalue(), name="chip").views[0].kind is ViewKind.GROUND
    assert Locator(Options(kind="satellite")).read(buffer.getvalue(), name="chip").views[0].kind is ViewKind.SATELLITE
    with pytest.raises(OptionError, match="satellite"):
        Options(kind="satelite")
