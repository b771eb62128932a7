"""Batches: no place twice, hard neighbours, as many of each kind."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra train is not installed")

from whence.core.errors import InputError, OptionError
from whence.train.crossview.data.types import Part, Pictures
from whence.train.crossview.recipe import Batches
from whence.train.crossview.samplers import PlaceSampler, likest_places, nearest_places


def _part(places: int = 60, **having: np.ndarray) -> Part:
    rng = np.random.default_rng(0)

    def pictures(place: np.ndarray) -> Pictures:
        return Pictures(np.zeros((len(place), 4, 4, 3), np.uint8), place, np.ones(len(place), bool))

    everywhere = np.arange(places)
    named = {name: pictures(rows) for name, rows in having.items()} or {"map": pictures(everywhere)}
    satellite = {"satellite": pictures(np.repeat(everywhere, 2))}
    return Part(satellite | named, rng.uniform(-60, 60, places), rng.uniform(-180, 180, places))


def test_nearest_places_are_the_nearest_and_never_the_place_itself() -> None:
    lat, lon = np.array([0.0, 0.0, 0.0, 50.0, np.nan]), np.array([0.0, 1.0, -179.5, 0.0, np.nan])
    found = nearest_places(lat, lon, 2)
    assert found[0].tolist() == [1, 3]
    assert 0 not in found[0]
    assert found[4].tolist() == [4, 4]  # its place is not known


def test_likest_places_come_in_order() -> None:
    vectors = np.eye(4, dtype=np.float32)
    queries = np.array([[0.9, 0.4, 0.1, 0], [0, 1, 0.5, 0.2], [1, 0, 0, 0], [0, 0, 1, 0]], np.float32)
    found = likest_places(queries, vectors, 2)
    assert found[0].tolist() == [1, 2]
    assert found[1].tolist() == [2, 3]


@pytest.mark.parametrize("likeness", [False, True])
def test_no_place_is_twice_in_a_batch_and_steps_repeat(likeness: bool) -> None:
    part = _part()
    sampler = PlaceSampler(part, ["map"], Batches(group=4, visual_pool=8), 32, seed=3)
    if likeness:
        vectors = np.random.default_rng(1).normal(size=(60, 5)).astype(np.float32)
        sampler.by_likeness(vectors, vectors)
    else:
        sampler.by_distance()
    for step in range(20):
        batch = sampler.batch(step)
        assert len(np.unique(batch.places)) == len(batch.places) == 32
        assert (part.pictures["satellite"].place[batch.pictures["satellite"]] == batch.places).all()
        shown = batch.places[batch.own["map"]]
        assert (part.pictures["map"].place[batch.pictures["map"]] == shown).all()
        again = sampler.batch(step)
        assert (again.places == batch.places).all()


def test_groups_hold_neighbours() -> None:
    part = _part(400)
    near = nearest_places(part.lat_deg, part.lon_deg, 8)

    def share(hard: float) -> float:
        sampler = PlaceSampler(part, ["map"], Batches(hard_share=hard, group=4), 48, seed=0)
        sampler.by_distance()
        found = [sampler.batch(step).places for step in range(10)]
        return float(np.mean([np.isin(near[places], places).any(1).mean() for places in found]))

    assert share(1.0) > 0.9 > 2 * share(0.0) / 3 + 0.2


def test_kinds_at_different_places_are_balanced() -> None:
    part = _part(60, drone=np.repeat(np.arange(20), 5), panorama=np.arange(20, 60))
    sampler = PlaceSampler(part, ["drone", "panorama"], Batches(group=4), 16, seed=0)
    sampler.by_distance()
    batch = sampler.batch(0)
    assert len(batch.pictures["drone"]) == len(batch.pictures["panorama"]) == 8
    for name in ("drone", "panorama"):
        shown = part.pictures[name].place[batch.pictures[name]]
        assert (batch.places[batch.own[name]] == shown).all()
        assert len(np.unique(shown)) == 8


def test_too_few_places_and_unknown_variants_are_refused() -> None:
    with pytest.raises(InputError, match=r"optimiser\.batch"):
        PlaceSampler(_part(10), ["map"], Batches(), 32, seed=0)
    with pytest.raises(OptionError, match="map"):
        PlaceSampler(_part(10), ["mapp"], Batches(), 4, seed=0)
