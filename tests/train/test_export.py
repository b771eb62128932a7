from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import made_bundles

torch = pytest.importorskip("torch", reason="the extra train is not installed")
pytest.importorskip("onnx", reason="the extra train is not installed")
from torch import nn  # noqa: E402

from whence.core.bundle import load_bundle  # noqa: E402
from whence.core.errors import ArtifactError, OptionError  # noqa: E402
from whence.encode.bundled import AlignmentModel  # noqa: E402
from whence.encode.preprocessing import Preprocessing  # noqa: E402
from whence.train.export import UnitLength, export_alignment, export_graph, quantise  # noqa: E402

CARD = made_bundles.CARD
SIDE = 12


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def seeded(module, seed=0):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in module.parameters():
            weight.normal_(0.0, 0.3, generator=generator)
    return module


def image_net():
    return seeded(
        nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 8, 3),
            nn.Flatten(),
            nn.Linear(72, 6),
        )
    )


class Waves(nn.Module):
    def __init__(self):
        super().__init__()
        self.mix = seeded(nn.Linear(4, 6))

    def forward(self, lat_lon_deg):
        angles = torch.deg2rad(lat_lon_deg)
        return self.mix(torch.cat([torch.sin(angles), torch.cos(angles)], dim=-1))


def pictures(count, seed=0):
    return np.random.default_rng(seed).normal(size=(count, 3, SIDE, SIDE)).astype(np.float32)


def export(folder, *, image=None, location=None, **given):
    parts = {"basis": np.zeros((0, 6), np.float32), "activation": np.zeros((0, 2), np.float32)}
    preprocessing = Preprocessing(crop_px=SIDE, resize_px=SIDE)
    return export_alignment(
        image or image_net(),
        location or Waves(),
        **{**parts, "preprocessing": preprocessing, "header": CARD, **given},
        folder=folder,
    )


def test_a_bundle_gives_what_torch_gives(tmp_path, capfd):
    image, location = image_net(), Waves()
    image.train()
    basis = np.eye(2, 6, dtype=np.float64)
    header = replace(CARD, concepts={"bank": "x", "ids": ["a/b", "c/d"]})
    found = export(
        tmp_path / "made", image=image, location=location, basis=basis, activation=np.zeros((2, 2)), header=header
    )
    assert capfd.readouterr() == ("", "")
    assert image.training, "the module that was given is left as it was"
    model = AlignmentModel(load_bundle(found.folder))
    assert model.bundle.hash == found.hash
    image.eval()
    for count in (1, 5):
        x = pictures(count, seed=count)
        with torch.no_grad():
            wanted = UnitLength(image)(torch.from_numpy(x)).numpy()
        np.testing.assert_allclose(model.embed_pixels(x), wanted, atol=1e-5)
    places = np.array([[90.0, 0.0], [-12.5, 179.5], [48.2, 16.4]], np.float32)
    with torch.no_grad():
        wanted = UnitLength(location)(torch.from_numpy(places)).numpy()
    np.testing.assert_allclose(model.embed_places(places[:, 0], places[:, 1]), wanted, atol=1e-5)
    assert model.preprocessing == Preprocessing(crop_px=SIDE, resize_px=SIDE)


def test_eight_bits(tmp_path):
    found = export(tmp_path / "small", int8=True, calibration=pictures(40))
    assert 0.98 < found.header.calibration["int8_cosine"] <= 1.0
    whole = export(tmp_path / "whole", calibration=pictures(4))
    x = pictures(8, seed=9)
    near = np.einsum("nd,nd->n", AlignmentModel(found).embed_pixels(x), AlignmentModel(whole).embed_pixels(x))
    assert near.min() > 0.97
    assert found.header.parts["location.onnx"]["bytes"] == whole.header.parts["location.onnx"]["bytes"]
    with pytest.raises(OptionError, match="needs two or more preprocessed pictures"):
        export(tmp_path / "none", int8=True)
    assert not (tmp_path / "none").exists()


def test_eight_bits_of_matrix_products():
    net = seeded(nn.Sequential(nn.Linear(32, 64), nn.GELU(), nn.Linear(64, 16)))
    x = torch.randn(6, 32, generator=torch.Generator().manual_seed(0))
    graph = export_graph(net, [x], ["x"], ["y"])
    small = quantise(graph, x.numpy(), "x")
    assert len(small) < len(graph)


def test_a_graph_that_differs_is_refused():
    class Restless(nn.Module):
        """Its result depends on a count of calls, which the graph fixes."""

        def __init__(self):
            super().__init__()
            self.calls = 0

        def forward(self, x):
            self.calls += 1
            return x * self.calls

    with pytest.raises(ArtifactError, match=r"differs from PyTorch by|cannot be exported"):
        export_graph(Restless(), [torch.ones(3, 2)], ["x"], ["y"])


def test_a_network_that_cannot_be_exported_is_named():
    class Wandering(nn.Module):
        def forward(self, x):
            return x if float(x.sum()) > 0 else -x

    with pytest.raises(ArtifactError, match="Wandering cannot be exported to ONNX"):
        export_graph(Wandering(), [torch.ones(3, 2)], ["x"], ["y"])
    with pytest.raises(OptionError, match="two rows or more"):
        export_graph(nn.Identity(), [torch.ones(1, 2)], ["x"], ["y"])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"basis": np.zeros((1, 6), np.float32)}, "basis must be 0 finite rows"),
        ({"header": replace(CARD, config={"area": "all"})}, "lacks logit_scale"),
        ({"header": replace(CARD, config={**CARD.config, "temperature": 0.0})}, "temperature of an alignment"),
        ({"header": replace(CARD, training_data="")}, "says nothing under training_data"),
    ],
)
def test_a_bundle_that_could_not_be_used_is_not_written(tmp_path, given, message):
    with pytest.raises(ArtifactError, match=message):
        export(tmp_path / "made", **given)
    assert list(tmp_path.iterdir()) == []


def test_an_output_may_have_the_name_of_a_value_inside():
    class Positions(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = seeded(nn.Embedding(5, 4))

        def forward(self, given):
            return given @ self.embedding(torch.arange(5)[:3])

    given = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    onnx = pytest.importorskip("onnx")
    graph = onnx.load_from_string(export_graph(UnitLength(Positions()), [given], ["given"], ["embedding"]))
    assert [value.name for value in graph.graph.output] == ["embedding"]
