"""Queries drawn from a town are laid where they were drawn from, and others look different."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from made_town import seen, town
from whence.core.errors import ImageError, OptionError
from whence.crossview.register.config import PosePrior, RegisterConfig
from whence.crossview.register.dense import Search
from whence.crossview.register.geometry import Allowed, mapped, similarity
from whence.crossview.register.picture import Picture, black_edges, local_scale, turned
from whence.crossview.register.registrar import Registrar
from whence.crossview.register.statistics import hull_area, scale_and_turn
from whence.earth.tiles.georeference import GeoReference
from whence.earth.tiles.types import Patch
from whence.encode.local.sift import Sift
from whence.encode.local.types import LocalEncoder
from whence.encode.user_files import ASSETS_VARIABLE

TRUTH = similarity(0.9, 20.0, (150.0, 60.0))
MIDDLE = np.array([[110.0, 110.0]])


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    cv2.setNumThreads(1)


@pytest.fixture(scope="module")
def patch() -> Patch:
    return patch_of(town(400, seed=0))


@pytest.fixture(scope="module")
def registrar() -> Registrar:
    return Registrar(RegisterConfig(), [Sift()])


def patch_of(pixels: np.ndarray) -> Patch:
    place = GeoReference.of_tile(18, 156_704, 106_360).window(0, 0, pixels.shape[1], pixels.shape[0])
    return Patch(pixels, np.ones(pixels.shape[:2], bool), place, "town")


def prior(patch: Patch, *, scale: float = 0.9, turn: float = 0.0) -> PosePrior:
    return PosePrior(scale * patch.georeference.gsd_m_per_px, 1.4, turn, 60.0)


def test_a_query_is_found_to_the_pixel(registrar, patch):
    query = seen(patch.pixels, TRUTH, 220, 220)
    found = registrar.register(query, patch, prior=prior(patch))
    assert found.transform is not None
    assert np.abs(mapped(found.transform, MIDDLE) - mapped(TRUTH, MIDDLE)).max() < 0.5
    assert found.model == "similarity"
    assert found.matcher == "sift"
    assert found.correspondences.inlier.sum() == found.statistics["inliers"] > 40
    assert found.statistics["scale"] == pytest.approx(0.9, abs=0.01)
    assert found.statistics["turn_deg"] == pytest.approx(20.0, abs=0.5)
    assert found.statistics["overlap"] > 0.95
    assert found.statistics["excess"] > 8
    assert found.covariance_px2[0] < 4


def test_correspondences_fit_the_transform_they_come_with(registrar, patch):
    found = registrar.register(seen(patch.pixels, TRUTH, 220, 220), patch, prior=prior(patch))
    pairs = found.correspondences
    e = np.linalg.norm(mapped(found.transform, pairs.query_px) - pairs.reference_px, axis=1)
    assert (e[pairs.inlier] < 4).all()
    assert (e[~pairs.inlier] >= 4).all()


def test_without_a_prior_it_is_found_too(registrar, patch):
    truth = similarity(0.8, 160.0, (300.0, 250.0))
    found = registrar.register(seen(patch.pixels, truth, 220, 220), patch)
    assert np.abs(mapped(found.transform, MIDDLE) - mapped(truth, MIDDLE)).max() < 1.0


def test_a_query_of_elsewhere_looks_false(registrar, patch):
    true = registrar.register(seen(patch.pixels, TRUTH, 220, 220), patch, prior=prior(patch)).statistics
    false = registrar.register(seen(town(400, seed=9), TRUTH, 220, 220), patch, prior=prior(patch)).statistics
    assert false["excess"] < 0.5 * true["excess"]
    assert false.get("agreement_z", 0.0) < 0.5 * true["agreement_z"]
    assert false["second_support"] > 2 * true["second_support"]


def test_the_same_question_has_the_same_answer(patch):
    query = seen(patch.pixels, TRUTH, 220, 220)
    a, b = (Registrar(RegisterConfig(), [Sift()]).register(query, patch, prior=prior(patch)) for _ in range(2))
    assert np.array_equal(a.transform, b.transform)
    assert a.statistics == b.statistics


def test_black_edges_of_a_query_are_left_out(registrar, patch):
    query = seen(patch.pixels, TRUTH, 220, 220)
    query[:, :70] = 0
    found = registrar.register(query, patch, prior=prior(patch))
    assert np.abs(mapped(found.transform, MIDDLE) - mapped(TRUTH, MIDDLE)).max() < 1.0
    assert (found.correspondences.query_px[:, 0] > 70).all()


def test_fine_queries_are_reduced_and_fine_references_too(registrar, patch):
    large = cv2.resize(seen(patch.pixels, TRUTH, 220, 220), (660, 660), interpolation=cv2.INTER_LINEAR)
    known = PosePrior(0.3 * patch.georeference.gsd_m_per_px, 1.4, 0.0, 60.0)
    found = registrar.register(large, patch, prior=known)
    assert np.abs(mapped(found.transform, 3 * MIDDLE) - mapped(TRUTH, MIDDLE)).max() < 1.0
    small = cv2.resize(patch.pixels, (160, 160), interpolation=cv2.INTER_AREA)
    known = PosePrior(2.5 * patch.georeference.gsd_m_per_px, 1.4, 0.0, 60.0)
    found = registrar.register(small, patch, prior=known)
    assert np.abs(mapped(found.transform, np.array([[80.0, 80.0]])) - 200).max() < 2.0


def test_a_flat_query_is_laid_nowhere(registrar, patch):
    found = registrar.register(np.full((120, 120, 3), 90, np.uint8), patch, prior=prior(patch))
    assert found.transform is None
    assert found.statistics["inliers"] == 0
    assert not np.isfinite(found.covariance_px2[0])


def test_nothing_valid_is_an_error(registrar, patch):
    with pytest.raises(ImageError, match="No pixel"):
        registrar.register(np.zeros((60, 60, 3), np.uint8), patch)


def test_features_of_references_are_kept_and_forgotten(patch):
    class Counting(LocalEncoder):
        NAME, CONFIG, CARD, TURNS_WITH_PICTURE, REACH_PX = "sift", Sift.CONFIG, Sift.CARD, True, 6

        def __init__(self, config=None) -> None:
            self.plain, self.asked = Sift(config), 0

        def extract(self, pixels, valid=None):
            self.asked += pixels.shape[0] == 400
            return self.plain.extract(pixels, valid)

        @classmethod
        def tiny(cls, seed=0):
            return cls()

    counting = Counting()
    registrar = Registrar(RegisterConfig(cached=1), [counting])
    query = seen(patch.pixels, TRUTH, 220, 220)
    for reference in (patch, patch, patch_of(town(400, seed=5)), patch):
        registrar.register(query, reference, prior=prior(patch))
    assert counting.asked == 3


def test_dense_search_finds_what_is_turned_and_scaled(patch):
    truth = similarity(0.85, 10.0, (120.0, 80.0))
    query = Picture.of(seen(255 - patch.pixels, truth, 220, 220), None)  # bright for dark
    reference = Picture(patch.pixels, patch.valid)
    peaks = Search(query, reference, 0.9, Allowed((0.7, 1.2), 0.0, 20.0), 120, 2).over_all()
    assert np.abs(mapped(peaks[0].transform, MIDDLE) - mapped(truth, MIDDLE)).max() < 6
    assert peaks[0].ratio < 0.7
    assert peaks[0].z > 5


def test_dense_guesses_are_refined_like_others(patch):
    registrar = Registrar(RegisterConfig(dense=True, ratio=0.01), [Sift()])
    found = registrar.register(seen(patch.pixels, TRUTH, 220, 220), patch, prior=prior(patch))
    assert registrar.name == "sift+dense"
    assert found.statistics["dense_score"] > 0.1
    assert np.abs(mapped(found.transform, MIDDLE) - mapped(TRUTH, MIDDLE)).max() < 1.0


def test_encoders_are_built_by_name(shared, monkeypatch, patch):
    monkeypatch.setenv(ASSETS_VARIABLE, str(shared / "assets"))
    registrar = Registrar(RegisterConfig(features="xfeat, sift", matching="lighterglue"))
    assert registrar.name == "xfeat+sift+lighterglue"
    truth = similarity(0.9, 40.0, (190.0, 40.0))  # XFeat does not turn: found by turning the query
    found = Registrar(RegisterConfig(features="xfeat")).register(
        seen(patch.pixels, truth, 220, 220), patch, prior=prior(patch)
    )
    assert np.abs(mapped(found.transform, MIDDLE) - mapped(truth, MIDDLE)).max() < 1.0


def test_points_of_three_encoders_are_pooled(shared, monkeypatch, patch):
    pytest.importorskip("torch").set_num_threads(1)
    monkeypatch.setenv(ASSETS_VARIABLE, str(shared / "assets"))
    registrar = Registrar(RegisterConfig(features="sift,xfeat,aliked"))
    query = seen(patch.pixels, TRUTH, 220, 220)
    found = registrar.register(query, patch, prior=prior(patch))
    alone = Registrar(RegisterConfig(), [Sift()]).register(query, patch, prior=prior(patch))
    assert found.matcher == "sift+xfeat+aliked"
    assert np.abs(mapped(found.transform, MIDDLE) - mapped(TRUTH, MIDDLE)).max() < 1.0
    assert found.statistics["matches"] > alone.statistics["matches"]


@pytest.mark.parametrize(
    ("setting", "value"),
    [("matching", "x"), ("models", "x"), ("inlier_px", 0.0), ("samples", 0), ("guide_px", "a"), ("ratio", 0.0)],
)
def test_settings_out_of_range_are_refused(setting, value):
    with pytest.raises(OptionError):
        RegisterConfig(**{setting: value}).radii_px  # noqa: B018


def test_unknown_encoders_are_refused():
    with pytest.raises(OptionError, match="local encoder"):
        Registrar(RegisterConfig(features="soft"))


@pytest.mark.parametrize("given", [{"gsd_m_per_px": 0.0}, {"scale_range": 0.5}, {"heading_range_deg": 0.0}])
def test_priors_out_of_range_are_refused(given):
    with pytest.raises(OptionError):
        PosePrior(**given)


# ------------------------------------------------------------------------------------------------ pictures


def test_turning_keeps_positions(patch):
    query = Picture(patch.pixels, patch.valid)
    copy, transform = turned(query, 90.0, 1.0)
    assert copy.size_px == (400, 400)
    assert mapped(transform, np.array([[0.0, 0.0]])) == pytest.approx(np.array([[400.0, 0.0]]), abs=1e-9)
    assert np.array_equal(copy.pixels, np.rot90(patch.pixels, -1))
    half, transform = turned(query, 0.0, 0.5)
    assert half.size_px == (200, 200)
    assert local_scale(transform, np.array([10.0, 10.0])) == pytest.approx(0.5)
    assert scale_and_turn(transform, np.array([10.0, 10.0])) == pytest.approx((0.5, 0.0))


def test_black_edges_are_large_and_touch_the_edge():
    pixels = np.full((100, 100, 3), 80, np.uint8)
    pixels[:20] = 3
    pixels[50:60, 50:60] = 0
    found = black_edges(pixels)
    assert found[:20].all()
    assert not found[20:].any()


def test_areas_of_hulls():
    assert hull_area(np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 3.0], [2.0, 1.0]])) == pytest.approx(6.0)
    assert hull_area(np.zeros((2, 2))) == 0.0
