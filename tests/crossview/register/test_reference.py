"""What is kept of queries and references, asked by several threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from made_town import seen, town
from whence.crossview.register.config import PosePrior, RegisterConfig
from whence.crossview.register.geometry import similarity
from whence.crossview.register.picture import Picture
from whence.crossview.register.reference import QueryCache, QueryCopies
from whence.crossview.register.registrar import Registrar
from whence.earth.tiles.georeference import GeoReference
from whence.earth.tiles.types import Patch
from whence.encode.local.sift import Config, Sift

TRUTH = similarity(0.9, 20.0, (60.0, 30.0))


def test_a_copy_is_made_once_and_its_points_lie_on_the_query() -> None:
    pixels, sift = town(160, seed=1), Sift(Config(points=300))
    copies = QueryCopies(Picture.of(pixels, None))
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda _: copies.get(0.0, 0.5, sift), range(6)))
    assert all(found[0] is made[0][0] for found in made)
    assert copies.get(0.0, 0.497, sift)[0] is made[0][0]  # scales are rounded to 2 %
    placed = copies.nearest([(0.0, 0.5), (0.0, 2.0)], 10.0, 0.6, sift)
    assert len(placed) == len(made[0][0])
    assert placed.xy_px.max() == pytest.approx(2.0 * made[0][0].xy_px.max(), rel=0.02)


def test_the_last_queries_are_kept() -> None:
    cache, pictures = QueryCache(most=2), [town(64, seed=seed) for seed in range(3)]
    first = cache.get(pictures[0], None)
    assert cache.get(pictures[0], None) is first
    assert cache.get(pictures[0], np.ones((64, 64), bool)) is not first
    assert cache.get(pictures[0], None) is first
    for picture in pictures[1:]:
        cache.get(picture, None)
    assert cache.get(pictures[0], None) is not first


def test_threads_find_what_one_finds_whatever_was_asked_before() -> None:
    query = seen(town(300, seed=0), TRUTH, 150, 150)
    place = GeoReference.of_tile(18, 156_704, 106_360).window(0, 0, 300, 300)
    patches = [Patch(town(300, seed=seed), np.ones((300, 300), bool), place, "town") for seed in (0, 5)]
    priors = [PosePrior(factor * place.gsd_m_per_px, 1.4, 0.0, 60.0) for factor in (0.9, 1.0)]
    asked = [(patch, prior) for patch in patches for prior in priors]
    config, encoders = RegisterConfig(), [Sift(Config(points=600))]
    alone = [Registrar(config, encoders).register(query, patch, prior=prior) for patch, prior in asked]
    shared = Registrar(config, encoders)
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda item: shared.register(query, item[0], prior=item[1]), asked))
    assert alone[0].transform is not None
    for one, other in zip(alone, together, strict=True):
        assert one.statistics == other.statistics
