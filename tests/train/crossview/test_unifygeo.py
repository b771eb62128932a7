"""One network for the tile and the position inside of it: learned, exported, read without PyTorch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="the extra train is not installed")

from whence.core.bundle import write_bundle  # noqa: E402
from whence.core.errors import ArtifactError, InputError, OptionError  # noqa: E402
from whence.crossview.bundled import BundledEncoder  # noqa: E402
from whence.samples.datasets.pairs import Reference, pair_sets  # noqa: E402
from whence.samples.view import ViewKind  # noqa: E402
from whence.train.crossview.data.pairs import _inside  # noqa: E402
from whence.train.crossview.loop import CrossViewTrainer  # noqa: E402
from whence.train.crossview.losses import candidates_of, inside_position, rerank_loss  # noqa: E402
from whence.train.crossview.model import build_net  # noqa: E402
from whence.train.crossview.position import PositionHead  # noqa: E402
from whence.train.crossview.positions import placed  # noqa: E402
from whence.train.crossview.recipe import (  # noqa: E402
    CrossViewRecipe,
    load_crossview_recipe,
    parse_crossview_recipe,
)
from whence.train.crossview.run import export_crossview, load_crossview_data, load_crossview_run, train_crossview  # noqa: E402

_RECIPES = Path(__file__).resolve().parents[3] / "recipes"


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def rasters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world of coloured blocks of 4°, and the same in other colours."""
    folder = tmp_path_factory.mktemp("world")
    blocks = np.random.default_rng(0).integers(0, 256, (45, 90, 3), dtype=np.uint8)
    world = np.asarray(Image.fromarray(blocks).resize((720, 360), Image.Resampling.BICUBIC))
    Image.fromarray(world).save(folder / "satellite.png")
    Image.fromarray(255 - world[..., ::-1]).save(folder / "relief.png")
    return folder


def _recipe(rasters: Path, **changes: object) -> CrossViewRecipe:
    table: dict = {
        "schema": 1,
        "kind": "crossview",
        "name": "small",
        "summary": "A small model of a made world.",
        "data": {
            "kind": "chips_inside",
            "satellite": str(rasters / "satellite.png"),
            "relief": str(rasters / "relief.png"),
            "count": 1500,
            "side_px": 32,
            "side_deg": 8.0,
            "tile_deg": 16.0,
            "cache": str(rasters / "cache"),
        },
        "tower": {"encoder": "chipnet", "side_px": 32, "width": 16, "blocks": 1},
        "family": {"own_layers": 4, "dim": 32},
        "phase_1": {"variants": "relief"},
        "position": {"weight": 1.0, "cells": 8, "view_cells": 4, "dim": 8, "candidates": 8},
        "batches": {"hard_share": 0.0},
        "optimiser": {"epochs": 6, "batch": 64, "learning_rate": 3e-3, "precision": "no", "ema": 0.9},
    }
    for key, value in changes.items():
        section, _, name = key.partition("__")
        table.setdefault(section, {})[name] = value
    return parse_crossview_recipe(table)


def test_positions_are_learned_and_served_without_torch(rasters: Path, tmp_path: Path) -> None:
    recipe = _recipe(rasters)
    run = train_crossview(recipe, tmp_path / "run")
    inside = run.scores["phases"]["phase_1"]["inside"]
    found = inside["test"]["relief"]
    assert found["error"] < 0.6 * found["error_of_the_middle"]
    assert found["r1_reranked"] >= found["r1"] - 5
    assert inside["validation"]["relief"]["held_by_90"] == pytest.approx(90, abs=1)

    loaded = load_crossview_run(tmp_path / "run")
    bundle = export_crossview(loaded, tmp_path / "bundle")
    encoder = BundledEncoder(bundle, threads=1)
    assert encoder.inside is not None
    assert encoder.inside.weight == inside["chosen"]["weight"]
    assert encoder.inside.shown_share == 0.5
    test = load_crossview_data(recipe).test
    expected = placed(run.net, test, "relief", candidates=4)
    for i in range(3):
        tiles = [test.pictures["satellite"].pixels[row] for row in expected.tiles[i]]
        read = encoder.inside.inside(test.pictures["relief"].pixels[i], ViewKind.MAP, tiles)
        assert np.abs(read.score - expected.score[i]).max() < 1e-3
        assert np.abs(read.xy - expected.xy[i]).max() < 1e-3
    assert len(encoder.inside.inside(tiles[0], ViewKind.MAP, []).score) == 0
    for kind in (ViewKind.SATELLITE, ViewKind.DRONE):
        with pytest.raises(OptionError, match="map"):
            encoder.inside.inside(tiles[0], kind, tiles)
    # A header that promises a map of positions needs its graph.
    graphs = {name: (bundle.folder / f"{name}.onnx").read_bytes() for name in ("satellite", "relief")}
    with pytest.raises(ArtifactError, match=r"position\.onnx"):
        BundledEncoder(write_bundle(tmp_path / "lacking", bundle.header, {}, graphs))


def test_a_resumed_run_has_the_head_of_one_that_was_never_stopped(rasters: Path, tmp_path: Path) -> None:
    recipe = _recipe(rasters, data__count=400, optimiser__epochs=1.5)
    data = load_crossview_data(recipe)
    whole = CrossViewTrainer(recipe, data)
    start = {name: value.clone() for name, value in whole.net.position.state_dict().items()}
    whole.run()
    stopped = CrossViewTrainer(recipe, data, tmp_path / "run")
    for _ in range(3):
        stopped.take_step()
    stopped._save()
    resumed = CrossViewTrainer(recipe, data, tmp_path / "run")
    assert resumed.resumed
    resumed.run()
    for name, value in whole.net.position.state_dict().items():
        assert torch.equal(value, resumed.net.position.state_dict()[name]), name
        assert not torch.equal(value, start[name]), name


def test_tiles_hold_their_views_where_the_data_says(rasters: Path) -> None:
    data = load_crossview_data(_recipe(rasters, data__count=400))
    for part in (data.train, data.test):
        views = part.pictures["relief"]
        assert ((views.inside > 0.2) & (views.inside < 0.8)).all()
        for row in range(6):
            x, y = (round(float(share) * 32) for share in views.inside[row])
            tile = part.pictures["satellite"].pixels[views.place[row]][y - 8 : y + 8, x - 8 : x + 8].astype(float)
            other = 255.0 - views.pixels[row][..., ::-1]
            small = np.asarray(Image.fromarray(other.astype(np.uint8)).resize((16, 16), Image.Resampling.BOX))
            assert np.abs(tile - small).mean() < 20.0  # of other ground above 60
    assert len(data.test.pictures["relief"]) >= len(data.test) > 1


def test_the_published_layout_trains_to_a_bundle(tmp_path: Path) -> None:
    root = pair_sets().load("vigor").make_miniature(tmp_path / "vigor")
    changes = {
        "data.sets": f"vigor:same_area_train:same_area_test={root}",
        "data.side_px": "64",
        "data.validation_share": "0.4",
        "data.cache": str(tmp_path / "cache"),
        "tower.image_px": "64",
        "tower.width": "0.25",
        "family.dim": "16",
        "position.cells": "4",
        "position.dim": "8",
        "batches.hard_share": "0",
        "optimiser.epochs": "1",
        "optimiser.batch": "2",
        "optimiser.precision": "no",
    }
    run = train_crossview(load_crossview_recipe(_RECIPES / "unifygeo.toml", changes))
    assert run.scores["phases"]["phase_1"]["inside"]["test"]["panorama"]["views"] == 4
    encoder = BundledEncoder(export_crossview(run, tmp_path / "bundle"), threads=1)
    assert encoder.inside is not None
    picture = np.zeros((64, 64, 3), np.uint8)
    assert encoder.inside.inside(picture, ViewKind.PANORAMA, [picture]).xy.shape == (1, 2)


def test_what_moves_views_is_refused(rasters: Path, tmp_path: Path) -> None:
    for change in ({"augment__shift_px": 2}, {"augment__turn": True}):
        recipe = _recipe(rasters, data__count=400, **change)
        with pytest.raises(OptionError, match="position"):
            CrossViewTrainer(recipe, load_crossview_data(recipe))
    with pytest.raises(OptionError, match="8, 4, 2"):
        build_net(_recipe(rasters, position__cells=7))
    with pytest.raises(OptionError, match="view_cells"):
        build_net(_recipe(rasters, position__view_cells=8))
    root = pair_sets().load("cvusa").make_miniature(tmp_path / "cvusa")
    table = _recipe(rasters).to_dict() | {
        "data": {
            "kind": "pairs",
            "sets": f"cvusa:train:val={root}",
            "side_px": 32,
            "validation_share": 0.5,
            "cache": str(tmp_path / "cache"),
        },
        "phase_1": {"variants": "panorama"},
    }
    table["optimiser"]["batch"] = 2
    recipe = parse_crossview_recipe(table)
    with pytest.raises(InputError, match="VIGOR"):
        CrossViewTrainer(recipe, load_crossview_data(recipe)).take_step()


def test_recipes_without_a_head_stay_as_they_were() -> None:
    recipe = load_crossview_recipe(_RECIPES / "gleam_chips.toml")
    assert "position" not in recipe.to_dict()
    assert build_net(recipe).position is None


def test_re_ranking_by_hand() -> None:
    likeness = torch.tensor([[0.9, 0.8, 0.1], [0.5, 0.9, 0.8]])
    own = torch.tensor([1, 0])
    scores = torch.tensor([[1.0, 2.0, 50.0], [4.0, 1.0, 1.0]])
    assert candidates_of(likeness, own, 2).tolist() == [[1, 0], [0, 1]]
    assert candidates_of(likeness, own, 9).tolist() == [[1, 0, 2], [0, 1, 2]]
    # Two candidates: its own and the likest other, so that the third tile's score of 50 is not asked.
    expected = (np.log1p(np.exp(1.0 - 2.0)) + np.log1p(np.exp(1.0 - 4.0))) / 2
    assert float(rerank_loss(scores.gather(1, candidates_of(likeness, own, 2)))) == pytest.approx(expected, abs=1e-6)
    assert float(rerank_loss(scores.gather(1, candidates_of(likeness, own, 3)))) > 10


@pytest.mark.parametrize("view_cells", [1, 3])
def test_a_view_is_laid_onto_every_place_of_a_tile(view_cells: int) -> None:
    generator = torch.Generator().manual_seed(0)
    head = PositionHead({6: 4, 3: 8}, 72, 6, 5, view_cells, generator).eval()
    cells = head.of_tiles(
        {6: torch.randn(2, 4, 6, 6, generator=generator), 3: torch.randn(2, 8, 3, 3, generator=generator)}
    )
    view = cells[:, :, 2:3, 4:5] if view_cells == 1 else cells[:, :, 1:4, 2:5] / view_cells
    heat, offsets = head(view, cells)
    side = 6 - view_cells + 1
    assert heat.shape == (2, side, side)
    assert offsets.shape == (2, 2, side, side)
    assert offsets.abs().max() <= 0.5
    assert torch.allclose(head.heat(view, cells)[[0, 1], [0, 1]], heat, atol=1e-5)
    xy = head.in_tile(inside_position(heat, torch.zeros_like(offsets)))
    assert torch.allclose(xy[0], torch.tensor([4.5, 2.5] if view_cells == 1 else [3.5, 2.5]) / 6)
    assert torch.allclose(head.in_tile(head.on_map(xy)), xy)


def test_where_a_query_lies_in_its_reference_as_it_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "tile.png"
    Image.fromarray(np.zeros((80, 40, 3), np.uint8)).save(path)
    assert _inside(Reference(path, at_px=(10.0, 20.0))) == (0.25, 0.25)
    assert _inside(Reference(path, at_px=(10.0, 20.0), size_px=(100, 100))) == (0.1, 0.2)
    assert _inside(Reference(path, at_px=(10.0, 20.0), window=(5.0, 10.0, 20.0, 40.0))) == (0.25, 0.25)
    for unknown in (Reference(path), Reference(path, at_px=(50.0, 20.0))):
        assert np.isnan(_inside(unknown)).all()
    with pytest.raises(InputError, match="reference picture"):
        _inside(Reference(tmp_path / "none.png", at_px=(1.0, 1.0)))
