"""Every location encoder of the registry is held to the same contract."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="location encoders are trained with torch, which is not installed")

from safetensors.torch import load_file, save_file  # noqa: E402

from whence.core.config import build, settings  # noqa: E402
from whence.core.errors import OptionError  # noqa: E402
from whence.encode.location import location_encoders  # noqa: E402

NAMES = location_encoders().names()


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=NAMES)
def kind(request: pytest.FixtureRequest) -> Any:
    return location_encoders().load(request.param)


def places(count: int = 64) -> Any:
    rng = np.random.default_rng(3)
    lat = np.degrees(np.arcsin(rng.uniform(-1, 1, count)))
    return torch.tensor(np.stack([lat, rng.uniform(-180, 180, count)], axis=1), dtype=torch.float32)


def test_all_are_listed() -> None:
    assert set(NAMES) >= {"geoclip", "grid", "sphere_rff", "spherical_harmonics_siren", "xyz_siren"}


def test_shapes_and_types(kind: Any) -> None:
    encoder = kind.tiny()
    features, embedding = encoder.features(places(7)), encoder(places(7))
    assert features.shape == (7, encoder.feature_dim)
    assert embedding.shape == (7, encoder.dim)
    assert features.dtype == embedding.dtype == torch.float32
    assert torch.isfinite(embedding).all()
    assert torch.equal(encoder.from_features(features), embedding)


def test_defaults_build(kind: Any) -> None:
    encoder = kind(kind.CONFIG())
    assert encoder(places(2)).shape == (2, encoder.dim)
    assert encoder.features(places(2)).shape == (2, encoder.feature_dim)


def test_a_batch_is_its_single_places(kind: Any) -> None:
    encoder = kind.tiny()
    with torch.no_grad():
        together = encoder(places(16))
        singly = torch.cat([encoder(place[None]) for place in places(16)])
    torch.testing.assert_close(together, singly, rtol=1e-4, atol=1e-5)


def test_weights_survive_saving(kind: Any, tmp_path: Path) -> None:
    encoder, other = kind.tiny(seed=1), kind.tiny(seed=2)
    assert not torch.equal(encoder(places()), other(places()))
    save_file(encoder.state_dict(), tmp_path / "weights.safetensors")
    other.load_state_dict(load_file(tmp_path / "weights.safetensors"), strict=True)
    assert torch.equal(encoder(places()), other(places()))


def test_the_same_seed_builds_the_same_encoder(kind: Any) -> None:
    first, again = kind.tiny(seed=5), kind.tiny(seed=5)
    assert torch.equal(first(places()), again(places()))


def test_building_with_a_generator_depends_on_nothing_global(kind: Any) -> None:
    torch.manual_seed(1)
    first = kind(kind.CONFIG(), torch.Generator().manual_seed(5))(places(4))
    torch.manual_seed(2)
    assert torch.equal(first, kind(kind.CONFIG(), torch.Generator().manual_seed(5))(places(4)))


def test_unknown_settings_are_refused_with_the_nearest(kind: Any) -> None:
    with pytest.raises(OptionError, match="Did you mean 'width'"):
        build(kind.CONFIG, {"widht": 3}, owner="location encoder")


def test_every_setting_is_explained(kind: Any) -> None:
    assert settings(kind.CONFIG)
    for setting in settings(kind.CONFIG):
        assert setting.help.endswith("."), setting


def test_impossible_settings_are_refused(kind: Any) -> None:
    for setting, value in (("dim", 0), ("width", 0), ("layers", -1)):
        with pytest.raises(OptionError, match=f"must be [01] or more, received {value}"):
            kind(build(kind.CONFIG, {setting: value}, owner="location encoder"))


def test_the_card_is_complete(kind: Any) -> None:
    for value in (kind.CARD.title, kind.CARD.paper, kind.CARD.licence, kind.CARD.weights):
        assert value
    assert any(char.isdigit() for char in kind.CARD.paper)


def test_continuity_is_as_claimed(kind: Any) -> None:
    encoder = kind.tiny()
    lat = torch.linspace(-80, 80, 33)
    side = torch.full_like(lat, 179.9999)
    lon = torch.linspace(-170, 170, 33)
    pole = torch.full_like(lon, 90.0)
    with torch.no_grad():
        across = encoder(torch.stack([lat, side], 1)) - encoder(torch.stack([lat, -side], 1))
        at_poles = [encoder(torch.stack([where, lon], 1)) for where in (pole, -pole)]
        spread = encoder(places(256)).std(dim=0).max()
    jump = across.abs().max() / spread
    turn = max(float((found - found[:1]).abs().max()) for found in at_poles) / spread
    if kind.CONTINUITY.startswith("Smooth everywhere"):
        assert jump < 1e-3
        assert turn < 1e-3
    else:
        assert kind.CONTINUITY.startswith("Seam at the antimeridian")
        assert jump > 0.1
        assert turn > 0.1


def test_smooth_encoders_take_longitudes_of_any_turn(kind: Any) -> None:
    encoder = kind.tiny()
    turned = places() + torch.tensor([0.0, 720.0])
    with torch.no_grad():
        torch.testing.assert_close(encoder(places()), encoder(turned), rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_features_stay_precise_under_autocast(kind: Any, dtype: Any) -> None:
    encoder = kind(kind.CONFIG(), torch.Generator().manual_seed(0))
    exact = encoder.features(places())
    with torch.autocast("cpu", dtype=dtype):
        features, embedding = encoder.features(places()), encoder(places())
    assert torch.equal(features, exact)
    assert embedding.dtype == dtype


@pytest.mark.filterwarnings(r"ignore:`isinstance\(treespec, LeafSpec\)` is deprecated:FutureWarning")
def test_exported_graphs_agree(kind: Any, tmp_path: Path) -> None:
    import onnxruntime

    encoder = kind.tiny().eval()
    program = torch.onnx.export(
        encoder,
        (places(3),),
        dynamo=True,
        input_names=["lat_lon_deg"],
        output_names=["embedding"],
        dynamic_shapes=({0: torch.export.Dim("n")},),
        verbose=False,
    )
    buffer = io.BytesIO()
    program.save(buffer)
    session = onnxruntime.InferenceSession(buffer.getvalue(), providers=["CPUExecutionProvider"])
    edges = torch.tensor([[90.0, 0.0], [-90.0, 50.0], [0.0, 180.0], [12.5, -180.0], [3.0, 371.0]])
    for asked in (places(1), places(33), edges):
        (found,) = session.run(None, {"lat_lon_deg": asked.numpy()})
        with torch.no_grad():
            np.testing.assert_allclose(found, encoder(asked).numpy(), atol=1e-4)


def test_encoders_and_settings_are_documented(kind: Any) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "encoders.md").read_text(encoding="utf-8")
    assert f"`{kind.__module__.rpartition('.')[2]}`" in page
    for setting in settings(kind.CONFIG):
        assert f"`{setting.name}`" in page, setting.name
