from __future__ import annotations

import multiprocessing
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import made_bundles
from whence.core.errors import CoordinateError, OptionError
from whence.earth import grid
from whence.earth.coordinates import distance_km
from whence.encode.bundled import AlignmentModel
from whence.encode.encoded_places import ContinuousPlaces, GalleryPlaces


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return made_bundles.colour_bundle(tmp_path_factory.mktemp("bundles") / "colours")


@pytest.fixture(scope="module")
def model(bundle):
    return AlignmentModel(bundle, threads=1)


def test_a_grid_is_encoded_once_and_mapped(model, tmp_path, monkeypatch):
    places = ContinuousPlaces(model, tmp_path)
    first = places.grid(3)
    assert first.shape == (12 * 4**3, made_bundles.DIM)
    assert first.dtype == np.float16
    wanted = model.embed_places(*grid.centres(np.arange(12 * 4**3), 3))
    cosine = np.einsum("nd,nd->n", first.astype(np.float64), wanted)
    assert cosine.min() > 0.9995
    assert len(list(tmp_path.iterdir())) == 1
    monkeypatch.setattr(AlignmentModel, "embed_places", lambda *_: pytest.fail("encoded again"))
    again = ContinuousPlaces(model, tmp_path).grid(3)
    assert isinstance(again, np.memmap)
    np.testing.assert_array_equal(again, first)
    with pytest.raises(ValueError, match="read-only"):
        again[0] = 0


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY", b"rubbish" * 100, "short", "pickle", "other"])
def test_a_damaged_grid_is_made_again(model, tmp_path, damage):
    places = ContinuousPlaces(model, tmp_path)
    whole = np.array(places.grid(2))
    path = next(tmp_path.iterdir())
    if damage == "short":
        path.write_bytes(path.read_bytes()[:-1])
    elif damage == "pickle":
        np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    elif damage == "other":
        np.save(path, np.zeros((3, 3), np.float16))
    else:
        path.write_bytes(damage)
    np.testing.assert_array_equal(places.grid(2), whole)
    np.testing.assert_array_equal(np.load(path), whole)


def test_another_model_has_another_grid(model, tmp_path):
    other = AlignmentModel(made_bundles.colour_bundle(tmp_path / "other", logit_scale=3.0))
    ContinuousPlaces(model, tmp_path / "kept").grid(1)
    ContinuousPlaces(other, tmp_path / "kept").grid(1)
    assert len(list((tmp_path / "kept").iterdir())) == 2


def test_where_nothing_can_be_written_it_is_held_in_memory(model, tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert ContinuousPlaces(model, tmp_path / "file" / "kept").grid(1).shape == (48, made_bundles.DIM)


def test_an_interrupted_encoding_leaves_nothing(model, tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(AlignmentModel, "embed_places", stop)
    with pytest.raises(KeyboardInterrupt):
        ContinuousPlaces(model, tmp_path).grid(1)
    assert list(tmp_path.iterdir()) == []


def encode_grid(bundle: str, folder: str, path: list[str], connection) -> None:
    sys.path[:0] = path
    connection.send(float(ContinuousPlaces(AlignmentModel.load(bundle), Path(folder)).grid(4).astype(float).sum()))


def test_threads_and_processes_may_race(model, bundle, tmp_path):
    found: list[float] = []
    kept = tmp_path / "kept"
    threads = [
        threading.Thread(target=lambda: found.append(float(ContinuousPlaces(model, kept).grid(4).astype(float).sum())))
        for _ in range(3)
    ]
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=encode_grid, args=(str(bundle.folder), str(kept), sys.path, theirs))
    process.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found.append(ours.recv())
    process.join()
    assert len(set(found)) == 1
    assert len(found) == 4
    assert len(list(kept.iterdir())) == 1, "one file, nothing half written"


def test_only_land_is_encoded_for_a_model_of_land(tmp_path):
    model = AlignmentModel(made_bundles.colour_bundle(tmp_path / "land", area="land"))
    places = ContinuousPlaces(model, tmp_path / "kept")
    cells = places.cells(5)
    assert 0.25 < cells.size / grid.cell_count(5) < 0.5
    assert places.grid(5).shape == (cells.size, made_bundles.DIM)
    for order in (3, 7, 9):
        paris, atlantic = grid.cells_at([48.85, 35.0], [2.35, -40.0], order)
        assert places.holds(np.array([paris, atlantic]), order).tolist() == [True, False]


# ------------------------------------------------------------------------------------------------ galleries


def test_a_gallery_by_hand(model, tmp_path):
    lat, lon = np.array([10.0, 10.0]), np.array([179.8, -179.6])
    places = GalleryPlaces(model, lat, lon, kernel_km=50.0, folder=tmp_path)
    x = model.embed_places(lat, lon).astype(np.float64)
    middle = places.at(np.array([10.0]), np.array([-179.9]))[0]
    np.testing.assert_allclose(middle, x.mean(axis=0), atol=2e-3)
    away = distance_km(10.1, 179.9, lat, lon)
    weight = np.exp(-0.5 * (away / 50.0) ** 2)
    found = places.at(np.array([10.1]), np.array([179.9]))[0]
    np.testing.assert_allclose(found, weight @ x / weight.sum(), atol=2e-3)


@pytest.mark.parametrize("kernel_km", [30.0, 120.0, 450.0])
def test_a_gallery_reaches_three_kernels(model, tmp_path, kernel_km):
    rng = np.random.default_rng(0)
    lat = np.concatenate([np.degrees(np.arcsin(rng.uniform(-1, 1, 60))), [89.9, -89.9]])
    lon = np.concatenate([rng.uniform(-180, 180, 60), [0.0, 90.0]])
    places = GalleryPlaces(model, lat, lon, kernel_km, folder=tmp_path)
    at_lat, at_lon = np.degrees(np.arcsin(rng.uniform(-1, 1, 2000))), rng.uniform(-180, 180, 2000)
    known = places.at(at_lat, at_lon).any(axis=1)
    a, b = grid.unit_vectors(at_lat, at_lon), grid.unit_vectors(lat, lon)
    nearest = grid.chord_km(a[:, None], b[None]).min(axis=1)
    np.testing.assert_array_equal(known, nearest <= 3 * kernel_km)
    assert places.at(lat, lon).any(axis=1).all()


def test_a_gallery_in_parts_is_the_same(model, tmp_path, monkeypatch):
    rng = np.random.default_rng(1)
    lat, lon = rng.uniform(40, 50, 300), rng.uniform(0, 10, 300)
    at = (rng.uniform(38, 52, 200), rng.uniform(-2, 12, 200))
    places = GalleryPlaces(model, lat, lon, 100.0, folder=tmp_path)
    whole = places.at(*at)
    monkeypatch.setattr("whence.encode.encoded_places._PAIRS_AT_ONCE", 500)
    np.testing.assert_allclose(places.at(*at), whole, atol=1e-6)
    kept = {path.name.split("-")[0] for path in tmp_path.iterdir()}
    assert kept == {"gallery"}
    assert places.grid(4).shape == (12 * 4**4, made_bundles.DIM)
    assert places.at(np.empty(0), np.empty(0)).shape == (0, made_bundles.DIM)


def test_galleries_that_are_none_are_refused(model, tmp_path):
    with pytest.raises(OptionError, match="The gallery is empty"):
        GalleryPlaces(model, np.empty(0), np.empty(0), 50.0, tmp_path)
    for kernel in (0.0, 501.0, float("nan")):
        with pytest.raises(OptionError, match="kernel lies within"):
            GalleryPlaces(model, np.zeros(1), np.zeros(1), kernel, tmp_path)
    with pytest.raises(CoordinateError):
        GalleryPlaces(model, np.array([95.0]), np.zeros(1), 50.0, tmp_path)
