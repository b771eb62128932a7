"""Galleries answer as the full product does, exactly, whatever the vectors; damage is named."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import made_bundles
from whence.core.errors import ArtifactError, CoordinateError, OptionError
from whence.encode.bundled import AlignmentModel
from whence.gallery.codes import COLUMNS, ZERO, encode_query, encode_rows, product_graph
from whence.gallery.gallery import HEADER, Gallery


@dataclass
class Given:
    """Embeddings that were made before: row i is that of the place at latitude i / 1000."""

    rows: np.ndarray

    def embed_places(self, lat_deg, lon_deg):
        return self.rows[np.rint(np.asarray(lat_deg) * 1000).astype(int)]


def _gallery(rows: np.ndarray, folder: Path) -> Gallery:
    return Gallery.build(Given(rows), np.arange(len(rows)) / 1000, np.zeros(len(rows)), folder, made_by="a test")


def _units(rng: np.random.Generator, *shape: int) -> np.ndarray:
    rows = rng.normal(size=shape)
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def _wanted(rows: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    scores = queries.astype(np.float64) @ rows.astype(np.float64).T
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    return _units(np.random.default_rng(0), 9000, 48)


@pytest.fixture(scope="module")
def gallery(rows, tmp_path_factory) -> Gallery:
    return _gallery(rows, tmp_path_factory.mktemp("galleries") / "units")


@pytest.mark.parametrize("k", [1, 5, 100, 9000])
def test_the_answer_is_that_of_the_full_product(gallery, rows, k):
    queries = _units(np.random.default_rng(1), 19, 48)
    found = gallery.top(queries, k)
    np.testing.assert_array_equal(found.rows, _wanted(rows, queries, k))
    np.testing.assert_allclose(found.scores, np.einsum("qd,qkd->qk", queries, rows[found.rows]), atol=1e-6)
    np.testing.assert_array_equal(found.lat_deg, found.rows / 1000)
    assert not found.lon_deg.any()
    for i in (0, 18):
        np.testing.assert_array_equal(gallery.top(queries[i : i + 1], k).rows[0], found.rows[i])


def test_embeddings_are_kept_as_they_are(gallery, rows):
    np.testing.assert_array_equal(gallery.rows, rows)
    assert isinstance(gallery.rows, np.memmap)
    assert len(gallery) == len(rows)
    gallery.verify()


def test_equal_places_come_in_the_order_of_the_gallery(tmp_path):
    rows = np.repeat(_units(np.random.default_rng(2), 10, 16), 30, axis=0)
    found = _gallery(rows, tmp_path / "g").top(rows[60:61], 45)
    np.testing.assert_array_equal(found.rows[0, :30], np.arange(60, 90))
    assert (np.diff(found.rows[0, 30:]) == 1).all()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), scale=st.sampled_from([1e-6, 1.0, 300.0]), power=st.sampled_from([1, 5]))
def test_bounds_hold_for_any_vectors(seed, scale, power):
    rng = np.random.default_rng(seed)
    rows = (scale * rng.normal(size=(200, 33)) ** power).astype(np.float32)
    rows[0] = 0
    query = (rng.normal(size=33) ** power).astype(np.float32)
    codes, scales, lost = encode_rows(rows)
    columns, factors, gone = encode_query(query)
    about = scales * (factors @ ((columns.astype(np.int64) - ZERO) @ codes.T.astype(np.int64)))
    gap = np.abs(about - rows.astype(np.float64) @ query)
    length = np.linalg.norm(query.astype(np.float64))
    kept = np.linalg.norm(rows.astype(np.float64), axis=1) + lost
    assert (gap <= lost * length + kept * gone + 1e-9 * length * kept).all()
    assert gone <= length / 63 / 126 * 33**0.5
    assert columns.shape == (COLUMNS, 33)
    assert 1 <= columns.min() <= columns.max() <= 127


@pytest.mark.parametrize("scale", [1e-4, 50.0])
def test_vectors_need_not_have_unit_length(tmp_path, scale):
    rng = np.random.default_rng(3)
    rows = (scale * rng.normal(size=(500, 24)) ** 3).astype(np.float32)
    rows[7] = 0
    queries = rng.normal(size=(4, 24)).astype(np.float32)
    queries[3] = 0
    found = _gallery(rows, tmp_path / "g").top(queries, 20)
    np.testing.assert_array_equal(found.rows, _wanted(rows, queries, 20))


def test_the_graph_is_one_that_the_checker_accepts():
    onnx = pytest.importorskip("onnx", reason="the extra train is not installed")
    graph = onnx.load_from_string(product_graph(1000, 512, "codes.npy", 128))
    node = graph.graph.node[0]
    assert (node.op_type, list(node.input), list(node.output)) == (
        "MatMulInteger",
        ["queries", "rows", "zero"],
        ["product"],
    )
    codes = graph.graph.initializer[0]
    assert list(codes.dims) == [512, 1000]
    assert {entry.key: entry.value for entry in codes.external_data} == {
        "location": "codes.npy",
        "offset": "128",
        "length": "512000",
    }
    inline = onnx.ModelProto()
    inline.CopyFrom(graph)
    inline.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(np.zeros((512, 1000), np.int8), "rows"))
    onnx.checker.check_model(inline, full_check=True)


def test_a_model_is_searched_by_its_pictures(tmp_path):
    model = AlignmentModel(made_bundles.colour_bundle(tmp_path / "bundle"), threads=1)
    lat, lon = np.array([10.0, -40.0, 52.0]), np.array([20.0, 170.0, -3.0])
    gallery = Gallery.build(model, lat, lon, tmp_path / "g", made_by=model.bundle.hash)
    found = gallery.top(model.embed_places(lat, lon), 1)
    np.testing.assert_array_equal(found.rows[:, 0], [0, 1, 2])
    np.testing.assert_array_equal(found.lat_deg[:, 0], lat)
    assert len(Gallery.open(tmp_path / "g", made_by=model.bundle.hash, threads=1)) == 3
    with pytest.raises(ArtifactError, match="asked for is 'another'"):
        Gallery.open(tmp_path / "g", made_by="another")
    with pytest.raises(CoordinateError):
        Gallery.build(model, np.array([91.0]), np.array([0.0]), tmp_path / "none")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "g"]


def test_what_cannot_be_is_refused(gallery, tmp_path):
    query = np.zeros((1, 48), np.float32)
    for k in (0, 9001):
        with pytest.raises(OptionError, match=r"1\.\.9000"):
            gallery.top(query, k)
    with pytest.raises(OptionError, match="length 48"):
        gallery.top(query[:, :3])
    with pytest.raises(OptionError, match="finite"):
        gallery.top(query + np.nan)
    with pytest.raises(OptionError, match="there already"):
        _gallery(np.ones((2, 4), np.float32), gallery.folder)
    with pytest.raises(OptionError, match="needs places"):
        _gallery(np.ones((0, 4), np.float32), tmp_path / "g")
    with pytest.raises(OptionError, match="not finite"):
        _gallery(np.full((2, 4), np.inf, np.float32), tmp_path / "g")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("part", ["rows.npy", "codes.npy", "bounds.npy", "places.npy", "product.onnx"])
def test_damage_is_named(tmp_path, part):
    folder = _gallery(_units(np.random.default_rng(0), 20, 8), tmp_path / "g").folder
    content = bytearray((folder / part).read_bytes())
    content[-1] ^= 1
    whole = bytes(content)
    (folder / part).write_bytes(whole)
    if part != "product.onnx":
        with pytest.raises(ArtifactError, match=f"{part} is damaged"):
            Gallery.open(folder).verify()
    (folder / part).write_bytes(whole[:-1])
    with pytest.raises(ArtifactError, match=f"{part} is missing or cut short"):
        Gallery.open(folder)


@pytest.mark.parametrize(
    ("key", "value"), [("schema", 2), ("schema", None), ("parts", {}), ("parts", 3), ("longest", "x")]
)
def test_a_header_that_does_not_fit_is_refused(tmp_path, key, value):
    folder = _gallery(np.eye(4, dtype=np.float32), tmp_path / "g").folder
    header = json.loads((folder / HEADER).read_text())
    (folder / HEADER).write_text(json.dumps({**header, key: value}))
    with pytest.raises(ArtifactError):
        Gallery.open(folder)
    (folder / HEADER).write_text("{")
    with pytest.raises(ArtifactError, match="no gallery"):
        Gallery.open(folder)
