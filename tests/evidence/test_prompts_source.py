"""Prompts as evidence: what a picture looks like becomes likelihoods that add up and are bounded."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import made_bundles
import whence
from whence.core.bundle import BundleHeader, write_bundle
from whence.core.errors import ArtifactError, OptionError
from whence.earth.field import Field
from whence.earth.places import gazetteer
from whence.encode.preprocessing import Preprocessing
from whence.evidence.prompts.fields import CityCells, city_parts, country_parts, division_parts
from whence.evidence.prompts.model import Label, LabelKind, PromptModel, read_labels, write_labels
from whence.evidence.prompts.source import Config, Prompts
from whence.evidence.run import sources
from whence.evidence.text.likelihood import log_mean
from whence.samples.reader import read_view
from whence.samples.view import Query, ViewKind

COUNTRIES = {"ES": (40.4, -3.7), "JP": (35.7, 139.7), "AU": (-25.0, 134.0), "US": (39.0, -98.0), "IS": (64.9, -18.5)}
DIVISIONS = {"US.NV": (39.5, -116.9), "US.FL": (27.8, -81.7), "AU.08": (-26.0, 121.0)}
CITIES = {"Madrid": "ES", "Barcelona": "ES", "Tokyo": "JP", "Reykjavik": "IS"}
CARD = BundleHeader(
    name="names",
    kind="prompts",
    title="Colours against names",
    licence="Apache-2.0",
    training_data="none: made by hand",
    preprocessing=Preprocessing(crop_px=16, resize_px=16, resize="squash", filter="box").to_dict(),
    config={"logit_scale": 40.0, "temperature": 2.0, "views": "ground"},
)


def city(name):
    return next(m.place for m in gazetteer().named(name) if m.place.country == CITIES[name])


def labelled():
    rows = [(Label(LabelKind.COUNTRY, code, f"in {code}"), at) for code, at in COUNTRIES.items()]
    rows += [(Label(LabelKind.DIVISION, code, f"in {code}"), at) for code, at in DIVISIONS.items()]
    for name in CITIES:
        found = city(name)
        rows.append((Label(LabelKind.CITY, str(found.id), name), (found.lat_deg, found.lon_deg)))
    rows += [(Label(LabelKind.CONCEPT, "terrain/mountains", f"mountains {i}"), (40.0, 5.0 * i)) for i in range(2)]
    return [*rows, (Label(LabelKind.CONCEPT, "water/seashore", "a shore"), (-40.0, 170.0))]


def bundle(folder, rows=None, base=None, header=CARD, **arrays):
    rows = labelled() if rows is None else rows
    prompts = np.stack([made_bundles.direction(*at) @ made_bundles.MIXING for _, at in rows]).astype(np.float32)
    parts = {
        "prompts": prompts,
        "base": np.zeros(len(rows), np.float32) if base is None else np.asarray(base, np.float32),
        "labels": write_labels([label for label, _ in rows]),
        **arrays,
    }
    return write_bundle(folder, header, parts, {"image": made_bundles.graphs()["image"]})


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return bundle(tmp_path_factory.mktemp("prompts") / "names")


def query(*places, kind=ViewKind.GROUND):
    views = [replace(read_view(made_bundles.picture_of(*place), name="made"), kind=kind) for place in places]
    return Query(views=tuple(views))


def read(made, place, **config):
    return Prompts(Config(model=str(made.folder), **config)).read(query(place))


def total(claims):
    return Field.sum([claim.likelihood for claim in claims if claim.likelihood is not None])


# ------------------------------------------------------------------------------------------------ what it says


def test_a_picture_speaks_for_the_country_that_it_looks_like(made):
    for code in ("JP", "AU", "IS"):
        claims = read(made, COUNTRIES[code])
        field = total(claims)
        mine = field.at(*COUNTRIES[code])
        assert all(mine > field.at(*at) + 0.5 for other, at in COUNTRIES.items() if other != code)
        assert whence.__version__
        assert claims[0].kind == "looks like a country"
    assert claims[0].read.startswith("Iceland ")
    assert claims[0].implies == "likelier in Iceland"


def test_claims_add_up_whatever_makes_claims_of_its_own(made):
    whole = total(read(made, COUNTRIES["ES"], top_countries=0, top_places=0))
    split = read(made, COUNTRIES["ES"], top_countries=4, top_places=3)
    assert len(split) > 6
    assert np.allclose(total(split).on(whole.partition).values, whole.values, atol=1e-9)
    scores = {"ES": 3.0, "JP": 1.0, "AU": -2.0}
    parts = country_parts(scores, 0.1, 2)
    assert [part.codes for part in parts] == [("ES",), ("AU",)] or parts[0].codes == ("ES",)
    assert sum(share for part in parts for share in part.shares) == pytest.approx(1.0)


def test_no_country_loses_more_than_the_wrong_share(made):
    for wrong in (0.02, 0.3):
        field = total(read(made, COUNTRIES["JP"], wrong_share=wrong, places=False))
        assert field.values.min() >= math.log(wrong) - 1e-6
        assert log_mean(field) == pytest.approx(0.0, abs=0.02)


def test_temperature_trusts_less(made):
    sharp, dull = (total(read(made, COUNTRIES["JP"], temperature=t, places=False)) for t in (1.0, 20.0))
    assert np.ptp(dull.values) < 0.5 * np.ptp(sharp.values)
    assert np.ptp(total(read(made, COUNTRIES["JP"], temperature=1e6, places=False)).values) < 1e-3


def test_the_sea_takes_what_the_middle_country_has(made):
    field = total(read(made, COUNTRIES["JP"], temperature=5.0, places=False))
    middle = np.median([field.at(*at) for at in COUNTRIES.values()])
    assert field.at(-40.0, -120.0) == pytest.approx(middle, abs=0.05)


def test_divisions_and_cities_speak_within_their_country_only(made):
    nevada = read(made, DIVISIONS["US.NV"])
    country = total(read(made, DIVISIONS["US.NV"], places=False))
    change = {name: total(nevada).at(*at) - country.at(*at) for name, at in {**COUNTRIES, **DIVISIONS}.items()}
    assert change["US.NV"] > 0.3
    assert change["US.FL"] < -0.1
    assert change["AU.08"] == pytest.approx(0.0, abs=1e-9)  # asked about alone
    assert change["IS"] == pytest.approx(0.0, abs=1e-9)
    madrid, barcelona = city("Madrid"), city("Barcelona")
    field = total(read(made, (madrid.lat_deg, madrid.lon_deg), temperature=0.02))
    assert field.at(madrid.lat_deg, madrid.lon_deg) > field.at(barcelona.lat_deg, barcelona.lon_deg) + 0.5


def test_ratios_within_a_country_have_mean_1():
    scores = {"US.NV": 2.0, "US.FL": -1.0, "AU.08": 5.0}
    parts = division_parts(scores, {code: code[:2] for code in scores}, 0.3, 0)
    field = Field.sum([part.field for part in parts])
    ratio = np.exp([field.at(*DIVISIONS[code]) for code in ("US.NV", "US.FL")])
    assert ratio.mean() == pytest.approx(1.0, abs=1e-6)
    assert division_parts({"AU.08": 1.0}, {"AU.08": "AU"}, 0.3, 2) == ()


def test_bells_of_cities_share_what_they_overlap():
    cities = [city("Madrid"), city("Madrid"), city("Barcelona")]
    cells = CityCells.of(cities, 60.0)
    shares = np.bincount(cells.cell, weights=cells.share)
    assert shares.max() <= 1.0 + 1e-12
    home = cells.partition.index_at(cities[0].lat_deg, cities[0].lon_deg)
    assert cells.share[(cells.cell == home) & (cells.city < 2)] == pytest.approx([0.5, 0.5], abs=1e-6)
    codes = ("a", "b", "c")
    parts = city_parts({"a": 1.0, "b": 1.0, "c": -1.0}, dict.fromkeys(codes, "ES"), cells, codes, wrong=0.3, most=1)
    assert Field.sum([part.field for part in parts]).values.min() >= math.log(0.3)


def test_base_rates_are_taken_off(tmp_path):
    rows = labelled()
    liked = [0.3 if label.code == "AU" else 0.0 for label, _ in rows]
    plain, calibrated = (PromptModel(bundle(tmp_path / name, base=base)) for name, base in (("a", None), ("b", liked)))
    embedded = plain.embed_views(query((0.0, 0.0)).views)
    change = calibrated.scores(embedded) - plain.scores(embedded)
    assert np.allclose(change[0], -20.0 * np.asarray(liked), atol=1e-5)


def test_concepts_are_told_and_move_nothing(made):
    claim = read(made, (40.0, 0.0))[-1]
    assert claim.kind == "looks like concepts"
    assert claim.likelihood is None
    assert claim.read.split(", ")[0] == "mountains"
    assert not [c for c in read(made, (40.0, 0.0), top_concepts=0) if c.kind == "looks like concepts"]


def test_views_of_other_kinds_and_none_at_all_say_nothing(made):
    source = Prompts(Config(model=str(made.folder)))
    assert source.read(query((0.0, 0.0), kind=ViewKind.MAP)) == ()
    assert source.read(Query(views=(), text="words")) == ()
    both = source.read(query(COUNTRIES["JP"], COUNTRIES["ES"]))
    assert {claim.view for claim in both} == {0, 1}


# ------------------------------------------------------------------------------------------------ how it is asked


def test_it_is_asked_once_a_model_is_chosen(made, tmp_path, monkeypatch):
    assert not Prompts().is_set_up
    assert "--model" in Prompts().availability()
    assert Prompts().read(query((0.0, 0.0))) == ()
    assert Prompts().calibration == {}
    assert Prompts(Config(model=str(made.folder))).calibration == made.header.calibration
    assert "prompts" in sources().names()
    path = tmp_path / "photo.png"
    path.write_bytes(made_bundles.picture_of(*COUNTRIES["JP"]))
    found = whence.locate(path, model=str(made.folder), sources="prompts")
    entry = next(entry for entry in found.ledger.entries if entry.source == "prompts")
    assert entry.information_gain_bits > 1.0
    assert found.versions["prompts"] == made.hash[:16]


def test_a_label_of_another_version_is_left_out_or_refused(made, tmp_path):
    gone = [*labelled(), (Label(LabelKind.CITY, "1", "a city that is gone"), (0.0, 0.0))]
    assert Prompts(Config(model=str(bundle(tmp_path / "gone", gone).folder))).read(query((0.0, 0.0)))
    wrong = [*labelled(), (Label(LabelKind.COUNTRY, "XX", "nowhere"), (0.0, 0.0))]
    with pytest.raises(ArtifactError, match="country XX"):
        Prompts(Config(model=str(bundle(tmp_path / "wrong", wrong).folder)))


def test_settings_out_of_range_are_refused():
    for name, value in (("wrong_share", 0.0), ("place_wrong_share", 1.0), ("temperature", -1.0), ("city_km", 1.0)):
        with pytest.raises(OptionError, match=rf"prompts\.{name}"):
            Config(**{name: value})
    with pytest.raises(OptionError, match=r"prompts\.top_countries"):
        Config(top_countries=51)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"prompts": np.zeros((3, 8), np.float32)}, "prompts must be"),
        ({"prompts": np.ones((15, 8), np.float32)}, "length 1"),
        ({"base": np.zeros(2, np.float32)}, "base must be"),
        ({"labels": np.frombuffer(b"planet\tX\ty", np.uint8)}, "labels cannot be read"),
        ({"labels": np.frombuffer(b"\xff", np.uint8)}, "labels cannot be read"),
    ],
)
def test_bundles_that_do_not_fit_together_are_refused(tmp_path, change, said):
    with pytest.raises(ArtifactError, match=said):
        PromptModel(bundle(tmp_path / "odd", **change))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"logit_scale": 1.0, "views": "ground"}, "lacks temperature"),
        ({**CARD.config, "views": "grund"}, "Did you mean 'ground'"),
        ({**CARD.config, "temperature": 0.0}, "above 0"),
        ({**CARD.config, "temperatur": 1.0}, "Did you mean 'temperature'"),
    ],
)
def test_headers_that_say_too_little_are_refused(tmp_path, config, said):
    with pytest.raises(ArtifactError, match=said):
        PromptModel(bundle(tmp_path / "odd", header=replace(CARD, config=config)))


def test_another_kind_and_a_single_country_are_refused(tmp_path):
    with pytest.raises(ArtifactError, match="of kind 'alignment'"):
        PromptModel(made_bundles.colour_bundle(tmp_path / "colours"))
    with pytest.raises(ArtifactError, match="two countries"):
        PromptModel(bundle(tmp_path / "one", labelled()[:1]))


def test_labels_come_back_and_hold_one_line():
    labels = [label for label, _ in labelled()]
    assert read_labels(write_labels(labels), "here") == tuple(labels)
    for prompt in ("a\tb", "a\nb", ""):
        with pytest.raises(OptionError, match="one line"):
            write_labels([Label(LabelKind.COUNTRY, "ES", prompt)])
