"""Published weights of GeoCLIP and SatCLIP's layout against plain evaluations of what their authors run."""

from __future__ import annotations

import importlib.util
import math
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="location encoders are trained with torch, which is not installed")

from whence.core.errors import ArtifactError, MissingExtraError  # noqa: E402
from whence.encode.location import geoclip  # noqa: E402
from whence.encode.location.spherical_harmonics_siren import load_satclip  # noqa: E402

HAS_GEOCLIP = importlib.util.find_spec("geoclip") is not None
needs_geoclip = pytest.mark.skipif(not HAS_GEOCLIP, reason="not installed: pip install --no-deps geoclip")


def places(count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    lat = np.degrees(np.arcsin(rng.uniform(-1, 1, count)))
    return np.stack([lat, rng.uniform(-180, 180, count)], axis=1)


def their_encoder(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The package's own class, from its one file: importing the package itself would need torchvision."""
    folder = geoclip.published_weights().parents[1]
    package, misc = ModuleType("geoclip_parts"), ModuleType("geoclip_parts.misc")
    package.__path__ = [str(folder)]
    misc.file_dir = str(folder)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "geoclip_parts", package)
    monkeypatch.setitem(sys.modules, "geoclip_parts.misc", misc)
    spec = importlib.util.spec_from_file_location("geoclip_parts.location_encoder", folder / "location_encoder.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.LocationEncoder().eval()


@needs_geoclip
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning", "ignore:.*torch.jit.*:FutureWarning")
def test_published_geoclip_gives_its_own_embeddings(monkeypatch: pytest.MonkeyPatch) -> None:
    where = torch.tensor(places(500), dtype=torch.float32)
    with torch.no_grad():
        found, expected = geoclip.load_published()(where), their_encoder(monkeypatch)(where)
    assert float((found - expected).abs().max()) < 1e-5


@needs_geoclip
def test_finding_the_weights_does_not_import_the_package() -> None:
    assert geoclip.published_weights().is_file()
    assert "geoclip" not in sys.modules


@needs_geoclip
def test_the_published_encoder_has_a_seam() -> None:
    with torch.no_grad():
        west, east, near = geoclip.load_published()(torch.tensor([[65.0, -179.99], [65.0, 179.99], [65.0, -179.97]]))
    assert float(torch.cosine_similarity(west, east, dim=0)) < 0.5
    assert float(torch.cosine_similarity(west, near, dim=0)) > 0.95


@pytest.mark.skipif(HAS_GEOCLIP, reason="the package geoclip is installed")
def test_without_the_package_the_way_to_it_is_told() -> None:
    with pytest.raises(MissingExtraError, match="pip install --no-deps geoclip"):
        geoclip.load_published()


def test_the_projection_is_equal_earth() -> None:
    pyproj = pytest.importorskip("pyproj")
    where = places(200)
    project = pyproj.Transformer.from_crs("+proj=longlat +R=1", "+proj=eqearth +R=1", always_xy=True)
    expected = np.stack(project.transform(where[:, 1], where[:, 0]), axis=1) * 66.50336 / 180
    found = geoclip.equal_earth(torch.tensor(where, dtype=torch.float32)).numpy()
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_weights_of_another_layout_are_refused(tmp_path: Path) -> None:
    tiny = geoclip.GeoClip.tiny()
    torch.save(tiny.state_dict(), tmp_path / "small.pth")
    with pytest.raises(ArtifactError, match="another layout: missing"):
        geoclip.load_published(tmp_path / "small.pth")
    (tmp_path / "noise.pth").write_bytes(b"not weights")
    with pytest.raises(ArtifactError, match="no PyTorch file of plain weights"):
        geoclip.load_published(tmp_path / "noise.pth")
    with pytest.raises(ArtifactError, match="There is no file"):
        geoclip.load_published(tmp_path / "none.pth")


def test_files_that_would_run_code_are_refused(tmp_path: Path) -> None:
    torch.save({"b": Path("x")}, tmp_path / "code.pth")
    with pytest.raises(ArtifactError, match="no PyTorch file of plain weights"):
        geoclip.load_published(tmp_path / "code.pth")


def satclip_harmonics(lon_lat: np.ndarray, count: int, calculation: str) -> np.ndarray:
    """SatCLIP's features as its authors define them, one harmonic after the other, in double precision."""
    special = pytest.importorskip("scipy.special", reason="SciPy is not installed")
    azimuth, polar = np.radians(lon_lat[:, 0] + 180.0), np.radians(lon_lat[:, 1] + 90.0)
    x = np.cos(polar)  # of angles 0..180°, the opposite of the sine of the latitude
    out = []
    for degree in range(count):
        for order in range(-degree, degree + 1):
            m = abs(order)
            norm = math.sqrt((2 * degree + 1) / (4 * math.pi) * math.factorial(degree - m) / math.factorial(degree + m))
            legendre = special.lpmv(m, degree, x)  # with the Condon–Shortley sign
            if order == 0 and calculation == "analytic":
                out.append(math.sqrt((2 * degree + 1) / 4 * math.pi) * legendre)
                continue
            wave = np.cos(m * azimuth) if order >= 0 else np.sin(m * azimuth)
            sign = (-1) ** m if calculation == "analytic" else 1
            out.append(sign * (math.sqrt(2) if m else 1.0) * norm * legendre * wave)
    return np.stack(out, axis=1)


def satclip_checkpoint(calculation: str, count: int, width: int = 24, dim: int = 9) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    sizes = [("layers.0", count**2, width), ("layers.1", width, width), ("last_layer", width, dim)]
    weights: dict[str, Any] = {"model.logit_scale": torch.tensor(2.66), "model.visual.fc.bias": torch.zeros(dim)}
    for name, inputs, outputs in sizes:
        bound = 1 / inputs if name == "layers.0" else math.sqrt(6 / inputs)
        for part, shape in (("weight", (outputs, inputs)), ("bias", (outputs,))):
            value = torch.tensor(rng.uniform(-bound, bound, shape))
            weights[f"model.nnet.{name}.{part}"] = weights[f"model.location.nnet.{name}.{part}"] = value
    hyper = {"embed_dim": dim, "capacity": width, "num_hidden_layers": 2, "legendre_polys": count}
    hyper |= {"le_type": "sphericalharmonics", "pe_type": "siren", "harmonics_calculation": calculation}
    return {"epoch": 3, "pytorch-lightning_version": "2.0.0", "state_dict": weights, "hyper_parameters": hyper}


@pytest.mark.parametrize(("calculation", "count"), [("analytic", 10), ("closed-form", 10), ("analytic", 40)])
def test_satclip_checkpoints_give_what_their_own_harmonics_give(tmp_path: Path, calculation: str, count: int) -> None:
    checkpoint = satclip_checkpoint(calculation, count)
    torch.save(checkpoint, tmp_path / "satclip.ckpt")
    where = places(40).astype(np.float32)
    x = satclip_harmonics(where[:, ::-1].astype(float), count, calculation)
    weights = {key: value.numpy() for key, value in checkpoint["state_dict"].items() if "location" in key}
    for name, frequency in (("layers.0", 30.0), ("layers.1", 1.0), ("last_layer", 0.0)):
        prefix = f"model.location.nnet.{name}"
        x = x @ weights[f"{prefix}.weight"].T + weights[f"{prefix}.bias"]
        x = np.sin(frequency * x) if frequency else x
    with torch.no_grad():
        found = load_satclip(tmp_path / "satclip.ckpt")(torch.tensor(where)).numpy()
    np.testing.assert_allclose(found, x, atol=2e-4)


def test_other_checkpoints_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.ckpt"
    torch.save({"state_dict": {}}, path)
    with pytest.raises(ArtifactError, match="no SatCLIP checkpoint"):
        load_satclip(path)
    for setting, value, message in (
        ("le_type", "grid", "only 'sphericalharmonics'"),
        ("harmonics_calculation", "discretized", "'analytic' or 'closed-form'"),
        ("legendre_polys", 5, "no first layer for 25 harmonics"),
        ("num_hidden_layers", 3, "another layout"),
        ("embed_dim", 8, "another size"),
    ):
        checkpoint = satclip_checkpoint("analytic", 4)
        checkpoint["hyper_parameters"][setting] = value
        torch.save(checkpoint, path)
        with pytest.raises(ArtifactError, match=message):
            load_satclip(path)
    checkpoint = satclip_checkpoint("analytic", 4)
    del checkpoint["hyper_parameters"]["capacity"]
    torch.save(checkpoint, path)
    with pytest.raises(ArtifactError, match="lacks settings"):
        load_satclip(path)
