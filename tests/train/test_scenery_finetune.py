"""Tuning of the network's last blocks: it learns, stops, is held back, and is served as PyTorch has it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from made_scenery import make_photographs, recipe_table

torch = pytest.importorskip("torch", reason="the extra train is not installed")

from whence.core.errors import OptionError  # noqa: E402
from whence.encode.image.mobilenet_v2 import MobilenetV2  # noqa: E402
from whence.evidence.scenery.model import SceneryModel  # noqa: E402
from whence.samples.reader import read_view  # noqa: E402
from whence.train.scenery.features import Photographs, read_photographs  # noqa: E402
from whence.train.scenery.finetune import (  # noqa: E402
    Tail,
    Tuner,
    activations_of,
    kept_aside,
    known_weights,
    put_back,
    spread_truth,
    tunable,
)
from whence.train.scenery.fit import choose_vectors, contrast_places  # noqa: E402
from whence.train.scenery.recipe import Finetune, SceneryRecipe, parse_scenery_recipe  # noqa: E402
from whence.train.scenery.run import export_scenery, load_scenery_run, tower_of, train_scenery  # noqa: E402

TUNING = {"blocks": 1, "copies": 1, "epochs": 2, "rate": 1e-3, "average": 0.5, "batch": 8, "aside": 0.3}


@pytest.fixture(autouse=True)
def _small(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setenv("WHENCE_CACHE", str(tmp_path_factory.getbasetemp() / "scenery-cache"))


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> SceneryRecipe:
    folder = make_photographs(tmp_path_factory.mktemp("photographs"))
    return parse_scenery_recipe({**recipe_table(folder), "finetune": TUNING})


@pytest.fixture
def photographs(recipe: SceneryRecipe) -> Photographs:
    return read_photographs(recipe, tower_of(recipe.image))


def test_the_tail_goes_on_where_the_blocks_before_it_end() -> None:
    tower = MobilenetV2.tiny().eval()
    pixels = np.random.default_rng(0).normal(size=(2, 3, 64, 64)).astype(np.float32)
    tail = Tail(tower, 3).eval()
    between = torch.from_numpy(activations_of(tower, 3, pixels)).float()
    with torch.no_grad():
        torch.testing.assert_close(tail(between), tower(torch.from_numpy(pixels)), rtol=1e-2, atol=1e-2)
        same = put_back(tower, tail)(torch.from_numpy(pixels))
        torch.testing.assert_close(same, tower(torch.from_numpy(pixels)))


def test_tuning_changes_the_tail_and_not_what_it_came_from(recipe: SceneryRecipe, photographs: Photographs) -> None:
    tower = tower_of(recipe.image)
    vectors = choose_vectors(recipe.concepts, np.random.default_rng(0))
    tuner = Tuner(recipe, tower, photographs)
    found = tuner.fit(photographs, vectors, np.random.default_rng(1))
    assert found.note["epoch"] > 0
    assert found.note["loss"] < found.note["loss_before"]
    before = Tail(tunable(tower, 1), 1).state_dict()
    after = found.tail.state_dict()
    assert max(float((after[name] - before[name]).abs().max()) for name in before) > 1e-4
    seen = tuner.seen(found.tail, photographs.take([2]))
    assert seen.features.shape == photographs.take([2]).features.shape
    again = tuner.fit(photographs, vectors, np.random.default_rng(1))
    np.testing.assert_array_equal(again.model.weights, found.model.weights)


def test_no_share_of_the_tuned_weights_leaves_the_network(recipe: SceneryRecipe, photographs: Photographs) -> None:
    none = replace(recipe, finetune=replace(recipe.finetune, share=0.0))
    tuner = Tuner(none, tower_of(recipe.image), photographs)
    vectors = choose_vectors(recipe.concepts, np.random.default_rng(0))
    found = tuner.fit(photographs, vectors, np.random.default_rng(1))
    np.testing.assert_allclose(
        tuner.seen(found.tail, photographs).features[:, :2], photographs.features[:, :2], rtol=0.02, atol=0.02
    )


def test_a_tuned_run_is_loaded_and_served_as_it_was(recipe: SceneryRecipe, tmp_path: Path) -> None:
    run = train_scenery(recipe, tmp_path / "run")
    again = load_scenery_run(tmp_path / "run")
    assert again.tail is not None
    served = SceneryModel(export_scenery(again, tmp_path / "made"))
    plain = read_photographs(recipe, tower_of(recipe.image))
    tuner = Tuner(recipe, tower_of(recipe.image), plain)
    expected = run.model.strengths(tuner.seen(again.tail, plain))
    for row in (0, 7):
        seen = served.see([read_view(plain.paths[row], working_px=1024)])[0]
        np.testing.assert_allclose(seen.strengths, expected[row], atol=3e-2 * np.abs(expected).max())


def test_truth_is_spread_by_distance(recipe: SceneryRecipe, photographs: Photographs) -> None:
    vectors = choose_vectors(recipe.concepts, np.random.default_rng(0))
    places = contrast_places(vectors, 200, np.random.default_rng(1))
    near, far = (spread_truth(photographs.take([0]), places, km)[0] for km in (200.0, 2000.0))
    assert near.sum() == pytest.approx(1.0, abs=1e-5)
    assert near.max() > far.max()


def test_places_are_kept_aside_whole(photographs: Photographs) -> None:
    aside = kept_aside(photographs, 0.5, np.random.default_rng(0))
    assert 0 < aside.sum() < len(photographs)
    fate: dict[tuple[str, float], set[bool]] = {}
    for group, lat, chosen in zip(photographs.group, photographs.lat_deg, aside, strict=True):
        fate.setdefault((group, float(lat)), set()).add(bool(chosen))
    assert all(len(one) == 1 for one in fate.values())


def test_a_vague_place_teaches_less(photographs: Photographs) -> None:
    vague = replace(photographs, accuracy_km=photographs.accuracy_km * 20)
    assert known_weights(vague).max() < known_weights(photographs).min()


def test_what_cannot_be_tuned_is_refused() -> None:
    tower = MobilenetV2.tiny()
    with pytest.raises(OptionError, match=r"1\.\.17"):
        tunable(tower, 18)
    with pytest.raises(OptionError, match="mobilenet_v2 only"):
        tunable(torch.nn.Identity(), 1)
    with pytest.raises(OptionError, match="share"):
        Finetune(share=2.0)
    with pytest.raises(OptionError, match="epochs"):
        Finetune(epochs=0)
    with pytest.raises(OptionError, match="Rates"):
        Finetune(rate=-1.0)
