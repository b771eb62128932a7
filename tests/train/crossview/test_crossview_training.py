"""Cross-view training learns, resumes exactly, keeps what it learned, and ends in a bundle."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from made_world import made_world

torch = pytest.importorskip("torch", reason="the extra train is not installed")

from whence.core.errors import ArtifactError, InputError, OptionError  # noqa: E402
from whence.crossview.bundled import BundledEncoder  # noqa: E402
from whence.samples.view import ViewKind  # noqa: E402
from whence.train.crossview.loop import CrossViewTrainer, embedded  # noqa: E402
from whence.train.crossview.model import build_net  # noqa: E402
from whence.train.crossview.recipe import CrossViewRecipe, load_crossview_recipe, parse_crossview_recipe  # noqa: E402
from whence.train.crossview.run import (  # noqa: E402
    export_crossview,
    is_crossview_run,
    load_crossview_data,
    load_crossview_run,
    train_crossview,
)
from whence.train.crossview.scoring import ranks, recalls, scores  # noqa: E402

_RECIPES = Path(__file__).resolve().parents[3] / "recipes"


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def rasters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    world = made_world()
    Image.fromarray(world).save(folder / "satellite.png")
    Image.fromarray(255 - world[..., ::-1]).save(folder / "relief.png")
    return folder


def _recipe(rasters: Path, **changes: str) -> CrossViewRecipe:
    table = {
        "schema": 1,
        "kind": "crossview",
        "name": "small",
        "summary": "A small model of a made world.",
        "data": {
            "kind": "chips_kinds",
            "satellite": str(rasters / "satellite.png"),
            "relief": str(rasters / "relief.png"),
            "map_height_px": 180,
            "divisions": False,
            "count": 400,
            "more": 100,
            "side_px": 16,
            "side_deg": 12.0,
            "margin_px": 1,
            "cache": str(rasters / "cache"),
        },
        "tower": {"encoder": "chipnet", "side_px": 16, "width": 8, "blocks": 1},
        "family": {"own_layers": 4, "dim": 16},
        "phase_1": {"variants": "relief"},
        "phase_2": {"variants": "relief,map"},
        "batches": {"group": 4},
        "optimiser": {"epochs": 4, "batch": 32, "learning_rate": 3e-3, "precision": "no", "ema": 0.8},
    }
    for key, value in changes.items():
        section, _, name = key.partition("__")
        table.setdefault(section, {})[name] = value  # type: ignore[index]
    return parse_crossview_recipe(table)


def test_a_model_learns_resumes_and_ends_in_a_bundle(rasters: Path, tmp_path: Path) -> None:
    recipe = _recipe(rasters, optimiser__epochs="14")
    run = train_crossview(recipe, tmp_path / "run")
    first, second = (run.scores["phases"][name]["test"] for name in ("phase_1", "phase_2"))
    chance = 100 * 5 / second["relief→satellite"]["gallery"]
    assert second["relief→satellite"]["r5"] > 3 * chance
    assert set(first) == {"relief→satellite", "satellite→relief"}
    assert set(second) >= {"relief→map", "map→satellite"}
    assert second["map→satellite"]["queries"] == run.scores["data"]["counted_maps"] < second["map→satellite"]["gallery"]

    assert is_crossview_run(tmp_path / "run")
    loaded = load_crossview_run(tmp_path / "run")
    for name, value in run.net.state_dict().items():
        assert torch.equal(value, loaded.net.state_dict()[name]), name

    bundle = export_crossview(loaded, tmp_path / "bundle")
    assert bundle.header.config["recipe"]["data"]["satellite"].startswith("sha256:")
    assert str(rasters) not in bundle.header.to_json()
    encoder = BundledEncoder(bundle, threads=1)
    assert encoder.kinds == {ViewKind.SATELLITE, ViewKind.MAP}
    test = load_crossview_data(recipe).test
    expected = embedded(run.net, test, ("satellite", "relief", "map"))
    for name, vectors in expected.items():
        found = encoder.embed_variant(list(test.pictures[name].pixels), name)
        assert np.abs(found - vectors).max() < 1e-4
    # The variant named as its kind serves the kind, another one by request.
    maps = list(test.pictures["map"].pixels[:3])
    assert np.array_equal(encoder.embed(maps, ViewKind.MAP), encoder.embed_variant(maps, "map"))
    other = BundledEncoder(bundle, variant="relief", threads=1)
    assert np.array_equal(other.embed(maps, ViewKind.MAP), encoder.embed_variant(maps, "relief"))
    with pytest.raises(OptionError, match="drone"):
        encoder.embed(maps, ViewKind.DRONE)
    with pytest.raises(OptionError, match="reliefs"):
        BundledEncoder(bundle, variant="reliefs")


@pytest.mark.parametrize("method", ["adamw", "muon"])
def test_a_resumed_run_equals_one_that_was_never_stopped(rasters: Path, tmp_path: Path, method: str) -> None:
    changes = {"augment__brightness": "0.1", "loss__instance_weight": "0.1", "batches__visual_after": "2"}
    recipe = _recipe(rasters, **changes, optimiser__method=method)
    data = load_crossview_data(recipe)
    whole = CrossViewTrainer(recipe, data)
    whole.run()
    for stop in (3, whole.ends[0] + 2):
        folder = tmp_path / str(stop)
        stopped = CrossViewTrainer(recipe, data, folder)
        while stopped.step < stop:
            stopped.take_step()
            if stopped.step == stopped.ends[stopped.phase]:
                stopped.end_phase(lambda phase, net: None)
        stopped._save()
        resumed = CrossViewTrainer(recipe, data, folder)
        resumed.run()
        assert resumed.step == whole.step
        for name, value in whole.net.state_dict().items():
            assert torch.equal(value, resumed.net.state_dict()[name]), name


@pytest.mark.parametrize(("ways", "turns"), [(1, (0,)), (2, (0, 4)), (4, (0, 1, 2, 3)), (8, tuple(range(8)))])
def test_pictures_are_embedded_in_ways_side_by_side(rasters: Path, ways: int, turns: tuple[int, ...]) -> None:
    net = build_net(_recipe(rasters)).eval()
    pixels = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    apart = []
    for turn in turns:
        mirrored = pixels.flip(3) if turn >= 4 else pixels
        apart.append(net({"relief": torch.rot90(mirrored, turn % 4, (2, 3))})["relief"])
    found = net.in_ways("relief", pixels, ways)
    assert torch.allclose(found, torch.cat(apart, 1) / ways**0.5, atol=1e-6)
    assert torch.allclose(found.norm(dim=1), torch.ones(3), atol=1e-5)


def test_a_bundle_embeds_in_the_ways_of_its_recipe(rasters: Path, tmp_path: Path) -> None:
    run = train_crossview(_recipe(rasters, family__ways=4, optimiser__epochs=0.2))
    encoder = BundledEncoder(export_crossview(run, tmp_path / "bundle"))
    part = load_crossview_data(run.recipe).test
    pictures = list(part.pictures["map"].pixels[:5])
    expected = embedded(run.net, part, ("map",), True, ways=4)["map"][:5]
    assert encoder.dim == expected.shape[1] == 64
    np.testing.assert_allclose(encoder.embed(pictures, ViewKind.MAP), expected, atol=1e-4)


def test_a_head_of_positions_and_ways_exclude_each_other(rasters: Path) -> None:
    with pytest.raises(OptionError, match="ways"):
        _recipe(rasters, family__ways=2, position__weight=1.0)
    with pytest.raises(OptionError, match="1, 2, 4 or 8"):
        _recipe(rasters, family__ways=3)


def test_a_frozen_satellite_tower_keeps_what_it_was(rasters: Path) -> None:
    recipe = _recipe(rasters, phase_2__shared_rate="0", family__start="satellite")
    data = load_crossview_data(recipe)
    trainer = CrossViewTrainer(recipe, data)
    kept = {}

    def ended(phase: int, net: object) -> None:
        kept[phase] = embedded(trainer.net, data.test, ("satellite", "relief"))["satellite"]

    trainer.run(phase_ended=ended)
    assert np.array_equal(kept[1], kept[2])


@pytest.mark.parametrize("contrast", ["distance", "overlap"])
def test_other_contrasts(rasters: Path, contrast: str) -> None:
    recipe = _recipe(rasters, loss__contrast=contrast, loss__sigma_m="200000", optimiser__epochs="0.5")
    data = load_crossview_data(recipe)
    trainer = CrossViewTrainer(recipe, data)
    if contrast == "overlap":
        with pytest.raises(InputError, match="overlap"):
            trainer.take_step()
    else:
        assert np.isfinite(float(trainer.take_step()["relief"]))


def test_ranks_and_recalls_by_hand() -> None:
    references = np.eye(3, dtype=np.float32)
    queries = np.array([[1, 0, 0], [0.6, 0.5, 0], [0, 0, 1]], np.float32)
    found = ranks(queries, references, np.arange(3), np.arange(3))
    assert found.tolist() == [0, 1, 0]
    assert recalls(found, 3)["r1"] == pytest.approx(66.67)
    # Equal vectors cannot tell places apart: the others come first.
    assert ranks(np.ones((2, 1)), np.ones((2, 1)), np.arange(2), np.arange(2)).tolist() == [1, 1]


def test_mobilenet_can_be_shared_too(rasters: Path) -> None:
    recipe = _recipe(rasters)
    table = recipe.to_dict() | {"tower": {"encoder": "mobilenet_v2", "image_px": 32, "width": 0.25}}
    net = build_net(parse_crossview_recipe(table)).eval()
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    found = net({"satellite": x, "map": x})
    assert found["map"].shape == (2, 16)
    assert not torch.allclose(found["map"], found["satellite"])
    assert torch.allclose(found["map"].norm(dim=1), torch.ones(2))


def test_pairs_of_a_table(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with (tmp_path / "pairs.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["query", "kind", "satellite", "place", "lat_deg", "lon_deg", "split"])
        for i in range(12):
            for name in ("d", "s"):
                pixels = rng.integers(0, 255, (20, 24, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / f"{name}{i}.png")
            kind = "drone" if i % 2 else "ground"
            table.writerow([f"d{i}.png", kind, f"s{i}.png", f"p{i}", 10 + i, 20, "test" if i >= 8 else "train"])
    recipe = parse_crossview_recipe(
        {
            "schema": 1,
            "kind": "crossview",
            "name": "pairs",
            "data": {
                "kind": "pairs",
                "table": str(tmp_path / "pairs.csv"),
                "side_px": 16,
                "validation_share": 0.25,
                "cache": str(tmp_path / "cache"),
            },
            "tower": {"encoder": "chipnet", "side_px": 16, "width": 8, "blocks": 1},
            "family": {"own_layers": 3, "dim": 8},
            "phase_1": {"variants": "drone,ground"},
            "batches": {"group": 2, "hard_share": 0.5},
            "optimiser": {"epochs": 1, "batch": 2, "precision": "no"},
        }
    )
    data = load_crossview_data(recipe)
    assert data.kinds == {
        "satellite": ViewKind.SATELLITE,
        "drone": ViewKind.DRONE,
        "ground": ViewKind.GROUND,
    }
    assert (len(data.train), len(data.validation), len(data.test)) == (6, 2, 4)
    again = load_crossview_data(recipe)
    assert np.array_equal(again.train.pictures["drone"].pixels, data.train.pictures["drone"].pixels)
    net = train_crossview(recipe).net
    assert set(scores(net, data.test, ("drone",))) == {"drone→satellite", "satellite→drone"}


def test_pairs_of_a_published_set(tmp_path: Path) -> None:
    from whence.samples.datasets.pairs import pair_sets

    root = pair_sets().load("cvusa").make_miniature(tmp_path / "cvusa")
    table = {
        "schema": 1,
        "kind": "crossview",
        "name": "pairs",
        "data": {
            "kind": "pairs",
            "sets": f"cvusa:train:val={root}",
            "side_px": 16,
            "validation_share": 0.5,
            "cache": str(tmp_path / "cache"),
        },
        "tower": {"encoder": "chipnet", "side_px": 16},
        "phase_1": {"variants": "panorama"},
    }
    data = load_crossview_data(parse_crossview_recipe(table))
    assert (len(data.train), len(data.test)) == (2, 4)
    assert np.isnan(data.train.lat_deg).all()
    for sets, said in ((f"cvusa:training:val={root}", "train"), (f"cvusa:train={root}", "NAME"), ("", "table")):
        with pytest.raises(OptionError, match=said):
            load_crossview_data(parse_crossview_recipe(table | {"data": {"kind": "pairs", "sets": sets}}))


def test_a_window_of_a_picture_is_what_is_seen() -> None:
    from whence.train.crossview.data.pairs import _seen

    pixels = np.arange(5 * 6 * 3, dtype=np.uint8).reshape(5, 6, 3)
    assert np.array_equal(_seen(pixels, (1.0, 2.0, 3.0, 2.0)), pixels[2:4, 1:4])
    assert _seen(pixels, None) is pixels


@pytest.mark.parametrize("name", ["gleam_chips", "gleam_c", "sample4geo"])
def test_shipped_recipes_are_read(name: str) -> None:
    recipe = load_crossview_recipe(_RECIPES / f"{name}.toml")
    assert parse_crossview_recipe(recipe.to_dict()).to_dict() == recipe.to_dict()


def test_misspelt_recipes_are_refused(rasters: Path) -> None:
    table = _recipe(rasters).to_dict()
    with pytest.raises(OptionError, match="phase_1"):
        parse_crossview_recipe({key: value for key, value in table.items() if not key.startswith("phase")})
    with pytest.raises(OptionError, match="hard_share"):
        parse_crossview_recipe(table | {"batches": {"hard_shares": 1}})
    with pytest.raises(OptionError, match="symmetric"):
        parse_crossview_recipe(table | {"loss": {"contrast": "symetric"}})
    with pytest.raises(OptionError, match="own_layers"):
        build_net(parse_crossview_recipe(table | {"family": {"own_layers": 99}}))


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"gleam_chips\.toml"):
        load_crossview_run(tmp_path)
    assert not is_crossview_run(tmp_path)
