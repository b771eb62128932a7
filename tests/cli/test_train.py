"""``whence train``, ``export``, ``models`` and ``locate``: from a recipe to the place of a picture."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from made_world import made_world

torch = pytest.importorskip("torch", reason="the extra train is not installed")
for _package in ("accelerate", "onnx", "onnxscript", "tensorboard"):
    pytest.importorskip(_package, reason="the extra train is not installed")

from safetensors.torch import load_file  # noqa: E402

from whence.cli.exits import Exit  # noqa: E402
from whence.cli.main import program  # noqa: E402
from whence.earth.coordinates import distance_km  # noqa: E402
from whence.samples.chips import ChipCutter  # noqa: E402

_RECIPE = """
schema = 1
name = "made_world"
summary = "A made world in which every place has a colour of its own."

[data]
kind = "chips"
raster = "world.png"
count = 800
gallery = 1000
side_px = 16
side_deg = 10

[image]
encoder = "chipnet"
side_px = 16
width = 8
blocks = 1
dim = 16

[location]
encoder = "spherical_harmonics_siren"
degrees = 6
width = 32
dim = 16

[concepts]
basis = "prototypes"
supervised_weight = 0.2

[loss]
sigma_km = 500
queue = 128

[optimiser]
epochs = 25
batch = 64
learning_rate = 3e-3
precision = "no"
"""


def call(*args: object):
    return CliRunner().invoke(program, [str(arg) for arg in args], prog_name="whence")


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory):
    """A folder with a world, its recipe and the run that it trained."""
    folder = tmp_path_factory.mktemp("train")
    Image.fromarray(made_world()).save(folder / "world.png")
    (folder / "made.toml").write_text(_RECIPE, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("WHENCE_MODELS", str(folder / "models"))
        patch.setenv("WHENCE_CACHE", str(folder / "cache"))
        torch.set_num_threads(1)
        trained = call("train", "made.toml", "--out", "runs/made")
        assert trained.exit_code == Exit.DONE, trained.output
        (folder / "said.txt").write_text(trained.output, encoding="utf-8")
        exported = call("export", "runs/made", "models/made_world")
        assert exported.exit_code == Exit.DONE, exported.output
        yield folder


def test_it_says_how_well_it_does(workplace: Path) -> None:
    said = (workplace / "said.txt").read_text(encoding="utf-8")
    for words in ("test pictures", "median error", "within 750 km", "gained over area", "training"):
        assert words in said
    scores = json.loads((workplace / "runs/made/scores.json").read_text(encoding="utf-8"))
    assert scores["steps"] == 25 * (640 // 64)
    assert scores["bits"] > 1.5
    assert any((workplace / "runs/made/tensorboard").iterdir())


def test_the_bundle_is_listed_with_its_card(workplace: Path) -> None:
    listed = {item["called"]: item for item in json.loads(call("models", "--json").output)["models"]}
    card = listed["made_world"]
    assert card["state"] == "whole"
    assert card["config"]["recipe"]["loss"]["sigma_km"] == 500
    assert card["config"]["views"] == "satellite"
    assert "800 chips" in card["training_data"]
    again = call("export", "runs/made", "models/made_world")
    assert again.exit_code == Exit.USAGE
    assert "--overwrite" in again.output


def test_a_chip_is_located_with_it(workplace: Path) -> None:
    lat, lon = np.array([46.0, -22.0, 5.0, 60.0]), np.array([10.0, 134.0, -65.0, 100.0])
    cutter = ChipCutter(made_world(), 16, 10.0)
    Path("chips").mkdir()
    for i, pixels in enumerate(cutter.cut(lat, lon)):
        Image.fromarray(pixels).save(f"chips/{i}.png")
    settings = ("--set", "alignment.model=made_world", "--set", "alignment.coarse_order=4")
    done = call(
        "locate", "chips", "--kind", "satellite", "--sources", "alignment", "--prior", "land", *settings, "--json", "-"
    )
    assert done.exit_code == Exit.DONE, done.output
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == len(lat)
    found = [(line["point"]["lat_deg"], line["point"]["lon_deg"]) for line in lines]
    errors = [float(distance_km(*true, *place)) for true, place in zip(zip(lat, lon, strict=True), found, strict=True)]
    assert np.median(errors) < 1_500, errors
    assert any(item["source"] == "alignment" for item in lines[0]["ledger"])


def test_a_second_call_goes_on_where_the_first_ended(workplace: Path) -> None:
    before = json.loads((workplace / "runs/made/scores.json").read_text(encoding="utf-8"))
    weights = load_file(workplace / "runs/made/checkpoint.safetensors")
    again = call("train", "made.toml", "--out", "runs/made", "--json")
    assert again.exit_code == Exit.DONE, again.output
    scores = json.loads(again.output)
    for key in ("steps", "bits", "median", "mode", "nearest", "temperature"):
        assert scores[key] == before[key], key
    assert scores["training_s"] < before["training_s"]
    for name, tensor in load_file(workplace / "runs/made/checkpoint.safetensors").items():
        assert torch.equal(tensor, weights[name]), name


def test_a_run_is_not_written_over_by_another_recipe(workplace: Path) -> None:
    before = (workplace / "runs/made/recipe.json").read_bytes()
    other = call("train", "made.toml", "--out", "runs/made", "--set", "seed=1")
    assert other.exit_code == Exit.NOT_WORKING
    assert "another recipe" in other.output
    assert (workplace / "runs/made/recipe.json").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("optimiser.epoch=1", "epochs"),
        ("loss.sigma=100", "sigma_km"),
        ("data.sidepx=16", "side_px"),
        ("image.encoder=chipnets", "chipnet"),
        ("image.side_px=20", "20 × 20 pixels"),
        ("optimiser.epochs", "SECTION.KEY=VALUE"),
        ("data.raster=nowhere.png", "nowhere.png"),
    ],
)
def test_mistakes_in_a_recipe_are_named(workplace: Path, change: str, said: str) -> None:
    done = call("train", "made.toml", "--out", "runs/none", "--set", "optimiser.epochs=1", "--set", change)
    assert done.exit_code == Exit.USAGE, done.output
    assert said in done.output
    assert not (workplace / "runs/none").exists()


def test_a_folder_without_a_run_cannot_be_exported(workplace: Path) -> None:
    Path("runs/empty").mkdir(parents=True)
    done = call("export", "runs/empty", "models/empty")
    assert done.exit_code == Exit.NOT_WORKING
    assert "no finished run" in done.output
    assert not Path("models/empty").exists()
