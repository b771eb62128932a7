"""What the sources of scenery share: traits of places, the model, its fitting, ranges of species, the folder."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from whence.core.errors import ArtifactError, InputError, OptionError
from whence.earth.countries import countries
from whence.earth.field import Field
from whence.evidence.prior import prior_field
from whence.evidence.scene import fitting
from whence.evidence.scene.assets import ASSETS_VARIABLE, SCENES, SEGMENTATION, Asset, checked, find_folder
from whence.evidence.scene.landscape import TRAITS, landscape, traits_at
from whence.evidence.scene.model import FARTHEST, SceneTable, in_words, likelihood, mixed
from whence.evidence.scene.ranges import range_of, ranges

TOKYO, SAHARA, ALPS, ATLANTIC = (35.68, 139.76), (24.0, 10.0), (46.55, 8.0), (30.0, -45.0)


# ------------------------------------------------------------------------------------------------ landscape


def test_traits_of_known_places():
    people, relief, coast, dry, tropical, cold = range(len(TRAITS))
    tokyo, sahara, alps, sea = traits_at(*zip(TOKYO, SAHARA, ALPS, ATLANTIC, strict=True))
    assert tokyo[people] > 1.0 > 0.0 > sahara[people]
    assert alps[relief] > 1.0 > tokyo[relief]
    assert tokyo[coast] < -1.0 < sahara[coast]
    assert sahara[dry] > 1.0 > 0.0 > tokyo[dry]
    assert alps[cold] > 1.0 > 0.0 > tokyo[cold]
    assert tokyo[tropical] < 0.0
    np.testing.assert_array_equal(sea, 0.0)


def test_traits_are_centred_where_photographs_are_taken():
    partition, traits = landscape()
    mass = prior_field().on(partition).mass
    mean = mass @ traits
    np.testing.assert_allclose(mean, 0.0, atol=0.03)
    np.testing.assert_allclose(np.sqrt(mass @ traits**2), 1.0, atol=0.05)


# ------------------------------------------------------------------------------------------------ model


def test_likelihood_is_a_ratio_with_a_floor():
    pulls = np.array([2.0, 0.0, -1.0, 0.0, 0.0, 0.0])
    field = likelihood(pulls, 0.1)
    assert prior_field().expected(field) == pytest.approx(0.0, abs=1e-9)
    assert field.values.min() >= np.log(0.1)
    assert field.at(*TOKYO) > 0.5 > field.at(*SAHARA)
    np.testing.assert_allclose(likelihood(np.zeros(len(TRAITS)), 0.1).values, 0.0, atol=1e-12)


def test_what_is_impossible_keeps_the_floor():
    uniform = Field.uniform(3)
    score = replace(uniform, values=np.where(uniform.partition.lat_deg > 0, 0.0, -np.inf))
    assert mixed(score, 0.2).values.min() == pytest.approx(np.log(0.2))


def test_words_name_the_strongest_pull_first():
    found = in_words(np.array([0.1, 0.0, -0.7, 0.0, 0.0, 0.0]))
    assert found == "a place with a near coast (×2.0), many people (×1.1)"
    assert in_words(np.zeros(len(TRAITS))).startswith("nothing")


def test_features_far_off_are_cut():
    model = SceneTable.load("streetscene", SEGMENTATION)
    far = model.centres + 1000.0 * model.spreads
    edge = model.centres + FARTHEST * model.spreads
    np.testing.assert_allclose(model.pulls(far), model.pulls(edge))


def test_the_shipped_table_says_where_it_comes_from():
    name, network = "streetscene", SEGMENTATION
    model = SceneTable.load(name, network)
    assert sum(model.provenance["photographs"].values()) > 500
    assert {"made_by", "ridge", "bits_left_out", "photos_csv_sha256", "photographs_licence"} <= set(model.provenance)
    assert np.abs(model.weights).max() < 1.0
    assert SceneTable.load(name, network).to_json(network) == model.to_json(network)


def test_tables_of_another_network_are_refused():
    with pytest.raises(ArtifactError, match=r"fit_scenery\.py"):
        SceneTable.load("streetscene", SCENES)
    with pytest.raises(ArtifactError, match="cannot be read"):
        SceneTable.load("no_such_table", SCENES)


# ------------------------------------------------------------------------------------------------ fitting


def made_pictures(count, seed, weights, bias):
    """Pictures whose places are drawn from the model itself, for three photographers with biases of their own."""
    rng = np.random.default_rng(seed)
    places = rng.normal(size=(800, weights.shape[1]))
    who = np.arange(count) % 3
    features = rng.normal(size=(count, weights.shape[0]))
    score = (features @ weights + bias[who]) @ places.T
    share = np.exp(score - score.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    chosen = [rng.choice(len(places), p=row) for row in share]
    return features, places[chosen], who, places


def test_fitting_finds_the_weights_that_made_the_pictures():
    true = np.array([[0.8, -0.3], [0.0, 0.5], [-0.6, 0.0]])
    features, traits, who, places = made_pictures(3000, 0, true, np.array([[1.0, 0.0], [-1.0, 0.5], [0.0, -1.0]]))
    found = fitting.fit_weights(features, traits, who, places, ridge=1.0)
    np.testing.assert_allclose(found, true, atol=0.1)
    shrunk = fitting.fit_weights(features, traits, who, places, ridge=1e6)
    assert np.abs(shrunk).max() < 0.01


def test_pictures_gain_only_when_they_say_something():
    true = np.array([[0.8, -0.3], [0.0, 0.5]])
    features, traits, who, places = made_pictures(600, 1, true, np.zeros((3, 2)))
    pulls = fitting.held_out_pulls(features, traits, who, places, 10.0)
    assert fitting.gains_bits(pulls, traits, places, 0.05).mean() > 0.1
    nothing = np.random.default_rng(2).normal(size=features.shape)
    pulls = fitting.held_out_pulls(nothing, traits, who, places, 300.0)
    assert abs(fitting.gains_bits(pulls, traits, places, 0.05).mean()) < 0.05
    assert fitting.choose_ridge(features, traits, who, places, 0.05) < max(fitting.RIDGES)


def test_gains_by_hand():
    places = np.array([[1.0], [-1.0]])
    found = fitting.gains_bits(np.array([[np.log(3.0)]]), np.array([[1.0]]), places, 0.5)
    assert found[0] == pytest.approx(np.log2(0.5 + 0.5 * 3.0 / ((3.0 + 1.0 / 3.0) / 2.0)))


def test_fitting_to_nothing_is_refused():
    with pytest.raises(InputError, match="ridge above 0"):
        fitting.fit_weights(np.zeros((0, 2)), np.zeros((0, 1)), np.zeros(0, np.int64), np.zeros((3, 1)), 1.0)


# ------------------------------------------------------------------------------------------------ ranges


@pytest.mark.parametrize(
    ("name", "table", "inside", "outside"),
    [
        ("Dacelo novaeguineae", "bird_ranges", "AU", "FR"),
        ("Erithacus rubecula", "bird_ranges", "GB", "US"),
        ("Cardinalis cardinalis", "bird_ranges", "US", "GB"),
        ("Nestor notabilis", "bird_ranges", "NZ", "AU"),
        ("Pitangus sulphuratus", "bird_ranges", "BR", "DE"),
        ("Upupa epops", "bird_ranges", "MA", "PE"),
        ("Turdus merula", "bird_ranges", "NZ", "US"),
        ("Anas platyrhynchos diazi", "bird_ranges", "MX", "FR"),
        ("Iphiclides podalirius", "insect_ranges", "IT", "US"),
        ("Magicicada septendecim", "insect_ranges", "US", "JP"),
        ("Heliconius erato", "insect_ranges", "CO", "ES"),
    ],
)
def test_ranges_of_known_species(name, table, inside, outside):
    found = range_of(name, table)
    assert inside in found.countries
    assert outside not in found.countries
    assert found.words


@pytest.mark.parametrize("name", ["Columba livia domestica", "Gallus gallus", "No such bird", "background", ""])
def test_what_lives_everywhere_or_nowhere_has_no_range(name):
    assert range_of(name, "bird_ranges") is None


def test_the_tables_are_sound():
    for table in ("bird_ranges", "insect_ranges"):
        for found in ranges(table).values():
            assert found is None or found.countries <= set(countries())


# ------------------------------------------------------------------------------------------------ the folder


def test_the_folder_is_that_of_the_setting_then_that_of_the_variable(tmp_path, monkeypatch):
    asset = Asset("a.bin", hashlib.sha256(b"right").hexdigest())
    monkeypatch.delenv(ASSETS_VARIABLE, raising=False)
    assert find_folder("", (asset,), "species") is None
    monkeypatch.setenv(ASSETS_VARIABLE, str(tmp_path))
    assert find_folder("", (asset,), "species") is None
    with pytest.raises(OptionError, match=r"species\.models.*lacks a\.bin"):
        find_folder(str(tmp_path), (asset,), "species")
    (tmp_path / "a.bin").write_bytes(b"right")
    assert find_folder("", (asset,), "species") == find_folder(str(tmp_path), (asset,), "species") == tmp_path
    assert checked(tmp_path, asset) == tmp_path / "a.bin"
    (tmp_path / "a.bin").write_bytes(b"wrong")
    with pytest.raises(ArtifactError, match="has the hash"):
        checked(tmp_path, asset)
    with pytest.raises(ArtifactError, match="cannot be read"):
        checked(tmp_path, Asset("b.bin", ""))
