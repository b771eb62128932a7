"""Photographs as features of a frozen tower: embedded once, split without leaks, trained on, exported as one."""

from __future__ import annotations

import csv
import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="the extra train is not installed")
pytest.importorskip("accelerate", reason="the extra train is not installed")

from whence.core.errors import InputError, OptionError  # noqa: E402
from whence.encode.bundled import AlignmentModel  # noqa: E402
from whence.samples.datasets import datasets, miniature  # noqa: E402
from whence.samples.reader import read_view  # noqa: E402
from whence.train.data.photos import Config, Photos  # noqa: E402
from whence.train.recipe import Recipe, parse_recipe  # noqa: E402
from whence.train.run import export_run, load_run, train_recipe  # noqa: E402
from whence.train.scoring import embedded_images  # noqa: E402
from whence.train.tower import TowerModel, build_tower  # noqa: E402

_COUNT = 60
_TOWERS = {
    "chipnet": ("side_px=16; width=8; blocks=1; dim=24", 24),
    "mobilenet_v2": ("weights=random; image_px=32; width=0.1", 1280),
}


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of sixty pictures of twelve photographers in six towns."""
    folder = tmp_path_factory.mktemp("photos")
    rows = []
    for i, (lat, lon) in enumerate(miniature.places(_COUNT, 0)):
        miniature.write_jpeg(folder / f"p{i:02d}.jpg", i)
        rows.append([f"p{i:02d}.jpg", lat, lon, f"someone {i // 5}"])
    miniature.write_table(folder / "photos.csv", ("file", "lat_deg", "lon_deg", "photographer"), rows)
    return folder


def _config(root: Path, cache: Path, tower: str = "chipnet", **more: object) -> Config:
    settings = _TOWERS[tower][0]
    given = {"root": str(root), "cache": str(cache), "tower": tower, "tower_settings": settings, "gallery": 100}
    return Config(**{**given, "block_deg": 0.2, **more})  # type: ignore[arg-type]


def _blocks(part, side_deg: float) -> set[tuple[int, int]]:
    rows, columns = np.floor((part.lat_deg + 90) / side_deg), np.floor((part.lon_deg + 180) / side_deg)
    return set(zip(rows.astype(int).tolist(), columns.astype(int).tolist(), strict=True))


@pytest.mark.parametrize("tower", _TOWERS)
def test_features_are_the_towers(photos: Path, tmp_path: Path, tower: str) -> None:
    data = Photos(_config(photos, tmp_path, tower)).load(0)
    parts = (data.train, data.validation, data.test)
    assert sum(map(len, parts)) == _COUNT
    assert all(part.inputs.shape == (len(part), _TOWERS[tower][1]) for part in parts)
    by_place = {(s.lat_deg, s.lon_deg): s.path for s in datasets().load("photos_csv")(photos)}
    model = TowerModel(build_tower(tower, _TOWERS[tower][0]))
    for part in parts:
        view = read_view(by_place[part.lat_deg[0], part.lon_deg[0]])
        np.testing.assert_allclose(part.inputs[0], model.embed_views([view])[0], rtol=1e-4, atol=1e-5)
    assert data.uniform == 100
    assert len(data.gallery_lat_deg) == 100 + len(data.train)
    assert data.view_kind == "ground"
    assert "60 photographs" in data.card


def test_pictures_are_embedded_once(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = _config(photos, tmp_path)
    first = Photos(config).load(0)

    def fail(*_: object) -> None:
        raise AssertionError("a picture was embedded again")

    monkeypatch.setattr(TowerModel, "embed_views", fail)
    again = Photos(config).load(0)
    np.testing.assert_array_equal(first.train.inputs, again.train.inputs)
    np.testing.assert_array_equal(first.gallery_lat_deg, again.gallery_lat_deg)
    with pytest.raises(AssertionError, match="embedded again"):
        Photos(_config(photos, tmp_path, tower_settings="side_px=16;width=8;blocks=1;dim=25")).load(0)


def _with(folder: Path, photos: Path, added: list[tuple[str, float, float]]) -> Path:
    """A folder whose table also lists other pictures."""
    with (photos / "photos.csv").open(newline="") as file:
        rows = [[str(photos / row["file"]), row["lat_deg"], row["lon_deg"]] for row in csv.DictReader(file)]
    miniature.write_table(folder / "photos.csv", ("file", "lat_deg", "lon_deg"), [*rows, *added])
    return folder


def test_what_cannot_be_read_is_named_and_left_out(photos: Path, tmp_path: Path, caplog) -> None:
    folder = tmp_path / "some"
    folder.mkdir()
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 this is no picture")
    _with(folder, photos, [("broken.jpg", 10.0, 10.0), ("gone.jpg", 10.0, 10.0)])
    with caplog.at_level(logging.WARNING):
        data = Photos(_config(folder, tmp_path)).load(0)
    assert sum(map(len, (data.train, data.validation, data.test))) == _COUNT
    said = [record.getMessage() for record in caplog.records if record.name == "whence.train.data.photos"]
    assert any("broken.jpg" in text for text in said)
    assert any("Left out 1 of the pictures" in text for text in said)


def test_pictures_of_a_format_for_the_full_reader_are_compared_too(photos: Path, tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    folder = tmp_path / "some"
    folder.mkdir()
    pillow_heif.from_pillow(Image.open(photos / "p00.jpg")).save(folder / "phone.heic")
    _with(folder, photos, [("phone.heic", 10.0, 10.0)])
    for seed in range(6):
        data = Photos(_config(folder, tmp_path, split="random")).load(seed)
        kept = [
            any(np.isclose(part.lat_deg, lat).any() for lat in (10.0, _latitude(photos, "p00.jpg")))
            for part in (data.train, data.validation, data.test)
        ]
        assert not (kept[0] and any(kept[1:])), "a picture and its copy on both sides"


def _latitude(photos: Path, name: str) -> float:
    with (photos / "photos.csv").open(newline="") as file:
        return next(float(row["lat_deg"]) for row in csv.DictReader(file) if row["file"] == name)


def test_splits_never_share_a_block_or_a_photographer(photos: Path, tmp_path: Path) -> None:
    for seed in range(4):
        data = Photos(_config(photos, tmp_path)).load(seed)
        parts = [_blocks(part, 0.2) for part in (data.train, data.validation, data.test)]
        assert not parts[0] & parts[1]
        assert not parts[0] & parts[2]
        assert not parts[1] & parts[2]
        with_buffer = Photos(_config(photos, tmp_path, buffer_km=40.0)).load(seed)
        assert len(with_buffer.train) < len(data.train)
    owner = {(s.lat_deg, s.lon_deg): s.group for s in datasets().load("photos_csv")(photos)}
    data = Photos(_config(photos, tmp_path, split="group")).load(0)
    people = [
        {owner[place] for place in zip(part.lat_deg, part.lon_deg, strict=True)}
        for part in (data.train, data.validation, data.test)
    ]
    assert sum(map(len, people)) == len(set().union(*people)) == _COUNT // 5


def test_a_limit_takes_some_and_known_places_are_bounded(photos: Path, tmp_path: Path) -> None:
    data = Photos(_config(photos, tmp_path, limit=40, known_places=7, split="random")).load(0)
    assert sum(map(len, (data.train, data.validation, data.test))) == 40
    assert len(data.gallery_lat_deg) == 107
    searched = set(zip(data.gallery_lat_deg[100:], data.gallery_lon_deg[100:], strict=True))
    assert searched <= set(zip(data.train.lat_deg, data.train.lon_deg, strict=True))


def test_mistakes_are_named(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"data\.root"):
        Photos(Config())
    with pytest.raises(OptionError, match="country"):
        Photos(_config(photos, tmp_path, split="countries"))
    with pytest.raises(InputError, match="at least 20"):
        Photos(_config(photos, tmp_path, limit=12)).load(0)
    with pytest.raises(OptionError, match="key=value"):
        build_tower("chipnet", "side_px 16")
    with pytest.raises(OptionError, match="mobilenet_v2"):
        build_tower("mobilenet", "")


def test_a_tower_of_random_weights_is_told_of(caplog) -> None:
    build_tower(*("mobilenet_v2", _TOWERS["mobilenet_v2"][0]))
    assert "random weights" in caplog.text
    caplog.clear()
    build_tower("chipnet", _TOWERS["chipnet"][0])
    assert not caplog.text


def _recipe(root: Path, cache: Path, tower: str, **changes: str) -> Recipe:
    settings, length = _TOWERS[tower]
    table = {
        "schema": 1,
        "name": "few_photos",
        "summary": "A head on a frozen tower.",
        "data": {"kind": "photos", "root": str(root), "cache": str(cache), "tower": tower, "tower_settings": settings},
        "image": {"encoder": "mlp_head", "inputs": length, "hidden": 16, "dim": 8},
        "location": {"encoder": "spherical_harmonics_siren", "degrees": 4, "width": 16, "layers": 1, "dim": 8},
        "concepts": {"basis": "prototypes", "supervised_weight": 0.2},
        "loss": {"sigma_km": 500, "queue": 64},
        "optimiser": {"epochs": 3, "batch": 8, "precision": "no"},
    }
    return parse_recipe(table, {"data.gallery": "200", "data.block_deg": "0.2", **changes})


@pytest.mark.parametrize("tower", _TOWERS)
def test_tower_and_head_are_exported_as_one(photos: Path, tmp_path: Path, tower: str) -> None:
    trained = train_recipe(_recipe(photos, tmp_path / "cache", tower), tmp_path / "run")
    assert trained.scores["test_pictures"] == len(trained.data.test)
    run = load_run(tmp_path / "run")
    wanted = embedded_images(run.model, run.data.test)
    np.testing.assert_allclose(wanted, embedded_images(trained.model, trained.data.test), atol=1e-6)
    served = AlignmentModel(export_run(tmp_path / "run", tmp_path / "bundle"))
    by_place = {(s.lat_deg, s.lon_deg): s.path for s in datasets().load("photos_csv")(photos)}
    places = zip(run.data.test.lat_deg, run.data.test.lon_deg, strict=True)
    found = served.embed_views([read_view(by_place[place]) for place in places])
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    assert len(served.basis) == len(served.concept_ids) > 100
    assert served.bundle.header.config["views"] == "ground"
    assert "Photographs with photos.csv" in served.bundle.header.training_data


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"image.inputs": "768"}, r"set image\.inputs = 24"),
        ({"image.encoder": "chipnet"}, "mlp_head"),
    ],
)
def test_heads_that_do_not_fit_are_named(photos: Path, tmp_path: Path, changes: dict[str, str], said: str) -> None:
    recipe = _recipe(photos, tmp_path, "chipnet", **changes)
    if "image.encoder" in changes:
        recipe = parse_recipe({**recipe.to_dict(), "image": {"encoder": "chipnet", "dim": 8}})
    with pytest.raises(OptionError, match=said):
        train_recipe(recipe, tmp_path / "run")
