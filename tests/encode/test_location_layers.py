"""Harmonics, random waves and sine networks against other people's formulas."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="location encoders are trained with torch, which is not installed")

from whence.core.errors import OptionError  # noqa: E402
from whence.encode.location.grid import Config as GridConfig  # noqa: E402
from whence.encode.location.grid import Grid  # noqa: E402
from whence.encode.location.layers import (  # noqa: E402
    RandomWaves,
    Siren,
    SphericalHarmonics,
    listed_numbers,
    radians,
    unit_vectors,
)
from whence.encode.location.spherical_harmonics_siren import Config, SphericalHarmonicsSiren  # noqa: E402


def places(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    lat = np.degrees(np.arcsin(rng.uniform(-1, 1, count)))
    return np.stack([lat, rng.uniform(-180, 180, count)], axis=1).astype(np.float32)


def scipy_harmonics(lat_lon_deg: np.ndarray, degrees: int) -> np.ndarray:
    """Real harmonics from SciPy's complex ones, whose Condon–Shortley sign is taken out."""
    special = pytest.importorskip("scipy.special", reason="SciPy is not installed")
    polar, azimuth = np.radians(90.0 - lat_lon_deg.astype(float).T[0]), np.radians(lat_lon_deg.astype(float).T[1])
    out = []
    for degree in range(degrees):
        for order in range(-degree, degree + 1):
            value = special.sph_harm_y(degree, abs(order), polar, azimuth)
            part = value.real if order >= 0 else value.imag
            out.append(part if order == 0 else math.sqrt(2) * (-1) ** order * part)
    return np.stack(out, axis=1)


def test_harmonics_are_scipys_up_to_degree_40() -> None:
    where = places(300)
    found = SphericalHarmonics(41)(torch.tensor(where)).double().numpy()
    expected = scipy_harmonics(where, 41)
    assert np.abs(found - expected).max() < 1e-4
    assert np.sqrt(((found - expected) ** 2).mean()) < 1e-6


def test_low_harmonics_are_those_of_the_books() -> None:
    found = SphericalHarmonics(3)(torch.tensor([[30.0, 40.0]]))[0]
    x, y, z = unit_vectors(torch.tensor([[30.0, 40.0]]))[0].tolist()
    first, second = math.sqrt(3 / (4 * math.pi)), math.sqrt(15 / (4 * math.pi))
    expected = [
        math.sqrt(1 / (4 * math.pi)),
        first * y,
        first * z,
        first * x,
        second * x * y,
        second * y * z,
        math.sqrt(5 / (16 * math.pi)) * (3 * z * z - 1),
        second * x * z,
        second / 2 * (x * x - y * y),
    ]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)


def test_harmonics_are_orthonormal() -> None:
    degrees = 16
    nodes, weights = np.polynomial.legendre.leggauss(degrees)
    lon = np.arange(2 * degrees) * 180.0 / degrees
    lat, turn = np.meshgrid(np.degrees(np.arcsin(nodes)), lon, indexing="ij")
    weight = np.repeat(weights * math.pi / degrees, lon.size)
    where = torch.tensor(np.stack([lat.ravel(), turn.ravel()], axis=1), dtype=torch.float32)
    values = SphericalHarmonics(degrees)(where).double().numpy()
    np.testing.assert_allclose(values.T @ (weight[:, None] * values), np.eye(degrees**2), atol=1e-5)


@pytest.mark.parametrize(("lat", "sign"), [(90.0, 1.0), (-90.0, -1.0)])
def test_at_a_pole_only_order_0_is_left(lat: float, sign: float) -> None:
    degrees = 41
    values = SphericalHarmonics(degrees)(torch.tensor([[lat, -77.0]]))[0].double().numpy()
    for degree in range(degrees):
        row = values[degree**2 : (degree + 1) ** 2]
        assert row[degree] == pytest.approx(sign**degree * math.sqrt((2 * degree + 1) / (4 * math.pi)), abs=1e-4)
        assert np.abs(np.delete(row, degree)).max(initial=0.0) < 1e-4


def test_high_degrees_stay_finite_and_sum_to_their_theorem() -> None:
    degrees = 200
    values = SphericalHarmonics(degrees)(torch.tensor(places(20)))
    assert torch.isfinite(values).all()
    top = values[:, (degrees - 1) ** 2 :].double().square().sum(dim=1)
    np.testing.assert_allclose(top.numpy(), (2 * degrees - 1) / (4 * math.pi), rtol=1e-3)


def test_longitudes_of_any_turn_are_brought_home() -> None:
    _, lon = radians(torch.tensor([[0.0, 540.5], [0.0, -190.0], [0.0, 180.0], [0.0, -180.0]]))
    np.testing.assert_allclose(np.degrees(lon.numpy()), [-179.5, 170.0, 180.0, -180.0], atol=1e-4)


@pytest.mark.parametrize("smoothness", [0.0, 0.5, 1.5])
def test_random_waves_approximate_their_kernel(smoothness: float) -> None:
    waves = RandomWaves(3, 20_000, (2.0,), smoothness, torch.Generator().manual_seed(0))
    line = torch.zeros(6, 3)
    line[:, 0] = torch.linspace(0, 1, 6)
    features = waves(line)
    found = (features @ features[0] / 20_000).numpy()
    distance = 2.0 * line[:, 0].double().numpy()
    scaled = math.sqrt(2 * smoothness) * distance
    expected: dict[float, Any] = {
        0.0: np.exp(-(distance**2) / 2),
        0.5: np.exp(-scaled),
        1.5: (1 + scaled) * np.exp(-scaled),
    }
    np.testing.assert_allclose(found, expected[smoothness], atol=0.02)


def test_sine_network_begins_as_its_paper_says() -> None:
    network = Siren(50, 96, 2, 7, 30.0, torch.Generator().manual_seed(0))
    bounds = [float(layer.weight.detach().abs().max()) for layer in (*network.hidden, network.last)]
    for found, expected in zip(bounds, [1 / 50, math.sqrt(6 / 96), math.sqrt(6 / 96)], strict=True):
        assert 0.95 * expected < found <= expected
    x = torch.randn(3, 50, generator=torch.Generator().manual_seed(1))
    a, b = network.hidden
    expected_out = network.last(torch.sin(b(torch.sin(30.0 * a(x)))))
    assert torch.equal(network(x), expected_out)


def test_the_residual_path_is_a_linear_map_of_harmonics() -> None:
    encoder = SphericalHarmonicsSiren(
        Config(degrees=4, width=8, dim=3, residual=True), torch.Generator().manual_seed(0)
    )
    where = torch.tensor(places(5))
    assert encoder.linear is not None
    expected = encoder.network(encoder.features(where)) + encoder.features(where) @ encoder.linear.weight.T
    torch.testing.assert_close(encoder(where), expected)


def test_the_published_grid_has_a_seam_and_ours_has_none() -> None:
    sides = torch.tensor([[10.0, 179.9999], [10.0, -179.9999]])
    plate, sphere = (Grid(GridConfig(axes=axes), torch.Generator().manual_seed(0)) for axes in ("plate", "sphere"))
    assert (plate.features(sides)[0] - plate.features(sides)[1]).abs().max() > 0.5
    assert (sphere.features(sides)[0] - sphere.features(sides)[1]).abs().max() < 1e-3
    assert plate.feature_dim == 64
    assert sphere.feature_dim == 96


def test_grid_wavelengths_are_those_asked_for() -> None:
    encoder = Grid(GridConfig(axes="plate", scales=2, coarsest_deg=90.0, finest_deg=30.0))
    found = encoder.features(torch.tensor([[30.0, 0.0]]))[0, :2]  # sines of the latitude: a third, then all of a wave
    np.testing.assert_allclose(found.numpy(), [math.sin(2 * math.pi / 3), 0.0], atol=1e-5)


def test_lists_of_numbers_are_checked() -> None:
    assert listed_numbers("1, 16,256", "scales") == (1.0, 16.0, 256.0)
    for text in ("", "1,,2", "0,1", "one", "nan", "1,inf"):
        with pytest.raises(OptionError, match="scales takes numbers above 0"):
            listed_numbers(text, "scales")


def test_wrong_settings_say_what_is_allowed() -> None:
    with pytest.raises(OptionError, match="Available: plate, sphere"):
        Grid(GridConfig(axes="spher"))
    with pytest.raises(OptionError, match="finest_deg ≤ coarsest_deg"):
        Grid(GridConfig(finest_deg=400.0))
    with pytest.raises(OptionError, match=r"multiple of 0\.5"):
        RandomWaves(3, 4, (1.0,), 0.7, None)
