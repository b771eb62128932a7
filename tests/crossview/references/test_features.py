"""Features beside a set: the same as found anew, bounded, and ignored where they are broken."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from made_references import town_tiles
from whence.crossview.references.adding import add_references
from whence.crossview.references.features import FOLDER, FeatureStore, digest_of, forget_features, held
from whence.crossview.references.reference_set import ReferenceSet
from whence.crossview.references.windows import Config
from whence.crossview.register.reference import prepared
from whence.encode.local.sift import Config as SiftConfig
from whence.encode.local.sift import Sift
from whence.encode.local.xfeat import Xfeat


@pytest.fixture(scope="module")
def references(tmp_path_factory: pytest.TempPathFactory) -> ReferenceSet:
    folder = tmp_path_factory.mktemp("features")
    add_references(folder / "set", [town_tiles(folder / "t", 4, 3)], laying=Config(scales="1", side_px=64))
    return ReferenceSet.open(folder / "set")


@pytest.fixture
def store(references: ReferenceSet) -> FeatureStore:
    forget_features(references.folder)
    return FeatureStore(references.folder, references.header, 10_000_000)


def kept_files(references: ReferenceSet) -> list[Path]:
    return [path for path in (references.folder / FOLDER).rglob("*") if path.is_file()]


@pytest.mark.parametrize("encoder", [Sift(SiftConfig(contrast=0.0)), Sift(SiftConfig(contrast=0.0, upright=True))])
def test_what_is_kept_is_what_was_found_to_the_bit(references, store, encoder):
    patch = references.patch_of(3, 200)
    found = prepared(patch, 1.0, [encoder], store).features["sift"]
    kept = store.get(patch.georeference, 1.0, encoder)
    assert kept is not None
    assert kept.digest == digest_of(patch)
    assert len(found) > 20
    for name in ("xy_px", "descriptors", "score", "scale_px", "angle_deg"):
        one, other = getattr(found, name), getattr(kept.features, name)
        assert one.dtype == other.dtype
        assert np.array_equal(one, other)
    assert kept.features.size_px == found.size_px
    assert held(references.folder).files == 1
    assert held(references.folder).bytes < 200 * len(found) + 3000  # histograms take 128, descriptors would take 512


def test_they_are_found_once_for_all_processes_and_anew_for_what_differs(references, store):
    patch, encoder = references.patch_of(3, 128), Sift(SiftConfig(points=100))
    prepared(patch, 1.0, [encoder], store)
    other = FeatureStore(references.folder, references.header, 10_000_000)
    assert other.get(patch.georeference, 1.0, encoder) is not None
    assert other.get(patch.georeference, 0.5, encoder) is None
    assert other.get(references.patch_of(3, 129).georeference, 1.0, encoder) is None
    assert other.get(references.patch_of(4, 128).georeference, 1.0, encoder) is None
    assert other.get(patch.georeference, 1.0, Sift(SiftConfig(points=99))) is None
    changed = replace(references.header, sources=(replace(references.header.sources[0], stamp="other"),))
    assert FeatureStore(references.folder, changed, 10_000_000).get(patch.georeference, 1.0, encoder) is None


def test_features_of_other_pixels_at_the_same_place_are_found_anew(references, store):
    patch, encoder = references.patch_of(3, 128), Sift(SiftConfig(points=100))
    prepared(patch, 1.0, [encoder], store)
    repainted = replace(patch, pixels=patch.pixels[::-1].copy())
    found = prepared(repainted, 1.0, [encoder], store).features["sift"]
    assert np.array_equal(found.descriptors, encoder.extract(repainted.pixels, repainted.valid).descriptors)
    kept = store.get(patch.georeference, 1.0, encoder)
    assert kept is not None
    assert kept.digest == digest_of(repainted)


@pytest.mark.parametrize("damage", [b"", b"no features", None])
def test_a_broken_file_is_none_and_written_anew(references, store, damage):
    patch, encoder = references.patch_of(3, 128), Sift(SiftConfig(points=100))
    prepared(patch, 1.0, [encoder], store)
    (path,) = kept_files(references)
    whole = path.read_bytes()
    path.write_bytes(whole[:-7] if damage is None else damage)
    assert store.get(patch.georeference, 1.0, encoder) is None
    prepared(patch, 1.0, [encoder], store)
    assert path.read_bytes() == whole
    assert kept_files(references) == [path]


def test_the_oldest_go_when_there_are_too_many(references, store):
    encoder, patches = Sift(SiftConfig(points=100)), [references.patch_of(row, 128) for row in range(8)]
    for patch in patches:
        prepared(patch, 1.0, [encoder], store)
    allowed = held(references.folder).bytes // 2
    forget_features(references.folder)
    store = FeatureStore(references.folder, references.header, allowed)
    for age, patch in enumerate(patches):
        before = set(kept_files(references))
        prepared(patch, 1.0, [encoder], store)
        for path in set(kept_files(references)) - before:
            os.utime(path, (age + 1, age + 1))
        assert store.get(patches[0].georeference, 1.0, encoder) is not None  # asked for, so it is young
    there = [store.get(patch.georeference, 1.0, encoder) is not None for patch in patches]
    assert held(references.folder).bytes <= allowed
    assert (there[0], there[1], there[7]) == (True, False, True)


def test_a_set_that_cannot_be_written_keeps_nothing(references):
    forget_features(references.folder)
    (references.folder / FOLDER).write_bytes(b"")  # no folder can be made here
    encoder, patch = Sift(SiftConfig(points=100)), references.patch_of(3, 128)
    store = FeatureStore(references.folder, references.header, 10_000_000)
    assert len(prepared(patch, 1.0, [encoder], store).features["sift"])
    assert store.get(patch.georeference, 1.0, encoder) is None
    (references.folder / FOLDER).unlink()
    nothing = FeatureStore(references.folder, references.header, 0)
    prepared(patch, 1.0, [encoder], nothing)
    assert not kept_files(references)


def test_an_encoder_without_a_version_is_not_kept(references, store):
    encoder, patch = Xfeat.tiny(), references.patch_of(3, 128)
    assert encoder.version == ""
    prepared(patch, 1.0, [encoder], store)
    assert not kept_files(references)


def test_a_set_with_features_is_whole_and_adding_forgets_them(tmp_path):
    source = town_tiles(tmp_path / "t", 3, 3)
    laying = Config(scales="1", side_px=64)
    add_references(tmp_path / "set", [source], laying=laying)
    references = ReferenceSet.open(tmp_path / "set")
    store = FeatureStore(references.folder, references.header, 10_000_000)
    prepared(references.patch_of(0, 128), 1.0, [Sift()], store)
    assert references.verify() == []
    add_references(tmp_path / "set", [source], laying=laying)
    assert held(references.folder).files == 1
    add_references(tmp_path / "set", [town_tiles(tmp_path / "u", 2, 2)], laying=laying)
    assert held(references.folder).files == 0
