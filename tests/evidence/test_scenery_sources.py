"""Street scenes, kinds of scenes and species: asked only when their networks are there, and what they claim then."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import whence
from whence.core.errors import ArtifactError, OptionError
from whence.earth.field import Field
from whence.evidence.prior import prior_field
from whence.evidence.run import gather, sources
from whence.evidence.scene.assets import ASSETS_VARIABLE, SCENES
from whence.evidence.scene.landscape import TRAITS
from whence.evidence.scene.model import SceneTable
from whence.evidence.scenes365 import INDOORS, TABLE, Scenes365, group_numbers, group_shares, scene_groups
from whence.evidence.species import KINGDOMS, Config, Species
from whence.evidence.streetscene import GROUPS, StreetScene, shares, side_of_traffic
from whence.samples.reader import read_view
from whence.samples.view import Query, View, ViewKind

KINDS = {"streetscene": StreetScene, "scenes365": Scenes365, "species": Species}
LITERT = {"streetscene", "species"}


@pytest.fixture(autouse=True)
def _no_variable(monkeypatch):
    monkeypatch.delenv(ASSETS_VARIABLE, raising=False)


def made_table():
    """A table for the network of scenes, which is not shipped."""
    features = (*scene_groups(), INDOORS)
    rng = np.random.default_rng(0)
    weights = 0.1 * rng.normal(size=(len(features), len(TRAITS)))
    model = SceneTable(features, np.full(len(features), 0.2), np.full(len(features), 0.2), weights, {})
    return model.to_json(SCENES)


@pytest.fixture(scope="module")
def assets(shared, tmp_path_factory):
    networks = shared / "assets"
    if not networks.is_dir():
        pytest.skip("the networks are not here")
    folder = tmp_path_factory.mktemp("assets")
    for path in networks.iterdir():
        (folder / path.name).symlink_to(path)
    (folder / TABLE).write_text(made_table(), encoding="utf-8")
    return folder


def made(name, assets, **settings):
    if name in LITERT:
        pytest.importorskip("ai_edge_litert", reason="the extra scenery is not installed")
    module = __import__(KINDS[name].__module__, fromlist=["Config"])
    return KINDS[name](module.Config(models=str(assets), **settings))


def blank(kind=ViewKind.GROUND):
    pixels = np.random.default_rng(0).integers(90, 160, (300, 400, 3), np.uint8)
    return View(pixels, (400, 300), "a.jpg", "0" * 64, "JPEG", kind=kind)


# ------------------------------------------------------------------------------------------------ without networks


@pytest.mark.parametrize("name", KINDS)
def test_nothing_is_asked_without_networks(name):
    source = sources().load(name)()
    assert type(source) is KINDS[name]
    assert not source.is_set_up
    assert source.read(Query((blank(),))) == ()
    assert source.version == ""
    missing = source.availability()
    assert f"{name}.models" in missing or "whence[scenery]" in missing
    assert name not in [one.NAME for one in whence.Locator().sources]


@pytest.mark.parametrize("name", KINDS)
def test_a_folder_without_the_networks_is_refused(name, tmp_path):
    with pytest.raises(OptionError, match=rf"{name}\.models"):
        whence.Locator(whence.Options(settings={f"{name}.models": str(tmp_path)}))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("share", ["0", "1", "-0.1", "nan"])
def test_shares_outside_their_range_are_refused(name, share):
    with pytest.raises(OptionError, match="between 0 and 1"):
        whence.Locator(whence.Options(settings={f"{name}.wrong_share": share}))


def test_the_gate_of_species_may_be_none_but_not_all():
    assert Config(gate=0.0).gate == 0.0
    for gate in (-0.1, 1.0):
        with pytest.raises(OptionError, match=r"species\.gate"):
            Config(gate=gate)


def test_another_network_under_the_name_is_an_entry_in_the_ledger(tmp_path):
    for name in ("squeezenet1_1_places365.safetensors", "labels_places365.csv", TABLE):
        (tmp_path / name).write_bytes(b"something else")
    source = made("scenes365", tmp_path)
    with pytest.raises(ArtifactError, match="has the hash"):
        source.read(Query((blank(),)))
    (evidence,) = gather(Query((blank(),)), [source])
    assert "has the hash" in evidence.failure


# ------------------------------------------------------------------------------------------------ parts


def test_shares_add_up_and_sides_are_mirrored():
    classes = np.full((10, 21), 10)
    classes[6:] = 0
    classes[5:8, 15:19] = 13
    found = dict(zip(GROUPS, shares(classes), strict=True))
    assert sum(found.values()) == pytest.approx(1.0)
    assert found["vehicles"] == pytest.approx(12 / 210)
    side = side_of_traffic(classes)
    assert side == pytest.approx(0.3, abs=0.1)
    assert side_of_traffic(classes[:, ::-1]) == pytest.approx(-side)
    assert side_of_traffic(np.where(classes == 13, 10, classes)) is None
    assert side_of_traffic(np.full((10, 21), 10)) is None


def test_groups_of_scenes_are_apart(assets):
    named = [name for _, classes in scene_groups().values() for name in classes]
    assert len(named) == len(set(named))
    groups = group_numbers(assets / "labels_places365.csv")
    assert groups.shape == (365,)
    found = group_shares(np.full(365, 1 / 365), groups)
    assert found.sum() == pytest.approx(1.0)
    assert found.shape == (len(scene_groups()) + 1,)
    assert INDOORS not in scene_groups()


def test_gates_are_the_animals_of_imagenet(assets):
    labels = (assets / "labels_imagenet.txt").read_text().splitlines()
    bird, insect = ([n for a, b in kingdom.classes for n in range(a, b + 1)] for kingdom in KINGDOMS)
    assert {labels[n].split(",")[0] for n in (bird[0], bird[-1])} == {"cock", "albatross"}
    assert {labels[n].split(",")[0] for n in (insect[0], insect[-1])} == {"tiger beetle", "lycaenid"}
    for name, inside in (("macaw", bird), ("great grey owl", bird), ("king penguin", bird), ("bee", insect)):
        assert next(n for n, label in enumerate(labels) if label.split(",")[0] == name) in inside


# ------------------------------------------------------------------------------------------------ with networks


@pytest.mark.parametrize("name", ["streetscene", "scenes365"])
def test_scenery_is_one_claim_a_view_and_all_views_count_as_one(name, assets, shared):
    source = made(name, assets)
    view = read_view(sorted((shared / "data/photos/demo").rglob("street_0*"))[0], working_px=640)
    (claim, *_) = source.read(Query((view,)))
    assert "%" in claim.read
    assert claim.implies.startswith("a place with ")
    assert claim.likelihood is not None
    assert prior_field().expected(claim.likelihood) == pytest.approx(0.0, abs=1e-9)
    assert claim.likelihood.values.min() >= np.log(0.05)
    claims = [one for one in source.read(Query((view, view, replace(view, kind=ViewKind.MAP)))) if one.likelihood]
    assert [one.view for one in claims] == [0, 1]
    np.testing.assert_allclose(Field.sum([one.likelihood for one in claims]).values, claim.likelihood.values)
    assert source.read(Query((replace(view, kind=ViewKind.SATELLITE),))) == ()
    assert source.version
    assert source.availability() is None


def test_indoors_says_nothing(assets):
    view = blank()
    source = made("scenes365", assets, indoor_from=1e-9)
    (claim,) = source.read(Query((view,)))
    assert claim.likelihood is None
    assert "indoors" in claim.implies


def test_species_are_silent_without_animals(assets):
    assert made("species", assets).read(Query((blank(),))) == ()


def test_species_speak_of_what_they_see(assets):
    source = made("species", assets)
    source._load()
    bird = KINGDOMS[0]
    labels = source._labels[bird.labels.name]
    shares = np.zeros(len(labels))
    shares[next(n for n, label in enumerate(labels) if "Laughing Kookaburra" in label)] = 0.8
    sighting = source._sighting(bird, shares)
    assert sighting.common == "Laughing Kookaburra"
    claim = source._claim(sighting, 0)
    assert claim.read == "Laughing Kookaburra (Dacelo novaeguineae), 80%"
    assert "Oceania" in claim.implies
    assert claim.likelihood.at(-33.0, 147.0) > 1.0
    assert claim.likelihood.at(48.0, 2.0) == pytest.approx(np.log(0.3))
    assert source._sighting(bird, 0.5 * shares) is None
    shares[:] = 0.0
    shares[labels.index("background")] = 0.99
    assert source._sighting(bird, shares) is None
    shares[next(n for n, label in enumerate(labels) if label.endswith("(Feral Pigeon)"))] = 1.0
    pigeon = source._claim(source._sighting(bird, shares), 0)
    assert pigeon.likelihood is None


def test_the_variable_sets_all_up(assets, monkeypatch):
    pytest.importorskip("ai_edge_litert", reason="the extra scenery is not installed")
    monkeypatch.setenv(ASSETS_VARIABLE, str(assets))
    locator = whence.Locator(whence.Options(sources=tuple(KINDS)))
    assert [source.NAME for source in locator.sources] == list(KINDS)
    assert set(KINDS) <= set(whence.Locator().versions)
