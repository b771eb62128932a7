"""Cross-view bundles: graphs by variant, kinds by name, vectors as they were exported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import made_bundles
from whence.core.bundle import Bundle, write_bundle
from whence.core.errors import ArtifactError, OptionError
from whence.crossview.bundled import BundledEncoder, CrossViewSettings
from whence.crossview.encoders import open_encoder
from whence.encode.preprocessing import Preprocessing
from whence.samples.view import ViewKind

_VARIANTS = "satellite=satellite,relief=map,map=map"


def _bundle(folder: Path, variants: str = _VARIANTS, **config: object) -> Bundle:
    graph = made_bundles.graphs()["image"]
    header = replace(
        made_bundles.CARD,
        name="towers",
        kind="crossview",
        preprocessing=Preprocessing(crop_px=16, resize_px=16, resize="squash").to_dict(),
        config={"variants": variants, "dim": made_bundles.DIM, "recipe": {"name": "none"}, **config},
    )
    return write_bundle(folder, header, {}, dict.fromkeys(("satellite", "relief", "map"), graph))


def test_pictures_of_every_kind_become_unit_vectors(tmp_path: Path) -> None:
    encoder = BundledEncoder(_bundle(tmp_path / "towers"), threads=1)
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (height, 12, 3), dtype=np.uint8) for height in range(8, 48)]
    found = encoder.embed(pictures, ViewKind.SATELLITE)
    assert found.shape == (40, made_bundles.DIM)
    assert found.dtype == np.float32
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert np.allclose(encoder.embed(pictures[:1], ViewKind.MAP), found[:1], atol=1e-6)
    assert encoder.embed([], ViewKind.MAP).shape == (0, made_bundles.DIM)
    assert encoder.variants == ("satellite", "relief", "map")
    assert encoder.kinds == {ViewKind.SATELLITE, ViewKind.MAP}


def test_a_kind_that_it_does_not_read_and_unknown_variants_are_refused(tmp_path: Path) -> None:
    bundle = _bundle(tmp_path / "towers")
    encoder = BundledEncoder(bundle, threads=1)
    with pytest.raises(OptionError, match="drone"):
        encoder.embed([], ViewKind.DRONE)
    with pytest.raises(OptionError, match="relief"):
        encoder.embed_variant([], "reliefs")
    with pytest.raises(OptionError, match="relief"):
        BundledEncoder(bundle, variant="reliefs")


def test_it_is_opened_by_folder(tmp_path: Path) -> None:
    _bundle(tmp_path / "towers")
    encoder = open_encoder(str(tmp_path / "towers"))
    assert isinstance(encoder, BundledEncoder)
    assert (encoder.name, encoder.dim, encoder.turns) == ("towers", made_bundles.DIM, 1)


@pytest.mark.parametrize(
    ("variants", "said"),
    [("map=map", "satellite"), ("satellite=satelite", "satellite"), ("satellite", "name=kind")],
)
def test_headers_that_say_something_else_are_refused(variants: str, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        CrossViewSettings(variants, 8).kinds  # noqa: B018


def test_a_bundle_without_one_of_its_graphs_or_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"drone\.onnx"):
        BundledEncoder(_bundle(tmp_path / "lacking", "satellite=satellite,drone=drone"))
    with pytest.raises(ArtifactError, match="turns"):
        BundledEncoder(_bundle(tmp_path / "turned", turns=0))
    other = write_bundle(tmp_path / "other", made_bundles.CARD, {}, {"image": made_bundles.graphs()["image"]})
    with pytest.raises(ArtifactError, match="alignment"):
        BundledEncoder(other)
