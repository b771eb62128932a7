"""Scenery models on a made world."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from made_scenery import make_photographs, recipe_table

torch = pytest.importorskip("torch", reason="the extra train is not installed")

from whence.cli.main import program  # noqa: E402
from whence.core.errors import ArtifactError, InputError, OptionError  # noqa: E402
from whence.evidence.scenery.model import SceneryModel  # noqa: E402
from whence.samples.reader import read_view  # noqa: E402
from whence.train.scenery.features import changed_copies, chosen_samples, read_photographs  # noqa: E402
from whence.train.scenery.fit import choose_vectors, contrast_places, places_around  # noqa: E402
from whence.train.scenery.recipe import Concepts, Data, Views, load_scenery_recipe, parse_scenery_recipe  # noqa: E402
from whence.train.scenery.run import (  # noqa: E402
    SceneryRun,
    export_scenery,
    is_scenery_run,
    load_scenery_run,
    tower_of,
    train_scenery,
)
from whence.train.scenery.walls import INDOOR, OUTDOOR, rows_of  # noqa: E402


@pytest.fixture(autouse=True)
def _small(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setenv("WHENCE_CACHE", str(tmp_path_factory.getbasetemp() / "scenery-cache"))


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_photographs(tmp_path_factory.mktemp("photographs"))


@pytest.fixture(scope="module")
def trained(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[SceneryRun, Path]:
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WHENCE_CACHE", str(tmp_path_factory.getbasetemp() / "scenery-cache"))
        return train_scenery(parse_scenery_recipe(recipe_table(photographs)), folder), folder


def test_what_is_seen_of_others_pictures_tells_places_apart(trained: tuple[SceneryRun, Path]) -> None:
    scores = trained[0].scores
    assert scores["photographs"] == 36
    assert scores["bits"] > scores["bits_unseen"] + 0.5
    assert set(scores["bits_by_group"]) == {"photographer 0", "photographer 1", "photographer 2"}
    assert min(scores["bits_by_group"].values()) > 0.5


def test_a_run_is_loaded_as_it_was_and_exported_as_pytorch_has_it(
    trained: tuple[SceneryRun, Path], photographs: Path, tmp_path: Path
) -> None:
    run, folder = trained
    assert is_scenery_run(folder)
    again = load_scenery_run(folder)
    np.testing.assert_array_equal(again.model.weights, run.model.weights)
    bundle = export_scenery(again, tmp_path / "made")
    served = SceneryModel(bundle)
    recipe = run.recipe
    learned = read_photographs(recipe, tower_of(recipe.image))
    expected = run.model.strengths(learned)
    for row in (0, 1, 7):
        seen = served.see([read_view(learned.paths[row], working_px=1024)])[0]
        np.testing.assert_allclose(seen.strengths, expected[row], atol=2e-2 * np.abs(expected).max())
    assert str(photographs) not in bundle.header.to_json()


def test_equal_seeds_give_equal_models(trained: tuple[SceneryRun, Path]) -> None:
    again = train_scenery(trained[0].recipe)
    np.testing.assert_array_equal(again.model.weights, trained[0].model.weights)


def test_photographers_can_be_left_out(photographs: Path) -> None:
    samples = chosen_samples(Data(root=str(photographs), without="photographer 1"), 0)
    assert {sample.group for sample in samples} == {"photographer 0", "photographer 2"}
    with pytest.raises(OptionError, match="photographer"):
        chosen_samples(Data(root=str(photographs), groups="photografer 1"), 0)


def test_too_few_photographs_are_refused(photographs: Path) -> None:
    with pytest.raises(InputError, match="at least 20"):
        chosen_samples(Data(root=str(photographs), groups="photographer 1"), 0)


def test_one_photographer_alone_gives_no_temperature(tmp_path: Path) -> None:
    folder = make_photographs(tmp_path / "alone", photographers=1)
    with pytest.raises(InputError, match="two photographers"):
        train_scenery(parse_scenery_recipe(recipe_table(folder)))


def test_a_picture_that_cannot_be_read_is_left_out_by_name(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = make_photographs(tmp_path / "broken")
    (folder / "03_town.jpg").write_bytes(b"no picture")
    recipe = parse_scenery_recipe(recipe_table(folder))
    found = read_photographs(recipe, tower_of(recipe.image))
    assert len(found) == 35
    assert "03_town.jpg" in caplog.text


def test_copies_depend_on_the_generator_alone() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    copies, again = (changed_copies(pixels, Views(), np.random.default_rng(3)) for _ in range(2))
    assert len(copies) == 3 + 2 + 4
    for a, b in zip(copies, again, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(copies[1], pixels[:, ::-1])


def test_what_the_truth_is_contrasted_with_stands_for_all_photographs() -> None:
    vectors = choose_vectors(Concepts(groups="terrain=1"), np.random.default_rng(0))
    places = contrast_places(vectors, 500, np.random.default_rng(1))
    assert np.exp(places.log_share).sum() == pytest.approx(1.0)
    assert places.vectors.shape[1] == len(vectors.ids)


def test_places_around_a_photograph_lie_within_its_radius(trained: tuple[SceneryRun, Path]) -> None:
    run, _ = trained
    learned = read_photographs(run.recipe, tower_of(run.recipe.image)).take([0])
    around = places_around(learned, run.vectors, 3, np.random.default_rng(0))
    np.testing.assert_allclose(around[0, 0], run.vectors.at(learned.lat_deg, learned.lon_deg)[0])


def test_unknown_groups_of_concepts_and_keys_are_refused() -> None:
    with pytest.raises(OptionError, match="terrain"):
        choose_vectors(Concepts(groups="terain=1"), np.random.default_rng(0))
    table = recipe_table(Path("x"))
    with pytest.raises(OptionError, match="penalty"):
        parse_scenery_recipe({**table, "fit": {"penalt": 1}})
    with pytest.raises(OptionError, match="schema"):
        parse_scenery_recipe({**table, "kind": "alignment"})


def test_the_shipped_recipe_is_read() -> None:
    recipe = load_scenery_recipe(Path(__file__).parents[2] / "recipes" / "pocket.toml", {"fit.components": "3"})
    assert (recipe.name, recipe.fit.components) == ("pocket", 3)


def test_walls_are_known_by_the_first_name_of_a_class() -> None:
    labels = ("background", "desk", "alp", "file, file cabinet", "Crock Pot", "church, church building")
    assert rows_of(INDOOR, labels) == [1, 3, 4]
    assert rows_of(OUTDOOR, labels) == [2, 5]


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    assert not is_scenery_run(tmp_path)
    with pytest.raises(ArtifactError, match="no finished run"):
        load_scenery_run(tmp_path)


def test_train_and_export_from_the_command_line(photographs: Path, tmp_path: Path) -> None:
    table = recipe_table(photographs)
    lines = [f"{key} = {json.dumps(value)}" for key, value in table.items() if not isinstance(value, dict)]
    for key, value in table.items():
        if isinstance(value, dict):
            lines += [f"[{key}]", *(f"{name} = {json.dumps(item)}" for name, item in value.items())]
    (tmp_path / "made.toml").write_text("\n".join(lines), encoding="utf-8")
    done = CliRunner().invoke(program, ["train", str(tmp_path / "made.toml"), "--out", str(tmp_path / "run")])
    assert done.exit_code == 0, done.output
    assert "gained over the prior" in done.output
    refused = CliRunner().invoke(program, ["export", str(tmp_path / "run"), str(tmp_path / "made"), "--int8"])
    assert refused.exit_code != 0
    done = CliRunner().invoke(program, ["export", str(tmp_path / "run"), str(tmp_path / "made")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "made" / "bundle.json").is_file()
