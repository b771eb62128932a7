"""Answers from a belief over places, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra train is not installed")

from whence.earth.coordinates import distance_km  # noqa: E402
from whence.train.scoring import TEMPERATURES, answers, best_rows, fit_temperature  # noqa: E402


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def _believed(shares: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """A picture and a gallery of unit vectors whose belief at sharpness 1 is in these shares."""
    logits = np.log(np.asarray(shares))
    cosines = (logits - logits.max()) / 10 + 0.9  # sharpness 10
    gallery = np.stack([cosines, np.sqrt(1 - cosines**2)], axis=1).astype(np.float32)
    return np.array([[1.0, 0.0]], np.float32), gallery


def _answer(shares: list[float], places: list[tuple[float, float]]):
    images, gallery = _believed(shares)
    return answers(images, images, gallery, np.asarray(places), 10.0)


def test_the_nearest_is_the_likeliest_and_the_mode_is_where_most_lies() -> None:
    # One place has 30 %; four others within 100 km of each other have 70 % together, none more than 20 %.
    places = [(0.0, 100.0), (50.0, 0.0), (50.0, 0.5), (50.3, 0.2), (50.1, 0.2)]
    found = _answer([0.30, 0.16, 0.16, 0.18, 0.20], places)
    assert (found.nearest_lat_deg[0], found.nearest_lon_deg[0]) == (0.0, 100.0)
    assert (found.mode_lat_deg[0], found.mode_lon_deg[0]) == (50.1, 0.2)


def test_the_median_of_places_on_a_line_is_that_with_half_on_each_side() -> None:
    # Along the equator, across the antimeridian: shares 0.3, 0.25, 0.45 have their median at the second place.
    found = _answer([0.3, 0.25, 0.45], [(0.0, 170.0), (0.0, -178.0), (0.0, -150.0)])
    assert distance_km(0.0, -178.0, found.median_lat_deg[0], found.median_lon_deg[0]) < 200
    found = _answer([0.3, 0.10, 0.60], [(0.0, 170.0), (0.0, -178.0), (0.0, -150.0)])
    assert distance_km(0.0, -150.0, found.median_lat_deg[0], found.median_lon_deg[0]) < 60


def test_the_median_is_the_place_of_least_expected_distance() -> None:
    rng = np.random.default_rng(2)
    places = [
        (float(lat), float(lon)) for lat, lon in zip(rng.uniform(-60, 70, 30), rng.uniform(-40, 120, 30), strict=True)
    ]
    shares = rng.random(30) + 0.1
    shares /= shares.sum()
    found = _answer(shares.tolist(), places)

    def expected(lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
        return sum(w * distance_km(lat, lon, *place) for w, place in zip(shares, places, strict=True))

    ours = expected(found.median_lat_deg, found.median_lon_deg)[0]
    lat, lon = (axis.ravel() for axis in np.meshgrid(np.arange(-80.0, 81, 2), np.arange(-180.0, 180, 2)))
    assert ours < expected(lat, lon).min() + 10


def test_bits_of_a_uniform_model_are_nil_and_of_another_by_hand() -> None:
    even = np.tile(np.array([[0.6, 0.8]], np.float32), (4, 1))
    images = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
    where = np.array([(0.0, 0.0), (10.0, 10.0), (20.0, 20.0), (30.0, 30.0)])
    np.testing.assert_allclose(answers(images, even[:2], even, where, 20.0).bits, 0.0, atol=1e-5)
    # All of the belief of four places on the true one: log2(4); on two of them, one the true: log2(2).
    apart = np.array([[1.0, 0.0], [-1.0, 0.0], [-1.0, 0.0], [-1.0, 0.0]], np.float32)
    assert answers(images[:1], apart[:1], apart, where, 20.0).bits[0] == pytest.approx(2.0, abs=1e-4)
    apart[1] = apart[0]
    assert answers(images[:1], apart[:1], apart, where, 20.0).bits[0] == pytest.approx(1.0, abs=1e-4)


def test_bits_count_from_the_uniform_places_alone() -> None:
    images, gallery = np.array([[1.0, 0.0]], np.float32), np.array([[1.0, 0.0], [-1.0, 0.0]], np.float32)
    gallery = np.concatenate([gallery, np.tile(gallery[:1], (50, 1))])  # training places, all alike
    where = np.column_stack([np.linspace(0, 50, 52), np.zeros(52)])
    found = answers(images, images, gallery, where, 20.0, uniform=2)
    assert found.bits[0] == pytest.approx(1.0, abs=1e-4)


def test_a_known_temperature_is_recovered() -> None:
    rng = np.random.default_rng(0)
    count, dim, scale, temperature = 3_000, 8, 12.0, 2.0

    def units(n: int) -> np.ndarray:
        rows = rng.normal(size=(n, dim))
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    images, gallery = units(count), units(2_000)
    belief = scale / temperature * images @ gallery.T
    belief += rng.gumbel(size=belief.shape)  # so the largest is a draw from the belief
    found = fit_temperature(images, gallery[belief.argmax(1)], gallery, scale)
    steps = [abs(math.log(value / temperature)) for value in TEMPERATURES]
    assert TEMPERATURES.index(found) in np.argsort(steps)[:2]


def test_the_best_row_of_each_picture() -> None:
    gallery = np.eye(3, dtype=np.float32)
    rng = np.random.default_rng(0)
    picked = rng.integers(0, 3, 1_100)  # more than one batch
    images = gallery[picked] + rng.normal(0, 0.01, (1_100, 3)).astype(np.float32)
    np.testing.assert_array_equal(best_rows(images, gallery), picked)
