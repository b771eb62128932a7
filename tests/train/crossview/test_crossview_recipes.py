"""The recipes of towers that are shipped are valid, and their settings are those of real components."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra train is not installed")

from whence.core.config import build
from whence.core.errors import OptionError
from whence.train.crossview.data import crossview_data
from whence.train.crossview.model import build_net
from whence.train.crossview.recipe import is_crossview, load_crossview_recipe

_RECIPES = [path for path in sorted((Path(__file__).parents[3] / "recipes").glob("*.toml")) if is_crossview(path)]


def test_there_are_some() -> None:
    assert {path.stem for path in _RECIPES} >= {"gleam_c", "gleam_chips", "sample4geo"}


@pytest.mark.parametrize("path", _RECIPES, ids=lambda path: path.stem)
def test_shipped_recipes_are_valid_and_their_names_are_their_files(path: Path) -> None:
    recipe = load_crossview_recipe(path)
    assert recipe.name == path.stem
    assert recipe.summary
    build(crossview_data().load(recipe.data.name).CONFIG, recipe.data.settings, owner=recipe.data.name)
    assert sum(p.numel() for p in build_net(recipe).parameters()) > 1000


def test_a_misspelt_setting_is_named() -> None:
    with pytest.raises(OptionError, match="hard_share"):
        load_crossview_recipe(_RECIPES[0], {"batches.hard_shar": "0.5"})
