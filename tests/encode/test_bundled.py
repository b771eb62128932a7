from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import made_bundles
from whence.core.bundle import write_bundle
from whence.core.bundle_header import HEADER
from whence.core.errors import ArtifactError, CoordinateError
from whence.encode.bundled import AlignmentModel, AlignmentSettings
from whence.samples.reader import read_view
from whence.samples.view import ViewKind


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return made_bundles.colour_bundle(tmp_path_factory.mktemp("bundles") / "colours")


@pytest.fixture(scope="module")
def model(bundle):
    return AlignmentModel(bundle, threads=1)


def test_pictures_lie_where_their_places_do(model):
    places = [(10.0, 20.0), (-60.0, 170.0), (89.0, -90.0)]
    views = [read_view(made_bundles.picture_of(*place), name="made") for place in places]
    pictures = model.embed_views(views)
    assert pictures.shape == (3, model.dim) == (3, made_bundles.DIM)
    np.testing.assert_allclose(np.linalg.norm(pictures, axis=1), 1.0, atol=1e-6)
    lat, lon = zip(*places, strict=True)
    assert (np.argmax(pictures @ model.embed_places(lat, lon).T, axis=1) == [0, 1, 2]).all()
    np.testing.assert_array_equal(pictures[1:2], model.embed_views(views[1:2]))
    assert model.embed_views([]).shape == (0, model.dim)


def test_many_places_are_the_same_as_each(model):
    rng = np.random.default_rng(0)
    lat, lon = rng.uniform(-90, 90, 9000), rng.uniform(-180, 180, 9000)
    found = model.embed_places(lat, lon)
    np.testing.assert_allclose(found[8500], model.embed_places(lat[8500], lon[8500])[0], atol=1e-6)
    np.testing.assert_allclose(found[:5], model.embed_places(lat[:5], lon[:5] + 360.0), atol=1e-5)
    assert model.embed_places([], []).shape == (0, model.dim)
    for wrong in ((91.0, 0.0), (float("nan"), 0.0), (0.0, float("inf"))):
        with pytest.raises(CoordinateError, match="Place 1 is none"):
            model.embed_places([0.0, wrong[0]], [0.0, wrong[1]])


def test_probabilities_of_concepts(model):
    x = model.basis[0]
    found = model.concept_probabilities(x)
    assert found[0] == pytest.approx(1 / (1 + np.exp(-5.0)), abs=1e-6)  # 6 · 1 − 1
    assert np.isnan(found[1])
    assert model.concept_ids == made_bundles.IDS


def test_its_settings(model):
    assert model.settings == AlignmentSettings(20.0, 1.0, "all", 4, "ground,satellite")
    assert model.settings.view_kinds == {ViewKind.GROUND, ViewKind.SATELLITE}
    assert model.sharpness == 20.0


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"logit_scale": 0.0}, "logit_scale of an alignment is a number above 0"),
        ({"temperature": -1.0}, "temperature of an alignment"),
        ({"area": "lands"}, "Did you mean 'land'"),
        ({"finest_order": 30}, r"lies within 0\.\.16"),
        ({"finest_order": "deep"}, "takes a value of type int"),
        ({"views": ["grounds"]}, "Did you mean 'ground'"),
        ({"logit_scal": 2.0}, "Did you mean 'logit_scale'"),
    ],
)
def test_settings_that_are_none_are_refused(config, message):
    header = replace(made_bundles.CARD, config={**made_bundles.CARD.config, **config})
    with pytest.raises(ArtifactError, match=message):
        AlignmentSettings.from_header(header)


def test_missing_settings_and_other_kinds():
    config = {key: value for key, value in made_bundles.CARD.config.items() if key != "area"}
    with pytest.raises(ArtifactError, match="lacks area"):
        AlignmentSettings.from_header(replace(made_bundles.CARD, config=config))
    with pytest.raises(ArtifactError, match="is of kind 'reader', needed is 'alignment'"):
        AlignmentSettings.from_header(replace(made_bundles.CARD, kind="reader"))
    with_recipe = replace(made_bundles.CARD, config={**made_bundles.CARD.config, "recipe": {"name": "chips"}})
    assert AlignmentSettings.from_header(with_recipe).logit_scale == 20.0


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"basis": np.eye(2, 8, dtype=np.float32)}, "basis must be 4 finite rows"),
        ({"basis": np.eye(4, 8)}, "basis must be 4 finite rows .* of float32, it is float64"),
        ({"basis": np.full((4, 8), np.nan, np.float32)}, "basis must be 4 finite rows"),
        ({"basis": 2 * np.eye(4, 8, dtype=np.float32)}, "must have length 1"),
        ({"activation": np.zeros((4, 3), np.float32)}, "activation must be"),
        ({"basis": None}, r"no part basis\.npy"),
    ],
)
def test_parts_that_do_not_fit_are_refused(tmp_path, bundle, arrays, message):
    parts = {name: np.asarray(bundle.array(name)) for name in bundle.arrays} | arrays
    kept = {name: value for name, value in parts.items() if value is not None}
    broken = write_bundle(tmp_path / "broken", bundle.header, kept, made_bundles.graphs())
    with pytest.raises(ArtifactError, match=message):
        AlignmentModel(broken)


def test_graphs_that_are_missing_or_of_another_length(tmp_path, bundle):
    arrays = {name: np.asarray(bundle.array(name)) for name in bundle.arrays}
    graphs = made_bundles.graphs()
    with pytest.raises(ArtifactError, match=r"no part location\.onnx"):
        AlignmentModel(write_bundle(tmp_path / "half", bundle.header, arrays, {"image": graphs["image"]}))
    wide = {**arrays, "basis": np.eye(4, 9, dtype=np.float32)}
    with pytest.raises(ArtifactError, match=r"gave shape \(1, 8\).* rows of 9 finite"):
        AlignmentModel(write_bundle(tmp_path / "wide", bundle.header, wide, graphs)).embed_places(1.0, 2.0)
    with pytest.raises(ArtifactError, match=r"The graph image of the bundle .* failed"):
        AlignmentModel(bundle).embed_pixels(np.zeros((1, 3, 5, 5), np.float32))


def test_a_header_with_another_preprocessing(tmp_path):
    made = made_bundles.colour_bundle(tmp_path / "made")
    values = json.loads((made.folder / HEADER).read_text())
    values["preprocessing"]["resise"] = "squash"
    (made.folder / HEADER).write_text(json.dumps(values))
    with pytest.raises(ArtifactError, match="Did you mean 'resize'"):
        AlignmentModel.load(str(made.folder))


def test_serving_does_not_import_torch(bundle):
    code = (
        "import sys; from whence.encode.bundled import AlignmentModel;"
        f"AlignmentModel.load({str(bundle.folder)!r}).embed_places(1.0, 2.0); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
