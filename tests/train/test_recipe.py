"""Recipes are read strictly, and those that are shipped can be."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from whence.core.errors import OptionError
from whence.train.recipe import Recipe, load_recipe, parse_recipe

_ALL = sorted((Path(__file__).parents[2] / "recipes").glob("*.toml"))
_RECIPES = [path for path in _ALL if "kind" not in tomllib.loads(path.read_text(encoding="utf-8"))]
"""Those of alignment; other kinds of recipes say so at the top and have readers of their own."""

_LEAST = {
    "schema": 1,
    "name": "least",
    "data": {"kind": "chips", "raster": "w.jpg"},
    "image": {"encoder": "chipnet"},
    "location": {"encoder": "spherical_harmonics_siren"},
}


def test_a_recipe_has_defaults() -> None:
    recipe = parse_recipe(_LEAST)
    assert recipe.loss.queue == 4096
    assert recipe.concepts.basis == "none"
    assert recipe.data.settings["raster"] == "w.jpg"


def test_a_recipe_survives_being_written() -> None:
    recipe = parse_recipe(_LEAST, {"loss.sigma_km": "400", "seed": "3", "optimiser.precision": "no"})
    assert recipe.loss.sigma_km == 400.0
    assert recipe.seed == 3
    again = parse_recipe(recipe.to_dict())
    assert isinstance(again, Recipe)
    assert again.to_dict() == recipe.to_dict()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"los.sigma_km": "1"}, "loss"),
        ({"loss.sigma": "1"}, "sigma_km"),
        ({"optimiser.schedule": "cosin"}, "cosine"),
        ({"concepts.divergence": "cauchy"}, "cauchy_schwarz"),
        ({"concepts.basis": "texts"}, "text"),
        ({"optimiser.epochs": "many"}, "float"),
        ({"optimiser.batch": "1"}, "batch"),
        ({"schema": "2"}, "schema"),
        ({"seed": "one"}, "whole number"),
    ],
)
def test_mistakes_are_named(change: dict[str, str], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        parse_recipe(_LEAST, change)


def test_a_component_must_be_named() -> None:
    with pytest.raises(OptionError, match="encoder"):
        parse_recipe({**_LEAST, "image": {}})
    with pytest.raises(OptionError, match="section"):
        parse_recipe({**_LEAST, "loss": 3})


def test_broken_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text("schema = ")
    with pytest.raises(OptionError, match=r"r\.toml"):
        load_recipe(tmp_path / "r.toml")


@pytest.mark.parametrize("path", _RECIPES, ids=lambda path: path.stem)
def test_shipped_recipes_are_valid_and_their_names_are_their_files(path: Path) -> None:
    torch = pytest.importorskip("torch", reason="the extra train is not installed")
    from whence.core.config import build
    from whence.encode.image import image_encoders
    from whence.encode.location import location_encoders
    from whence.train.data import data_kinds
    from whence.train.heads import MlpHead

    assert torch
    recipe = load_recipe(path)
    assert recipe.name == path.stem
    assert recipe.summary
    kinds = [
        (data_kinds().load(recipe.data.name), recipe.data),
        (location_encoders().load(recipe.location.name), recipe.location),
    ]
    kinds.append(
        (MlpHead if recipe.image.name == "mlp_head" else image_encoders().load(recipe.image.name), recipe.image)
    )
    for kind, component in kinds:
        build(kind.CONFIG, component.settings, owner=component.name)
